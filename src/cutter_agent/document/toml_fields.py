"""Typed reading of a TOML table: every field has a type, and no field is left unread."""

from __future__ import annotations

from collections.abc import Mapping

from cutter_agent.errors import StopRefusedInput


class Fields:
    """A TOML table that is read field by field and then must be used up."""

    def __init__(self, table: Mapping[str, object], where: str) -> None:
        """Holds the table; `where` names it in refusals."""
        self._table = dict(table)
        self._where = where

    def text(self, name: str, *, default: str | None = None) -> str:
        """The field's text, else the default, else a stop."""
        value = self._table.pop(name, default)
        if not isinstance(value, str):
            raise self._refuse(name, "a text")
        return value

    def flag(self, name: str, *, default: bool) -> bool:
        """The field's truth value."""
        value = self._table.pop(name, default)
        if not isinstance(value, bool):
            raise self._refuse(name, "true or false")
        return value

    def number(self, name: str, *, default: int | None = None) -> int:
        """The field's whole number."""
        value = self._table.pop(name, default)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._refuse(name, "a whole number")
        return value

    def texts(self, name: str, *, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """The field's list of texts."""
        value = self._table.pop(name, default if default is not None else ())
        if not isinstance(value, list | tuple):
            raise self._refuse(name, "a list of texts")
        texts = tuple(item for item in value if isinstance(item, str))
        if len(texts) != len(value):
            raise self._refuse(name, "a list of texts")
        return texts

    def text_lists(self, name: str) -> dict[str, tuple[str, ...]]:
        """The field's table of lists of texts."""
        value = self._table.pop(name, {})
        if not isinstance(value, dict):
            raise self._refuse(name, "a table of lists")
        inner = Fields(value, f"{self._where}.{name}")
        return {key: inner.texts(key) for key in value}

    def table(self, name: str) -> Fields | None:
        """The field's table, or None where there is none."""
        value = self._table.pop(name, None)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise self._refuse(name, "a table")
        return Fields(value, f"{self._where}.{name}")

    def tables(self, name: str) -> list[Fields]:
        """The field's list of tables."""
        value = self._table.pop(name, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self._refuse(name, "a list of tables")
        return [Fields(item, f"{name} {place}") for place, item in enumerate(value, 1)]

    def finish(self) -> None:
        """Every field was read.

        Raises:
            StopRefusedInput: a field is left over: it is unknown, so it would be ignored.
        """
        if self._table:
            unknown = ", ".join(sorted(self._table))
            raise StopRefusedInput(
                f"{self._where} has a field that is not known: {unknown}",
                remedy="cutter profile test FILE PROFILE",
            )

    def _refuse(self, name: str, expected: str) -> StopRefusedInput:
        return StopRefusedInput(
            f"{self._where}: the field {name!r} is missing or is not {expected}",
            expected=expected,
            remedy="cutter profile test FILE PROFILE",
        )
