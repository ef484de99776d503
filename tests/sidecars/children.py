"""Child processes that do one thing and end, by themselves or by SIGKILL."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

DONE = 0
FAILED = 70


def _run(work: Callable[[], object]) -> None:
    """Does the work in this child and ends it; nothing of the parent's clean-up runs."""
    status = FAILED
    try:
        work()
        status = DONE
    finally:
        os._exit(status)


def start(work: Callable[[], object]) -> int:
    """Starts a child that does the work; returns its process id."""
    child = os.fork()
    if child == 0:
        _run(work)
    return child


def wait(child: int) -> int:
    """Waits for the child; returns its exit status, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run(work: Callable[[], object]) -> int:
    """Does the work in a child and waits for it."""
    return wait(start(work))


def die() -> None:
    """Ends this process as kill -9 does."""
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def holding(work: Callable[[Callable[[], None]], object]) -> Iterator[int]:
    """A child that has called what it was handed and then waits; it is killed at the end."""
    reader, writer = os.pipe()

    def ready() -> None:
        os.write(writer, b".")
        signal.pause()

    child = start(lambda: work(ready))
    try:
        os.close(writer)
        assert os.read(reader, 1) == b".", "the child ended before it was ready"
        yield child
    finally:
        os.close(reader)
        try:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
