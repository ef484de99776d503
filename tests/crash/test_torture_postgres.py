"""The torture of live runs, one schedule of each kind; `make torture` plays them all."""

from collections.abc import Iterator

import pytest

from clusters.fixtures import chosen_binaries
from cutter_agent.bootstrap.torture.schedules import Faults, Wanted
from cutter_agent.bootstrap.torture.worlds import faults_of

SHORT = Wanted(3, 7, short=True)


@pytest.fixture(scope="module")
def faults() -> Iterator[Faults]:
    with faults_of("postgres", chosen_binaries().bin_dir) as made:
        yield made


def test_each_fault_has_schedules_here(faults: Faults) -> None:
    assert set(faults) == {"kill", "kill-random", "ack", "race", "drift", "server"}
    assert len(list(faults["kill"]().schedules(Wanted(1, 7)))) > 200


@pytest.mark.parametrize(
    ("fault", "schedule"),
    [
        ("kill", "ready:40"),
        ("kill", "sg2:30"),
        ("kill-random", "sg1:45:12"),
        ("ack", "sg1:3"),
        ("race", "sg1:4:0"),
        ("race", "ready:5:1"),
        ("drift", "source-newer@sg1:20"),
        ("drift", "grant-gone@sg2:10"),
        ("drift", "function-other@sg1:60"),
    ],
)
def test_a_live_run_ends_well_whatever_is_done_to_it(
    faults: Faults, fault: str, schedule: str
) -> None:
    assert faults[fault]().run(schedule) is None


def test_a_process_that_was_not_killed_is_no_kill(faults: Faults) -> None:
    found = faults["kill"]().run("sg1:9999")
    assert found is not None
    assert "was not killed" in found
