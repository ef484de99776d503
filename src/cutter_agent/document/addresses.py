"""How units are called: parts of addresses and of eids, bounded in length."""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Final, NamedTuple

from cutter_agent.document.grammar import Rule
from cutter_agent.document.printed_number import address_number, sort_key
from cutter_agent.document.scan import Mark
from cutter_agent.document.units import EID_PREFIXES

SLUG_CHARACTERS_MAX: Final = 80
ADDRESS_BYTES_MAX: Final = 900
"""Readers of addresses take up to 1,000 bytes; what is longer is cut before."""
SHORT_CHARACTERS_MAX: Final = ADDRESS_BYTES_MAX // 4
"""An address of so few characters has no more bytes than it may."""
_SLUG_RE: Final = re.compile(r"[\W_]+")


class Label(NamedTuple):
    """How a number under a rule reads in an address, an eid and a sorted list."""

    part: str
    eid: str
    sort_key: str


def label_of(mark: Mark, rule: Rule) -> Label:
    """How the mark's number reads."""
    number = address_number(mark.num, mark.rank, rule.numbering) if mark.num else ""
    prefix = EID_PREFIXES.get(rule.kind, rule.kind)
    return Label(
        part=f"{rule.token}-{number}" if number else rule.token,
        eid=f"{prefix}_{number}" if number else prefix,
        sort_key=sort_key(mark.num, mark.rank) if mark.num else "",
    )


def bounded(address: str, code: str) -> str:
    """The address, or for one that is too long its last part with the digest of the whole."""
    if len(address.encode()) <= ADDRESS_BYTES_MAX:
        return address
    digest = sha256(address.encode()).hexdigest()[:16]
    return f"{code}/{address.rpartition('/')[2]}-{digest}"


def slug_of(heading: str) -> str:
    """The heading as an address part; a long one is cut and carries its digest."""
    slug = _SLUG_RE.sub("-", heading.casefold()).strip("-")
    if len(slug) > SLUG_CHARACTERS_MAX:
        digest = sha256(slug.encode()).hexdigest()[:8]
        slug = f"{slug[:SLUG_CHARACTERS_MAX].rstrip('-')}-{digest}"
    return slug or "untitled"
