"""What the pages say is there is there: links, words of the Makefile, the help, the house's own words."""

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from house import tree
from house.tree import PROJECT

PAGES = [path for path in tree.paths() if path.endswith(".md") and not path.startswith("examples/")]
ROOT_PAGES = (
    *("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "GLOSSARY.md", "SECURITY.md"),
    *("CHANGELOG.md", "LICENSE"),
)
WORDS_OF_THE_HOUSE = (
    *("approval", "cut", "drift", "enact", "evidence", "invariant", "kill-switch", "line", "mark"),
    *(
        "pause",
        "phase",
        "pin",
        "plan",
        "port",
        "profile",
        "run",
        "sidecar",
        "source version",
        "stop",
    ),
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


def glossary_faults(text: str) -> list[str]:
    """Words of a glossary that come twice, out of order or without a meaning."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")][
        1:
    ]
    words = [row[0].strip().lower() for row in rows]
    faults = [f"{word}: no meaning" for word, row in zip(words, rows, strict=True) if len(row) < 2]
    faults += [f"{word}: has two meanings" for word in set(words) if words.count(word) > 1]
    return faults + [f"{word}: out of order" for one, word in pairwise(words) if word < one]


@needs_readme
def test_glossary_has_one_meaning_for_each_word_in_order() -> None:
    glossary = tree.text("GLOSSARY.md") or ""
    assert glossary_faults(glossary) == []
    assert [word for word in WORDS_OF_THE_HOUSE if f"| {word} |" not in glossary] == []


def test_a_glossary_with_a_fault_is_seen() -> None:
    head = "| word | meaning |\n|---|---|\n"
    assert glossary_faults(head + "| cut | to turn |\n| mark | to find |\n") == []
    for rows in ("| b | x |\n| a | y |\n", "| a | x |\n| a | y |\n", "| a |\n"):
        assert glossary_faults(head + rows), rows
