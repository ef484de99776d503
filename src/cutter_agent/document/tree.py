"""From accepted marks to units: nesting, own spans, addresses, digests, status and findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import pairwise
from typing import Final

from cutter_agent.document.addresses import SHORT_CHARACTERS_MAX, Label, bounded, label_of, slug_of
from cutter_agent.document.choice import Choice
from cutter_agent.document.grammar import Profile, Rule, StatusRules
from cutter_agent.document.printed_number import sort_key
from cutter_agent.document.scan import Mark, heading_of
from cutter_agent.document.status import (
    UNKNOWN,
    cascade,
    field_status,
    heading_status,
    judge,
    unknown_findings,
    without_status,
)
from cutter_agent.document.text import SourceText
from cutter_agent.document.units import EID_PREFIXES, MarkFinding, Unit

_new: Final = tuple.__new__
_LEAF_ROLES: Final = ("zone", "contents")
"""What closes everything above it and holds nothing."""


@dataclass(slots=True)
class _Stretches:
    """The stretches of the text on their way to units, one list for each thing known of them."""

    starts: list[int]
    marks: list[Mark | None]
    rules: list[Rule | None]
    roles: list[str]
    parents: list[int]
    ends: list[int]
    """The index behind the last stretch below."""
    headings: list[str]
    addresses: list[str]
    eids: list[str]


def build(
    text: SourceText, profile: Profile, choice: Choice, *, begin: int, code: str
) -> tuple[list[Unit], list[MarkFinding]]:
    """All units of the text in document order, and what a reader should know about them."""
    stretches = _stretches(profile, choice.accepted, begin)
    _nest(stretches)
    labels = _name(stretches, text.shadow, profile, code, frozenset(choice.scoped))
    edges = [*text.byte_offsets(stretches.starts), len(text.source)]
    edges[0] = 0
    statuses, findings = _statuses(stretches, text.shadow, profile, edges)
    units = _units(stretches, edges, text.source, statuses, labels)
    return units, findings + _collisions(units) + _idle_groups(stretches, units)


def _stretches(profile: Profile, marks: Sequence[Mark], begin: int) -> _Stretches:
    """The stretches of the text: front matter, preface, then one for each accepted mark."""
    early: list[tuple[int, str]] = []
    if begin > 1:
        early.append((1, "front"))
    if begin < marks[0].start:
        early.append((begin, "preface"))
    rules = profile.rules
    found = [rules[mark.rule] for mark in marks]
    none: list[None] = [None] * len(early)
    count = len(early) + len(marks)
    return _Stretches(
        starts=[start for start, _ in early] + [mark.start for mark in marks],
        marks=[*none, *marks],
        rules=[*none, *found],
        roles=[role for _, role in early] + [rule.role for rule in found],
        parents=[-1] * count,
        ends=[0] * count,
        headings=[""] * count,
        addresses=[""] * count,
        eids=[""] * count,
    )


def _nest(stretches: _Stretches) -> None:
    """Gives every stretch its parent and the index behind its last descendant."""
    parents, ends = stretches.parents, stretches.ends
    levels = [mark.level if mark is not None else 0 for mark in stretches.marks]
    closed = [
        mark is None or role in _LEAF_ROLES
        for mark, role in zip(stretches.marks, stretches.roles, strict=True)
    ]
    stack: list[int] = []
    for index, level in enumerate(levels):
        alone = closed[index]
        while stack:
            top = stack[-1]
            if not alone and not closed[top] and levels[top] < level:
                break
            ends[top] = index
            stack.pop()
        if stack:
            parents[index] = stack[-1]
        stack.append(index)
    for index in stack:
        ends[index] = len(levels)


def _name(
    stretches: _Stretches, shadow: str, profile: Profile, code: str, scoped: frozenset[int]
) -> dict[tuple[int, str, int], Label]:
    """Gives every stretch its heading, address and eid; answers with all labels."""
    labels: dict[tuple[int, str, int], Label] = {}
    headings, addresses, eids = stretches.headings, stretches.addresses, stretches.eids
    limits = [*stretches.starts[1:], len(shadow)]
    nearby = _Above(stretches)
    aside = 0
    for index, (mark, rule) in enumerate(zip(stretches.marks, stretches.rules, strict=True)):
        if rule is None or mark is None:
            role = stretches.roles[index]
            addresses[index], eids[index] = f"{code}/~{role}", role
            continue
        if rule.heading != "none":
            next_line = rule.heading == "next"
            headings[index] = heading_of(shadow, mark, next_line=next_line, limit=limits[index])
        if rule.role != "unit":
            aside += 1
            addresses[index] = f"{code}/~{rule.name}-{aside}"
            eids[index] = f"{EID_PREFIXES.get(rule.kind, rule.kind)}_x{aside}"
            continue
        key = (mark.rule, mark.num, mark.rank)
        label = labels.get(key)
        if label is None:
            label = labels[key] = label_of(mark, rule)
        part, eid = label.part, label.eid
        if not rule.token:
            part = slug_of(_bare_heading(headings[index], profile.status))
            eid = f"{EID_PREFIXES.get(rule.kind, rule.kind)}_{part}"
        close = rule.chain == "parent" or not rule.token or mark.rule in scoped
        above = nearby.unit(index) if close else nearby.region(index)
        if above < 0:
            addresses[index], eids[index] = f"{code}/{part}", eid
        else:
            address = f"{addresses[above]}/{part}"
            addresses[index] = (
                address if len(address) < SHORT_CHARACTERS_MAX else bounded(address, code)
            )
            eids[index] = f"{eids[above]}__{eid}"
    return labels


def _bare_heading(heading: str, status: StatusRules) -> str:
    """The heading without a status that it tells."""
    return without_status(heading, status) if heading and status.words else heading


class _Above:
    """The units above a stretch."""

    def __init__(self, stretches: _Stretches) -> None:
        self._parents = stretches.parents
        self._roles = stretches.roles
        self._rules = stretches.rules

    def unit(self, index: int) -> int:
        """The nearest unit above, or -1."""
        parents, roles = self._parents, self._roles
        above = parents[index]
        while above >= 0 and roles[above] != "unit":
            above = parents[above]
        return above

    def region(self, index: int) -> int:
        """The nearest unit above in which numbers start anew, or -1."""
        above = self._parents[index]
        while above >= 0:
            rule = self._rules[above]
            if rule is not None and rule.region and rule.role == "unit":
                return above
            above = self._parents[above]
        return above


def _statuses(
    stretches: _Stretches, shadow: str, profile: Profile, edges: list[int]
) -> tuple[list[tuple[str, bool, str]], list[MarkFinding]]:
    """For every stretch its status, whether it is included, and the reason."""
    rules = profile.status
    plain = [
        _plain_reason(role, rule)
        for role, rule in zip(stretches.roles, stretches.rules, strict=True)
    ]
    if not rules.words:
        return plain, []
    said: list[tuple[str, str]] = []
    document = ("", "")
    unknown: list[tuple[int, str]] = []
    stops = [*stretches.starts[1:], len(shadow)]
    for index, (mark, stop) in enumerate(zip(stretches.marks, stops, strict=True)):
        start, heading = stretches.starts[index], stretches.headings[index]
        if mark is None:
            lines = shadow[start : min(stop, start + 65_536)]
            told = field_status(lines, rules, limit=200)
            document = document if document[0] else told
            own = ("", "")
        else:
            told = own = heading_status(heading, rules)
            if not own[0]:
                behind = shadow.find("\n", mark.label_end, stop)
                lines = shadow[behind + 1 : min(stop, behind + 1000)] if behind >= 0 else ""
                told = own = field_status(lines, rules)
            stretches.headings[index] = without_status(heading, rules)
        if told[0] == UNKNOWN:
            unknown.append((edges[index], told[1]))
        said.append(own)
    cascaded = cascade(stretches.parents, said, document, rules)
    result: list[tuple[str, bool, str]] = []
    for role, one, other in zip(stretches.roles, cascaded, plain, strict=True):
        if role == "unit":
            included, reason = judge(one, rules)
            result.append((one.status, included, reason))
        else:
            result.append((one.status if role == "group" else "", *other[1:]))
    return result, unknown_findings(unknown)


_REASONS: Final = {
    "front": "the header of the file, not of the document",
    "preface": "stands before the first unit",
    "group": "a header that groups units and is none itself",
    "zone": "behind the end of the content",
    "contents": "a table of contents",
}


def _plain_reason(role: str, rule: Rule | None) -> tuple[str, bool, str]:
    """What is said of a stretch where no status speaks."""
    if role == "unit" and rule is not None:
        return _begun_by(rule.name)
    return "", False, _REASONS[role]


@cache
def _begun_by(name: str) -> tuple[str, bool, str]:
    return "", True, f"begins with a mark of rule {name}"


def _units(
    stretches: _Stretches,
    edges: list[int],
    source: bytes,
    statuses: list[tuple[str, bool, str]],
    labels: dict[tuple[int, str, int], Label],
) -> list[Unit]:
    own = [sha256(source[start:end]).digest() for start, end in pairwise(edges)]
    subtree = _subtree_digests(stretches.parents, own)
    depth = [0] * len(own)
    counts: dict[int, int] = {}
    above: list[str | None] = [None] * len(own)
    units: list[Unit] = []
    parents, ends = stretches.parents, stretches.ends
    rows = zip(
        stretches.addresses, stretches.eids, stretches.headings, stretches.rules, stretches.marks,
        parents, ends, statuses, own, edges, edges[1:], strict=False,
    )  # fmt: skip
    for index, (
        address,
        eid,
        heading,
        rule,
        mark,
        parent,
        stop,
        said,
        body,
        start,
        end,
    ) in enumerate(rows):
        parent_address: str | None = None
        if parent >= 0:
            depth[index] = depth[parent] + 1
            parent_address = above[parent]
        else:
            depth[index] = 1
        counts[parent] = ordinal = counts.get(parent, 0) + 1
        status, included, reason = said
        above[index] = address if included else parent_address
        kind, alias, num, key = "preface", "", "", ""
        if rule is None or mark is None:
            kind = _ASIDE_KINDS[stretches.roles[index]]
        else:
            kind, alias, num = rule.kind, rule.alias, mark.num
            label = labels.get((mark.rule, num, mark.rank))
            key = label.sort_key if label is not None else sort_key(num, mark.rank) if num else ""
            idle = rule.role == "group" and stop == index + 1 and units
            if idle and _has_body(source[start:end]):
                kind = "residue"
        digest = body.hex()
        below = digest if stop == index + 1 else subtree[index].hex()
        units.append(
            _new(
                Unit,
                (
                    address, eid, kind, depth[index], num, key, heading, alias, start,
                    edges[stop], ((start, end),), parent_address, ordinal, digest, below,
                    status, included, reason,
                ),
            )
        )  # fmt: skip
    return units


_ASIDE_KINDS: Final = {"front": "non_content", "preface": "preface"}


def _has_body(header: bytes) -> bool:
    """True if a header has text below its own line."""
    _, _, below = header.partition(b"\n")
    return bool(below.strip(b" \t\r\n-*_"))


def _subtree_digests(parents: list[int], own: list[bytes]) -> list[bytes]:
    """Each stretch's digest over its own one and those of its children, from the leaves up."""
    below: dict[int, list[bytes]] = {}
    subtree = list(own)
    for index in range(len(own) - 1, -1, -1):
        children = below.pop(index, None)
        if children is not None:
            children.reverse()
            subtree[index] = sha256(own[index] + b"".join(children)).digest()
        parent = parents[index]
        if parent >= 0:
            below.setdefault(parent, []).append(subtree[index])
    return subtree


def _collisions(units: list[Unit]) -> list[MarkFinding]:
    """One error for every unit whose address another unit has already."""
    if len({unit.address for unit in units}) == len(units):
        return []
    first: dict[str, Unit] = {}
    findings: list[MarkFinding] = []
    for unit in units:
        earlier = first.setdefault(unit.address, unit)
        if earlier is not unit:
            findings.append(
                MarkFinding(
                    "ADDRESS_DUPLICATE",
                    "error",
                    unit.start,
                    f"{unit.address} is the address of two units, at bytes {earlier.start} and"
                    f" {unit.start}",
                )
            )
    return findings


def _idle_groups(stretches: _Stretches, units: list[Unit]) -> list[MarkFinding]:
    """One warning for each header whose text belongs to no unit."""
    if "group" not in stretches.roles:
        return []
    return [
        MarkFinding(
            "TEXT_OUTSIDE_UNITS",
            "warning",
            unit.start,
            f"the text below the header {heading!r} belongs to no unit",
        )
        for heading, unit in zip(stretches.headings, units, strict=True)
        if unit.kind == "residue"
    ]
