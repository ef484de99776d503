"""Drives: runs that this server moves, each in a thread and at a desk of its own, never the event loop's.

Nothing is lost with the server: whatever step is done is recorded, and another process goes on with it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from threading import Lock
from typing import TYPE_CHECKING, Final

from cutter_agent.bootstrap.standing import reference_for
from cutter_agent.errors import Stop, StopLockBusy, StopUnexpected
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import Mode

if TYPE_CHECKING:
    from cutter_agent.bootstrap.console.desks import Desks
    from cutter_agent.orchestrator.runner import OrchestratorRunner

_LOG: Final = logging.getLogger("cutter.web")
DRIVES_MAX: Final = 2
QUEUED_MAX: Final = 100
PATIENCE_S: Final = 5.0
"""So long an answer waits for a drive, to show where it came to; the drive goes on by itself."""
END_S: Final = 30.0
Timed = Callable[[str, float, str], None]


def _untimed(verb: str, seconds: float, outcome: str) -> None:
    del verb, seconds, outcome


class Drives:
    """The runs that this server moves now."""

    def __init__(self, desks: Desks, timed: Timed = _untimed) -> None:
        """Nothing is driven.

        Args:
            desks: the deployment.
            timed: told of each drive: its verb, how long it took, and the code it stopped with.
        """
        self._desks = desks
        self._timed = timed
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(DRIVES_MAX, thread_name_prefix="cutter-drive")
        self._driven: dict[str, Future[Stop | None]] = {}

    @property
    def driven(self) -> frozenset[str]:
        """The runs that are driven here now, or wait for their turn."""
        with self._lock:
            return frozenset(run_id for run_id, each in self._driven.items() if not each.done())

    def begin(self, document_id: str, mode: Mode, person: str) -> str:
        """A run of the document is open and driven; returns its id, at once.

        Args:
            document_id: the document.
            mode: dry or live.
            person: who begins it; may approve nothing of it.

        Raises:
            Stop: no run came to be.
        """
        with closing(self._desks.fresh(starter=person)) as desk:
            result = desk.runner().hand_over(document_id, mode)
        if not result.context.over and result.stop_code is None:
            self._go(result.run_id, "cut", lambda runner, _: runner.resume(result.run_id))
        return result.run_id

    def resume(self, run_id: str) -> Stop | None:
        """The run goes on with what lies beside its request; returns the stop it soon came to."""
        return self._soon(
            self._go(run_id, "resume", lambda runner, found: runner.resume(run_id, found))
        )

    def escalate(self, run_id: str, decision: str) -> Stop | None:
        """The decision is asked for or carried out; returns the stop it soon came to."""
        return self._soon(
            self._go(run_id, decision, lambda runner, _: runner.escalate(run_id, decision))
        )

    def settled(self, run_id: str) -> None:
        """Wait a little for whatever moves this run, so that the answer shows where it came to."""
        with self._lock:
            future = self._driven.get(run_id)
        if future is not None:
            wait([future], PATIENCE_S)

    def close(self) -> None:
        """Nothing new begins; what is driven comes to the end of its call or is left as it is recorded."""
        with self._lock:
            going = list(self._driven.values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        wait(going, END_S)

    def _go(
        self, run_id: str, verb: str, work: Callable[[OrchestratorRunner, str | None], object]
    ) -> Future[Stop | None]:
        """The work is done in turn; a run that is driven here already is not driven twice.

        Raises:
            StopLockBusy: too much waits for its turn.
        """
        with self._lock:
            self._driven = {key: each for key, each in self._driven.items() if not each.done()}
            going = self._driven.get(run_id)
            if going is not None:
                return going
            if len(self._driven) >= QUEUED_MAX:
                raise StopLockBusy(
                    f"{QUEUED_MAX} runs wait for their turn here",
                    run_id=run_id,
                    remedy="cutter resume {run}",
                )
            future = self._pool.submit(self._drive, run_id, verb, work)
            self._driven[run_id] = future
        return future

    def _drive(
        self, run_id: str, verb: str, work: Callable[[OrchestratorRunner, str | None], object]
    ) -> Stop | None:
        began = time.monotonic()
        stop: Stop | None = None
        try:
            with closing(self._desks.fresh()) as desk:
                found = reference_for(desk, RunContext(desk.load(run_id)))
                work(desk.runner(), found)
        except Stop as met:
            stop = met
        except Exception as error:  # noqa: BLE001 - the one edge of this thread
            _LOG.exception("drive failed", extra={"run_id": run_id})
            stop = StopUnexpected(type(error).__name__, run_id=run_id)
        outcome = "done" if stop is None else stop.code
        self._timed(verb, time.monotonic() - began, outcome)
        _LOG.info("drive", extra={"run_id": run_id, "verb": verb, "outcome": outcome})
        return stop

    @staticmethod
    def _soon(future: Future[Stop | None]) -> Stop | None:
        wait([future], PATIENCE_S)
        return future.result() if future.done() and not future.cancelled() else None
