"""Which candidates are units: the best consistent sequence, with the reason for every refusal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from cutter_agent.document.grammar import Profile, Rule
from cutter_agent.document.numbering import SUB_MAX
from cutter_agent.document.scan import Mark, Ranges


@dataclass(slots=True)
class Choice:
    """The candidates that count, and how many were refused for which reason.

    Attributes:
        accepted: the marks of units, group headers and zones, in order of the text.
        refused: refused marks with the reason.
    """

    accepted: list[Mark] = field(default_factory=list)
    refused: list[tuple[Mark, str]] = field(default_factory=list)

    @property
    def reasons(self) -> Counter[str]:
        """How often each reason was given."""
        return Counter(reason for _, reason in self.refused)


def choose(marks: list[Mark], profile: Profile, closed: Ranges, begin: int) -> Choice:
    """The candidates that count, from shadow position `begin` on.

    Args:
        marks: all candidates, in order of the text.
        profile: the profile that found them.
        closed: where none may count: code, comments, quotations.
        begin: the shadow position where the text begins.
    """
    choice = Choice()
    rules = profile.rules
    stack: list[Mark] = []
    last: dict[tuple[int, int], int] = {}
    zone = False
    for mark in marks:
        rule = rules[mark.rule]
        reason = _refusal(mark, rule, profile, closed, begin, zone=zone)
        if not reason:
            while stack and stack[-1].level >= mark.level:
                stack.pop()
            reason = _misplaced(mark, rule, rules, stack, last)
        if reason:
            choice.refused.append((mark, reason))
            continue
        choice.accepted.append(mark)
        zone = zone or rule.role == "zone"
        if rule.chain == "parent" and not rule.keyword:
            above = stack[-1].start if stack else -1
            last[above, mark.rule] = mark.rank
        stack.append(mark)
    return choice


def _refusal(
    mark: Mark, rule: Rule, profile: Profile, closed: Ranges, begin: int, *, zone: bool
) -> str:
    if mark.start < begin:
        return "before the text begins"
    if zone:
        return "behind the end of the content"
    if mark.quote and profile.quotes:
        return "opens a quotation"
    if mark.quote and not rule.headed:
        return "stands behind a quotation mark"
    return closed.reason_at(mark.start)


def _misplaced(
    mark: Mark,
    rule: Rule,
    rules: tuple[Rule, ...],
    stack: list[Mark],
    last: dict[tuple[int, int], int],
) -> str:
    if rule.role == "group" and any(rules[above.rule].role == "unit" for above in stack):
        return "a header inside a unit belongs to the unit"
    if rule.keyword or rule.chain != "parent" or not rule.numbering.pattern:
        return ""
    if not any(rules[above.rule].keyword for above in stack):
        return "a bare number with nothing above it"
    before = last.get((stack[-1].start, mark.rule), 0)
    if mark.rank // SUB_MAX not in (before // SUB_MAX, before // SUB_MAX + 1) or (
        mark.rank <= before
    ):
        return "its number does not follow"
    return ""
