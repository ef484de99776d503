"""Marking: a source text becomes units that tile it, each with its address, digest and reason."""

from __future__ import annotations

import gc
import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from cutter_agent.document.choice import Choice
from cutter_agent.document.grammar import Profile
from cutter_agent.document.hazards import hazards
from cutter_agent.document.scan import (
    Mark,
    Ranges,
    code_and_comments,
    front_matter_end,
    scan,
)
from cutter_agent.document.sequence import choose
from cutter_agent.document.text import SourceText, read_source
from cutter_agent.document.tree import build
from cutter_agent.document.units import Coverage, MarkedText, MarkFinding, Unit
from cutter_agent.errors import StopOverSize, StopRefusedInput

FINDINGS_A_CODE_MAX: Final = 200
"""More findings of one kind than this are counted, not listed."""


def mark_text(source: bytes, profile: Profile, *, code: str) -> MarkedText:
    """The source with all its units; the same bytes, profile and code give the same marks.

    Args:
        source: the document's bytes.
        profile: how documents of its kind are written.
        code: the document's code; it begins every address.

    Raises:
        StopSourceUnreadable: the bytes are no text.
        StopOverSize: nothing in the text is a unit under this profile.
        StopRefusedInput: the code cannot begin an address.
    """
    with _uncollected():
        text, marks, choice, begin = read_marks(source, profile, code=code)
        return mark_chosen(text, profile, marks, choice, begin=begin, code=code)


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage is looked for meanwhile: what marking makes has no cycles, and there is much of it."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def read_marks(
    source: bytes, profile: Profile, *, code: str
) -> tuple[SourceText, list[Mark], Choice, int]:
    """The text, all candidates, the choice among them, and the shadow position where it begins.

    Raises:
        StopSourceUnreadable: the bytes are no text.
        StopRefusedInput: the code cannot begin an address.
    """
    if not code or any(mark in code for mark in "/~ \t\n"):
        raise StopRefusedInput(
            f"the code {code!r} cannot begin an address", expected="letters, digits and dashes"
        )
    text = read_source(source)
    begin = front_matter_end(text.shadow) if profile.markdown else 1
    marks = scan(text.shadow, profile)
    closed = Ranges(code_and_comments(text.shadow) if profile.markdown else ())
    return text, marks, choose(text.shadow, marks, profile, closed, begin), begin


def mark_chosen(
    text: SourceText, profile: Profile, marks: list[Mark], choice: Choice, *, begin: int, code: str
) -> MarkedText:
    """The marks that follow from a choice among the candidates of a text; see `read_marks`.

    Raises:
        StopOverSize: nothing in the text is a unit.
    """
    source = text.source
    if not any(profile.rules[mark.rule].role == "unit" for mark in choice.accepted):
        raise StopOverSize(
            f"0 units: no line of the text begins a unit under profile {profile.name}",
            expected="at least 1 unit",
            remedy="cutter mark FILE --profile NAME",
        )
    units, findings = build(text, profile, choice, begin=begin, code=code)
    findings += hazards(text, profile, marks) + _doubts(text, choice)
    findings.sort(key=lambda finding: (finding.start, finding.code, finding.sentence))
    findings = _bounded(findings)
    digest = hashlib.sha256(source).hexdigest()
    return MarkedText(
        profile=profile.name,
        profile_sha256=profile.toml_sha256,
        source_sha256=digest,
        byte_len=len(source),
        text_sha256=digest,
        units=tuple(units),
        findings=tuple(findings),
        coverage=_coverage(units, len(source)),
    )


def _doubts(text: SourceText, choice: Choice) -> list[MarkFinding]:
    """The doubts of the choice, at their bytes."""
    doubts = sorted(choice.doubts, key=lambda doubt: doubt.start)
    offsets = text.byte_offsets([doubt.start for doubt in doubts])
    return [
        MarkFinding(doubt.code, doubt.severity, start, doubt.sentence)
        for doubt, start in zip(doubts, offsets, strict=True)
    ]


def _bounded(findings: list[MarkFinding]) -> list[MarkFinding]:
    """The findings, of each code the first ones and then one that counts the rest."""
    kept: list[MarkFinding] = []
    counts: Counter[str] = Counter()
    severities = {finding.code: finding.severity for finding in findings}
    for finding in findings:
        counts[finding.code] += 1
        if counts[finding.code] <= FINDINGS_A_CODE_MAX:
            kept.append(finding)
    last = findings[-1].start if findings else 0
    for code, count in sorted(counts.items()):
        if count > FINDINGS_A_CODE_MAX:
            more = count - FINDINGS_A_CODE_MAX
            sentence = f"{more} more findings of this kind"
            kept.append(MarkFinding(code, severities[code], last, sentence))
    return kept


def _coverage(units: list[Unit], length: int) -> Coverage:
    """Where every byte went, added up from the spans themselves."""
    candidate = excluded = aside = residue = 0
    for unit in units:
        own = 0
        for start, end in unit.own_spans:
            own += end - start
        if unit.included:
            candidate += own
        elif unit.kind == "residue":
            residue += own
        elif unit.is_content:
            excluded += own
        else:
            aside += own
    return Coverage(
        candidate_bytes=candidate,
        excluded_bytes=excluded,
        non_content_bytes=aside,
        residue_bytes=residue,
        unaccounted_bytes=length - candidate - excluded - aside - residue,
    )
