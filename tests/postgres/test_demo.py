"""The demo, played for real: a server of its own, a dry run, a live cut with two signatures."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cutter_agent.bootstrap import Home, open_desk
from cutter_agent.bootstrap.demo import play
from cutter_agent.bootstrap.founding import DEMO_MARK, founding_lock
from cutter_agent.bootstrap.settings import Settings, read_settings, write_settings
from cutter_agent.errors import StopRefusedInput
from cutter_agent.orchestrator.line import LINE
from cutter_agent.orchestrator.result import RunResult
from cutter_agent.postgres.cluster import cluster_root
from cutter_agent.postgres.embedded import await_stopped
from deployments import Deployment

CUTTER = str(Path(sys.executable).with_name("cutter"))
STATES = [step.reaches.value for step in LINE]


class Silent:
    """Watches without a word, and leaves when it hears a certain step for the n-th time."""

    def __init__(self, leaves_at: str = "", times: int = 1) -> None:
        self.left = times
        self.leaves_at = leaves_at

    def scene(self, sentence: str) -> None:
        pass

    def step(self, name: str) -> None:
        if name == self.leaves_at:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt

    def finished(self, result: RunResult) -> None:
        assert result.stop_code is None


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """A home under a long path with spaces and letters of another script; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="cutter-demo-"))
    root = Home(folder / ("a long name " * 9).strip() / "hiến chương" / "home")
    yield root
    await_stopped(cluster_root(root.root))
    shutil.rmtree(cluster_root(root.root), ignore_errors=True)
    shutil.rmtree(folder)


@dataclass(frozen=True)
class Plays:
    """Two demos, one after the other, in one home: what the first left, and what the second said."""

    left_armed: bool
    left_by: str
    left_runs: frozenset[str]
    document: dict[str, Any]


