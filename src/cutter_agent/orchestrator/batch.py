"""A batch: every document of a queue is taken along the line in a lane of its own (Contract 10).

Authority is never batched: each document waits at its own gates for its own signatures. What a run has
done stands in its history; the ledger only says which run is which, so that no kill does a thing twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Final

from cutter_agent.errors import STOP_BY_CODE, Stop, StopRefusedInput
from cutter_agent.orchestrator.batch_lanes import LaneAnswer, LaneOrder, Lanes, OneLane, stopped_at
from cutter_agent.orchestrator.batch_ledger import (
    BatchBook,
    DocumentLedger,
    LedgerEntry,
    LedgerKind,
    is_halted,
    of_document,
)
from cutter_agent.orchestrator.batch_queue import Queue
from cutter_agent.orchestrator.batch_status import (
    ATTEMPTS_MAX,
    BatchStatus,
    ItemStanding,
    SetAside,
    status_of,
)
from cutter_agent.orchestrator.clock import parse_utc, utc_text
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.runner import OrchestratorRunner
from cutter_agent.orchestrator.states import Mode, OrchestratorState, Terminal
from cutter_agent.orchestrator.waiting import pause_request

RUNS_LOOKED_AT: Final = 1_000
"""How many of the newest runs are looked through for one that is in flight already."""

_ORDER: Final = tuple(OrchestratorState)
_FIRST_PAUSE: Final = OrchestratorState.AWAITING_CUT_AUTHORIZATION

ANSWERABLE: Final = frozenset(
    {"STOP_APPROVAL_INVALID", "STOP_APPROVAL_EXPIRED", "STOP_APPROVAL_CONSUMED"}
)
"""Stops at a pause that another signature mends."""

FOR_ALL: Final = frozenset({"STOP_EXECUTION_NOT_AUTHORIZED", "STOP_DATABASE_AWAY"})
"""Stops that the next document would meet, too: no further one is begun."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a batch looks up outside of its runs.

    Attributes:
        run_ids: the ids of all runs, newest first.
        now_utc: the clock that runs of this mode are dated by.
        approval: the reference of an approval that lies beside a run's request and may be enough.
        holders: the runs of this mode that hold these documents now, by document; None looks for them
            among the newest runs.
        load: reads a run of this mode; None asks the runner.
    """

    run_ids: Callable[[], Sequence[str]]
    now_utc: Callable[[], datetime]
    approval: Callable[[RunContext], str | None]
    holders: Callable[[Sequence[str]], Mapping[str, str]] | None = None
    load: Callable[[str], RunContext] | None = None


class BatchRunner:
    """Takes the documents of a queue along the line as far as they can go."""

    def __init__(
        self,
        runner: OrchestratorRunner,
        queue: Queue,
        book: BatchBook,
        surroundings: Surroundings,
        *,
        mode: Mode = Mode.DRYRUN,
        lanes: Lanes | None = None,
    ) -> None:
        """Bind the queue, its ledger, and the lanes that its documents are driven in."""
        self._runner = runner
        self._queue = queue
        self._book = book
        self._around = surroundings
        self._mode = mode
        self._lanes = lanes or OneLane(runner)

    def plan(self) -> tuple[LaneAnswer, ...]:
        """Every document has a dry run on today's facts at its first pause, or the stop that it met.

        A dry run that waited there before is voided for it; one that is further on says where it
        stands. The answers come in the queue's order.
        """
        going = {code: self._load(run) for code, run in self._in_flight(Mode.DRYRUN).items()}
        orders: list[LaneOrder] = []
        for code in self._queue.document_ids:
            context = going.get(code)
            old = None if context is None else context.run_id
            if context is not None and _ORDER.index(context.state) <= _ORDER.index(_FIRST_PAUSE):
                self._runner.escalate(context.run_id, "void")
                old = None
                if of_document(self._book.entries(), code, Mode.DRYRUN).run_id == context.run_id:
                    self._note(self._entry(LedgerKind.ANEW, code, mode=Mode.DRYRUN))
            orders.append(LaneOrder(code, Mode.DRYRUN, old, None))
        answers = {each.document_id: each for each in self._lanes.drive(iter(orders))}
        return tuple(answers[code] for code in self._queue.document_ids)

    def run(self, *, stop_on_first_failure: bool = False, resume: bool = False) -> BatchStatus:
        """Every document stands at its next pause, its end, or a stop; return where all stand.

        First whatever has not reached its pause, then whatever an approval lies ready for.

        Args:
            stop_on_first_failure: begin no further document once one has failed.
            resume: go on although the batch stopped at a failure before.

        Raises:
            StopRefusedInput: the ledger is another queue's, or the batch stands still and `resume`
                was not asked for.
            Stop: one that every document would meet, such as a database that is away.
        """
        self._open()
        if is_halted(self._book.entries(), self._mode):
            if not resume:
                raise StopRefusedInput(
                    "the batch stopped at a failure, as it was told to",
                    expected="--resume",
                    remedy="cutter batch run QUEUE --resume",
                )
            self._note(self._entry(LedgerKind.CONTINUED))
        for pick in (self._unfinished, self._approved):
            if self._pass(pick, stop_on_first_failure=stop_on_first_failure):
                break
        return self.status()

    def status(self) -> BatchStatus:
        """Return where every document stands."""
        return status_of(self._queue, self._book.entries(), self._mode, self._load)

    def retry(self, document_ids: Sequence[str] = ()) -> tuple[LaneAnswer, ...]:
        """What was set aside may be tried again: all of it, or the documents that are named.

        A run that is over is let go of; a failed one is asked to be retried (SG_3), which a live run
        needs signatures for.

        Raises:
            StopRefusedInput: a document is not one of the queue, or is not set aside.
        """
        self._check_named(document_ids)
        found: list[LaneAnswer] = []
        for item in self.status().items:
            if document_ids and item.document_id not in document_ids:
                continue
            if item.queue is None:
                if item.document_id in document_ids:
                    raise StopRefusedInput(
                        f"{item.document_id} is not set aside", document_id=item.document_id
                    )
                continue
            found.append(self._release(item))
        return tuple(found)

    def quarantine(self, document_ids: Sequence[str], reason: str) -> None:
        """The documents are put aside, for a reason that every report shows.

        Raises:
            StopRefusedInput: a document is not one of the queue.
        """
        self._check_named(document_ids)
        self._open()
        for document_id in document_ids:
            self._note(self._entry(LedgerKind.QUARANTINED, document_id, text=reason))

    def _open(self) -> None:
        owner = f"{self._queue.created_by} at {self._queue.created_utc}"
        opened = [e.text for e in self._book.entries() if e.kind is LedgerKind.OPENED]
        if not opened:
            self._note(self._entry(LedgerKind.OPENED, text=owner))
        elif opened[0] != owner:
            raise StopRefusedInput(
                f"the batch {self._queue.batch_id} belongs to a queue of {opened[0]}",
                expected="a batch_id of its own for every queue",
                remedy="cutter batch plan QUEUE",
            )

    def _pass(
        self,
        pick: Callable[[ItemStanding], LaneOrder | None],
        *,
        stop_on_first_failure: bool,
    ) -> bool:
        """Drive what `pick` picks; return True if the batch is not to go on."""
        halted: list[LaneAnswer] = []
        for answer in self._lanes.drive(self._orders(pick, halted)):
            self._write_down(answer)
            if answer.failed and (stop_on_first_failure or answer.stop_code in FOR_ALL):
                halted.append(answer)
        first = halted[0] if halted else None
        if first is not None and stop_on_first_failure:
            self._note(self._entry(LedgerKind.HALTED, first.document_id, text=first.sentence))
        if first is not None and first.stop_code in FOR_ALL:
            raise STOP_BY_CODE[first.stop_code](first.fact, remedy=first.remedy)
        return first is not None

    def _orders(
        self,
        pick: Callable[[ItemStanding], LaneOrder | None],
        halted: Sequence[LaneAnswer],
    ) -> Iterator[LaneOrder]:
        """Yield orders, each written down before it is given; none after the batch has halted."""
        for item in self.status().items:
            if halted:
                return
            order = pick(item)
            if order is None:
                continue
            if item.ledger.attempts >= ATTEMPTS_MAX:
                reason = f"{item.ledger.attempts} attempts in a row came to nothing"
                self._note(self._entry(LedgerKind.QUARANTINED, item.document_id, text=reason))
                continue
            begins = [self._entry(LedgerKind.ATTEMPT, item.document_id)]
            if order.run_id is not None and order.run_id != item.ledger.run_id:
                found = self._entry(LedgerKind.RUN, item.document_id, run_id=order.run_id)
                begins.insert(0, found)
            self._note(*begins)
            yield order

    def _unfinished(self, item: ItemStanding) -> LaneOrder | None:
        """Return the order for a document that waits for nobody, or None."""
        if item.closed or item.queue not in {None, SetAside.ERROR}:
            return None
        if item.at_pause and item.queue is None and not self._outlived(item.context):
            return None
        run_id = item.ledger.run_id or self._begun(item.ledger, item.document_id)
        reference = None if item.context is None else self._around.approval(item.context)
        return LaneOrder(item.document_id, self._mode, run_id, reference)

    def _approved(self, item: ItemStanding) -> LaneOrder | None:
        """Return the order for a document whose approval lies ready, or None."""
        answerable = item.queue is None or item.stop_code in ANSWERABLE
        if item.context is None or not item.at_pause or not answerable:
            return None
        if item.ledger.quarantine is not None:
            return None
        reference = self._around.approval(item.context)
        if reference is None:
            return None
        return LaneOrder(item.document_id, self._mode, item.context.run_id, reference)

    def _outlived(self, context: RunContext | None) -> bool:
        request = None if context is None else pause_request(context)
        expires = None if request is None else parse_utc(request.expires_utc)
        return expires is not None and expires <= self._around.now_utc()

    def _begun(self, ledger: DocumentLedger, document_id: str) -> str | None:
        """Return the run that a killed attempt began, or one that is in flight already, or None."""
        since = ledger.open_since_utc
        if since is not None:
            stamp = since.translate({ord("-"): None, ord(":"): None})
            for context in self._newest():
                if context.run_id.split("-")[1] < stamp:
                    break
                same = context.history.header.mode is self._mode
                if same and context.document_id == document_id:
                    return context.run_id
        return self._going.get(document_id)

    @cached_property
    def _going(self) -> Mapping[str, str]:
        """The runs that held documents when it was first asked: those this batch begins are its own."""
        if self._around.holders is not None:
            return self._around.holders(self._queue.document_ids)
        return self._in_flight(self._mode)

    def _in_flight(self, mode: Mode) -> dict[str, str]:
        """Return the runs that hold documents of the queue now, by document."""
        codes = set(self._queue.document_ids)
        found: dict[str, str] = {}
        for context in self._newest():
            # A failed dry run holds nothing; a failed live one does, and a person has to decide.
            idle = context.over or (mode is Mode.DRYRUN and context.terminal is Terminal.FAILED)
            ours = context.document_id in codes and context.history.header.mode is mode
            if ours and not idle:
                found.setdefault(context.document_id, context.run_id)
        return found

    def _newest(self) -> Iterable[RunContext]:
        for run_id in self._around.run_ids()[:RUNS_LOOKED_AT]:
            try:
                yield self._load(run_id)
            except Stop:
                # Nobody's run of this batch: `cutter runs list` shows what cannot be read.
                continue

    def _load(self, run_id: str) -> RunContext:
        load = self._around.load
        return self._runner.show(run_id).context if load is None else load(run_id)

    def _write_down(self, answer: LaneAnswer) -> None:
        document_id, entries = answer.document_id, list[LedgerEntry]()
        known = of_document(self._book.entries(), document_id, self._mode).run_id
        if answer.run_id is not None and answer.run_id != known:
            entries.append(self._entry(LedgerKind.RUN, document_id, run_id=answer.run_id))
        if answer.failed:
            code, text = answer.stop_code or "", answer.sentence
            entries.append(self._entry(LedgerKind.STOPPED, document_id, code=code, text=text))
        else:
            entries.append(self._entry(LedgerKind.SETTLED, document_id))
        self._note(*entries)

    def _release(self, item: ItemStanding) -> LaneAnswer:
        """The document may be tried again; return what is needed for that."""
        context, code = item.context, item.document_id
        if context is None or context.over:
            self._note(self._entry(LedgerKind.ANEW, code))
            return LaneAnswer(code, sentence="A new run will be begun.")
        if context.terminal is Terminal.FAILED:
            try:
                self._runner.escalate(context.run_id, "retry")
            except Stop as stop:
                return stopped_at(code, context.run_id, stop)
        self._note(self._entry(LedgerKind.RELEASED, code))
        sentence = "The run will go on from the phase where it stopped."
        return LaneAnswer(code, context.run_id, sentence=sentence)

    def _check_named(self, document_ids: Sequence[str]) -> None:
        unknown = sorted(set(document_ids) - set(self._queue.document_ids))
        if unknown:
            raise StopRefusedInput(
                f"{', '.join(unknown)} is not a document of the queue {self._queue.batch_id}",
                expected=", ".join(self._queue.document_ids[:10]),
                remedy="cutter batch status QUEUE",
            )

    def _note(self, *entries: LedgerEntry) -> None:
        self._book.append(*entries)

    def _entry(
        self,
        kind: LedgerKind,
        document_id: str = "",
        *,
        run_id: str = "",
        code: str = "",
        text: str = "",
        mode: Mode | None = None,
    ) -> LedgerEntry:
        return LedgerEntry(
            kind=kind,
            mode=mode or self._mode,
            at_utc=utc_text(self._around.now_utc()),
            document_id=document_id,
            run_id=run_id,
            code=code,
            text=text,
        )
