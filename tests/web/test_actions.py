"""What people do with forms: a live cut from the first form to the last, and every form that is refused."""

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from tests.live import Deployed
from tests.runs import CHARTER, CODE

from cutter_agent.bootstrap.approvals import waiting
from cutter_agent.bootstrap.batches import batch_runner
from cutter_agent.bootstrap.console.run import run
from cutter_agent.bootstrap.desk import Desk
from cutter_agent.bootstrap.settings import read_settings, write_settings
from cutter_agent.evidence.sshsig import APPROVAL_NAMESPACE, REJECT_NAMESPACE
from cutter_agent.orchestrator import Mode
from cutter_agent.orchestrator.batch_queue import Queue, QueueItem
from people import signature
from visitors import Served

HTML = {"Accept": "text/html"}


def begun(at: Served, runner: httpx.Client, mode: str = "live") -> str:
    """The id of a run that was begun by a form and stands at its first pause."""
    answered = runner.post(f"/documents/{CODE}/cut", data={"mode": mode})
    assert answered.status_code == 303, answered.text
    run_id = answered.headers["location"].split("/")[2].split("?")[0]
    settle(at, run_id)
    return run_id


def settle(at: Served, run_id: str) -> None:
    """Nothing moves the run in this server any more."""
    while run_id in at.console.drives.driven:
        at.console.drives.settled(run_id)


def armour(deployed: Deployed, run_id: str, person: str, *, reject: bool = False) -> str:
    """What the person's own ssh-keygen would make of the request that waits."""
    asked = waiting(deployed.context(run_id))
    namespace = REJECT_NAMESPACE if reject else APPROVAL_NAMESPACE
    return signature(person, asked.body, namespace).decode()


def test_three_people_take_a_live_run_to_its_end(at: Served, deployed: Deployed) -> None:
    carol, alice, bob = (at.signed_in(name) for name in ("carol", "alice", "bob"))
    run_id = begun(at, carol)
    assert deployed.context(run_id).state == "awaiting_cut_authorization"
    for person, browser in (("alice", alice), ("bob", bob)):
        given = {"signature": armour(deployed, run_id, person)}
        answered = browser.post(f"/runs/{run_id}/approve", data=given)
        assert answered.status_code == 303, answered.text
        assert answered.headers["location"].startswith(f"/runs/{run_id}?done=approve.")
        assert carol.post(f"/runs/{run_id}/resume").status_code == 303
        settle(at, run_id)
    assert deployed.context(run_id).state == "closeout_reported"


def test_an_uploaded_signature_counts_like_a_pasted_one(at: Served, deployed: Deployed) -> None:
    run_id = begun(at, at.signed_in("carol"), "dry")
    file = {"signature_file": ("request.sig", armour(deployed, run_id, "alice").encode())}
    answered = at.signed_in("alice").post(f"/runs/{run_id}/approve", files=file)
    assert answered.status_code == 303, answered.text
    assert list((deployed.home.runs / run_id).glob("*.alice.sig"))


@pytest.mark.parametrize(
    ("person", "signer", "why"),
    [
        ("alice", "bob", "the key is bob's"),
        ("alice", "mallory", "belongs to nobody"),
        ("carol", "carol", "started the run"),
    ],
)
def test_a_signature_that_could_not_count_is_refused_and_left_nowhere(
    at: Served, deployed: Deployed, person: str, signer: str, why: str
) -> None:
    run_id = begun(at, at.signed_in("carol"))
    answered = at.signed_in(person).post(
        f"/runs/{run_id}/approve", data={"signature": armour(deployed, run_id, signer)}
    )
    assert answered.status_code == 422
    assert answered.json()["code"] == "STOP_APPROVAL_INVALID"
    assert why in answered.json()["sentence"]
    assert not list((deployed.home.runs / run_id).glob("*.sig"))


def test_a_signature_over_other_bytes_or_of_another_kind_is_refused(
    at: Served, deployed: Deployed
) -> None:
    run_id, alice = begun(at, at.signed_in("carol")), at.signed_in("alice")
    refusal = armour(deployed, run_id, "alice", reject=True)
    other = signature("alice", b"another request", APPROVAL_NAMESPACE).decode()
    for given in (refusal, other, "", "no armour"):
        answered = alice.post(f"/runs/{run_id}/approve", data={"signature": given})
        assert (answered.status_code, answered.json()["exit_status"]) == (422, 11), answered.text
    assert not list((deployed.home.runs / run_id).glob("*.sig"))


def test_a_refusal_ends_the_run_and_its_reason_stays(at: Served, deployed: Deployed) -> None:
    carol = at.signed_in("carol")
    run_id = begun(at, carol)
    given = {"signature": armour(deployed, run_id, "alice", reject=True), "reason": "not agreed"}
    assert at.signed_in("alice").post(f"/runs/{run_id}/reject", data=given).status_code == 303
    carol.post(f"/runs/{run_id}/resume")
    settle(at, run_id)
    assert deployed.context(run_id).terminal == "voided"
    reasons = list((deployed.home.runs / run_id).glob("*.alice.reject.txt"))
    assert [path.read_text() for path in reasons] == ["not agreed\n"]


