"""What a live run rests on changes while it waits, or while it writes: it stops and writes nothing."""

from collections.abc import Callable, Iterator

import pytest
from tests.audit import audit, rows
from tests.live import Deployed, accept_policy, approver_of, finish, sql_as_owner
from tests.runs import CHARTER, CHARTER_2, CODE
from tests.stages import SG_1, SG_2, Stages, staged

from cutter_agent.errors import StopLockBusy
from cutter_agent.orchestrator import OrchestratorState
from cutter_agent.postgres.connect import _PINNED as PINNED
from cutter_agent.postgres.embedded import Server

PAUSES = (SG_1, SG_2)
ENACT = "iu.fn_iu_enact(text, bigint, uuid, uuid, date)"
HOLD = "cutter_governance.fn_run_hold(text)"
UNTOUCHED = (
    "cutter_governance.approval",
    "cutter_governance.approval_use",
    "cutter_governance.manifest_envelope",
    "cutter_governance.manifest_unit_block",
    "cutter_governance.review_decision",
    "cutter_governance.verify_result",
    "iu.information_unit",
    "iu.text_blob",
    "iu.unit_in_force",
    "iu.unit_version",
)

Change = Callable[[Deployed], None]


def by_sql(*statements: str) -> Change:
    """A superuser's change that goes around every wall."""
    return lambda deployed: sql_as_owner(deployed.database, *statements)


def next_policy_version(deployed: Deployed) -> None:
    with deployed.desk() as desk:
        accept_policy(desk)


def other_bytes(deployed: Deployed) -> None:
    """The stored bytes are others, and so is their checksum: only a reading of them can tell."""
    changed = CHARTER.replace(b"1", b"2", 1).hex()
    sql_as_owner(
        deployed.database,
        "ALTER TABLE iu.source_version DISABLE TRIGGER ALL",
        f"UPDATE iu.source_version SET body = '\\x{changed}', sha256 = sha256('\\x{changed}')"
        f" WHERE document_id = '{CODE}'",
        "ALTER TABLE iu.source_version ENABLE TRIGGER ALL",
        "ALTER TABLE iu.source_version ENABLE ALWAYS TRIGGER rows_stay",
        "ALTER TABLE iu.source_version ENABLE ALWAYS TRIGGER table_stays",
    )


CHANGES: dict[str, tuple[Change, str, str]] = {
    "a new source version": (lambda d: d.add(CHARTER_2), "STOP_DRIFT", "source_version_id"),
    "the same bytes by another profile": (
        lambda d: d.add(CHARTER, profile="markdown"),
        "STOP_DRIFT",
        "profile_sha256",
    ),
    "other source bytes": (other_bytes, "STOP_DRIFT", "source_sha256"),
    "a function's text": (
        by_sql(
            "CREATE OR REPLACE FUNCTION cutter_governance.database_text() RETURNS text LANGUAGE sql"
            " STABLE SET search_path = pg_catalog, pg_temp AS 'SELECT ''elsewhere'''"
        ),
        "STOP_DRIFT",
        "functions_sha256",
    ),
    "a function's owner": (
        by_sql(f"ALTER FUNCTION {HOLD} OWNER TO postgres"),
        "STOP_GRANT_DELTA",
        "grants_sha256",
    ),
    "a function without its search path": (
        by_sql(f"ALTER FUNCTION {ENACT} RESET search_path"),
        "STOP_DRIFT",
        "functions_sha256",
    ),
    "a function that runs as its caller": (
        by_sql(f"ALTER FUNCTION {ENACT} SECURITY INVOKER"),
        "STOP_DRIFT",
        "functions_sha256",
    ),
    "a right more": (
        by_sql(f"GRANT EXECUTE ON FUNCTION {HOLD} TO cutter_review"),
        "STOP_GRANT_DELTA",
        "grants_sha256",
    ),
    "a right less": (
        by_sql("REVOKE SELECT ON cutter_governance.review_decision FROM cutter_review"),
        "STOP_GRANT_DELTA",
        "grants_sha256",
    ),
    "a column's right more": (
        by_sql("GRANT UPDATE (heading) ON iu.unit_version TO cutter_exec"),
        "STOP_GRANT_DELTA",
        "grants_sha256",
    ),
    "a function for everybody": (
        by_sql(f"GRANT EXECUTE ON FUNCTION {ENACT} TO PUBLIC"),
        "STOP_GRANT_DELTA",
        "grants_sha256",
    ),
    "a trigger turned off": (
        by_sql("ALTER TABLE iu.lifecycle_log DISABLE TRIGGER rows_stay"),
        "STOP_GRANT_DELTA",
        "grants_sha256",
    ),
    "a kind more": (
        by_sql("INSERT INTO iu.vocabulary (kind) VALUES ('annexation')"),
        "STOP_DRIFT",
        "vocab_sha256",
    ),
    "a kind less": (
        by_sql(
            "ALTER TABLE iu.vocabulary DISABLE TRIGGER ALL",
            "DELETE FROM iu.vocabulary WHERE kind = 'recital'",
            "ALTER TABLE iu.vocabulary ENABLE TRIGGER ALL",
            "ALTER TABLE iu.vocabulary ENABLE ALWAYS TRIGGER rows_stay",
            "ALTER TABLE iu.vocabulary ENABLE ALWAYS TRIGGER table_stays",
        ),
        "STOP_DRIFT",
        "vocab_sha256",
    ),
    "the next trust policy": (next_policy_version, "STOP_DRIFT", "policy_sha256"),
}
EXITS = {"STOP_DRIFT": 12, "STOP_GRANT_DELTA": 18}


@pytest.fixture(scope="module")
def stages(cluster: Server) -> Iterator[Stages]:
    with staged(cluster) as made:
        yield made


