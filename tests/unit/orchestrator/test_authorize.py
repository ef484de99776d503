"""Signed approvals: the whole way through the runner, and every cheat with its own refusal."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.people import public_line, signature
from tests.runs import CODE, dry_runner, unsigned_approval

from cutter_agent.errors import (
    ApprovalConsumedAlready,
    Stop,
    StopApprovalExpired,
    StopApprovalInvalid,
    StopApprovalRequired,
)
from cutter_agent.evidence.sshsig import APPROVAL_NAMESPACE, REJECT_NAMESPACE
from cutter_agent.orchestrator import OrchestratorRunner, OrchestratorState, StateStore
from cutter_agent.orchestrator.policy import (
    POLICY_SCHEMA,
    EnrolledKey,
    GateRule,
    Person,
    TrustPolicy,
)
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.runner import Deployment
from cutter_agent.orchestrator.states import Gate
from cutter_agent.orchestrator.waiting import waiting_request


def person(name: str, *more: str, revoked: str | None = None) -> Person:
    keys = tuple(EnrolledKey(public_line(key), None, None, revoked) for key in (name, *more))
    return Person(name, keys)


def rule(gate: Gate, threshold: int, *persons: str) -> GateRule:
    return GateRule(gate, threshold, persons, require_user_verification=False)


POLICY = TrustPolicy(
    schema=POLICY_SCHEMA,
    version=1,
    deployment="test",
    persons=(person("alice", "alice-2"), person("bob"), person("carol"), person("dora")),
    gates=(
        rule(Gate.SG_1, 1, "alice", "bob", "carol"),
        rule(Gate.SG_2, 1, "alice", "bob", "carol"),
    ),
    sg1_approver_may_approve_sg2=False,
)


class Desk:
    """A runs folder with a run that waits at SG_1, and hands that sign."""

    def __init__(self, folder: Path, policy: TrustPolicy = POLICY) -> None:
        self.folder = folder
        self.policy: TrustPolicy | None = policy
        self.deployment = Deployment(starter="carol", policy=lambda: self.policy)
        self.runner: OrchestratorRunner = dry_runner(folder, deployment=self.deployment)
        self.run_id = self.runner.cut(document_id=CODE).run_id

    def request(self) -> Path:
        waiting = waiting_request(RunContext(StateStore(self.folder).load(self.run_id)))
        assert waiting is not None
        return self.folder / self.run_id / waiting.document

    def reference(self) -> str:
        waiting = waiting_request(RunContext(StateStore(self.folder).load(self.run_id)))
        assert waiting is not None
        return f"sha256:{waiting.request_sha256}"

    def sign(
        self,
        key: str,
        *,
        file: str | None = None,
        message: bytes | None = None,
        namespace: str = APPROVAL_NAMESPACE,
    ) -> None:
        request = self.request()
        body = request.read_bytes() if message is None else message
        suffix = "reject.sig" if namespace == REJECT_NAMESPACE else "sig"
        path = request.with_name(f"{request.name}.{file or key}.{suffix}")
        path.write_bytes(signature(key, body, namespace))

    def resume(self) -> str:
        return self.runner.resume(self.run_id, approval_kb_id=self.reference()).state

    def stops(self) -> list[str]:
        return sorted(path.name for path in (self.folder / self.run_id).glob("STOP-*"))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_two_persons_take_a_run_to_its_end(desk: Desk) -> None:
    desk.sign("alice")
    assert desk.resume() == OrchestratorState.AWAITING_LIFECYCLE_AUTHORIZATION
    desk.sign("bob")
    assert desk.resume() == OrchestratorState.CLOSEOUT_REPORTED


def test_the_request_s_path_is_as_good_as_its_digest(desk: Desk) -> None:
    desk.sign("alice")
    result = desk.runner.resume(desk.run_id, approval_kb_id=desk.request())
    assert result.state == OrchestratorState.AWAITING_LIFECYCLE_AUTHORIZATION


def refused(desk: Desk, kind: type[Stop], why: str) -> None:
    before = len(desk.stops())
    with pytest.raises(kind, match=why) as stop:
        desk.resume()
    assert type(stop.value) is kind
    assert stop.value.run_id == desk.run_id
    context = RunContext(StateStore(desk.folder).load(desk.run_id))
    assert context.state == OrchestratorState.AWAITING_CUT_AUTHORIZATION
    assert len(desk.stops()) == before + 1


def test_nothing_signed_is_a_pause(desk: Desk) -> None:
    refused(desk, StopApprovalRequired, "0 of 1")


def test_the_starter_may_not_approve(desk: Desk) -> None:
    desk.sign("carol")
    refused(desk, StopApprovalInvalid, "started the run")


def test_a_person_outside_the_gate_may_not_approve(desk: Desk) -> None:
    desk.sign("dora")
    refused(desk, StopApprovalInvalid, "dora may not decide")


def test_an_unknown_key_is_refused_whatever_its_file_is_called(desk: Desk) -> None:
    desk.sign("mallory", file="alice")
    refused(desk, StopApprovalInvalid, "belongs to nobody")


def test_a_signature_over_other_bytes_is_refused(desk: Desk) -> None:
    desk.sign("alice", message=desk.request().read_bytes() + b" ")
    refused(desk, StopApprovalInvalid, "does not fit the request")


def test_a_signature_for_another_purpose_is_refused(desk: Desk) -> None:
    request = desk.request()
    path = request.with_name(f"{request.name}.alice.sig")
    path.write_bytes(signature("alice", request.read_bytes(), "file"))
    refused(desk, StopApprovalInvalid, "namespace")


def test_an_edited_request_file_is_refused_by_path(desk: Desk) -> None:
    desk.sign("alice")
    edited = desk.folder / "edited.md"
    edited.write_bytes(desk.request().read_bytes().replace(b"unit_count: 60", b"unit_count: 61"))
    with pytest.raises(StopApprovalInvalid, match="digest"):
        desk.runner.resume(desk.run_id, approval_kb_id=edited)


def test_two_keys_of_one_person_are_one_person(tmp_path: Path) -> None:
    two = replace(POLICY, gates=(rule(Gate.SG_1, 2, "alice", "bob"), POLICY.gates[1]))
    desk = Desk(tmp_path, two)
    desk.sign("alice")
    desk.sign("alice-2")
    refused(desk, StopApprovalRequired, "1 of 2")
    desk.sign("bob")
    assert desk.resume() == OrchestratorState.AWAITING_LIFECYCLE_AUTHORIZATION


def test_the_approver_of_sg_1_is_refused_at_sg_2_unless_the_policy_allows_it(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path)
    desk.sign("alice")
    desk.resume()
    desk.sign("alice-2")
    with pytest.raises(StopApprovalInvalid, match="signed SG_1 already"):
        desk.resume()


def test_a_stray_signature_holds_nobody_up_and_never_counts(tmp_path: Path) -> None:
    two = replace(POLICY, gates=(rule(Gate.SG_1, 2, "alice", "bob", "carol"), POLICY.gates[1]))
    desk = Desk(tmp_path, two)
    desk.sign("alice")
    desk.sign("mallory", file="bob")
    desk.sign("mallory", file="mallory", namespace=REJECT_NAMESPACE)
    desk.sign("dora", namespace=REJECT_NAMESPACE)
    desk.sign("carol")
    request = desk.request()
    request.with_name(f"{request.name}.junk.sig").write_bytes(b"\x00 no armour")
    refused(desk, StopApprovalRequired, "1 of 2")
    desk.sign("bob", file="bob-himself")
    assert desk.resume() == OrchestratorState.AWAITING_LIFECYCLE_AUTHORIZATION
    history = StateStore(desk.folder).load(desk.run_id)
    used = next(event.body for event in history.events if "consumed" in event.body)
    assert isinstance(used["approved"], dict)
    assert used["approved"]["persons"] == ["alice", "bob"]
    assert isinstance(used["notes"], list)
    named = [str(note).split(" does not count: ")[0] for note in used["notes"]]
    assert sorted(named) == [
        "signature_ignored: bob.sig",
        "signature_ignored: carol.sig",
        "signature_ignored: dora.reject.sig",
        "signature_ignored: junk.sig",
        "signature_ignored: mallory.reject.sig",
    ]
    page = (tmp_path / desk.run_id / str(used["document"])).read_text()
    assert page.count("ignored: ") == 5


def test_a_revoked_key_does_not_count(tmp_path: Path) -> None:
    persons = (person("alice", revoked="2026-01-01T00:00:00Z"), *POLICY.persons[1:])
    desk = Desk(tmp_path, replace(POLICY, persons=persons))
    desk.sign("alice")
    refused(desk, StopApprovalInvalid, "revoked")


def test_a_key_counts_only_within_its_time(tmp_path: Path) -> None:
    for number, (begins, ends) in enumerate(
        (("2099-01-01T00:00:00Z", None), (None, "2026-01-01T00:00:00Z"))
    ):
        key = EnrolledKey(public_line("alice"), begins, ends, None)
        policy = replace(POLICY, persons=(Person("alice", (key,)), *POLICY.persons[1:]))
        desk = Desk(tmp_path / str(number), policy)
        desk.sign("alice")
        refused(desk, StopApprovalInvalid, "counts only from|counted only until")


def test_a_signed_no_ends_the_run(desk: Desk) -> None:
    desk.sign("alice")
    desk.sign("bob", namespace=REJECT_NAMESPACE)
    result = desk.runner.resume(desk.run_id, approval_kb_id=desk.reference())
    assert result.stop_code == "STOP_REJECTED"
    assert result.exit_status == 19
    assert desk.runner.resume(desk.run_id).stop_code == "STOP_REJECTED"


def test_an_approval_is_spent_once(desk: Desk) -> None:
    desk.sign("alice")
    spent = desk.reference()
    desk.resume()
    with pytest.raises(ApprovalConsumedAlready):
        desk.runner.resume(desk.run_id, approval_kb_id=spent)


def test_a_spent_approval_is_known_in_every_run_and_before_any_other_check(desk: Desk) -> None:
    first = unsigned_approval(desk.folder, desk.run_id, Gate.SG_1)
    desk.runner.resume(desk.run_id, approval_kb_id=first)
    desk.runner.escalate(desk.run_id, "void")
    other = desk.runner.cut(document_id=CODE).run_id
    with pytest.raises(ApprovalConsumedAlready):
        desk.runner.resume(other, approval_kb_id=first)


def test_a_policy_that_changed_is_drift(desk: Desk) -> None:
    desk.sign("alice")
    desk.policy = replace(POLICY, version=2)
    result = desk.runner.resume(desk.run_id, approval_kb_id=desk.reference())
    assert result.stop_code == "STOP_DRIFT"
    assert "policy_sha256" in result.sentence


def test_without_a_trust_policy_nobody_can_sign(desk: Desk) -> None:
    desk.sign("alice")
    desk.policy = None
    refused(desk, StopApprovalInvalid, "no trust policy")


def test_an_expired_unsigned_approval_is_refused(desk: Desk) -> None:
    old = datetime.now(UTC) - timedelta(hours=25)
    path = unsigned_approval(desk.folder, desk.run_id, Gate.SG_1, signed=old)
    with pytest.raises(StopApprovalExpired):
        desk.runner.resume(desk.run_id, approval_kb_id=path)


def test_an_approval_file_that_does_not_exist_is_a_missing_approval(desk: Desk) -> None:
    with pytest.raises(StopApprovalRequired, match="does not exist"):
        desk.runner.resume(desk.run_id, approval_kb_id=desk.folder / "nowhere.md")