def test_a_refusal_without_a_reason_is_refused(at: Served, deployed: Deployed) -> None:
    run_id = begun(at, at.signed_in("carol"))
    given = {"signature": armour(deployed, run_id, "alice", reject=True), "reason": " "}
    answered = at.signed_in("alice").post(f"/runs/{run_id}/reject", data=given)
    assert (answered.status_code, answered.json()["code"]) == (422, "STOP_REFUSED_INPUT")
    assert not list((deployed.home.runs / run_id).glob("*.sig"))


def test_a_changed_fact_is_seen_on_every_page_and_takes_no_approval(
    at: Served, deployed: Deployed
) -> None:
    carol, alice = at.signed_in("carol"), at.signed_in("alice")
    run_id = begun(at, carol)
    given = {"signature": armour(deployed, run_id, "alice")}
    refused = armour(deployed, run_id, "alice", reject=True)
    for path in ("/", f"/runs/{run_id}", f"/runs/{run_id}/plan"):
        assert "data-approve" in alice.get(path, headers=HTML).text
    deployed.add(CHARTER.replace(b"60", b"61", 1) + b"\n")
    for path in ("/", f"/runs/{run_id}", f"/runs/{run_id}/plan"):
        page = alice.get(path, headers=HTML).text
        assert "acts have changed" in page or "facts changed" in page, path
        assert "data-approve" not in page, path
    sheet = alice.get(f"/runs/{run_id}/approve", headers=HTML).text
    assert "A newer source was added" in sheet
    assert f"cutter resume {run_id}" in sheet
    answered = alice.post(f"/runs/{run_id}/approve", data=given)
    assert (answered.status_code, answered.json()["code"]) == (409, "STOP_DRIFT")
    assert answered.json()["next"] == f"cutter resume {run_id}"
    assert not list((deployed.home.runs / run_id).glob("*.sig"))
    no = alice.post(f"/runs/{run_id}/reject", data={"signature": refused, "reason": "no"})
    assert no.status_code == 303, "whoever says no needs no facts"


