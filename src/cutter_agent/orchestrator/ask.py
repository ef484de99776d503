"""ask: write the request of a pause, and pass the pause once the request is approved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cutter_agent.errors import (
    StopApprovalExpired,
    StopApprovalInvalid,
    StopApprovalRequired,
    StopRefusedInput,
    StopRejected,
)
from cutter_agent.evidence.canonical import Json
from cutter_agent.evidence.codec import to_json
from cutter_agent.orchestrator import ids
from cutter_agent.orchestrator.approval import (
    NONE,
    REQUEST_SCHEMA,
    ApprovalRequest,
    Approved,
    CutApproved,
    LifecycleApproved,
    render_request,
)
from cutter_agent.orchestrator.authorize import Answer, Asked, authorize
from cutter_agent.orchestrator.clock import parse_utc, utc_text
from cutter_agent.orchestrator.factsheet import FactSheet
from cutter_agent.orchestrator.history import EventKind, RunDocument, RunEvent
from cutter_agent.orchestrator.line import Pause
from cutter_agent.orchestrator.pauses.sg_1_cut import AuthorizationRequested
from cutter_agent.orchestrator.pauses.sg_3_escalation import (
    EscalationApproved,
    EscalationRequested,
)
from cutter_agent.orchestrator.phases.cutplan import CutPlanned
from cutter_agent.orchestrator.phases.mark import Marked
from cutter_agent.orchestrator.phases.pre_write_backup import BackupTaken
from cutter_agent.orchestrator.phases.source_pin import SourcePinned
from cutter_agent.orchestrator.policy import NO_POLICY, TrustPolicy
from cutter_agent.orchestrator.ports import KBReporter, Site
from cutter_agent.orchestrator.reading import Reading
from cutter_agent.orchestrator.report import document_name, make_document
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.sheet import escalation_sheet, review_sheet
from cutter_agent.orchestrator.states import GATE_TTL_S, Gate, Mode, Role, Terminal
from cutter_agent.orchestrator.waiting import refused_before, yes_to

if TYPE_CHECKING:
    from cutter_agent.orchestrator.drive import Going

_SG_3_DOCUMENT: Final = "SG3-failure-escalation-request"
DECISIONS: Final = ("retry", "void")


@dataclass(frozen=True, slots=True)
class Given:
    """An approval that was checked and is to be consumed with the next phase."""

    kind: type[Approved]
    answer: Answer
    request: AuthorizationRequested
    mode: Mode

    def approved(self, consumed_utc: str) -> Approved:
        """Return the evidence that the consumption leaves."""
        return self.kind(
            gate=self.request.gate,
            run_id=self.request.run_id,
            mode=self.mode,
            request_sha256=self.answer.consumption.request_sha256,
            persons=self.answer.consumption.persons,
            key_ids=self.answer.consumption.key_ids,
            simulated=self.answer.simulated,
            review_decision_id=self.answer.review_decision_id,
            consumed_utc=consumed_utc,
        )

    def summary(self, consumed_utc: str) -> dict[str, Json]:
        """Return the approval as `cutter.run/1` lists it."""
        return {
            "gate": self.request.gate.value,
            "request_sha256": self.answer.consumption.request_sha256,
            "persons": list(self.answer.consumption.persons),
            "simulated": self.answer.simulated,
            "consumed_utc": consumed_utc,
        }


class Ask:
    """Writes requests and checks answers for one site."""

    def __init__(
        self,
        site: Site,
        kb: KBReporter,
        policy: TrustPolicy | None,
        publish: Callable[[RunContext], None],
    ) -> None:
        """Bind what requests are written to and answers are checked with."""
        self._site = site
        self._kb = kb
        self._policy = policy
        self._publish = publish

    def pass_pause(
        self,
        step: Pause,
        going: Going,
        reference: str | None,
        read_again: Callable[[Going], Reading],
    ) -> Given:
        """Return the approval of the pause's request; the facts were read again after the check.

        Raises:
            StopApprovalRequired: the request was written, or waits.
            Stop: whatever `authorize` refuses with; drift of the facts.
        """
        request = going.context.get(step.yields)
        if request is None or (reference is None and self._expired(request)):
            self._issue(step, going, read_again)
            raise StopApprovalRequired(f"{step.gate} waits for its approval")
        try:
            answer = self._authorize(reference, request, going.context)
        except StopApprovalExpired as expired:
            if self._expired(request):
                self._issue(step, going, read_again)
                expired.use_remedy("cutter approve {run}")
            raise
        read_again(going)
        return Given(step.approves, answer, request, self._site.mode)

    def outlived(self, step: Pause, context: RunContext) -> bool:
        """Say whether SG_1's request is past its life: the backup it names is then taken anew."""
        request = context.get(step.yields)
        return step.gate is Gate.SG_1 and request is not None and self._expired(request)

    def newest_approval(self, context: RunContext) -> Approved:
        """Return the approval that the run consumed last.

        Raises:
            StopApprovalRequired: it has consumed none.
        """
        for kind in (LifecycleApproved, CutApproved):
            found = context.get(kind)
            if found is not None:
                return found
        raise StopApprovalRequired("no approval is recorded", run_id=context.run_id)

    def escalate(self, going: Going, decision: str) -> None:
        """Carry the decision out if it is signed, or write its request.

        Raises:
            StopApprovalRequired: the request waits for signatures.
            StopApprovalInvalid: a person of the gate refused this decision; the run stays as it is.
        """
        context = going.context
        if self._site.mode is Mode.DRYRUN:
            self._decide(going, decision, None)
            return
        request = context.get(EscalationRequested)
        spent = request is not None and self._site.consumed_by(request.request_sha256) is not None
        if request is None or spent or self._outlived(request, decision, context):
            self._issue_escalation(going, decision)
            raise StopApprovalRequired(f"{Gate.SG_3} waits for its approval: {decision}")
        signed = self._kb.signatures(context.run_id, request.document)
        reference = f"sha256:{request.request_sha256}" if signed else None
        try:
            answer = self._authorize(reference, request, context)
        except StopRejected as refused:
            raise StopApprovalInvalid(
                # By its number: each request that is refused is a stop, and a refusal, of its own.
                f"{refused.fact}, request {request.number}: the run stays as it is",
                expected=yes_to(decision),
            ) from refused
        self._decide(going, decision, Given(EscalationApproved, answer, request, Mode.LIVE))

    def _decide(self, going: Going, decision: str, given: Given | None) -> None:
        now = utc_text(self._site.now_utc())
        body: dict[str, Json] = {"decision": decision, "simulated": given is None}
        if given is not None:
            body["consumed"] = given.answer.consumption.request_sha256
            body["approved"] = given.summary(now)
            body["notes"] = list(given.answer.ignored)
        event = RunEvent(len(going.context.history.events) + 1, EventKind.DECISION, now, body)
        consumption = None if given is None else given.answer.consumption
        if decision == "void":
            self._site.end(going.claim, event, [], consumption)
            return
        with self._site.step(going.claim, Role.EXECUTOR, None) as tx:
            if consumption is not None:
                tx.consume(consumption)
            tx.append(event, [])

    def _authorize(
        self, reference: str | None, request: AuthorizationRequested, context: RunContext
    ) -> Answer:
        asked = asked_of(context, request)
        return authorize(
            reference,
            asked,
            site=self._site,
            kb=self._kb,
            policy=self._policy,
            now_utc=self._site.now_utc(),
        )

    @property
    def _policy_sha256(self) -> str:
        return NO_POLICY if self._policy is None else self._policy.sha256

    def _outlived(self, request: EscalationRequested, decision: str, context: RunContext) -> bool:
        """Say whether nobody can say yes to this decision by signing the request any more."""
        return (
            request.decision != decision
            or refused_before(context, request)
            or self._expired(request)
            or request.policy_sha256 != self._policy_sha256
        )

    def _expired(self, request: AuthorizationRequested) -> bool:
        expires = parse_utc(request.expires_utc)
        return expires is None or self._site.now_utc() > expires

    def _issue(self, step: Pause, going: Going, read_again: Callable[[Going], Reading]) -> None:
        """Write the pause's next request after reading the facts again."""
        reading = read_again(going)
        sheet = review_sheet(step.gate, going.context, reading)
        self._write(going, step.gate, step.yields, step.document, sheet, None)

    def _issue_escalation(self, going: Going, decision: str) -> None:
        sheet = escalation_sheet(going.context, decision)
        self._write(going, Gate.SG_3, EscalationRequested, _SG_3_DOCUMENT, sheet, decision)

    def _write(
        self,
        going: Going,
        gate: Gate,
        kind: type[AuthorizationRequested],
        stem: str,
        sheet: str,
        decision: str | None,
    ) -> None:
        context = going.context
        number = 1 + sum(r.gate is gate for r in _requests(context))
        now = self._site.now_utc()
        nonce = self._site.nonce()
        fresh = ids.review_decision_id(context.run_id, nonce) if gate is Gate.SG_2 else None
        source = context.get(SourcePinned)
        header = ApprovalRequest(
            **_pinned(context),
            log_checkpoint=self._site.log_head(),
            schema=REQUEST_SCHEMA,
            gate=gate.value,
            run_id=context.run_id,
            mode=self._site.mode.value,
            document_id=context.document_id,
            allowance="explicit",
            nonce=nonce,
            issued_utc=utc_text(now),
            expires_utc=utc_text(now + timedelta(seconds=GATE_TTL_S[gate])),
            policy_sha256=self._policy_sha256,
            starter=context.history.header.starter,
            review_decision_id=fresh or "",
            decision=decision or "",
        )
        name = document_name(stem, context.history.header, number)
        document: RunDocument = make_document(name, render_request(header, sheet).decode())
        facts: FactSheet | None = None if source is None else source.facts
        record = kind(
            gate=gate,
            run_id=context.run_id,
            number=number,
            document=name,
            request_sha256=document.sha256,
            nonce=nonce,
            issued_utc=header.issued_utc,
            expires_utc=header.expires_utc,
            facts_sha256=NONE if facts is None else facts.sha256,
            policy_sha256=header.policy_sha256,
            review_decision_id=fresh,
            decision=decision,
        )
        body: dict[str, Json] = {
            "records": [{"type": kind.__name__, "fields": to_json(record)}],
            "document": name,
        }
        event = RunEvent(
            len(context.history.events) + 1, EventKind.REQUEST, header.issued_utc, body
        )
        with self._site.step(going.claim, Role.EXECUTOR, None) as tx:
            tx.append(event, [document])
        going.context = RunContext(self._site.load(context.run_id))
        self._publish(going.context)


