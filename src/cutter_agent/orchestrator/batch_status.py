"""Where a batch stands: derived from its runs' histories and its ledger, never stored (Contract 10)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cutter_agent.errors import (
    EXIT_BATCH_QUARANTINED,
    EXIT_DONE,
    Stop,
    StopApprovalRequired,
    StopRejected,
)
from cutter_agent.evidence.canonical import Json
from cutter_agent.orchestrator.batch_ledger import (
    DocumentLedger,
    LedgerEntry,
    by_document,
    is_halted,
)
from cutter_agent.orchestrator.batch_queue import Queue
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import Mode, OrchestratorState
from cutter_agent.orchestrator.waiting import pause_request, waiting_request

SCHEMA: Final = "cutter.batch/1"
ATTEMPTS_MAX: Final = 3
"""Attempts in a row that may come to nothing; the next one puts the document aside."""


class BatchState(StrEnum):
    """How far a batch has come: as far as the lane that is furthest behind (Contract 10)."""

    PENDING = "batch_pending"
    PLANNING = "batch_planning"
    AWAITING_CUT_AUTHZ_SET = "batch_awaiting_cut_authz_set"
    WRITING = "batch_writing"
    AWAITING_LIFECYCLE_AUTHZ_SET = "batch_awaiting_lifecycle_authz_set"
    ENACTING = "batch_enacting"
    CLOSEOUT = "batch_closeout"
    STOPPED = "batch_stopped"
    FAILED = "batch_failed"


class SetAside(StrEnum):
    """The three queues of documents that do not go on with the rest (Contract 10)."""

    ERROR = "error"
    """What is around the document failed; the next run of the batch tries it again."""
    QUARANTINE = "quarantine"
    """The document itself cannot be cut; `cutter batch retry` after it was mended."""
    HUMAN_REVIEW = "human_review"
    """A person has to look and decide."""


class FailurePolicy(StrEnum):
    """What a stop does to the lane of its document (Contract 10)."""

    STOP_LANE = "stop_lane"
    QUARANTINE = "quarantine"
    HUMAN_REVIEW = "human_review"

    @property
    def queue(self) -> SetAside:
        """Where the document goes."""
        return _QUEUE_OF[self]


_QUEUE_OF: Final = {
    FailurePolicy.STOP_LANE: SetAside.ERROR,
    FailurePolicy.QUARANTINE: SetAside.QUARANTINE,
    FailurePolicy.HUMAN_REVIEW: SetAside.HUMAN_REVIEW,
}
_POLICIES: Final = {
    "STOP_LOCK_BUSY": FailurePolicy.STOP_LANE,
    "STOP_EXECUTION_NOT_AUTHORIZED": FailurePolicy.STOP_LANE,
    "STOP_KB_UPLOAD_FAILED": FailurePolicy.STOP_LANE,
    "STOP_STORAGE": FailurePolicy.STOP_LANE,
    "STOP_OVER_TIME": FailurePolicy.STOP_LANE,
    "STOP_CLOCK": FailurePolicy.STOP_LANE,
    "STOP_DATABASE_AWAY": FailurePolicy.STOP_LANE,
    "STOP_PROCESS_LOST": FailurePolicy.STOP_LANE,
    "STOP_DOCUMENT_UNKNOWN": FailurePolicy.QUARANTINE,
    "STOP_REFUSED_INPUT": FailurePolicy.QUARANTINE,
    "STOP_SOURCE_UNREADABLE": FailurePolicy.QUARANTINE,
    "STOP_OVER_SIZE": FailurePolicy.QUARANTINE,
}


def policy_of(stop_code: str) -> FailurePolicy:
    """Return what the stop does to its lane; whatever is not named here is for a person to see."""
    return _POLICIES.get(stop_code, FailurePolicy.HUMAN_REVIEW)


@dataclass(frozen=True, slots=True)
class ItemStanding:
    """Where one document of a batch stands.

    Attributes:
        document_id: its code.
        ledger: what the batch remembers of it.
        context: its run, or None before there is one that can be read.
        stop_code: what it stands at, or None while it moves, waits or is closed out.
        sentence: that in words.
        remedy: the next command for this one document, or nothing.
    """

    document_id: str
    ledger: DocumentLedger
    context: RunContext | None
    stop_code: str | None
    sentence: str
    remedy: str

    @property
    def state(self) -> OrchestratorState:
        """How far its run has come."""
        return OrchestratorState.PENDING if self.context is None else self.context.state

    @property
    def closed(self) -> bool:
        """True if it is closed out."""
        return self.state is OrchestratorState.CLOSEOUT_REPORTED

    @property
    def queue(self) -> SetAside | None:
        """The queue of those set aside that it lies in, or None."""
        if self.closed:
            return None
        if self.ledger.quarantine is not None:
            return SetAside.QUARANTINE
        if self.stop_code is None or self.stop_code == StopApprovalRequired.code:
            return None
        return policy_of(self.stop_code).queue

    @property
    def waits_for(self) -> str | None:
        """The gate whose signatures it waits for, by its short name, or None."""
        if self.context is None or self.context.over or self.ledger.quarantine is not None:
            return None
        request = waiting_request(self.context)
        return None if request is None else request.gate.name

    @property
    def at_pause(self) -> bool:
        """True if its run stands at a pause of the line and can be resumed from it."""
        return (
            self.context is not None
            and not self.context.over
            and pause_request(self.context) is not None
        )


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """Where a batch stands in one mode."""

    batch_id: str
    mode: Mode
    halted: bool
    items: tuple[ItemStanding, ...]

    @property
    def state(self) -> BatchState:
        """How far the lane that is furthest behind has come; documents set aside hold nobody up."""
        lanes = [item for item in self.items if item.queue is None]
        if self.halted:
            return BatchState.STOPPED
        if not lanes:
            return BatchState.FAILED
        if all(item.context is None for item in self.items):
            return BatchState.PENDING
        return _state_of(min(_ORDER.index(item.state) for item in lanes))

    @property
    def counts(self) -> dict[str, Json]:
        """How many documents there are, are closed out, wait, and lie in which queue."""
        waiting = [item for item in self.items if item.queue is None and item.waits_for]
        return {
            "documents": len(self.items),
            "closed": sum(item.closed for item in self.items),
            "waiting": len(waiting),
            **{name.value: sum(i.queue is name for i in self.items) for name in SetAside},
        }

    @property
    def exit_status(self) -> int:
        """0 all closed out, 10 some wait or go on, 21 nothing is left but what was set aside."""
        if any(item.queue is None and not item.closed for item in self.items):
            return StopApprovalRequired.exit_status
        return EXIT_DONE if all(item.closed for item in self.items) else EXIT_BATCH_QUARANTINED


_ORDER: Final = tuple(OrchestratorState)


def _state_of(place: int) -> BatchState:
    """Return the batch's state when the last lane is at this place of the line."""
    if _ORDER[place] is OrchestratorState.AWAITING_CUT_AUTHORIZATION:
        return BatchState.AWAITING_CUT_AUTHZ_SET
    if _ORDER[place] is OrchestratorState.AWAITING_LIFECYCLE_AUTHORIZATION:
        return BatchState.AWAITING_LIFECYCLE_AUTHZ_SET
    if _ORDER[place] is OrchestratorState.CLOSEOUT_REPORTED:
        return BatchState.CLOSEOUT
    if place < _ORDER.index(OrchestratorState.AWAITING_CUT_AUTHORIZATION):
        return BatchState.PLANNING
    if place < _ORDER.index(OrchestratorState.AWAITING_LIFECYCLE_AUTHORIZATION):
        return BatchState.WRITING
    return BatchState.ENACTING


