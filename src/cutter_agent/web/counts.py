"""Counts of one server in Prometheus' form: numbers and times alone, no name of a person or a document."""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Iterator
from threading import Lock
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily

from cutter_agent.bootstrap.console.inbox import inbox
from cutter_agent.bootstrap.console.recall import recall_of
from cutter_agent.errors import Stop
from cutter_agent.orchestrator.states import OrchestratorState

if TYPE_CHECKING:
    from prometheus_client.core import Metric

    from cutter_agent.bootstrap.console.desks import Desks

READ_S: Final = 5.0
"""So old may the numbers of runs be: a scrape more often costs nothing."""
WAITS_MAX: Final = 1_000
_TIMES_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_DRIVES_S: Final = (0.1, 0.5, 1, 5, 10, 30, 60, 300, 1200, 3600)
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "DELETE"})


class Counts:
    """What this server has answered and driven; each server has counters of its own."""

    def __init__(self, desks: Desks) -> None:
        """Nothing was answered."""
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "cutter_requests",
            "Requests answered.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "cutter_request_seconds",
            "Time to answer.",
            ("route",),
            buckets=_TIMES_S,
            registry=self.registry,
        )
        self._drives = Histogram(
            "cutter_drive_seconds",
            "Time that a run was driven.",
            ("verb", "outcome"),
            buckets=_DRIVES_S,
            registry=self.registry,
        )
        self._hooks = Counter(
            "cutter_webhook_deliveries",
            "Webhook deliveries tried.",
            ("outcome",),
            registry=self.registry,
        )
        self.registry.register(Standings(desks))

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """One request was answered; its route is a pattern, never an address that somebody chose."""
        known = method if method in _METHODS else "other"
        self._requests.labels(route, known, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def drive(self, verb: str, seconds: float, outcome: str) -> None:
        """One run was driven for a while."""
        self._drives.labels(verb, outcome).observe(seconds)

    def delivery(self, outcome: str) -> None:
        """One webhook delivery was tried."""
        self._hooks.labels(outcome).inc()


class Standings:
    """How the deployment's runs stand, read at most every few seconds."""

    def __init__(self, desks: Desks) -> None:
        """Nothing was read yet."""
        self._desks = desks
        self._lock = Lock()
        self._read: tuple[float, tuple[Metric, ...]] | None = None

    def describe(self) -> Iterator[Metric]:
        """Nothing in advance: registering must not open the deployment."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """The numbers; `cutter_up` alone while the database does not answer."""
        with self._lock:
            if self._read is None or time.monotonic() - self._read[0] > READ_S:
                self._read = (time.monotonic(), self._now())
            return iter(self._read[1])

    def _now(self) -> tuple[Metric, ...]:
        up = GaugeMetricFamily("cutter_up", "1 while the database answers.")
        try:
            with self._desks.one() as desk:
                rows = tuple(recall_of(desk).rows(desk))
                waiting = inbox(desk, None, size=WAITS_MAX).rows
        except Stop:
            up.add_metric([], 0)
            return (up,)
        up.add_metric([], 1)
        states = Tally((row.state, row.mode) for row in rows)
        stops = Tally(row.stop_code for row in rows if row.stop_code)
        gates = Tally(item.waits_for for item in waiting)
        by_state = GaugeMetricFamily("cutter_runs", "Runs.", labels=["state", "mode"])
        for state in OrchestratorState:
            for mode in ("dryrun", "live"):
                by_state.add_metric([state.value, mode], states.pop((state.value, mode), 0))
        for (state_name, mode_name), count in states.items():
            by_state.add_metric([state_name, mode_name], count)
        by_stop = GaugeMetricFamily(
            "cutter_runs_stopped", "Runs that stand at a stop.", labels=["code"]
        )
        for code, count in sorted(stops.items()):
            by_stop.add_metric([code], count)
        waits = GaugeMetricFamily("cutter_waits", "Runs that wait.", labels=["for"])
        for name, count in sorted(gates.items()):
            waits.add_metric([name], count)
        left = [item.left_s for item in waiting if item.left_s is not None]
        soonest = GaugeMetricFamily(
            "cutter_wait_left_seconds", "Time that the request which expires first has left."
        )
        if left:
            soonest.add_metric([], min(left))
        return (up, by_state, by_stop, waits, soonest)
