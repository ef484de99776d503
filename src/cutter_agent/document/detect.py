"""Which profile fits a text: every profile marks a sample of it, and the best account wins.

A profile earns by the share of the text that its units cover, by how many and how different its
units are, and by its own words in the text; it loses by errors. General profiles earn less.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cutter_agent.document.grammar import Profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.units import MarkedText
from cutter_agent.errors import StopOverSize

SAMPLE_BYTES_MAX: Final = 400_000
_ENOUGH_UNITS: Final = 12
_HINT: Final = 0.05
_HINTS_MAX: Final = 4
_KIND: Final = 0.04
_STRANGE: Final = 0.5
_HEADLESS: Final = 0.5
_HEADINGS_MIN: Final = 3
_HEADING_RE: Final = re.compile(rb"^[ ]{0,3}#{1,6}[ \t]", re.MULTILINE)
_CODE: Final = "SAMPLE"


@dataclass(frozen=True, slots=True)
class ProfileScore:
    """How well one profile accounts for a text.

    Attributes:
        name: the profile.
        score: 0 where nothing fits, about 1 where all does.
        reason: why, in words.
    """

    name: str
    score: float
    reason: str


def score_profiles(source: bytes, profiles: Sequence[Profile]) -> list[ProfileScore]:
    """Every profile's score for this text, the best first; equals in order of their names.

    Raises:
        StopSourceUnreadable: the bytes are no text.
    """
    sample = _sample(source)
    scores = [_score(sample, profile) for profile in profiles]
    return sorted(scores, key=lambda score: (-score.score, score.name))


def best_profile(source: bytes, profiles: Sequence[Profile]) -> tuple[Profile, list[ProfileScore]]:
    """The profile that fits best, and all scores.

    Raises:
        StopSourceUnreadable: the bytes are no text.
        StopOverSize: no profile finds a unit in it.
    """
    scores = score_profiles(source, profiles)
    if not scores or scores[0].score <= 0:
        raise StopOverSize(
            "0 units: no profile finds a unit in this text",
            expected="a text that one of the profiles describes",
            remedy="cutter mark FILE --profile NAME",
        )
    return next(item for item in profiles if item.name == scores[0].name), scores


def _sample(source: bytes) -> bytes:
    if len(source) <= SAMPLE_BYTES_MAX:
        return source
    end = source.rfind(b"\n", 0, SAMPLE_BYTES_MAX)
    cut = end + 1 if end > 0 else SAMPLE_BYTES_MAX
    while cut < len(source) and source[cut] & 0xC0 == 0x80:  # noqa: PLR2004 -- UTF-8 continuation
        cut += 1
    return source[:cut]


def _score(sample: bytes, profile: Profile) -> ProfileScore:
    try:
        marked = mark_text(sample, profile, code=_CODE)
    except StopOverSize:
        return ProfileScore(profile.name, 0.0, "finds no unit")
    units = len(marked.candidates)
    if not units:
        return ProfileScore(profile.name, 0.0, "every unit is left out by its status")
    share = marked.coverage.candidate_bytes / max(1, marked.byte_len)
    kinds = Counter(unit.alias for unit in marked.candidates)
    text = sample.decode("utf-8", "replace")
    hints = sum(1 for hint in profile.hints if hint in text)
    enough = min(1.0, (units + 2) / _ENOUGH_UNITS)
    doubts = len(marked.findings) - sum(f.severity == "info" for f in marked.findings)
    score = share * (0.4 + 0.6 * enough) * profile.specificity / 100
    score *= 1 + _KIND * min(len(kinds), 6) + _HINT * min(hints, _HINTS_MAX)
    score *= 1 - 0.5 * min(1.0, 4 * doubts / units)
    score *= _STRANGE if profile.hints and not hints else 1.0
    articles = any(rule.kind == "article" and rule.role == "unit" for rule in profile.rules)
    score *= _HEADLESS if articles and not any(u.kind == "article" for u in marked.units) else 1.0
    score *= _heading_recall(sample, marked)
    return ProfileScore(profile.name, round(score, 4), _reason(marked, kinds, share, doubts))


def _heading_recall(sample: bytes, marked: MarkedText) -> float:
    """Less than 1 where a Markdown text has headings that begin no unit."""
    headings = _HEADING_RE.findall(sample)
    if len(headings) < _HEADINGS_MIN:
        return 1.0
    begun = sum(
        1
        for unit in marked.units
        if unit.is_content and sample[unit.start : unit.start + 8].lstrip(b" \t").startswith(b"#")
    )
    return 0.5 + 0.5 * min(1.0, begun / len(headings))


def _reason(marked: MarkedText, kinds: Counter[str], share: float, doubts: int) -> str:
    named = ", ".join(f"{count} {alias}" for alias, count in kinds.most_common(4))
    return (
        f"{named}; they cover {share:.0%} of the text; {doubts} doubts"
        f" among {len(marked.candidates)} units"
    )
