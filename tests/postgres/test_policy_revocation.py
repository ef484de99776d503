"""Keys that were revoked, or whose time is over or has not begun: refused at the desk and at the gate."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.audit import rows
from tests.live import APPROVERS, STARTER, Deployed, deploy, finish
from tests.people import signature
from tests.stages import SG_1, Stages, staged

from clusters.databases import Database
from cutter_agent.bootstrap import trust
from cutter_agent.bootstrap.people import KeyChanges, next_policy
from cutter_agent.errors import StopApprovalInvalid, StopApprovalRequired, StopRefusedInput
from cutter_agent.evidence.sshsig import POLICY_NAMESPACE
from cutter_agent.orchestrator.clock import utc_text
from cutter_agent.orchestrator.pauses.sg_3_escalation import EscalationRequested
from cutter_agent.orchestrator.policy import TrustPolicy
from cutter_agent.postgres.embedded import Server
from runs import CHARTER
from terminal import Terminal, terminal_at

PAST, FUTURE = "2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z"
CHANGES = {
    "revoked": (KeyChanges(revoke=[("alice", None)]), "was revoked at"),
    "over": (
        KeyChanges(valid_from={"alice": "2019-01-01T00:00:00Z"}, valid_until={"alice": PAST}),
        f"counted only until {PAST}",
    ),
    "not begun": (KeyChanges(valid_from={"alice": FUTURE}), f"counts only from {FUTURE}"),
}


@pytest.fixture(scope="module")
def stages(cluster: Server) -> Iterator[Stages]:
    with staged(cluster, until=SG_1) as made:
        yield made


@pytest.fixture
def ready(database: Database, tmp_path: Path) -> Deployed:
    return deploy(database, tmp_path, source=CHARTER)


@pytest.fixture
def at(
    ready: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    return terminal_at(ready, monkeypatch, capsys)


def change(deployed: Deployed, changes: KeyChanges) -> TrustPolicy:
    """The next policy has these changes, and counts."""
    with deployed.desk() as desk:
        policy = next_policy(
            desk.policy(),
            database=desk.facts().database_identity().text,
            keys=[],
            gates={},
            changes=changes,
            now_utc=utc_text(desk.now_utc()),
        )
        trust.propose(desk, policy)
        for name in (STARTER, *APPROVERS):
            armor = signature(name, policy.canonical, POLICY_NAMESPACE).decode()
            if trust.add_signature(desk, name, armor).verdict.counts:
                return policy
    raise AssertionError("the policy was never accepted")


@pytest.mark.parametrize("name", CHANGES)
def test_a_key_that_does_not_count_is_refused_before_it_signs_and_at_the_gate(
    at: Terminal, ready: Deployed, name: str
) -> None:
    changes, sentence = CHANGES[name]
    change(ready, changes)
    run = at.begun("--live")
    explained = at.json("policy", "explain", run)
    assert explained["may"] == ["bob"]
    assert sentence in {no["person"]: no["because"] for no in explained["may_not"]}["alice"]
    said = at.approve(run, "alice", "--json")
    assert (said.status, said.document["code"]) == (11, StopApprovalInvalid.code)
    assert sentence in said.document["fact"]
    reference = ready.sign(run, "alice")
    with ready.runner() as runner, pytest.raises(StopApprovalInvalid, match=sentence):
        runner.resume(run, approval_kb_id=reference)
    assert rows(ready, "SELECT FROM cutter_governance.approval_use") == []


@pytest.mark.parametrize("name", ["revoked", "over"])
def test_a_key_that_was_revoked_between_signing_and_spending_spends_nothing(
    stages: Stages, name: str
) -> None:
    changes, sentence = CHANGES[name]
    with stages.at(SG_1) as deployed:
        reference = deployed.sign(stages.run_id, "alice")
        change(deployed, changes)
        with deployed.runner() as runner, pytest.raises(StopApprovalInvalid, match=sentence):
            runner.resume(stages.run_id, approval_kb_id=reference)
        assert rows(deployed, "SELECT FROM cutter_governance.approval_use") == []


def test_a_revocation_while_the_approval_is_on_its_way_stops_the_write(stages: Stages) -> None:
    """The runner has judged the signature already; the facts are read once more inside the write."""
    done: list[str] = []

    def revoke(name: str) -> None:
        if name == "before transaction" and not done:
            done.append(name)
            change(deployed, CHANGES["revoked"][0])

    with stages.at(SG_1) as deployed:
        reference = deployed.sign(stages.run_id, "alice")
        with deployed.runner(revoke) as runner:
            result = runner.resume(stages.run_id, approval_kb_id=reference)
        assert (done, result.stop_code) == (["before transaction"], "STOP_DRIFT")
        assert rows(deployed, "SELECT FROM cutter_governance.approval_use") == []


def test_a_decision_is_asked_for_anew_under_another_trust_policy(stages: Stages) -> None:
    """Nobody can be bound by what was signed under a policy that counts no more; the run can still be ended."""
    with stages.at(SG_1) as deployed:
        with deployed.runner() as runner, pytest.raises(StopApprovalRequired):
            runner.escalate(stages.run_id, "void")
        deployed.sign(stages.run_id, "bob")
        change(deployed, CHANGES["revoked"][0])
        with deployed.runner() as runner:
            with pytest.raises(StopApprovalRequired):
                runner.escalate(stages.run_id, "void")
            request = deployed.context(stages.run_id).get(EscalationRequested)
            assert request is not None
            assert request.number == 2
            deployed.sign(stages.run_id, "bob")
            assert runner.escalate(stages.run_id, "void").context.terminal == "voided"
        uses = rows(deployed, "SELECT decision, n FROM cutter_governance.approval_use")
        assert uses == [("void", 1)]


def test_what_a_revoked_key_signed_before_can_still_be_checked(ready: Deployed) -> None:
    run = finish(ready).run_id
    policy = change(ready, CHANGES["revoked"][0])
    (alice,) = (person for person in policy.persons if person.name == "alice")
    assert [key.revoked_utc is None for key in alice.keys] == [False]
    line = next(li for li in trust.allowed_signers(policy).splitlines() if li.startswith("alice"))
    assert 'valid-before="' in line
    assert run in ready.run_ids()


class TestProposing:
    def test_names_what_it_revokes_and_who_is_left(self, at: Terminal, ready: Deployed) -> None:
        with ready.desk() as desk:
            (bob,) = (each for each in desk.policy().persons if each.name == "bob")
        words = ("--revoke", "bob", "--valid-until", f"alice={FUTURE}")
        proposed = at.json("policy", "propose", *words)["proposed"]
        keys = {each["name"]: each["keys"] for each in proposed["persons"]}
        assert "(revoked " in keys["bob"][0]
        assert f"(until {FUTURE})" in keys["alice"][0]
        explained = at.json("policy", "explain", "SG_1", "--proposed")
        assert explained["may"] == ["alice"]
        assert "revoked" in explained["may_not"][0]["because"]
        assert at.json("policy", "explain", "SG_1")["may"] == ["alice", "bob"]
        fingerprint = keys["bob"][0].partition(" ")[0]
        again = at.json("policy", "propose", "--revoke", f"bob={fingerprint}")["proposed"]
        assert "(revoked " in {p["name"]: p["keys"] for p in again["persons"]}["bob"][0]
        assert len(bob.keys) == 1

    @pytest.mark.parametrize(
        "words",
        [
            ("--revoke", "nobody"),
            ("--revoke", "bob=SHA256:xxx"),
            ("--valid-until", "bob=tomorrow"),
            ("--valid-from", "bob=2027-01-01T00:00:00"),
            ("--valid-from", f"bob={FUTURE}", "--valid-until", f"bob={PAST}"),
        ],
    )
    def test_refuses_what_cannot_be(self, at: Terminal, words: tuple[str, ...]) -> None:
        answered = at.cutter("policy", "propose", *words, "--json")
        assert (answered.status, answered.document["code"]) == (22, StopRefusedInput.code)
        assert not at.home.proposal.exists()

    def test_a_later_revocation_never_moves_an_earlier_one(self, ready: Deployed) -> None:
        first = change(ready, CHANGES["revoked"][0])
        with ready.desk() as desk:
            later = next_policy(
                desk.policy(),
                database=first.deployment,
                keys=[],
                gates={},
                changes=KeyChanges(revoke=[("alice", None)]),
                now_utc=utc_text(desk.now_utc() + timedelta(days=1)),
            )
        assert later.persons == first.persons

    def test_wrong_words_are_wrong_usage(self, at: Terminal) -> None:
        assert at.cutter("policy", "propose", "--valid-from", "alice").status == 2
