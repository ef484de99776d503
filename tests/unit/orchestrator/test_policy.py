"""What nobody may give, what never leaves, and which trust policies are sound."""

from dataclasses import replace

import pytest
from tests.people import public_line

from cutter_agent.errors import Stop, StopApprovalInvalid, StopRefusedInput
from cutter_agent.evidence.sshsig import ed25519_public_key, parse_public_key
from cutter_agent.orchestrator.policy import (
    POLICY_SCHEMA,
    USER_REFUSED_ARGS,
    EnrolledKey,
    GateRule,
    Person,
    TrustPolicy,
    parse_policy,
    refuse_user_args,
    strip_secrets,
)
from cutter_agent.orchestrator.states import Gate


def key(line: str) -> EnrolledKey:
    return EnrolledKey(public_key=line, valid_from=None, valid_until=None, revoked_utc=None)


ALICE = Person("alice", (key(public_line("alice")), key(public_line("alice-2"))))
BOB = Person("bob", (key(public_line("bob")),))
SOUND = TrustPolicy(
    schema=POLICY_SCHEMA,
    version=1,
    deployment="test",
    persons=(ALICE, BOB),
    gates=(GateRule(Gate.SG_1, 2, ("alice", "bob"), require_user_verification=False),),
    sg1_approver_may_approve_sg2=False,
)


@pytest.mark.parametrize("name", USER_REFUSED_ARGS)
def test_every_refused_argument_is_refused_in_every_spelling(name: str) -> None:
    for spelt in (name, name.upper(), "--" + name.replace("_", "-")):
        with pytest.raises(StopRefusedInput, match=name):
            refuse_user_args([spelt], document_id="ICX-CONST")


def test_the_document_is_not_refused() -> None:
    refuse_user_args(["document_id", "mode", "--live", "--json"])


def test_secrets_are_stripped_at_every_depth() -> None:
    pins = {"a": 1, "PGPASSWORD": "x", "b": [{"api-key": "y", "c": "d"}], "dsn": "z"}
    assert strip_secrets(pins) == {"a": 1, "b": [{"c": "d"}]}


def test_a_sound_policy_reads_back_as_it_was_written() -> None:
    assert parse_policy(SOUND.canonical) == SOUND
    assert SOUND.rule(Gate.SG_1).threshold == 2
    with pytest.raises(StopApprovalInvalid, match="no rule"):
        SOUND.rule(Gate.SG_2)


def test_a_key_has_one_owner() -> None:
    owner = SOUND.owner_of(parse_public_key(public_line("alice-2")))
    assert owner is not None
    assert owner[0].name == "alice"
    assert SOUND.owner_of(parse_public_key(public_line("mallory"))) is None


@pytest.mark.parametrize(
    ("policy", "why"),
    [
        (replace(SOUND, schema="other/1"), "schema"),
        (replace(SOUND, version=0), "version"),
        (replace(SOUND, persons=(ALICE, ALICE)), "twice"),
        (replace(SOUND, persons=(ALICE, replace(BOB, keys=ALICE.keys))), "share a key"),
        (replace(SOUND, persons=(ALICE,)), "does not define"),
        (replace(SOUND, gates=(replace(SOUND.gates[0], threshold=3),)), "asks for 3 of 2"),
        (replace(SOUND, gates=(replace(SOUND.gates[0], threshold=0),)), "asks for 0 of 2"),
        (
            replace(
                SOUND,
                gates=(replace(SOUND.gates[0], persons=("alice", "alice"), threshold=2),),
            ),
            "asks for 2 of 1",
        ),
        (replace(SOUND, gates=SOUND.gates * 2), "two rules"),
        (replace(SOUND, persons=(ALICE, replace(BOB, name="b b"))), "not a person's name"),
        (
            replace(
                SOUND,
                persons=(ALICE, replace(BOB, keys=(replace(BOB.keys[0], valid_until="2027"),))),
            ),
            "not a UTC time",
        ),
    ],
)
def test_an_unsound_policy_is_refused(policy: TrustPolicy, why: str) -> None:
    with pytest.raises(StopRefusedInput, match=why):
        parse_policy(policy.canonical)


def test_a_key_of_low_order_cannot_be_enrolled() -> None:
    with pytest.raises(Stop):
        parse_public_key(ed25519_public_key(bytes(32)).line)
