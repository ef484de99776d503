"""A home for a worker elsewhere holds what driving takes, and nobody's secret beside."""

from pathlib import Path

import pytest
from tests.live import Deployed, deploy
from tests.runs import CHARTER, CODE

from clusters.databases import Database
from cutter_agent.bootstrap.home import HOME_VARIABLE
from cutter_agent.bootstrap.outfit import outfit
from cutter_agent.bootstrap.settings import DatabaseSettings, Settings
from cutter_agent.bootstrap.working import hand_over, install_queue
from cutter_agent.cli.main import run
from cutter_agent.errors import StopRefusedInput
from cutter_agent.worker.loop import Worker

FILES = {
    "keys/backup-recipients.txt",
    "keys/executor.key",
    "keys/verifier.key",
    "secrets/cutter_exec.pass",
    "secrets/cutter_reader.pass",
    "secrets/cutter_verify.pass",
    "settings.toml",
    "trust/policy.json",
}


@pytest.fixture
def deployed(database: Database, tmp_path: Path) -> Deployed:
    made = deploy(database, tmp_path, source=CHARTER)
    with made.desk() as desk:
        install_queue(desk.access)
    return made


def files_in(folder: Path) -> set[str]:
    """Every file below the folder that is no lock, by its path from there."""
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if not name.startswith(".")}


def test_a_worker_drives_from_a_home_that_holds_three_passwords_and_no_persons_key(
    deployed: Deployed, tmp_path: Path
) -> None:
    place = tmp_path / "elsewhere"
    with deployed.desk() as desk:
        assert set(outfit(desk, place)) == FILES
        assert files_in(place) == FILES
        assert all(path.stat().st_mode & 0o077 == 0 for path in place.rglob("*"))
        run_id, _ = hand_over(desk, CODE)
    environ = {**deployed.environ, HOME_VARIABLE: str(place)}
    assert Worker(environ, 1, lambda kind, fields: None, drain=True).run().driven == 1
    assert deployed.context(run_id).state.value == "awaiting_cut_authorization"
    assert (place / "runs" / run_id).is_dir()
    assert not (deployed.home.runs / run_id).exists()


def test_a_folder_in_use_and_a_server_for_this_machine_alone_are_refused(
    deployed: Deployed,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in deployed.environ.items():
        monkeypatch.setenv(name, value)
    assert run(("worker", "--outfit", str(tmp_path), "--json")) == StopRefusedInput.exit_status
    assert "is not empty" in capsys.readouterr().out
    with deployed.desk() as desk:
        desk.settings = Settings(operator="carol", database=DatabaseSettings())
        with pytest.raises(StopRefusedInput, match="this machine only"):
            outfit(desk, tmp_path / "new")
    assert not (tmp_path / "new").exists()
