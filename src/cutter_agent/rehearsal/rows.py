"""Rows of the rehearsal world, and tables that keep them as the database keeps its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Generic, NoReturn, TypeVar

from cutter_agent.errors import StopRefusedInput, StopReplayConflict

K = TypeVar("K", str, tuple[str, int])
R = TypeVar("R")

EDGES: Final[dict[str | None, frozenset[str]]] = {
    None: frozenset({"draft"}),
    "draft": frozenset({"enacted", "withdrawn"}),
    "enacted": frozenset({"superseded", "retired"}),
}
"""The lifecycle: from which state a version may go where."""


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A source document."""

    document_id: str
    title: str


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A source version; its bytes stay with the facts."""

    source_version_id: str
    document_id: str
    version_no: int
    sha256: str
    effective_date: str | None


@dataclass(frozen=True, slots=True)
class BlobRow:
    """A text by its digest; only its length goes into digests of rows."""

    sha256: str
    byte_len: int


@dataclass(frozen=True, slots=True)
class UnitRow:
    """The identity of a unit."""

    unit_id: str
    document_id: str
    change_set_id: str


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version of a unit, immutable once written."""

    version_id: str
    unit_id: str
    document_id: str
    version_no: int
    source_version_id: str
    change_set_id: str
    address: str
    kind: str
    parent: str | None
    ordinal: int
    own_spans: tuple[tuple[int, int], ...]
    attributes: tuple[tuple[str, str], ...]
    body_sha256: str


@dataclass(frozen=True, slots=True)
class LogRow:
    """One step in the life of a version, chained to the one before by its state."""

    version_id: str
    seq: int
    document_id: str
    from_state: str | None
    to_state: str
    change_set_id: str
    decision_id: str | None


@dataclass(frozen=True, slots=True)
class ForceRow:
    """A version that was put in force, and whether it still is."""

    version_id: str
    unit_id: str
    document_id: str
    address: str
    ended: bool


@dataclass(frozen=True, slots=True)
class EnvelopeRow:
    """A manifest, sealed by the executor."""

    envelope_id: str
    document_id: str
    change_set_id: str
    root_sha256: str
    tree_size: int
    envelope_sha256: str
    executor_key_id: str


@dataclass(frozen=True, slots=True)
class BlockRow:
    """A leaf of a manifest."""

    envelope_id: str
    position: int
    document_id: str
    unit_id: str
    version_id: str
    ordinal: int
    leaf_sha256: str


@dataclass(frozen=True, slots=True)
class AffectedRow:
    """A unit that a change set creates, changes or retires."""

    change_set_id: str
    position: int
    document_id: str
    unit_id: str
    change: str
    version_id: str | None
    prior_version_id: str | None


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """An approving decision, spent by one enactment."""

    decision_id: str
    document_id: str
    change_set_id: str
    request_sha256: str


@dataclass(frozen=True, slots=True)
class ResultRow:
    """A verifier's result."""

    verify_result_id: str
    document_id: str
    envelope_id: str
    root_sha256: str
    tree_size: int
    envelope_sha256: str
    verifier_key_id: str


class Table(Generic[K, R]):
    """Rows by key, in the order of their coming; they stay as they were written."""

    def __init__(self, name: str) -> None:
        """Begin empty."""
        self.name = name
        self._rows: dict[K, R] = {}

    def insert(self, key: K, row: R) -> None:
        """The table holds the row.

        Raises:
            StopReplayConflict: it holds a row under this key already.
        """
        if key in self._rows:
            raise StopReplayConflict(f"{self.name} has a row {key} already")
        self._rows[key] = row

    def get(self, key: K) -> R | None:
        """The row under the key, or None."""
        return self._rows.get(key)

    def update(self, key: K, row: R) -> NoReturn:
        """Never: rows stay.

        Raises:
            StopRefusedInput: always.
        """
        del row
        raise StopRefusedInput(f"{self.name} is append-only: row {key} cannot be changed")

    def delete(self, key: K) -> NoReturn:
        """Never: rows stay.

        Raises:
            StopRefusedInput: always.
        """
        raise StopRefusedInput(f"{self.name} is append-only: row {key} cannot be deleted")

    def truncate(self) -> NoReturn:
        """Never: rows stay.

        Raises:
            StopRefusedInput: always.
        """
        raise StopRefusedInput(f"{self.name} is append-only: it cannot be emptied")

    def __iter__(self) -> Iterator[R]:
        return iter(self._rows.values())

    def __len__(self) -> int:
        return len(self._rows)

    def kept(self) -> dict[K, R]:
        """A copy of the rows, to go back to."""
        return dict(self._rows)

    def go_back(self, rows: dict[K, R]) -> None:
        """The table is as it was when `kept` gave these rows: a transaction rolled back."""
        self._rows = rows


class ForceTable(Table[str, ForceRow]):
    """What is in force; enactment alone ends a row, once."""

    def end(self, version_id: str) -> None:
        """The version is no longer in force.

        Raises:
            StopReplayConflict: it is not in force.
        """
        row = self._rows.get(version_id)
        if row is None or row.ended:
            raise StopReplayConflict(f"version {version_id} is not in force")
        self._rows[version_id] = ForceRow(
            row.version_id, row.unit_id, row.document_id, row.address, ended=True
        )
