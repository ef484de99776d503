"""Crashes: a process that ends at any effect, and another that goes on from what it left behind.

What a dry run's process leaves is what lies on the disk, so two crashes that leave the same files have
the same future. From each such state a process is played once; every schedule that leads there shares
what came of it.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from cutter_agent.bootstrap.torture.audits import audit, outcome
from cutter_agent.bootstrap.torture.machine import CALLS_MAX, CODE, PROFILE, TEXT, Machine
from cutter_agent.bootstrap.torture.schedules import Wanted, spread
from cutter_agent.errors import Stop
from cutter_agent.orchestrator.effects import Hook
from cutter_agent.rehearsal.memory_disk import Content

SHORT_POINTS_MAX: Final = 4
CRASHES_MAX: Final = 6
POWER_TRIES: Final = 4
_COUNTERS: Final = ("fence", "revision", "sha256")
"""What only counts how often a run was taken up: it is compared, and decides nothing by its size."""

_SAVED: Final = re.compile(r"after fsync folder ictr-[0-9TZ]+-[0-9a-f]{8}\.json")


@dataclass(frozen=True, slots=True)
class Played:
    """How one process ended.

    Attributes:
        over: whether there is nothing left to be done.
        outcome: what came of it then.
        fault: what is wrong with it then, or nothing.
    """

    over: bool
    outcome: str = ""
    fault: str = ""


Play = Callable[[Content, Hook], Played]
"""One process goes on from a content, which it changes in place."""


@dataclass(slots=True)
class Life:
    """What a crash at each effect leaves, until all is done."""

    states: list[str] = field(default_factory=list)
    """The state after each effect, by its digest."""
    names: list[str] = field(default_factory=list)
    end: str = ""
    """The state when the process ended by itself."""
    played: Played = Played(over=False)


class Explorer:
    """Plays processes, each from one state and from each state once; a run is a chain of them."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self._contents: dict[str, Content] = {}
        self._lives: dict[str, Life] = {}
        self._chains: dict[str, Life] = {}
        self.moments: list[Content] = []
        """The disk after each effect of the undisturbed run, with what of it is durable."""
        self.root = self._keep(Content())
        self._undisturbed()

    @property
    def played(self) -> int:
        """How many processes were really played."""
        return len(self._lives)

    def life(self, state: str) -> Life:
        """Everything from this state to the end, as nobody disturbs it."""
        if state not in self._chains:
            chain, here = Life(), state
            for _ in range(CALLS_MAX):
                one = self._one(here)
                chain.states += one.states
                chain.names += one.names
                chain.end, chain.played = one.end, one.played
                if one.played.over or one.end == here:
                    break
                here = one.end
            self._chains[state] = chain
        return self._chains[state]

    def content(self, state: str) -> Content:
        """What lies on the disk in this state."""
        return self._contents[state]

    def verdict(self, state: str) -> str | None:
        """What is bad about the end of a run that goes on from this state."""
        played = self.life(state).played
        if not played.over:
            return "it does not come to its end"
        if played.fault:
            return played.fault
        if played.outcome != self.life(self.root).played.outcome:
            return "it ends otherwise than the undisturbed run"
        return None

    def judge(self, content: Content) -> str | None:
        """The same for a content that no life led to."""
        return self.verdict(self._keep(content))

    def _one(self, state: str) -> Life:
        if state not in self._lives:
            content = self._contents[state].copy()
            life = Life()
            stamps: list[int] = []

            def hook(name: str) -> None:
                same = bool(stamps) and stamps[-1] == content.stamp
                life.states.append(life.states[-1] if same else self._keep(content))
                stamps.append(content.stamp)
                life.names.append(name)

            life.played = self._play(content, hook)
            life.end = self._keep(content)
            self._lives[state] = life
        return self._lives[state]

    def _undisturbed(self) -> None:
        """Play the run once more, undisturbed, and keep the disk as it is after each effect."""
        content = Content()
        for _ in range(CALLS_MAX):
            if self._play(content, lambda _name: self.moments.append(content.copy())).over:
                return

    def _keep(self, content: Content) -> str:
        state = digest_of(content)
        if state not in self._contents:
            self._contents[state] = content.copy()
        return state


def digest_of(content: Content) -> str:
    """The digest of everything on the disk that a process can decide by."""
    digest = hashlib.sha256()
    files = content.files()
    for path in sorted(files):
        data = files[path]
        if "/.heads/" in path:
            data = _head_fits(data, files, path)
        elif path.endswith(".json"):
            data = _without_counters(data)
        digest.update(f"{len(path)}:{path}:{len(data)}:".encode() + data)
    return digest.hexdigest()


