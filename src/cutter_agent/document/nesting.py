"""Which headers stand above which: profiles say what is usual, the text says what is so here.

In most countries a Part holds Chapters; in some a Chapter holds Parts. The one that comes first in
a region holds the other, unless the first one's numbers start anew inside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from cutter_agent.document.grammar import Profile, Rule
from cutter_agent.document.scan import Mark, read_as
from cutter_agent.document.weights import PLAIN, Weigher

_CONTAINERS: Final = frozenset({"book", "part", "title", "chapter", "section", "subsection"})
_HEADER_CHARACTERS_MAX: Final = 250
"""A paragraph sign that is a header stands no further above its first article."""


def levels_here(
    through: Mapping[int, Sequence[Mark]], rules: Sequence[Rule], weigher: Weigher
) -> dict[int, int]:
    """For rules whose level in this text is another than the profile's: that level.

    Args:
        through: the marks of each keyword rule, in order of the text.
        rules: the rules of the profile.
        weigher: weighs marks; only those that stand like headers count here.
    """
    by_level: dict[int, list[Mark]] = {}
    for index, marks in through.items():
        rule = rules[index]
        if rule.kind in _CONTAINERS and rule.chain == "parent" and not rule.depth:
            by_level.setdefault(rule.level, []).extend(
                mark for mark in marks if weigher(mark, rule) >= PLAIN
            )
    levels = sorted(level for level, marks in by_level.items() if marks)
    order = _outermost_first(levels, by_level)
    moved = {old: new for new, old in zip(levels, order, strict=True) if new != old}
    return {
        index: moved[rules[index].level]
        for index in through
        if rules[index].level in moved and rules[index].kind in _CONTAINERS
    }


def headers_here(
    through: Mapping[int, Sequence[Mark]], profile: Profile
) -> dict[int, tuple[int, list[Mark]]]:
    """For rules whose marks are headers above articles in this text: the rule of those, the marks.

    A paragraph sign stands below articles in most countries (Art. 1 § 2), in some above (§ 2.1.).
    """
    rules = profile.rules
    articles = [
        mark for index, marks in through.items() if rules[index].kind == "article" for mark in marks
    ]
    result: dict[int, tuple[int, list[Mark]]] = {}
    for header, rule in enumerate(rules):
        if rule.place != "above":
            continue
        for index in profile.readings[header]:
            marks = through.get(index, ())
            if marks and articles and _are_headers(marks, articles):
                read = [
                    mark._replace(rule=header, level=rule.level, rank=read_as(rule, mark, rules))
                    for mark in marks
                ]
                result[index] = (header, read)
    return result


def _outermost_first(levels: Sequence[int], marks: Mapping[int, list[Mark]]) -> list[int]:
    order = list(levels)
    for level in order:
        marks[level].sort()
    for _ in order:
        for place, (outer, inner) in enumerate(pairwise(tuple(order))):
            if order[place : place + 2] == [outer, inner] and _is_inside(
                marks[outer], marks[inner]
            ):
                order[place : place + 2] = [inner, outer]
    return order


def _is_inside(outer: Sequence[Mark], inner: Sequence[Mark]) -> bool:
    """True if the marks that are usually above stand below here: later, and they restart nothing."""
    if outer[0].start < inner[0].start:
        return False
    place = 0
    for mark in outer:
        while place < len(inner) and inner[place].start < mark.start:
            place += 1
        if 0 < place < len(inner) and inner[place].rank <= inner[place - 1].rank:
            return False
    return True


def _are_headers(signs: Sequence[Mark], articles: Sequence[Mark]) -> bool:
    """True if an article follows each paragraph sign closely, and their numbers never restart."""
    among = sorted(
        [*((mark.start, mark.rank, 1) for mark in signs)]
        + [(mark.start, mark.rank, 0) for mark in articles]
    )
    last = -1
    for (start, rank, sign), following in zip(among, [*among[1:], None], strict=True):
        if not sign:
            continue
        if following is None or following[2] or following[0] - start > _HEADER_CHARACTERS_MAX:
            return False
        if rank <= last or rank < 0:
            return False
        last = rank
    return True
