"""Recall: runs as they were read last, read again only when they have moved since.

A screen that lists a thousand runs would otherwise read a thousand histories. A run has moved when its
newest event, or its sidecar's file, is another one than at the last reading.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Final

from cutter_agent.bootstrap.desk import RUNS_MAX, Desk
from cutter_agent.bootstrap.standing import read_run
from cutter_agent.errors import StopEvidenceMismatch, StopRunUnknown
from cutter_agent.orchestrator.grants import ROLE_READER
from cutter_agent.orchestrator.line import LINE
from cutter_agent.orchestrator.phases.mark import Marked
from cutter_agent.orchestrator.run_context import RunContext

if TYPE_CHECKING:
    from cutter_agent.bootstrap.access import Access
    from cutter_agent.bootstrap.home import Home
    from cutter_agent.bootstrap.settings import Settings
    from cutter_agent.files.state_store import StateStore
    from cutter_agent.orchestrator.policy import TrustPolicy
    from cutter_agent.postgres.connect import Select

CONTEXTS_KEPT: Final = 256
UNREADABLE: Final = "unreadable"
STEPS: Final = len(LINE)


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run in a list; of one that cannot be read, its id and the stop that says so."""

    run_id: str
    document_id: str
    mode: str
    state: str
    terminal: str
    stop_code: str
    starter: str
    created_utc: str
    moved_utc: str
    steps_done: int
    units: int | None
    over: bool


class Recall:
    """Runs that were read before; shared by every desk of one server."""

    def __init__(self) -> None:
        """Nothing was read yet."""
        self._lock = Lock()
        self._rows: dict[str, tuple[object, RunRow]] = {}
        self._contexts: OrderedDict[str, tuple[object, RunContext]] = OrderedDict()
        self._policy: tuple[object, TrustPolicy | None] | None = None

    def rows(self, desk: Desk) -> Iterator[RunRow]:
        """Every run, newest first."""
        stamps = self.stamps(desk)
        with self._lock:
            for run_id in self._rows.keys() - stamps.keys():
                del self._rows[run_id]
        for run_id in sorted(stamps, reverse=True):
            kept = self._rows.get(run_id)
            if kept is None or kept[0] != stamps[run_id]:
                context = self._read(desk, run_id, stamps[run_id])
                kept = (stamps[run_id], _unreadable(run_id) if context is None else row_of(context))
                with self._lock:
                    self._rows[run_id] = kept
            yield kept[1]

    def context(self, desk: Desk, run_id: str, stamp: object) -> RunContext | None:
        """The run as it stood at the stamp or later; None if it cannot be read."""
        with self._lock:
            kept = self._contexts.get(run_id)
            if kept is not None and kept[0] == stamp:
                self._contexts.move_to_end(run_id)
                return kept[1]
        return self._read(desk, run_id, stamp)

    def stamps(self, desk: Desk) -> Mapping[str, object]:
        """Every run's id with what tells whether it has moved."""
        from cutter_agent.postgres.overview import run_stamps

        live = run_stamps(reading_of(desk), limit=RUNS_MAX)
        stamps: dict[str, object] = dict(desk.store().stamps())
        stamps.update(live)
        return stamps

    def policy(self, stamp: object, read: Callable[[], TrustPolicy | None]) -> TrustPolicy | None:
        """The policy of this stamp; read if another was read last."""
        with self._lock:
            kept = self._policy
        if kept is None or kept[0] != stamp:
            kept = (stamp, read())
            with self._lock:
                self._policy = kept
        return kept[1]

    def _read(self, desk: Desk, run_id: str, stamp: object) -> RunContext | None:
        try:
            context = read_run(desk, run_id)
        except (StopEvidenceMismatch, StopRunUnknown):
            return None
        with self._lock:
            self._contexts[run_id] = (stamp, context)
            self._contexts.move_to_end(run_id)
            while len(self._contexts) > CONTEXTS_KEPT:
                self._contexts.popitem(last=False)
        return context


class ConsoleDesk(Desk):
    """A desk of a server: it shares what was read with the server's other desks."""

    def __init__(self, home: Home, settings: Settings, access: Access, recall: Recall) -> None:
        """Open it; nothing is read yet."""
        super().__init__(home, settings, access)
        self.recall = recall
        self._sidecars = super().store()
        self._selects: dict[str, Select] = {}

    def select(self, role: str, *, application: str | None = None) -> Select:
        """A reader of rows under this role; over one connection however often it is asked for.

        A desk of a server lives as long as the server, and so would each of its connections.
        """
        if role not in self._selects:
            self._selects[role] = super().select(role, application=application)
        return self._selects[role]

    @cached_property
    def reading(self) -> Select:
        """A reader of rows on one connection of this desk's own."""
        return self.select(ROLE_READER)

    def policy(self) -> TrustPolicy | None:
        """The trust policy that counts now; read again whenever its file or the database's newest is another."""
        from cutter_agent.postgres.overview import newest_policy_sha256

        try:
            seen = self.home.policy.stat()
            file: object = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
        except OSError:
            file = None
        stamp = (file, newest_policy_sha256(self.reading))
        return self.recall.policy(stamp, super().policy)

    def store(self) -> StateStore:
        """The sidecars of this deployment, cleaned of what dead writers left once a desk."""
        return self._sidecars


def recall_of(desk: Desk) -> Recall:
    """The desk's recall; an empty one where it has none."""
    return desk.recall if isinstance(desk, ConsoleDesk) else Recall()


def reading_of(desk: Desk) -> Select:
    """A reader of rows; over one connection for all of them where the desk keeps one."""
    return desk.reading if isinstance(desk, ConsoleDesk) else desk.select(ROLE_READER)


def row_of(context: RunContext) -> RunRow:
    """The run as lists show it."""
    header, stop, marked = context.history.header, context.stop, context.get(Marked)
    return RunRow(
        run_id=context.run_id,
        document_id=context.document_id,
        mode=header.mode.value,
        state=context.state.value,
        terminal="" if context.terminal is None else context.terminal.value,
        stop_code="" if stop is None else stop.code,
        starter=header.starter,
        created_utc=header.created_utc,
        moved_utc=context.history.events[-1].at_utc,
        steps_done=len(context.steps_done),
        units=None if marked is None else marked.candidate_count,
        over=context.over,
    )


def _unreadable(run_id: str) -> RunRow:
    return RunRow(
        run_id=run_id,
        document_id="",
        mode="",
        state=UNREADABLE,
        terminal="",
        stop_code=StopEvidenceMismatch.code,
        starter="",
        created_utc="",
        moved_utc="",
        steps_done=0,
        units=None,
        over=False,
    )
