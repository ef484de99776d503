"""A trust policy comes to count by the signatures of those whom it binds, and explains itself."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cutter_agent.bootstrap.people import next_policy
from cutter_agent.bootstrap.trust import policy_signers
from cutter_agent.errors import StopApprovalInvalid, StopRefusedInput
from cutter_agent.evidence.sshsig import PublicKey, parse_public_key
from cutter_agent.orchestrator.orders import OfferedSignature
from cutter_agent.orchestrator.policy import TrustPolicy, parse_policy
from cutter_agent.orchestrator.policy_change import judge_policy, key_counts
from cutter_agent.orchestrator.policy_explain import deciders, deciders_of_run
from cutter_agent.orchestrator.runner import Deployment
from cutter_agent.orchestrator.states import Gate
from people import public_line, signature
from runs import CODE, dry_runner, unsigned_approval

NOW = datetime(2026, 5, 1, tzinfo=UTC)
NAMESPACE = "policy@iu-cutter.v1"


def key(person: str) -> PublicKey:
    return parse_public_key(public_line(person))


def first(*persons: str, **gates: tuple[tuple[str, ...], int]) -> TrustPolicy:
    return next_policy(
        None,
        database="1/2",
        keys=[(person, key(person)) for person in persons],
        gates={Gate[name]: rule for name, rule in gates.items()},
    )


def signed(
    policy: TrustPolicy, *persons: str, namespace: str = NAMESPACE
) -> list[OfferedSignature]:
    return [
        OfferedSignature(
            person, rejects=False, armor=signature(person, policy.canonical, namespace)
        )
        for person in persons
    ]


def with_key(policy: TrustPolicy, person: str, **change: str) -> TrustPolicy:
    """The policy with the enrolment of this person's keys changed."""
    return replace(
        policy,
        persons=tuple(
            replace(each, keys=tuple(replace(k, **change) for k in each.keys))
            if each.name == person
            else each
            for each in policy.persons
        ),
    )


class TestFirst:
    @pytest.mark.parametrize("who", [(), ("ann",), ("ben",)])
    def test_waits_until_everybody_signed(self, who: Sequence[str]) -> None:
        policy = first("ann", "ben")
        verdict = judge_policy(policy, None, signed(policy, *who), NOW)
        assert not verdict.counts
        assert verdict.missing == tuple(
            f"{person} has not signed" for person in ("ann", "ben") if person not in who
        )

    def test_counts_then_with_each_signature_once(self) -> None:
        policy = first("ann", "ben")
        verdict = judge_policy(policy, None, signed(policy, "ann", "ben", "ann"), NOW)
        assert verdict.counts
        assert [each.person for each in verdict.signed] == ["ann", "ben"]
        assert verdict.signed[0].key_id == key("ann").fingerprint

    def test_two_keys_of_one_person_are_one_person(self) -> None:
        policy = next_policy(
            None,
            database="1/2",
            keys=[("ann", key("ann")), ("ann", key("ann at home")), ("ben", key("ben"))],
            gates={},
        )
        verdict = judge_policy(policy, None, signed(policy, "ann", "ann at home"), NOW)
        assert verdict.missing == ("ben has not signed",)

    def test_a_stranger_s_signature_stops(self) -> None:
        policy = first("ann")
        with pytest.raises(StopApprovalInvalid, match="is nobody's"):
            judge_policy(policy, None, signed(policy, "ann", "mallory"), NOW)

    def test_a_signature_over_other_bytes_stops(self) -> None:
        policy, other = first("ann"), first("ann", SG_1=(("ann",), 1), SG_2=(("ann",), 1))
        changed = replace(other, sg1_approver_may_approve_sg2=True)
        with pytest.raises(StopApprovalInvalid):
            judge_policy(policy, None, signed(changed, "ann"), NOW)

    def test_an_approval_of_a_run_is_no_signature_of_a_policy(self) -> None:
        policy = first("ann")
        offered = signed(policy, "ann", namespace="approval@iu-cutter.v1")
        with pytest.raises(StopApprovalInvalid):
            judge_policy(policy, None, offered, NOW)

    def test_a_key_that_does_not_count_now_is_nobody_s(self) -> None:
        for change in (
            {"valid_from": "2026-05-02T00:00:00Z"},
            {"valid_until": "2026-04-30T00:00:00Z"},
            {"revoked_utc": "2026-04-30T00:00:00Z"},
        ):
            policy = with_key(first("ann"), "ann", **change)
            with pytest.raises(StopApprovalInvalid, match="is nobody's"):
                judge_policy(policy, None, signed(policy, "ann"), NOW)

    @pytest.mark.parametrize(
        ("change", "counts"),
        [
            ({"valid_from": "2026-05-01T00:00:00Z"}, True),
            ({"valid_until": "2026-05-01T00:00:00Z"}, True),
            ({"revoked_utc": "2026-05-01T00:00:01Z"}, True),
            ({"revoked_utc": "2026-05-01T00:00:00Z"}, False),
            ({"revoked_utc": "soon"}, False),
        ],
    )
    def test_a_key_counts_from_its_first_second_to_its_last(
        self, change: dict[str, str], counts: bool
    ) -> None:
        (enrolled,) = with_key(first("ann"), "ann", **change).persons[0].keys
        assert key_counts(enrolled, NOW) is counts

    def test_is_version_1_and_names_somebody(self) -> None:
        with pytest.raises(StopRefusedInput, match="version 2"):
            judge_policy(replace(first("ann"), version=2), None, (), NOW)
        with pytest.raises(StopRefusedInput, match="names no person"):
            judge_policy(first(), None, (), NOW)


