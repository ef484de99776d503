"""Which candidates are units: the best consistent sequences, with the reason for every refusal.

Words come first (Part, Chapter, Article: the spine), each counted through its region or its
parent; then the bare numbers between two marks of the spine, from the outermost way of counting to
the innermost. Every choice is a best path, so one lost or false number costs one unit, not all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from cutter_agent.document.choice import Choice
from cutter_agent.document.contents import without_contents
from cutter_agent.document.grammar import Profile
from cutter_agent.document.quotation import Stretches, quoted_stretches
from cutter_agent.document.region import Region
from cutter_agent.document.scan import Mark, Ranges
from cutter_agent.document.weights import Weigher

REGION_WEIGHT_MIN: Final = 0.5


def choose(
    shadow: str, marks: Sequence[Mark], profile: Profile, closed: Ranges, begin: int
) -> Choice:
    """The candidates that count, from shadow position `begin` on.

    Args:
        shadow: the text as patterns see it.
        marks: all candidates, in order of the text.
        profile: the profile that found them.
        closed: where none may count: code and comments.
        begin: the shadow position where the text begins.
    """
    choice = Choice()
    weigher = Weigher(shadow)
    quoted = Stretches(quoted_stretches(shadow, profile.quotes))
    free: list[Mark] = []
    for mark in marks:
        if mark.quote or closed or mark.start < begin:
            reason = _outside(mark, profile, closed, begin)
            if reason:
                choice.refuse(mark, reason)
                continue
        free.append(mark)
    free = _without_tail(weigher, free, profile, choice)
    free = without_contents(weigher, free, profile, choice)
    for region in _regions(weigher, free, profile, choice):
        Region(shadow, weigher, profile, region, choice, quoted).run()
    choice.settle(profile)
    return choice


def _outside(mark: Mark, profile: Profile, closed: Ranges, begin: int) -> str:
    if mark.start < begin:
        return "before the text begins"
    if mark.quote and (profile.quotes or not profile.rules[mark.rule].headed):
        return "stands behind a quotation mark"
    return closed.reason_at(mark.start)


def _without_tail(
    weigher: Weigher, marks: list[Mark], profile: Profile, choice: Choice
) -> list[Mark]:
    """The marks up to the first zone that ends the content wherever it stands."""
    for index, mark in enumerate(marks):
        rule = profile.rules[mark.rule]
        ends = rule.role == "zone" and rule.place == "anywhere"
        if ends and weigher(mark, rule) > 0:
            choice.accept(mark)
            for later in marks[index + 1 :]:
                choice.refuse(later, "behind the end of the content")
            return marks[:index]
    return marks


def _regions(
    weigher: Weigher, marks: list[Mark], profile: Profile, choice: Choice
) -> Iterable[list[Mark]]:
    """The marks, split where an attached text begins whose numbers start anew."""
    region: list[Mark] = []
    for mark in marks:
        rule = profile.rules[mark.rule]
        if rule.region == "all":
            if weigher(mark, rule) < REGION_WEIGHT_MIN:
                choice.refuse(mark, "a reference to an attached text, not its beginning")
                continue
            yield region
            region = []
            choice.accept(mark)
            continue
        region.append(mark)
    yield region
