"""lifecycle_enact: put the approved drafts in force, supersede and retire what they replace."""

from __future__ import annotations

from dataclasses import dataclass, field

from cutter_agent.evidence.invariant import Evidence, invariant
from cutter_agent.orchestrator.approval import CutApproved, LifecycleApproved
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.orders import EnactOrder
from cutter_agent.orchestrator.pauses.sg_2_lifecycle import LifecycleAuthorizationRequested
from cutter_agent.orchestrator.phases.cut_leg_a import LegACut
from cutter_agent.orchestrator.phases.cutplan import CutPlanned
from cutter_agent.orchestrator.phases.leg_b_record import LegBRecorded
from cutter_agent.orchestrator.phases.mark import Marked
from cutter_agent.orchestrator.phases.pre_write_backup import BackupTaken
from cutter_agent.orchestrator.phases.source_pin import SourcePinned
from cutter_agent.orchestrator.phases.write_verify import WriteVerified
from cutter_agent.orchestrator.ports import Writer
from cutter_agent.orchestrator.vault import Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleEnacted(Evidence):
    """How many versions are in force now, under which decision."""

    change_set_id: str
    request_sha256: str
    review_decision_id: str
    enacted: int
    superseded: int
    retired: int
    log_rows: int
    in_force: int
    root_in_database: str
    tally: str
    digests: str = field(default="", compare=False)

    @invariant()
    def sg2_approval_recorded(
        self, approved: LifecycleApproved, request: LifecycleAuthorizationRequested
    ) -> bool:
        """SG_2 was approved for exactly this request, and the approval is consumed here."""
        return self.request_sha256 == approved.request_sha256 and request.answered_by(approved)

    @invariant()
    def review_decision_fresh(
        self, first: CutApproved, approved: LifecycleApproved, cut: LegACut
    ) -> bool:
        """The decision is SG_2's own, for this change set, and never the one of SG_1."""
        return (
            bool(self.review_decision_id)
            and self.review_decision_id == approved.review_decision_id
            and self.review_decision_id != first.review_decision_id
            and self.change_set_id == cut.change_set_id
        )

    @invariant()
    def enacted_equals_candidates(self, marked: Marked, plan: CutPlanned) -> bool:
        """Every draft is enacted, and with the kept units they are the candidates in force."""
        return (
            self.enacted == plan.drafts
            and self.enacted + plan.kept == marked.candidate_count == self.in_force
        )

    @invariant()
    def enacted_log_rows_equal(self, plan: CutPlanned) -> bool:
        """The lifecycle log has one row for each version enacted, superseded and retired."""
        return (
            self.log_rows == self.enacted + self.superseded + self.retired
            and self.superseded == plan.changed
            and self.retired == plan.retired
        )

    @invariant()
    def enacted_root_is_verified(self, verified: WriteVerified) -> bool:
        """The units' rows still give the root that the verifier signed."""
        return self.root_in_database == verified.root_in_database

    @invariant()
    def equals_rehearsal(self, backup: BackupTaken) -> bool:
        """Root and rows are exactly those that the rehearsal had after this phase."""
        if backup.rehearsed is None:
            return backup.may_go_unrehearsed
        if backup.rehearsed.digests and self.digests != backup.rehearsed.digests:
            return False
        return (self.root_in_database, self.tally) == (
            backup.rehearsed.root_sha256,
            backup.rehearsed.enacted,
        )


def lifecycle_enact(
    run: RunHeader,
    source: SourcePinned,
    cut: LegACut,
    recorded: LegBRecorded,
    approved: LifecycleApproved,
    writer: Writer,
    tally: Tally,
) -> LifecycleEnacted:
    """Enact the change set in this one transaction.

    Raises:
        StopReplayConflict: a version of the change set is in another state than it must be.
    """
    decision = approved.review_decision_id or ""
    receipt = writer.enact(
        EnactOrder(
            change_set_id=cut.change_set_id,
            document_id=run.document_id,
            review_decision_id=decision,
            request_sha256=approved.request_sha256,
            effective_date=source.effective_date,
        )
    )
    return LifecycleEnacted(
        change_set_id=cut.change_set_id,
        request_sha256=approved.request_sha256,
        review_decision_id=decision,
        enacted=receipt.enacted,
        superseded=receipt.superseded,
        retired=receipt.retired,
        log_rows=receipt.log_rows,
        in_force=receipt.in_force,
        root_in_database=tally.manifest_root(recorded.manifest_envelope_id),
        tally=tally.rows(run.document_id),
        digests=tally.digests(run.document_id),
    )
