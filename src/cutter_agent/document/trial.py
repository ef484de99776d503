"""A profile tried on a text: what each rule matched, what became of it and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from cutter_agent.document.choice import Choice
from cutter_agent.document.grammar import Profile
from cutter_agent.document.marks import mark_chosen, read_marks
from cutter_agent.document.scan import Mark
from cutter_agent.document.text import SourceText
from cutter_agent.document.units import MarkedText
from cutter_agent.errors import StopOverSize

TEXT_CHARACTERS_MAX = 160
_NO_WORD = "another reading of the text left it out"


@dataclass(frozen=True, slots=True)
class Match:
    """One place where a rule matched.

    Attributes:
        rule: the name of the rule that matched.
        line: its line in the text, counted from 1.
        start: the byte where it begins.
        num: its number as printed, or "".
        text: the beginning of what stands there.
        taken_as: the name of the rule under which it counts, or "" where it was refused.
        reason: why it was refused, or "".
    """

    rule: str
    line: int
    start: int
    num: str
    text: str
    taken_as: str
    reason: str


@dataclass(frozen=True, slots=True)
class RuleTrial:
    """What one rule of a profile did in a text.

    Attributes:
        rule: its name.
        kind: the kind of its units.
        matched: how many places it matched first.
        taken: how many of all candidates became its units, headers or zones.
        refused: how many of its matches were refused, by reason, the most frequent first.
    """

    rule: str
    kind: str
    matched: int
    taken: int
    refused: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Trial:
    """A profile tried on a text.

    Attributes:
        rules: one record for each rule, in order of the profile.
        matches: every place that a rule matched, in order of the text.
        marked: the marks that a cut would have, or None where the text has no unit.
        why_none: why there are no marks, or "".
    """

    rules: tuple[RuleTrial, ...]
    matches: tuple[Match, ...]
    marked: MarkedText | None
    why_none: str


def try_profile(source: bytes, profile: Profile, *, code: str) -> Trial:
    """What each rule of the profile matched in this text, and the marks that come of it.

    Raises:
        StopSourceUnreadable: the bytes are no text.
        StopRefusedInput: the code cannot begin an address.
    """
    text, marks, choice, begin = read_marks(source, profile, code=code)
    matches = _matches(text, profile, marks, choice)
    why_none = ""
    try:
        marked = mark_chosen(text, profile, marks, choice, begin=begin, code=code)
    except StopOverSize as stop:
        marked, why_none = None, stop.fact
    return Trial(
        rules=_rules(profile, matches), matches=tuple(matches), marked=marked, why_none=why_none
    )


def _matches(text: SourceText, profile: Profile, marks: list[Mark], choice: Choice) -> list[Match]:
    names = [rule.name for rule in profile.rules]
    taken = {mark.start: mark for mark in choice.accepted}
    reasons = {mark.start: reason for mark, reason in choice.refused}
    shadow = text.shadow
    starts = text.byte_offsets([mark.start for mark in marks])
    matches: list[Match] = []
    line = last = 0
    for mark, start in zip(marks, starts, strict=True):
        line += shadow.count("\n", last, mark.start)
        last = mark.start
        stop = shadow.find("\n", mark.start, mark.start + TEXT_CHARACTERS_MAX)
        counted = taken.get(mark.start)
        matches.append(
            Match(
                rule=names[mark.rule],
                line=line,
                start=start,
                num=mark.num,
                text=shadow[mark.start : stop if stop >= 0 else mark.start + TEXT_CHARACTERS_MAX],
                taken_as="" if counted is None else names[counted.rule],
                reason="" if counted is not None else reasons.get(mark.start, _NO_WORD),
            )
        )
    return matches


def _rules(profile: Profile, matches: list[Match]) -> tuple[RuleTrial, ...]:
    matched = Counter(match.rule for match in matches)
    taken = Counter(match.taken_as for match in matches if match.taken_as)
    refused: dict[str, Counter[str]] = {}
    for match in matches:
        if match.reason:
            refused.setdefault(match.rule, Counter())[match.reason] += 1
    return tuple(
        RuleTrial(
            rule=rule.name,
            kind=rule.kind,
            matched=matched[rule.name],
            taken=taken[rule.name],
            refused=tuple(refused.get(rule.name, Counter[str]()).most_common()),
        )
        for rule in profile.rules
    )
