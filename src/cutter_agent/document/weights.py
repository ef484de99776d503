"""How much the text around a candidate speaks for it: the line before, the label, what follows."""

from __future__ import annotations

import re
from typing import Final

from cutter_agent.document.grammar import Rule
from cutter_agent.document.scan import Mark

PLAIN: Final = 1.0
"""The weight of a candidate that nothing speaks for or against."""
_HEADED: Final = 1.0
_PARAGRAPH: Final = 0.3
_WRAPPED: Final = -0.9
_SEPARATED: Final = 0.4
_ALONE: Final = 0.3
_BARE_LABEL: Final = -0.2
_LISTED: Final = -0.7
_ELIDED: Final = 1.5
_ELISIONS: Final = ("* * *", "* * *.", "[...]", "[…]")
_ELISION_ENDS: Final = "*.]"
_SAMPLES: Final = 400
_LINE_LONG: Final = 130
_TITLE_WRAPPED_MAX: Final = 60
_TITLE_MAX: Final = 200
_BULLETS: Final = "-•·"
_REFERENCE: Final = -1.4
_CONTENTS: Final = -0.8
_ENDS: Final = frozenset(".;:!?”\"»)]}。；：！？」』>|…*_-–—/’'’")
_HEADING_CHARACTERS_MAX: Final = 160
_LIST_MARKS: Final = ",;、，；"
_LEADERS: Final = ("....", "…", ". . .", "____")


_RANGE_RE: Final = re.compile(
    r"(?:und|bis|et|à|e|a|y|al|to|and|till|và|đến|[-–—,]) ?[0-9]{1,5}[a-z]{0,4}[.:]?(?: [^\n]{0,30})?"
)
"""A label of several numbers at once, as repealed articles have it."""


_RANGE_FIRST: Final = "ubeàaytvđ-–—,"


class Weigher:
    """Weighs the candidates of one text."""

    def __init__(self, shadow: str) -> None:
        """Looks at some lines to learn whether the text is wrapped at a width."""
        self._shadow = shadow
        self._title_characters_max = _TITLE_WRAPPED_MAX if _is_wrapped(shadow) else _TITLE_MAX

    def __call__(self, mark: Mark, rule: Rule) -> float:
        """The weight of a candidate; at or below zero it counts only if it fills a gap.

        A label in a list (a bullet before it) is more often a summary than a beginning.
        """
        shadow = self._shadow
        weight = PLAIN + self._before(mark, rule)
        if rule.keyword:
            weight += _behind(shadow, mark, closed=rule.numbering.closed)
            if mark.headed:
                weight += _HEADED
            elif shadow[mark.start] in _BULLETS:
                weight += _LISTED
        return weight

    def _before(self, mark: Mark, rule: Rule) -> float:
        """What the line before says: a paragraph's end, or a sentence that runs on."""
        shadow = self._shadow
        place = mark.start - 2
        if mark.start > 0 and shadow[mark.start - 1] != "\n":
            return 0.0
        while place > 0 and shadow[place] in " \t":
            place -= 1
        if place <= 0 or shadow[place] == "\n":
            return _PARAGRAPH
        last = shadow[place]
        if last in _ENDS:
            elided = last in _ELISION_ENDS and shadow.endswith(_ELISIONS, 0, place + 1)
            return _ELIDED if elided else 0.0
        if mark.headed:
            return 0.0
        capitals = rule.keyword and shadow[mark.start : mark.start + 3].isupper()
        line = shadow[shadow.rfind("\n", 0, place + 1) + 1 : place + 1]
        if capitals or self._is_title(line):
            return 0.0
        return _WRAPPED

    def _is_title(self, line: str) -> bool:
        """True for a line that a sentence does not run on from: a heading, a label."""
        stripped = line.strip(" \t#*_")
        if len(stripped) >= self._title_characters_max:
            return False
        bare = stripped.lstrip("0123456789. ")
        return not bare[:1].islower()


def _is_wrapped(shadow: str) -> bool:
    """True if hardly any of some lines, taken evenly from the text, is long."""
    step = max(1, len(shadow) // _SAMPLES)
    long = lines = 0
    for place in range(0, len(shadow), step):
        start = shadow.find("\n", place) + 1
        end = shadow.find("\n", start)
        if start <= 0 or end < 0:
            break
        lines += 1
        long += end - start >= _LINE_LONG
    return long * 8 < lines


def _behind(shadow: str, mark: Mark, *, closed: bool) -> float:
    """What follows the label: a heading, or a sentence in which it is a reference.

    A closed label has an end of its own (第…条), so a bracket behind it is a heading.
    """
    end = shadow.find("\n", mark.label_end)
    end = len(shadow) if end < 0 else end
    rest = shadow[mark.label_end : min(end, mark.label_end + 200)]
    tail = rest.strip(" \t*_")
    label_last = shadow[mark.label_end - 1]
    separated = label_last in ".:)。：." or (label_last in "*_" and mark.label_end > mark.start)
    separated = separated or shadow[mark.label_end - 2] == ")"
    if not tail:
        return _ALONE
    first = tail[0]
    cited = not closed and rest[0] == "(" and label_last.isalnum() and label_last.isascii()
    if first in _RANGE_FIRST and _RANGE_RE.fullmatch(tail):
        weight = 0.0
    elif any(leader in rest for leader in _LEADERS):
        weight = _CONTENTS
    elif first in _LIST_MARKS:
        weight = 0.0 if tail[1:].strip()[:1].isupper() else _REFERENCE
    elif separated:
        weight = 0.0 if first.islower() else _SEPARATED
    elif cited or first.islower():
        weight = _REFERENCE
    else:
        weight = _BARE_LABEL if len(tail) < _HEADING_CHARACTERS_MAX else 2 * _BARE_LABEL
    return weight
