"""Approvers are witnesses: a log that was rewritten since they last looked gets no signature of theirs."""

from pathlib import Path

import pytest
from tests.live import Deployed, cut_live, deploy, sql_as_owner

from clusters.databases import Database
from cutter_agent.bootstrap.approvals import waiting
from cutter_agent.bootstrap.witness import remember, witness
from cutter_agent.errors import StopEvidenceMismatch
from cutter_agent.orchestrator import Mode
from runs import CHARTER, CHARTER_2, CODE

LOG = "cutter_governance.transparency_log"
REWRITTEN = (
    f"ALTER TABLE {LOG} DISABLE TRIGGER ALL",
    f"UPDATE {LOG} SET payload = payload || '\\x20' WHERE seq = 0",
)


@pytest.fixture
def deployed(database: Database, tmp_path: Path) -> Deployed:
    return deploy(database, tmp_path, source=CHARTER)


def asked(deployed: Deployed, mode: Mode = Mode.LIVE) -> bytes:
    """The request of a new run of the document."""
    with deployed.runner() as runner:
        run = runner.cut(document_id=CODE, mode=mode).run_id
    return waiting(deployed.context(run)).body


def test_a_log_that_grew_is_taken_and_one_that_was_rewritten_is_not(
    deployed: Deployed, tmp_path: Path
) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path / "state")}
    cut_live(deployed)
    with deployed.desk() as desk:
        first = "4:"
        deployed.add(CHARTER_2)
        request = asked(deployed)
        head = witness(desk, request, "alice", environ)
        assert head is not None
        assert head.startswith(first)
        remember(desk, head, "alice", environ)
        assert witness(desk, request, "alice", environ) == head
        sql_as_owner(deployed.database, *REWRITTEN)
        with pytest.raises(StopEvidenceMismatch, match="that the request names"):
            witness(desk, request, "alice", environ)
        # A request that was written after the log was rewritten names the log as it is now.
        now = request.replace(head.encode(), b"0:" + b"0" * 64)
        with pytest.raises(StopEvidenceMismatch, match="that alice saw last"):
            witness(desk, now, "alice", environ)
        assert witness(desk, now, "bob", environ) != head


def test_a_log_that_was_cut_is_found(deployed: Deployed, tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path / "state")}
    request = asked(deployed)
    with deployed.desk() as desk:
        remember(desk, witness(desk, request, "alice", environ), "alice", environ)
        sql_as_owner(deployed.database, REWRITTEN[0], f"DELETE FROM {LOG}")
        with pytest.raises(StopEvidenceMismatch, match="does not extend"):
            witness(desk, request, "alice", environ)


def test_a_dry_run_asks_nobody_to_witness(deployed: Deployed, tmp_path: Path) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path / "state")}
    request = asked(deployed, Mode.DRYRUN)
    with deployed.desk() as desk:
        assert witness(desk, request, "alice", environ) is None
        remember(desk, None, "alice", environ)
    assert not (tmp_path / "state").exists()
