"""The authorisation matrix: every route, every role, every session that is none."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Route
from tests.live import Deployed, deploy

from clusters.fixtures import fresh_database
from cutter_agent.bootstrap import trust
from cutter_agent.bootstrap.people import next_policy
from cutter_agent.bootstrap.settings import read_settings, write_settings
from cutter_agent.evidence.sshsig import POLICY_NAMESPACE, ed25519_public_key
from cutter_agent.orchestrator.states import Gate
from cutter_agent.postgres.embedded import Server
from cutter_agent.web.challenges import NAMESPACE
from cutter_agent.web.sessions import IDLE_S
from people import public_raw, signature
from visitors import COOKIE, Served, served

PEOPLE = ("alice", "bob", "carol", "dave", "erin")
"""An approver of SG_1, one of the other gates, the operator, an author, and an auditor who may only read."""
OPEN = {
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
    ("POST", "/sign-out"),
    ("GET", "/static/{name}"),
    ("GET", "/healthz"),
    ("GET", "/metrics"),
    ("GET", "/api/v1/openapi.json"),
    ("POST", "/api/v1/challenges"),
    ("POST", "/api/v1/sessions"),
}
"""Routes that nobody needs to be signed in for."""
APPROVERS, RUNNERS, BEGINNERS = {"alice", "bob"}, {"carol"}, {"carol", "dave"}
ACTS = {
    ("POST", "/runs/{run_id}/approve"): APPROVERS,
    ("POST", "/runs/{run_id}/reject"): APPROVERS,
    ("POST", "/runs/{run_id}/resume"): RUNNERS,
    ("POST", "/runs/{run_id}/retry"): RUNNERS,
    ("POST", "/runs/{run_id}/void"): RUNNERS,
    ("POST", "/documents/{code}/cut"): BEGINNERS,
    ("POST", "/batches/{batch_id}/retry"): RUNNERS,
    ("POST", "/api/v1/runs"): BEGINNERS,
    ("POST", "/api/v1/runs/{run_id}/approvals"): APPROVERS,
    ("POST", "/api/v1/runs/{run_id}/refusals"): APPROVERS,
    ("POST", "/api/v1/runs/{run_id}/resume"): RUNNERS,
    ("POST", "/api/v1/runs/{run_id}/retry"): RUNNERS,
    ("POST", "/api/v1/runs/{run_id}/void"): RUNNERS,
    ("DELETE", "/api/v1/sessions/current"): set(PEOPLE),
}
"""Who may do what; every other route is read by everybody who is signed in."""
BODIES: dict[str, object] = {
    "/api/v1/runs": {"document_id": "NOPE-1"},
    "/api/v1/runs/{run_id}/approvals": {"signature": "none"},
    "/api/v1/runs/{run_id}/refusals": {"signature": "none", "reason": "no"},
}
WRONG = ("none", "tampered", "of another server", "signed out", "idle too long", "struck out")
FOREIGN = ("no token", "another person's token", "another site's form", "a made-up token")


@dataclass(frozen=True)
class Way:
    """One route with one method."""

    method: str
    path: str

    @property
    def key(self) -> tuple[str, str]:
        return self.method, self.path

    def send(self, browser: httpx.Client, headers: dict[str, str] | None = None) -> httpx.Response:
        """The answer of this route to a request that names nothing that exists."""
        path = re.sub(r"\{[^}]+\}", "NOPE-1", self.path)
        params = {"run": "NOPE-1"} if self.path == "/events" else None
        body = BODIES.get(self.path)
        with browser.stream(
            self.method, path, params=params, json=body, headers=headers
        ) as answered:
            answered.read()
            return answered


def ways(routes: list[BaseRoute], before: str = "") -> Iterator[Way]:
    """Yield every route of the app with each of its methods."""
    for route in routes:
        if isinstance(route, (APIRoute, Route)):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield Way(method, f"{before}{route.path}")
        else:
            included: Any = route
            prefix = f"{before}{included.include_context.prefix}"
            yield from ways(included.original_router.routes, prefix)


def kind_of(answered: httpx.Response) -> str:
    """How the door answered: open, sign-in, role or foreign."""
    if answered.status_code == 303 and answered.headers["location"].startswith("/sign-in"):
        return "sign-in"
    if answered.headers.get("content-type", "").startswith("application/problem+json"):
        code = answered.json()["code"]
        return {
            "SIGN_IN_REQUIRED": "sign-in",
            "ROLE_REQUIRED": "role",
            "FORM_NOT_OWN": "foreign",
        }.get(code, "open")
    return "open"


@pytest.fixture(scope="module")
def deployed(cluster: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    """A deployment of five persons, each with another role."""
    with fresh_database(cluster) as database:
        made = deploy(database, tmp_path_factory.mktemp("matrix"))
        accept(made, PEOPLE)
        write_settings(made.home, replace(read_settings(made.home), authors=("dave",)))
        yield made


@pytest.fixture
def at(deployed: Deployed) -> Iterator[Served]:
    with served(deployed.environ) as here:
        yield here


def accept(deployed: Deployed, people: tuple[str, ...]) -> None:
    """The next policy names these persons; it is signed by all and counts."""
    with deployed.desk() as desk:
        current = desk.policy()
        gone = () if current is None else [p.name for p in current.persons if p.name not in people]
        policy = next_policy(
            current,
            database=desk.facts().database_identity().text,
            keys=[(name, ed25519_public_key(public_raw(name))) for name in people],
            gates={Gate.SG_1: (("alice",), 1), Gate.SG_2: (("bob",), 1), Gate.SG_3: (("bob",), 1)},
            without=gone,
        )
        trust.propose(desk, policy)
        for name in {*people, *PEOPLE, *gone}:
            armor = signature(name, policy.canonical, POLICY_NAMESPACE)
            if trust.add_signature(desk, name, armor.decode()).verdict.counts:
                return
    raise AssertionError("the policy does not count")


def all_ways(at: Served) -> list[Way]:
    found = list(dict.fromkeys(ways(list(at.app.routes))))
    assert len(found) > 40
    return found


def test_every_route_is_known_and_whatever_changes_something_is_in_the_table(at: Served) -> None:
    known = {way.key for way in all_ways(at)}
    assert known >= ACTS.keys() | OPEN
    assert not [key for key in known - ACTS.keys() - OPEN if key[0] != "GET"]


def test_each_role_comes_exactly_as_far_as_the_table_says(at: Served) -> None:
    wrong: list[str] = []
    for person in PEOPLE:
        browser = at.signed_in(person)
        for way in all_ways(at):
            if way.key in OPEN or way.method == "DELETE":
                continue
            may = person in ACTS.get(way.key, PEOPLE)
            found = kind_of(way.send(browser))
            if found != ("open" if may else "role"):
                wrong.append(f"{person} {way.method} {way.path}: {found}")
    assert not wrong, wrong


@pytest.mark.parametrize("session", WRONG)
def test_no_route_opens_for_a_session_that_is_none(
    at: Served, deployed: Deployed, session: str
) -> None:
    browser = wrong_session(at, deployed, session)
    wrong = [
        f"{way.method} {way.path}: {found}"
        for way in all_ways(at)
        if way.key not in OPEN and (found := kind_of(way.send(browser))) != "sign-in"
    ]
    assert not wrong, wrong


@pytest.mark.parametrize("form", FOREIGN)
def test_nothing_changes_by_a_form_that_is_not_the_sessions_own(at: Served, form: str) -> None:
    carol, alice = at.signed_in("carol"), at.signed_in("alice")
    headers = {
        "no token": {"X-CSRF-Token": ""},
        "another person's token": {"X-CSRF-Token": at.csrf(alice)},
        "another site's form": {"Origin": "https://evil.example"},
        "a made-up token": {"X-CSRF-Token": "x" * 43},
    }[form]
    changing = [way for way in all_ways(at) if way.method != "GET" and not opens_by_itself(way)]
    wrong = [
        f"{way.method} {way.path}: {found}"
        for way in changing
        if (found := kind_of(way.send(carol, headers))) != "foreign"
    ]
    assert not wrong, wrong
    assert at.console.sessions.lasts(at.session(carol))


def opens_by_itself(way: Way) -> bool:
    """Say whether the route takes no session at all: an API client's way in."""
    return way.path in {"/api/v1/challenges", "/api/v1/sessions"}


