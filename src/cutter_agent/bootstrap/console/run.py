"""One run on one screen: the rail of 14 states, the phases with their findings, what comes next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cutter_agent.bootstrap.console.paging import Part, part
from cutter_agent.bootstrap.console.rail import AHEAD, DONE, FAILED, RailStep, rail_of
from cutter_agent.bootstrap.facts_now import drifted
from cutter_agent.bootstrap.standing import (
    Standing,
    context_of,
    event_json,
    explain,
    recorded_stop,
    standing_under,
)
from cutter_agent.errors import Category, Stop
from cutter_agent.orchestrator.history import EventKind, RunEvent
from cutter_agent.orchestrator.line import LINE, Phase
from cutter_agent.orchestrator.result import result_of
from cutter_agent.orchestrator.states import OrchestratorState

if TYPE_CHECKING:
    from cutter_agent.bootstrap.desk import Desk
    from cutter_agent.errors import Difference
    from cutter_agent.evidence.canonical import Json
    from cutter_agent.orchestrator.gates import Finding
    from cutter_agent.orchestrator.run_context import RunContext

LOG_A_PAGE: Final = 100


@dataclass(frozen=True, slots=True)
class PhaseView:
    """One phase: its gate, its time and every finding."""

    name: str
    gate: str
    result: str
    began_utc: str
    ended_utc: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    document: str


@dataclass(frozen=True, slots=True)
class LogLine:
    """One entry of the history."""

    seq: int
    kind: str
    at_utc: str
    phase: str
    what: str


@dataclass(frozen=True, slots=True)
class Action:
    """Something that a person may do with the run now, or may not, and why.

    Attributes:
        verb: approve, reject, resume, retry, void or cut.
        url: where the form is sent; of approve and reject the sheet.
        method: get or post.
        role: which role it takes.
        reason: why it could not succeed now; empty where it could.
        command: the same on a terminal.
    """

    verb: str
    url: str
    method: str
    role: str
    reason: str
    command: str

    @property
    def allowed(self) -> bool:
        """True if it could succeed now."""
        return not self.reason


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as its page shows it.

    Attributes:
        context: the run itself, for whoever needs its evidence.
        standing: the request that waits and the signatures beside it.
        stop: the stop that the run stands at, or None.
        drifted: the facts that are others now than the run pinned, while its write is still to come; a
            resume would end there.
        primary: the one thing to do next, or None where nothing is left to do.
        actions: everything that may be asked of the run.
    """

    run_id: str
    document_id: str
    mode: str
    state: str
    terminal: str
    starter: str
    created_utc: str
    over: bool
    sentence: str
    cause: str
    who: str
    command: str
    rail: tuple[RailStep, ...]
    phases: tuple[PhaseView, ...]
    log: Part[LogLine]
    pins: dict[str, Json]
    approvals: tuple[ApprovalUsed, ...]
    documents: tuple[tuple[str, str], ...]
    folder: str
    non_mutation: str
    stop: Stop | None
    standing: Standing
    drifted: tuple[Difference, ...]
    context: RunContext
    primary: Action | None
    actions: tuple[Action, ...]


@dataclass(frozen=True, slots=True)
class ApprovalUsed:
    """An approval that the run consumed."""

    gate: str
    persons: tuple[str, ...]
    request_sha256: str
    simulated: bool
    consumed_utc: str


def run(desk: Desk, run_id: str, *, log_number: int = 1, log_size: int = LOG_A_PAGE) -> RunView:
    """The run as it stands now; its log a page at a time, newest first.

    Raises:
        StopRunUnknown: there is no such run.
        StopEvidenceMismatch: its history cannot be read.
    """
    context = context_of(desk, run_id)
    policy = desk.policy()
    here = standing_under(desk, context, policy, desk.now_utc())
    stop = recorded_stop(context)
    cause, who, command = explain(context, here, stop)
    header, history = context.history.header, context.history
    result = result_of(context, desk.reporter())
    changed = drifted(desk, context, policy)
    actions = actions_of(context, here, stop, drifted=bool(changed))
    log = [log_line(event) for event in reversed(history.events)]
    return RunView(
        run_id=context.run_id,
        document_id=context.document_id,
        mode=header.mode.value,
        state=context.state.value,
        terminal="" if context.terminal is None else context.terminal.value,
        starter=header.starter,
        created_utc=header.created_utc,
        over=context.over,
        sentence=result.sentence,
        cause=cause,
        who=who,
        command=command,
        rail=rail_of(context),
        phases=phases_of(context),
        log=part(log, log_number, log_size),
        pins=context.context_pins,
        approvals=_approvals(context),
        documents=tuple((each.name, each.sha256) for each in history.documents),
        folder=result.location,
        non_mutation=_proof(context),
        stop=stop,
        standing=here,
        drifted=changed,
        context=context,
        primary=next((each for each in actions if each.allowed), None),
        actions=actions,
    )


