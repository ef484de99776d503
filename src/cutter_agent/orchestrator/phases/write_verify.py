"""write_verify: another role recomputes everything from the source bytes and signs what it found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from cutter_agent.errors import StopEvidenceMismatch
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.evidence.dsse import IN_TOTO_PAYLOAD_TYPE, seal, verify_envelope
from cutter_agent.evidence.invariant import Evidence, invariant
from cutter_agent.evidence.merkle import tree_root
from cutter_agent.evidence.statement import CheckResult, VerifierClaim, verifier_statement
from cutter_agent.orchestrator import ids
from cutter_agent.orchestrator.grants import VERIFIER_REACH
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.orders import VerifyRecord
from cutter_agent.orchestrator.phases.cutplan import CutPlanned
from cutter_agent.orchestrator.phases.leg_b_record import LegBRecorded
from cutter_agent.orchestrator.phases.source_pin import SourcePinned
from cutter_agent.orchestrator.ports import Verifier, VerifierSigner
from cutter_agent.orchestrator.reading import Reading
from cutter_agent.orchestrator.states import Role

REACH_SHOWN_MAX: Final = 40
CHECKS: Final = ("source_is_the_pinned_one", "root_is_the_sealed_one", "every_leaf_equal")
"""What the verifier looks at, besides the two roots."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteVerified(Evidence):
    """What the verifier found, under which role and with which key."""

    verify_result_id: str
    manifest_envelope_id: str
    executor_envelope_sha256: str
    root_from_source: str
    root_in_database: str
    tree_size: int
    mismatches: int
    results: int
    verifier_role: str
    verifier_key_id: str
    verifier_envelope_sha256: str
    signature_verifies: bool
    simulated: bool
    verifier_reach: tuple[str, ...] = field(default=(), compare=False)
    """All that its login might have changed; empty in runs from before it was looked at."""
    verifier_public_hex: str = field(default="", compare=False)
    """Its raw key, so that a later key of the deployment does not hide it; empty in runs from before."""

    @invariant()
    def verify_once(self, recorded: LegBRecorded) -> bool:
        """The database holds exactly one verify result for this manifest."""
        return self.results == 1 and self.manifest_envelope_id == recorded.manifest_envelope_id

    @invariant()
    def verifier_signature_distinct(self, recorded: LegBRecorded) -> bool:
        """The verifier's signature verifies, and its key and role are not the executor's."""
        return (
            self.signature_verifies
            and self.verifier_key_id != recorded.executor_key_id
            and self.verifier_role != Role.EXECUTOR.value
        )

    @invariant()
    def verifier_changes_nothing_else(self) -> bool:
        """The verifier's login may record its result and its step, and may change nothing else."""
        return self.verifier_reach == VERIFIER_REACH

    @invariant()
    def verdict_pass(self, plan: CutPlanned, recorded: LegBRecorded) -> bool:
        """The root from the source bytes, the root in the database and the sealed root are one."""
        return (
            self.mismatches == 0
            and self.root_from_source == self.root_in_database == recorded.manifest_root
            and self.tree_size == plan.tree_size
            and self.executor_envelope_sha256 == recorded.envelope_sha256
        )


def write_verify(
    run: RunHeader,
    source: SourcePinned,
    recorded: LegBRecorded,
    reading: Reading,
    signer: VerifierSigner,
    verifier: Verifier,
) -> WriteVerified:
    """Read source and rows as the verifier, recompute both roots, sign and record the result.

    Raises:
        StopEvidenceMismatch: the roots differ; nothing is recorded then.
        StopReplayConflict: another result is recorded for the manifest.
    """
    claim, mismatches = _compare(run, source, recorded, reading, verifier)
    statement = verifier_statement(claim, simulated=signer.simulated)
    envelope = seal(IN_TOTO_PAYLOAD_TYPE, statement, [signer]).encode()
    record = VerifyRecord(
        verify_result_id=ids.verify_result_id(recorded.manifest_envelope_id),
        envelope_id=recorded.manifest_envelope_id,
        root_from_source_sha256=claim.root_from_source,
        root_in_database_sha256=claim.root_from_database,
        tree_size=claim.tree_size,
        mismatches=mismatches,
        envelope=envelope,
        verifier_key_id=signer.key_id,
    )
    verifier.record(record)
    stated = verify_envelope(envelope, payload_type=IN_TOTO_PAYLOAD_TYPE, keys=[signer.public_raw])
    return WriteVerified(
        verify_result_id=record.verify_result_id,
        manifest_envelope_id=recorded.manifest_envelope_id,
        executor_envelope_sha256=recorded.envelope_sha256,
        root_from_source=claim.root_from_source,
        root_in_database=claim.root_from_database,
        tree_size=claim.tree_size,
        mismatches=mismatches,
        results=verifier.results(recorded.manifest_envelope_id),
        verifier_role=verifier.role,
        verifier_key_id=signer.key_id,
        verifier_envelope_sha256=sha256_hex(envelope),
        signature_verifies=stated == statement,
        simulated=signer.simulated,
        verifier_reach=verifier.reach[:REACH_SHOWN_MAX],
        verifier_public_hex=signer.public_raw.hex(),
    )


def _compare(
    run: RunHeader,
    source: SourcePinned,
    recorded: LegBRecorded,
    reading: Reading,
    verifier: Verifier,
) -> tuple[VerifierClaim, int]:
    """Return what the verifier can claim, and how many leaves differ: none, or it would stop."""
    own = Reading(
        version=reading.version,
        source=verifier.source_bytes(source.source_version_id or ""),
        in_force=reading.in_force,
    )
    stored = verifier.manifest_leaves(recorded.manifest_envelope_id)
    expected = own.leaf_hashes
    mismatches = sum(a != b for a, b in zip(stored, expected, strict=False)) + abs(
        len(stored) - len(expected)
    )
    same_source = own.source_sha256 == source.facts.source_sha256
    claim = verifier_claim(
        run,
        executor_envelope_sha256=recorded.envelope_sha256,
        root_from_database=tree_root(stored).hex(),
        root_from_source=own.manifest_root,
        tree_size=len(expected),
        held=(same_source, own.manifest_root == recorded.manifest_root, mismatches == 0),
    )
    if not claim.passed:
        raise StopEvidenceMismatch(
            f"{mismatches} of {len(expected)} units differ between source bytes and database",
            expected=f"root {recorded.manifest_root}",
            run_id=run.run_id,
            document_id=run.document_id,
        )
    return claim, mismatches


def verifier_claim(
    run: RunHeader,
    *,
    executor_envelope_sha256: str,
    root_from_database: str,
    root_from_source: str,
    tree_size: int,
    held: tuple[bool, bool, bool],
) -> VerifierClaim:
    """Return what the verifier states; `held` answers CHECKS in their order."""
    return VerifierClaim(
        run_id=run.run_id,
        document_id=run.document_id,
        executor_envelope_sha256=executor_envelope_sha256,
        root_from_database=root_from_database,
        root_from_source=root_from_source,
        tree_size=tree_size,
        checks=tuple(CheckResult(name, one) for name, one in zip(CHECKS, held, strict=True)),
    )
