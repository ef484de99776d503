"""Cutting in other processes: on other cores, within bounds of memory and time, and nobody dies with them."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from threading import Timer
from typing import IO, TYPE_CHECKING, Final

from cutter_agent.document.cutplan import InForceUnit
from cutter_agent.errors import (
    STOP_BY_CODE,
    StopOverSize,
    StopOverTime,
    StopProcessLost,
    StopUnexpected,
)

if TYPE_CHECKING:
    from cutter_agent.bootstrap.cutting_child import CutAnswer, CutOrder
    from cutter_agent.orchestrator.facts import SourceVersion
    from cutter_agent.orchestrator.reading import Parts

BYTES_MIN: Final = 32 * 1024
"""A shorter text is cut before its order would have reached another process."""
MEMORY_BYTES_MAX: Final = 4 * 1024**3
TIMEOUT_S: Final = 20 * 60.0
_ENDING_S: Final = 5.0
_PROGRAM: Final = (
    "import sys; from cutter_agent.bootstrap.cutting_child import serve; serve(int(sys.argv[1]))"
)


def _say_nothing(document_id: str, pid: int) -> None:
    del document_id, pid


class CuttingProcesses:
    """A few processes that cut texts, each started when it is first needed; safe for several threads.

    What one of them does to itself is the affair of the document that it was cutting: the next order gets
    a new one. They end when this object is closed, or when its process is gone: their pipe ends with it.
    """

    def __init__(
        self,
        count: int,
        *,
        bytes_min: int = BYTES_MIN,
        memory_bytes_max: int = MEMORY_BYTES_MAX,
        timeout_s: float = TIMEOUT_S,
        on_order: Callable[[str, int], None] = _say_nothing,
    ) -> None:
        """Start nothing yet.

        Args:
            count: how many processes at most.
            bytes_min: texts that are shorter are cut where they are.
            memory_bytes_max: how much address space each process may use.
            timeout_s: how long one text may take.
            on_order: told of each order, as its document's code and the process that has it.
        """
        self._bytes_min = bytes_min
        self._memory_bytes_max = memory_bytes_max
        self._timeout_s = timeout_s
        self._on_order = on_order
        self._idle: SimpleQueue[_Child | None] = SimpleQueue()
        self._count = count
        for _ in range(count):
            self._idle.put(None)

    def parts(
        self, version: SourceVersion, source: bytes, in_force: Sequence[InForceUnit]
    ) -> Parts | None:
        """Marks, plan and leaves of the text, cut in another process; None for one that is short.

        Raises:
            StopSourceUnreadable: the text cannot be read as one.
            StopOverSize: it takes more memory than a process may use.
            StopOverTime: it takes longer than a text may take.
            StopProcessLost: the process died over it.
        """
        from cutter_agent.bootstrap.cutting_child import CutOrder, Wanted

        if len(source) < self._bytes_min:
            return None
        return self._answer(CutOrder(Wanted.PARTS, version, source, in_force)).parts

    def plan_sha256(
        self, version: SourceVersion, source: bytes, in_force: Sequence[InForceUnit]
    ) -> str | None:
        """The digest of the text's plan, computed anew in another process; None for one that is short.

        Raises:
            Stop: as for `parts`.
        """
        from cutter_agent.bootstrap.cutting_child import CutOrder, Wanted

        if len(source) < self._bytes_min:
            return None
        return self._answer(CutOrder(Wanted.PLAN_SHA256, version, source, in_force)).plan_sha256

    def close(self) -> None:
        """Every process has ended; orders that are on their way are waited for."""
        for _ in range(self._count):
            child = self._idle.get()
            if child is not None:
                child.end()
        for _ in range(self._count):
            self._idle.put(None)

    def _answer(self, order: CutOrder) -> CutAnswer:
        child = self._idle.get()
        try:
            child = child or _Child(self._memory_bytes_max)
            self._on_order(order.version.document_id, child.pid)
            answer = child.ask(order, self._timeout_s)
        except BaseException:
            if child is not None:
                child.kill()
            child = None
            raise
        finally:
            self._idle.put(child)
        if answer.stop is not None:
            code, fact, expected, findings = answer.stop
            raise STOP_BY_CODE[code](fact, expected=expected, findings=findings)
        if answer.over_memory:
            raise StopOverSize(
                f"cutting {len(order.source)} bytes takes more memory than a process may use",
                expected=f"at most {self._memory_bytes_max} bytes of address space",
                document_id=order.version.document_id,
            )
        if answer.bug:
            raise StopUnexpected(answer.bug, document_id=order.version.document_id)
        return answer


class _Child:
    """One process that cuts, and the pipes to it."""

    def __init__(self, memory_bytes_max: int) -> None:
        # A module, not a fork: nothing of our connections, locks and threads goes along. A session of its
        # own: who interrupts us at the terminal interrupts us, and we end it.
        self._process = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-P", "-c", _PROGRAM, str(memory_bytes_max)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def ask(self, order: CutOrder, timeout_s: float) -> CutAnswer:
        """The answer to the order.

        Raises:
            StopOverTime: it took too long; the process is gone.
            StopProcessLost: the process died.
        """
        from cutter_agent.bootstrap.cutting_child import CutAnswer, read_frame, write_frame

        late: list[bool] = []

        def over() -> None:
            late.append(True)
            self._process.kill()

        watch = Timer(timeout_s, over)
        watch.daemon = True
        watch.start()
        try:
            with suppress(BrokenPipeError):
                write_frame(self._pipe(self._process.stdin), pickle.dumps(order))
            body = read_frame(self._pipe(self._process.stdout))
        finally:
            watch.cancel()
        if body is None:
            raise self._lost(order.version.document_id, timeout_s if late else None)
        answer = pickle.loads(body)  # noqa: S301 - from our own child, over a pipe of its own
        assert isinstance(answer, CutAnswer)
        return answer

    def end(self) -> None:
        """The process has read the end of its orders, and ended."""
        with suppress(BrokenPipeError):
            self._pipe(self._process.stdin).close()
        try:
            self._process.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._pipe(self._process.stdout).close()

    def kill(self) -> None:
        """The process is gone, whatever it was doing."""
        self._process.kill()
        self.end()

    def _lost(self, document_id: str, timeout_s: float | None) -> StopOverTime | StopProcessLost:
        status = self._process.wait()
        if timeout_s is not None:
            return StopOverTime(f"cutting it took over {timeout_s:.0f} s", document_id=document_id)
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        return StopProcessLost(
            f"the process that cut {document_id} ended {how}",
            expected="an answer",
            document_id=document_id,
        )

    @staticmethod
    def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
        assert pipe is not None
        return pipe