def test_an_expired_request_says_so_and_offers_what_goes_on(
    at: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    carol, alice = at.signed_in("carol"), at.signed_in("alice")
    run_id = begun(at, carol)
    now = Desk.now_utc
    monkeypatch.setattr(Desk, "now_utc", lambda desk: now(desk) + timedelta(hours=25))
    for browser, offered in ((carol, True), (alice, False)):
        sheet = browser.get(f"/runs/{run_id}/approve", headers=HTML).text
        assert "This request has expired." in sheet
        assert "data-decide" not in sheet
        assert f"cutter resume {run_id}" in sheet
        assert (f'action="/runs/{run_id}/resume"' in sheet) is offered


def test_a_refused_run_shows_on_its_rail_where_it_ended(at: Served, deployed: Deployed) -> None:
    carol = at.signed_in("carol")
    run_id = begun(at, carol)
    given = {"signature": armour(deployed, run_id, "alice", reject=True), "reason": "no"}
    at.signed_in("alice").post(f"/runs/{run_id}/reject", data=given)
    carol.post(f"/runs/{run_id}/resume")
    settle(at, run_id)
    with deployed.desk() as desk:
        rail = run(desk, run_id).rail
    assert [step.name for step in rail if step.status == "failed"] == ["SG_1"]
    assert "waiting" not in {step.status for step in rail}


def test_a_decision_of_sg_3_is_asked_in_its_own_words(at: Served, deployed: Deployed) -> None:
    carol = at.signed_in("carol")
    run_id = begun(at, carol)
    page = carol.get(f"/runs/{run_id}", headers=HTML).text
    assert 'class="button bad">End the run' in page, "what ends a run is never the first button"
    carol.post(f"/runs/{run_id}/void")
    sheet = at.signed_in("bob").get(f"/runs/{run_id}/approve", headers=HTML).text
    assert "May this run be ended for good" in sheet
    given = {"signature": armour(deployed, run_id, "bob")}
    at.signed_in("bob").post(f"/runs/{run_id}/approve", data=given)
    carol.post(f"/runs/{run_id}/void")
    settle(at, run_id)
    with deployed.desk() as desk:
        rail = run(desk, run_id).rail
    assert [step.status for step in rail].count("failed") == 1


def test_a_downloaded_request_carries_the_runs_id(at: Served) -> None:
    run_id = begun(at, at.signed_in("carol"))
    answered = at.signed_in("alice").get(f"/runs/{run_id}/request")
    assert f'filename="{run_id}.SG1-' in answered.headers["content-disposition"]
    sheet = at.signed_in("alice").get(f"/runs/{run_id}/approve", headers=HTML).text
    assert f"&lt; {run_id}.SG1-" in sheet
    assert "Root of the units" in sheet


def test_resuming_what_waits_for_signatures_says_so(at: Served) -> None:
    carol = at.signed_in("carol")
    run_id = begun(at, carol)
    answered = carol.post(f"/runs/{run_id}/resume")
    assert (answered.status_code, answered.json()["code"]) == (409, "STOP_APPROVAL_REQUIRED")


def test_live_work_is_refused_while_a_lock_is_closed(at: Served, deployed: Deployed) -> None:
    deployed.arm(armed=False)
    answered = at.signed_in("carol").post(f"/documents/{CODE}/cut", data={"mode": "live"})
    assert (answered.status_code, answered.json()["exit_status"]) == (403, 15)


def test_a_run_can_be_voided_by_its_runner_once_that_is_signed(
    at: Served, deployed: Deployed
) -> None:
    carol = at.signed_in("carol")
    run_id = begun(at, carol)
    assert carol.post(f"/runs/{run_id}/void").status_code == 303
    assert not deployed.context(run_id).over
    given = {"signature": armour(deployed, run_id, "bob")}
    assert at.signed_in("bob").post(f"/runs/{run_id}/approve", data=given).status_code == 303
    assert carol.post(f"/runs/{run_id}/void").status_code == 303
    assert deployed.context(run_id).voided


def test_what_a_page_says_was_done_cannot_be_written_by_others(at: Served) -> None:
    carol, alice = at.signed_in("carol"), at.signed_in("alice")
    run_id = begun(at, carol, "dry")
    done = carol.post(f"/runs/{run_id}/void").headers["location"]
    assert "Taken:" in carol.get(done, headers=HTML).text
    forged = (f"/runs/{run_id}?done=approve", done.replace("void.", "approve."))
    for browser, path in ((alice, done), *((carol, each) for each in forged)):
        assert "Taken:" not in browser.get(path, headers=HTML).text, path


def test_an_author_is_offered_dry_runs_alone(at: Served, deployed: Deployed) -> None:
    settings = read_settings(deployed.home)
    write_settings(deployed.home, replace(settings, authors=("bob",)))
    for person, dry, live in (("carol", True, True), ("bob", True, False), ("alice", False, False)):
        page = at.signed_in(person).get(f"/documents/{CODE}", headers=HTML).text
        assert (">Dry run<" in page, ">Cut live<" in page) == (dry, live), person


def test_a_unit_that_is_none_and_a_page_that_is_none_are_not_found(at: Served) -> None:
    alice = at.signed_in("alice")
    run_id = begun(at, at.signed_in("carol"), "dry")
    for path in (f"/runs/{run_id}/plan?unit=NOPE", f"/runs/{run_id}/evidence?unit=NOPE"):
        answered = alice.get(path, headers=HTML)
        assert answered.status_code == 404
        assert "the plan has no unit" in answered.text
    answered = alice.get("/no-such-page", headers=HTML)
    assert answered.status_code == 404
    assert "there is nothing at /no-such-page" in answered.text
    for name in (f"{CODE}/DIEU-7", "DIEU-7", "dieu-7"):
        page = alice.get(f"/runs/{run_id}/plan?unit={name}", headers=HTML).text
        assert f'unit={CODE}/DIEU-7" aria-current="true"' in page, name


def test_what_a_batch_set_aside_is_let_go_on_from_its_page(at: Served, deployed: Deployed) -> None:
    queue = Queue(
        batch_id="NIGHT-1",
        created_by="carol",
        created_utc="2026-01-01T00:00:00Z",
        default_scope="",
        default_actor="",
        items=(QueueItem(CODE),),
    )
    with deployed.desk() as desk:
        batch = batch_runner(desk, queue, Mode.DRYRUN)
        batch.run()
        batch.quarantine([CODE], "look at it first")
    carol, alice = at.signed_in("carol"), at.signed_in("alice")
    button = f'action="/batches/{queue.batch_id}/retry"'
    assert button not in alice.get(f"/batches/{queue.batch_id}", headers=HTML).text
    assert button in carol.get(f"/batches/{queue.batch_id}", headers=HTML).text
    given = {"document_id": CODE}
    answered = carol.post(f"/batches/{queue.batch_id}/retry", data=given)
    assert answered.status_code == 303, answered.text
    page = carol.get(answered.headers["location"], headers=HTML).text
    assert "It may be tried again" in page
    assert button not in page
    again = carol.post(f"/batches/{queue.batch_id}/retry", data=given)
    assert (again.status_code, again.json()["code"]) == (422, "STOP_REFUSED_INPUT")
    assert carol.post("/batches/NONE/retry", data=given).json()["code"] == "BATCH_UNKNOWN"
