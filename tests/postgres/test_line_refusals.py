"""Every way in which a live run is refused: its code, its exit status, its page, and nothing written."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from tests.audit import audit
from tests.live import Deployed, approve, finish
from tests.people import signature
from tests.runs import CHARTER, CODE
from tests.stages import DONE, READY, SG_1, SG_2, Stages, staged

from cutter_agent import orchestrator
from cutter_agent.bootstrap.approvals import waiting
from cutter_agent.errors import (
    ApprovalConsumedAlready,
    ProductionExecutionNotAuthorized,
    Stop,
    StopApprovalExpired,
    StopApprovalInvalid,
    StopApprovalRequired,
    StopGrantDelta,
)
from cutter_agent.evidence.sshsig import APPROVAL_NAMESPACE
from cutter_agent.orchestrator import Mode, OrchestratorState
from cutter_agent.orchestrator.orders import Consumption, OfferedSignature
from cutter_agent.orchestrator.states import GATE_TTL_S, Gate
from cutter_agent.orchestrator.warrant import LiveWarrant, RehearsalWarrant
from cutter_agent.postgres import history
from cutter_agent.postgres.connect import Login, connected
from cutter_agent.postgres.embedded import Server
from cutter_agent.postgres.write import LiveWriter

OF_THE_RUN_ITSELF = (
    "cutter_governance.run",
    "cutter_governance.run_event",
    "cutter_governance.run_document",
)
"""A stop is recorded in these, and in nothing else."""


@pytest.fixture(scope="module")
def stages(cluster: Server) -> Iterator[Stages]:
    with staged(cluster, until=DONE) as made:
        yield made


def besides(deployed: Deployed, *tables: str) -> dict[str, tuple[int, str]]:
    """The content of every other table."""
    return {name: held for name, held in deployed.content().items() if name not in tables}


def test_the_constant_in_the_source_is_off() -> None:
    assert orchestrator.__execution_enabled__ is False
    assert orchestrator.execution_enabled() is False


def setting_off(deployed: Deployed) -> None:
    deployed.settle(execution_enabled=False)


def switch_off(deployed: Deployed) -> None:
    deployed.arm(armed=False)


LOCKS: dict[str, Callable[[Deployed], None]] = {"setting": setting_off, "switch": switch_off}


@pytest.mark.parametrize("lock", LOCKS)
def test_no_live_run_begins_behind_a_closed_lock(stages: Stages, lock: str) -> None:
    with stages.at(READY) as deployed:
        LOCKS[lock](deployed)
        before = deployed.content()
        with deployed.runner() as runner, pytest.raises(ProductionExecutionNotAuthorized) as stop:
            runner.cut(document_id=CODE, mode=Mode.LIVE)
        assert stop.value.exit_status == 15
        assert deployed.content() == before
        assert deployed.run_ids() == ()


@pytest.mark.parametrize("stage", [SG_1, SG_2])
@pytest.mark.parametrize("lock", LOCKS)
def test_no_live_run_goes_on_behind_a_closed_lock(stages: Stages, lock: str, stage: str) -> None:
    with stages.at(stage) as deployed:
        reference = deployed.sign(stages.run_id, ("alice", "bob")[stage == SG_2])
        LOCKS[lock](deployed)
        before = deployed.content()
        with deployed.runner() as runner, pytest.raises(ProductionExecutionNotAuthorized):
            runner.resume(stages.run_id, approval_kb_id=reference)
        assert deployed.content() == before
        deployed.settle()
        deployed.arm()
        assert finish(deployed, stages.run_id).state is OrchestratorState.CLOSEOUT_REPORTED


def test_a_switch_turned_off_during_the_write_takes_the_write_back(stages: Stages) -> None:
    """The database looks at its switch itself, however the runner came so far."""
    turned: list[str] = []

    def turn(name: str) -> None:
        if name == "before mint_change_set" and not turned:
            turned.append(name)
            deployed.arm(armed=False)

    with stages.at(SG_1) as deployed:
        reference = deployed.sign(stages.run_id, "alice")
        before = besides(deployed, "cutter_governance.execution_switch", *OF_THE_RUN_ITSELF)
        with deployed.runner(turn) as runner, pytest.raises(ProductionExecutionNotAuthorized):
            runner.resume(stages.run_id, approval_kb_id=reference)
        after = besides(deployed, "cutter_governance.execution_switch", *OF_THE_RUN_ITSELF)
        assert (turned, after) == (["before mint_change_set"], before)
        assert pages(deployed, stages.run_id, "STOP_EXECUTION_NOT_AUTHORIZED") == 1
        deployed.arm()
        assert finish(deployed, stages.run_id).state is OrchestratorState.CLOSEOUT_REPORTED
        audit(deployed, CHARTER)


@pytest.mark.parametrize("warrant", [None, RehearsalWarrant("any"), object()], ids=type)
def test_no_live_writer_without_a_live_warrant(stages: Stages, warrant: object) -> None:
    with stages.at(SG_1) as deployed:
        login = Login(deployed.database.conninfo("cutter_exec"))
        with (
            connected(login, application="a test") as connection,
            pytest.raises(ProductionExecutionNotAuthorized) as stop,
        ):
            LiveWriter(connection, run_id=stages.run_id, fence=1, warrant=warrant)  # type: ignore[arg-type]
        assert stop.value.exit_status == 15


def test_no_live_warrant_but_from_an_approval() -> None:
    with pytest.raises(ProductionExecutionNotAuthorized):
        LiveWarrant("ictr-20260101T000000Z-00000000", "0" * 64, object())


Cheat = Callable[[Deployed, str], object]
"""Offers something that is no approval; returns what resume is called with."""


def nothing(_deployed: Deployed, _run_id: str) -> None:
    return None


def unsigned(deployed: Deployed, run_id: str) -> str:
    return waiting(deployed.context(run_id)).reference


def by_starter(deployed: Deployed, run_id: str) -> str:
    return deployed.sign(run_id, "carol")


def by_stranger(deployed: Deployed, run_id: str) -> str:
    return deployed.sign(run_id, "mallory", file="alice")


def of_other_bytes(deployed: Deployed, run_id: str) -> str:
    body = waiting(deployed.context(run_id)).body
    return deployed.sign(run_id, "alice", message=body.replace(b"unit_count: 60", b"unit_count: 1"))


def edited(deployed: Deployed, run_id: str) -> str:
    """The request's file is edited and the edited one signed."""
    asked = waiting(deployed.context(run_id))
    path = deployed.home.runs / run_id / "edited.md"
    path.write_bytes(asked.body.replace(b"unit_count: 60", b"unit_count: 61"))
    deployed.sign(run_id, "alice", message=path.read_bytes())
    return str(path)


