"""The worker: lanes that drive runs, found by looking at the run table or told of by hints."""

from __future__ import annotations

import asyncio
import secrets
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Lock
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from cutter_agent.bootstrap import Desk, open_desk
from cutter_agent.bootstrap.working import Lookout, drive_run, worker_backups
from cutter_agent.errors import Stop, StopDatabaseAway
from cutter_agent.evidence.canonical import Json
from cutter_agent.orchestrator.batch_lanes import LaneAnswer, stopped_at
from cutter_agent.orchestrator.effects import Hook, no_effect

if TYPE_CHECKING:
    from cutter_agent.postgres.shared_backup import SharedBackups

LOOKS_PER_S: Final = 4.0
"""How often all workers of a database together look at the run table, however many they are."""
LOOK_S_MIN: Final = 0.3
LOOK_S_MAX: Final = 60.0
FOLDERS_S: Final = 2.0
"""How often the folders on this machine are looked at for signatures."""
BEAT_S: Final = 5.0
AGAIN_S_MIN: Final = 1.0
AGAIN_S_MAX: Final = 60.0
PATIENCE_S: Final = 4.0
"""How long a pause before another try a worker waits for that would end when no run can go on."""
AWAY_S: Final = 1.0
CANDIDATES: Final = 16

Tell = Callable[[str, Mapping[str, Json]], None]
"""Told what happens: a kind of event, and its fields."""


class Leaving(BaseException):
    """This worker was asked to stop: the phase at hand is done, the next one is somebody else's."""


@dataclass(slots=True)
class Tried:
    """What this worker knows of a run that it could not bring on.

    Attributes:
        seq: its newest event and its signatures at that time; anything newer counts anew.
        again_s: how long to leave it alone.
        until: when that is over, on this process's clock.
    """

    seq: tuple[int, int]
    again_s: float
    until: float


@dataclass(slots=True)
class Tally:
    """What a worker has done.

    Attributes:
        driven: how often it brought a run on.
        stops: how often a run stopped, by code.
    """

    driven: int = 0
    stops: dict[str, int] = field(default_factory=dict)