class TestNext:
    OLD = first("ann", "ben", "cleo", SG_1=(("ann", "ben"), 2), SG_2=(("cleo",), 1))
    # SG_3 was not given: 1 of all.

    def test_needs_what_every_old_and_new_gate_asks_for(self) -> None:
        new = next_policy(
            self.OLD,
            database="1/2",
            keys=[("dora", key("dora"))],
            gates={Gate.SG_2: (("dora",), 1)},
        )
        assert (new.version, len(new.persons)) == (2, 4)
        for who, counts in (
            (("ann", "ben", "cleo", "dora"), True),
            (("ann", "ben", "cleo"), False),
            (("ann", "ben", "dora"), False),
            (("ann", "cleo", "dora"), False),
        ):
            assert judge_policy(new, self.OLD, signed(new, *who), NOW).counts is counts

    def test_that_throws_somebody_out_may_still_carry_their_signature(self) -> None:
        gates = dict.fromkeys(Gate, (("ann", "ben"), 1))
        new = next_policy(self.OLD, database="1/2", keys=[], gates=gates, without=["cleo"])
        verdict = judge_policy(new, self.OLD, signed(new, "ann", "ben", "cleo"), NOW)
        assert verdict.counts
        assert [person.name for person in new.persons] == ["ann", "ben"]

    def test_a_new_person_alone_does_not_bring_themselves_in(self) -> None:
        gates = dict.fromkeys(Gate, (("mallory",), 1))
        new = next_policy(self.OLD, database="1/2", keys=[("mallory", key("mallory"))], gates=gates)
        verdict = judge_policy(new, self.OLD, signed(new, "mallory"), NOW)
        assert [sentence.split(" of version 1")[0] for sentence in verdict.missing] == list(Gate)

    def test_a_replaced_key_signs_no_more_for_the_new_version(self) -> None:
        old = first("ann", "ben")
        new = next_policy(old, database="1/2", keys=[("ann", key("ann's new"))], gates={})
        assert judge_policy(new, old, signed(new, "ben"), NOW).counts
        alone = judge_policy(new, old, signed(new, "ann"), NOW)
        assert all("of version 2" in sentence for sentence in alone.missing)
        assert alone.missing

    def test_of_a_policy_without_gates_everybody_decides(self) -> None:
        old = replace(first("ann", "ben"), gates=())
        new = replace(old, version=2)
        assert not judge_policy(new, old, signed(new, "ann"), NOW).counts
        assert judge_policy(new, old, signed(new, "ann", "ben"), NOW).counts

    @pytest.mark.parametrize("version", [0, 1, 3])
    def test_is_the_one_after(self, version: int) -> None:
        with pytest.raises(StopRefusedInput, match="version 2"):
            judge_policy(replace(self.OLD, version=version), self.OLD, (), NOW)

    def test_keeps_what_nobody_changed(self) -> None:
        new = next_policy(self.OLD, database="1/2", keys=[], gates={}, same_approver=True)
        assert new == replace(self.OLD, version=2, sg1_approver_may_approve_sg2=True)
        assert parse_policy(new.canonical) == new

    def test_cannot_lose_somebody_it_does_not_have(self) -> None:
        with pytest.raises(StopRefusedInput, match="not in the policy"):
            next_policy(self.OLD, database="1/2", keys=[], gates={}, without=["zoe"])


