"""The cut plan: which units are created, changed, kept and retired, and the digest of all of it.

A unit is kept if what stands under its address has the same kind, parent, body and attributes; a
mere shift among its siblings does not change it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from json.encoder import encode_basestring
from typing import Final

from cutter_agent.document.units import MarkedText, Unit

LEAF_SCHEMA: Final = "cutter.unit/1"
PLAN_SCHEMA: Final = "cutter.plan/1"
_KEY_SCHEMA: Final = "cutter.unit-key/1"

_quoted: Final = encode_basestring
Attributes = tuple[tuple[str, str], ...]


class Change(StrEnum):
    """What a plan does with one unit."""

    CREATED = "created"
    CHANGED = "changed"
    KEPT = "kept"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class InForceUnit:
    """A unit that is in force in the database when the plan is made.

    Attributes:
        unit_id: its permanent id.
        version_id: id of the version in force.
        version_no: number of the version in force.
        address: its address.
        kind: its kind.
        parent: address of its parent, or None.
        body_sha256: digest of the version's body.
        attributes: alias, heading and num, in order of their names.
    """

    unit_id: str
    version_id: str
    version_no: int
    address: str
    kind: str
    parent: str | None
    body_sha256: str
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class PlannedUnit:
    """One included unit and what the plan does with it.

    Attributes:
        position: 0-based place among the included units, in document order.
        address: its address.
        kind: its kind.
        parent: address of its parent, or None.
        ordinal: 1-based place among its siblings.
        own_spans: its own bytes in the source.
        body_sha256: digest of its body, the own bytes joined.
        attributes: alias, heading and num, in order of their names.
        change: created, changed or kept.
        unit_id: id of the unit in force; None for a created one.
        version_id: id of the version in force; None for a created one.
        version_no: number of the version to be written, or of the one that is kept.
        idempotency_key: the same for the same document, source version and address.
        leaf: the canonical record that the manifest hashes.
    """

    position: int
    address: str
    kind: str
    parent: str | None
    ordinal: int
    own_spans: tuple[tuple[int, int], ...]
    body_sha256: str
    attributes: Attributes
    change: Change
    unit_id: str | None
    version_id: str | None
    version_no: int
    idempotency_key: str
    leaf: bytes


@dataclass(frozen=True)
class CutPlan:
    """What one cut will write.

    Attributes:
        document_id: the document.
        source_version_id: the version of its source.
        source_sha256: digest of the source bytes.
        profile_sha256: digest of the profile.
        units: the included units, in document order.
        retired: the units in force that the source no longer holds, by address.
    """

    document_id: str
    source_version_id: str
    source_sha256: str
    profile_sha256: str
    units: tuple[PlannedUnit, ...]
    retired: tuple[InForceUnit, ...]

    @property
    def created(self) -> int:
        """How many units are new."""
        return self._count(Change.CREATED)

    @property
    def changed(self) -> int:
        """How many units get a new version."""
        return self._count(Change.CHANGED)

    @property
    def kept(self) -> int:
        """How many units keep their version."""
        return self._count(Change.KEPT)

    @property
    def counts(self) -> dict[Change, int]:
        """How many units the plan creates, changes, keeps and retires."""
        return {
            Change.CREATED: self.created,
            Change.CHANGED: self.changed,
            Change.KEPT: self.kept,
            Change.RETIRED: len(self.retired),
        }

    @cached_property
    def plan_sha256(self) -> str:
        """The writer digest: over every row that the cut will write, keep or retire."""
        digest = hashlib.sha256()
        head = [PLAN_SCHEMA, self.document_id, self.source_version_id, self.source_sha256]
        digest.update(_canonical([*head, self.profile_sha256]))
        for unit in self.units:
            digest.update(_canonical(_row(unit)))
        for gone in self.retired:
            digest.update(_canonical([Change.RETIRED.value, gone.address, gone.unit_id]))
        return digest.hexdigest()

    def _count(self, change: Change) -> int:
        return sum(1 for unit in self.units if unit.change is change)


def plan_cut(
    marked: MarkedText,
    source: bytes,
    *,
    document_id: str,
    source_version_id: str,
    in_force: Sequence[InForceUnit],
) -> CutPlan:
    """The plan that turns what is in force into what the source says.

    Args:
        marked: the marks of this very source.
        source: the source bytes; every body digest is computed from them anew.
        document_id: the document.
        source_version_id: the version of its source.
        in_force: the document's units in force.
    """
    by_address = {unit.address: unit for unit in in_force}
    planned = tuple(
        _planned(
            position, unit, source, by_address.get(unit.address), document_id, source_version_id
        )
        for position, unit in enumerate(marked.candidates)
    )
    present = {unit.address for unit in planned}
    retired = sorted(
        (unit for unit in in_force if unit.address not in present), key=lambda unit: unit.address
    )
    return CutPlan(
        document_id=document_id,
        source_version_id=source_version_id,
        source_sha256=hashlib.sha256(source).hexdigest(),
        profile_sha256=marked.profile_sha256,
        units=planned,
        retired=tuple(retired),
    )


def body_of(source: bytes, own_spans: Iterable[tuple[int, int]]) -> bytes:
    """The unit's body: its own bytes, joined."""
    return b"".join(source[start:end] for start, end in own_spans)


