"""Runs from the command line, on a real database: dry and live, signed, refused, damaged, ended."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from tests.live import Deployed, deploy, sql_as_owner

from clusters.databases import Database
from cutter_agent.bootstrap import Desk
from cutter_agent.cli.edge import Interrupted
from cutter_agent.cli.output import Output
from cutter_agent.cli.progress import OnStep
from cutter_agent.cli.session import take
from cutter_agent.orchestrator.states import OrchestratorState
from deployments import EXAMPLES, Answered, Deployment
from people import private_key

CODE = "ICX-CONST"
CHARTER = (EXAMPLES / "icx-const-v1.md").read_bytes()
CHARTER_2 = (EXAMPLES / "icx-const-v2.md").read_bytes()
CUTTER = str(Path(sys.executable).with_name("cutter"))


class Terminal(Deployment):
    """A person's terminal at a deployment of three people, with their keys in files."""

    def key(self, person: str, seal: KeySerializationEncryption | None = None) -> str:
        """The path of the person's private key."""
        path = self.home.root.parent / f"{person}.key"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_bytes(
                private_key(person).private_bytes(
                    Encoding.PEM, PrivateFormat.OpenSSH, seal or NoEncryption()
                )
            )
        return str(path)

    def approve(self, run: str, person: str, *words: str) -> Answered:
        """The person approves with their key."""
        return self.cutter("approve", run, "--key", self.key(person), *words)

    def begun(self, *words: str) -> str:
        """The id of a run that has begun and waits at SG_1."""
        answered = self.cutter("cut", CODE, *words, "--json")
        assert answered.status == 10, answered
        return str(answered.document["run_id"])

    def closed(self) -> str:
        """The id of a live run that is closed out."""
        run = self.begun("--live")
        assert self.approve(run, "alice").status == 0
        assert self.cutter("resume").status == 10
        assert self.approve(run, "bob").status == 0
        assert self.cutter("resume").status == 0
        return run


@pytest.fixture
def deployed(database: Database, tmp_path: Path) -> Deployed:
    return deploy(database, tmp_path, source=CHARTER)


