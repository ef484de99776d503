"""What the console lists over all runs: rows read by the role that may do nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cutter_agent.postgres.connect import Select
from cutter_agent.postgres.statements import statement


@dataclass(frozen=True, slots=True)
class LaneRow:
    """Who drove a document last; `driven` is true while a session holds the run's lock."""

    document_id: str
    run_id: str
    driver: str
    fence: int
    claimed_utc: str
    driven: bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an audit looks for; an empty text asks for nothing."""

    document: str = ""
    run: str = ""
    kind: str = ""
    since: str = ""
    until: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that happened, as the database recorded it; `body` is the recorded text."""

    at_utc: str
    source: str
    document_id: str
    run_id: str
    seq: int
    kind: str
    login: str
    body: str


def run_stamps(select: Select, *, limit: int) -> Mapping[str, tuple[int, str]]:
    """The newest live runs, each with the place and digest of its newest event."""
    rows = select(statement("run_stamps").decode(), {"limit": limit})
    return {str(row["run_id"]): (int(str(row["seq"])), str(row["sha256"])) for row in rows}


def lanes(select: Select, *, limit: int) -> tuple[LaneRow, ...]:
    """Who drove each document last, those first that are driven now."""
    rows = select(statement("lanes").decode(), {"limit": limit})
    return tuple(
        LaneRow(
            document_id=str(row["document_id"]),
            run_id=str(row["run_id"]),
            driver=str(row["driver"]),
            fence=int(str(row["fence"])),
            claimed_utc=str(row["claimed_utc"]),
            driven=row["driven"] is True,
        )
        for row in rows
    )


def audit(select: Select, wanted: Wanted, *, limit: int, offset: int) -> tuple[AuditEntry, ...]:
    """The entries that fit, newest first."""
    named: dict[str, object] = {
        "document": wanted.document,
        "run": wanted.run,
        "kind": wanted.kind,
        "since": wanted.since,
        "until": wanted.until,
        "words": wanted.words,
        "limit": limit,
        "offset": offset,
    }
    rows = select(statement("audit").decode(), named)
    return tuple(
        AuditEntry(
            at_utc=str(row["at_utc"]),
            source=str(row["source"]),
            document_id=str(row["document_id"]),
            run_id=str(row["run_id"]),
            seq=int(str(row["seq"])),
            kind=str(row["kind"]),
            login=str(row["login"]),
            body=str(row["body"]),
        )
        for row in rows
    )


def newest_policy_sha256(select: Select) -> str:
    """The digest of the trust policy that was accepted last; empty where none was."""
    rows = select(statement("trust_policy_sha256").decode(), {})
    return str(rows[0]["sha256"]) if rows else ""
