"""Audit search: what happened in the database, newest first, by document, run, kind, time and words."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from cutter_agent.bootstrap.console.paging import Part
from cutter_agent.bootstrap.console.recall import reading_of
from cutter_agent.bootstrap.standing import event_json
from cutter_agent.errors import StopRefusedInput
from cutter_agent.orchestrator.clock import parse_utc
from cutter_agent.orchestrator.history import EventKind, RunEvent

if TYPE_CHECKING:
    from cutter_agent.bootstrap.desk import Desk
    from cutter_agent.postgres.overview import AuditEntry

ROWS_A_PAGE: Final = 50
PAGES_MAX: Final = 2_000
WORDS_CHARS_MAX: Final = 200
KINDS: Final = (*(kind.value for kind in EventKind), "switch", "policy")


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """What is looked for; an empty text asks for nothing.

    Attributes:
        document: only of this document.
        run: only of this run.
        kind: only of this kind (KINDS).
        since: not before this time (UTC, as 2026-01-31T12:00:00Z).
        until: not after this time.
        words: only entries whose record holds these words.
    """

    document: str = ""
    run: str = ""
    kind: str = ""
    since: str = ""
    until: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One thing that happened.

    Attributes:
        source: run, switch or policy.
        login: the database role that recorded it.
        who: the persons whom it names; empty where nobody decided.
        sentence: what happened, in words.
    """

    at_utc: str
    source: str
    document_id: str
    run_id: str
    seq: int
    kind: str
    login: str
    who: tuple[str, ...]
    sentence: str


def audit_rows(
    desk: Desk, query: AuditQuery, *, number: int = 1, size: int = ROWS_A_PAGE
) -> Part[AuditRow]:
    """One page of the entries that fit; its total counts what is known to lie up to the next page.

    Raises:
        StopRefusedInput: a time or the words cannot be looked for.
    """
    from cutter_agent.postgres.overview import Wanted, audit

    for moment in (query.since, query.until):
        if moment and parse_utc(moment) is None:
            raise StopRefusedInput(
                f"{moment[:40]!a} is no time",
                expected="a UTC time such as 2026-01-31T12:00:00Z",
                remedy="cutter runs list",
            )
    asked = (query.document, query.run, query.kind, query.words)
    if any(len(each) > WORDS_CHARS_MAX or "\0" in each for each in asked):
        raise StopRefusedInput(
            "this cannot be looked for",
            expected=f"up to {WORDS_CHARS_MAX} characters",
            remedy="cutter runs list",
        )
    shown = min(max(number, 1), PAGES_MAX)
    offset = (shown - 1) * size
    wanted = Wanted(**{each.name: getattr(query, each.name) for each in fields(query)})
    found = audit(reading_of(desk), wanted, limit=size + 1, offset=offset)
    rows = tuple(_row(entry) for entry in found[:size])
    more = len(found) > size
    return Part(
        rows=rows,
        number=shown,
        count=shown + more,
        total=offset + len(found),
        first=offset + 1 if rows else 0,
    )


def _row(entry: AuditEntry) -> AuditRow:
    sentence: str
    who: tuple[str, ...] = ()
    if entry.source == "run":
        sentence, who = _told(entry)
    elif entry.source == "switch":
        actor, _, reason = entry.body.partition(": ")
        sentence, who = f"the switch was {entry.kind}: {reason}", (actor,)
    else:
        sentence = f"trust policy {entry.seq} was accepted"
    return AuditRow(
        at_utc=entry.at_utc,
        source=entry.source,
        document_id=entry.document_id,
        run_id=entry.run_id,
        seq=entry.seq,
        kind=entry.kind,
        login=entry.login,
        who=who,
        sentence=sentence,
    )


def _told(entry: AuditEntry) -> tuple[str, tuple[str, ...]]:
    """The sentence of a run's event, and the persons whose approval it used."""
    try:
        payload = json.loads(entry.body)
        event = RunEvent(
            entry.seq, EventKind(entry.kind), str(payload["at_utc"]), dict(payload["body"])
        )
    except (ValueError, LookupError, TypeError):
        return "this entry cannot be read", ()
    approved = event.body.get("approved")
    persons = approved.get("persons") if isinstance(approved, dict) else None
    who = tuple(map(str, persons)) if isinstance(persons, (list, tuple)) else ()
    return str(event_json(event)["what"]), who
