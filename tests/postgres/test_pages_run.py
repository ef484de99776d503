"""The pages' own commands, run as a reader would type them, print what the pages show."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cutter_agent.postgres.cluster import cluster_root
from cutter_agent.postgres.embedded import await_stopped
from house.tree import PROJECT

PAGES = ["docs/quickstart.md", "docs/tutorial.md"]
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_STATUS = re.compile(r"  # exits with ([0-9]+)$")


@dataclass(frozen=True)
class Typed:
    """One command of a page, the exit status it promises, and lines that it shows."""

    words: str
    status: int
    shown: tuple[str, ...]


def typed(text: str) -> list[Typed]:
    """The commands of a page, in order."""
    found: list[Typed] = []
    for block in _BLOCK.findall(text):
        for line in block.splitlines():
            if line.startswith("$ "):
                status = _STATUS.search(line)
                found.append(Typed(_STATUS.sub("", line[2:]), int(status[1]) if status else 0, ()))
            else:
                last = found.pop()
                found.append(Typed(last.words, last.status, (*last.shown, line)))
    return found


def as_pattern(line: str, run: str) -> re.Pattern[str]:
    """What a shown line stands for: `…` is anything, `RUN` the newest run, the end may go on."""
    parts = (re.escape(part) for part in line.replace("RUN", run).split("…"))
    return re.compile("^" + ".*".join(parts), re.MULTILINE)


class Reader:
    """Somebody at a shell in a folder of their own, with nothing of cutter's yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {key: os.environ[key] for key in ("HOME", "CUTTER_PG_BIN") if key in os.environ}
        self.environ = kept | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "CUTTER_HOME": str(folder / "home"),
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "80",
        }
        for source in (PROJECT / "examples").glob("icx-const-v*.md"):
            shutil.copy(source, folder)

    def types(self, words: str) -> tuple[int, str]:
        """The exit status, and what both streams said."""
        done = subprocess.run(
            ["bash", "-c", words],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def newest_run(self) -> str:
        """The id of the newest run, or the word for it while there is none."""
        return max((path.stem for path in self.folder.glob("home/runs/ictr-*")), default="RUN")


@pytest.fixture
def reader() -> Iterator[Reader]:
    """A reader; the server that the reader's commands brought up is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="cutter-reader-"))
    yield Reader(folder)
    cluster = cluster_root(folder / "home")
    await_stopped(cluster)
    shutil.rmtree(cluster, ignore_errors=True)
    shutil.rmtree(folder)


def test_the_commands_of_a_page_are_found() -> None:
    page = "text\n```console\n$ one two  # exits with 10\n  shown … here\n$ three\n```\n```\n$ no\n```\n"
    assert typed(page) == [Typed("one two", 10, ("  shown … here",)), Typed("three", 0, ())]
    assert as_pattern("State  RUN … done", "ictr-1").search("x\nState  ictr-1 is done, all\n")
    assert not as_pattern("State  RUN … done", "ictr-1").search("the State  ictr-1 is done")


@pytest.mark.parametrize("page", PAGES)
def test_the_pages_commands_print_what_the_page_shows(page: str, reader: Reader) -> None:
    commands = typed((PROJECT / page).read_text("utf-8"))
    assert commands, page
    for command in commands:
        run = reader.newest_run() if "RUN" in command.words else ""
        status, said = reader.types(command.words.replace("RUN", run))
        assert status == command.status, (command.words, status, said)
        run = run or (reader.newest_run() if "RUN" in "".join(command.shown) else "")
        missing = [line for line in command.shown if not as_pattern(line, run).search(said)]
        assert not missing, (command.words, missing, said)
