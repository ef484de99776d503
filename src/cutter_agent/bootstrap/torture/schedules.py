"""Schedules: what is done to a run, each with a name that repeats it, and what came of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

BAD_KEPT_MAX: Final = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much is asked for.

    Attributes:
        schedules: of each fault that draws its schedules by chance.
        seed: what chance begins with.
        short: whether what can be enumerated is only sampled.
    """

    schedules: int
    seed: int
    short: bool = False


class Fault(Protocol):
    """One kind of trouble."""

    @property
    def name(self) -> str:
        """The first word of every line that repeats a schedule of it."""

    def schedules(self, wanted: Wanted) -> Iterator[str]:
        """Return the name of every schedule, each one line."""

    def run(self, schedule: str) -> str | None:
        """Play one schedule; return what is bad about its end, or None."""


Faults = Mapping[str, Callable[[], Fault]]
"""Each fault of a world by its name, made when it is first needed."""


@dataclass(slots=True)
class Row:
    """What came of one fault.

    Attributes:
        fault: its name.
        schedules: how many were played.
        bad: how many ended badly.
        findings: the first of those, as the line that repeats it and what was bad.
    """

    fault: str
    schedules: int = 0
    bad: int = 0
    findings: list[tuple[str, str]] = field(default_factory=list)


def play(
    world: str, fault: Fault, wanted: Wanted, on_progress: Callable[[Row], None] | None = None
) -> Row:
    """Every schedule of the fault was played; the row says what came of it."""
    row = Row(fault.name)
    for schedule in fault.schedules(wanted):
        found = fault.run(schedule)
        row.schedules += 1
        if found is not None:
            row.bad += 1
            if len(row.findings) < BAD_KEPT_MAX:
                row.findings.append((f"{world} {fault.name} {schedule}", found))
        if on_progress is not None:
            on_progress(row)
    return row


def spread(count: int, at_most: int) -> range:
    """So many numbers from one to the count, evenly spread, all of them if they are few enough."""
    return range(1, count + 1, max(1, -(-count // max(1, at_most))))
