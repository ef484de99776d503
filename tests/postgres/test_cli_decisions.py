"""Decisions from the command line, on a real database: approved, refused, retried, voided."""

import shutil
import subprocess
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PublicFormat,
)
from tests.live import Deployed, accept_policy, deploy
from tests.terminal import CODE, Terminal, on_terminal, terminal_at

from clusters.databases import Database
from cutter_agent.bootstrap import Desk
from deployments import EXAMPLES
from people import private_key

CHARTER = (EXAMPLES / "icx-const-v1.md").read_bytes()
CHARTER_2 = (EXAMPLES / "icx-const-v2.md").read_bytes()


@pytest.fixture
def deployed(database: Database, tmp_path: Path) -> Deployed:
    return deploy(database, tmp_path, source=CHARTER)


@pytest.fixture
def at(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    return terminal_at(deployed, monkeypatch, capsys)


def failed_run(at: Terminal) -> str:
    """The id of a live run whose backup could not be written, though it could be now."""
    folder, aside = at.home.backups, at.home.backups.with_name("aside")
    folder.rename(aside)
    folder.write_text("no folder")
    answered = at.cutter("cut", CODE, "--live", "--json")
    folder.unlink()
    aside.rename(folder)
    assert (answered.status, answered.document["stop_code"]) == (23, "STOP_BACKUP_FAILED"), answered
    return str(answered.document["run_id"])


class TestApproving:
    def test_refuses_whoever_could_not_approve_and_signs_nothing(
        self, at: Terminal, tmp_path: Path
    ) -> None:
        run = at.begun("--live")
        for person, said in (("carol", "started the run"), ("mallory", "belongs to nobody")):
            answered = at.approve(run, person, "--json")
            assert answered.status == 11
            assert answered.document["code"] == "STOP_APPROVAL_INVALID"
            assert said in answered.document["sentence"]
        wrong = at.approve(run, "alice", "--person", "bob", "--json")
        assert (wrong.status, wrong.document["expected"]) == (11, "a key of bob")
        assert not list((at.home.runs / run).glob("*.sig"))
        missing = at.cutter("approve", run, "--yes", "--key", str(tmp_path / "none"))
        assert missing.status == 22

    def test_one_person_does_not_sign_both_gates(self, at: Terminal) -> None:
        run = at.begun("--live")
        at.approve(run, "alice")
        at.cutter("resume")
        answered = at.approve(run, "alice", "--json")
        assert answered.status == 11
        assert "signed SG_1 already" in answered.document["sentence"]

    def test_an_expired_request_is_refused_before_signing(
        self, at: Terminal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = at.begun("--live")
        now = Desk.now_utc
        monkeypatch.setattr(Desk, "now_utc", lambda desk: now(desk) + timedelta(hours=25))
        answered = at.approve(run, "alice", "--json")
        assert (answered.status, answered.document["code"]) == (11, "STOP_APPROVAL_EXPIRED")
        why = at.json("why", run)
        assert why["remedy"] == f"cutter resume {run}"
        assert "expired" in why["cause"]

    def test_an_edited_request_is_not_signed(self, at: Terminal) -> None:
        run = at.begun("--live")
        request = next((at.home.runs / run).glob("SG1-cut-authz-request-*.md"))
        request.write_text(request.read_text().replace("unit_count: 60", "unit_count: 61"))
        answered = at.approve(run, "alice", "--json")
        assert (answered.status, answered.document["code"]) == (16, "STOP_EVIDENCE_MISMATCH")
        assert not list((at.home.runs / run).glob("*.sig"))

    def test_shows_the_very_bytes_that_are_signed(self, at: Terminal) -> None:
        run = at.begun("--live")
        answered = at.approve(run, "alice")
        request = next((at.home.runs / run).glob("SG1-cut-authz-request-*.md")).read_text()
        assert request in answered.out
        assert f"Next   cutter resume {run}" in answered.out

    def test_where_nobody_can_be_asked_it_takes_yes(self, at: Terminal) -> None:
        run = at.begun("--live")
        for words in (("approve", run), ("reject", run, "--reason", "not agreed")):
            for form in ("--json", "--no-input"):
                answered = at.cutter(*words, "--key", at.key("alice"), form)
                assert answered.status == 22
                assert "--yes was not given" in " ".join((answered.out + answered.err).split())
        refused = at.cutter("approve", run, "--key", at.key("alice"), "--json").document
        assert refused["remedy"] == f"cutter approve {run} --yes"
        assert not list((at.home.runs / run).glob("*.sig"))

    def test_a_request_of_another_policy_is_not_signed(
        self, at: Terminal, deployed: Deployed
    ) -> None:
        run = at.begun("--live")
        with deployed.desk() as desk:
            accept_policy(desk)
        answered = at.approve(run, "alice", "--json")
        assert (answered.status, answered.document["code"]) == (11, "STOP_APPROVAL_INVALID")
        assert "written under another trust policy" in answered.document["sentence"]
        assert answered.document["remedy"] == f"cutter runs void {run}"
        assert not list((at.home.runs / run).glob("*.sig"))

    def test_signing_twice_changes_nothing(self, at: Terminal) -> None:
        run = at.begun("--live")
        path = Path(at.json("approve", run, "--yes", "--key", at.key("alice"))["signature"])
        before = path.read_bytes()
        assert at.approve(run, "alice").status == 0
        assert path.read_bytes() == before

    def test_an_encrypted_key_opens_with_the_file_that_holds_its_passphrase(
        self, at: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = at.begun("--live")
        at.key("alice", BestAvailableEncryption(b"open sesame"))
        assert at.approve(run, "alice").status == 22
        secret = tmp_path / "passphrase"
        secret.touch(mode=0o600)
        secret.write_text("open sesame\n")
        monkeypatch.setenv("CUTTER_KEY_PASSPHRASE_FILE", str(secret))
        assert at.approve(run, "alice").status == 0

    def test_a_key_of_the_home_is_found_by_its_person(self, at: Terminal) -> None:
        run = at.begun("--live")
        none = at.cutter("approve", run, "--json")
        assert none.status == 22
        assert "--key FILE" in none.document["remedy"]
        for person in ("alice", "bob"):
            key = Path(at.key(person))
            folder = at.home.person_key(person).parent
            folder.mkdir()
            key.rename(at.home.person_key(person))
            public = private_key(person).public_key()
            line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
            at.home.person_key(person).with_name("id_ed25519.pub").write_bytes(line + b"\n")
        both = at.cutter("approve", run, "--json")
        assert both.status == 22
        assert both.document["remedy"] == f"cutter approve {run} --person alice"
        assert at.json("approve", run, "--yes", "--person", "alice")["person"] == "alice"
        at.cutter("resume")
        assert at.json("approve", run, "--yes")["person"] == "bob"

    @pytest.mark.skipif(shutil.which("ssh-agent") is None, reason="no ssh-agent here")
    def test_a_key_that_an_agent_holds_signs(
        self, at: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run = at.begun("--live")
        socket = tempfile.mkdtemp() + "/agent"
        agent = subprocess.Popen(("ssh-agent", "-D", "-a", socket), stdout=subprocess.DEVNULL)
        try:
            until = time.monotonic() + 10
            while not Path(socket).exists():
                assert time.monotonic() < until
                time.sleep(0.01)
            monkeypatch.setenv("SSH_AUTH_SOCK", socket)
            for person in ("mallory", "bob"):
                subprocess.run(("ssh-add", "-q", at.key(person)), check=True)
            assert at.json("approve", run, "--yes")["person"] == "bob"
        finally:
            agent.terminate()
            agent.wait(timeout=10)
            shutil.rmtree(Path(socket).parent)
        assert at.cutter("resume").status == 10

    def test_a_run_that_waits_for_nothing_has_nothing_to_sign(self, at: Terminal) -> None:
        at.cutter("run", CODE)
        run = at.json("runs", "list")["runs"][0]["run_id"]
        assert at.approve(run, "alice").status == 22

    def test_on_a_terminal_it_asks_and_no_is_the_default(
        self, at: Terminal, deployed: Deployed
    ) -> None:
        run = at.begun("--live")
        said = on_terminal(deployed, ("approve", run, "--key", at.key("alice")), typed=b"\n")
        assert "As alice: sign SG_1 of ICX-CONST? [y/N]" in said
        assert "Nothing was signed." in said
        assert not list((at.home.runs / run).glob("*.sig"))
        said = on_terminal(deployed, ("approve", run, "--key", at.key("alice")), typed=b"y\n")
        assert "alice signed SG_1: 1 of 1 signatures" in said


class TestRejecting:
    def test_one_refusal_ends_the_run(self, at: Terminal) -> None:
        run = at.begun("--live")
        refused = at.json("reject", run, "--yes", "--key", at.key("bob"), "--reason", "not agreed")
        assert (refused["decision"], refused["rejected"]) == ("reject", ["bob"])
        assert refused["signature"].endswith(".bob.reject.sig")
        reason = Path(refused["signature"]).with_suffix(".txt")
        assert reason.read_text() == "not agreed\n"
        assert at.json("why", run)["remedy"] == f"cutter resume {run}"
        ended = at.cutter("resume", "--json")
        assert (ended.status, ended.document["stop_code"]) == (19, "STOP_REJECTED")
        assert ended.document["terminal"] == "voided"
        assert at.begun("--live") != run

    def test_needs_a_reason(self, at: Terminal) -> None:
        run = at.begun("--live")
        assert at.cutter("reject", run, "--yes", "--key", at.key("bob")).status == 2
        assert (
            at.cutter("reject", run, "--yes", "--key", at.key("bob"), "--reason", "  ").status == 22
        )
        assert not list((at.home.runs / run).glob("*.sig"))


class TestEnding:
    def test_a_dry_run_is_voided_at_once(self, at: Terminal) -> None:
        run = at.begun()
        done = at.cutter("runs", "void", run, "--json")
        assert (done.status, done.document["terminal"]) == (0, "voided")
        assert at.cutter("resume", run).status == 19
        assert at.cutter("runs", "void", run).status == 22

    def test_a_live_run_is_voided_by_a_signed_decision(self, at: Terminal) -> None:
        run = at.begun("--live")
        asked = at.cutter("runs", "void", run, "--json")
        assert (asked.status, asked.document["stop_code"]) == (10, "STOP_APPROVAL_REQUIRED")
        assert "SG_3 void waiting 0/1" in " ".join(at.cutter("runs", "void", run).out.split())
        signed = at.json("approve", run, "--yes", "--key", at.key("bob"))
        assert signed["gate"] == "SG_3_failure_escalation"
        assert at.json("why", run)["remedy"] == f"cutter runs void {run}"
        done = at.cutter("runs", "void", run, "--json")
        assert (done.status, done.document["terminal"]) == (0, "voided")
        assert at.cutter("resume", run).status == 19
        assert at.begun("--live") != run

    def test_a_voided_run_says_who_ended_it_and_what_to_do_instead(self, at: Terminal) -> None:
        run = at.begun("--live")
        at.cutter("runs", "void", run)
        at.approve(run, "bob")
        at.cutter("runs", "void", run)
        why = at.json("why", run)
        assert "voided by bob at 2" in why["cause"]
        assert why["remedy"] == f"cutter cut {CODE}"

    def test_a_refused_void_is_decided_and_the_run_waits_at_its_pause_again(
        self, at: Terminal
    ) -> None:
        run = at.begun("--live")
        at.cutter("runs", "void", run)
        refused = at.json("reject", run, "--yes", "--key", at.key("bob"), "--reason", "go on")
        assert refused["decision"] == "reject"
        assert at.json("why", run)["remedy"] == f"cutter runs void {run}"
        carried = at.cutter("runs", "void", run, "--json")
        assert carried.document["stop_code"] == "STOP_APPROVAL_INVALID"
        assert at.json("why", run)["remedy"] == f"cutter approve {run}"
        signed = at.json("approve", run, "--yes", "--key", at.key("alice"))
        assert signed["gate"] == "SG_1_cut_authz"
        assert at.cutter("resume", run).status == 10
        again = at.cutter("runs", "void", run, "--json")
        assert again.document["stop_code"] == "STOP_APPROVAL_REQUIRED"

    def test_a_request_to_void_does_not_stop_an_approval_that_came_first(
        self, at: Terminal
    ) -> None:
        run = at.begun("--live")
        at.approve(run, "alice")
        assert at.cutter("runs", "void", run).status == 10
        resumed = at.cutter("resume", run, "--json")
        assert resumed.document["state"] == "awaiting_lifecycle_authorization"
        assert at.json("why", run)["remedy"] == f"cutter approve {run}"
        assert (
            at.json("approve", run, "--yes", "--key", at.key("bob"))["gate"]
            == "SG_2_lifecycle_authz"
        )

    def test_a_failed_run_is_retried_by_a_signed_decision(self, at: Terminal) -> None:
        run = failed_run(at)
        why = at.json("why", run)
        assert (why["terminal"], why["remedy"]) == ("failed", f"cutter runs retry {run}")
        asked = at.cutter("runs", "retry", run, "--json")
        assert asked.status == 10
        waiting = at.json("why", run)
        assert waiting["remedy"] == f"cutter approve {run}"
        signed = at.json("approve", run, "--yes", "--key", at.key("alice"))
        assert signed["gate"] == "SG_3_failure_escalation"
        assert at.json("why", run)["remedy"] == f"cutter runs retry {run}"
        assert at.cutter("runs", "retry", run).status == 0
        assert at.cutter("resume", run).status == 10
