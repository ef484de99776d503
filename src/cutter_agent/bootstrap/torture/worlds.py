"""The worlds that can be tortured, their faults in order, and the table that comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cutter_agent.bootstrap.torture.schedules import Faults, Row, Wanted, play
from cutter_agent.errors import StopRefusedInput

WORLDS: Final = ("rehearsal", "postgres")


@dataclass(frozen=True, slots=True)
class Table:
    """What came of a torture."""

    world: str
    seed: int
    rows: tuple[Row, ...]
    canary: Row

    @property
    def bad(self) -> int:
        """How many schedules ended badly."""
        return sum(row.bad for row in self.rows)

    @property
    def held(self) -> bool:
        """True if nothing ended badly, and the canary did."""
        return self.bad == 0 and self.canary.bad > 0


def torture(
    world: str,
    wanted: Wanted,
    *,
    only: Sequence[str] = (),
    bin_dir: Path | None = None,
    on_progress: Callable[[Row], None] | None = None,
    on_row: Callable[[Row], None] | None = None,
) -> Table:
    """Every fault of the world was played, and the canary under the same crashes.

    Args:
        world: rehearsal or postgres.
        wanted: how many schedules, and their seed.
        only: names of faults; all, if there is none.
        bin_dir: the server programs of the postgres world.
        on_progress: told of the row after each schedule.
        on_row: told of each finished row.

    Raises:
        StopRefusedInput: there is no such world or fault.
    """
    rows = []
    with faults_of(world, bin_dir) as faults:
        unknown = sorted(set(only) - set(faults))
        if unknown:
            raise StopRefusedInput(
                f"{', '.join(unknown)} is no fault of the {world} world",
                expected=", ".join(faults),
                remedy="cutter torture --help",
            )
        for name in only or faults:
            rows.append(play(world, faults[name](), wanted, on_progress))
            if on_row is not None:
                on_row(rows[-1])
    return Table(world, wanted.seed, tuple(rows), canary(wanted))


def canary(wanted: Wanted) -> Row:
    """What came of the naive writer, crashed at each of its effects and judged by the same audit."""
    from cutter_agent.bootstrap.torture.canary import play_naive
    from cutter_agent.bootstrap.torture.crashes import CrashPoints, Explorer

    every = Wanted(wanted.schedules, wanted.seed)
    return play("rehearsal", CrashPoints(Explorer(play_naive)), every)


def replay(line: str, *, bin_dir: Path | None = None) -> tuple[str, str | None]:
    """Play the one schedule that the line names; return its fault, and what was bad or None.

    Raises:
        StopRefusedInput: the line names none.
    """
    world, _, rest = line.strip().partition(" ")
    name, _, schedule = rest.partition(" ")
    with faults_of(world, bin_dir) as faults:
        if name not in faults or not schedule:
            raise StopRefusedInput(
                f"{line[:80]!a} names no schedule",
                expected="a line that cutter torture printed: WORLD FAULT SCHEDULE",
                remedy="cutter torture --help",
            )
        try:
            return name, faults[name]().run(schedule)
        except (ValueError, KeyError, IndexError) as error:
            raise StopRefusedInput(
                f"{schedule[:80]!a} is no schedule of {name}",
                expected="a line that cutter torture printed",
                remedy="cutter torture --help",
            ) from error


def faults_of(world: str, bin_dir: Path | None) -> AbstractContextManager[Faults]:
    """The faults of the world, while it stands.

    Raises:
        StopRefusedInput: there is no such world.
    """
    if world == "rehearsal":
        return _rehearsal()
    if world == "postgres":
        from cutter_agent.bootstrap.torture.server import postgres_faults

        return postgres_faults(bin_dir)
    raise StopRefusedInput(
        f"there is no world {world[:40]!a}",
        expected=" or ".join(WORLDS),
        remedy="cutter torture --help",
    )


@contextmanager
def _rehearsal() -> Iterator[Faults]:
    from cutter_agent.bootstrap.torture import answers, crashes, races, trouble

    explorer = crashes.Explorer(crashes.play_dry)
    yield {
        "crash": lambda: crashes.CrashPoints(explorer),
        "crash-pair": lambda: crashes.CrashPairs(explorer),
        "crash-random": lambda: crashes.RandomCrashes(explorer),
        "power": lambda: crashes.PowerLoss(explorer),
        "drift": lambda: trouble.Drift(explorer),
        "clock": lambda: trouble.WrongClock(explorer),
        "disk": lambda: trouble.BrokenDisk(explorer),
        "sink": trouble.LostSink,
        "sidecar": lambda: answers.Sidecars(explorer),
        "duplicate": lambda: answers.Duplicates(explorer),
        "forged": answers.Forgeries,
        "race": lambda: races.Races(explorer),
    }
