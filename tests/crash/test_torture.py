"""The torture that ships, in its short form: nothing ends badly, the canary is caught, a line repeats a schedule."""

import json
from collections.abc import Callable

import pytest
from tests.deployments import Answered

from cutter_agent.bootstrap.approvals import simulated_approval
from cutter_agent.bootstrap.torture import answers, crashes, races, trouble
from cutter_agent.bootstrap.torture.canary import play_naive
from cutter_agent.bootstrap.torture.crashes import CrashPoints, Explorer, Played, play_dry
from cutter_agent.bootstrap.torture.schedules import Fault, Wanted, play, spread
from cutter_agent.bootstrap.torture.worlds import canary, faults_of, replay, torture
from cutter_agent.cli.main import run
from cutter_agent.errors import StopInvariantFailed, StopRefusedInput
from cutter_agent.orchestrator.effects import Hook
from cutter_agent.rehearsal.memory_disk import Content, Inode

SHORT = Wanted(4, 7, short=True)
WHOLE = Wanted(4, 7)


@pytest.fixture(scope="module")
def explorer() -> Explorer:
    return Explorer(play_dry)


def test_a_dry_run_that_is_crashed_at_any_effect_ends_like_the_undisturbed_one(
    explorer: Explorer,
) -> None:
    row = play("rehearsal", CrashPoints(explorer), WHOLE)
    assert row.findings == []
    assert row.schedules > 300


@pytest.mark.parametrize(
    "fault",
    [
        crashes.CrashPairs,
        crashes.RandomCrashes,
        crashes.PowerLoss,
        trouble.Drift,
        trouble.WrongClock,
        trouble.BrokenDisk,
        answers.Sidecars,
        answers.Duplicates,
        races.Races,
    ],
)
def test_no_fault_that_needs_the_undisturbed_run_does_harm(
    explorer: Explorer, fault: type[Fault]
) -> None:
    row = play("rehearsal", fault(explorer), SHORT)  # type: ignore[call-arg]
    assert row.findings == []
    assert row.schedules >= 4


@pytest.mark.parametrize("fault", [trouble.LostSink, answers.Forgeries])
def test_no_other_fault_does_harm(fault: type[Fault]) -> None:
    row = play("rehearsal", fault(), SHORT)
    assert row.findings == []
    assert row.schedules >= 13


def test_the_canary_is_caught_where_it_commits_and_has_not_said_so() -> None:
    row = canary(WHOLE)
    assert 0 < row.bad < row.schedules
    life = Explorer(play_naive).life
    names = life(Explorer(play_naive).root).names
    first_bad = int(row.findings[0][0].rpartition(" ")[2])
    assert names[first_bad - 1] == "after rename database"


def test_every_fault_of_the_world_has_a_test_here() -> None:
    with faults_of("rehearsal", None) as faults:
        assert set(faults) == {
            *("crash", "crash-pair", "crash-random", "power", "drift", "clock", "disk"),
            *("sink", "sidecar", "duplicate", "forged", "race"),
        }


class Doubling:
    """A player that forgets what it did: the harness must see it."""

    def __init__(self) -> None:
        self.lives = 0

    def __call__(self, content: Content, hook: Hook) -> Played:
        self.lives += 1
        hook("before effect")
        content.stamp += 1
        content.folders.setdefault("/", {})
        return Played(over=True, outcome=str(self.lives))


def test_another_outcome_is_bad() -> None:
    explorer = Explorer(Doubling())
    left = Content()
    left.folders["/x"] = {"file": 1}
    left.inodes[1] = Inode(b"left behind")
    assert explorer.judge(left) == "it ends otherwise than the undisturbed run"


def test_a_line_repeats_a_schedule_and_nonsense_is_refused() -> None:
    assert replay("rehearsal crash 37") == ("crash", None)
    for line in ("", "rehearsal", "rehearsal crash", "rehearsal cough 1", "mars crash 1"):
        with pytest.raises(StopRefusedInput):
            replay(line)
    with pytest.raises(StopRefusedInput, match="no schedule of sidecar"):
        replay("rehearsal sidecar nonsense")


def test_a_spread_is_even_and_has_no_more_than_was_asked_for() -> None:
    assert list(spread(10, 100)) == list(range(1, 11))
    assert len(spread(1_000, 7)) <= 7
    assert list(spread(0, 0)) == []


Ask = Callable[..., Answered]


@pytest.fixture
def asked(capsys: pytest.CaptureFixture[str]) -> Ask:
    def ask(*words: str) -> Answered:
        status = run(("torture", "--short", "--schedules", "2", "--only", "crash", *words))
        said = capsys.readouterr()
        return Answered(status, said.out, said.err)

    return ask


def test_the_command_answers_as_its_contract_says(asked: Ask) -> None:
    answered = asked("--ndjson")
    assert answered.status == 0
    event, result = [json.loads(line) for line in answered.out.splitlines()]
    assert (event["event"], event["fault"]) == ("row", "crash")
    document = result["result"]
    assert document["schema"] == "cutter.torture/1"
    assert (document["seed"], document["world"], document["bad"]) == (7, "rehearsal", 0)
    assert document["rows"] == [{"fault": "crash", "schedules": 4, "bad": 0}]
    assert document["canary"]["caught"] > 0


def test_a_canary_that_is_not_caught_is_a_failure(
    asked: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cutter_agent.bootstrap.torture.canary.row_faults", lambda *_a, **_n: ())
    answered = asked()
    assert answered.status == StopInvariantFailed.exit_status
    assert "not caught" in answered.out


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(StopRefusedInput, match="cough is no fault"):
        torture("rehearsal", SHORT, only=["cough"])


def test_a_process_that_was_overtaken_appends_nothing_more() -> None:
    machine = answers.paused("sg1")
    machine.disk.ignores_claims = True
    run_id = machine.run_ids()[-1]
    approval = simulated_approval(machine.newest(), machine.now_utc())
    overtaken: list[str] = []

    def hook(name: str) -> None:
        if name == "before create_drafts" and not overtaken:
            overtaken.append(name)
            machine.runner().resume(run_id, approval)

    result = machine.runner(hook).resume(run_id, approval)
    assert result.stop_code == "STOP_LOCK_BUSY"
    machine.disk.ignores_claims = False
    machine.finish()
    assert trouble.audited(machine) is None
