"""What people do with forms: a live cut from the first form to the last, and every form that is refused."""

import httpx
import pytest
from tests.live import Deployed
from tests.runs import CODE

from cutter_agent.bootstrap.approvals import waiting
from cutter_agent.evidence.sshsig import APPROVAL_NAMESPACE, REJECT_NAMESPACE
from people import signature
from visitors import Served


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
        assert answered.headers["location"] == f"/runs/{run_id}?done=approve"
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