def leaf_record(
    *,
    address: str,
    kind: str,
    parent: str | None,
    ordinal: int,
    body_sha256: str,
    attributes: Attributes,
) -> bytes:
    """The canonical record of one unit: a leaf of the manifest.

    Written member by member, in order of their names: a manifest has one for each unit.
    """
    rest = ",".join(f"{_quoted(name)}:{_quoted(value)}" for name, value in sorted(attributes))
    above = "null" if parent is None else _quoted(parent)
    return (
        f'{{"address":{_quoted(address)},"attributes":{{{rest}}},'
        f'"body_sha256":{_quoted(body_sha256)},"kind":{_quoted(kind)},"ordinal":{ordinal},'
        f'"parent":{above},"schema":"{LEAF_SCHEMA}"}}'
    ).encode()


def unit_leaf(unit: Unit) -> bytes:
    """The canonical record of a marked unit; equal to the one that its plan holds."""
    above = "null" if unit.parent is None else _quoted(unit.parent)
    return (
        f'{{"address":{_quoted(unit.address)},"attributes":{{"alias":{_quoted(unit.alias)},'
        f'"heading":{_quoted(unit.heading)},"num":{_quoted(unit.num)}}},'
        f'"body_sha256":"{unit.text_sha256}","kind":"{unit.kind}","ordinal":{unit.ordinal},'
        f'"parent":{above},"schema":"{LEAF_SCHEMA}"}}'
    ).encode()


def idempotency_key(document_id: str, source_version_id: str, address: str) -> str:
    """The key under which this unit of this source version is written once."""
    row = [_KEY_SCHEMA, document_id, source_version_id, address]
    return hashlib.sha256(_canonical(row)).hexdigest()


def _planned(
    position: int,
    unit: Unit,
    source: bytes,
    standing: InForceUnit | None,
    document_id: str,
    source_version_id: str,
) -> PlannedUnit:
    body_sha256 = hashlib.sha256(body_of(source, unit.own_spans)).hexdigest()
    attributes = unit.attributes
    change = Change.CREATED
    if standing is not None:
        now = (unit.kind, unit.parent, body_sha256, attributes)
        then = (standing.kind, standing.parent, standing.body_sha256, standing.attributes)
        change = Change.KEPT if now == then else Change.CHANGED
    version_no = 1
    if standing is not None:
        version_no = standing.version_no + (change is Change.CHANGED)
    return PlannedUnit(
        position=position,
        address=unit.address,
        kind=unit.kind,
        parent=unit.parent,
        ordinal=unit.ordinal,
        own_spans=unit.own_spans,
        body_sha256=body_sha256,
        attributes=attributes,
        change=change,
        unit_id=standing.unit_id if standing is not None else None,
        version_id=standing.version_id if standing is not None else None,
        version_no=version_no,
        idempotency_key=idempotency_key(document_id, source_version_id, unit.address),
        leaf=leaf_record(
            address=unit.address,
            kind=unit.kind,
            parent=unit.parent,
            ordinal=unit.ordinal,
            body_sha256=body_sha256,
            attributes=attributes,
        ),
    )


def _row(unit: PlannedUnit) -> list[object]:
    return [
        unit.change.value,
        unit.address,
        unit.kind,
        unit.parent,
        unit.ordinal,
        unit.own_spans,
        unit.body_sha256,
        unit.attributes,
        unit.version_no,
        unit.idempotency_key,
    ]


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
