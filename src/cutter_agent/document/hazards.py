"""Characters that could deceive a reader or a pattern: each kind found becomes one finding."""

from __future__ import annotations

import re
from typing import Final

from cutter_agent.document.grammar import Profile
from cutter_agent.document.scan import Mark, scan
from cutter_agent.document.scripts import FOLDED
from cutter_agent.document.text import (
    BIDIRECTIONAL,
    INVISIBLE,
    SourceText,
    control_characters,
    count_invisible,
)
from cutter_agent.document.units import MarkFinding

_FOLDABLE_RE: Final = re.compile(f"[{re.escape(''.join(FOLDED))}]")


def hazards(text: SourceText, profile: Profile, marks: list[Mark]) -> list[MarkFinding]:
    """What the text's characters could hide, one finding for each kind and place."""
    if not text.strange:
        return _controls(text)
    findings = _controls(text)
    decoded = text.text
    bidi, first = count_invisible(decoded, BIDIRECTIONAL)
    if bidi:
        findings.append(
            MarkFinding(
                "BIDIRECTIONAL_CONTROL",
                "warning",
                _byte(decoded, first),
                f"{bidi} characters change the direction of the text, so it may read otherwise"
                " than it is stored",
            )
        )
    hidden = [mark for mark in INVISIBLE if mark not in BIDIRECTIONAL]
    body = decoded.removeprefix("\ufeff")
    count, first = count_invisible(body, hidden)
    if count:
        findings.append(
            MarkFinding(
                "INVISIBLE_CHARACTER",
                "info",
                _byte(decoded, first + len(decoded) - len(body)),
                f"{count} characters of the text have no width; patterns do not see them",
            )
        )
    return findings + _confusable(text, profile, marks)


def _controls(text: SourceText) -> list[MarkFinding]:
    count, first = control_characters(text.source)
    if not count:
        return []
    return [
        MarkFinding(
            "CONTROL_CHARACTER",
            "warning",
            first,
            f"{count} control characters stand in the text",
        )
    ]


def _confusable(text: SourceText, profile: Profile, marks: list[Mark]) -> list[MarkFinding]:
    """Labels that only look like labels: full-width digits, letters of another script."""
    folded = _fold(text.shadow)
    if folded is text.shadow:
        return []
    known = {(mark.start, mark.rule) for mark in marks}
    kinds = profile.rules
    false = [
        mark
        for mark in scan(folded, profile)
        if (mark.start, mark.rule) not in known
        and kinds[mark.rule].role == "unit"
        and kinds[mark.rule].keyword
    ]
    offsets = text.byte_offsets([mark.start for mark in false])
    return [
        MarkFinding(
            "LABEL_CONFUSABLE",
            "error",
            start,
            f"this line begins like {kinds[mark.rule].alias} {mark.num}, but with characters of"
            " another script that only look the same",
        )
        for mark, start in zip(false, offsets, strict=True)
    ]


def _fold(shadow: str) -> str:
    """The shadow with look-alikes of Latin letters and ASCII digits folded, length unchanged."""
    if _FOLDABLE_RE.search(shadow) is None:
        return shadow
    return _FOLDABLE_RE.sub(lambda found: FOLDED[found[0]], shadow)


def _byte(text: str, place: int) -> int:
    return len(text[:place].encode())