def _pinned(context: RunContext) -> dict[str, str]:
    """Return the header's pins from the evidence; what is not there yet says none."""
    source, marked = context.get(SourcePinned), context.get(Marked)
    plan, backup = context.get(CutPlanned), context.get(BackupTaken)
    rehearsed = None if backup is None else backup.rehearsed
    return {
        "plan_sha256": NONE if plan is None else plan.plan_sha256,
        "manifest_root": NONE if plan is None else plan.manifest_root,
        "tree_size": NONE if plan is None else str(plan.tree_size),
        "unit_count": NONE if marked is None else str(marked.candidate_count),
        "facts_sha256": NONE if source is None else source.facts.sha256,
        "backup_sha256": NONE if backup is None else backup.backup_sha256,
        "rehearsal_root": NONE if rehearsed is None else rehearsed.root_sha256,
        "rehearsal_counts": NONE if rehearsed is None else rehearsed.enacted,
        "database": NONE if source is None else source.facts.database,
        "scope": "enacted_only",
    }


def _requests(context: RunContext) -> list[AuthorizationRequested]:
    return [r for r in context.all_records if isinstance(r, AuthorizationRequested)]


def _earlier(context: RunContext, request: AuthorizationRequested) -> dict[str, int]:
    return {
        r.request_sha256: r.number
        for r in _requests(context)
        if r.gate is request.gate and r.request_sha256 != request.request_sha256
    }


def asked_of(context: RunContext, request: AuthorizationRequested) -> Asked:
    """Return the request with what a judge of its signatures must know of the run."""
    text = next(d.text for d in context.history.documents if d.sha256 == request.request_sha256)
    first = context.get(CutApproved)
    return Asked(
        request=request,
        request_bytes=text.encode(),
        mode=context.history.header.mode,
        starter=context.history.header.starter,
        sg1_persons=() if first is None or first.simulated else first.persons,
        sg1_decision=None if first is None else first.review_decision_id,
        earlier=_earlier(context, request),
    )


def check_decision(context: RunContext, decision: str) -> None:
    """Return only if this can be decided of the run as it stands; the run itself stays untouched.

    Raises:
        StopRefusedInput: it is no decision, or there is nothing to decide.
    """
    if decision not in DECISIONS:
        raise StopRefusedInput(
            f"{decision!r} is no decision", expected="retry or void", run_id=context.run_id
        )
    if context.over or (decision == "retry" and context.terminal is not Terminal.FAILED):
        raise StopRefusedInput(
            f"the run is at {context.state} and has nothing to {decision}",
            expected="a failed run to retry, or one that is not over to void",
            run_id=context.run_id,
            remedy="cutter runs show {run}",
        )
