"""Candidates: every line of the shadow that could begin a unit, and where none may begin."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from cutter_agent.document.grammar import Profile, Rule
from cutter_agent.document.numbering import NO_RANK, SUB_MAX

HEADING_CHARACTERS_MAX: Final = 300
"""A line longer than this behind a mark is a paragraph, not a heading."""
INLINE_MAX: Final = 6
"""Most labels that may stand behind another one on its line."""
_HEADED_RE: Final = re.compile(r"[^\n]{1,160}?[.:]?[ \t]?[—―](?=[ \t]{0,2}[(（]1[)）])")
_BRACKETED_RE: Final = re.compile(r"[ \t]?[(（][^()（）\n]{1,80}[)）](?=[ \t]{0,2}①)")
_new: Final = tuple.__new__
_FENCE_RE: Final = re.compile(r"\n[ ]{0,3}(`{3,}|~{3,})([^\n]*)")
_FRONT_MATTER_RE: Final = re.compile(r"\n---[ \t]{0,8}\n")
_FRONT_MATTER_CHARACTERS_MAX: Final = 65_536
_TRIM_LEFT: Final = " \t.:–—-*_#]|"
_TRIM_RIGHT: Final = " \t:–—-*_#|"


class Mark(NamedTuple):
    """One place of the shadow where a unit could begin.

    Attributes:
        start: the shadow position where its line starts.
        label_end: the shadow position behind its label.
        rule: index of its rule in the profile.
        num: its number as printed, or "".
        rank: the number's place in its sequence, or NO_RANK.
        level: its nesting depth.
        quote: the quotation mark in front of it, or "".
        headed: True if it stands in a Markdown heading.
    """

    start: int
    label_end: int
    rule: int
    num: str
    rank: int
    level: int
    quote: str
    headed: bool


class Ranges:
    """Stretches of the shadow where no unit may begin, each with the reason."""

    def __init__(self, rows: Iterable[tuple[int, int, str]]) -> None:
        """Holds the rows in order; one that begins inside an earlier one is part of it."""
        self._rows: list[tuple[int, int, str]] = []
        last = 0
        for start, end, reason in sorted(rows):
            if start >= last:
                self._rows.append((start, end, reason))
                last = end
        self._starts = [start for start, _, _ in self._rows]

    def __bool__(self) -> bool:
        """True if there is any stretch."""
        return bool(self._rows)

    def reason_at(self, position: int) -> str:
        """Why no unit may begin here, or ""."""
        row = bisect_right(self._starts, position) - 1
        if row < 0 or position >= self._rows[row][1]:
            return ""
        return self._rows[row][2]


def scan(shadow: str, profile: Profile) -> list[Mark]:
    """Every candidate, in order of the text."""
    marks: list[Mark] = []
    rules = profile.rules
    ranks = [rule.numbering.rank for rule in rules]
    beside = profile.inline is not None
    dashed = "—" in shadow or "―" in shadow
    for start, end, hashes, quote, index, num in profile.labels.finds(shadow):
        rule = rules[index]
        level = len(hashes.rstrip()) if hashes and rule.depth else rule.level
        rank = NO_RANK
        if num:
            rank = ranks[index](num)
            if rank == NO_RANK and rule.numbering.checked:
                continue
            if rule.dotted:
                level += num.rstrip(".").count(".")
        marks.append(_new(Mark, (start, end, index, num, rank, level, quote, bool(hashes))))
        if not beside:
            continue
        place = end
        if rule.kind == "article":
            place = _inside(shadow, rule, end, dashed=dashed)
        if place == end and rule.keyword and shadow[end : end + 1] == "(":
            continue
        marks += _beside(shadow, profile, place)
    return marks


def _inside(shadow: str, rule: Rule, end: int, *, dashed: bool) -> int:
    """Where the first paragraph of an article may begin on the article's own line.

    Behind a heading and a dash (`1. Title.—(1) …`), or behind a heading in brackets where a number
    has an end of its own (`제2조(정의) ① …`).
    """
    headed = _HEADED_RE.match(shadow, end) if dashed else None
    if headed is not None:
        return headed.end()
    if rule.numbering.closed:
        bracketed = _BRACKETED_RE.match(shadow, end)
        return end if bracketed is None else bracketed.end()
    return end


def _beside(shadow: str, profile: Profile, place: int) -> list[Mark]:
    """Further candidates right behind a label, as in `(a)(1)`."""
    marks: list[Mark] = []
    while profile.inline is not None and len(marks) < INLINE_MAX:
        found = profile.inline.match(shadow, place)
        if found is None or found.lastindex is None:
            break
        index, numbered = profile.inline_arms[found.lastindex]
        rule = profile.rules[index]
        num = found[found.lastindex + 1] if numbered else ""
        rank = rule.numbering.rank(num) if numbered else NO_RANK
        start = found.start(found.lastindex)
        if shadow[start].isdigit() and rank != SUB_MAX:
            break
        marks.append(Mark(start, found.end(), index, num, rank, rule.level, "", headed=False))
        place = found.end()
    return marks


def read_as(rule: Rule, mark: Mark, rules: Sequence[Rule]) -> int:
    """The rank of a mark's number under this rule, or NO_RANK."""
    if rule.numbering is rules[mark.rule].numbering:
        return mark.rank
    return rule.numbering.rank_of(mark.num)


