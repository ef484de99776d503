"""The ways out that a batch names, typed as they stand: a failed live run gets its decision and its retry."""

import shlex
from pathlib import Path

import pytest
from tests.live import deploy
from tests.postgres.test_cli_batch import queue_file
from tests.terminal import Terminal, terminal_at

from clusters.databases import Database
from cutter_agent.orchestrator.run_context import RunContext

TWICE = "## ĐIỀU 1. A\n\nText.\n\n## ĐIỀU 1. B\n\nText.\n"


@pytest.fixture
def at(
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Terminal:
    made = deploy(database, tmp_path)
    made.add(TWICE.encode(), "LAW-1", "vn-charter")
    return terminal_at(made, monkeypatch, capsys)


def shown(at: Terminal, queue: str) -> dict[str, object]:
    row: dict[str, object] = at.json("batch", "status", queue)["items"][0]
    return row


def test_a_failed_live_run_leaves_its_queue_by_the_commands_that_are_named(
    at: Terminal, tmp_path: Path
) -> None:
    queue = queue_file(tmp_path, "LAW-1")
    assert at.cutter("batch", "run", queue, "--live").status == 21
    failed = shown(at, queue)
    assert (failed["stop_code"], failed["queue"]) == ("STOP_INVARIANT_FAILED", "human_review")
    retry, approve, again, run = (shlex.split(str(words))[1:] for words in failed["way_out"])
    asked = at.cutter(*retry, "--json")
    assert (asked.status, asked.document["items"][0]["stop_code"]) == (10, "STOP_APPROVAL_REQUIRED")
    waits = shown(at, queue)
    assert (waits["waits_for"], waits["turn"]) == ("SG_3", "an approver")
    assert [shlex.split(str(words))[1:] for words in waits["way_out"]] == [approve, again, run]
    assert at.cutter(*approve, "--yes", "--key", at.key("alice")).status == 0
    released = at.cutter(*again, "--json")
    assert (released.status, released.document["items"][0]["stop_code"]) == (0, None)
    # The text is as it was, so the gate says the same again: of the same run, driven once more.
    assert at.cutter(*run).status == 21
    failed_again = shown(at, queue)
    assert failed_again["run_id"] == failed["run_id"]
    with at.desk() as desk:
        stops = [
            event
            for event in RunContext(desk.load(str(failed["run_id"]))).history.events
            if event.body.get("code") == "STOP_INVARIANT_FAILED"
        ]
    assert len(stops) == 2
