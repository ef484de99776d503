"""The rail: the 14 states of a run in their order, each with what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cutter_agent.orchestrator.line import LINE, Pause, Phase
from cutter_agent.orchestrator.states import OrchestratorState

if TYPE_CHECKING:
    from cutter_agent.evidence.canonical import Json
    from cutter_agent.orchestrator.history import RunEvent
    from cutter_agent.orchestrator.run_context import RunContext

DONE: Final = "done"
WAITING: Final = "waiting"
FAILED: Final = "failed"
AHEAD: Final = "ahead"


@dataclass(frozen=True, slots=True)
class RailStep:
    """One of the 14 states: how it is reached and whether it was.

    Attributes:
        kind: start, phase or pause.
        status: done, waiting (a pause, or where the run stands still), failed or ahead.
        at_utc: when it was reached; empty before.
    """

    state: str
    name: str
    kind: str
    status: str
    at_utc: str


def rail_of(context: RunContext) -> tuple[RailStep, ...]:
    """The 14 states in order, each with what became of it."""
    reached = {OrchestratorState.PENDING: context.history.header.created_utc}
    reaches = {step.yields.__name__: step.reaches for step in LINE}
    for event in context.history.events:
        for record in _records(event):
            state = reaches.get(_type_of(record))
            if state is not None:
                reached[state] = event.at_utc
    done = {step.reaches for step in context.steps_done}
    failed = None if context.stop is None else context.stop.phase
    # Whoever refused or ended the run did so at the step that was next; a gate's own step is its request.
    ended = context.terminal is not None and context.over
    rail = [
        RailStep(
            OrchestratorState.PENDING.value,
            "pending",
            "start",
            DONE,
            reached[OrchestratorState.PENDING],
        )
    ]
    for step in LINE:
        status = DONE if step.reaches in done else AHEAD
        if isinstance(step, Pause) and context.state is step.reaches and not context.over:
            status = WAITING
        elif status == AHEAD and step.name == failed and context.terminal is not None:
            status = FAILED
        elif ended and _ended_at(step, context):
            status, ended = FAILED, False
        kind = "pause" if isinstance(step, Pause) else "phase"
        at_utc = reached.get(step.reaches, "") if step.reaches in done else ""
        rail.append(RailStep(step.reaches.value, step.name, kind, status, at_utc))
    return tuple(rail)


def _ended_at(step: Phase | Pause, context: RunContext) -> bool:
    """Say whether a run that is over came to its end at this step: its gate, or the step after its last."""
    at_gate = any(isinstance(each, Pause) and each.reaches is context.state for each in LINE)
    failed = context.stop is not None and any(
        each.name == context.stop.phase for each in LINE if isinstance(each, Phase)
    )
    if at_gate and not failed:
        return step.reaches is context.state
    return not failed and step.reaches not in {each.reaches for each in context.steps_done}


def _records(event: RunEvent) -> list[Json]:
    records = event.body.get("records")
    return list(records) if isinstance(records, (list, tuple)) else []


def _type_of(record: Json) -> str:
    return str(record.get("type")) if isinstance(record, dict) else ""
