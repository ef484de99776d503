"""structural_verify: read the drafts back and hold their structure against the plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields

from cutter_agent.document.cutplan import Change
from cutter_agent.evidence.invariant import Evidence, invariant
from cutter_agent.orchestrator.ids import UnitIds
from cutter_agent.orchestrator.orders import StoredUnit
from cutter_agent.orchestrator.phases.cut_leg_a import LegACut
from cutter_agent.orchestrator.phases.cutplan import CutPlanned
from cutter_agent.orchestrator.ports import Ledger
from cutter_agent.orchestrator.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class StructuralProbe:
    """Eleven yes-or-no answers about what the database holds (Contract 3)."""

    units_equal_plan: bool
    versions_equal_plan: bool
    every_unit_has_one_version: bool
    version_anchors_valid: bool
    content_anchors_equal: bool
    addresses_equal_plan: bool
    parents_resolve: bool
    kinds_in_vocab: bool
    hashes_recomputed_equal: bool
    all_draft: bool
    no_excluded_address: bool

    @property
    def all_hold(self) -> bool:
        """True if every answer is yes."""
        return all(getattr(self, field.name) is True for field in fields(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureVerified(Evidence):
    """The probe, and the counts behind it."""

    change_set_id: str
    probe: StructuralProbe
    drafts_planned: int
    drafts_held: int
    body_mismatches: int
    excluded_leaks: int
    not_draft: int

    @invariant()
    def cardinality_matches(self, plan: CutPlanned, cut: LegACut) -> bool:
        """The change set holds exactly the planned drafts, one version a unit."""
        return (
            self.drafts_held == self.drafts_planned == plan.drafts == cut.drafts_held
            and self.probe.units_equal_plan
            and self.probe.versions_equal_plan
            and self.probe.every_unit_has_one_version
        )

    @invariant()
    def body_hash_all_match(self) -> bool:
        """Every stored body hashes to its stored digest and to the plan's."""
        return (
            self.body_mismatches == 0
            and self.probe.hashes_recomputed_equal
            and self.probe.content_anchors_equal
        )

    @invariant()
    def no_excluded_leak(self) -> bool:
        """No excluded unit was written."""
        return self.excluded_leaks == 0 and self.probe.no_excluded_address

    @invariant()
    def lifecycle_uniform_draft(self) -> bool:
        """Every version of the change set is a draft."""
        return self.not_draft == 0 and self.probe.all_draft

    @invariant()
    def structural_probe_holds(self) -> bool:
        """All eleven answers of the structural probe are yes."""
        return self.probe.all_hold


def structural_verify(
    plan: CutPlanned, cut: LegACut, reading: Reading, ledger: Ledger
) -> StructureVerified:
    """Read every version of the change set back and compare it with the recomputed plan."""
    held = ledger.drafts(cut.change_set_id)
    excluded = {unit.address for unit in reading.marked.excluded}
    planned = {u.address: u for u in reading.plan.units if u.change is not Change.KEPT}
    return StructureVerified(
        change_set_id=cut.change_set_id,
        probe=probe_structure(held, reading, plan.vocab_kinds, cut.change_set_id),
        drafts_planned=len(planned),
        drafts_held=len(held),
        body_mismatches=sum(
            unit.rehash_sha256 != unit.body_sha256
            or unit.address not in planned
            or planned[unit.address].body_sha256 != unit.rehash_sha256
            for unit in held
        ),
        excluded_leaks=sum(unit.address in excluded for unit in held),
        not_draft=sum(unit.state != "draft" for unit in held),
    )


def probe_structure(
    held: Sequence[StoredUnit], reading: Reading, vocab: Sequence[str], change_set_id: str
) -> StructuralProbe:
    """Return the eleven answers for the versions held under a change set."""
    document_id = reading.version.document_id
    ids = UnitIds(document_id=document_id, change_set=change_set_id)
    planned = {u.address: u for u in reading.plan.units if u.change is not Change.KEPT}
    included = {u.address for u in reading.plan.units}
    excluded = {u.address for u in reading.marked.excluded}
    known = [(unit, planned[unit.address]) for unit in held if unit.address in planned]
    whole = len(known) == len(held) == len(planned)
    one_each = max(Counter(unit.unit_id for unit in held).values(), default=0) <= 1
    return StructuralProbe(
        units_equal_plan=whole
        and all(u.unit_id == (p.unit_id or ids.unit_id(p.position, p.leaf)) for u, p in known),
        versions_equal_plan=whole
        and all(
            u.version_id == ids.version_id(p.position, p.leaf) and u.version_no == p.version_no
            for u, p in known
        ),
        every_unit_has_one_version=one_each,
        version_anchors_valid=all(
            u.source_version_id == reading.version.source_version_id and u.own_spans == p.own_spans
            for u, p in known
        ),
        content_anchors_equal=whole and all(u.body_sha256 == p.body_sha256 for u, p in known),
        addresses_equal_plan={u.address for u in held} == set(planned),
        parents_resolve=all(
            u.parent == p.parent and (u.parent is None or u.parent in included) for u, p in known
        ),
        kinds_in_vocab=all(u.kind in vocab and u.kind == p.kind for u, p in known),
        hashes_recomputed_equal=all(u.rehash_sha256 == u.body_sha256 for u in held),
        all_draft=all(u.state == "draft" for u in held),
        no_excluded_address=not any(u.address in excluded for u in held),
    )
