"""Several processes at once, and workers that come too late: one effect, whoever wins."""

import os
from collections.abc import Iterator

import pytest
from tests.audit import audit, rows
from tests.live import Deployed, approver_of, finish
from tests.runs import CHARTER, CODE
from tests.stages import READY, SG_1, SG_2, Stages, staged

from cutter_agent.errors import Stop, StopApprovalRequired, StopLockBusy
from cutter_agent.orchestrator import Mode, OrchestratorState
from cutter_agent.orchestrator.history import EventKind, RunEvent
from cutter_agent.orchestrator.states import Role
from cutter_agent.postgres.embedded import Server
from sidecars import children

ROUNDS = int(os.environ.get("CUTTER_RACE_ROUNDS") or 2)
RACERS = 8
WON, BUSY, SPENT = 0, 14, 11
"""Exit statuses of a racer; SPENT: the approval had been used when it came."""


@pytest.fixture(scope="module")
def stages(cluster: Server) -> Iterator[Stages]:
    with staged(cluster) as made:
        yield made


def race(gate: list[int], deployed: Deployed, run_id: str | None, reference: str | None) -> int:
    """One racer: its exit status says how it went."""
    os.read(gate[0], 1)
    try:
        with deployed.runner() as runner:
            if run_id is None:
                result = runner.cut(document_id=CODE, mode=Mode.LIVE)
            else:
                result = runner.resume(run_id, approval_kb_id=reference)
    except StopApprovalRequired:
        os._exit(WON)
    except Stop as stop:
        os._exit(stop.exit_status)
    os._exit(WON if result.exit_status == StopApprovalRequired.exit_status else result.exit_status)


def all_at_once(deployed: Deployed, run_id: str | None, reference: str | None) -> list[int]:
    """The exit statuses of so many racers that were let go together."""
    gate = list(os.pipe())
    racers = [
        children.start(lambda: race(gate, deployed, run_id, reference)) for _ in range(RACERS)
    ]
    os.write(gate[1], b"." * RACERS)
    statuses = [children.wait(racer) for racer in racers]
    for end in gate:
        os.close(end)
    return sorted(statuses)


@pytest.mark.parametrize("stage", [SG_1, SG_2])
def test_of_eight_who_resume_one_run_one_does_it(stages: Stages, stage: str) -> None:
    for _ in range(ROUNDS):
        with stages.at(stage) as deployed:
            reference = deployed.sign(stages.run_id, approver_of(deployed.context(stages.run_id)))
            statuses = all_at_once(deployed, stages.run_id, reference)
            assert statuses.count(WON) >= 1
            assert set(statuses) <= {WON, BUSY, SPENT}
            uses = rows(deployed, "SELECT gate FROM cutter_governance.approval_use")
            assert len(uses) == (1 if stage == SG_1 else 2)
            assert finish(deployed, stages.run_id).state is OrchestratorState.CLOSEOUT_REPORTED
            audit(deployed, CHARTER)


def test_of_eight_who_cut_one_document_one_holds_it(stages: Stages) -> None:
    for _ in range(ROUNDS):
        with stages.at(READY) as deployed:
            statuses = all_at_once(deployed, None, None)
            assert statuses == [WON] + [BUSY] * (RACERS - 1)
            held = rows(deployed, "SELECT run_id FROM cutter_governance.run WHERE holds_document")
            assert len(held) == 1
            assert finish(deployed, held[0][0]).state is OrchestratorState.CLOSEOUT_REPORTED
            audit(deployed, CHARTER, run_id=held[0][0])


@pytest.mark.parametrize("stage", [READY, SG_1, SG_2])
def test_a_worker_whose_run_was_taken_over_commits_nothing_more(stages: Stages, stage: str) -> None:
    """It slept, its lock was lost, somebody else claimed the run: then it wakes and goes on."""
    found: list[tuple[str, dict[str, tuple[int, str]]]] = []

    def take_over(name: str) -> None:
        if name == "before transaction" and not found:
            (run_id,) = deployed.run_ids()
            rows(deployed, "UPDATE cutter_governance.run SET fence = fence + 1 RETURNING fence")
            found.append((run_id, deployed.content()))

    with stages.at(stage) as deployed:
        with deployed.runner(take_over) as runner:
            if stage == READY:
                stopped = runner.cut(document_id=CODE, mode=Mode.LIVE)
            else:
                who = approver_of(deployed.context(stages.run_id))
                reference = deployed.sign(stages.run_id, who)
                stopped = runner.resume(stages.run_id, approval_kb_id=reference)
        ((run_id, before),) = found
        assert (stopped.stop_code, stopped.exit_status) == ("STOP_LOCK_BUSY", BUSY)
        assert deployed.content() == before
        assert finish(deployed, run_id).state is OrchestratorState.CLOSEOUT_REPORTED
        audit(deployed, CHARTER)


def test_an_older_claim_cannot_append_once_a_newer_one_is_there(stages: Stages) -> None:
    with stages.at(SG_1) as deployed, deployed.desk() as first, deployed.desk() as second:
        site, other = first.live_site, second.live_site
        event = RunEvent(
            len(deployed.context(stages.run_id).history.events) + 1,
            EventKind.STOP,
            "2026-01-01T00:00:00Z",
            {},
        )
        with site.claim(stages.run_id) as old:
            with pytest.raises(StopLockBusy), other.claim(stages.run_id):
                pass
            old.connection.execute("SELECT pg_advisory_unlock_all()")
            with other.claim(stages.run_id) as new:
                assert new.fence == old.fence + 1
                before = deployed.content()
                with pytest.raises(StopLockBusy), site.step(old, Role.EXECUTOR, None) as step:
                    step.append(event, [])
                with pytest.raises(StopLockBusy):
                    site.end(old, event, [])
                assert deployed.content() == before
