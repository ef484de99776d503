"""Hearing: which runs moved, told by the database and by the folder of sidecars.

The database tells of live runs at each commit. Dry runs leave their sidecars, which are looked at once a
breath. The newest runs are looked at now and then in any case: behind a pooler nothing may be told at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Final

from cutter_agent.bootstrap.console.recall import ConsoleDesk, reading_of
from cutter_agent.errors import Stop
from cutter_agent.orchestrator.grants import ROLE_READER

if TYPE_CHECKING:
    from cutter_agent.bootstrap.console.desks import Desks

AGAIN_S: Final = 2.0
"""So long after it was lost is the database tried again."""
LOOK_S: Final = 5.0
LOOKED_AT: Final = 500
"""How many of the newest runs are looked at without having been told of."""


class Hearing:
    """Listens over one connection, however many want to know."""

    def __init__(self, desks: Desks, ended: Callable[[], bool]) -> None:
        """Nothing was heard.

        Args:
            desks: the deployment.
            ended: asked at each breath.
        """
        self._desks = desks
        self._ended = ended
        self._sidecars: dict[str, object] | None = None
        self._events: dict[str, object] | None = None
        self._looked_s = 0.0

    def moved(self) -> Iterator[str]:
        """Yield the ids of runs as they move, until it is ended; one that moves may be told twice."""
        while not self._ended():
            try:
                with closing(self._desks.fresh()) as desk:
                    yield from self._over(desk)
            except Stop:
                time.sleep(AGAIN_S)

    def _over(self, desk: ConsoleDesk) -> Iterator[str]:
        from cutter_agent.postgres.listen import told_runs

        self._looked_s = 0.0
        with closing(told_runs(desk.access.login(ROLE_READER))) as told:
            for run_id in told:
                if self._ended():
                    return
                if run_id is not None:
                    yield run_id
                else:
                    yield from self._looked(desk)

    def _looked(self, desk: ConsoleDesk) -> Iterator[str]:
        """Yield the runs that moved since the last look; the first look finds no news."""
        from cutter_agent.postgres.overview import run_stamps

        stamps = desk.store().stamps()
        if self._sidecars is not None:
            yield from _changed(self._sidecars, stamps)
        self._sidecars = dict(stamps)
        if time.monotonic() - self._looked_s < LOOK_S:
            return
        self._looked_s = time.monotonic()
        events = run_stamps(reading_of(desk), limit=LOOKED_AT)
        if self._events is not None:
            yield from _changed(self._events, events)
        self._events = dict(events)


def _changed(before: Mapping[str, object], now: Mapping[str, object]) -> Iterator[str]:
    return (run_id for run_id, stamp in now.items() if before.get(run_id) != stamp)
