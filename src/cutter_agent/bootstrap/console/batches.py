"""The batch board: every batch that this deployment remembers, and where each of its documents stands.

A batch is read from its ledger, so documents appear from their first attempt on; the queue's file stays
where its owner keeps it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cutter_agent.bootstrap.console.missing import NothingThereError
from cutter_agent.bootstrap.standing import context_of
from cutter_agent.errors import Stop
from cutter_agent.files.batch_book import BATCHES, FolderBook
from cutter_agent.files.durable import Folder
from cutter_agent.orchestrator.batch_ledger import LedgerEntry, newest_mode
from cutter_agent.orchestrator.batch_queue import Queue, QueueItem
from cutter_agent.orchestrator.batch_status import BatchStatus, ItemStanding, SetAside, status_of
from cutter_agent.orchestrator.line import LINE

if TYPE_CHECKING:
    from cutter_agent.bootstrap.desk import Desk
    from cutter_agent.orchestrator.batch_lanes import LaneAnswer
    from cutter_agent.orchestrator.states import Mode

BATCHES_MAX: Final = 500
STEPS: Final = len(LINE)
_LEDGER: Final = ".json"
WAITING: Final = "waits"
MOVING: Final = "under way"
CLOSED: Final = "closed out"


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One batch in the list; `fault` says why it cannot be read, and is empty where it can."""

    batch_id: str
    mode: str
    state: str
    began_utc: str
    moved_utc: str
    counts: dict[str, int]
    fault: str


@dataclass(frozen=True, slots=True)
class BoardItem:
    """One document of a batch.

    Attributes:
        lane: the column of the board that it stands in.
        steps_done: how many of the line's steps its run has taken.
    """

    document_id: str
    run_id: str
    lane: str
    state: str
    steps_done: int
    waits_for: str
    attempts: int
    stop_code: str
    sentence: str
    remedy: str


@dataclass(frozen=True, slots=True)
class BatchBoard:
    """One batch: its columns, each with its documents."""

    row: BatchRow
    lanes: tuple[tuple[str, tuple[BoardItem, ...]], ...]


def batches(desk: Desk) -> tuple[BatchRow, ...]:
    """Every batch that has a ledger, the one that moved last first; at most 500."""
    names = Folder(desk.runs_dir.resolve()).inner(BATCHES).names()
    ids = sorted(name.removesuffix(_LEDGER) for name in names if name.endswith(_LEDGER))
    rows = [_row(desk, batch_id) for batch_id in ids[:BATCHES_MAX]]
    return tuple(sorted(rows, key=lambda row: row.moved_utc, reverse=True))


def batch_board(desk: Desk, batch_id: str) -> BatchBoard:
    """The batch with this id.

    Raises:
        NothingThereError: there is none.
        StopEvidenceMismatch: its ledger is torn or edited.
    """
    if batch_id not in {row.batch_id for row in batches(desk)}:
        raise NothingThereError(
            "BATCH_UNKNOWN",
            f"there is no batch {batch_id[:80]!a}",
            expected="a batch that was run here",
            remedy="cutter batch run QUEUE",
        )
    entries = FolderBook(desk.runs_dir, batch_id).entries()
    status = _status(desk, batch_id, entries)
    items = [_item(item) for item in status.items]
    names = (MOVING, WAITING, CLOSED, *(each.value for each in SetAside))
    lanes = tuple((name, tuple(each for each in items if each.lane == name)) for name in names)
    return BatchBoard(_told(batch_id, entries, status), lanes)


def release(desk: Desk, batch_id: str, document_id: str) -> LaneAnswer:
    """What of the batch was set aside under this code may be tried again; returns what that still takes.

    Raises:
        NothingThereError: there is no such batch.
        StopLockBusy: a process drives the batch now.
        StopRefusedInput: the document is not one of the batch, or is not set aside.
    """
    from cutter_agent.bootstrap.batches import batch_runner

    batch_board(desk, batch_id)
    book = FolderBook(desk.runs_dir, batch_id)
    with book.driving():
        entries = book.entries()
        runner = batch_runner(desk, _queue(batch_id, entries), newest_mode(entries))
        (answer,) = runner.retry((document_id,))
    return answer


def _row(desk: Desk, batch_id: str) -> BatchRow:
    try:
        entries = FolderBook(desk.runs_dir, batch_id).entries()
        return _told(batch_id, entries, _status(desk, batch_id, entries))
    except Stop as stop:
        return BatchRow(batch_id, "", "unreadable", "", "", {}, stop.fact)


def _told(batch_id: str, entries: Sequence[LedgerEntry], status: BatchStatus) -> BatchRow:
    return BatchRow(
        batch_id=batch_id,
        mode=status.mode.value,
        state=status.state.value,
        began_utc=entries[0].at_utc if entries else "",
        moved_utc=entries[-1].at_utc if entries else "",
        counts={name: int(str(count)) for name, count in status.counts.items()},
        fault="",
    )


def _status(desk: Desk, batch_id: str, entries: Sequence[LedgerEntry]) -> BatchStatus:
    mode: Mode = newest_mode(entries)
    queue = _queue(batch_id, entries)
    return status_of(queue, entries, mode, lambda run_id: context_of(desk, run_id))


def _queue(batch_id: str, entries: Sequence[LedgerEntry]) -> Queue:
    """The queue as far as the ledger knows it: its documents from their first attempt on."""
    codes = dict.fromkeys(each.document_id for each in entries if each.document_id)
    return Queue(
        batch_id=batch_id,
        created_by="",
        created_utc="",
        default_scope="",
        default_actor="",
        items=tuple(QueueItem(code) for code in codes),
    )


def _item(item: ItemStanding) -> BoardItem:
    if item.queue is not None:
        lane = item.queue.value
    elif item.closed:
        lane = CLOSED
    else:
        lane = WAITING if item.waits_for else MOVING
    context = item.context
    return BoardItem(
        document_id=item.document_id,
        run_id="" if context is None else context.run_id,
        lane=lane,
        state=item.state.value,
        steps_done=0 if context is None else len(context.steps_done),
        waits_for=item.waits_for or "",
        attempts=item.ledger.attempts,
        stop_code=item.stop_code or "",
        sentence=item.sentence,
        remedy=item.remedy,
    )
