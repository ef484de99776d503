"""How much the text around a candidate speaks for it: the line before, the label, what follows."""

from __future__ import annotations

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
_BULLETS: Final = "-•·"
_REFERENCE: Final = -1.4
_CONTENTS: Final = -0.8
_ENDS: Final = frozenset(".;:!?”\"»)]}。；：！？」』>|…*_-–—/’'’")
_TITLE_CHARACTERS_MAX: Final = 60
_HEADING_CHARACTERS_MAX: Final = 160
_LIST_MARKS: Final = ",;、，；"
_LEADERS: Final = ("....", "…", ". . .", "____")


def weigh(shadow: str, mark: Mark, rule: Rule) -> float:
    """The weight of a candidate; at or below zero it counts only if it fills a gap.

    A label in a list (a bullet before it) is more often a summary than a beginning.

    Args:
        shadow: the text as patterns see it.
        mark: the candidate.
        rule: its rule.
    """
    weight = PLAIN + _before(shadow, mark)
    if rule.keyword:
        weight += _behind(shadow, mark)
        if mark.headed:
            weight += _HEADED
        elif shadow[mark.start] in _BULLETS:
            weight += _LISTED
    return weight


def _before(shadow: str, mark: Mark) -> float:
    """What the line before says: a paragraph's end, or a sentence that runs on."""
    place = mark.start - 2
    if mark.start > 0 and shadow[mark.start - 1] != "\n":
        return 0.0
    while place > 0 and shadow[place] in " \t":
        place -= 1
    if place <= 0 or shadow[place] == "\n":
        return _PARAGRAPH
    last = shadow[place]
    if last in _ENDS:
        return 0.0
    if mark.headed:
        return 0.0
    line = shadow[shadow.rfind("\n", 0, place + 1) + 1 : place + 1]
    if _is_title(line):
        return 0.0
    return _WRAPPED


def _is_title(line: str) -> bool:
    """True for a line that a sentence does not run on from: a heading in capitals, a label."""
    stripped = line.strip(" \t#*_")
    return len(stripped) < _TITLE_CHARACTERS_MAX and (stripped.isupper() or stripped[:1].isupper())


def _behind(shadow: str, mark: Mark) -> float:
    """What follows the label: a heading, or a sentence in which it is a reference."""
    end = shadow.find("\n", mark.label_end)
    end = len(shadow) if end < 0 else end
    rest = shadow[mark.label_end : min(end, mark.label_end + 200)]
    tail = rest.strip(" \t*_")
    label_last = shadow[mark.label_end - 1]
    separated = label_last in ".:)。：." or (label_last in "*_" and mark.label_end > mark.start)
    if not tail:
        return _ALONE
    first = tail[0]
    if any(leader in rest for leader in _LEADERS):
        return _CONTENTS
    if first in _LIST_MARKS:
        return 0.0 if tail[1:].strip()[:1].isupper() else _REFERENCE
    if separated:
        return _SEPARATED if not first.islower() else 0.0
    if first.islower():
        return _REFERENCE
    return _BARE_LABEL if len(tail) < _HEADING_CHARACTERS_MAX else 2 * _BARE_LABEL
