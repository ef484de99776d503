"""Desks of a server: a few open ones, each lent to one thread at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from threading import BoundedSemaphore, Lock
from typing import Final

from cutter_agent.bootstrap.access import open_access
from cutter_agent.bootstrap.console.recall import ConsoleDesk, Recall
from cutter_agent.bootstrap.home import Home, home_of
from cutter_agent.bootstrap.settings import read_settings
from cutter_agent.errors import Stop, StopDatabaseAway

DESKS_MAX: Final = 4
"""More readers at once than this wait for one another."""
WAIT_S: Final = 20.0


class Desks:
    """The deployment's open desks; a context manager that closes them all."""

    def __init__(self, environ: Mapping[str, str], *, desks_max: int = DESKS_MAX) -> None:
        """Name the deployment; nothing is opened yet."""
        self.environ = dict(environ)
        self.recall = Recall()
        self._free: list[tuple[object, ConsoleDesk]] = []
        self._lock = Lock()
        self._room = BoundedSemaphore(desks_max)

    @property
    def home(self) -> Home:
        """The home of the deployment."""
        return home_of(self.environ)

    @contextmanager
    def one(self) -> Iterator[ConsoleDesk]:
        """Yield an open desk that nobody else uses meanwhile.

        Raises:
            StopDatabaseAway: all are in use for long, or the server does not answer.
        """
        if not self._room.acquire(timeout=WAIT_S):
            raise StopDatabaseAway("every desk of this server is in use")
        try:
            settled, desk = self._taken()
            try:
                yield desk
            except Stop as stop:
                if isinstance(stop, StopDatabaseAway):
                    desk.close()
                    self._forget()
                else:
                    self._back(settled, desk)
                raise
            except BaseException:
                desk.close()
                raise
            else:
                self._back(settled, desk)
        finally:
            self._room.release()

    def fresh(self, *, starter: str | None = None) -> ConsoleDesk:
        """A desk of the caller's own, for long work; the caller closes it.

        Args:
            starter: who begins runs at it; None for the operator of the settings.
        """
        home = self.home
        settings = read_settings(home)
        if starter is not None:
            settings = replace(settings, operator=starter)
        access = open_access(home, settings.database, self.environ)
        return ConsoleDesk(home, settings, access, self.recall)

    def close(self) -> None:
        """Every desk that nobody uses is closed."""
        self._forget()

    def _taken(self) -> tuple[object, ConsoleDesk]:
        settled = self._settled()
        with self._lock:
            while self._free:
                kept, desk = self._free.pop()
                if kept == settled:
                    return kept, desk
                desk.close()
        return settled, self.fresh()

    def _back(self, settled: object, desk: ConsoleDesk) -> None:
        with self._lock:
            self._free.append((settled, desk))

    def _forget(self) -> None:
        with self._lock:
            free, self._free = self._free, []
        for _, desk in free:
            with suppress(Stop):
                desk.close()

    def _settled(self) -> object:
        """What tells that the settings were written anew: desks read them once."""
        try:
            seen = self.home.settings.stat()
        except OSError:
            return None
        return (seen.st_mtime_ns, seen.st_size, seen.st_ino)
