"""A batch watched from beside it: on a terminal, by a program, and left with Ctrl-C."""

import json
import os
import pty
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.live import Deployed, deploy
from tests.postgres.test_cli_batch import queue_file
from tests.terminal import CUTTER, Terminal, on_terminal, terminal_at

from clusters.databases import Database

CODES = ("LAW-1", "LAW-2", "LAW-3")
PATIENCE_S = 60.0
SHOW_CURSOR = "\x1b[?25h"


@pytest.fixture
def deployed(database: Database, tmp_path: Path) -> Deployed:
    made = deploy(database, tmp_path)
    for code in CODES:
        text = f"# Law\n\nOf {code}.\n\n## One\n\nFirst.\n"
        made.add(text.encode(), code, "markdown")
    return made


@pytest.fixture
def at(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    return terminal_at(deployed, monkeypatch, capsys)


def watching(deployed: Deployed, queue: str, *words: str, **streams: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        (CUTTER, "batch", "status", queue, "--watch", *words),
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", **deployed.environ},
        text=True,
        **streams,
    )


def read_until(inner: int, wanted: str) -> str:
    """What comes from the terminal until it shows this."""
    shown, until = "", time.monotonic() + PATIENCE_S
    while wanted not in shown and time.monotonic() < until:
        if select.select([inner], [], [], 0.1)[0]:
            shown += os.read(inner, 65536).decode("utf-8", "replace")
    assert wanted in shown, shown
    return shown


def test_ctrl_c_leaves_the_watch_and_a_terminal_as_it_was(
    deployed: Deployed, at: Terminal, tmp_path: Path
) -> None:
    queue = queue_file(tmp_path, *CODES)
    inner, outer = pty.openpty()
    process = watching(deployed, queue, stdin=outer, stdout=outer, stderr=outer)
    os.close(outer)
    shown = read_until(inner, "no lane is at work")
    assert "batch_pending" in shown
    process.send_signal(signal.SIGINT)
    shown = read_until(inner, "Report")
    assert process.wait(PATIENCE_S) == 130
    os.close(inner)
    assert SHOW_CURSOR in shown
    assert "Traceback" not in shown
    # Nothing was done to the batch, and nobody holds it.
    assert at.cutter("batch", "run", queue).status == 10


def test_a_program_hears_of_every_document_once(
    deployed: Deployed, at: Terminal, tmp_path: Path
) -> None:
    queue = queue_file(tmp_path, *CODES, "LAW-9")
    with watching(
        deployed, queue, "--ndjson", stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        first = json.loads(process.stdout.readline())
        assert (first["event"], first["state"]) == ("batch", "batch_pending")
        assert at.cutter("batch", "run", queue).status == 10
        rest = [json.loads(line) for line in process.stdout]
    assert process.returncode == 0
    last = {row["document_id"]: row for row in rest if row["event"] == "document"}
    assert {code: last[code]["waits_for"] for code in CODES} == dict.fromkeys(CODES, "SG_1")
    assert last["LAW-9"]["queue"] == "quarantine"
    ended = rest[-1]
    assert ended["event"] == "result"
    assert ended["result"]["schema"] == "cutter.batch/1"
    assert [row for row in rest if row["event"] == "batch"][-1]["counts"]["waiting"] == 3


def test_a_batch_at_rest_is_shown_once_with_every_way_out(
    deployed: Deployed, at: Terminal, tmp_path: Path
) -> None:
    queue = queue_file(tmp_path, *CODES, "LAW-9")
    assert at.cutter("batch", "run", queue).status == 10
    shown = on_terminal(deployed, ("batch", "status", queue, "--watch"))
    assert "batch_awaiting_cut_authz_set" in shown
    assert f"cutter batch retry {queue} LAW-9"[:60] in shown.replace("\r\n", "")
    document = at.json("batch", "status", queue)
    assert [row["turn"] for row in document["items"]] == ["an approver"] * 3 + ["the operator"]
    folder = at.home.runs / "batches"
    for name in ("night-1.md", "night-1.html"):
        assert "LAW-9" in (folder / name).read_text("utf-8")