def front_matter_end(shadow: str) -> int:
    """The shadow position behind the YAML header at the top, or 1 where there is none."""
    if not _FRONT_MATTER_RE.match(shadow):
        return 1
    close = _FRONT_MATTER_RE.search(shadow, 4, _FRONT_MATTER_CHARACTERS_MAX)
    return close.end() if close else 1


def code_and_comments(shadow: str) -> list[tuple[int, int, str]]:
    """Code fences and comments of a Markdown text: a heading inside them is none."""
    rows: list[tuple[int, int, str]] = []
    # One character is found much faster than three.
    if ("`" in shadow and "```" in shadow) or ("~" in shadow and "~~~" in shadow):
        rows += _fences(shadow)
    place = shadow.find("<!--") if "<" in shadow else -1
    while place >= 0:
        end = shadow.find("-->", place + 4)
        if end < 0:
            break
        rows.append((place, end + 3, "inside a comment"))
        place = shadow.find("<!--", end + 3)
    return rows


def _fences(shadow: str) -> list[tuple[int, int, str]]:
    rows: list[tuple[int, int, str]] = []
    opened: tuple[int, str] | None = None
    for found in _FENCE_RE.finditer(shadow):
        fence, rest = found[1], found[2].strip()
        if opened is None:
            if "`" not in rest:
                opened = (found.start(), fence)
        elif fence[0] == opened[1][0] and len(fence) >= len(opened[1]) and not rest:
            rows.append((opened[0], found.end(), "inside a code fence"))
            opened = None
    return rows


def heading_of(shadow: str, mark: Mark, *, next_line: bool, limit: int) -> str:
    """The heading behind a mark: the rest of its line, or the next one where that is empty.

    Args:
        shadow: the text as patterns see it.
        mark: the mark.
        next_line: True if the heading may stand on the next line.
        limit: the shadow position that the heading may not pass.
    """
    end = shadow.find("\n", mark.label_end)
    end = min(limit, len(shadow) if end < 0 else end)
    heading = shadow[mark.label_end : min(end, mark.label_end + HEADING_CHARACTERS_MAX + 40)]
    heading = heading.lstrip(_TRIM_LEFT).rstrip(_TRIM_RIGHT)
    if not heading and next_line:
        place = end
        for _ in range(3):
            if place + 1 >= limit or heading:
                break
            stop = shadow.find("\n", place + 1)
            stop = len(shadow) if stop < 0 else stop
            line = shadow[place + 1 : min(stop, place + HEADING_CHARACTERS_MAX + 40)]
            heading = line.lstrip(_TRIM_LEFT).rstrip(_TRIM_RIGHT)
            place = stop
    return heading if len(heading) <= HEADING_CHARACTERS_MAX else ""
