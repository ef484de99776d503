"""Runs as rows: opened, read back with their hash chain checked, appended to, ended."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from cutter_agent.errors import StopApprovalInvalid, StopEvidenceMismatch, StopRunUnknown
from cutter_agent.evidence.canonical import Json, canonical_bytes, parse_canonical
from cutter_agent.evidence.checkpoint import head_text
from cutter_agent.evidence.merkle import tree_root
from cutter_agent.evidence.sshsig import parse_armor
from cutter_agent.orchestrator.clock import utc_text
from cutter_agent.orchestrator.history import (
    EventKind,
    RunDocument,
    RunEvent,
    RunHeader,
    RunHistory,
)
from cutter_agent.orchestrator.orders import Consumption, Refusal
from cutter_agent.orchestrator.states import Mode
from cutter_agent.postgres import arrays
from cutter_agent.postgres.connect import Connection, translated
from cutter_agent.postgres.statements import statement
from cutter_agent.postgres.write import accepted

_OPEN: Final = """
SELECT cutter_governance.fn_run_open(%(run_id)s, %(document_id)s, %(starter)s, %(candidate_cap)s,
  %(created_utc)s::text::timestamptz, %(payload)b)
"""
_APPEND: Final = """
SELECT cutter_governance.fn_run_append(%(run_id)s, %(fence)s, %(seq)s, %(kind)s, %(payload)b, %(names)s, %(sha256s)s,
  %(bodies)s)
"""
_END: Final = "SELECT cutter_governance.fn_run_end(%(run_id)s, %(fence)s, %(outcome)s)"
_REFUSE: Final = """
SELECT cutter_governance.fn_refusal_record(%(run_id)s, %(fence)s, %(gate)s, %(request)b, %(persons)s, %(key_ids)s,
  %(armors)s)
"""
_CONSUME: Final = """
SELECT cutter_governance.fn_approval_consume(%(run_id)s, %(fence)s, %(gate)s, %(request)b, %(persons)s, %(key_ids)s,
  %(armors)s)