def wrong_session(at: Served, deployed: Deployed, session: str) -> httpx.Client:
    """A browser of the operator whose session is none, or none any more."""
    browser = at.browser() if session == "none" else at.signed_in("carol")
    if session == "tampered":
        value = browser.cookies[COOKIE]
        browser.cookies.clear()
        browser.cookies.set(COOKIE, f"x{value[1:]}", domain="127.0.0.1")
    elif session == "of another server":
        other = type(at.console.sessions)()
        browser.cookies.clear()
        browser.cookies.set(COOKIE, other.sealed(other.begin("carol")), domain="127.0.0.1")
    elif session == "signed out":
        value = browser.cookies[COOKIE]
        assert browser.post("/sign-out").status_code == 303
        browser.cookies.set(COOKIE, value, domain="127.0.0.1")
    elif session == "idle too long":
        at.console.sessions._open[at.session(browser)].seen_s -= IDLE_S + 1
    elif session == "struck out":
        kept = tuple(name for name in PEOPLE if name != "carol")
        accept(deployed, kept)
        at.console._known = None
    return browser


@pytest.fixture(autouse=True)
def everybody_again(deployed: Deployed) -> Iterator[None]:
    """Whoever a test strikes out is back afterwards."""
    yield
    with deployed.desk() as desk:
        policy = desk.policy()
    if policy is not None and len(policy.persons) < len(PEOPLE):
        accept(deployed, PEOPLE)


def test_a_bearer_is_a_session_and_needs_no_token(at: Served) -> None:
    client = at.browser()
    given = client.post("/api/v1/challenges", json={"person": "erin"}).json()
    armor = signature("erin", f"{given['text']}\n".encode(), NAMESPACE).decode()
    answer = {"challenge_id": given["challenge_id"], "binding": given["binding"]}
    signed = client.post("/api/v1/sessions", json={**answer, "signature": armor})
    assert signed.status_code == 201, signed.text
    client.headers["Authorization"] = f"Bearer {signed.json()['bearer']}"
    assert client.get("/api/v1/me").json() == {"person": "erin", "roles": ["auditor"]}
    again = client.post("/api/v1/sessions", json={**answer, "signature": armor})
    assert again.status_code == 422, "a challenge is answered once"
    assert client.delete("/api/v1/sessions/current").status_code == 204
    assert client.get("/api/v1/me").status_code == 401
