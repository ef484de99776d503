"""The approve sheet: what is asked, the facts then and now, who has signed, who may, the exact bytes."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from cutter_agent.bootstrap.approvals import waiting
from cutter_agent.bootstrap.facts_now import facts_of
from cutter_agent.bootstrap.standing import context_of, standing_under
from cutter_agent.errors import Stop
from cutter_agent.evidence.sshsig import APPROVAL_NAMESPACE, REJECT_NAMESPACE
from cutter_agent.orchestrator.approval import SHEET_RULE
from cutter_agent.orchestrator.ask import asked_of
from cutter_agent.orchestrator.authorize import check_signer
from cutter_agent.orchestrator.policy import TrustPolicy
from cutter_agent.orchestrator.policy_explain import deciders_of_run
from cutter_agent.orchestrator.states import Gate

if TYPE_CHECKING:
    from datetime import datetime

    from cutter_agent.bootstrap.desk import Desk
    from cutter_agent.bootstrap.standing import Standing
    from cutter_agent.orchestrator.authorize import Asked
    from cutter_agent.orchestrator.run_context import RunContext

QUESTIONS = {
    Gate.SG_1: "May these drafts be written into the database?",
    Gate.SG_2: "May what was written and verified come into force?",
}
DECISIONS = {
    "retry": "May the failed run try its failed phase again?",
    "void": "May this run be ended for good, and its document set free?",
}
"""What SG_3 asks, by the decision that was asked for."""


@dataclass(frozen=True, slots=True)
class FactRow:
    """One fact as the run pinned it and as it is now."""

    name: str
    then: str
    now: str

    @property
    def changed(self) -> bool:
        """True if it is another one now: an approval would not be taken."""
        return self.then != self.now


@dataclass(frozen=True, slots=True)
class Signatory:
    """One person and their part in this decision.

    Attributes:
        status: signed, refused, may or barred.
        reason: why they are barred; empty otherwise.
    """

    person: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class ApprovalSheet:
    """What one person decides on.

    Attributes:
        header: the request's `key: value` lines, in order.
        review: the review sheet below them.
        body: the exact bytes that are signed.
        may_approve: true if an approval of the person who looks could succeed now.
        may_reject: the same of a refusal.
        refusal: why not, in a sentence; empty where it could.
        command: the ssh-keygen line that makes the signature from the downloaded request.
        reject_command: the same for a refusal.
        twin: the command that does the same at the deployment's own machine.
    """

    run_id: str
    document_id: str
    mode: str
    starter: str
    gate: str
    question: str
    decision: str
    document: str
    request_sha256: str
    number: int
    issued_utc: str
    expires_utc: str
    left_s: int
    threshold: int
    signed: tuple[str, ...]
    rejected: tuple[str, ...]
    persons: tuple[Signatory, ...]
    facts: tuple[FactRow, ...]
    header: tuple[tuple[str, str], ...]
    review: str
    body: bytes
    may_approve: bool
    may_reject: bool
    refusal: str
    namespace: str
    reject_namespace: str
    command: str
    reject_command: str
    twin: str

    @property
    def download(self) -> str:
        """The name of the downloaded request: two runs of one day ask under one name."""
        return f"{self.run_id}.{self.document}"

    @property
    def onward(self) -> str:
        """The command that goes on where no signature counts any more."""
        return (
            f"cutter runs {self.decision} {self.run_id}"
            if self.decision
            else f"cutter resume {self.run_id}"
        )

    @property
    def missing(self) -> int:
        """How many signatures are missing."""
        return max(0, self.threshold - len(self.signed))

    @property
    def drifted(self) -> bool:
        """True if a fact changed since it was pinned."""
        return any(row.changed for row in self.facts)


def approval_sheet(desk: Desk, run_id: str, person: str | None) -> ApprovalSheet:
    """The sheet of the request that the run waits at, as this person sees it.

    Raises:
        StopRunUnknown: there is no such run.
        StopRefusedInput: it waits for no approval.
    """
    context = context_of(desk, run_id)
    asked_bytes = waiting(context)
    request = asked_bytes.request
    policy, now = desk.policy(), desk.now_utc()
    here = standing_under(desk, context, policy, now)
    facts = _facts(desk, context, policy)
    asked = asked_of(context, request)
    approve, reject = _refusals(person, asked, policy, here, now)
    if any(row.changed for row in facts) and request.decision != "void":
        approve = approve or "a fact has changed since the request was written"
    name = f"{context.run_id}.{request.document}"
    header, _, review = asked_bytes.body.decode().partition(SHEET_RULE)
    return ApprovalSheet(
        run_id=context.run_id,
        document_id=context.document_id,
        mode=context.history.header.mode.value,
        starter=asked.starter,
        gate=request.gate.value,
        question=DECISIONS[request.decision] if request.decision else QUESTIONS[request.gate],
        decision=request.decision or "",
        document=request.document,
        request_sha256=request.request_sha256,
        number=request.number,
        issued_utc=request.issued_utc,
        expires_utc=request.expires_utc,
        left_s=int(here.left_s),
        threshold=here.threshold,
        signed=here.signed,
        rejected=here.rejected,
        persons=_persons(context, policy, here, now),
        facts=facts,
        header=_pairs(header),
        review=review,
        body=asked_bytes.body,
        may_approve=not approve,
        may_reject=not reject,
        refusal=approve,
        namespace=APPROVAL_NAMESPACE,
        reject_namespace=REJECT_NAMESPACE,
        command=sign_command(name, person, APPROVAL_NAMESPACE),
        reject_command=sign_command(name, person, REJECT_NAMESPACE, ".reject"),
        twin=f"cutter approve {context.run_id}",
    )


def sign_command(document: str, person: str | None, namespace: str, kind: str = "") -> str:
    """The line that signs a file of this name with the person's own key."""
    name = shlex.quote(document)
    signature = shlex.quote(f"{document}.{person or 'PERSON'}{kind}.sig")
    return f"ssh-keygen -Y sign -f ~/.ssh/id_ed25519 -n {namespace} < {name} > {signature}"


