"""A profile tried on a text: what each rule matched, what became of it and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final

from cutter_agent.document.grammar import Profile
from cutter_agent.document.scan import Ranges, code_and_comments, front_matter_end, scan
from cutter_agent.document.sequence import choose
from cutter_agent.document.text import read_source

SAMPLES_MAX: Final = 3
SAMPLE_CHARACTERS_MAX: Final = 80


@dataclass(frozen=True, slots=True)
class RuleTrial:
    """What one rule of a profile did in a text.

    Attributes:
        rule: its name.
        matched: how many lines it matched first.
        accepted: how many of all candidates became its units, headers or zones.
        refused: how many of its candidates were refused, by reason, the most frequent first.
        samples: the beginnings of some accepted lines.
    """

    rule: str
    matched: int
    accepted: int
    refused: tuple[tuple[str, int], ...]
    samples: tuple[str, ...]


def try_profile(source: bytes, profile: Profile) -> tuple[RuleTrial, ...]:
    """What each rule of the profile matched in this text, in order of the rules.

    Raises:
        StopSourceUnreadable: the bytes are no text.
    """
    text = read_source(source)
    shadow = text.shadow
    marks = scan(shadow, profile)
    begin = front_matter_end(shadow) if profile.markdown else 1
    closed = Ranges(code_and_comments(shadow) if profile.markdown else ())
    choice = choose(shadow, marks, profile, closed, begin)
    matched = Counter(mark.rule for mark in marks)
    trials: list[RuleTrial] = []
    for index, rule in enumerate(profile.rules):
        accepted = [mark for mark in choice.accepted if mark.rule == index]
        reasons = Counter(reason for mark, reason in choice.refused if mark.rule == index)
        samples = tuple(
            shadow[mark.start : mark.start + SAMPLE_CHARACTERS_MAX].partition("\n")[0]
            for mark in accepted[:SAMPLES_MAX]
        )
        trials.append(
            RuleTrial(
                rule=rule.name,
                matched=matched[index],
                accepted=len(accepted),
                refused=tuple(reasons.most_common()),
                samples=samples,
            )
        )
    return tuple(trials)