"""


def open_run(connection: Connection, header: RunHeader, event: RunEvent) -> str | None:
    """The run and its first event are on record; returns who holds the document, if it is another.

    Raises:
        StopReplayConflict: another run has this id.
    """
    parameters = {
        "run_id": header.run_id,
        "document_id": header.document_id,
        "starter": header.starter,
        "candidate_cap": header.candidate_cap,
        "created_utc": header.created_utc,
        "payload": _payload(event),
    }
    with translated(run_id=header.run_id, document_id=header.document_id):
        row = connection.execute(_OPEN.encode(), parameters).fetchone()
    holder: str | None = accepted(row, run_id=header.run_id)["holder"]
    return holder


def load(connection: Connection, run_id: str) -> RunHistory:
    """Return the run's history as the connection's transaction sees it.

    Raises:
        StopRunUnknown: there is no such run.
        StopEvidenceMismatch: the hash chain does not hold.
    """
    named = {"run_id": run_id}
    with translated(run_id=run_id), connection.cursor(binary=True) as cursor:
        head = cursor.execute(statement("run_header"), named).fetchone()
        if head is None:
            raise StopRunUnknown(f"there is no run {run_id}", run_id=run_id)
        events = cursor.execute(statement("run_events"), named).fetchall()
        documents = cursor.execute(statement("run_documents"), named).fetchall()
    created: datetime = head[3]
    return RunHistory(
        header=RunHeader(
            run_id=head[0],
            document_id=head[1],
            mode=Mode.LIVE,
            starter=head[2],
            created_utc=utc_text(created),
            candidate_cap=head[4],
        ),
        events=_checked(run_id, events),
        documents=tuple(RunDocument(name, sha.hex(), body) for name, sha, body in documents),
        fence=head[5],
    )


def append(
    connection: Connection,
    run_id: str,
    fence: int,
    event: RunEvent,
    documents: Sequence[RunDocument],
) -> None:
    """The event is the run's newest one, and its documents are on record.

    Raises:
        StopLockBusy: the fence moved, or the run is over.
        StopReplayConflict: another event has its place.
    """
    arrays.teach(connection)
    with translated(run_id=run_id):
        parameters = {
            "run_id": run_id,
            "fence": fence,
            "seq": event.seq,
            "kind": event.kind.value,
            "payload": _payload(event),
            "names": arrays.texts(document.name for document in documents),
            "sha256s": arrays.byte_strings([bytes.fromhex(d.sha256) for d in documents]),
            "bodies": arrays.texts(document.text for document in documents),
        }
        row = connection.execute(_APPEND.encode(), parameters).fetchone()
    accepted(row, run_id=run_id)


def end(connection: Connection, run_id: str, fence: int, outcome: str) -> None:
    """The run is over: closed, ended or voided; its document is free and its drafts are withdrawn.

    Raises:
        StopLockBusy: the fence moved.
    """
    with translated(run_id=run_id):
        parameters = {"run_id": run_id, "fence": fence, "outcome": outcome}
        row = connection.execute(_END, parameters).fetchone()
    accepted(row, run_id=run_id)


def consume(connection: Connection, fence: int, consumption: Consumption) -> None:
    """The approval is spent, in the transaction that is open.

    Raises:
        ApprovalConsumedAlready: it was spent before, by whatever run.
        StopApprovalInvalid: the database finds that it is not for this.
        StopApprovalExpired: its life is over by the database's clock.
    """
    signed = {
        parse_armor(offered.armor).public_key.fingerprint: offered.armor
        for offered in consumption.signatures
        if not offered.rejects
    }
    if missing := sorted(set(consumption.key_ids) - signed.keys()):
        raise StopApprovalInvalid(
            f"no signature of key {', '.join(missing)} was offered", run_id=consumption.run_id
        )
    spend(connection, fence, consumption, [signed[key_id] for key_id in consumption.key_ids])


def spend(
    connection: Connection, fence: int, consumption: Consumption, armors: Sequence[bytes]
) -> None:
    """The approval is spent with these armours, one for each of its keys; nobody looked at them."""
    signed = (consumption.persons, consumption.key_ids, armors)
    _answer(connection, fence, _CONSUME, consumption, signed)


def refuse(connection: Connection, fence: int, refusal: Refusal) -> None:
    """The refusal is on record, in the transaction that is open; the same one again changes nothing.

    Raises:
        ApprovalConsumedAlready: the request was approved and used before.
        StopApprovalInvalid: the run has written no such request.
    """
    signed = ((refusal.person,), (refusal.key_id,), (refusal.armor,))
    _answer(connection, fence, _REFUSE, refusal, signed)


def _answer(
    connection: Connection,
    fence: int,
    sql: str,
    given: Consumption | Refusal,
    signed: tuple[Sequence[str], Sequence[str], Sequence[bytes]],
) -> None:
    persons, key_ids, armors = signed
    arrays.teach(connection)
    with translated(run_id=given.run_id):
        parameters = {
            "run_id": given.run_id,
            "fence": fence,
            "gate": given.gate.value,
            "request": given.request,
            "persons": arrays.texts(persons),
            "key_ids": arrays.texts(key_ids),
            "armors": arrays.byte_strings(list(armors)),
        }
        row = connection.execute(sql.encode(), parameters).fetchone()
    accepted(row, run_id=given.run_id)


def log_head(connection: Connection) -> str:
    """Return the head of the transparency log as the connection sees it: `<size>:<root>`."""
    rows = connection.execute(statement("transparency_leaves"), {}).fetchall()
    leaves = [bytes(row[0]) for row in rows]
    return head_text(len(leaves), tree_root(leaves))


def event_sha256(before: bytes | None, run_id: str, seq: int, kind: str, payload: bytes) -> bytes:
    """Return the hash of one event of a chain, as the table generates it."""
    parts = [before or b"", seq.to_bytes(4, "big")]
    parts += [hashlib.sha256(part).digest() for part in (run_id.encode(), kind.encode(), payload)]
    return hashlib.sha256(b"".join(parts)).digest()


def _payload(event: RunEvent) -> bytes:
    body: dict[str, Json] = {"at_utc": event.at_utc, "body": event.body}
    return canonical_bytes(body)


def _checked(run_id: str, rows: Sequence[tuple[Any, ...]]) -> tuple[RunEvent, ...]:
    """Return the events of rows whose chain holds from the first to the last."""
    events: list[RunEvent] = []
    before: bytes | None = None
    for place, (seq, kind, payload, prev_sha256, sha256) in enumerate(rows, start=1):
        expected = event_sha256(before, run_id, place, kind, payload)
        if seq != place or prev_sha256 != before or sha256 != expected:
            raise StopEvidenceMismatch(
                f"event {place} of run {run_id} does not follow from the one before",
                expected="an unbroken chain of hashes",
                run_id=run_id,
            )
        entry = _entry(payload)
        if entry is None:
            raise StopEvidenceMismatch(f"event {place} is not an entry", run_id=run_id)
        at_utc, body = entry
        events.append(RunEvent(seq, EventKind(kind), at_utc, dict(body)))
        before = sha256
    return tuple(events)


@lru_cache(maxsize=1_024)
def _entry(payload: bytes) -> tuple[str, Mapping[str, Json]] | None:
    """Return what the payload of an event says, or None. A run is read some forty times while it is driven."""
    entry = parse_canonical(payload)
    if not isinstance(entry, dict) or not isinstance(entry.get("body"), dict):
        return None
    body = entry["body"]
    assert isinstance(body, dict)
    return str(entry["at_utc"]), body
