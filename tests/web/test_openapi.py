"""The API against its own description: generated requests, and no answer that the description does not know."""

from collections.abc import Iterator

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.live import Deployed, cut_live
from tests.runs import CODE

from cutter_agent.errors import STOP_BY_CODE
from cutter_agent.orchestrator import Mode
from visitors import Served

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 4
"""Generated requests a route and kind; enough to meet each field, few enough for every test run."""
SIGNING_OUT = "DELETE /api/v1/sessions/current"


@pytest.fixture
def run_id(deployed: Deployed) -> str:
    with deployed.runner() as runner:
        return runner.cut(document_id=CODE, mode=Mode.LIVE).run_id


def requests_of(
    operation: schemathesis.schemas.APIOperation, run_id: str
) -> Iterator[SearchStrategy[schemathesis.Case]]:
    """Yield requests as described, requests that are not, and those about a run that exists."""
    yield operation.as_strategy(GenerationMode.POSITIVE)
    if operation.body or operation.query:
        yield operation.as_strategy(GenerationMode.NEGATIVE)
    if "{run_id}" in operation.path:
        yield operation.as_strategy(path_parameters={"run_id": run_id})
    if "{code}" in operation.path:
        yield operation.as_strategy(path_parameters={"code": CODE})


def test_no_generated_request_meets_an_answer_that_is_not_described(
    at: Served, run_id: str
) -> None:
    carol = at.signed_in("carol")
    bearer = at.console.sessions.sealed(at.session(carol))
    described = schemathesis.openapi.from_url(f"{at.url}/api/v1/openapi.json")
    tried: set[str] = set()
    for result in described.get_all_operations():
        operation = result.ok()
        if operation.label == SIGNING_OUT:
            continue  # it would end the session of all others
        for strategy in requests_of(operation, run_id):

            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=strategy)
            def holds(case: schemathesis.Case) -> None:
                at.console.tries._tried.clear()
                case.call_and_validate(
                    headers={"Authorization": f"Bearer {bearer}"}, checks=CHECKS, timeout=60
                )

            holds()
        tried.add(operation.label)
    assert len(tried) > 20, tried


def test_every_refusal_of_the_api_is_a_problem_with_a_code_and_a_next_step(at: Served) -> None:
    alice = at.signed_in("alice")
    answers = {
        "STOP_RUN_UNKNOWN": alice.get("/api/v1/runs/ictr-20260101T000000Z-00000000"),
        "STOP_DOCUMENT_UNKNOWN": alice.get("/api/v1/documents/NOPE/drift"),
        "STOP_REFUSED_INPUT": alice.get("/api/v1/audit?since=yesterday"),
    }
    for code, answered in answers.items():
        problem = answered.json()
        assert answered.headers["content-type"] == "application/problem+json"
        assert problem["code"] == code
        assert problem["exit_status"] == STOP_BY_CODE[code].exit_status
        assert problem["status"] == answered.status_code
        assert problem["next"].startswith("cutter ")


@pytest.mark.parametrize("name", ["password", "dsn", "manifest_digest", "out-dir"])
def test_what_nobody_may_give_is_refused_as_a_field(at: Served, name: str) -> None:
    carol = at.signed_in("carol")
    answered = carol.post("/api/v1/runs", json={"document_id": CODE, name: "x"})
    assert answered.status_code == 422
    assert answered.json()["code"] == "STOP_REFUSED_INPUT"
    assert not at.console.drives.driven


def test_an_unchanged_run_costs_no_body(at: Served, run_id: str) -> None:
    browser: httpx.Client = at.signed_in("alice")
    first = browser.get(f"/api/v1/runs/{run_id}")
    assert first.json()["schema"] == "cutter.run/1"
    again = browser.get(f"/api/v1/runs/{run_id}", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_client_reviews_what_a_person_would_see(at: Served, deployed: Deployed) -> None:
    alice = at.signed_in("alice")
    run_id = cut_live(deployed).run_id
    plan = alice.get(f"/api/v1/runs/{run_id}/plan", params={"unit": "DIEU-7"}).json()
    assert (plan["tree_size"], plan["coverage"]["unaccounted_bytes"]) == (60, 0)
    assert plan["selected"]["address"] == f"{CODE}/DIEU-7"
    lit = [s["text"] for line in plan["source"]["lines"] for s in line["stretches"] if s["lit"]]
    assert lit
    evidence = alice.get(f"/api/v1/runs/{run_id}/evidence").json()
    assert evidence["complete"]
    assert evidence["known"]["run_id"] == run_id
    units = alice.get(f"/api/v1/documents/{CODE}/units").json()
    assert (units["total"], len(units["rows"])) == (60, 60)
    then = alice.get(f"/api/v1/documents/{CODE}/units", params={"as_of": "9999-01-01"}).json()
    assert then == units, "what is in force and never ends is so on every later day"
    early = alice.get(f"/api/v1/documents/{CODE}/units", params={"as_of": "1900-01-01"}).json()
    assert (early["total"], early["rows"]) == (0, [])
    page = alice.get(f"/documents/{CODE}?as_of=9999-01-01", headers={"Accept": "text/html"}).text
    assert f"/units/{CODE}/DIEU-7?as_of=9999-01-01" in page
    assert alice.get(f"/documents/{CODE}?as_of=never").status_code == 422
    unit_then = f"/units/{CODE}/DIEU-7?as_of=9999-01-01"
    page = alice.get(unit_then, headers={"Accept": "text/html"}).text
    assert "?as=citation&amp;as_of=9999-01-01" in page
    kept = alice.get(f"{unit_then}&as=citation").headers["content-disposition"]
    assert f'filename="{run_id}.' in kept
    unit = alice.get("/api/v1/units", params={"address": f"{CODE}/DIEU-7"}).json()
    assert [version["in_force"] for version in unit["versions"]] == [True]
    assert alice.get("/api/v1/batches").json()["rows"] == []
    for path, status, code in (
        (f"runs/{run_id}/plan?unit=NOPE", 404, "UNIT_UNKNOWN"),
        (f"runs/{run_id}/evidence?unit=NOPE", 404, "UNIT_UNKNOWN"),
        ("runs/ictr-20260101T000000Z-00000000/plan", 404, "STOP_RUN_UNKNOWN"),
        ("documents/NOPE/units", 404, "STOP_DOCUMENT_UNKNOWN"),
        ("batches/NOPE", 404, "BATCH_UNKNOWN"),
    ):
        answered = alice.get(f"/api/v1/{path}")
        assert (answered.status_code, answered.json()["code"]) == (status, code), path
