"""From accepted marks to units: nesting, own spans, addresses, digests, status and findings."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cutter_agent.document.choice import Choice
from cutter_agent.document.grammar import Profile, Rule
from cutter_agent.document.printed_number import address_number, sort_key
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

SLUG_CHARACTERS_MAX: Final = 80
ADDRESS_BYTES_MAX: Final = 900
"""Readers of addresses take up to 1,000 bytes; what is longer is cut before."""
_SLUG_RE: Final = re.compile(r"[\W_]+")


_LEAF_ROLES: Final = ("zone", "contents")
"""What closes everything above it and holds nothing."""


@dataclass(slots=True)
class _Node:
    """One stretch of the text on its way to a unit."""

    start: int
    mark: Mark | None
    rule: Rule | None
    role: str
    parent: int = -1
    heading: str = ""
    num: str = ""
    address: str = ""
    eid: str = ""
    last: int = 0


def build(
    text: SourceText, profile: Profile, choice: Choice, *, begin: int, code: str
) -> tuple[list[Unit], list[MarkFinding]]:
    """All units of the text in document order, and what a reader should know about them."""
    nodes = _nodes(profile, choice.accepted, begin)
    _nest(nodes)
    _name(nodes, text.shadow, profile, code, frozenset(choice.scoped))
    edges = [*text.byte_offsets([node.start for node in nodes]), len(text.source)]
    edges[0] = 0
    statuses, findings = _statuses(nodes, text.shadow, profile, edges)
    units = _units(nodes, edges, text.source, statuses)
    return units, findings + _collisions(units) + _idle_groups(nodes, units)


def _nodes(profile: Profile, marks: Sequence[Mark], begin: int) -> list[_Node]:
    """The stretches of the text: front matter, preface, then one for each accepted mark."""
    nodes: list[_Node] = []
    first = marks[0].start
    if begin > 1:
        nodes.append(_Node(1, None, None, "front"))
    if begin < first:
        nodes.append(_Node(begin, None, None, "preface"))
    rules = profile.rules
    for mark in marks:
        rule = rules[mark.rule]
        nodes.append(_Node(mark.start, mark, rule, rule.role))
    return nodes


def _nest(nodes: list[_Node]) -> None:
    """Gives every node its parent and the index behind its last descendant."""
    stack: list[int] = []
    for index, node in enumerate(nodes):
        level = node.mark.level if node.mark is not None else 0
        while stack:
            top = nodes[stack[-1]]
            depth = (
                top.mark.level if top.mark is not None and top.role not in _LEAF_ROLES else level
            )
            if depth < level and node.role not in _LEAF_ROLES:
                break
            top.last = index
            stack.pop()
        node.parent = stack[-1] if stack else -1
        stack.append(index)
    for index in stack:
        nodes[index].last = len(nodes)


def _name(
    nodes: list[_Node], shadow: str, profile: Profile, code: str, scoped: frozenset[int]
) -> None:
    """Gives every node its number, heading, address and eid."""
    aside = 0
    for index, node in enumerate(nodes):
        rule, mark = node.rule, node.mark
        if rule is None or mark is None:
            node.address = f"{code}/~{node.role}"
            node.eid = node.role
            continue
        if rule.heading != "none":
            limit = nodes[index + 1].start if index + 1 < len(nodes) else len(shadow)
            node.heading = heading_of(shadow, mark, next_line=rule.heading == "next", limit=limit)
        node.num = mark.num
        if node.role != "unit":
            aside += 1
            node.address = f"{code}/~{rule.name}-{aside}"
            node.eid = f"{EID_PREFIXES.get(rule.kind, rule.kind)}_x{aside}"
            continue
        number = address_number(mark.num, mark.rank, rule.numbering) if mark.num else ""
        short = number
        if rule.token:
            part = f"{rule.token}-{number}" if number else rule.token
        else:
            heading = node.heading
            if heading and profile.status.words:
                heading = without_status(heading, profile.status)
            part = short = _slug(heading)
        close = rule.chain == "parent" or not rule.token or mark.rule in scoped
        above = _unit_above(nodes, node, region=not close)
        prefix = EID_PREFIXES.get(rule.kind, rule.kind)
        if above is None:
            node.address = f"{code}/{part}"
            node.eid = f"{prefix}_{short}" if short else prefix
        else:
            node.address = _bounded(f"{above.address}/{part}", code)
            node.eid = f"{above.eid}__{prefix}_{short}" if short else f"{above.eid}__{prefix}"


def _bounded(address: str, code: str) -> str:
    """The address, or for one that is too long its last part with the digest of the whole."""
    if len(address) <= ADDRESS_BYTES_MAX // 4 or len(address.encode()) <= ADDRESS_BYTES_MAX:
        return address
    digest = hashlib.sha256(address.encode()).hexdigest()[:16]
    return f"{code}/{address.rpartition('/')[2]}-{digest}"


def _unit_above(nodes: list[_Node], node: _Node, *, region: bool) -> _Node | None:
    """The nearest unit above, or the nearest one in which numbers start anew."""
    parent = node.parent
    while parent >= 0:
        above = nodes[parent]
        if above.role == "unit" and (not region or (above.rule is not None and above.rule.region)):
            return above
        parent = nodes[parent].parent
    return None


def _slug(heading: str) -> str:
    """The heading as an address part; a long one is cut and carries its digest."""
    slug = _SLUG_RE.sub("-", heading.casefold()).strip("-")
    if len(slug) > SLUG_CHARACTERS_MAX:
        digest = hashlib.sha256(slug.encode()).hexdigest()[:8]
        slug = f"{slug[:SLUG_CHARACTERS_MAX].rstrip('-')}-{digest}"
    return slug or "untitled"


def _statuses(
    nodes: list[_Node], shadow: str, profile: Profile, edges: list[int]
) -> tuple[list[tuple[str, bool, str]], list[MarkFinding]]:
    """For every node its status, whether it is included, and the reason."""
    rules = profile.status
    if not rules.words:
        return [("", *_plain_reason(node)) for node in nodes], []
    said: list[tuple[str, str]] = []
    document = ("", "")
    unknown: list[tuple[int, str]] = []
    for index, node in enumerate(nodes):
        stop = nodes[index + 1].start if index + 1 < len(nodes) else len(shadow)
        if node.mark is None:
            lines = shadow[node.start : min(stop, node.start + 65_536)]
            told = field_status(lines, rules, limit=200)
            document = document if document[0] else told
            own = ("", "")
        else:
            told = own = heading_status(node.heading, rules)
            if not own[0]:
                behind = shadow.find("\n", node.mark.label_end, stop)
                lines = shadow[behind + 1 : min(stop, behind + 1000)] if behind >= 0 else ""
                told = own = field_status(lines, rules)
            node.heading = without_status(node.heading, rules)
        if told[0] == UNKNOWN:
            unknown.append((edges[index], told[1]))
        said.append(own)
    cascaded = cascade([node.parent for node in nodes], said, document, rules)
    result: list[tuple[str, bool, str]] = []
    for node, one in zip(nodes, cascaded, strict=True):
        if node.role == "unit":
            included, reason = judge(one, rules)
            result.append((one.status, included, reason))
        else:
            status = one.status if node.role == "group" else ""
            result.append((status, *_plain_reason(node)))
    return result, unknown_findings(unknown)


_REASONS: Final = {
    "front": "the header of the file, not of the document",
    "preface": "stands before the first unit",
    "group": "a header that groups units and is none itself",
    "zone": "behind the end of the content",
    "contents": "a table of contents",
}


def _plain_reason(node: _Node) -> tuple[bool, str]:
    if node.role == "unit" and node.rule is not None:
        return True, f"begins with a mark of rule {node.rule.name}"
    return False, _REASONS[node.role]


def _units(
    nodes: list[_Node],
    edges: list[int],
    source: bytes,
    statuses: list[tuple[str, bool, str]],
) -> list[Unit]:
    view = memoryview(source)
    own = [
        hashlib.sha256(view[edges[index] : edges[index + 1]]).digest()
        for index in range(len(nodes))
    ]
    subtree = _subtree_digests(nodes, own)
    depth = [0] * len(nodes)
    counts: dict[int, int] = {}
    included_above: list[str | None] = [None] * len(nodes)
    units: list[Unit] = []
    for index, node in enumerate(nodes):
        parent = node.parent
        depth[index] = depth[parent] + 1 if parent >= 0 else 1
        counts[parent] = ordinal = counts.get(parent, 0) + 1
        status, included, reason = statuses[index]
        above = included_above[parent] if parent >= 0 else None
        included_above[index] = node.address if included else above
        rule, mark = node.rule, node.mark
        idle = node.role == "group" and node.last == index + 1 and bool(units)
        kind = rule.kind if rule is not None else _ASIDE_KINDS[node.role]
        units.append(
            Unit(
                node.address,
                node.eid,
                "residue" if idle and _has_body(view, edges, index) else kind,
                depth[index],
                node.num,
                sort_key(node.num, mark.rank) if mark is not None and node.num else "",
                node.heading,
                rule.alias if rule is not None else "",
                edges[index],
                edges[node.last],
                ((edges[index], edges[index + 1]),),
                above,
                ordinal,
                own[index].hex(),
                subtree[index].hex(),
                status,
                included,
                reason,
            )
        )
    return units


_ASIDE_KINDS: Final = {"front": "non_content", "preface": "preface"}


def _has_body(view: memoryview, edges: list[int], index: int) -> bool:
    """True if a header has text below its own line."""
    _, _, below = bytes(view[edges[index] : edges[index + 1]]).partition(b"\n")
    return bool(below.strip(b" \t\r\n-*_"))


def _subtree_digests(nodes: list[_Node], own: list[bytes]) -> list[bytes]:
    """Each node's digest over its own one and those of its children, from the leaves up."""
    children: dict[int, list[int]] = {}
    for index, node in enumerate(nodes):
        if node.parent >= 0:
            children.setdefault(node.parent, []).append(index)
    subtree = list(own)
    for index in range(len(nodes) - 1, -1, -1):
        below = children.get(index)
        if below:
            digests = b"".join(subtree[child] for child in below)
            subtree[index] = hashlib.sha256(own[index] + digests).digest()
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


def _idle_groups(nodes: list[_Node], units: list[Unit]) -> list[MarkFinding]:
    """One warning for each header whose text belongs to no unit."""
    return [
        MarkFinding(
            "TEXT_OUTSIDE_UNITS",
            "warning",
            unit.start,
            f"the text below the header {node.heading!r} belongs to no unit",
        )
        for node, unit in zip(nodes, units, strict=True)
        if unit.kind == "residue"
    ]