def of_another_gate(deployed: Deployed, run_id: str) -> str:
    asked = waiting(deployed.context(run_id))
    path = deployed.home.runs / run_id / "other-gate.md"
    other = asked.body.replace(b"gate: SG_1_cut_authz", b"gate: SG_2_lifecycle_authz", 1)
    path.write_bytes(other)
    return str(path)


def of_another_run(deployed: Deployed, run_id: str) -> str:
    asked = waiting(deployed.context(run_id))
    path = deployed.home.runs / run_id / "other-run.md"
    path.write_bytes(asked.body.replace(run_id.encode(), b"ictr-20260101T000000Z-00000000"))
    return str(path)


def of_nobody_s_request(_deployed: Deployed, _run_id: str) -> str:
    return "sha256:" + hashlib.sha256(b"nothing").hexdigest()


def unsigned_file(deployed: Deployed, run_id: str) -> str:
    """What opens a dry run's gate opens none of a live run."""
    path = deployed.home.runs / run_id / "unsigned.txt"
    path.write_text(
        f"gate: SG_1_cut_authz\nrun_id: {run_id}\nsigned_utc: 2026-01-01T00:00:00Z\n"
        "allowance: explicit\n"
    )
    return str(path)


def for_another_purpose(deployed: Deployed, run_id: str) -> str:
    asked = waiting(deployed.context(run_id))
    path = deployed.home.runs / run_id / f"{asked.request.document}.alice.sig"
    path.write_bytes(signature("alice", asked.body, APPROVAL_NAMESPACE + "x"))
    return asked.reference


