"""What a history says to the loop: how a failed run gets on, what earlier steps left, what was slow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from cutter_agent.errors import (
    STOP_BY_CODE,
    Category,
    Stop,
    StopClock,
    StopDrift,
    StopOverTime,
    StopRejected,
)
from cutter_agent.evidence.canonical import Json
from cutter_agent.evidence.codec import to_json
from cutter_agent.evidence.invariant import Evidence
from cutter_agent.orchestrator.approval import CLOCK_SKEW_S
from cutter_agent.orchestrator.clock import parse_utc, utc_text
from cutter_agent.orchestrator.gates import Finding
from cutter_agent.orchestrator.history import EventKind, RunEvent
from cutter_agent.orchestrator.line import PAUSES, Phase
from cutter_agent.orchestrator.phases.cutplan import CutPlanned
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import RUN_HARD_CAP_S
from cutter_agent.orchestrator.world import Progress


def failed_stop(context: RunContext) -> Stop | None:
    """Return the stop of a run that waits for a decision, worded as its way out."""
    recorded = context.stop
    if recorded is None or recorded.category is not Category.FAILED:
        return None
    return STOP_BY_CODE[recorded.code](
        recorded.fact,
        expected=recorded.expected,
        run_id=context.run_id,
        document_id=context.document_id,
        remedy="cutter runs retry {run}",
    )


def began_utc(context: RunContext, step: Phase) -> str:
    """Return when the recorded step began, or an empty text."""
    for event in context.history.events:
        if event.kind is EventKind.PHASE and event.body.get("phase") == step.name:
            return str(event.body.get("began_utc"))
    return ""


def progress_of(context: RunContext) -> Progress:
    """Return the phases that passed and the documents of the line so far."""
    passed = [e.body for e in context.history.events if e.kind is EventKind.PHASE]
    phases = {str(body.get("phase")): str(body.get("document")) for body in passed}
    requests = [context.get(pause.yields) for pause in PAUSES]
    names = sorted(
        [*phases.values()] + [request.document for request in requests if request is not None]
    )
    digests = {document.name: document.sha256 for document in context.history.documents}
    return Progress(
        tuple(phases),
        tuple(names),
        tuple(digests.get(name, "") for name in names),
    )


def notes_on(step: Phase, began_utc: str, ended_utc: str) -> tuple[str, ...]:
    """Return a note if the step took longer than its soft cap."""
    began, ended = parse_utc(began_utc), parse_utc(ended_utc)
    if began is None or ended is None:
        return ()
    took_s = (ended - began).total_seconds()
    if took_s <= step.soft_cap_s:
        return ()
    return (f"{step.name} took {took_s:.0f} s, over its soft cap of {step.soft_cap_s} s",)


def times_passed(context: RunContext, step: Phase) -> int:
    """Return how often the phase has passed: a backup is taken anew for each later request."""
    return sum(
        event.kind is EventKind.PHASE and event.body.get("phase") == step.name
        for event in context.history.events
    )


def check_time(context: RunContext, now: datetime) -> None:
    """Return only while the clock makes sense and the run has working time left.

    Raises:
        StopClock: it is earlier than the run's last entry.
        StopOverTime: the phases since the run began, or last stopped for this, took too long.
    """
    last = parse_utc(context.history.events[-1].at_utc)
    if last is not None and (last - now).total_seconds() > CLOCK_SKEW_S:
        raise StopClock(
            f"it is {utc_text(now)}, before the run's last entry at {utc_text(last)}",
            expected=f"a time after {utc_text(last)}",
        )
    if context.spent_s > RUN_HARD_CAP_S:
        raise StopOverTime(
            f"{context.spent_s:.0f} s of working time are used",
            expected=f"at most {RUN_HARD_CAP_S} s",
        )


def ends_run(stop: Stop, context: RunContext) -> bool:
    """Say whether the run is over by this stop.

    Drift ends it, and a refusal at a pause. What the source itself is refused for ends it while
    nothing is planned; later, the same stop can only come from something that was offered, and
    whoever offers it cannot end a run without a signature.
    """
    if isinstance(stop, (StopDrift, StopRejected)):
        return True
    return stop.category is Category.ENDED and context.get(CutPlanned) is None


def stop_body(
    stop: Stop, phase: str | None, findings: Sequence[Finding], document: str, *, ends: bool
) -> dict[str, Json]:
    """Return the body of the event that records the stop."""
    return {
        "code": stop.code,
        "sentence": stop.sentence,
        "fact": stop.fact,
        "expected": stop.expected,
        "remedy": stop.remedy,
        "phase": phase,
        "differences": [[d.name, d.then, d.now] for d in stop.differences],
        "findings": [to_json(finding) for finding in findings],
        "document": document,
        "ends": ends,
    }


def pins_with(context: RunContext, records: Sequence[Evidence]) -> dict[str, Json]:
    """Return the pins as they will be once these records are in the history."""
    body: dict[str, Json] = {
        "records": [{"type": type(r).__name__, "fields": to_json(r)} for r in records]
    }
    history = context.history
    event = RunEvent(len(history.events) + 1, EventKind.PHASE, history.header.created_utc, body)
    return RunContext(replace(history, events=(*history.events, event))).context_pins
