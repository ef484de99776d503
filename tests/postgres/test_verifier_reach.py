"""What the verifier's login may do besides reading is asked of the database, and a gate judges the answer."""

from pathlib import Path

import pytest
from tests.live import approve, deploy, sql_as_owner
from tests.runs import CHARTER, CODE

from clusters.databases import Database
from cutter_agent.errors import StopInvariantFailed
from cutter_agent.orchestrator import Mode
from cutter_agent.orchestrator.grants import VERIFIER_REACH
from cutter_agent.orchestrator.phases.write_verify import WriteVerified
from cutter_agent.postgres.verify import LiveVerifier
from postgres.acts import session

GRANTS = {
    "GRANT EXECUTE ON FUNCTION iu.fn_iu_enact TO cutter_verify": "iu.fn_iu_enact",
    "GRANT INSERT ON iu.unit_version TO cutter_verify": "table iu.unit_version",
    "GRANT UPDATE (body) ON iu.text_blob TO PUBLIC": "table iu.text_blob",
}


def reach(database: Database) -> tuple[str, ...]:
    with session(database, "cutter_verify") as connection:
        return LiveVerifier(connection, run_id="", fence=0).reach


def test_the_verifier_reaches_its_two_functions_and_nothing_else(database: Database) -> None:
    assert reach(database) == VERIFIER_REACH
    assert VERIFIER_REACH == (
        "cutter_governance.fn_run_append",
        "cutter_governance.fn_verify_record",
    )


@pytest.mark.parametrize("grant", GRANTS)
def test_a_right_more_is_seen(database: Database, grant: str) -> None:
    sql_as_owner(database, grant)
    assert reach(database) == tuple(sorted((*VERIFIER_REACH, GRANTS[grant])))


def test_a_superuser_reaches_everything(database: Database) -> None:
    with session(database) as connection:
        found = LiveVerifier(connection, run_id="", fence=0).reach
    assert {"iu.fn_iu_enact", "role cutter_owner", "table iu.unit_version"} <= set(found)


def test_a_verifier_that_may_write_is_stopped_by_its_gate(
    database: Database, tmp_path: Path
) -> None:
    """The right was there before the run, so nothing drifts: the gate alone is left to see it."""
    deployed = deploy(database, tmp_path, source=CHARTER)
    sql_as_owner(database, next(iter(GRANTS)))
    with deployed.runner() as runner:
        run_id = runner.cut(document_id=CODE, mode=Mode.LIVE).run_id
        result = approve(deployed, runner, run_id)
    assert (result.stop_code, result.exit_status) == (StopInvariantFailed.code, 13)
    context = deployed.context(run_id)
    assert context.stop is not None
    assert [each.id for each in context.stop.findings if not each.held] == [
        "verifier_changes_nothing_else"
    ]
    assert context.get(WriteVerified) is None
