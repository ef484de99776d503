"""The reading: marks, plan and manifest of one source version, recomputed from its bytes.

Evidence holds digests only (Contract 3); whoever needs the units computes them again from the pinned
bytes. One reading computes each part once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from cutter_agent.document.cutplan import Change, CutPlan, InForceUnit, body_of, plan_cut
from cutter_agent.document.grammar import Profile, parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.units import MarkedText
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.evidence.merkle import leaf_hash, tree_root
from cutter_agent.orchestrator.facts import SourceVersion
from cutter_agent.orchestrator.ids import UnitIds
from cutter_agent.orchestrator.orders import Draft, ManifestBlock


class Reading:
    """Everything that follows from one source version and the units in force beside it."""

    def __init__(
        self, *, version: SourceVersion, source: bytes, in_force: Sequence[InForceUnit]
    ) -> None:
        """Keep the inputs; nothing is computed before it is asked for."""
        self.version = version
        self.source = source
        self.in_force = tuple(in_force)

    @cached_property
    def profile(self) -> Profile:
        """The profile that the source version names, parsed."""
        return parse_profile(self.version.profile_toml)

    @cached_property
    def source_sha256(self) -> str:
        """The digest of the bytes that this reading is of."""
        return sha256_hex(self.source)

    @cached_property
    def marked(self) -> MarkedText:
        """The units of the source, included or not."""
        return mark_text(self.source, self.profile, code=self.version.document_id)

    @cached_property
    def plan(self) -> CutPlan:
        """What a cut would write, compared with the units in force."""
        return plan_cut(
            self.marked,
            self.source,
            document_id=self.version.document_id,
            source_version_id=self.version.source_version_id,
            in_force=self.in_force,
        )

    @cached_property
    def leaf_hashes(self) -> tuple[bytes, ...]:
        """The manifest's leaves, in document order (RFC 9162 §2.1)."""
        return tuple(leaf_hash(unit.leaf) for unit in self.plan.units)

    @cached_property
    def manifest_root(self) -> str:
        """The Merkle root over all included units: manifest_digest."""
        return tree_root(self.leaf_hashes).hex()

    def body(self, own_spans: Sequence[tuple[int, int]]) -> bytes:
        """Return the bytes of a unit's own spans, joined."""
        return body_of(self.source, own_spans)

    def drafts(self, change_set: str) -> Iterator[Draft]:
        """Yield a draft for every created and changed unit, in document order."""
        ids = UnitIds(document_id=self.version.document_id, change_set=change_set)
        for unit in self.plan.units:
            if unit.change is Change.KEPT:
                continue
            minted = ids.unit_id(unit.position, unit.leaf)
            yield Draft(
                unit_id=unit.unit_id or minted,
                version_id=ids.version_id(unit.position, unit.leaf),
                version_no=unit.version_no,
                planned=unit,
                body=self.body(unit.own_spans),
            )

    def blocks(self, change_set: str) -> Iterator[ManifestBlock]:
        """Yield the manifest's blocks: new versions for drafts, the old ones for kept units."""
        ids = UnitIds(document_id=self.version.document_id, change_set=change_set)
        for unit, leaf in zip(self.plan.units, self.leaf_hashes, strict=True):
            kept = unit.change is Change.KEPT
            version = unit.version_id if kept else ids.version_id(unit.position, unit.leaf)
            yield ManifestBlock(
                position=unit.position,
                unit_id=unit.unit_id or ids.unit_id(unit.position, unit.leaf),
                version_id=version or "",
                ordinal=unit.ordinal,
                leaf_sha256=leaf,
            )
