"""A shell finishes commands, ids of runs and codes of documents, without opening a database."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cutter_agent.bootstrap.home import Home
from cutter_agent.bootstrap.indexed import IndexedRun, indexed_runs
from cutter_agent.cli.completion import SHELLS, VARIABLE

CUTTER = str(Path(sys.executable).with_name("cutter"))
CLOSED = "ictr-20260101T000000Z-00000001"
WAITING = "ictr-20260102T000000Z-00000002"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    runs = tmp_path / "runs"
    runs.mkdir()
    for name in (f"{CLOSED}.json", f"{WAITING}.json", "ictr-no-run.json"):
        (runs / name).write_text("{}")
    (runs / "runs-index.md").write_text(
        f"- {CLOSED} · ICX-CONST · live · closeout_reported · 60 candidates · 60 enacted\n"
        "- not a run · X · live\n- ictr-\n"
    )
    return Home(tmp_path)


def test_the_runs_of_a_home_are_found_newest_first(home: Home) -> None:
    assert indexed_runs(home) == [IndexedRun(WAITING), IndexedRun(CLOSED, "ICX-CONST", "live")]
    assert indexed_runs(Home(home.root / "nowhere")) == []


def offered(home: Home, *words: str) -> list[str]:
    """What a shell is offered for the last of these words."""
    done = subprocess.run(
        (CUTTER,),
        env={
            **os.environ,
            "CUTTER_HOME": str(home.root),
            VARIABLE: "bash_complete",
            "COMP_WORDS": " ".join(("cutter", *words)),
            "COMP_CWORD": str(len(words)),
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_commands_runs_and_codes_are_offered(home: Home) -> None:
    assert offered(home, "verify") == ["verify", "verify-quote"]
    assert offered(home, "why", "ictr-") == [WAITING, CLOSED]
    assert offered(home, "runs", "show", "ictr-20260101") == [CLOSED]
    assert offered(home, "drift", "I") == ["ICX-CONST"]
    assert "--live" in offered(home, "cut", "X", "--l")


def test_a_home_that_cannot_be_read_offers_nothing(home: Home) -> None:
    assert offered(Home(Path("relative\x07bell")), "why", "ictr-") == []
    (home.runs / "runs-index.md").unlink()
    (home.runs / "runs-index.md").mkdir()
    assert offered(home, "why", "ictr-") == [WAITING, CLOSED]


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shell_gets_a_script_that_it_can_read(shell: str, tmp_path: Path) -> None:
    done = subprocess.run(
        (CUTTER, "completion", shell), capture_output=True, text=True, check=True, timeout=60
    )
    assert VARIABLE in done.stdout
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here to read it with")
    script = tmp_path / "script"
    script.write_text(done.stdout)
    read = subprocess.run((shell, "-n", str(script)), capture_output=True, text=True, check=False)
    assert (read.returncode, read.stderr) == (0, "")


def test_bash_finishes_a_word_with_the_script(home: Home) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here")
    typed = (
        'eval "$(cutter completion bash)"; COMP_WORDS=(cutter why ictr-20260102); COMP_CWORD=2; '
        '_cutter_completion cutter; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        (bash, "-c", typed),
        env={
            **os.environ,
            "CUTTER_HOME": str(home.root),
            "PATH": f"{Path(CUTTER).parent}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stdout.strip() == WAITING, done.stderr
