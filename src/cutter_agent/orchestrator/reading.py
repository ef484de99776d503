"""The reading: marks, plan and manifest of one source version, recomputed from its bytes.

Evidence holds digests only (Contract 3); whoever needs the units computes them again from the pinned
bytes. One reading computes each part once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from cutter_agent.document.cutplan import Change, CutPlan, InForceUnit, body_of, plan_cut
from cutter_agent.document.grammar import Profile, parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.units import MarkedText
from cutter_agent.errors import Stop
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.evidence.merkle import leaf_hash, tree_root
from cutter_agent.orchestrator.facts import SourceVersion
from cutter_agent.orchestrator.ids import UnitIds
from cutter_agent.orchestrator.orders import Draft, ManifestBlock


@dataclass(frozen=True, slots=True)
class Parts:
    """What a reading computes: marks, and plan and leaves where the marks can be planned."""

    marked: MarkedText
    plan: CutPlan | None
    leaf_hashes: tuple[bytes, ...]


class Elsewhere(Protocol):
    """Computes the parts of readings in other processes; None where that is not worth the way."""

    def parts(
        self, version: SourceVersion, source: bytes, in_force: Sequence[InForceUnit]
    ) -> Parts | None:
        """Return the parts.

        Raises:
            Stop: what computing them here would raise, or that the other process was lost.
        """
        ...

    def plan_sha256(
        self, version: SourceVersion, source: bytes, in_force: Sequence[InForceUnit]
    ) -> str | None:
        """Return the digest of the plan, computed anew from these bytes."""
        ...


class Reading:
    """Everything that follows from one source version and the units in force beside it."""

    def __init__(
        self,
        *,
        version: SourceVersion,
        source: bytes,
        in_force: Sequence[InForceUnit],
        elsewhere: Elsewhere | None = None,
    ) -> None:
        """Keep the inputs; nothing is computed before it is asked for."""
        self.version = version
        self.source = source
        self.in_force = tuple(in_force)
        self._elsewhere = elsewhere

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
        if self._sent is not None:
            return self._sent.marked
        return mark_text(self.source, self.profile, code=self.version.document_id)

    @cached_property
    def plan(self) -> CutPlan:
        """What a cut would write, compared with the units in force."""
        if self._sent is not None and self._sent.plan is not None:
            return self._sent.plan
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
        if self._sent is not None and self._sent.plan is not None:
            return self._sent.leaf_hashes
        return tuple(leaf_hash(unit.leaf) for unit in self.plan.units)

    @cached_property
    def manifest_root(self) -> str:
        """The Merkle root over all included units: manifest_digest."""
        return tree_root(self.leaf_hashes).hex()

    @cached_property
    def _sent(self) -> Parts | None:
        """The parts that were computed elsewhere, or None: then they are computed here."""
        if self._elsewhere is None:
            return None
        return self._elsewhere.parts(self.version, self.source, self.in_force)

    def parts(self) -> Parts:
        """Compute everything; marks that cannot be planned come without a plan.

        Raises:
            StopSourceUnreadable: the bytes are no text.
        """
        marked = self.marked
        try:
            return Parts(marked, self.plan, self.leaf_hashes)
        except Stop:
            # Whoever asks for the plan meets the same stop; the marks are told meanwhile.
            return Parts(marked, None, ())

    def plan_sha256_again(self) -> str:
        """Return the digest of the plan, computed once more from the bytes and nothing kept."""
        inputs = self.version, self.source, self.in_force
        again = None if self._elsewhere is None else self._elsewhere.plan_sha256(*inputs)
        if again is not None:
            return again
        version, source, in_force = inputs
        return Reading(version=version, source=source, in_force=in_force).plan.plan_sha256

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