def _refusals(
    person: str | None,
    asked: Asked,
    policy: TrustPolicy | None,
    here: Standing,
    now_utc: datetime,
) -> tuple[str, str]:
    """Why the person's approval, and why their refusal, could not succeed; empty where it could."""
    if policy is None:
        sentence = "this deployment has no trust policy, so nobody can sign"
        return sentence, sentence
    if person is None:
        return "sign in to decide", "sign in to decide"
    if person in here.signed or person in here.rejected:
        said = "you have signed it" if person in here.signed else "you have refused it"
        return said, said
    if here.rejected:
        return f"{', '.join(here.rejected)} refused it", "it is refused already"
    approve = _fault(person, asked, policy, now_utc, rejects=False)
    if not approve and here.complete:
        approve = "enough persons have signed"
    return approve, _fault(person, asked, policy, now_utc, rejects=True)


def _fault(
    person: str, asked: Asked, policy: TrustPolicy, now_utc: datetime, *, rejects: bool
) -> str:
    """The first reason that holds for every key of the person; empty if one key could decide."""
    from cutter_agent.evidence.sshsig import parse_public_key

    fault = "the trust policy does not know you"
    for each in policy.persons:
        if each.name == person:
            for key in each.keys:
                try:
                    check_signer(
                        parse_public_key(key.public_key), asked, policy, now_utc, rejects=rejects
                    )
                except Stop as stop:
                    fault = stop.fact
                else:
                    return ""
    return fault


def _persons(
    context: RunContext, policy: TrustPolicy | None, here: Standing, now_utc: datetime
) -> tuple[Signatory, ...]:
    if policy is None:
        return ()
    try:
        found = deciders_of_run(policy, context, now_utc)
    except Stop:
        return ()
    rows: dict[str, Signatory] = {name: Signatory(name, "may", "") for name in found.may}
    rows |= {name: Signatory(name, "barred", reason) for name, reason in found.may_not}
    rows |= {name: Signatory(name, "signed", "") for name in here.signed}
    rows |= {name: Signatory(name, "refused", "") for name in here.rejected}
    return tuple(rows[name] for name in sorted(rows))


def _facts(desk: Desk, context: RunContext, policy: TrustPolicy | None) -> tuple[FactRow, ...]:
    sheets = facts_of(desk, context, policy)
    if sheets is None:
        return ()
    then, now = sheets
    return tuple(
        FactRow(each.name, str(getattr(then, each.name)), str(getattr(now, each.name)))
        for each in fields(then)
    )


def _pairs(header: str) -> tuple[tuple[str, str], ...]:
    lines = [line.partition(": ") for line in header.split("\n") if line]
    return tuple((name, value) for name, _, value in lines)
