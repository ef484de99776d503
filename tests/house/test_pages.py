"""What the pages say is there is there: links, words of the Makefile, the help, the house's own words."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cutter_agent.orchestrator.line import LINE, PHASES
from cutter_agent.orchestrator.states import Gate, Mode, OrchestratorState, Terminal
from house import tree
from house.tree import PROJECT

PAGES = [path for path in tree.paths() if path.endswith(".md") and not path.startswith("examples/")]
ROOT_PAGES = (
    *("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "GLOSSARY.md", "SECURITY.md"),
    *("CHANGELOG.md", "LICENSE"),
)
HELP_PROMPT = "$ cutter --help\n"

needs_readme = pytest.mark.skipif(
    not (PROJECT / "README.md").exists(), reason="the README is not written yet"
)


def dead_links(path: str, text: str) -> list[str]:
    """Links of a page to files that are not in the tree."""
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", text)
    folder = (PROJECT / path).parent
    return [f"{path}: {target}" for target in targets if not (folder / target).exists()]


def unknown_make_words(path: str, text: str) -> list[str]:
    """Words that a page tells its reader to make and the Makefile does not know."""
    makefile = tree.text("Makefile") or ""
    known = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    told = re.findall(r"(?:`|^ {4}|^\$ )make ([a-z]+)\b", text, re.MULTILINE)
    return [f"{path}: make {word}" for word in told if word not in known]


@pytest.mark.parametrize("check", [dead_links, unknown_make_words])
def test_pages_tell_what_is_there(check) -> None:  # noqa: ANN001 - both have the same shape
    assert [breach for path in PAGES for breach in check(path, tree.text(path) or "")] == []


def test_a_dead_link_and_an_unknown_word_are_seen() -> None:
    assert dead_links("README.md", "see [the line](docs/nowhere.md#line)") == [
        "README.md: docs/nowhere.md"
    ]
    assert dead_links("README.md", "see [it](LICENSE) and [that](https://example.org)") == []
    assert unknown_make_words("README.md", "    make coffee\n`make test`") == [
        "README.md: make coffee"
    ]


@needs_readme
def test_every_page_of_the_root_is_written() -> None:
    assert [name for name in ROOT_PAGES if not (PROJECT / name).is_file()] == []


@needs_readme
def test_readme_starts_with_the_two_commands() -> None:
    first_screen = "\n".join((tree.text("README.md") or "").splitlines()[:60])
    assert [word for word in ("make demo", "make test") if word not in first_screen] == []


@needs_readme
def test_readme_shows_the_real_help() -> None:
    shown = (tree.text("README.md") or "").partition(HELP_PROMPT)[2].partition("```")[0]
    cutter = Path(sys.executable).with_name("cutter")
    real = subprocess.run(
        [str(cutter), "--help"],
        env={"PATH": os.environ["PATH"], "COLUMNS": "100", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert [line.rstrip() for line in shown.strip().splitlines()] == [
        line.rstrip() for line in real.strip().splitlines()
    ]


@needs_readme
def test_glossary_knows_the_words_of_the_line() -> None:
    glossary = tree.text("GLOSSARY.md") or ""
    words = [
        *OrchestratorState,
        *Mode,
        *Terminal,
        *Gate,
        *(step.yields.__name__ for step in LINE),
        *(phase.gate for phase in PHASES),
    ]
    assert [word for word in words if word not in glossary] == []