def _head_fits(head: bytes, files: dict[str, bytes], path: str) -> bytes:
    """A head says only whether the sidecar beside it is newer, the newest or older."""
    sidecar = files.get(path.replace("/.heads/", "/") + ".json", b"")
    try:
        value = json.loads(sidecar)
        counted, sha256 = head.split()
        return repr((int(counted) - value["revision"], sha256.decode() == value["sha256"])).encode()
    except (ValueError, KeyError, TypeError):
        return head


def _without_counters(sidecar: bytes) -> bytes:
    try:
        value = json.loads(sidecar)
    except ValueError:
        return sidecar
    if isinstance(value, dict):
        for name in _COUNTERS:
            value.pop(name, None)
    return json.dumps(value, sort_keys=True).encode()


def play_dry(content: Content, hook: Hook) -> Played:
    """A person's next step with a dry run, from this content."""
    machine = Machine(content)
    ended = machine.step(hook)
    if ended.result is None or not ended.result.context.over:
        return Played(over=False)
    faults = audit(machine, TEXT.encode(), CODE, PROFILE)
    return Played(over=True, outcome=outcome(ended.result.context), fault="; ".join(faults))


class CrashPoints:
    """A crash at each effect."""

    name = "crash"

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer

    def schedules(self, wanted: Wanted) -> Iterator[str]:
        """Every effect of the undisturbed run."""
        points = len(self._explorer.life(self._explorer.root).states)
        for point in spread(points, SHORT_POINTS_MAX if wanted.short else points):
            yield str(point)

    def run(self, schedule: str) -> str | None:
        """Crash at each of the effects in turn, every time in what goes on; then go on to the end."""
        state = self._explorer.root
        for point in map(int, schedule.split(",")):
            states = self._explorer.life(state).states
            if point > len(states):
                break
            state = states[point - 1]
        return self._explorer.verdict(state)


class CrashPairs(CrashPoints):
    """A crash at each effect, and another at each effect of what goes on from it."""

    name = "crash-pair"

    def schedules(self, wanted: Wanted) -> Iterator[str]:
        """Every pair."""
        explorer = self._explorer
        first = explorer.life(explorer.root).states
        at_most = 3 if wanted.short else len(first)
        for one in spread(len(first), at_most):
            second = len(explorer.life(first[one - 1]).states)
            yield from (
                f"{one},{two}" for two in spread(second, at_most if wanted.short else second)
            )


class RandomCrashes(CrashPoints):
    """Several crashes, at effects that chance chooses."""

    name = "crash-random"

    def schedules(self, wanted: Wanted) -> Iterator[str]:
        """As many as are wanted, from their seed."""
        chance = random.Random(wanted.seed)  # noqa: S311 - schedules that a seed repeats
        points = len(self._explorer.life(self._explorer.root).states)
        for _ in range(wanted.schedules):
            crashes = chance.randrange(2, CRASHES_MAX + 1)
            yield ",".join(str(chance.randrange(1, points + 1)) for _ in range(crashes))


class PowerLoss:
    """The power fails at each effect: only what was fsynced is sure to be there."""

    name = "power"

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer

    def schedules(self, wanted: Wanted) -> Iterator[str]:
        """Each effect, with several ways for the rest to be lost, torn or kept."""
        points = len(self._explorer.life(self._explorer.root).states)
        for point in spread(points, SHORT_POINTS_MAX if wanted.short else points):
            yield from (f"{point}:{wanted.seed}:{way}" for way in range(1, POWER_TRIES + 1))

    def run(self, schedule: str) -> str | None:
        """Lose the power, find nothing acknowledged lost, and go on to the end."""
        point = int(schedule.partition(":")[0])
        explorer = self._explorer
        chance = random.Random(schedule)  # noqa: S311 - as above
        left = explorer.moments[point - 1].without_power(chance)
        return self._lost(point, left) or explorer.judge(left)

    def _lost(self, point: int, left: Content) -> str | None:
        """Say what is gone of the events that were durable when the power failed."""
        explorer = self._explorer
        names = explorer.life(explorer.root).names[:point]
        saved = [n for n, name in enumerate(names) if _SAVED.fullmatch(name)]
        if not saved:
            return None
        before, now = (_events(content) for content in (explorer.moments[saved[-1]], left))
        if now is None:
            return "the sidecar that was durable is torn or gone"
        return None if now[: len(before or ())] == before else "events that were durable are gone"


def _events(content: Content) -> list[str] | None:
    """The events of the one run on this disk, as its store reads them."""
    machine = Machine(content.copy())
    try:
        return [repr(e) for r in machine.run_ids() for e in machine.context(r).history.events]
    except Stop:
        return None