def status_of(
    queue: Queue,
    entries: Sequence[LedgerEntry],
    mode: Mode,
    load: Callable[[str], RunContext],
) -> BatchStatus:
    """Return where the batch stands.

    Args:
        queue: its documents.
        entries: its ledger.
        mode: dry runs or live ones.
        load: reads a run; a Stop that it raises is where the document stands.
    """
    known = by_document(entries, mode)
    items = tuple(
        _standing(document_id, known[document_id], load) for document_id in queue.document_ids
    )
    return BatchStatus(queue.batch_id, mode, is_halted(entries, mode), items)


def _standing(
    document_id: str, ledger: DocumentLedger, load: Callable[[str], RunContext]
) -> ItemStanding:
    context: RunContext | None = None
    code: str | None = None
    sentence = remedy = ""
    if ledger.stop is not None:
        code, sentence = ledger.stop
    if ledger.run_id is not None:
        try:
            context = load(ledger.run_id)
        except Stop as stop:
            code, sentence, remedy = stop.code, stop.sentence, stop.remedy
    if context is not None:
        record = context.stop
        if context.state is OrchestratorState.CLOSEOUT_REPORTED:
            code = None
        elif record is not None:
            code, sentence, remedy = record.code, record.sentence, record.remedy
        elif context.voided:
            code, sentence = StopRejected.code, "The run was voided by a decision."
    if ledger.quarantine is not None:
        sentence = ledger.quarantine
    return ItemStanding(document_id, ledger, context, code, sentence, remedy)


def status_json(status: BatchStatus) -> dict[str, Json]:
    """Return the JSON document `cutter.batch/1` (Contract 11)."""
    items: list[Json] = [
        {
            "document_id": item.document_id,
            "run_id": None if item.context is None else item.context.run_id,
            "state": item.state.value,
            "stop_code": item.stop_code,
            "queue": None if item.queue is None else item.queue.value,
            "waits_for": item.waits_for,
            "attempts": item.ledger.attempts,
            "sentence": item.sentence,
            "remedy": item.remedy,
        }
        for item in status.items
    ]
    return {
        "schema": SCHEMA,
        "batch_id": status.batch_id,
        "mode": status.mode.value,
        "state": status.state.value,
        "items": items,
        "counts": status.counts,
    }