def phases_of(context: RunContext) -> tuple[PhaseView, ...]:
    """The 11 phases in order, each with its newest gate report."""
    done = {step.name for step in context.steps_done}
    found: list[PhaseView] = []
    for step in LINE:
        if not isinstance(step, Phase):
            continue
        body: dict[str, Json] = {}
        failed = context.stop is not None and context.stop.phase == step.name
        for event in context.history.events:
            if event.kind is EventKind.PHASE and event.body.get("phase") == step.name:
                body = event.body
        notes = body.get("notes")
        found.append(
            PhaseView(
                name=step.name,
                gate=step.gate,
                result=DONE if step.name in done else FAILED if failed else AHEAD,
                began_utc=str(body.get("began_utc") or ""),
                ended_utc=str(body.get("ended_utc") or ""),
                findings=context.findings(step.name),
                notes=tuple(map(str, notes)) if isinstance(notes, (list, tuple)) else (),
                document=str(body.get("document") or ""),
            )
        )
    return tuple(found)


def actions_of(
    context: RunContext, here: Standing, stop: Stop | None, *, drifted: bool = False
) -> tuple[Action, ...]:
    """What may be asked of the run, the one that moves it first."""
    run_id, base = context.run_id, f"/runs/{context.run_id}"
    if context.over:
        closed = context.state is OrchestratorState.CLOSEOUT_REPORTED
        cut = Action(
            "cut",
            f"/documents/{context.document_id}/cut",
            "post",
            "runner",
            "the run is closed out" if closed else "",
            f"cutter cut {context.document_id}",
        )
        return (cut,)
    signing = _signing(context, here)
    void_asked = here.request is not None and here.request.decision == "void"
    unsigned = signing or (
        "a fact has changed since it was pinned" if drifted and not void_asked else ""
    )
    gate = "" if here.request is None else here.request.gate.name
    resume = Action(
        "resume",
        f"{base}/resume",
        "post",
        "runner",
        "" if drifted else _no_resume(here, stop),
        f"cutter resume {run_id}",
    )
    failed = stop is not None and stop.category is Category.FAILED
    asked = None if here.request is None else here.request.decision
    retry = Action(
        "retry",
        f"{base}/retry",
        "post",
        "runner",
        _no_decision(context, here, asked, "retry", possible=failed),
        f"cutter runs retry {run_id}",
    )
    void = Action(
        "void",
        f"{base}/void",
        "post",
        "runner",
        _no_decision(context, here, asked, "void", possible=True),
        f"cutter runs void {run_id}",
    )
    approve = Action(
        "approve",
        f"{base}/approve",
        "get",
        f"approver:{gate}",
        unsigned,
        f"cutter approve {run_id}",
    )
    reject = Action(
        "reject",
        f"{base}/approve",
        "get",
        f"approver:{gate}",
        signing,
        f"cutter reject {run_id} --reason TEXT",
    )
    return (approve, resume, retry, reject, void)


def log_line(event: RunEvent) -> LogLine:
    """One entry of a history as a line."""
    told = event_json(event)
    phase = told["phase"]
    return LogLine(
        event.seq,
        event.kind.value,
        event.at_utc,
        "" if phase is None else str(phase),
        str(told["what"]),
    )


def _signing(context: RunContext, here: Standing) -> str:
    if here.request is None:
        return f"the run is at {context.state} and waits for no signature"
    reasons = (
        (not here.threshold, "there is no trust policy"),
        (here.left_s <= 0, "the request has expired; resume writes a new one"),
        (bool(here.rejected), f"{', '.join(here.rejected)} refused it"),
        (here.complete, "enough persons have signed"),
        (not here.may_sign, "nobody is left who may sign"),
    )
    return next((reason for holds, reason in reasons if holds), "")


def _no_resume(here: Standing, stop: Stop | None) -> str:
    if here.request is not None and here.request.decision is not None:
        return "a decision of SG_3 waits: retry or void carries it out"
    if here.request is not None and not here.complete and here.left_s > 0:
        missing = max(0, here.threshold - len(here.signed))
        return f"{missing} more signatures are missing" if here.threshold else "nobody can sign yet"
    if stop is not None and stop.category is Category.FAILED:
        return "the run has failed: retry it or void it"
    return ""


def _no_decision(
    context: RunContext, here: Standing, asked: str | None, decision: str, *, possible: bool
) -> str:
    if not possible:
        return "the run has not failed"
    if asked == decision and not here.complete and here.left_s > 0:
        return f"the decision to {decision} waits for signatures"
    if context.state is OrchestratorState.CLOSEOUT_REPORTED:
        return "the run is closed out"
    return ""


def _approvals(context: RunContext) -> tuple[ApprovalUsed, ...]:
    found: list[ApprovalUsed] = []
    for event in context.history.events:
        used = event.body.get("approved")
        if isinstance(used, dict):
            persons = used.get("persons")
            found.append(
                ApprovalUsed(
                    gate=str(used.get("gate")),
                    persons=tuple(map(str, persons)) if isinstance(persons, (list, tuple)) else (),
                    request_sha256=str(used.get("request_sha256")),
                    simulated=used.get("simulated") is True,
                    consumed_utc=str(used.get("consumed_utc")),
                )
            )
    return tuple(found)


def _proof(context: RunContext) -> str:
    proofs = [event for event in context.history.events if event.kind is EventKind.PROOF]
    return str(proofs[-1].body.get("level", "")) if proofs else ""
