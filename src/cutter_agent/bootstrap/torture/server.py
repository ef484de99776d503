"""Torture of live runs on a real server: processes killed, answers lost, rights and functions changed."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final

from cutter_agent.bootstrap.torture.live_audits import audit, outcome
from cutter_agent.bootstrap.torture.place import (
    CODE,
    KILLED,
    NEXT_TEXT,
    READY,
    SG_2,
    STAGES,
    Countdown,
    Place,
    Places,
    start,
    wait,
)
from cutter_agent.bootstrap.torture.schedules import Faults, Wanted, spread
from cutter_agent.errors import Stop, StopLockBusy
from cutter_agent.orchestrator.effects import Hook
from cutter_agent.orchestrator.states import OrchestratorState

CLOSED: Final = OrchestratorState.CLOSEOUT_REPORTED
SHORT_POINTS_MAX: Final = 4
KILLS_MAX: Final = 4
RACERS_MAX: Final = 8
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - only folders with random names are made there
MEMORY_BYTES_MIN: Final = 2**30
FAIR: Final = frozenset({0, 10, 11, 14})
"""How a racer may end: it did it, the run waits, the approval was spent, or the run was busy."""


@contextmanager
def postgres_faults(bin_dir: Path | None) -> Iterator[Faults]:
    """The faults of the postgres world, on a server that is started now and thrown away afterwards."""
    from cutter_agent.bootstrap.torture.server_life import ServerKills
    from cutter_agent.postgres.embedded import throwaway_server

    with ExitStack() as stack:
        parent = _roomy()
        folder = Path(stack.enter_context(_folder(parent)))
        server = stack.enter_context(throwaway_server(bin_dir=bin_dir, parent=parent))
        line = Line(Places(server, folder))
        own = ServerKills(bin_dir, folder)
        stack.callback(own.clear)
        yield {
            "kill": lambda: Kills(line),
            "kill-random": lambda: RandomKills(line),
            "ack": lambda: LostAnswers(line),
            "race": lambda: LiveRaces(line),
            "drift": lambda: LiveDrift(line),
            "server": lambda: own,
        }


def _roomy() -> Path | None:
    free = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_BYTES_MIN
    return MEMORY if free and os.access(MEMORY, os.W_OK) else None


@contextmanager
def _folder(parent: Path | None) -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="cutter-torture-", dir=parent)).resolve()
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


class Line:
    """A live run, stage by stage, and what it comes to when nobody disturbs it."""

    def __init__(self, places: Places) -> None:
        """Play the undisturbed run, and remember each effect of its three calls."""
        self.places = places
        self.effects: list[tuple[str, int, str]] = []
        self.expected = ""
        for stage in STAGES:
            with places.at(stage) as place:
                hook = Countdown()
                place.call(stage, hook)
                self.effects += [(stage, n, name) for n, name in enumerate(hook.names, 1)]
                if stage == SG_2:
                    self.expected = outcome(place.context(place.run_ids()[-1]))

    def points(self, wanted: Wanted) -> Iterator[str]:
        """Every effect as `stage:number`, or an even sample."""
        count = len(self.effects)
        for point in spread(count, SHORT_POINTS_MAX if wanted.short else count):
            stage, number, _ = self.effects[point - 1]
            yield f"{stage}:{number}"

    def finished(self, place: Place) -> str | None:
        """Go on with the run to its end; say what is bad about it."""
        run_ids = place.run_ids()
        if len(run_ids) > 1:
            return f"{len(run_ids)} runs of one document"
        try:
            run_id = place.finish(run_ids[0] if run_ids else None)
        except Stop as stop:
            return f"it does not come to its end: {stop.code}: {stop.fact}"
        context = place.context(run_id)
        if context.state is not CLOSED:
            return f"it rests at {context.state}"
        if outcome(context) != self.expected:
            return "it ends otherwise than the undisturbed run"
        return audit(place)


class Kills:
    """A process killed at each effect; another goes on."""

    name = "kill"

    def __init__(self, line: Line) -> None:
        self._line = line

    def schedules(self, wanted: Wanted) -> Iterator[str]:
        """Each effect of each of the three calls."""
        yield from self._line.points(wanted)

    def run(self, schedule: str) -> str | None:
        """Kill there, go on, and find nothing of it."""
        stage, _, number = schedule.partition(":")
        with self._line.places.at(stage) as place:
            status = wait(start(lambda: place.call(stage, Countdown(int(number)))))
            if status != KILLED:
                return f"the process was not killed, it ended with {status}"
            return self._line.finished(place)


class RandomKills(Kills):
    """Process after process killed, at effects that chance chooses."""

    name = "kill-random"

    def schedules(self, wanted: Wanted) -> Iterator[str]:
        """As many as are wanted, from their seed."""
        chance = random.Random(wanted.seed)  # noqa: S311 - schedules that a seed repeats
        longest = max(number for _, number, _ in self._line.effects)
        for _ in range(wanted.schedules):
            kills = chance.randrange(2, KILLS_MAX + 1)
            yield ":".join(
                [
                    chance.choice(STAGES),
                    *(str(chance.randrange(1, longest)) for _ in range(kills)),
                ]
            )

    def run(self, schedule: str) -> str | None:
        """Kill one process after the other, then go on."""
        stage, *numbers = schedule.split(":")
        with self._line.places.at(stage) as place:
            for number in map(int, numbers):
                wait(start(partial(self._go, place, Countdown(number))))
            return self._line.finished(place)

    def _go(self, place: Place, hook: Hook) -> None:
        run_ids = place.run_ids()
        with place.runner(hook) as runner:
            for _ in range(3):
                place.step(runner, run_ids[-1] if run_ids else None)
                run_ids = place.run_ids()


class LostAnswers:
    """The answer to a COMMIT never arrives: it was done, and nobody knows."""

    name = "ack"

    def __init__(self, line: Line) -> None:
        self._line = line

    def schedules(self, wanted: Wanted) -> Iterator[str]:
        """Every commit of the executor and the verifier, call by call."""
        for stage in STAGES:
            commits = self._commits(stage)
            yield from (
                f"{stage}:{number}" for number in spread(commits, 1 if wanted.short else commits)
            )

    def run(self, schedule: str) -> str | None:
        """Lose the answer, go on, and find everything done once."""
        stage, _, number = schedule.partition(":")
        with self._line.places.at(stage) as place:
            self._lose(place, stage, int(number))
            return self._line.finished(place)

    def _commits(self, stage: str) -> int:
        with self._line.places.at(stage) as place:
            return self._lose(place, stage, 0)

    def _lose(self, place: Place, stage: str, number: int) -> int:
        from cutter_agent.bootstrap.torture.middleman import between

        if stage != READY:
            place.sign(place.run_ids()[-1])
        with between(self._line.places.server, place, number) as (front, middleman):
            with suppress(Stop):
                front.call(stage)
            return middleman.commits


class LiveRaces:
    """Two to eight processes do the same at once, and the lock that keeps them apart is off."""

    name = "race"

    def __init__(self, line: Line) -> None:
        self._line = line

    def schedules(self, wanted: Wanted) -> Iterator[str]:
        """Stage after stage, with as many racers as chance says."""
        chance = random.Random(wanted.seed)  # noqa: S311 - races that a seed repeats, but for their timing
        for number in range(3 if wanted.short else max(3, wanted.schedules)):
            yield f"{STAGES[number % 3]}:{chance.randrange(2, RACERS_MAX + 1)}:{number}"

    def run(self, schedule: str) -> str | None:
        """One does it; the others do nothing, and the run goes on to its end."""
        stage, racers, _ = schedule.split(":")
        with self._line.places.at(stage) as place:
            if stage != READY:
                place.sign(place.run_ids()[-1])
            statuses = self._race(place, stage, int(racers))
            if not set(statuses) <= FAIR:
                return f"racers ended with {sorted(set(statuses) - FAIR)}"
            if stage != READY:
                return self._line.finished(place)
            held = place.rows("SELECT run_id::text FROM cutter_governance.run WHERE holds_document")
            if len(held) != 1:
                return f"{len(held)} runs hold the document"
            place.finish(str(held[0][0]))
            return audit(place)

    def _race(self, place: Place, stage: str, racers: int) -> list[int]:
        reader, writer = os.pipe()

        def race() -> None:
            os.read(reader, 1)
            unlock()
            place.call(stage)

        children = [start(race) for _ in range(racers)]
        os.write(writer, b"." * racers)
        statuses = [wait(child) for child in children]
        os.close(reader)
        os.close(writer)
        return statuses


def unlock() -> None:
    """In this process the lock on a run is always free: only fence, keys and constraints are left."""
    from cutter_agent.postgres import live_site

    live_site.__dict__["_DRIVE_LOCK"] = "SELECT %(run_id)s::text IS NOT NULL"


CHANGES: Final[dict[str, str]] = {
    "vocab-more": "INSERT INTO iu.vocabulary (kind) VALUES ('another')",
    "function-other": "ALTER FUNCTION cutter_governance.fn_run_claim SET work_mem = '8MB'",
    "function-more": (
        "CREATE FUNCTION cutter_governance.fn_another() RETURNS int LANGUAGE sql AS 'SELECT 1'"
    ),
    "grant-more": "GRANT EXECUTE ON FUNCTION cutter_governance.fn_run_claim TO PUBLIC",
    "grant-gone": "REVOKE EXECUTE ON FUNCTION cutter_governance.fn_switch_arm FROM cutter_admin",
    "role-more": "GRANT pg_read_all_data TO cutter_reader",
}
"""What a superuser changes under a run, each seen by the fingerprints or the grant matrix."""
NEWER: Final = "source-newer"


class LiveDrift:
    """A superuser changes a fact at an effect, also inside the writing transaction."""

    name = "drift"

    def __init__(self, line: Line) -> None:
        self._line = line

    def schedules(self, wanted: Wanted) -> Iterator[str]:
        """Every change at every effect."""
        for change in (NEWER, *CHANGES):
            yield from (f"{change}@{point}" for point in self._line.points(wanted))

    def run(self, schedule: str) -> str | None:
        """Seen before the enactment is judged, it stops the run; a run that ends well ended before."""
        change, _, point = schedule.partition("@")
        stage, _, number = point.partition(":")
        with self._line.places.at(stage) as place:
            changed: list[str] = []

            def work() -> None:
                with suppress(StopLockBusy):
                    if change == NEWER:
                        place.add(CODE, NEXT_TEXT)
                    else:
                        place.change(CHANGES[change])
                    changed.append(change)

            hook = Countdown(int(number), work)
            code = self._played(place, stage, hook)
            try:
                return self._judged(place, (stage, int(number)), code, changed=bool(changed))
            finally:
                # Roles belong to the server, and the next place stands on the same.
                if change == "role-more":
                    place.change("REVOKE pg_read_all_data FROM cutter_reader")

    def _played(self, place: Place, stage: str, hook: Hook) -> str:
        """The calls from this stage on, as long as they get on; the last stop's code."""
        for each in STAGES[STAGES.index(stage) :]:
            try:
                place.call(each, hook if each == stage else Countdown())
            except Stop as stop:
                return stop.code
            stop_of = place.context(place.run_ids()[-1]).stop
            if stop_of is not None and stop_of.code != "STOP_APPROVAL_REQUIRED":
                return stop_of.code
        return ""

    def _judged(self, place: Place, at: tuple[str, int], code: str, *, changed: bool) -> str | None:
        context = place.context(place.run_ids()[-1])
        # Changed before the pin, the newer source is the one that is cut.
        found = audit(place) and audit(place, text=NEXT_TEXT)
        if found is not None or not changed:
            return found
        if context.state is CLOSED:
            return f"changed at {at[0]}:{at[1]}, and it closed out" if self._seen(at) else None
        return None if code.startswith("STOP_") else f"it neither ends nor stops: {context.state}"

    def _seen(self, at: tuple[str, int]) -> bool:
        """Whether the run had pinned its facts and was still to judge its enactment."""
        names = [(stage, number, name) for stage, number, name in self._line.effects]
        order = {(stage, number): place for place, (stage, number, _) in enumerate(names)}
        pinned = next(
            n for n, e in enumerate(names) if e[2] == "after commit" or "append phase" in e[2]
        )
        enacted = next(n for n, e in enumerate(names) if e[2] == "after enact")
        return pinned < order[at] < enacted
