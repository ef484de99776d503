"""Signing in: a fresh challenge, signed by an enrolled key, once, in one session at one host."""

from pathlib import Path

import pytest
from tests.live import Deployed, deploy

from clusters.databases import Database
from visitors import served


@pytest.fixture
def deployed(database: Database, tmp_path: Path) -> Deployed:
    return deploy(database, tmp_path)


def test_a_person_signs_in_and_out(deployed: Deployed) -> None:
    with served(deployed.environ) as at:
        browser = at.signed_in("alice")
        assert len(at.console.sessions) == 1
        copy = browser.cookies["cutter_session"]
        assert browser.post("/sign-out").status_code == 303
        assert at.console.sessions.person(at.console.sessions.opened(copy) or "") is None


def test_rubbish_is_answered_at_the_door_with_a_new_line_to_sign(
    deployed: Deployed,
) -> None:
    with served(deployed.environ) as at:
        browser, session = at.stranger()
        challenge = at.console.challenges.new("alice", at.host, session)
        given = {"challenge": challenge.challenge_id, "person": "alice", "signature": "rubbish"}
        answered = browser.post("/sign-in", data=given, headers={"Accept": "text/html"})
        assert answered.status_code == 422
        assert "That did not sign you in." in answered.text
        assert "not exactly one SSH signature" in answered.text
        assert challenge.text not in answered.text
        assert "cutter-sign-in/1" in answered.text
        plain = browser.post("/sign-in", data=given)
        assert (plain.status_code, plain.json()["code"]) == (422, "STOP_APPROVAL_INVALID")
