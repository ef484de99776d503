"""Short laws in the ways of many countries, cut by the general profile and by whatever is detected.

The texts in `laws/` are invented. A mark in front of a line (or inside one) says what begins there,
so the expected tree is known by construction: N annex, B book, P part, T title, C chapter, S section,
A article, p paragraph, x point, y point below a point. A unit's parent is the last one of a higher rank.
"""

import re
import textwrap
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from cutter_agent.document.detect import best_profile
from cutter_agent.document.grammar import parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped, shipped_names
from cutter_agent.document.units import MarkedText

LAWS = sorted((Path(__file__).parent / "laws").glob("*.txt"), key=lambda path: path.stem)
RANKS = "NBPTCSApxy"
CONTAINERS = "NBPTCS"
PROFILES = {name: parse_profile(shipped(name)) for name in shipped_names()}
OF_THEIR_OWN = {"de-austria": "de", "en-constitution": "us-constitution"}
"""Texts that the general profile is not meant for."""
GROUPS_ONLY = {"de"}
"""Profiles whose headers above articles only group, so they are no parents."""
PARAGRAPHS = {"paragraph", "point", "indent"}


class Place(NamedTuple):
    """Where a unit begins: what it is (container, article or below), and where its parent begins."""

    what: str
    parent: int | None


def expected(marked_up: str) -> tuple[str, dict[int, Place]]:
    """The text without its marks, and its units by the byte where they begin."""
    units: dict[int, Place] = {}
    stack: list[tuple[int, int]] = []
    parts: list[str] = []
    size = 0
    for part in re.split(r"(‹[A-Za-z]›)", marked_up):
        if not re.fullmatch(r"‹[A-Za-z]›", part):
            parts.append(part)
            size += len(part.encode())
            continue
        letter = part[1]
        rank = RANKS.index(letter)
        while stack and stack[-1][0] >= rank:
            stack.pop()
        what = "container" if letter in CONTAINERS else "article" if letter == "A" else "below"
        units[size] = Place(what, stack[-1][1] if stack else None)
        stack.append((rank, size))
    return "".join(parts), units


def found(marked: MarkedText) -> dict[int, Place]:
    starts = {unit.address: unit.start for unit in marked.candidates}
    return {
        unit.start: Place(
            "article"
            if unit.kind == "article"
            else "below"
            if unit.kind in PARAGRAPHS
            else "container",
            starts[unit.parent] if unit.parent else None,
        )
        for unit in marked.candidates
    }


def without_containers(units: dict[int, Place]) -> dict[int, Place]:
    kept = {start for start, place in units.items() if place.what != "container"}
    return {
        start: Place(place.what, place.parent if place.parent in kept else None)
        for start, place in units.items()
        if start in kept
    }


def shown(units: dict[int, Place], text: bytes) -> list[str]:
    """The units as lines, so that a difference can be read."""
    return [
        f"{place.what} in {place.parent}: {text[start : start + 60].decode(errors='ignore')!r}"
        for start, place in sorted(units.items())
    ]


@pytest.mark.parametrize("path", LAWS, ids=lambda path: path.stem)
def test_a_law_is_cut_as_its_country_numbers_it(path: Path) -> None:
    text, units = expected(path.read_text("utf-8"))
    source = text.encode()
    detected = best_profile(source, list(PROFILES.values()))[0].name
    assert detected == OF_THEIR_OWN.get(path.stem, detected)
    for name in {detected, "intl"} if path.stem not in OF_THEIR_OWN else {detected}:
        marked = mark_text(source, PROFILES[name], code="LAW")
        mine, theirs = found(marked), units
        if name in GROUPS_ONLY:
            mine, theirs = without_containers(mine), without_containers(theirs)
        assert shown(mine, source) == shown(theirs, source), name
        spans = sorted(span for unit in marked.units for span in unit.own_spans)
        assert b"".join(source[start:end] for start, end in spans) == source
        assert marked.errors == ()


def with_headings(text: str) -> str:
    """The headers as Markdown headings, where they are none yet."""

    def one(found: re.Match[str]) -> str:
        return f"{found[0]}{'###' if found[0] == '‹A›' else '##'} "

    return re.sub(r"^‹[NBPTCSA]›(?!#)", one, text, flags=re.MULTILINE)


def in_bold(text: str) -> str:
    """The short headers in bold."""
    return re.sub(r"^(‹[NBPTCSA]›)([^‹#\n]{1,60})$", r"\1**\2**", text, flags=re.MULTILINE)


def wrapped(text: str) -> str:
    """Long lines wrapped at sixty characters."""
    lines = text.split("\n")
    return "\n".join(
        textwrap.fill(line, 60, break_long_words=False, break_on_hyphens=False)
        if len(line) > 60
        else line
        for line in lines
    )


def with_page_ends(text: str) -> str:
    """A page's number and the next page's head behind every twelfth line."""
    parts: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        parts.append(line)
        if number % 12 == 0:
            parts += ["", f"{number // 12:>30}", "GAZETTE OF THE VALLEY", ""]
    return "\n".join(parts)


DIRT: dict[str, Callable[[str], str]] = {
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "NBSP": lambda text: re.sub(r"(?m)^((?:‹.›)+\S+) ", "\\1\u00a0", text),
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "no blank lines": lambda text: re.sub(r"\n\n+", "\n", text),
    "indented": lambda text: re.sub(r"(?m)^((?:‹.›)*)(?=.)", r"\1    ", text),
    "trailing spaces": lambda text: re.sub(r"(?m)(?<=\S)$", "  ", text),
    "wrapped": wrapped,
    "Markdown headings": with_headings,
    "bold": in_bold,
    "page ends": with_page_ends,
}


@pytest.mark.parametrize("name", DIRT)
def test_dirt_changes_no_law(name: str) -> None:
    for path in LAWS:
        text, units = expected(DIRT[name](path.read_text("utf-8")))
        source = text.encode()
        profile = PROFILES[OF_THEIR_OWN.get(path.stem, "intl")]
        mine, theirs = found(mark_text(source, profile, code="LAW")), units
        if profile.name in GROUPS_ONLY:
            mine, theirs = without_containers(mine), without_containers(theirs)
        assert shown(mine, source) == shown(theirs, source), path.stem


def test_there_are_laws_of_many_languages() -> None:
    assert len({path.stem.partition("-")[0] for path in LAWS} - {"pdf", "md"}) >= 55
