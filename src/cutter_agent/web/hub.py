"""The hub: one listener for the whole server, and whoever wants to know hears of every run that moves."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Final

from cutter_agent.bootstrap.console.hearing import Hearing

if TYPE_CHECKING:
    from cutter_agent.bootstrap.console.desks import Desks

_LOG: Final = logging.getLogger("cutter.web")
WAITING_MAX: Final = 200
"""What one listener has not taken yet; beyond that it is told to look at everything anew."""
STREAMS_MAX: Final = 200
EVERYTHING: Final = ""
"""Told in place of a run's id: look at all of them."""


class Stream:
    """One who wants to know; made and read in the event loop."""

    def __init__(self) -> None:
        """Nothing was told yet."""
        self._queue: asyncio.Queue[str | None] = asyncio.Queue(WAITING_MAX)

    def put(self, run_id: str | None) -> None:
        """The run moved; None says that the server ends."""
        if self._queue.full():
            while not self._queue.empty():
                self._queue.get_nowait()
            self._queue.put_nowait(EVERYTHING)
        if run_id is None or not self._queue.full():
            self._queue.put_nowait(run_id)

    async def next(self, timeout_s: float) -> str | None:
        """The next run that moved, or None when the server ends.

        Raises:
            TimeoutError: nothing moved for so long.
        """
        async with asyncio.timeout(timeout_s):
            return await self._queue.get()


class Hub:
    """Tells streams, and whoever is registered, of runs that move."""

    def __init__(self, desks: Desks) -> None:
        """Nobody listens, and nothing is listened to until somebody does."""
        self._desks = desks
        self._lock = Lock()
        self._end = Event()
        self._thread: Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._streams: set[Stream] = set()
        self._told: list[Callable[[str], None]] = []
        self._boot = secrets.token_hex(4)
        self._count = 0

    @property
    def position(self) -> str:
        """What was told last: a stream that knows it has missed nothing."""
        return f"{self._boot}-{self._count}"

    @property
    def ended(self) -> bool:
        """True once the server ends."""
        return self._end.is_set()

    def tell(self, who: Callable[[str], None]) -> None:
        """This is called, in the listener's thread, with the id of every run that moves."""
        self._told.append(who)
        self.start()

    def open(self) -> Stream | None:
        """A stream of what moves from now on; None where there are too many."""
        self._loop = asyncio.get_running_loop()
        if len(self._streams) >= STREAMS_MAX or self.ended:
            return None
        stream = Stream()
        self._streams.add(stream)
        self.start()
        return stream

    def leave(self, stream: Stream) -> None:
        """The stream is told nothing more."""
        self._streams.discard(stream)

    def start(self) -> None:
        """The listener is at work; it begins once."""
        with self._lock:
            if self._thread is None and not self.ended:
                self._thread = Thread(target=self._listen, name="cutter-hearing", daemon=True)
                self._thread.start()

    def end(self) -> None:
        """Streams end, and the listener with its next breath."""
        self._end.set()
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._last)

    def close(self) -> None:
        """The listener has ended."""
        self.end()
        if self._thread is not None:
            self._thread.join(10.0)

    def _listen(self) -> None:
        for run_id in Hearing(self._desks, self._end.is_set).moved():
            for who in self._told:
                try:
                    who(run_id)
                except Exception:  # noqa: BLE001 - one who fails keeps nobody else from hearing
                    _LOG.exception("a listener failed")
            loop = self._loop
            if loop is not None and not loop.is_closed():
                loop.call_soon_threadsafe(self._spread, run_id)

    def _spread(self, run_id: str) -> None:
        self._count += 1
        for stream in self._streams:
            stream.put(run_id)

    def _last(self) -> None:
        for stream in self._streams:
            stream.put(None)
