"""Batches as a deployment drives them: lanes with a desk each, the ledger in the runs folder, approvals beside requests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from queue import Empty, SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, Final

from cutter_agent.bootstrap.access import say_nothing
from cutter_agent.bootstrap.cutting import CuttingProcesses
from cutter_agent.bootstrap.desk import Desk, open_desk
from cutter_agent.errors import Stop
from cutter_agent.orchestrator.batch import BatchRunner, Surroundings
from cutter_agent.orchestrator.batch_lanes import (
    LaneAnswer,
    LaneOrder,
    Lanes,
    drive_order,
    stopped_at,
)
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import Mode
from cutter_agent.orchestrator.waiting import pause_request

if TYPE_CHECKING:
    from cutter_agent.files.batch_book import FolderBook
    from cutter_agent.orchestrator.batch_queue import Queue
    from cutter_agent.postgres.shared_backup import SharedBackups

LANES: Final = 4
"""Documents that are driven at once unless somebody says otherwise (Contract 10)."""

LANES_MAX: Final = 64


class DeskLanes:
    """Lanes that are threads, each at a desk of its own: its own connections, its own claims."""

    def __init__(
        self,
        environ: Mapping[str, str],
        count: int,
        *,
        on_step: Callable[[str], None] = say_nothing,
        share: Queue | None = None,
        cutting: CuttingProcesses | None = None,
    ) -> None:
        """Name the deployment; a desk is opened when a lane is first needed.

        Args:
            environ: the deployment's environment.
            count: how many lanes.
            on_step: told the document and the name of each step as it begins.
            share: the queue whose documents have one backup and one restored cluster in common;
                None takes a backup for each document.
            cutting: the processes that cut longer texts, closed with the lanes; None is one a core.
        """
        self._environ = environ
        self._count = count
        self._on_step = on_step
        self._share = share
        self._backups: SharedBackups | None = None
        self._opening = Lock()
        self._idle: SimpleQueue[Desk] = SimpleQueue()
        self._closing = ExitStack()
        self._cutting = cutting or CuttingProcesses(min(count, os.cpu_count() or 1))
        self._closing.callback(self._cutting.close)

    def drive(self, orders: Iterator[LaneOrder]) -> Iterator[LaneAnswer]:
        """Yield answers as they come; an order is taken only when a lane is free for it."""
        with ThreadPoolExecutor(self._count, thread_name_prefix="lane") as pool:
            going: set[Future[LaneAnswer]] = set()
            while True:
                while len(going) < self._count and (order := next(orders, None)) is not None:
                    going.add(pool.submit(self._take, order))
                if not going:
                    return
                done, going = wait(going, return_when=FIRST_COMPLETED)
                for each in done:
                    yield each.result()

    def close(self) -> None:
        """Every desk is given back, and the shared backup's cluster is gone."""
        self._closing.close()

    def _take(self, order: LaneOrder) -> LaneAnswer:
        try:
            desk = self._desk()
        except Stop as stop:
            return stopped_at(order.document_id, order.run_id, stop)
        try:
            return drive_order(desk.runner(lambda name: self._tell(order, name)), order)
        finally:
            self._idle.put(desk)

    def _desk(self) -> Desk:
        try:
            return self._idle.get_nowait()
        except Empty:
            desk = self._closing.enter_context(open_desk(self._environ))
            desk.backups = self._shared(desk)
            desk.elsewhere = self._cutting
            return desk

    def _shared(self, desk: Desk) -> SharedBackups | None:
        """The backups that all lanes share; they are the first desk's."""
        from cutter_agent.bootstrap.live import HomeVault
        from cutter_agent.postgres.shared_backup import SharedBackups

        if self._share is None:
            return None
        with self._opening:
            if self._backups is None:
                vault = HomeVault(desk.home, desk.access, desk.settings.backup_level_min)
                name, codes = self._share.batch_id, self._share.document_ids
                self._backups = SharedBackups(vault.live_vault, name, codes)
                self._closing.callback(self._backups.close)
            return self._backups

    def _tell(self, order: LaneOrder, name: str) -> None:
        self._on_step(f"{order.document_id}: {name}")


def batch_book(desk: Desk, queue: Queue) -> FolderBook:
    """The ledger and the report of this queue's batch."""
    from cutter_agent.files.batch_book import FolderBook

    return FolderBook(desk.runs_dir, queue.batch_id)


def batch_runner(
    desk: Desk, queue: Queue, mode: Mode, *, lanes: Lanes | None = None
) -> BatchRunner:
    """The runner of this queue's batch at the desk; without lanes, one document after the other."""
    store = desk.store()
    live = mode is Mode.LIVE
    return BatchRunner(
        desk.runner(),
        queue,
        batch_book(desk, queue),
        Surroundings(
            run_ids=desk.run_ids,
            now_utc=store.now_utc if mode is Mode.DRYRUN else desk.now_utc,
            approval=lambda context: approval_beside(desk, context),
            holders=desk.live_site.holders if live else None,
            load=(lambda run_id: RunContext(desk.live_site.load(run_id))) if live else None,
        ),
        mode=mode,
        lanes=lanes,
    )


def approval_beside(desk: Desk, context: RunContext) -> str | None:
    """The reference of the request that the run waits at, once enough signatures lie beside it.

    Who signed is not judged here: the runner judges every signature before it acts.
    """
    request = None if context.over else pause_request(context)
    if request is None:
        return None
    offered = desk.reporter().signatures(context.run_id, request.document)
    refused = any(each.rejects for each in offered)
    policy = desk.policy() if offered else None
    if policy is None:
        return None
    signed = {each.person for each in offered if not each.rejects}
    if not refused and len(signed) < policy.rule(request.gate).threshold:
        return None
    return f"sha256:{request.request_sha256}"
