"""cut_leg_a: write the approved units as drafts, under their change set, all or none."""

from __future__ import annotations

from dataclasses import dataclass

from cutter_agent.errors import StopBackupFailed
from cutter_agent.evidence.invariant import Evidence, invariant
from cutter_agent.orchestrator import ids
from cutter_agent.orchestrator.approval import CutApproved
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.orders import ChangeSet
from cutter_agent.orchestrator.pauses.sg_1_cut import CutAuthorizationRequested
from cutter_agent.orchestrator.phases.cutplan import CutPlanned
from cutter_agent.orchestrator.phases.mark import Marked
from cutter_agent.orchestrator.phases.pre_write_backup import BackupTaken, is_fresh
from cutter_agent.orchestrator.phases.source_pin import SourcePinned
from cutter_agent.orchestrator.ports import BackupVault, Ledger, Writer
from cutter_agent.orchestrator.reading import Reading
from cutter_agent.orchestrator.vault import Tally
from cutter_agent.orchestrator.world import Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class LegACut(Evidence):
    """The change set and the drafts that the database says it holds now."""

    change_set_id: str
    change_set_expected_id: str
    request_sha256: str
    drafts_written: int
    drafts_held: int
    kept: int
    anchored: int
    document_rows_sha256: str
    tally: str
    judged_utc: str

    @invariant()
    def sg1_approval_recorded(
        self, approved: CutApproved, request: CutAuthorizationRequested
    ) -> bool:
        """SG_1 was approved for exactly this request, and the approval is consumed here."""
        return self.request_sha256 == approved.request_sha256 and request.answered_by(approved)

    @invariant()
    def change_set_minted(self) -> bool:
        """The change set is the one that this run and plan mint, and no other."""
        return self.change_set_id == self.change_set_expected_id != ""

    @invariant()
    def created_equals_candidates(self, plan: CutPlanned, marked: Marked) -> bool:
        """The drafts held are the drafts planned, and with the kept units they are the candidates."""
        return (
            self.drafts_written == self.drafts_held == plan.drafts
            and self.drafts_held + self.kept == marked.candidate_count
        )

    @invariant()
    def anchors_set(self, plan: CutPlanned) -> bool:
        """Every draft is anchored to the pinned source version, its spans and its body's digest."""
        return self.anchored == plan.drafts

    @invariant(stop=StopBackupFailed)
    def backup_fresh(self, backup: BackupTaken) -> bool:
        """The document's rows still hashed to the backup's just before the write."""
        return self.document_rows_sha256 == backup.document_rows_sha256 and is_fresh(
            backup.taken_utc, self.judged_utc
        )

    @invariant()
    def equals_rehearsal(self, backup: BackupTaken) -> bool:
        """The document has exactly the rows that it had in the rehearsal after this phase."""
        if backup.rehearsed is None:
            return backup.may_go_unrehearsed
        return self.tally == backup.rehearsed.leg_a


def cut_leg_a(
    run: RunHeader,
    source: SourcePinned,
    plan: CutPlanned,
    approved: CutApproved,
    reading: Reading,
    vault: BackupVault,
    writer: Writer,
    ledger: Ledger,
    tally: Tally,
    moment: Moment,
) -> LegACut:
    """Mint the change set and write every draft in this one transaction; read them back.

    Raises:
        StopReplayConflict: the database holds something else under an id of this run.
    """
    rows_before = vault.document_rows_sha256(run.document_id)
    change_set = ChangeSet(
        change_set_id=ids.change_set_id(run.run_id, plan.plan_sha256),
        run_id=run.run_id,
        document_id=run.document_id,
        source_version_id=source.source_version_id or "",
        plan_sha256=reading.plan.plan_sha256,
        created=plan.created,
        changed=plan.changed,
        kept=plan.kept,
        retired=plan.retired,
    )
    writer.mint_change_set(change_set)
    written = writer.create_drafts(change_set, reading.drafts(change_set.change_set_id))
    anchors = {u.address: (u.own_spans, u.body_sha256) for u in reading.plan.units}
    held = ledger.drafts(change_set.change_set_id)
    return LegACut(
        change_set_id=change_set.change_set_id,
        change_set_expected_id=ids.change_set_id(run.run_id, reading.plan.plan_sha256),
        request_sha256=approved.request_sha256,
        drafts_written=written,
        drafts_held=len(held),
        kept=plan.kept,
        anchored=sum(
            unit.source_version_id == source.source_version_id
            and anchors.get(unit.address) == (unit.own_spans, unit.body_sha256)
            for unit in held
        ),
        document_rows_sha256=rows_before,
        tally=tally.rows(run.document_id),
        judged_utc=moment.utc,
    )