def written(deployed: Deployed) -> dict[str, tuple[int, str]]:
    """The tables that a stopped run leaves as they were."""
    content = deployed.content()
    return {table: content[table] for table in UNTOUCHED}


@pytest.mark.parametrize("pause", PAUSES)
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_during_a_pause_stops_the_run(stages: Stages, name: str, pause: str) -> None:
    change, code, fact = CHANGES[name]
    with stages.at(pause) as deployed:
        reference = deployed.sign(stages.run_id, approver_of(deployed.context(stages.run_id)))
        pinned = deployed.context(stages.run_id).evidence
        change(deployed)
        before = written(deployed)
        with deployed.runner() as runner:
            result = runner.resume(stages.run_id, approval_kb_id=reference)
        assert (result.stop_code, result.exit_status) == (code, EXITS[code])
        assert written(deployed) == before
        then = {str(getattr(each, "facts", "")) for each in pinned.values()}
        shown = stop_page(deployed, stages.run_id, code)
        table = [line for line in shown.splitlines() if line.startswith(f"| {fact} |")]
        assert len(table) == 1
        cells = [cell.strip(" `") for cell in table[0].strip("|").split("|")]
        assert cells[0] == fact
        assert cells[1] != cells[2]
        assert any(cells[1] in sheet for sheet in then)
        assert in_order(deployed)


def stop_page(deployed: Deployed, run_id: str, code: str) -> str:
    """The one stop document of this code in the run's folder."""
    (page,) = (deployed.home.runs / run_id).glob(f"STOP-{code}-*.md")
    return page.read_text("utf-8").replace("\\", "")


def in_order(deployed: Deployed) -> bool:
    """No unit of the stopped run is in force, and its drafts are withdrawn or wait for a decision."""
    states = rows(
        deployed,
        "SELECT DISTINCT l.to_state::text FROM iu.lifecycle_log l WHERE NOT EXISTS (SELECT FROM"
        " iu.lifecycle_log n WHERE n.version_id = l.version_id AND n.seq > l.seq)",
    )
    return {state for (state,) in states} <= {"draft", "withdrawn"}


@pytest.mark.parametrize("pause", PAUSES)
def test_a_change_that_is_taken_back_is_none(stages: Stages, pause: str) -> None:
    with stages.at(pause) as deployed:
        sql_as_owner(deployed.database, f"GRANT EXECUTE ON FUNCTION {HOLD} TO cutter_review")
        sql_as_owner(deployed.database, f"REVOKE EXECUTE ON FUNCTION {HOLD} FROM cutter_review")
        assert finish(deployed, stages.run_id).state is OrchestratorState.CLOSEOUT_REPORTED
        audit(deployed, CHARTER)


class Once:
    """Does something when the first effect of this name is about to happen."""

    def __init__(self, effect: str, work: Callable[[], None]) -> None:
        self.effect = effect
        self.work = work
        self.done = False

    def __call__(self, name: str) -> None:
        if name == self.effect and not self.done:
            self.done = True
            self.work()


WITHIN = {SG_1: "after create_drafts", SG_2: "after enact"}
WRITES = {SG_1: "before create_drafts", SG_2: "before enact"}
BEFORE = {SG_1: "before transaction", SG_2: "before transaction"}


@pytest.mark.parametrize("moment", [WITHIN, WRITES, BEFORE], ids=["after", "during", "before"])
@pytest.mark.parametrize("pause", PAUSES)
@pytest.mark.parametrize("name", ["a right more", "a kind more"])
def test_a_change_between_the_check_and_the_commit_rolls_the_write_back(
    stages: Stages, name: str, pause: str, moment: dict[str, str]
) -> None:
    change, code, _ = CHANGES[name]
    with stages.at(pause) as deployed:
        reference = deployed.sign(stages.run_id, approver_of(deployed.context(stages.run_id)))
        before = written(deployed)
        hook = Once(moment[pause], lambda: change(deployed))
        with deployed.runner(hook) as runner:
            result = runner.resume(stages.run_id, approval_kb_id=reference)
        assert hook.done
        assert (result.stop_code, result.exit_status) == (code, EXITS[code])
        assert written(deployed) == before


@pytest.mark.parametrize("pause", PAUSES)
@pytest.mark.parametrize("name", ["a new source version", "the next trust policy"])
def test_a_change_through_our_own_functions_before_the_write_stops_it(
    stages: Stages, name: str, pause: str
) -> None:
    change, code, _ = CHANGES[name]
    with stages.at(pause) as deployed:
        reference = deployed.sign(stages.run_id, approver_of(deployed.context(stages.run_id)))
        before = written(deployed)
        hook = Once("before transaction", lambda: change(deployed))
        with deployed.runner(hook) as runner:
            result = runner.resume(stages.run_id, approval_kb_id=reference)
        assert hook.done
        assert (result.stop_code, result.exit_status) == (code, EXITS[code])
        assert written(deployed) == before


@pytest.mark.parametrize("pause", PAUSES)
def test_our_own_functions_wait_until_the_write_is_done(
    stages: Stages, pause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the write has begun, no source and no policy can come between it and its commit."""
    refused: list[StopLockBusy] = []

    def add_meanwhile() -> None:
        monkeypatch.setitem(PINNED, "lock_timeout", "100ms")
        with pytest.raises(StopLockBusy) as busy:
            deployed.add(CHARTER_2)
        refused.append(busy.value)
        monkeypatch.undo()

    with stages.at(pause) as deployed:
        result = finish(deployed, stages.run_id, Once(WRITES[pause], add_meanwhile))
        assert result.state is OrchestratorState.CLOSEOUT_REPORTED
        assert len(refused) == 1
        audit(deployed, CHARTER)
