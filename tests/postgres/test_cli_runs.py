"""Runs from the command line, on a real database: dry and live, signed, refused, damaged, ended."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.live import Deployed, deploy, sql_as_owner
from tests.terminal import CODE, CUTTER, Terminal, on_terminal, terminal_at

from clusters.databases import Database
from cutter_agent.cli.edge import Interrupted
from cutter_agent.cli.output import Output
from cutter_agent.cli.progress import OnStep
from cutter_agent.cli.session import take
from cutter_agent.orchestrator.line import EVIDENCE_TYPES
from cutter_agent.orchestrator.states import OrchestratorState
from deployments import EXAMPLES

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
    signed = at.json("approve", run, "--yes", "--key", at.key("alice"))
    assert signed["schema"] == "cutter.decision/1"
    assert (signed["person"], signed["signed"], signed["threshold"]) == ("alice", ["alice"], 1)
    assert Path(signed["signature"]).stat().st_mode & 0o777 == 0o644
    assert signed["remedy"] == f"cutter resume {run}"
    second = at.cutter("resume", "--json").document
    assert states(second) == ("awaiting_lifecycle_authorization", "STOP_APPROVAL_REQUIRED", 10)
    assert second["approvals"][0]["persons"] == ["alice"]
    at.json("approve", run, "--yes", "--key", at.key("bob"))
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


def test_a_rehearsal_goes_on_with_the_dry_run_that_waits(at: Terminal, deployed: Deployed) -> None:
    waiting = at.begun()
    assert at.cutter("cut", CODE).status == 14
    done = at.json("run", CODE)
    assert (done["run_id"], done["state"]) == (waiting, "closeout_reported")
    stale = at.begun()
    deployed.add(CHARTER_2)
    renewed = at.json("run", CODE)
    assert renewed["run_id"] != stale
    assert renewed["state"] == "closeout_reported"
    assert at.json("why", stale)["code"] == "STOP_DRIFT"


def test_without_a_policy_the_next_command_is_one_that_works(
    at: Terminal, deployed: Deployed, database: Database
) -> None:
    sql_as_owner(
        database,
        "ALTER TABLE cutter_governance.trust_policy DISABLE TRIGGER ALL",
        "DELETE FROM cutter_governance.trust_policy",
        "ALTER TABLE cutter_governance.trust_policy ENABLE TRIGGER ALL",
    )
    deployed.home.policy.unlink()
    answered = at.cutter("cut", CODE)
    assert answered.status == 10
    assert f"Next   cutter run {CODE}" in answered.out
    run = at.json("runs", "list")["runs"][0]["run_id"]
    assert at.json("why", run)["remedy"] == f"cutter run {CODE}"
    assert at.cutter("approve", run, "--yes", "--key", at.key("alice")).status == 11
    assert at.cutter("run", CODE).status == 0


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

    def test_evidence_that_cannot_be_read_hides_no_other_run(
        self, at: Terminal, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        odd = at.json("run", CODE)["run_id"]
        waiting = at.begun()
        monkeypatch.delitem(EVIDENCE_TYPES, "ClosedOut")
        listed = {run["run_id"]: run for run in at.json("runs", "list")["runs"]}
        assert (listed[odd]["state"], listed[odd]["stop_code"]) == (
            "unreadable",
            "STOP_EVIDENCE_MISMATCH",
        )
        items = {item["run_id"]: item["waits_for"] for item in at.json("inbox")["items"]}
        assert items == {odd: "STOP_EVIDENCE_MISMATCH", waiting: "SG_1"}
        assert "STOP_EVIDENCE_MISMATCH" in at.cutter("inbox").out
        assert at.json("drift", CODE)["run_id"] == waiting
        assert at.cutter("resume").status == 10
        for words in (("runs", "show"), ("resume",), ("why",)):
            named = at.cutter(*words, odd, "--json")
            assert (named.status, named.document["code"]) == (16, "STOP_EVIDENCE_MISMATCH")
            assert named.document["remedy"] == f"cutter verify {odd}"

    def test_a_run_that_another_kept_out_is_none_to_go_on_with(self, at: Terminal) -> None:
        first = at.begun("--live")
        assert at.cutter("cut", CODE, "--live").status == 14
        resumed = at.cutter("resume", "--json")
        assert (resumed.status, resumed.document["run_id"]) == (10, first)

    def test_a_closed_lock_names_the_command_that_opens_it(
        self, at: Terminal, deployed: Deployed
    ) -> None:
        deployed.arm(armed=False)
        disarmed = at.cutter("cut", CODE, "--live", "--json").document
        assert disarmed["remedy"] == "cutter switch arm --reason TEXT"
        deployed.arm()
        at.json("init", "--execution-disabled")
        off = at.cutter("cut", CODE, "--live", "--json")
        assert (off.status, off.document["remedy"]) == (15, "cutter init --execution-enabled")

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
