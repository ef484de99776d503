"""What a run waits for: the request of its pause, or of a decision (SG_3) that nobody has answered."""

from __future__ import annotations

from cutter_agent.orchestrator.history import EventKind
from cutter_agent.orchestrator.line import PAUSES
from cutter_agent.orchestrator.pauses.sg_1_cut import AuthorizationRequested
from cutter_agent.orchestrator.pauses.sg_3_escalation import EscalationRequested
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import Terminal


def waiting_request(context: RunContext) -> AuthorizationRequested | None:
    """Return the request that the run waits at: of SG_3 while it is undecided, else of its pause."""
    # A stop that leaves the run at its pause, such as a bad signature, leaves its request waiting too.
    ends = context.over or context.terminal is Terminal.FAILED
    return _undecided(context) or (None if ends else pause_request(context))


def pause_request(context: RunContext) -> AuthorizationRequested | None:
    """Return the newest request of the pause that the run stands at, if it stands at one."""
    for pause in PAUSES:
        if context.state is pause.reaches:
            return context.get(pause.yields)
    return None


def refused_before(context: RunContext, request: EscalationRequested) -> bool:
    """Say whether a person of the gate has refused what this request of SG_3 asks for, on record."""
    for event in reversed(context.history.events):
        if event.kind is EventKind.STOP and event.body.get("expected") == yes_to(request.decision):
            return True
        if event.kind is EventKind.REQUEST and event.body.get("document") == request.document:
            return False
    return False


def yes_to(decision: str | None) -> str:
    """Return what a refused request of SG_3 wanted: the stop that records a refusal is known by it."""
    return f"a yes to {decision}"


def _undecided(context: RunContext) -> EscalationRequested | None:
    """Return the request of SG_3 if nothing was decided, refused, done or asked for since."""
    request = context.get(EscalationRequested)
    if request is not None and refused_before(context, request):
        return None
    for event in reversed(context.history.events):
        if event.kind in {EventKind.DECISION, EventKind.PHASE}:
            return None
        if event.kind is EventKind.REQUEST:
            same = request is not None and event.body.get("document") == request.document
            return request if same else None
    return None
