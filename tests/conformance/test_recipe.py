"""The Python recipe as users have it, on facts in memory and of a database; versions after versions."""

from pathlib import Path
from typing import Any

import pytest
from tests.audit import audit
from tests.live import Deployed, cut_live, deploy
from tests.runs import CHARTER, CHARTER_2, CODE, unsigned_approval

from clusters.databases import Database
from clusters.fixtures import fresh_database
from conformance.places import Live, Memory, OnPostgres, Place
from conformance.test_line import SCENARIOS, differences, play
from cutter_agent.orchestrator import (
    DryRunReporter,
    InMemoryDiscoverer,
    LiveDryRunDiscoverer,
    LiveReadOnlyDiscoverer,
    Mode,
    OrchestratorRunner,
    OrchestratorState,
    StateStore,
)
from cutter_agent.orchestrator.grants import ROLE_READER
from cutter_agent.orchestrator.phases.closeout import ClosedOut
from cutter_agent.orchestrator.phases.cutplan import CutPlanned
from cutter_agent.orchestrator.phases.lifecycle_enact import LifecycleEnacted
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import Gate
from cutter_agent.postgres.connect import Login, select_read_only
from cutter_agent.postgres.embedded import Server

Discoverer = InMemoryDiscoverer | LiveDryRunDiscoverer


@pytest.fixture
def deployed(database: Database, tmp_path: Path) -> Deployed:
    """The charter, ready to be cut."""
    return deploy(database, tmp_path, source=CHARTER)


def recipe(discoverer: Discoverer, runs_dir: Path) -> RunContext:
    """What a library user writes; returns the run that it leads to."""
    runs_dir.mkdir()
    store = StateStore(runs_dir)
    kb = DryRunReporter(runs_dir)
    runner = OrchestratorRunner(store=store, kb=kb, discoverer=discoverer)
    result = runner.cut(document_id=CODE, mode=Mode.DRYRUN)
    run_id = result.run_id
    assert result.state == "awaiting_cut_authorization"
    assert result.stop_code == "STOP_APPROVAL_REQUIRED"
    sg1 = unsigned_approval(runs_dir, run_id, Gate.SG_1)
    result = runner.resume(run_id, approval_kb_id=sg1)
    assert result.state == "awaiting_lifecycle_authorization"
    sg2 = unsigned_approval(runs_dir, run_id, Gate.SG_2)
    result = runner.resume(run_id, approval_kb_id=sg2)
    assert (result.state, result.stop_code) == ("closeout_reported", None)
    assert len([p for p in (runs_dir / run_id).iterdir() if not p.name.startswith("STOP")]) == 13
    return result.context


def of_database(deployed: Deployed) -> LiveDryRunDiscoverer:
    """Dry runs over a select of the role that may only read."""
    login = Login(deployed.database.conninfo(ROLE_READER))
    live = LiveReadOnlyDiscoverer(select_read_only(login, application="a recipe"))
    return LiveDryRunDiscoverer.from_live(live, doc_prefix="ICX-CONST")


def counts(context: RunContext) -> dict[str, Any]:
    """The numbers by which people know a cut."""
    closed, plan = context.get(ClosedOut), context.get(CutPlanned)
    enacted = context.get(LifecycleEnacted)
    assert closed is not None
    assert plan is not None
    assert enacted is not None
    changes = (plan.kept, plan.changed, plan.created, plan.retired)
    return {"candidates": closed.candidate_count, "enacted": closed.enacted, "changes": changes}


def test_the_recipe_on_facts_in_memory(tmp_path: Path) -> None:
    context = recipe(InMemoryDiscoverer.from_text(CODE, CHARTER), tmp_path / "runs")
    assert counts(context) == {"candidates": 60, "enacted": 60, "changes": (0, 0, 60, 0)}


def test_a_document_s_whole_life(deployed: Deployed, tmp_path: Path) -> None:
    """Rehearsed, cut, rehearsed again as if it were new, found done, and cut in its next version."""
    before = deployed.content()
    first = recipe(of_database(deployed), tmp_path / "first")
    assert deployed.content() == before

    live = cut_live(deployed)
    assert live.state is OrchestratorState.CLOSEOUT_REPORTED
    assert counts(live.context) == counts(first)
    assert counts(first) == {"candidates": 60, "enacted": 60, "changes": (0, 0, 60, 0)}
    audit(deployed, CHARTER)

    before = deployed.content()
    again = recipe(of_database(deployed), tmp_path / "again")
    assert counts(again) == counts(first)
    with deployed.runner() as runner:
        done = runner.cut(document_id=CODE, mode=Mode.LIVE)
    assert (done.exit_status, done.stop_code, done.run_id) == (0, None, live.run_id)
    assert "Nothing to do" in done.sentence
    assert live.run_id in done.sentence
    assert deployed.content() == before

    deployed.add(CHARTER_2)
    rehearsed = recipe(of_database(deployed), tmp_path / "next")
    following = cut_live(deployed)
    assert counts(following.context) == counts(rehearsed)
    assert counts(rehearsed) == {"candidates": 60, "enacted": 5, "changes": (55, 4, 1, 1)}
    audit(deployed, CHARTER_2)


def test_the_places_agree_on_every_server_here(
    any_cluster: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fresh_database(any_cluster) as one, fresh_database(any_cluster) as other:
        places: list[Place] = [
            Memory(tmp_path),
            OnPostgres(one, tmp_path / "dry"),
            Live(other, tmp_path / "live"),
        ]
        try:
            for place in places:
                play(place, SCENARIOS["edits voided after leg A"], monkeypatch)
            lines = differences(places)
            assert not lines, "\n".join(lines)
            assert places[0].said[-1][1] == OrchestratorState.CLOSEOUT_REPORTED
        finally:
            for place in places[1:]:
                place.close()