class TestExplained:
    POLICY = first("ann", "ben", "cleo", SG_1=(("ann", "ben"), 1), SG_2=(("ann", "ben"), 1))

    def test_names_everybody_with_the_reason(self) -> None:
        policy = with_key(self.POLICY, "ben", revoked_utc="2026-01-01T00:00:00Z")
        found = deciders(policy, Gate.SG_1, "ann", NOW)
        assert found.may == ()
        assert dict(found.may_not) == {
            "ann": "started the run",
            "ben": "a key was revoked at 2026-01-01T00:00:00Z",
            "cleo": "the gate does not name them",
        }

    def test_bars_from_sg_2_who_approved_sg_1(self) -> None:
        found = deciders(self.POLICY, Gate.SG_2, "zoe", NOW, approved_before=("ann",))
        assert (found.may, found.may_not[0]) == (("ben",), ("ann", "approved SG_1 of this run"))
        lax = replace(self.POLICY, sg1_approver_may_approve_sg2=True)
        assert deciders(lax, Gate.SG_2, "zoe", NOW, approved_before=("ann",)).may == ("ann", "ben")

    def test_a_gate_without_a_rule_lets_nobody_decide(self) -> None:
        with pytest.raises(StopApprovalInvalid):
            deciders(replace(self.POLICY, gates=()), Gate.SG_1, "zoe", NOW)

    def test_of_a_run_is_about_the_gate_at_which_it_waits(self, tmp_path: Path) -> None:
        runner = dry_runner(tmp_path, deployment=Deployment(starter="ann"))
        run_id = runner.cut(document_id=CODE).run_id
        found = deciders_of_run(self.POLICY, runner.show(run_id).context, NOW)
        assert (found.gate, found.may, found.run_id) == (Gate.SG_1, ("ben",), run_id)
        for gate, persons in ((Gate.SG_1, ("ben",)), (Gate.SG_2, ())):
            approval = unsigned_approval(tmp_path, run_id, gate)
            context = runner.resume(run_id, approval_kb_id=str(approval)).context
            if persons:
                # Nobody approved SG_1: it was simulated, so it bars nobody.
                assert deciders_of_run(self.POLICY, context, NOW).may == persons
        with pytest.raises(StopRefusedInput, match="waits for no approval"):
            deciders_of_run(self.POLICY, context, NOW)


@pytest.mark.parametrize(
    ("until", "revoked", "last"),
    [
        ("2026-03-01T00:00:00Z", "2026-06-01T00:00:00Z", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-06-01T00:00:00Z", "2026-03-01T00:00:00Z", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-06-01T00:00:00Z", None, datetime(2026, 6, 1, tzinfo=UTC)),
        (None, "2026-06-01T00:00:00Z", datetime(2026, 6, 1, tzinfo=UTC)),
        (None, None, None),
    ],
)
def test_a_key_may_sign_until_its_end_or_its_revocation_whichever_is_earlier(
    until: str | None, revoked: str | None, last: datetime | None
) -> None:
    (alice,) = first("alice").persons
    ended = replace(alice.keys[0], valid_until=until, revoked_utc=revoked)
    policy = replace(first("alice"), persons=(replace(alice, keys=(ended,)),))
    assert [signer.valid_before for signer in policy_signers(policy)] == [last]