CHEATS: dict[str, tuple[Cheat, type[Stop], int]] = {
    "nothing": (nothing, StopApprovalRequired, 10),
    "no signature": (unsigned, StopApprovalRequired, 10),
    "the starter's own": (by_starter, StopApprovalInvalid, 11),
    "an unknown key's": (by_stranger, StopApprovalInvalid, 11),
    "a signature of other bytes": (of_other_bytes, StopApprovalInvalid, 11),
    "an edited request": (edited, StopApprovalInvalid, 11),
    "another gate's": (of_another_gate, StopApprovalInvalid, 11),
    "another run's": (of_another_run, StopApprovalInvalid, 11),
    "of a request that nobody wrote": (of_nobody_s_request, StopApprovalInvalid, 11),
    "an unsigned file": (unsigned_file, StopApprovalInvalid, 11),
    "for another purpose": (for_another_purpose, StopApprovalInvalid, 11),
}


def pages(deployed: Deployed, run_id: str, code: str) -> int:
    """How many stop documents of this code lie in the run's folder."""
    return len(list((deployed.home.runs / run_id).glob(f"STOP-{code}-*.md")))


@pytest.mark.parametrize("name", CHEATS)
def test_what_is_no_approval_is_refused_and_the_run_still_waits(stages: Stages, name: str) -> None:
    cheat, kind, status = CHEATS[name]
    with stages.at(SG_1) as deployed:
        offered = cheat(deployed, stages.run_id)
        written = pages(deployed, stages.run_id, kind.code)
        before = besides(deployed, *OF_THE_RUN_ITSELF)
        with deployed.runner() as runner, pytest.raises(kind) as stop:
            runner.resume(stages.run_id, approval_kb_id=offered)
        assert type(stop.value) is kind
        assert stop.value.exit_status == status
        assert besides(deployed, *OF_THE_RUN_ITSELF) == before
        assert pages(deployed, stages.run_id, kind.code) >= max(1, written)
        for path in (deployed.home.runs / stages.run_id).glob("*.sig"):
            path.unlink()
        assert finish(deployed, stages.run_id).state is OrchestratorState.CLOSEOUT_REPORTED
        audit(deployed, CHARTER)


def test_the_person_of_sg_1_is_refused_at_sg_2(stages: Stages) -> None:
    with stages.at(SG_2) as deployed:
        reference = deployed.sign(stages.run_id, "alice")
        before = besides(deployed, *OF_THE_RUN_ITSELF)
        with deployed.runner() as runner, pytest.raises(StopApprovalInvalid, match="SG_1 already"):
            runner.resume(stages.run_id, approval_kb_id=reference)
        assert besides(deployed, *OF_THE_RUN_ITSELF) == before


def test_an_approval_is_spent_once_in_the_whole_database(stages: Stages) -> None:
    with stages.at(SG_2) as deployed:
        uses = deployed.context(stages.run_id)
        spent = next(e.body["consumed"] for e in uses.history.events if "consumed" in e.body)
        before = besides(deployed, *OF_THE_RUN_ITSELF)
        with deployed.runner() as runner, pytest.raises(ApprovalConsumedAlready) as stop:
            runner.resume(stages.run_id, approval_kb_id=f"sha256:{spent}")
        assert stop.value.exit_status == 11
        assert besides(deployed, *OF_THE_RUN_ITSELF) == before


def test_a_spent_approval_is_refused_in_a_later_run(stages: Stages) -> None:
    with stages.at(DONE) as deployed:
        request = next((deployed.home.runs / stages.run_id).glob("SG1-*.md"))
        deployed.add(CHARTER + b"\n")
        with deployed.runner() as runner:
            later = runner.cut(document_id=CODE, mode=Mode.LIVE).run_id
            with pytest.raises(ApprovalConsumedAlready):
                runner.resume(later, approval_kb_id=request)


