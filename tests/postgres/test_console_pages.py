"""Pages of the console over HTTP: a plan of 5,000 units a page at a time, downloads, what is not there."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.live import Deployed, cut_live, deploy
from tests.runs import CHARTER, CHARTER_2, CODE

from clusters.databases import Database
from clusters.fixtures import fresh_database
from cutter_agent.bootstrap.evidence import check_bundle
from cutter_agent.bootstrap.settings import read_settings, write_settings
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.evidence.citation import parse_citation, verify_citation
from cutter_agent.orchestrator import Mode
from cutter_agent.postgres.embedded import Server
from cutter_agent.web.pages import PARTS
from visitors import served

UNITS = 5_000
LONG = "---\nstatus: enacted\n---\n\n# A long charter\n\n## PART\n\n" + "\n".join(
    f"### NT-{n}. Heading {n}\n\nText of number {n}.\n" for n in range(1, UNITS + 1)
)
ROW = re.compile(r'<li class="d\d">')
PAGE_BYTES_MAX = 400_000


@pytest.fixture(scope="module")
def deployed(cluster: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    with fresh_database(cluster) as database:
        made = deploy(Database(database.server, database.name), tmp_path_factory.mktemp("pages"))
        settings = read_settings(made.home)
        write_settings(made.home, replace(settings, candidate_cap=UNITS))
        yield made


def test_a_plan_of_5000_units_comes_a_page_at_a_time(deployed: Deployed) -> None:
    deployed.add(LONG.encode(), "LONG")
    with deployed.runner() as runner:
        run_id = runner.cut(document_id="LONG", mode=Mode.DRYRUN).run_id
    with served(deployed.environ) as server:
        alice = server.signed_in("alice")
        seen: set[str] = set()
        for number in (1, 2, 999):
            page = alice.get(f"/runs/{run_id}/plan", params={"tree": number, "show": "all"})
            assert page.status_code == 200
            assert len(page.content) < PAGE_BYTES_MAX
            rows = re.findall(r"unit=(LONG/NT-\d+)", page.text)
            assert len(ROW.findall(page.text)) <= 200
            seen |= set(rows)
        assert {"LONG/NT-1", "LONG/NT-300", f"LONG/NT-{UNITS}"} <= seen
        deep = alice.get(f"/runs/{run_id}/plan", params={"unit": "LONG/NT-4321"})
        assert "<mark>### NT-4321. Heading 4321</mark>" in deep.text
        assert 'aria-current="true"' in deep.text, "the tree opens where the unit stands"
        assert deep.text.count('<li class="created') <= 40
        assert '<li class="created on">' in deep.text, "and so do the differences"


def test_what_is_downloaded_is_what_is_signed_cited_and_proved(
    database: Database, tmp_path: Path
) -> None:
    deployed = deploy(database, tmp_path, source=CHARTER)
    closed = cut_live(deployed).run_id
    deployed.add(CHARTER_2)
    with deployed.runner() as runner:
        waiting = runner.cut(document_id=CODE, mode=Mode.LIVE).run_id
    with served(deployed.environ) as server:
        alice = server.signed_in("alice")
        request = alice.get(f"/runs/{waiting}/request").content
        shown = alice.get(f"/runs/{waiting}/approve").text
        assert sha256_hex(request) in shown
        assert sha256_hex(request) in {
            d.sha256 for d in deployed.context(waiting).history.documents
        }
        bundle = alice.get(f"/runs/{closed}/bundle.zip").content
        assert all(check.held for check in check_bundle(bundle))
        citation = alice.get(f"/units/{CODE}/DIEU-7", params={"as": "citation"}).content
        assert all(check.held for check in verify_citation(parse_citation(citation)))
        name = deployed.context(closed).history.documents[0].name
        document = alice.get(f"/runs/{closed}/documents/{name}")
        assert document.headers["content-type"].startswith("text/plain")
        assert document.text == deployed.context(closed).history.documents[0].text


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/console.py",
        "/static/vi.toml",
        "/runs/none",
        "/runs/ictr-20260101T000000Z-00000000/plan",
        "/documents/NONE",
        "/units/NONE/X-1",
        "/batches/none",
        "/runs/ictr-20260101T000000Z-00000000/documents/..%2f..%2fsettings.toml",
    ],
)
def test_what_is_not_there_is_refused_with_a_page(deployed: Deployed, path: str) -> None:
    with served(deployed.environ) as server:
        answer = server.signed_in("alice").get(path, headers={"Accept": "text/html"})
        assert 400 <= answer.status_code < 500
        assert "<!doctype html>" in answer.text


def test_every_page_but_the_door_wants_somebody_known(deployed: Deployed) -> None:
    open_to_all = {"/sign-in", "/static/{name}"}
    with served(deployed.environ) as server:
        stranger = server.browser()
        for route in (each for part in PARTS for each in part.routes):
            path = re.sub(r"\{[^}]+\}", "x", route.path)
            answer = stranger.get(path, headers={"Accept": "text/html"})
            expected = {200, 404} if route.path in open_to_all else {303}
            assert answer.status_code in expected, route.path
            if expected == {303}:
                assert answer.headers["location"].startswith("/sign-in"), route.path
