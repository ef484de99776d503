"""The command line as a whole: its table, its help, its start, what it refuses, how it ends."""

import importlib.metadata
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click
import pytest

from cutter_agent.cli import main as entry
from cutter_agent.cli.commands import ROWS, SECTIONS
from cutter_agent.cli.main import cutter, help_text, run
from cutter_agent.errors import StopEvidenceMismatch
from cutter_agent.orchestrator.policy import USER_REFUSED_ARGS

CUTTER = str(Path(sys.executable).with_name("cutter"))
HEAVY = ("rich", "rich_click", "psycopg", "cryptography", "yaml", "pyrage", "dataclasses")


def cutter_process(
    *words: str, timeout_s: float = 60, **environ: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (CUTTER, *words),
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUTTER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CUTTER_DATABASE_URL", raising=False)


def test_version_is_the_distribution_s(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"cutter {importlib.metadata.version('iu-cutter')}\n"


def test_asking_for_the_version_or_the_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from cutter_agent.cli.main import run\n"
        "status = run([sys.argv[1]])\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr); sys.exit(status)"
    )
    for word in ("--version", "--help"):
        done = subprocess.run(
            (sys.executable, "-c", program, word), capture_output=True, text=True, check=True
        )
        assert done.stderr == "[]\n"


def test_help_shows_every_command_in_the_order_of_the_table() -> None:
    text = help_text()
    assert re.findall(r"^  ([\w-]+)  ", text, re.MULTILINE)[-len(ROWS) :] == list(ROWS)
    assert [line[:-1] for line in text.splitlines() if line and line[0] != " "][2:] == [
        section.title for section in SECTIONS
    ]
    assert max(map(len, text.splitlines())) <= 80


def test_help_of_the_process_is_the_help_text() -> None:
    assert cutter_process("--help", COLUMNS="80").stdout == help_text()


def leaves(
    command: click.Command, path: tuple[str, ...]
) -> list[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, click.Group):
        return [(path, command)]
    context = click.Context(command)
    found = []
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        assert inner is not None, f"{path} {name} is in the table and nowhere else"
        found += leaves(inner, (*path, name))
    return found


@pytest.mark.parametrize("name", ROWS)
def test_each_row_of_the_table_is_a_command_with_that_sentence(name: str) -> None:
    command = cutter.get_command(click.Context(cutter), name)
    assert command is not None
    assert (command.help or "").splitlines()[0] == ROWS[name].sentence


@pytest.mark.parametrize("name", ROWS)
def test_every_command_answers_json_and_shows_an_example(name: str) -> None:
    command = cutter.get_command(click.Context(cutter), name)
    assert command is not None
    for path, leaf in leaves(command, (name,)):
        options = {option for parameter in leaf.params for option in parameter.opts}
        assert {"--json", "--no-input"} <= options, path
        assert "--auto-approve" not in options, path
        assert f"Example: cutter {path[0]}" in (leaf.help or ""), path


def test_no_words_show_the_help_as_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    assert "Begin:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["resum"], "There is no command 'resum'. Did you mean resume"),
        (["zzzz"], "There is no command 'zzzz'."),
        (["\x1b[31m"], r"There is no command '\x1b[31m'."),
        (["runs", "lst"], "Did you mean list?"),
        (["cut"], "Missing argument 'CODE'"),
        (["cut", "A", "--liv"], "--liv"),
        (["mark", "a.md", "b.md"], "unexpected extra argument"),
        (["runs", "list", "--limit", "0"], "--limit"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert "\x1b" not in shown.err
    assert shown.out == ""
    assert "--help" in shown.err


@pytest.mark.parametrize(
    ("words", "said", "remedy"),
    [
        (["resum", "--json"], "There is no command 'resum'. Did you mean resume", "cutter --help"),
        (["cut", "--json"], "Missing argument 'CODE'", "cutter cut --help"),
        (["cut", "A", "--json", "--ndjson"], "exclude each other", "cutter cut --help"),
    ],
)
def test_wrong_usage_is_a_document_for_a_program(
    words: list[str], said: str, remedy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    document = document.get("result", document)
    assert (document["schema"], document["code"]) == ("cutter.stop/1", "WRONG_USAGE")
    assert (document["exit_status"], document["remedy"]) == (2, remedy)
    assert said in document["sentence"]
    assert said in shown.err


def test_a_mismatch_of_no_run_names_a_command_that_works(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "cutter", failing(StopEvidenceMismatch("an odd event")))
    assert run(["fail"]) == 16
    assert "Next   cutter runs list" in capsys.readouterr().err


def spellings(name: str) -> list[Sequence[str]]:
    dashed = name.replace("_", "-")
    return [
        ["cut", "ICX-CONST", f"--{name}", "x"],
        ["cut", "ICX-CONST", f"--{dashed}=x"],
        ["resume", f"--{dashed.upper()}", "x"],
        [f"--{dashed}", "x", "mark", "file.md"],
        ["orchestrate", "cut", "--document-id", "ICX-CONST", f"-{name}"],
        ["runs", "list", f"--{dashed}"],
        ["nonsense", f"--{dashed}"],
        ["cut", "ICX-CONST", "--help", f"--{dashed}"],
    ]


@pytest.mark.parametrize("name", USER_REFUSED_ARGS)
def test_each_of_the_twenty_arguments_is_refused_in_every_spelling(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in spellings(name):
        assert run([*words]) == 22, words
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.startswith("STOP_REFUSED_INPUT\n")
        assert f"{name} cannot be given" in " ".join(shown.err.split())


def test_a_refused_argument_says_so_in_json_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cut", "ICX-CONST", "--dsn=host=x", "--json"]) == 22
    stop = json.loads(capsys.readouterr().out)
    assert stop["schema"] == "cutter.stop/1"
    assert (stop["code"], stop["exit_status"]) == ("STOP_REFUSED_INPUT", 22)
    assert set(stop) >= {"sentence", "fact", "expected", "remedy", "differences", "findings"}
    assert "host=x" not in json.dumps(stop)


def test_words_behind_two_dashes_are_names_and_no_options(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["mark", "--", "--dsn"]) == 22
    assert "STOP_SOURCE_UNREADABLE" in capsys.readouterr().err


def test_production_points_to_live(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["cut", "ICX-CONST", "--production"]) == 22
    assert "cutter cut CODE --live" in capsys.readouterr().err


def test_a_home_without_a_deployment_names_the_command_that_makes_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["cut", "ICX-CONST"]) == 22
    assert "Next   cutter init" in capsys.readouterr().err


def failing(error: BaseException) -> click.Group:
    @click.group()
    def group() -> None: ...

    @group.command()
    def fail() -> None:
        raise error

    return group


def test_a_bug_becomes_a_clean_sentence_without_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "cutter", failing(KeyError("\x1b[2Jsurprise")))
    monkeypatch.delenv("CUTTER_DEBUG", raising=False)
    assert run(["fail", "two words"]) == 2
    capsys.readouterr()
    assert run(["fail"]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("STOP_UNEXPECTED\n")
    assert "KeyError" in shown
    assert "\x1b" not in shown
    assert "Traceback" not in shown
    assert "Next   CUTTER_DEBUG=1 cutter fail" in shown


def test_a_bug_shows_its_traceback_when_asked_to(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "cutter", failing(ZeroDivisionError("oops")))
    monkeypatch.setenv("CUTTER_DEBUG", "1")
    assert run(["fail"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_interruption_exits_with_130_and_the_command_to_go_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "cutter", failing(KeyboardInterrupt()))
    assert run(["fail"]) == 130
    assert "Next   cutter fail" in capsys.readouterr().err
    assert run(["fail", "--json"]) == 2
    monkeypatch.setattr(entry, "cutter", failing(click.Abort()))
    assert run(["fail"]) == 130


def test_sigterm_ends_the_program_as_ctrl_c_does(tmp_path: Path) -> None:
    slow = (
        "import sys, time, click; from cutter_agent.cli import main as entry\n"
        "@click.group()\n"
        "def group(): ...\n"
        "@group.command()\n"
        "def wait():\n"
        "    print('ready', flush=True); time.sleep(30)\n"
        "entry.cutter = group; sys.argv = ['cutter', 'wait', ]; entry.main()"
    )
    process = subprocess.Popen(
        (sys.executable, "-c", slow), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Next   cutter wait" in said
    assert time.monotonic() - began < 15


def test_a_reader_who_goes_away_is_no_error() -> None:
    for command in (f"{CUTTER} --help | true", f"{CUTTER} mark {sample()} --tree | head -1"):
        done = subprocess.run(
            ("bash", "-c", f"set -o pipefail; {command}"),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_a_full_disk_behind_stdout_is_a_stop_and_no_traceback() -> None:
    done = subprocess.run(
        ("bash", "-c", f"{CUTTER} mark {sample()} > /dev/full"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 23
    assert "STOP_STORAGE" in done.stderr
    assert "Traceback" not in done.stderr


def sample() -> Path:
    return Path(__file__).parents[3] / "examples" / "icx-const-v1.md"