class Worker:
    """Drives runs in its lanes until it is asked to stop, or, where that is wanted, until none is left."""

    def __init__(
        self,
        environ: Mapping[str, str],
        lanes: int,
        tell: Tell,
        *,
        drain: bool = False,
        share_backups: bool = False,
        on_effect: Hook = no_effect,
    ) -> None:
        """Name the deployment and how many runs to drive at once.

        Args:
            environ: where the deployment is named.
            lanes: runs that are driven at once.
            tell: told what happens.
            drain: whether to end when nothing is left that could go on.
            share_backups: whether runs that come within minutes are given one backup, as in a batch.
            on_effect: told of every effect of a run: the place where a test stops the process.
        """
        self._environ = environ
        self._count = lanes
        self._tell = tell
        self._drain = drain
        self._share_backups = share_backups
        self._backups: SharedBackups | None = None
        self._opening = Lock()
        self._on_effect = on_effect
        self._lookout = Lookout(environ)
        self._idle: SimpleQueue[Desk] = SimpleQueue()
        self._closing = ExitStack()
        self._pool = ThreadPoolExecutor(lanes, thread_name_prefix="lane")
        self._lanes = asyncio.Semaphore(lanes)
        self._going: dict[str, str] = {}
        self._tried: dict[str, Tried] = {}
        self._leaving = asyncio.Event()
        self._freed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.tally = Tally()

    def run(self) -> Tally:
        """Work until asked to stop; return what was done.

        Raises:
            StopRefusedInput: the engine or its queue is missing, or a pooler stands between.
            StopDatabaseAway: the server did not answer at the beginning.
        """
        try:
            conninfo = self._lookout.ready()
            asyncio.run(self._main(conninfo))
        finally:
            self._pool.shutdown()
            self._lookout.close()
            self._closing.close()
        return self.tally

    async def _main(self, conninfo: str) -> None:
        from cutter_agent.worker.hints import listen  # noqa: PLC0415 - `ready` says if it is missing

        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._leave)
        self._tell("worker", {"lanes": self._count})
        around = [
            loop.create_task(listen(conninfo, self._take, self._count)),
            loop.create_task(self._beat()),
        ]
        try:
            await self._look_for_work()
        finally:
            self._leaving.set()
            await asyncio.gather(*self._tasks)
            for task in around:
                task.cancel()
            await asyncio.gather(*around, return_exceptions=True)

    def _leave(self) -> None:
        if self._leaving.is_set():
            # Asked twice: what is at hand is dropped, as by a kill. Nothing is half done by that.
            signal.raise_signal(signal.SIGKILL)
        self._tell("leaving", {"going": sorted(self._going)})
        self._leaving.set()
        self._freed.set()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            self._tell("beat", {"going": dict(self._going), "driven": self.tally.driven})

    async def _look_for_work(self) -> None:
        quiet, folders_at = 0, 0.0
        while not self._leaving.is_set():
            self._freed.clear()
            pause_s = AWAY_S
            try:
                found, workers = await asyncio.to_thread(
                    self._lookout.look, salt=secrets.randbits(62), limit=CANDIDATES + self._count
                )
                wanted = [(each.run_id, (each.seq, each.offered)) for each in found]
                if time.monotonic() >= folders_at:
                    folders_at = time.monotonic() + FOLDERS_S
                    signed = await asyncio.to_thread(self._lookout.signed_here)
                    wanted += [(run_id, (-1, 0)) for run_id in signed]
                pause_s = min(max(LOOK_S_MIN, workers / LOOKS_PER_S), LOOK_S_MAX)
                begun = self._begin(wanted)
                soon = any(self._soon(each.run_id) for each in found)
                quiet = 0 if begun or self._going or soon else quiet + 1
                if self._drain and quiet > 1 and not await self._more_to_come():
                    return
            except Stop as stop:
                self._tell("away", {"code": stop.code, "fact": stop.fact})
                await asyncio.to_thread(self._lookout.close)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._freed.wait(), pause_s)

    def _begin(self, wanted: list[tuple[str, tuple[int, int]]]) -> int:
        """Begin as many of the wanted runs as lanes are free; return how many."""
        free = self._count - len(self._going)
        begun = 0
        for run_id, seq in wanted:
            if begun >= free:
                break
            tried = self._tried.get(run_id)
            fresh = tried is None or seq[0] < 0 or tried.seq != seq
            if run_id in self._going or not (fresh or time.monotonic() >= tried.until):  # type: ignore[union-attr]
                continue
            task = asyncio.get_running_loop().create_task(self._take(run_id, seq))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            begun += 1
        return begun

    async def _more_to_come(self) -> bool:
        return await asyncio.to_thread(self._lookout.more_to_come)

    def _soon(self, run_id: str) -> bool:
        """Say whether the run is left alone for a moment only: a worker that drains waits for it."""
        tried = self._tried.get(run_id)
        return tried is not None and tried.again_s <= PATIENCE_S and time.monotonic() < tried.until

    async def _take(self, run_id: str, seq: tuple[int, int] = (0, 0)) -> None:
        """The run was brought as far as it goes, if nobody else drives it."""
        if run_id in self._going:
            return
        self._going[run_id] = "claims"
        try:
            async with self._lanes:
                if self._leaving.is_set():
                    return
                work = asyncio.get_running_loop().run_in_executor(self._pool, self._drive, run_id)
                self._settle(run_id, seq, await work)
        finally:
            del self._going[run_id]
            self._freed.set()

    def _drive(self, run_id: str) -> LaneAnswer | None:
        """In a thread of its own: drive the run at a desk that no other lane uses."""
        try:
            desk = self._desk()
        except Stop as stop:
            return stopped_at("", run_id, stop)
        kept = False
        try:
            answer = drive_run(desk, run_id, lambda step: self._step(run_id, step))
            kept = answer is None or answer.stop_code != StopDatabaseAway.code
        except Leaving:
            return LaneAnswer("", run_id, sentence="left to others")
        finally:
            if kept:
                self._idle.put(desk)
            else:
                desk.close()
        return answer

    def _desk(self) -> Desk:
        try:
            return self._idle.get_nowait()
        except Empty:
            desk = open_desk(self._environ, on_effect=self._on_effect)
            self._closing.callback(desk.close)
            desk.backups = self._shared() if self._share_backups else None
            return desk

    def _shared(self) -> SharedBackups:
        """The backups of all lanes, of a desk that no run uses and that stays open."""
        with self._opening:
            if self._backups is None:
                desk = open_desk(self._environ)
                self._closing.callback(desk.close)
                self._backups = worker_backups(desk, f"worker-{uuid4().hex[:12]}")
                self._closing.callback(self._backups.close)
            return self._backups

    def _step(self, run_id: str, step: str) -> None:
        if self._leaving.is_set():
            raise Leaving
        self._going[run_id] = step
        self._tell("step", {"run_id": run_id, "step": step})

    def _settle(self, run_id: str, seq: tuple[int, int], answer: LaneAnswer | None) -> None:
        """Remember what came of it, and for how long to leave the run alone."""
        if answer is None:
            self._leave_alone(run_id, seq)
            return
        self._tell(
            "settled",
            {"run_id": run_id, "document_id": answer.document_id, "stop_code": answer.stop_code},
        )
        if not answer.failed:
            self.tally.driven += 1
            self._tried.pop(run_id, None)
            return
        code = answer.stop_code or ""
        self.tally.stops[code] = self.tally.stops.get(code, 0) + 1
        self._leave_alone(run_id, seq)

    def _leave_alone(self, run_id: str, seq: tuple[int, int]) -> None:
        before = self._tried.get(run_id)
        again_s = AGAIN_S_MIN if before is None else min(2 * before.again_s, AGAIN_S_MAX)
        self._tried[run_id] = Tried(seq, again_s, time.monotonic() + again_s)
