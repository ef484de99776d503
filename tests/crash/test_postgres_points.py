"""Kill a live run at every effect; another process takes it to the end, and nothing shows of it.

CUTTER_CRASH_POINTS=all runs every point; unset, an even sample that CUTTER_CRASH_SEED chooses.
"""

import itertools
import os
import random
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest
from tests.audit import audit, outcome
from tests.live import Deployed, approve, finish
from tests.runs import CHARTER, CHARTER_2, CODE
from tests.stages import READY, SG_1, SG_2, Stages, staged

from cutter_agent.errors import Stop, StopApprovalRequired
from cutter_agent.orchestrator import Mode, OrchestratorState
from cutter_agent.postgres.embedded import Server
from sidecars import children

FILE_POINTS, OTHER_POINTS = 4, 16
FILE_WORK = ("write ", "fsync ", "rename ")
KILLED = -9
CALLS = (READY, SG_1, SG_2)

Point = tuple[str, int, str]
"""The stage that the call begins at, the number of the effect in it, and its name."""


class Countdown:
    """Counts effects, and kills this process at the chosen one."""

    def __init__(self, kill_at: int = 0) -> None:
        self.kill_at = kill_at
        self.names: list[str] = []

    def __call__(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self.kill_at:
            children.die()


def one_call(deployed: Deployed, stages: Stages, stage: str, hook: Countdown) -> None:
    """The call that leads from this stage to the next."""
    with deployed.runner(hook) as runner, suppress(StopApprovalRequired):
        if stage == READY:
            runner.cut(document_id=CODE, mode=Mode.LIVE)
        else:
            approve(deployed, runner, stages.run_id)


@pytest.fixture(scope="module")
def stages(cluster: Server) -> Iterator[Stages]:
    with staged(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def undisturbed(stages: Stages) -> tuple[object, list[Point]]:
    """What a run comes to that nobody kills, and every point where one can be killed."""
    points = []
    for stage in CALLS:
        hook = Countdown()
        with stages.at(stage) as deployed:
            one_call(deployed, stages, stage, hook)
            if stage == SG_2:
                expected = outcome(deployed.context(stages.run_id))
        points += [(stage, place, name) for place, name in enumerate(hook.names, start=1)]
    return expected, points


def chosen(points: list[Point]) -> list[Point]:
    """All points, or an even sample; a file's points are many and alike, so fewer of them."""
    if os.environ.get("CUTTER_CRASH_POINTS") == "all":
        return points
    seed = int(os.environ.get("CUTTER_CRASH_SEED") or random.randrange(10_000))  # noqa: S311 - a sample
    chance = random.Random(seed)  # noqa: S311 - a sample
    of_files = [p for p in points if p[2].split(" ", 1)[1].startswith(FILE_WORK)]
    others = [p for p in points if p not in of_files]
    sample = spread(of_files, FILE_POINTS, chance) + spread(others, OTHER_POINTS, chance)
    sys.stdout.write(f"CUTTER_CRASH_SEED={seed}: {len(sample)} of {len(points)} points\n")
    return sample


def spread(points: list[Point], count: int, chance: random.Random) -> list[Point]:
    """One point of each of so many stretches of equal length."""
    ends = [len(points) * place // count for place in range(count + 1)]
    return [points[chance.randrange(a, b)] for a, b in itertools.pairwise(ends)]


def killed_and_finished(stages: Stages, stage: str, place: int) -> object:
    """What a run comes to that was killed there and then taken on by other processes."""
    with stages.at(stage) as deployed:
        status = children.run(lambda: one_call(deployed, stages, stage, Countdown(place)))
        assert status == KILLED
        begun = deployed.run_ids()
        assert len(begun) <= 1
        result = finish(deployed, begun[0] if begun else None)
        assert result.state is OrchestratorState.CLOSEOUT_REPORTED
        audit(deployed, CHARTER)
        return outcome(deployed.context(result.run_id))


def test_every_kill_leaves_a_run_that_ends_as_if_nothing_had_happened(
    stages: Stages, undisturbed: tuple[object, list[Point]]
) -> None:
    expected, points = undisturbed
    assert len(points) > 200
    bad = []
    for stage, place, name in chosen(points):
        try:
            if killed_and_finished(stages, stage, place) != expected:
                bad.append((stage, place, name, "another outcome"))
        except (AssertionError, Stop) as error:
            bad.append((stage, place, name, f"{type(error).__name__}: {error}"[:300]))
    assert bad == []


def test_what_changes_after_the_enactment_does_not_keep_a_run_from_its_closeout(
    stages: Stages, undisturbed: tuple[object, list[Point]]
) -> None:
    """The units are in force; a run that stopped now would leave them without a report."""
    names = [name for stage, _, name in undisturbed[1] if stage == SG_2]
    committed = (
        names.index("after enact")
        + 1
        + names[names.index("after enact") :].index("after transaction")
    )
    with stages.at(SG_2) as deployed:
        work = Countdown(committed)
        assert children.run(lambda: one_call(deployed, stages, SG_2, work)) == KILLED
        assert deployed.context(stages.run_id).state is OrchestratorState.LIFECYCLE_ENACTED
        deployed.add(CHARTER_2)
        result = finish(deployed, stages.run_id)
        assert result.state is OrchestratorState.CLOSEOUT_REPORTED
        audit(deployed, CHARTER)