@pytest.fixture
def at(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    for name, value in deployed.environ.items():
        monkeypatch.setenv(name, value)
    for name in ("SSH_AUTH_SOCK", "CUTTER_KEY_PASSPHRASE_FILE", "CUTTER_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return Terminal(deployed.home, deployed.environ, capsys)


def states(document: dict[str, Any]) -> tuple[str, str | None, int]:
    return document["state"], document["stop_code"], document["exit_status"]


def test_a_live_run_from_cut_to_closeout_as_people_would(at: Terminal) -> None:
    begun = at.cutter("cut", CODE, "--live", "--json")
    assert begun.status == 10
    assert begun.err == ""
    document = begun.document
    assert document["schema"] == "cutter.run/1"
    assert states(document) == ("awaiting_cut_authorization", "STOP_APPROVAL_REQUIRED", 10)
    assert document["stop"]["code"] == "STOP_APPROVAL_REQUIRED"
    run = document["run_id"]
    early = at.cutter("resume", "--json")
    assert (early.status, early.document["schema"]) == (10, "cutter.run/1")
    signed = at.json("approve", run, "--key", at.key("alice"))
    assert signed["schema"] == "cutter.decision/1"
    assert (signed["person"], signed["signed"], signed["threshold"]) == ("alice", ["alice"], 1)
    assert Path(signed["signature"]).stat().st_mode & 0o777 == 0o644
    assert signed["remedy"] == f"cutter resume {run}"
    second = at.cutter("resume", "--json").document
    assert states(second) == ("awaiting_lifecycle_authorization", "STOP_APPROVAL_REQUIRED", 10)
    assert second["approvals"][0]["persons"] == ["alice"]
    at.json("approve", run, "--key", at.key("bob"))
    done = at.json("resume", run)
    assert states(done) == ("closeout_reported", None, 0)
    assert done["pins"]["lifecycle_enacted_count"] == 60
    again = at.json("resume", run)
    assert states(again) == ("closeout_reported", None, 0)
    nothing = at.cutter("cut", CODE, "--live")
    assert nothing.status == 0
    assert "Nothing to do" in nothing.out
    listed = at.json("runs", "list")
    assert listed["schema"] == "cutter.runs/1"
    assert [(r["run_id"], r["state"], r["stop_code"]) for r in listed["runs"]] == [
        (run, "closeout_reported", None)
    ]


def test_a_rehearsal_closes_out_and_says_that_it_is_simulated(at: Terminal) -> None:
    answered = at.cutter("run", CODE)
    assert answered.status == 0
    assert "SIMULATED" in answered.err
    assert "SIMULATED" in answered.out
    for said in ("60 units", "4 excluded", "0 bytes", "OWN_TX_NO_XID + CONTENT_EQUAL"):
        assert said in " ".join(answered.out.split())
    run = at.json("runs", "list")["runs"][0]
    assert (run["mode"], run["state"]) == ("dryrun", "closeout_reported")
    folder = at.home.runs / run["run_id"]
    for stem in ("SG1", "SG2"):
        text = next(folder.glob(f"{stem}-simulated-approval-*.md")).read_text()
        assert "simulated approval" in text
    assert at.json("verify", run["run_id"])["ok"] is True


def test_the_older_names_do_the_same(at: Terminal) -> None:
    begun = at.cutter("orchestrate", "cut", "--document-id", CODE, "--json")
    assert begun.status == 10
    run = begun.document["run_id"]
    waiting = at.cutter("orchestrate", "resume", "--run-id", run, "--json")
    assert (waiting.status, waiting.document["run_id"]) == (10, run)
    assert at.cutter("orchestrate", "resume", run, "--run-id", "other").status == 2


def test_events_come_one_a_line_and_the_document_last(at: Terminal) -> None:
    answered = at.cutter("cut", CODE, "--ndjson")
    events = [json.loads(line) for line in answered.out.splitlines()]
    assert [e["step"] for e in events if e["event"] == "step"][:3] == [
        "source_pin",
        "mark",
        "cutplan",
    ]
    assert events[-1]["event"] == "result"
    assert events[-1]["result"]["schema"] == "cutter.run/1"
    assert answered.status == 10


@pytest.mark.parametrize("columns", ["40", "60", "80"])
def test_the_run_fits_the_terminal_and_shows_its_rail(
    at: Terminal, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    answered = at.cutter("cut", CODE)
    words = " ".join(answered.out.split())
    assert (
        "✓ source_pin ✓ mark ✓ cutplan ✓ backup ✓ grants ● SG_1 waiting 0/1 expires in 2" in words
    )
    assert "· enact · closeout" in words
    assert f"cutter approve {at.json('runs', 'list')['runs'][0]['run_id']}" in answered.out
    longest = [line for line in answered.out.splitlines() if len(line) > int(columns)]
    assert all("cutter approve" in line or line.startswith("Files") for line in longest), longest


def test_an_unknown_document_exits_with_17_and_leaves_a_stop_document(at: Terminal) -> None:
    answered = at.cutter("cut", "NOBODY", "--json")
    assert answered.status == 17
    assert answered.document["stop_code"] == "STOP_DOCUMENT_UNKNOWN"
    folder = at.home.runs / answered.document["run_id"]
    assert list(folder.glob("STOP-STOP_DOCUMENT_UNKNOWN-1-*.md"))


def test_an_unknown_run_exits_with_17(at: Terminal) -> None:
    for run in ("ictr-20260101T000000Z-00000000", "../../etc/passwd", "nothing"):
        for words in (("resume",), ("why",), ("approve",), ("runs", "show"), ("verify",)):
            answered = at.cutter(*words, run, "--json")
            assert answered.status == 17, words
            assert answered.document["code"] == "STOP_RUN_UNKNOWN"
    assert at.cutter("resume").status == 17


def test_a_second_run_of_a_document_in_flight_names_the_first(at: Terminal) -> None:
    first = at.begun("--live")
    second = at.cutter("cut", CODE, "--live", "--json")
    assert second.status == 14
    assert second.document["stop_code"] == "STOP_LOCK_BUSY"
    assert first in second.document["sentence"]


def test_resume_without_a_name_asks_for_one_where_several_wait(
    at: Terminal, deployed: Deployed
) -> None:
    deployed.add((EXAMPLES / "access-policy.md").read_bytes(), "POLICY", "md-policy")
    first = at.begun()
    assert at.cutter("cut", "POLICY").status == 10
    answered = at.cutter("resume", "--json")
    assert answered.status == 22
    assert any(first in finding for finding in answered.document["findings"])


def test_live_needs_its_locks(at: Terminal, deployed: Deployed) -> None:
    deployed.arm(armed=False)
    answered = at.cutter("cut", CODE, "--live", "--json")
    assert (answered.status, answered.document["code"]) == (15, "STOP_EXECUTION_NOT_AUTHORIZED")
    deployed.arm()
    deployed.settle(execution_enabled=False)
    assert at.cutter("cut", CODE, "--live").status == 15
    assert at.json("runs", "list")["runs"] == []
    deployed.settle()
    run = at.begun("--live")
    at.approve(run, "alice")
    deployed.arm(armed=False)
    stopped = at.cutter("resume", "--json")
    assert (stopped.status, stopped.document["stop_code"]) == (15, "STOP_EXECUTION_NOT_AUTHORIZED")
    assert at.cutter("runs", "show", run).status == 0


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
        missing = at.cutter("approve", run, "--key", str(tmp_path / "none"))
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

    def test_signing_twice_changes_nothing(self, at: Terminal) -> None:
        run = at.begun("--live")
        path = Path(at.json("approve", run, "--key", at.key("alice"))["signature"])
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
        assert at.json("approve", run, "--person", "alice")["person"] == "alice"
        at.cutter("resume")
        assert at.json("approve", run)["person"] == "bob"

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
            assert at.json("approve", run)["person"] == "bob"
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
        refused = at.json("reject", run, "--key", at.key("bob"), "--reason", "not agreed")
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
        assert at.cutter("reject", run, "--key", at.key("bob")).status == 2
        assert at.cutter("reject", run, "--key", at.key("bob"), "--reason", "  ").status == 22
        assert not list((at.home.runs / run).glob("*.sig"))


class TestWhatWaits:
    def test_inbox_says_what_waits_for_whom(self, at: Terminal) -> None:
        assert at.json("inbox") == {"schema": "cutter.inbox/1", "items": []}
        assert "Nothing waits" in at.cutter("inbox").out
        run = at.begun("--live")
        item = at.json("inbox")["items"][0]
        assert (item["run_id"], item["waits_for"]) == (run, "SG_1")
        assert item["who"] == ["alice", "bob"]
        assert 23 * 3600 < item["left_s"] <= 24 * 3600
        assert at.json("inbox", "--person", "carol")["items"] == []
        at.approve(run, "alice")
        item = at.json("inbox")["items"][0]
        assert (item["who"], item["signed"]) == ([], ["alice"])
        assert item["remedy"] == f"cutter resume {run}"

    def test_why_names_cause_person_and_command(self, at: Terminal) -> None:
        run = at.begun("--live")
        why = at.json("why", run)
        assert (why["schema"], why["code"]) == ("cutter.why/1", "STOP_APPROVAL_REQUIRED")
        assert why["who"] == ["alice", "bob"]
        assert why["remedy"] == f"cutter approve {run}"
        assert f"Next   cutter approve {run}" in at.cutter("why", run).out

    def test_a_damaged_sidecar_hides_no_other_run(self, at: Terminal) -> None:
        first, second = at.begun("--live"), None
        at.cutter("runs", "void", first)
        answered = at.cutter("cut", CODE, "--json")
        second = answered.document["run_id"]
        sidecar = at.home.runs / f"{second}.json"
        sidecar.write_text(sidecar.read_text()[:-40])
        listed = {run["run_id"]: run for run in at.json("runs", "list")["runs"]}
        assert listed[second]["state"] == "unreadable"
        assert listed[second]["stop_code"] == "STOP_EVIDENCE_MISMATCH"
        assert listed[first]["state"] == "awaiting_cut_authorization"

    def test_the_log_tells_the_whole_run(self, at: Terminal) -> None:
        run = at.begun()
        log = at.json("runs", "log", run)
        assert log["schema"] == "cutter.run-log/1"
        assert log["events"][0]["kind"] == "opened"
        assert "mark passed" in [e["what"] for e in log["events"]]
        assert at.cutter("runs", "watch", run).status == 10
        shown = at.cutter("runs", "show", run)
        assert shown.status == 0
        assert "awaiting_cut_authorization" in shown.out


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
        signed = at.json("approve", run, "--key", at.key("bob"))
        assert signed["gate"] == "SG_3_failure_escalation"
        assert at.json("why", run)["remedy"] == f"cutter runs void {run}"
        done = at.cutter("runs", "void", run, "--json")
        assert (done.status, done.document["terminal"]) == (0, "voided")
        assert at.cutter("resume", run).status == 19
        assert at.begun("--live") != run

    def test_a_request_to_void_does_not_stop_an_approval_that_came_first(
        self, at: Terminal
    ) -> None:
        run = at.begun("--live")
        at.approve(run, "alice")
        assert at.cutter("runs", "void", run).status == 10
        resumed = at.cutter("resume", run, "--json")
        assert resumed.document["state"] == "awaiting_lifecycle_authorization"
        assert at.json("why", run)["remedy"] == f"cutter approve {run}"
        assert at.json("approve", run, "--key", at.key("bob"))["gate"] == "SG_2_lifecycle_authz"

    def test_a_failed_run_is_retried_by_a_signed_decision(self, at: Terminal) -> None:
        run = failed_run(at)
        why = at.json("why", run)
        assert (why["terminal"], why["remedy"]) == ("failed", f"cutter runs retry {run}")
        asked = at.cutter("runs", "retry", run, "--json")
        assert asked.status == 10
        waiting = at.json("why", run)
        assert waiting["remedy"] == f"cutter approve {run}"
        signed = at.json("approve", run, "--key", at.key("alice"))
        assert signed["gate"] == "SG_3_failure_escalation"
        assert at.json("why", run)["remedy"] == f"cutter runs retry {run}"
        assert at.cutter("runs", "retry", run).status == 0
        assert at.cutter("resume", run).status == 10


class TestReadingBack:
    def test_an_untouched_run_verifies(self, at: Terminal) -> None:
        run = at.closed()
        verified = at.json("verify", run)
        assert verified["schema"] == "cutter.verify/1"
        assert verified["ok"] is True
        assert verified["differing"] == []
        assert "every_unit_equal" in [check["id"] for check in verified["checks"]]

    def test_every_unit_that_differs_is_named_and_the_exit_is_16(
        self, at: Terminal, database: Database
    ) -> None:
        run = at.closed()
        sql_as_owner(
            database,
            "ALTER TABLE iu.unit_version DISABLE TRIGGER ALL",
            "UPDATE iu.unit_version SET heading = 'edited' WHERE address = 'ICX-CONST/DIEU-7'",
            "DELETE FROM iu.unit_version WHERE address = 'ICX-CONST/NT-2'",
        )
        answered = at.cutter("verify", run, "--json")
        assert answered.status == 16
        found = answered.document
        assert found["ok"] is False
        assert {f["address"] for f in found["differing"]} >= {"ICX-CONST/DIEU-7", "ICX-CONST/NT-2"}
        assert len(found["differing"]) <= 3
        text = at.cutter("verify", run)
        assert "ICX-CONST/DIEU-7" in text.out
        assert "STOP_EVIDENCE_MISMATCH" in text.out

    def test_a_changed_source_is_found(self, at: Terminal, database: Database) -> None:
        run = at.closed()
        sql_as_owner(
            database,
            "ALTER TABLE iu.source_version DISABLE TRIGGER ALL",
            "ALTER TABLE iu.source_version DROP CONSTRAINT source_version_digest_is_true",
            "UPDATE iu.source_version SET body = body || convert_to(E'\\n\\n', 'UTF8')",
        )
        answered = at.cutter("verify", run, "--json")
        assert answered.status == 16
        broken = [check["id"] for check in answered.document["checks"] if not check["held"]]
        assert "source_is_the_pinned_one" in broken


class TestDrift:
    def test_nothing_differs_after_a_cut(self, at: Terminal) -> None:
        at.closed()
        drift = at.json("drift", CODE, "--detailed-exitcode")
        assert (drift["schema"], drift["differences"]) == ("cutter.drift/1", [])
        assert any(fact["own_effect"] for fact in drift["facts"])

    def test_a_new_source_shows_then_and_now(self, at: Terminal, deployed: Deployed) -> None:
        at.begun()
        deployed.add(CHARTER_2)
        drift = at.json("drift", CODE)
        names = {difference["name"] for difference in drift["differences"]}
        assert {"source_sha256", "source_version_id"} <= names
        answered = at.cutter("drift", CODE, "--detailed-exitcode")
        assert answered.status == 20
        assert "CHANGED" in answered.out
        resumed = at.cutter("resume", "--json", "--approval", "none.md")
        assert resumed.status == 10

    def test_without_a_run_or_a_document_there_is_nothing_to_compare(self, at: Terminal) -> None:
        assert at.cutter("drift", CODE).status == 17
        assert at.cutter("drift", "NOBODY").status == 17


def test_waiting_goes_on_by_itself_once_it_is_signed(deployed: Deployed) -> None:
    process = subprocess.Popen(
        (CUTTER, "cut", CODE, "--live", "--wait", "--json"),
        env={**os.environ, **deployed.environ},
        stdout=subprocess.PIPE,
        text=True,
    )
    for person, state in (
        ("alice", OrchestratorState.AWAITING_CUT_AUTHORIZATION),
        ("bob", OrchestratorState.AWAITING_LIFECYCLE_AUTHORIZATION),
    ):
        deployed.sign(run_at(deployed, state), person)
    document, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert json.loads(document)["state"] == "closeout_reported"


def run_at(deployed: Deployed, state: OrchestratorState) -> str:
    """The id of the only run, once it waits there."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        for run in deployed.run_ids():
            context = deployed.context(run)
            if context.state is state and context.stop is not None:
                return run
        time.sleep(0.1)
    pytest.fail(f"no run came to {state}")


def test_an_interrupted_wait_names_the_command_that_goes_on(deployed: Deployed) -> None:
    process = subprocess.Popen(
        (CUTTER, "cut", CODE, "--wait"),
        env={**os.environ, **deployed.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = ""
    until = time.monotonic() + 60
    while "Waiting for signatures" not in said:
        assert time.monotonic() < until
        said = process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=30)
    assert process.returncode == 130, rest
    assert f"Next   cutter resume {deployed.run_ids()[-1]}" in rest


def test_an_interrupted_cut_names_its_run(deployed: Deployed) -> None:
    class Impatient(Output):
        @contextmanager
        def steps(self) -> Iterator[OnStep]:
            yield interrupt_at_cutplan

    def interrupt_at_cutplan(step: str) -> None:
        if step == "cutplan":
            raise KeyboardInterrupt

    with deployed.desk() as desk:
        with pytest.raises(Interrupted) as told:
            take(desk, Impatient(), lambda runner: runner.cut(CODE), document_id=CODE)
        run = desk.run_ids()[-1]
        assert told.value.next_command == f"cutter resume {run}"
        taken = take(desk, Output(), lambda runner: runner.resume(run), run_id=run)
        assert taken.result.exit_status == 10


def test_progress_is_drawn_on_a_terminal_and_gone_afterwards(deployed: Deployed) -> None:
    said = on_terminal(deployed, ("cut", CODE))
    assert "\x1b[" in said
    assert "awaiting_cut_authorization" in said
    plain = on_terminal(deployed, ("cut", "NOBODY"), NO_COLOR="1", TERM="dumb")
    assert "\x1b[" not in plain
    assert "STOP_DOCUMENT_UNKNOWN" in plain


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


def on_terminal(
    deployed: Deployed, words: tuple[str, ...], *, typed: bytes = b"", **environ: str
) -> str:
    """What a command writes on a terminal of its own, where this is typed."""
    inner, outer = pty.openpty()
    process = subprocess.Popen(
        (CUTTER, *words),
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", **deployed.environ, **environ},
        stdin=outer,
        stdout=outer,
        stderr=outer,
    )
    os.close(outer)
    shown = b""
    while True:
        try:
            part = os.read(inner, 65536)
        except OSError:
            break
        shown += part
        if typed and b"[y/N]" in shown:
            os.write(inner, typed)
            typed = b""
    os.close(inner)
    process.wait(timeout=30)
    return shown.decode("utf-8", "replace")
