"""The dress rehearsal: the line's writing phases, once on a restored copy, before SG_1 is asked.

The bodies and the gates are the line's own. The approvals are stand-ins: they name the copy as their
database, nobody signed them, and they are spent in the copy, which is thrown away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

from cutter_agent.errors import Category, Stop, StopInvariantFailed
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.evidence.invariant import Evidence
from cutter_agent.orchestrator import ids
from cutter_agent.orchestrator.approval import (
    NONE,
    REQUEST_SCHEMA,
    ApprovalRequest,
    Approved,
    render_request,
)
from cutter_agent.orchestrator.clock import utc_text
from cutter_agent.orchestrator.gates import judge, stop_for
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.line import LINE, Pause, Phase
from cutter_agent.orchestrator.orders import Consumption, Rehearsed
from cutter_agent.orchestrator.pauses.sg_1_cut import AuthorizationRequested
from cutter_agent.orchestrator.phases.cut_leg_a import LegACut
from cutter_agent.orchestrator.phases.cutplan import CutPlanned
from cutter_agent.orchestrator.phases.leg_b_record import LegBRecorded
from cutter_agent.orchestrator.phases.lifecycle_enact import LifecycleEnacted
from cutter_agent.orchestrator.phases.source_pin import SourcePinned
from cutter_agent.orchestrator.states import GATE_TTL_S, Gate
from cutter_agent.orchestrator.vault import RestoredCopy

STAND_IN: Final = "(dress rehearsal)"
"""Who approves in the copy: a name that no person and no operator can have."""
_SHEET: Final = "A stand-in of the dress rehearsal. It approves nothing.\n"
_MS_PER_S: Final = 1_000
E = TypeVar("E", bound=Evidence)


@dataclass(frozen=True, slots=True)
class _StandIn:
    """A request that nobody was asked, and the approval that nobody gave."""

    request: AuthorizationRequested
    approved: Approved
    consumption: Consumption


class LineRehearsal:
    """Plays every phase of the line that writes."""

    def play(self, copy: RestoredCopy, run: RunHeader, earlier: Mapping[type, object]) -> Rehearsed:
        """Return what the phases did to the copy; each passed its gate there.

        Raises:
            StopInvariantFailed: one of them stopped, or a gate did not hold.
        """
        shelf = dict(earlier)
        began = copy.now_utc()
        consumption: Consumption | None = None
        for step in LINE:
            if isinstance(step, Pause):
                answer = _stand_in(step, copy, run, shelf)
                shelf |= {step.yields: answer.request, step.approves: answer.approved}
                consumption = answer.consumption
            elif step.in_step:
                shelf[step.yields] = _act(step, copy, run, shelf, consumption)
                consumption = None
        enacted = _of(shelf, LifecycleEnacted)
        return Rehearsed(
            root_sha256=enacted.root_in_database,
            leg_a=_of(shelf, LegACut).tally,
            leg_b=_of(shelf, LegBRecorded).tally,
            enacted=enacted.tally,
            functions_sha256=copy.functions_sha256,
            database=copy.database,
            digests=enacted.digests,
            took_ms=int((copy.now_utc() - began).total_seconds() * _MS_PER_S),
        )


def _act(
    step: Phase,
    copy: RestoredCopy,
    run: RunHeader,
    shelf: Mapping[type, object],
    consumption: Consumption | None,
) -> Evidence:
    """Return the phase's evidence; its gate held and its transaction of the copy is committed."""
    try:
        with copy.step(step.acts_as, consumption) as ports:
            known = {**shelf, **ports}
            evidence = step.body(*(known[kind] for kind in step.needs))
            verdict = judge(evidence, known)
            if not verdict.passed:
                raise stop_for(
                    step.gate,
                    verdict,
                    evidence,
                    run_id=run.run_id,
                    document_id=run.document_id,
                )
            return evidence
    except Stop as stop:
        if stop.category is Category.PAUSE:
            raise
        raise StopInvariantFailed(
            f"the dress rehearsal stopped at {step.name}: {stop.code}: {stop.fact}",
            expected=stop.expected,
            run_id=run.run_id,
            document_id=run.document_id,
            findings=stop.findings,
        ) from stop


def _of(shelf: Mapping[type, object], kind: type[E]) -> E:
    found = shelf[kind]
    assert isinstance(found, kind)
    return found


def _stand_in(
    step: Pause, copy: RestoredCopy, run: RunHeader, shelf: Mapping[type, object]
) -> _StandIn:
    """Return the pause's stand-ins: for the copy's database, in time, by nobody."""
    facts, plan = _of(shelf, SourcePinned).facts, _of(shelf, CutPlanned)
    now = copy.now_utc()
    nonce = sha256_hex(f"{copy.database} {run.run_id} {step.gate}".encode())[:32]
    decision = ids.review_decision_id(run.run_id, nonce) if step.gate is Gate.SG_2 else None
    issued, expires = utc_text(now), utc_text(now + timedelta(seconds=GATE_TTL_S[step.gate]))
    header = ApprovalRequest(
        schema=REQUEST_SCHEMA,
        gate=step.gate.value,
        run_id=run.run_id,
        mode=run.mode.value,
        document_id=run.document_id,
        allowance="rehearsal",
        nonce=nonce,
        issued_utc=issued,
        expires_utc=expires,
        plan_sha256=plan.plan_sha256,
        manifest_root=plan.manifest_root,
        tree_size=str(plan.tree_size),
        unit_count=NONE,
        facts_sha256=facts.sha256,
        policy_sha256=facts.policy_sha256,
        backup_sha256=NONE,
        rehearsal_root=NONE,
        rehearsal_counts=NONE,
        database=copy.database,
        log_checkpoint=copy.log_head(),
        starter=run.starter,
        scope=NONE,
        review_decision_id=decision or "",
    )
    body = render_request(header, _SHEET)
    digest = sha256_hex(body)
    request = step.yields(
        gate=step.gate,
        run_id=run.run_id,
        number=1,
        document=STAND_IN,
        request_sha256=digest,
        nonce=nonce,
        issued_utc=issued,
        expires_utc=expires,
        facts_sha256=facts.sha256,
        policy_sha256=facts.policy_sha256,
        review_decision_id=decision,
        decision=None,
    )
    approved = step.approves(
        gate=step.gate,
        run_id=run.run_id,
        mode=run.mode,
        request_sha256=digest,
        persons=(STAND_IN,),
        key_ids=(STAND_IN,),
        simulated=True,
        review_decision_id=decision,
        consumed_utc=issued,
    )
    spent = Consumption(digest, step.gate, run.run_id, body, (), (STAND_IN,), (STAND_IN,))
    return _StandIn(request, approved, spent)
