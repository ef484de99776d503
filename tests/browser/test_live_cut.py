"""A live cut by four persons through the console alone: nobody touches a terminal but to sign."""

import shutil
import subprocess
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from playwright.sync_api import expect
from tests.browser.conftest import Console, Visit
from tests.live import deploy
from tests.runs import CHARTER, CODE

from clusters.fixtures import fresh_database
from cutter_agent.orchestrator.approval import CutApproved, LifecycleApproved
from cutter_agent.orchestrator.states import Gate, OrchestratorState
from cutter_agent.postgres.embedded import Server
from people import private_key, signature
from visitors import served

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen here")
GATES = {
    Gate.SG_1: (("alice", "bob"), 2),
    Gate.SG_2: (("alice", "bob", "carol", "dave"), 1),
    Gate.SG_3: (("alice", "bob"), 1),
}


def key_file(folder: Path, person: str) -> Path:
    """The person's private key as a file of OpenSSH, for its owner alone."""
    path = folder / person
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(
            private_key(person).private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        )
    return path


def signed(folder: Path, person: str, message: bytes, command: str) -> bytes:
    """What ssh-keygen writes when the person runs the line that the page shows."""
    words = command.split()
    namespace = words[words.index("-n") + 1]
    made = subprocess.run(
        ["ssh-keygen", "-Y", "sign", "-f", str(key_file(folder, person)), "-n", namespace],
        input=message,
        capture_output=True,
        check=True,
    )
    return made.stdout


def enter(visit: Visit, folder: Path, person: str) -> None:
    """The person signs in with the line that the page shows."""
    page = visit.to("/sign-in")
    page.get_by_role("link", name=person, exact=True).click()
    line = page.locator("pre.sheet").inner_text().strip() + "\n"
    command = page.locator(".command code").first.inner_text().split("|")[1]
    armor = signed(folder, person, line.encode(), command)
    page.locator("textarea[name=signature]").fill(armor.decode())
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("h1")).to_have_text("Inbox")


def approve(visit: Visit, folder: Path, person: str, *, upload: bool) -> None:
    """The person finds the run in their inbox, downloads the bytes, signs them, hands them in."""
    page = visit.to("/")
    page.get_by_role("link", name="Decide").click()
    page.get_by_role("link", name="Look at the plan first").click()
    page.get_by_role("link", name="To the approve sheet").click()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download the request").click()
    request = Path(waiting.value.path()).read_bytes()
    command = page.locator(".steps .command code").inner_text()
    armor = signed(folder, person, request, command)
    if upload:
        kept = folder / f"{person}.sig"
        kept.write_bytes(armor)
        page.locator("form[action$='/approve'] input[type=file]").set_input_files(kept)
    else:
        page.locator("form[action$='/approve'] textarea").fill(armor.decode())
    page.locator("form[action$='/approve'] button").click()
    expect(page.locator(".note.good")).to_contain_text("The run is now at")


def go_on(visit: Visit, run_id: str) -> None:
    """The starter presses the one button that the run's page offers."""
    page = visit.to(f"/runs/{run_id}")
    page.get_by_role("button", name="Go on with the run").click()


def wait_for(visit: Visit, state: OrchestratorState) -> None:
    """The run's page comes to say that the run is there, without anybody loading it again."""
    expect(visit.page.locator("#live code", has_text=state.value).first).to_be_visible()


def test_a_live_cut_through_the_console_alone(
    console: Console, cluster: Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("live")
    people = ("carol", "alice", "bob", "dave")
    with fresh_database(cluster) as database, ExitStack() as stack:
        deployed = deploy(database, folder, source=CHARTER, gates=GATES)
        server = stack.enter_context(served(deployed.environ))
        here = replace(console, deployed=deployed, server=server)
        carol, alice, bob, dave = (stack.enter_context(here.visit()) for _ in people)
        for visit, person in zip((carol, alice, bob, dave), people, strict=True):
            enter(visit, folder, person)
        page = carol.to(f"/documents/{CODE}")
        page.get_by_role("button", name="Cut live").click()
        page.wait_for_url("**/runs/ictr-*")
        run_id = page.url.rpartition("/")[2].partition("?")[0]
        wait_for(carol, OrchestratorState.AWAITING_CUT_AUTHORIZATION)
        assert page.locator("[data-approve]").count() == 0, "whoever began it is offered nothing"
        approve(alice, folder, "alice", upload=True)
        again = alice.to(f"/runs/{run_id}/approve")
        assert again.locator("form[action$='/approve']").count() == 0
        expect(again.get_by_text("you have signed it")).to_be_visible()
        approve(bob, folder, "bob", upload=False)
        go_on(carol, run_id)
        wait_for(carol, OrchestratorState.AWAITING_LIFECYCLE_AUTHORIZATION)
        for visit in (alice, bob):
            sheet = visit.to(f"/runs/{run_id}/approve")
            assert sheet.locator("form[action$='/approve']").count() == 0, "no one signs both gates"
        approve(dave, folder, "dave", upload=True)
        go_on(carol, run_id)
        wait_for(carol, OrchestratorState.CLOSEOUT_REPORTED)
        context = deployed.context(run_id)
        assert context.state is OrchestratorState.CLOSEOUT_REPORTED
        assert [context.get(CutApproved).persons, context.get(LifecycleApproved).persons] == [
            ("alice", "bob"),
            ("dave",),
        ]
        for visit in (carol, alice, bob, dave):
            assert visit.violations() + visit.complaints == []


def test_a_signature_over_other_bytes_is_refused_with_its_reason(console: Console) -> None:
    with console.visit("bob") as visit:
        page = visit.to(f"/runs/{console.waiting}/approve")
        armor = signature("bob", b"something else", "approval@iu-cutter.v1").decode()
        page.locator("form[action$='/approve'] textarea").fill(armor)
        page.locator("form[action$='/approve'] button").click()
        expect(page.get_by_role("alert")).to_be_visible()
        assert "STOP_APPROVAL_INVALID" in page.content()
        page.goto(f"{console.server.url}/runs/{console.waiting}/approve")
        assert page.locator("form[action$='/approve']").count() == 1, "nothing was taken"
