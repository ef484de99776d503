"""cutplan: say exactly what will be written, compared with what is in force."""

from __future__ import annotations

from dataclasses import dataclass

from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.evidence.invariant import Evidence, invariant
from cutter_agent.orchestrator.phases.mark import Marked
from cutter_agent.orchestrator.phases.source_pin import SourcePinned
from cutter_agent.orchestrator.ports import Facts
from cutter_agent.orchestrator.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class CutPlanned(Evidence):
    """The plan's digest, the manifest's root and the counts of what would change."""

    plan_sha256: str
    plan_again_sha256: str
    manifest_root: str
    tree_size: int
    created: int
    changed: int
    kept: int
    retired: int
    distinct_keys: int
    kinds: tuple[str, ...]
    vocab_kinds: tuple[str, ...]
    vocab_sha256: str
    body_mismatches: int

    @property
    def drafts(self) -> int:
        """How many versions the cut will write."""
        return self.created + self.changed

    @invariant()
    def writer_digest_reproduced(self) -> bool:
        """A second reading of the same bytes gives the same plan, digest for digest."""
        return self.plan_sha256 == self.plan_again_sha256 != ""

    @invariant()
    def idempotency_keys_unique(self) -> bool:
        """Every unit of the plan has an idempotency key of its own."""
        return self.distinct_keys == self.tree_size == self.created + self.changed + self.kept

    @invariant()
    def vocab_covered(self, source: SourcePinned) -> bool:
        """The database's vocabulary is the pinned one and knows every kind of the plan."""
        return self.vocab_sha256 == source.facts.vocab_sha256 and set(self.kinds) <= set(
            self.vocab_kinds
        )

    @invariant()
    def body_hash_equals_span(self, marked: Marked) -> bool:
        """Every body's digest is the digest of its spans of the source."""
        return self.body_mismatches == 0 and self.tree_size == marked.candidate_count


def cutplan(reading: Reading, facts: Facts) -> CutPlanned:
    """Plan the cut twice from the source bytes and hash every body again."""
    plan = reading.plan
    vocab = facts.vocab_snapshot()
    return CutPlanned(
        plan_sha256=plan.plan_sha256,
        plan_again_sha256=reading.plan_sha256_again(),
        manifest_root=reading.manifest_root,
        tree_size=len(plan.units),
        created=plan.created,
        changed=plan.changed,
        kept=plan.kept,
        retired=len(plan.retired),
        distinct_keys=len({unit.idempotency_key for unit in plan.units}),
        kinds=tuple(sorted({unit.kind for unit in plan.units})),
        vocab_kinds=vocab.kinds,
        vocab_sha256=vocab.sha256,
        body_mismatches=sum(
            sha256_hex(reading.body(unit.own_spans)) != unit.body_sha256 for unit in plan.units
        ),
    )
