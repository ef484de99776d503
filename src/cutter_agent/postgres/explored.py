"""Documents as a reader leafs through them: what there is, what is in force, which cuts made it so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cutter_agent.orchestrator.clock import utc_text
from cutter_agent.postgres.connect import Select
from cutter_agent.postgres.statements import statement

DOCUMENTS_MAX: Final = 10_000
CUTS_MAX: Final = 500
OPENING_CHARS: Final = 160


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document, its newest source version, and what of it is in force.

    Attributes:
        enacted_version_no: the source version that the newest cut brought in force, or None.
        run_id: the run of that cut, or an empty text.
        enacted_utc: when, or an empty text.
    """

    document_id: str
    title: str
    version_no: int
    byte_len: int
    profile_name: str
    sha256: str
    in_force: int
    enacted_version_no: int | None
    run_id: str
    enacted_utc: str

    @property
    def newer(self) -> bool:
        """True if the newest source version is not the one in force."""
        return self.enacted_version_no != self.version_no


@dataclass(frozen=True, slots=True)
class ForceRow:
    """A unit in force, with its first words."""

    address: str
    kind: str
    alias: str
    num: str
    heading: str
    version_no: int
    effective_from: str
    opening: str


@dataclass(frozen=True, slots=True)
class CutRow:
    """A cut of a document: what it changed, and what became of it."""

    run_id: str
    version_no: int
    state: str
    created: int
    changed: int
    kept: int
    retired: int
    minted_utc: str
    closed_utc: str


def documents(select: Select) -> tuple[DocumentRow, ...]:
    """Every document, by code."""
    return tuple(
        DocumentRow(
            document_id=str(row["document_id"]),
            title=str(row["title"]),
            version_no=_int(row, "version_no"),
            byte_len=_int(row, "byte_len"),
            profile_name=str(row["profile_name"]),
            sha256=str(row["sha256"]),
            in_force=_int(row, "in_force"),
            enacted_version_no=None if row["run_id"] is None else _int(row, "enacted_version_no"),
            run_id=str(row["run_id"] or ""),
            enacted_utc=_utc(row["closed_at"]),
        )
        for row in _rows(select, "documents", limit=DOCUMENTS_MAX)
    )


def units_in_force(
    select: Select, document_id: str, *, limit: int, offset: int
) -> tuple[ForceRow, ...]:
    """This many of the document's units in force, in document order, from this place on."""
    rows = _rows(
        select,
        "units_in_force",
        document_id=document_id,
        limit=limit,
        offset=offset,
        chars=OPENING_CHARS,
    )
    return tuple(_force_row(row) for row in rows)


def units_on_day(
    select: Select, document_id: str, as_of: str, *, limit: int, offset: int
) -> tuple[tuple[ForceRow, ...], int]:
    """This many of the units that were or will be in force on the day, and how many there are in all.

    Args:
        select: a reader of rows.
        document_id: whose units.
        as_of: the day, YYYY-MM-DD.
        limit: rows at most.
        offset: the place of the first row, from 0; behind the last one there are none.
    """
    rows = _rows(
        select,
        "units_on_day",
        document_id=document_id,
        as_of=as_of,
        limit=limit,
        offset=offset,
        chars=OPENING_CHARS,
    )
    return tuple(_force_row(row) for row in rows), _int(rows[0], "total") if rows else 0


def _force_row(row: Mapping[str, object]) -> ForceRow:
    return ForceRow(
        address=str(row["address"]),
        kind=str(row["kind"]),
        alias=str(row["alias"]),
        num=str(row["num"]),
        heading=str(row["heading"]),
        version_no=_int(row, "version_no"),
        effective_from=str(row["effective_from"]),
        opening=str(row["opening"]),
    )


def cuts(select: Select, document_id: str) -> tuple[CutRow, ...]:
    """The newest cuts of the document that wrote anything, the newest first."""
    return tuple(
        CutRow(
            run_id=str(row["run_id"]),
            version_no=_int(row, "version_no"),
            state=str(row["state"]),
            created=_int(row, "created"),
            changed=_int(row, "changed"),
            kept=_int(row, "kept"),
            retired=_int(row, "retired"),
            minted_utc=_utc(row["minted_at"]),
            closed_utc=_utc(row["closed_at"]),
        )
        for row in _rows(select, "cuts_of_document", document_id=document_id, limit=CUTS_MAX)
    )


def _rows(select: Select, name: str, **parameters: object) -> Sequence[Mapping[str, object]]:
    return select(statement(name).decode(), parameters)


def _int(row: Mapping[str, object], name: str) -> int:
    return int(str(row[name]))


def _utc(value: object) -> str:
    return utc_text(value) if isinstance(value, datetime) else ""
