"""A batch from the command line on a real database: planned, signed in one sitting, driven, put aside."""

from pathlib import Path

import pytest
from tests.live import Deployed, deploy
from tests.terminal import Terminal, terminal_at

from clusters.databases import Database
from cutter_agent.orchestrator.history import EventKind
from cutter_agent.orchestrator.states import Gate

CODES = ("LAW-1", "LAW-2", "LAW-3")


@pytest.fixture
def deployed(database: Database, tmp_path: Path) -> Deployed:
    made = deploy(database, tmp_path)
    for code in CODES:
        text = f"# Law\n\nOf {code}.\n\n## One\n\nFirst.\n\n## Two\n\nSecond.\n"
        made.add(text.encode(), code, "markdown")
    return made


@pytest.fixture
def at(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    return terminal_at(deployed, monkeypatch, capsys)


def queue_file(folder: Path, *codes: str) -> str:
    path = folder / "queue.yaml"
    path.write_text(
        "schema_version: 1\nbatch_id: night-1\ncreated_by: carol\n"
        "created_utc: 2026-01-31T12:00:00Z\ndefault_scope: enacted_only\ndefault_actor: carol\n"
        "items:\n" + "".join(f"  - document_id: {code}\n" for code in codes),
        encoding="utf-8",
    )
    return str(path)


def test_three_documents_go_live_through_both_gates(
    at: Terminal, deployed: Deployed, tmp_path: Path
) -> None:
    queue = queue_file(tmp_path, *CODES, "LAW-4")
    planned = at.cutter("batch", "plan", queue, "--json")
    assert planned.status == 21
    rows = planned.document["items"]
    assert [(row["document_id"], row["create"], row["stop_code"]) for row in rows] == [
        *((code, 3, None) for code in CODES),
        ("LAW-4", "–", "STOP_DOCUMENT_UNKNOWN"),
    ]
    begun = at.cutter("batch", "run", queue, "--live", "--max-concurrent", "2", "--json")
    assert (begun.status, begun.document["state"]) == (10, "batch_awaiting_cut_authz_set")
    assert begun.document["counts"]["waiting"] == 3
    assert begun.document["counts"]["quarantine"] == 1

    alice = ("approve", "--batch", queue, "--yes", "--key", at.key("alice"))
    some = at.json(*alice, "--without", "LAW-3")
    assert [row["document_id"] for row in some["signed"]] == ["LAW-1", "LAW-2"]
    assert some["struck_out"] == ["LAW-3"]
    half = at.cutter("batch", "run", queue, "--live", "--json")
    assert half.document["state"] == "batch_awaiting_cut_authz_set"
    waiting = [item["waits_for"] for item in half.document["items"]]
    assert waiting == ["SG_2", "SG_2", "SG_1", None]

    mixed = at.cutter(*alice, "--json")
    assert mixed.status == 11
    assert [row["document_id"] for row in mixed.document["signed"]] == ["LAW-3"]
    assert [row["code"] for row in mixed.document["refused"]] == ["STOP_APPROVAL_INVALID"] * 2
    assert at.cutter("batch", "run", queue, "--live").status == 10
    signed = at.json("approve", "--batch", queue, "--yes", "--key", at.key("bob"))
    assert {row["gate"] for row in signed["signed"]} == {"SG_2_lifecycle_authz"}
    ended = at.cutter("batch", "run", queue, "--live", "--json")
    assert (ended.status, ended.document["state"]) == (21, "batch_closeout")
    assert ended.document["counts"]["closed"] == 3

    consumed = [
        event.body["consumed"]
        for item in ended.document["items"][:3]
        for event in deployed.context(item["run_id"]).history.events
        if event.kind is EventKind.PHASE and "consumed" in event.body
    ]
    assert len(consumed) == len(set(consumed)) == 6
    page = Path(ended.document["report"]).read_text("utf-8")
    assert "batch_closeout (live)" in page
    assert f"../{ended.document['items'][0]['run_id']}/" in page
    again = at.cutter("batch", "run", queue, "--live", "--json")
    assert again.document["items"] == ended.document["items"]


def test_documents_are_put_aside_shown_and_taken_back(at: Terminal, tmp_path: Path) -> None:
    queue = queue_file(tmp_path, *CODES)
    shown = at.json("batch", "status", queue)
    assert (shown["schema"], shown["state"]) == ("cutter.batch/1", "batch_pending")
    aside = at.json("batch", "quarantine", queue, "LAW-1", "--reason", "its annex is missing")
    assert aside["items"][0]["queue"] == "quarantine"
    assert at.cutter("batch", "run", queue).status == 10
    told = at.cutter("batch", "status", queue, "--watch")
    assert "LAW-1: its annex is missing" in told.out
    back = at.json("batch", "retry", queue)
    assert [item["document_id"] for item in back["items"]] == ["LAW-1"]
    assert at.cutter("batch", "retry", queue).out == "Nothing is set aside.\n"
    assert at.cutter("batch", "run", queue, "--json").document["counts"]["waiting"] == 3


def test_what_cannot_be_is_refused_before_a_run_exists(
    at: Terminal, deployed: Deployed, tmp_path: Path
) -> None:
    queue = queue_file(tmp_path, *CODES)
    assert at.cutter("approve", "--batch", queue).status == 22
    assert at.cutter("approve", "RUN", "--batch", queue).status == 2
    assert at.cutter("approve").status == 2
    assert at.cutter("batch", "quarantine", queue, "--reason", "why").status == 22
    deployed.arm(armed=False)
    assert at.cutter("batch", "run", queue, "--live").status == 15
    assert deployed.run_ids() == ()
    deployed.arm()
    assert at.cutter("batch", "run", queue, "--live").status == 10
    assert at.cutter("approve", "--batch", queue, "--without", "X").status == 22


def test_a_sitting_takes_yes_and_witnesses_the_log(
    at: Terminal, deployed: Deployed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    queue = queue_file(tmp_path, "LAW-1", "LAW-2")
    assert at.cutter("batch", "run", queue, "--live").status == 10
    words = ("approve", "--batch", queue, "--key", at.key("alice"))
    unasked = at.cutter(*words, "--json")
    assert unasked.status == 22
    assert unasked.document["remedy"] == f"cutter approve --batch {queue} --yes"
    assert not list(at.home.runs.glob("*/*.sig"))
    at.json(*words, "--yes")
    (kept,) = (tmp_path / "state" / "cutter" / "log-heads").glob("*.alice.head")
    kept.write_text(f"1:{'0' * 64}\n")
    assert at.cutter("batch", "run", queue, "--live").status == 10
    kept.rename(kept.with_name(kept.name.replace("alice", "bob")))
    signed = len(list(at.home.runs.glob("*/*.sig")))
    rewritten = at.cutter("approve", "--batch", queue, "--key", at.key("bob"), "--yes", "--json")
    assert (rewritten.status, rewritten.document["code"]) == (16, "STOP_EVIDENCE_MISMATCH")
    assert len(list(at.home.runs.glob("*/*.sig"))) == signed == 2


def test_one_signature_of_two_moves_nothing(
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = deploy(database, tmp_path, gates=dict.fromkeys(Gate, (("alice", "bob"), 2)))
    made.add(b"# Law\n\nA.\n\n## One\n\nB.\n", "LAW-1", "markdown")
    at = terminal_at(made, monkeypatch, capsys)
    queue = queue_file(tmp_path, "LAW-1")
    for person, gate in (("alice", "SG_1"), ("bob", "SG_1")):
        begun = at.cutter("batch", "run", queue, "--live", "--json")
        assert begun.document["items"][0]["waits_for"] == gate
        at.json("approve", "--batch", queue, "--yes", "--key", at.key(person))
    ended = at.cutter("batch", "run", queue, "--live", "--json").document["items"][0]
    assert (ended["waits_for"], ended["attempts"]) == ("SG_2", 0)
