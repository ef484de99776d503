"""What a marked text is made of: units whose own spans tile the source, findings, coverage.

Every byte of the source belongs to exactly one unit: the own spans of all units, sorted, are
[0, byte_len). Stretches that are no content (preface, group headers, tails, residue) are units
too, never included, with addresses that start with a tilde segment so that they cannot meet the
address of content.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

KINDS: Final[frozenset[str]] = frozenset(
    {
        "document",
        "preface",
        "preamble",
        "recital",
        "book",
        "part",
        "title",
        "chapter",
        "section",
        "subsection",
        "article",
        "paragraph",
        "point",
        "indent",
        "principle",
        "annex",
        "table",
        "row",
        "footnote",
        "quoted",
        "signature",
        "non_content",
        "residue",
    }
)
"""The closed core of kinds; what a country calls them is the unit's alias."""

EID_PREFIXES: Final[dict[str, str]] = {
    "article": "art",
    "chapter": "chp",
    "paragraph": "para",
    "recital": "rec",
    "section": "sec",
    "subsection": "subsec",
    "annex": "annex",
    "non_content": "nc",
}
"""Akoma Ntoso element prefixes that differ from the kind's own name (AKN-NC 1.0 §5.4)."""


class Unit(NamedTuple):
    """One unit of a marked text.

    Attributes:
        address: `<code>/<token>-<number>…`, stable over versions; content addresses never hold `~`.
        eid: the readable id of this version, in Akoma Ntoso naming.
        kind: one of KINDS.
        level: nesting depth in the tree, 1 at the top.
        num: the number as the source prints it (normalised to NFC), or "".
        num_key: the number in a form that sorts as the law counts.
        heading: the unit's heading, without its number, or "".
        alias: what the profile calls this kind (DIEU, Khoản, §).
        start: first byte of the unit with everything under it.
        end: byte after the last one of the unit with everything under it.
        own_spans: the unit's own bytes, without its children, as ascending [start, end) pairs.
        parent: address of the nearest included ancestor, or None.
        ordinal: 1-based place among the siblings.
        text_sha256: digest of the own bytes.
        subtree_sha256: digest over the own digest and those of the children, in order.
        status: the status that the cascade gave, or "" where none applies.
        included: True if the unit is a candidate for the cut.
        reason: why it is included, excluded or no content.
    """

    address: str
    eid: str
    kind: str
    level: int
    num: str
    num_key: str
    heading: str
    alias: str
    start: int
    end: int
    own_spans: tuple[tuple[int, int], ...]
    parent: str | None
    ordinal: int
    text_sha256: str
    subtree_sha256: str
    status: str
    included: bool
    reason: str

    @property
    def attributes(self) -> tuple[tuple[str, str], ...]:
        """The attributes that are part of the unit's identity: alias, heading, num."""
        return (("alias", self.alias), ("heading", self.heading), ("num", self.num))

    @property
    def is_content(self) -> bool:
        """True for a unit of the text itself, included or left out by status."""
        return "/~" not in self.address


@dataclass(frozen=True, slots=True)
class MarkFinding:
    """One thing about the marks that a reader should know.

    Attributes:
        code: what it is, in capitals.
        severity: info, warning or error; an error fails the gate.
        start: the byte where it is.
        sentence: the finding in words.
    """

    code: str
    severity: str
    start: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """Where every byte of the source went; unaccounted is 0 or the coverage is not closed."""

    candidate_bytes: int
    excluded_bytes: int
    non_content_bytes: int
    residue_bytes: int
    unaccounted_bytes: int


@dataclass(frozen=True, slots=True)
class MarkedText:
    """A source text with all its units, in document order.

    Attributes:
        profile: name of the profile that marked it.
        profile_sha256: digest of the profile's TOML bytes.
        source_sha256: digest of the source bytes.
        byte_len: length of the text in bytes.
        text_sha256: digest of the text that the offsets count in (the source itself here).
        units: every unit, in document order.
        findings: everything a reader should know, by position.
        coverage: where every byte went.
    """

    profile: str
    profile_sha256: str
    source_sha256: str
    byte_len: int
    text_sha256: str
    units: tuple[Unit, ...]
    findings: tuple[MarkFinding, ...]
    coverage: Coverage

    @property
    def candidates(self) -> tuple[Unit, ...]:
        """The included units, in document order: the leaves of the manifest."""
        return tuple(unit for unit in self.units if unit.included)

    @property
    def excluded(self) -> tuple[Unit, ...]:
        """The units of content that their status leaves out."""
        return tuple(unit for unit in self.units if not unit.included and unit.is_content)

    @property
    def errors(self) -> tuple[MarkFinding, ...]:
        """The findings that must fail the gate."""
        return tuple(finding for finding in self.findings if finding.severity == "error")