@pytest.mark.parametrize("gate", [Gate.SG_1, Gate.SG_2])
def test_an_expired_request_is_refused_and_written_anew(
    stages: Stages, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stages.at(READY) as deployed:
        monkeypatch.setitem(GATE_TTL_S, gate, 0)
        with deployed.runner() as runner:
            run_id = runner.cut(document_id=CODE, mode=Mode.LIVE).run_id
            if gate is Gate.SG_2:
                approve(deployed, runner, run_id)
            monkeypatch.undo()
            before = besides(deployed, *OF_THE_RUN_ITSELF)
            old = waiting(deployed.context(run_id))
            with pytest.raises(StopApprovalExpired) as stop:
                approve(deployed, runner, run_id)
        new = waiting(deployed.context(run_id))
        assert stop.value.exit_status == 11
        assert besides(deployed, *OF_THE_RUN_ITSELF) == before
        assert (old.request.number, new.request.number) == (1, 2)
        assert old.request.nonce != new.request.nonce
        with deployed.runner() as runner, pytest.raises(StopApprovalExpired):
            runner.resume(run_id, approval_kb_id=old.reference)
        assert finish(deployed, run_id).state is OrchestratorState.CLOSEOUT_REPORTED
        audit(deployed, CHARTER)


@pytest.mark.parametrize("stage", [SG_1, SG_2])
def test_a_second_run_of_a_document_in_flight_is_refused(stages: Stages, stage: str) -> None:
    with stages.at(stage) as deployed:
        before = besides(deployed, *OF_THE_RUN_ITSELF)
        with deployed.runner() as runner:
            result = runner.cut(document_id=CODE, mode=Mode.LIVE)
            assert (result.stop_code, result.exit_status) == ("STOP_LOCK_BUSY", 14)
            assert stages.run_id in result.sentence
            assert besides(deployed, *OF_THE_RUN_ITSELF) == before
            assert pages(deployed, result.run_id, "STOP_LOCK_BUSY") == 1
        assert finish(deployed, stages.run_id).state is OrchestratorState.CLOSEOUT_REPORTED
        audit(deployed, CHARTER, run_id=stages.run_id)


def test_an_unknown_document_is_a_run_that_stops(stages: Stages) -> None:
    with stages.at(READY) as deployed:
        before = besides(deployed, *OF_THE_RUN_ITSELF)
        with deployed.runner() as runner:
            result = runner.cut(document_id="ICX-NONE", mode=Mode.LIVE)
        assert (result.stop_code, result.exit_status) == ("STOP_DOCUMENT_UNKNOWN", 17)
        assert besides(deployed, *OF_THE_RUN_ITSELF) == before
        assert pages(deployed, result.run_id, "STOP_DOCUMENT_UNKNOWN") == 1


def test_an_approval_edited_on_its_way_to_the_database_is_refused_there(stages: Stages) -> None:
    """The database reads the request itself: no caller can have it consume another run's."""
    with stages.at(SG_1) as deployed:
        asked = waiting(deployed.context(stages.run_id))
        body = asked.body
        armor = signature("alice", body, APPROVAL_NAMESPACE)
        key_id = history.parse_armor(armor).public_key.fingerprint
        offered = (OfferedSignature("alice", rejects=False, armor=armor),)
        use = Consumption(
            hashlib.sha256(body).hexdigest(),
            Gate.SG_1,
            stages.run_id,
            body,
            offered,
            ("alice",),
            (key_id,),
        )
        wrong = replace(use, request=body.replace(stages.run_id.encode(), b"ictr-x"))
        login = Login(deployed.database.conninfo("cutter_exec"))
        fence = deployed.context(stages.run_id).history.fence
        before = deployed.content()
        refused(login, fence, wrong, StopApprovalInvalid)
        reader = Login(deployed.database.conninfo("cutter_reader"))
        refused(reader, fence, use, StopGrantDelta)
        assert deployed.content() == before


def refused(login: Login, fence: int, use: Consumption, kind: type[Stop]) -> None:
    """The database takes no such consumption over this login."""
    with (
        connected(login, application="a test") as connection,
        pytest.raises(kind),
        connection.transaction(),
    ):
        history.consume(connection, fence, use)
