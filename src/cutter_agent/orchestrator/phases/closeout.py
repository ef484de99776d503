"""closeout: say what the whole run did, with every document in its folder."""

from __future__ import annotations

from dataclasses import dataclass

from cutter_agent.errors import StopKbUploadFailed
from cutter_agent.evidence.invariant import Evidence, invariant
from cutter_agent.orchestrator.facts import NonMutationLevel, non_mutation_level
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.phases.cutplan import CutPlanned
from cutter_agent.orchestrator.phases.lifecycle_enact import LifecycleEnacted
from cutter_agent.orchestrator.phases.mark import Marked
from cutter_agent.orchestrator.ports import Facts, KBReporter
from cutter_agent.orchestrator.world import CallBegan, Progress

DOCUMENTS_BEFORE_CLOSEOUT = 12
PHASES_BEFORE_CLOSEOUT = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedOut(Evidence):
    """The run's outcome in numbers, and where its documents are."""

    phases_passed: int
    documents: tuple[str, ...]
    documents_missing: tuple[str, ...]
    index_appended: bool
    candidate_count: int
    enacted: int
    manifest_root: str
    non_mutation: NonMutationLevel

    @invariant()
    def all_phases_passed(self) -> bool:
        """All ten phases before this one have passed their gates."""
        return self.phases_passed == PHASES_BEFORE_CLOSEOUT

    @invariant(stop=StopKbUploadFailed)
    def all_docs_uploaded(self) -> bool:
        """The twelve documents before the final report lie in the run's folder, unchanged."""
        return len(self.documents) == DOCUMENTS_BEFORE_CLOSEOUT and not self.documents_missing

    @invariant()
    def runs_index_appended(self) -> bool:
        """The runs index names this run."""
        return self.index_appended

    @invariant()
    def nothing_was_mutated_in_a_dry_run(self) -> bool:
        """A dry run's proof shows that it changed nothing; a live run needs none."""
        return self.non_mutation is not NonMutationLevel.NOT_PROVEN


def index_line(run: RunHeader, marked: Marked, enacted: LifecycleEnacted) -> str:
    """Return the run's one line in the runs index."""
    return (
        f"- {run.run_id} · {run.document_id} · {run.mode} · closeout_reported · "
        f"{marked.candidate_count} candidates · {enacted.enacted} enacted"
    )


def closeout(
    run: RunHeader,
    marked: Marked,
    plan: CutPlanned,
    enacted: LifecycleEnacted,
    so_far: Progress,
    began: CallBegan,
    facts: Facts,
    kb: KBReporter,
) -> ClosedOut:
    """Check every document in the folder, name the run in the index, and take the final counts.

    Raises:
        StopKbUploadFailed: the folder or the index cannot be written.
    """
    missing = tuple(
        name
        for name, sha256 in zip(so_far.documents, so_far.sha256s, strict=True)
        if not kb.holds(run.run_id, name, sha256)
    )
    if not missing:
        kb.append_index(run.run_id, index_line(run, marked, enacted))
    level = NonMutationLevel.NOT_APPLICABLE
    if began.reading is not None:
        level = non_mutation_level(began.reading, facts.mutation_reading())
    return ClosedOut(
        phases_passed=len(so_far.phases),
        documents=so_far.documents,
        documents_missing=missing,
        index_appended=kb.index_has(run.run_id),
        candidate_count=marked.candidate_count,
        enacted=enacted.enacted,
        manifest_root=plan.manifest_root,
        non_mutation=level,
    )