@pytest.fixture(scope="module")
def plays(home: Home) -> Plays:
    """One demo is interrupted in the middle of its live cut, the next one is a process of its own."""
    environ = {"CUTTER_HOME": str(home.root)}
    with pytest.raises(KeyboardInterrupt):
        play(environ, Silent("cut_leg_a", times=2))
    with open_desk(environ) as desk:
        switch, runs = desk.switch(), frozenset(desk.run_ids())
    done = subprocess.run(
        (CUTTER, "demo", "--json"),
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return Plays(switch.armed, switch.actor, runs, json.loads(done.stdout))


@pytest.fixture
def demo(
    home: Home,
    plays: Plays,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Deployment:
    """The home, with a demo in it that was played to its end."""
    environ = {"CUTTER_HOME": str(home.root)}
    monkeypatch.setenv("CUTTER_HOME", environ["CUTTER_HOME"])
    return Deployment(home, environ, capsys)


def test_an_interrupted_demo_leaves_the_switch_disarmed(plays: Plays) -> None:
    assert (plays.left_armed, plays.left_by) == (False, "carol")
    assert len(plays.left_runs) == 2


def test_the_next_demo_begins_anew_and_comes_to_its_end_twice(
    plays: Plays, demo: Deployment
) -> None:
    played = plays.document
    dry, live = played["dry_run"], played["live_run"]
    assert not plays.left_runs & {dry["run_id"], live["run_id"]}
    assert (dry["schema"], live["schema"]) == ("cutter.run/1", "cutter.run/1")
    assert (dry["mode"], live["mode"]) == ("dryrun", "live")
    for each in (dry, live):
        assert (each["state"], each["stop_code"], each["exit_status"]) == (
            "closeout_reported",
            None,
            0,
        )
        assert (each["pins"]["candidate_count"], each["pins"]["excluded_count"]) == (60, 4)
        assert each["pins"]["unaccounted_bytes"] == 0
        assert each["pins"]["lifecycle_enacted_count"] == 60
        assert (
            len(each["documents"]) - sum(d["name"].startswith("STOP-") for d in each["documents"])
            == 13
        )
    assert dry["pins"]["manifest_digest"] == live["pins"]["manifest_digest"]
    assert "OWN_TX_NO_XID + CONTENT_EQUAL" in dry["non_mutation"]["level"]
    assert [each["persons"] for each in live["approvals"]] == [["alice"], ["bob"]]
    assert played["switch_armed"] is False


def test_a_demo_leaves_a_sound_deployment_that_writes_nothing_live(demo: Deployment) -> None:
    settings = read_settings(demo.home)
    assert (settings.demo, settings.operator) == (True, "carol")
    assert settings.execution_enabled
    assert demo.cutter("cut", "ICX-CONST", "--live").status == 15
    assert demo.json("doctor")["ok"] is True
    for run_id in demo.json("runs", "list")["runs"][:2]:
        folder = demo.home.runs / run_id["run_id"]
        names = [path.name for path in folder.glob("*.md") if not path.name.startswith("STOP-")]
        assert len(names) == 13
        assert run_id["run_id"] in (demo.home.runs / "runs-index.md").read_text()


def test_the_demo_tells_its_story_to_people(demo: Deployment) -> None:
    told = demo.cutter("demo")
    assert told.status == 0, told
    dry, live = told.out.split("\n\n")[:2]
    for part in (dry, live):
        words = " ".join(part.split())
        rail = [word for word in words.split(" ") if word in STATES]
        assert rail[: len(STATES)] == STATES
        for said in ("candidate_count 60", "excluded 4", "0 bytes unaccounted"):
            assert said in words
        assert "State closeout_reported" in words
        assert str(demo.home.runs) in part
    assert "non-mutation: OWN_TX_NO_XID + CONTENT_EQUAL" in dry
    assert "SG_1_cut_authz by alice; SG_2_lifecycle_authz by bob" in live
    assert "execution switch is armed" in told.err
    assert "disarmed" in told.out


def test_two_demos_never_play_in_one_home(demo: Deployment) -> None:
    with founding_lock(demo.home):
        answered = demo.cutter("demo", "--json")
    assert (answered.status, answered.document["code"]) == (14, "STOP_LOCK_BUSY")
    assert answered.document["remedy"].startswith("cutter demo")
    assert len(demo.json("runs", "list")["runs"]) >= 2


def test_an_outside_server_is_never_a_demo_s(demo: Deployment) -> None:
    with pytest.raises(StopRefusedInput, match="CUTTER_DATABASE_URL"):
        play({**demo.environ, "CUTTER_DATABASE_URL": "postgresql://h/d"}, Silent())


class TestNeverTouches:
    """Each case lies in a home of its own, and no server is started."""

    @pytest.fixture
    def other(
        self,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> Deployment:
        home = Home(tmp_path / "home")
        monkeypatch.setenv("CUTTER_HOME", str(home.root))
        return Deployment(home, {"CUTTER_HOME": str(home.root)}, capsys)

    def refused(self, other: Deployment) -> str:
        before = {
            path: path.read_bytes() for path in other.home.root.rglob("*.*") if path.is_file()
        }
        answered = other.cutter("demo", "--json")
        assert (answered.status, answered.document["code"]) == (22, "STOP_REFUSED_INPUT")
        after = {path: path.read_bytes() for path in other.home.root.rglob("*.*") if path.is_file()}
        assert after == before
        assert not cluster_root(other.home.root).exists()
        fact: str = answered.document["fact"]
        assert "ANOTHER_FOLDER cutter demo" in answered.document["remedy"]
        return fact

    def test_a_real_deployment(self, other: Deployment) -> None:
        write_settings(other.home, Settings(operator="carol"))
        assert "real deployment" in self.refused(other)

    def test_what_a_lost_settings_file_left(self, other: Deployment) -> None:
        other.home.keys.mkdir(parents=True)
        (other.home.keys / "executor.key").write_text("precious")
        assert "without settings" in self.refused(other)

    def test_a_folder_of_something_else(self, other: Deployment) -> None:
        other.home.root.mkdir()
        (other.home.root / "letters.txt").write_text("precious")
        assert "letters.txt" in self.refused(other)

    def test_init_never_takes_a_demo_s_data_for_real(self, other: Deployment) -> None:
        cluster = cluster_root(other.home.root)
        cluster.mkdir(parents=True)
        (cluster / DEMO_MARK).touch()
        try:
            answered = other.cutter("init", "--json")
            assert (answered.status, answered.document["code"]) == (22, "STOP_REFUSED_INPUT")
            assert answered.document["remedy"] == f"rm -r {cluster}; cutter init"
            assert not other.home.exists
        finally:
            shutil.rmtree(cluster)

    def test_a_deployment_whose_demo_mark_is_not_its_own(self, other: Deployment) -> None:
        other.home.root.mkdir()
        (other.home.root / DEMO_MARK).write_text("")
        self.refused(other)


def test_nothing_secret_is_in_the_arguments_or_the_environment_of_any_process(
    demo: Deployment,
) -> None:
    with open_desk(demo.environ) as desk:
        desk.switch_armed()
        secrets = [path.read_text() for path in demo.home.secrets.iterdir()]
        secrets.append(
            (cluster_root(demo.home.root) / "superuser.pgpass").read_text().split(":")[-1]
        )
        for process in Path("/proc").iterdir():
            for name in ("cmdline", "environ"):
                try:
                    text = (process / name).read_bytes()
                except OSError:
                    continue
                assert not [s for s in secrets if s.strip().encode() in text]
