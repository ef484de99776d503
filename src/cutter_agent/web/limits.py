"""Limits on how often somebody may try to sign in."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final

TRIES_A_MINUTE: Final = 20
PLACES_MAX: Final = 10_000
_MINUTE_S: Final = 60.0


class Tries:
    """How often each address tried within the last minute."""

    def __init__(
        self, tries_max: int = TRIES_A_MINUTE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Nobody has tried."""
        self._tries_max = tries_max
        self._clock = clock
        self._lock = Lock()
        self._tried: OrderedDict[str, list[float]] = OrderedDict()

    def once_more(self, place: str) -> float:
        """Count a try; return how many seconds to wait, 0 if it may be made now."""
        now = self._clock()
        with self._lock:
            tried = [at for at in self._tried.pop(place, []) if now - at < _MINUTE_S]
            wait_s = 0.0 if len(tried) < self._tries_max else _MINUTE_S - (now - tried[0])
            self._tried[place] = tried if wait_s else [*tried, now]
            while len(self._tried) > PLACES_MAX:
                self._tried.popitem(last=False)
        return wait_s
