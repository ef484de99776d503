"""The doors of the server, without a server: challenges, sessions, tries, addresses."""

import pytest

from cutter_agent.errors import Stop, StopApprovalInvalid
from cutter_agent.evidence.sshsig import APPROVAL_NAMESPACE, ed25519_public_key
from cutter_agent.orchestrator.policy import POLICY_SCHEMA, EnrolledKey, Person, TrustPolicy
from cutter_agent.web.access import safe_next
from cutter_agent.web.challenges import LIFE_S, NAMESPACE, Challenge, Challenges
from cutter_agent.web.limits import TRIES_A_MINUTE, Tries
from cutter_agent.web.problems import problem_json, problem_of_stop, status_of
from cutter_agent.web.sessions import IDLE_S, Sessions
from cutter_agent.web.sessions import LIFE_S as SESSION_LIFE_S
from people import public_raw, signature

HOST = "127.0.0.1:8450"


class Clock:
    """A clock that a test moves."""

    now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def policy(*names: str, revoked: str | None = None) -> TrustPolicy:
    return TrustPolicy(
        schema=POLICY_SCHEMA,
        version=1,
        deployment="1/1",
        persons=tuple(
            Person(
                name,
                (EnrolledKey(ed25519_public_key(public_raw(name)).line, None, None, revoked),),
            )
            for name in names
        ),
        gates=(),
        sg1_approver_may_approve_sg2=False,
    )


def answer(challenge: Challenge, person: str = "alice", namespace: str = NAMESPACE) -> bytes:
    return signature(person, challenge.message, namespace)


def test_whoever_signs_their_challenge_is_who_they_say() -> None:
    open_ = Challenges()
    challenge = open_.new("alice", HOST, "session")
    assert f"host={HOST} person=alice" in challenge.text
    assert challenge.text in challenge.command
    named = open_.answer(
        challenge.challenge_id,
        answer(challenge),
        host=HOST,
        session_id="session",
        policy=policy("alice"),
    )
    assert named == "alice"


def test_a_terminals_line_ends_do_not_matter() -> None:
    open_ = Challenges()
    challenge = open_.new("alice", HOST, "session")
    pasted = b"  " + answer(challenge).replace(b"\n", b"\r\n") + b"\r\n\r\n"
    given = {"host": HOST, "session_id": "session", "policy": policy("alice")}
    assert open_.answer(challenge.challenge_id, pasted, **given) == "alice"


def test_a_challenge_is_answered_once_even_in_vain() -> None:
    open_ = Challenges()
    given = {"host": HOST, "session_id": "session", "policy": policy("alice")}
    challenge = open_.new("alice", HOST, "session")
    with pytest.raises(StopApprovalInvalid):
        open_.answer(challenge.challenge_id, b"no armour", **given)
    with pytest.raises(StopApprovalInvalid, match="answered before"):
        open_.answer(challenge.challenge_id, answer(challenge), **given)


def test_a_challenge_is_over_after_its_life() -> None:
    clock = Clock()
    open_ = Challenges(clock)
    challenge = open_.new("alice", HOST, "session")
    clock.now_s += LIFE_S + 1
    with pytest.raises(StopApprovalInvalid, match="too old"):
        open_.answer(
            challenge.challenge_id,
            answer(challenge),
            host=HOST,
            session_id="session",
            policy=policy("alice"),
        )


@pytest.mark.parametrize(
    ("host", "session"), [("evil.example", "session"), (HOST, "another session")]
)
def test_a_challenge_counts_in_its_own_session_at_its_own_host(host: str, session: str) -> None:
    open_ = Challenges()
    challenge = open_.new("alice", HOST, "session")
    with pytest.raises(StopApprovalInvalid, match="another browser or for another host"):
        open_.answer(
            challenge.challenge_id,
            answer(challenge),
            host=host,
            session_id=session,
            policy=policy("alice"),
        )


def test_a_key_of_somebody_else_of_nobody_or_revoked_signs_nobody_in() -> None:
    given = {"host": HOST, "session_id": "session"}
    for signer, known in (
        ("bob", policy("alice", "bob")),
        ("mallory", policy("alice")),
        ("alice", policy("alice", revoked="2026-01-01T00:00:00Z")),
        ("alice", None),
    ):
        open_ = Challenges()
        challenge = open_.new("alice", HOST, "session")
        with pytest.raises(StopApprovalInvalid):
            open_.answer(challenge.challenge_id, answer(challenge, signer), policy=known, **given)


def test_an_approval_signs_nobody_in() -> None:
    open_ = Challenges()
    challenge = open_.new("alice", HOST, "session")
    with pytest.raises(StopApprovalInvalid, match="namespace"):
        open_.answer(
            challenge.challenge_id,
            answer(challenge, namespace=APPROVAL_NAMESPACE),
            host=HOST,
            session_id="session",
            policy=policy("alice"),
        )


def test_a_session_ends_when_idle_when_old_and_when_signed_out() -> None:
    clock = Clock()
    sessions = Sessions(clock)
    idle, ended = sessions.begin("alice"), sessions.begin("bob")
    sessions.end(ended)
    assert sessions.person(ended) is None
    clock.now_s += IDLE_S + 1
    assert sessions.person(idle) is None
    old = sessions.begin("alice")
    for _ in range(SESSION_LIFE_S // IDLE_S + 1):
        clock.now_s += IDLE_S - 1
        last = sessions.person(old)
    assert last is None
    assert len(sessions) == 0


def test_a_cookie_is_sealed_by_this_server_alone() -> None:
    here, there = Sessions(), Sessions()
    session = here.begin("alice")
    assert here.opened(here.sealed(session)) == session
    for value in (there.sealed(session), session, f"{session}.", "é", "x" * 300, ""):
        assert here.opened(value) is None


def test_a_forms_token_belongs_to_one_session() -> None:
    sessions = Sessions()
    alice, bob = sessions.begin("alice"), sessions.begin("bob")
    assert sessions.csrf_holds(alice, sessions.csrf(alice))
    for wrong in (sessions.csrf(bob), "", "é", Sessions().csrf(alice)):
        assert not sessions.csrf_holds(alice, wrong)


def test_nobody_tries_more_often_than_a_minute_allows() -> None:
    clock = Clock()
    tries = Tries(clock=clock)
    assert [tries.once_more("here") for _ in range(TRIES_A_MINUTE)] == [0.0] * TRIES_A_MINUTE
    assert tries.once_more("here") > 0
    assert tries.once_more("there") == 0
    clock.now_s += 61
    assert tries.once_more("here") == 0


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", "", "/\n", "é"],
)
def test_nobody_is_sent_elsewhere_after_signing_in(wanted: str) -> None:
    assert safe_next(wanted) == "/"
    assert safe_next("/runs/x?a=b") == "/runs/x?a=b"


def test_a_problem_says_what_the_stop_says() -> None:
    stop: Stop = StopApprovalInvalid("the key is bob's", expected="a key of alice", run_id="RUN")
    told = problem_json(problem_of_stop(stop))
    assert (told["code"], told["exit_status"], told["run_id"]) == (stop.code, 11, "RUN")
    assert (told["status"], told["next"]) == (status_of(stop), "cutter approve RUN")
