"""The status cascade: the document's default, what a header above says, what the unit itself says.

The nearer one wins. Under scope enacted_only every unit that is not enacted is left out, with the
tier that decided.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cutter_agent.document.grammar import StatusRules
from cutter_agent.document.units import MarkFinding

ENACTED: Final = "enacted"
UNKNOWN: Final = "unknown"
_LINES_MAX: Final = 4
_BRACKETS_RE: Final = re.compile(r"[\[({【]([^\[\](){}【】\n]{1,60})[\])}】]")
_DECORATION: Final = " \t>*_|`.-\"'"


@dataclass(frozen=True, slots=True)
class Said:
    """A status that was told at one place.

    Attributes:
        status: the status, UNKNOWN where the word is not in the profile.
        word: the word that told it.
        tier: document, header or unit.
    """

    status: str
    word: str
    tier: str


_TIERS: Final = {
    "document": "document default (tier 1)",
    "header": "header above (tier 2)",
    "unit": "explicit marker on the unit (tier 3)",
}


def heading_status(heading: str, rules: StatusRules) -> tuple[str, str]:
    """The status that a heading's brackets tell and its word, or two empty texts."""
    for found in _BRACKETS_RE.finditer(heading):
        key, separator, word = found[1].partition(":")
        if separator and key.strip().casefold() in rules.keys:
            return rules.words.get(_plain(word), UNKNOWN), word.strip()
        status = rules.words.get(_plain(found[1]))
        if status is not None:
            return status, found[1].strip()
    return "", ""


def without_status(heading: str, rules: StatusRules) -> str:
    """The heading without its status marker."""

    def keep(found: re.Match[str]) -> str:
        return "" if heading_status(found[0], rules)[0] else found[0]

    return _BRACKETS_RE.sub(keep, heading).strip(" \t-–—*_")


def field_status(lines: str, rules: StatusRules, *, limit: int = _LINES_MAX) -> tuple[str, str]:
    """The status that a `status: …` line among the first lines tells, or two empty texts."""
    for line in lines.split("\n", limit)[:limit]:
        key, separator, word = line.strip(_DECORATION).partition(":")
        if separator and key.strip(_DECORATION).casefold() in rules.keys:
            return rules.words.get(_plain(word), UNKNOWN), word.strip(_DECORATION)
    return "", ""


def _plain(word: str) -> str:
    return " ".join(word.strip(_DECORATION + ";,").casefold().split())


def cascade(
    parents: Sequence[int],
    said: Sequence[tuple[str, str]],
    document: tuple[str, str],
    rules: StatusRules,
) -> list[Said]:
    """The status of every node, given its parent's index (-1 at the top) and its own words."""
    status, word = document
    top = Said(status, word, "document") if status else Said(rules.default, "", "document")
    result: list[Said] = []
    for parent, (own, own_word) in zip(parents, said, strict=True):
        if own:
            result.append(Said(own, own_word, "unit"))
        elif parent < 0:
            result.append(top)
        else:
            above = result[parent]
            tier = "header" if above.tier == "unit" else above.tier
            result.append(Said(above.status, above.word, tier))
    return result


def judge(said: Said, rules: StatusRules) -> tuple[bool, str]:
    """Whether a unit of this status is included, and the reason in words."""
    told = f" says {said.word!r}" if said.word else ""
    reason = f"status {said.status}: {_TIERS[said.tier]}{told}"
    if rules.scope != "enacted_only":
        return True, f"{reason}; scope all"
    included = said.status == ENACTED
    return included, reason if included else f"{reason}; scope enacted_only leaves it out"


def unknown_findings(places: Sequence[tuple[int, str]]) -> list[MarkFinding]:
    """One warning for each status word that the profile does not know."""
    return [
        MarkFinding(
            "STATUS_UNKNOWN",
            "warning",
            start,
            f"the status {word!r} is not known to the profile, so what it governs is left out",
        )
        for start, word in places
    ]
