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
