"""leg_b_record: record the manifest of all included units, signed by the executor."""

from __future__ import annotations

from dataclasses import dataclass

from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.evidence.dsse import IN_TOTO_PAYLOAD_TYPE, seal, verify_envelope
from cutter_agent.evidence.invariant import Evidence, invariant
from cutter_agent.evidence.statement import (
    AffectedRows,
    ApprovalUse,
    ExecutorClaim,
    executor_statement,
)
from cutter_agent.orchestrator import ids
from cutter_agent.orchestrator.approval import CutApproved
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.orders import Manifest
from cutter_agent.orchestrator.phases.cut_leg_a import LegACut
from cutter_agent.orchestrator.phases.cutplan import CutPlanned
from cutter_agent.orchestrator.phases.pre_write_backup import BackupTaken
from cutter_agent.orchestrator.phases.source_pin import SourcePinned
from cutter_agent.orchestrator.ports import ExecutorSigner, Writer
from cutter_agent.orchestrator.reading import Reading
from cutter_agent.orchestrator.vault import Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class LegBRecorded(Evidence):
    """The manifest's envelope as the database holds it, and the executor's seal."""

    manifest_envelope_id: str
    change_set_id: str
    manifest_root: str
    tree_size: int
    blocks: int
    affected_rows: int
    envelope_sha256: str
    executor_key_id: str
    executor_public_hex: str
    signatures: int
    signature_verifies: bool
    tally: str
    simulated: bool

    @invariant()
    def envelope_recorded(self, plan: CutPlanned, cut: LegACut) -> bool:
        """The envelope of this change set is recorded with the planned root, a block for each leaf."""
        return (
            self.change_set_id == cut.change_set_id
            and self.manifest_root == plan.manifest_root
            and self.blocks == self.tree_size == plan.tree_size
        )

    @invariant()
    def executor_signature_recorded(self) -> bool:
        """The executor's signature over the statement verifies and is recorded."""
        return self.signatures == 1 and self.signature_verifies and bool(self.executor_key_id)

    @invariant()
    def affected_rows_equal(self, plan: CutPlanned) -> bool:
        """The affected rows are the units created, changed and to be retired, no more and no less."""
        return self.affected_rows == plan.created + plan.changed + plan.retired

    @invariant()
    def equals_rehearsal(self, backup: BackupTaken) -> bool:
        """Root and rows are exactly those that the rehearsal had after this phase."""
        if backup.rehearsed is None:
            return backup.may_go_unrehearsed
        return (self.manifest_root, self.tally) == (
            backup.rehearsed.root_sha256,
            backup.rehearsed.leg_b,
        )


def leg_b_record(
    run: RunHeader,
    source: SourcePinned,
    plan: CutPlanned,
    approved: CutApproved,
    cut: LegACut,
    reading: Reading,
    signer: ExecutorSigner,
    writer: Writer,
    tally: Tally,
) -> LegBRecorded:
    """Seal the manifest with the executor's key and record it in this one transaction.

    Raises:
        StopReplayConflict: another manifest is recorded for the change set.
    """
    claim = executor_claim(
        run, source, plan, approved, cut, reading.manifest_root, len(reading.plan.units)
    )
    statement = executor_statement(claim, simulated=signer.simulated)
    envelope = seal(IN_TOTO_PAYLOAD_TYPE, statement, [signer]).encode()
    manifest = Manifest(
        envelope_id=ids.envelope_id(cut.change_set_id, reading.manifest_root),
        change_set_id=cut.change_set_id,
        root_sha256=reading.manifest_root,
        tree_size=len(reading.plan.units),
        envelope=envelope,
        executor_key_id=signer.key_id,
    )
    receipt = writer.record_manifest(manifest, reading.blocks(cut.change_set_id))
    stated = verify_envelope(envelope, payload_type=IN_TOTO_PAYLOAD_TYPE, keys=[signer.public_raw])
    return LegBRecorded(
        manifest_envelope_id=manifest.envelope_id,
        change_set_id=cut.change_set_id,
        manifest_root=manifest.root_sha256,
        tree_size=manifest.tree_size,
        blocks=receipt.blocks,
        affected_rows=receipt.affected_rows,
        envelope_sha256=sha256_hex(envelope),
        executor_key_id=signer.key_id,
        executor_public_hex=signer.public_raw.hex(),
        signatures=receipt.signatures,
        signature_verifies=stated == statement,
        tally=tally.rows(run.document_id),
        simulated=signer.simulated,
    )


def executor_claim(
    run: RunHeader,
    source: SourcePinned,
    plan: CutPlanned,
    approved: CutApproved,
    cut: LegACut,
    manifest_root: str,
    tree_size: int,
) -> ExecutorClaim:
    """Return what the executor states about a run with this evidence and this manifest."""
    return ExecutorClaim(
        run_id=run.run_id,
        document_id=run.document_id,
        source_version_id=source.source_version_id or "",
        source_sha256=source.facts.source_sha256,
        plan_sha256=plan.plan_sha256,
        manifest_root=manifest_root,
        tree_size=tree_size,
        change_set_id=cut.change_set_id,
        facts_sha256=source.facts.sha256,
        policy_sha256=source.facts.policy_sha256,
        database=source.facts.database,
        approvals=(ApprovalUse(approved.gate, approved.request_sha256, approved.persons),),
        affected_rows=(
            AffectedRows("iu.unit_version", plan.drafts),
            AffectedRows("iu.information_unit", plan.created),
        ),
    )
