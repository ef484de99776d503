"""What a call on a run answers, for programs and for people (Contract 8, 11)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cutter_agent.errors import EXIT_DONE, STOP_BY_CODE, Stop
from cutter_agent.evidence.canonical import Json
from cutter_agent.orchestrator.facts import NonMutationLevel
from cutter_agent.orchestrator.history import EventKind, RunEvent
from cutter_agent.orchestrator.line import LINE, Phase
from cutter_agent.orchestrator.ports import KBReporter
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import Mode, OrchestratorState, Terminal


@dataclass(frozen=True, slots=True)
class RunResult:
    """Where a run stands after a call.

    Attributes:
        context: the run, read from its history.
        stop_code: why it does not go on, or None.
        sentence: that in words.
        remedy: the exact next command.
        exit_status: what a command line exits with.
        location: where the run's documents lie.
    """

    context: RunContext
    stop_code: str | None
    sentence: str
    remedy: str
    exit_status: int
    location: str

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.context.run_id

    @property
    def document_id(self) -> str:
        """The document's code."""
        return self.context.document_id

    @property
    def mode(self) -> Mode:
        """Dry run or live."""
        return self.context.history.header.mode

    @property
    def state(self) -> OrchestratorState:
        """How far the run has come."""
        return self.context.state

    @property
    def terminal(self) -> Terminal | None:
        """Why the run does not move by itself, or None."""
        return self.context.terminal

    def saying(self, sentence: str) -> RunResult:
        """Return this result with another sentence and nothing to do next."""
        return replace(self, sentence=sentence, stop_code=None, remedy="", exit_status=EXIT_DONE)


def result_of(context: RunContext, kb: KBReporter, stop: Stop | None = None) -> RunResult:
    """Return where the run stands; `stop` is the one that this call met, if any."""
    recorded = context.stop
    if stop is not None:
        return RunResult(
            context,
            stop.code,
            stop.sentence,
            stop.remedy,
            stop.exit_status,
            kb.location(context.run_id),
        )
    if recorded is not None and context.state is not OrchestratorState.CLOSEOUT_REPORTED:
        return RunResult(
            context,
            recorded.code,
            recorded.sentence,
            recorded.remedy,
            recorded.exit_status,
            kb.location(context.run_id),
        )
    if context.voided:
        stop_code = "STOP_REJECTED"
        return RunResult(
            context,
            stop_code,
            "The run was voided by a decision.",
            f"cutter cut {context.document_id}",
            STOP_BY_CODE[stop_code].exit_status,
            kb.location(context.run_id),
        )
    closed = context.state is OrchestratorState.CLOSEOUT_REPORTED
    sentence = "The run is closed out." if closed else f"The run is at {context.state}."
    remedy = "" if closed else f"cutter resume {context.run_id}"
    return RunResult(context, None, sentence, remedy, EXIT_DONE, kb.location(context.run_id))


def run_json(result: RunResult) -> dict[str, Json]:
    """Return the JSON document `cutter.run/1` (Contract 11)."""
    context = result.context
    return {
        "schema": "cutter.run/1",
        "run_id": result.run_id,
        "document_id": result.document_id,
        "mode": result.mode.value,
        "state": result.state.value,
        "terminal": None if result.terminal is None else result.terminal.value,
        "stop_code": result.stop_code,
        "sentence": result.sentence,
        "remedy": result.remedy,
        "exit_status": result.exit_status,
        "created_utc": context.history.header.created_utc,
        "starter": context.history.header.starter,
        "pins": context.context_pins,
        "phases": [_phase(step, context) for step in LINE if isinstance(step, Phase)],
        "approvals": _approvals(context),
        "documents": [{"name": d.name, "sha256": d.sha256} for d in context.history.documents],
        "documents_dir": result.location,
        "non_mutation": _non_mutation(context),
    }


def _phase(step: Phase, context: RunContext) -> dict[str, Json]:
    done = {item.name for item in context.steps_done}
    failed = context.stop is not None and context.stop.phase == step.name
    state = "passed" if step.name in done else "failed" if failed else "waiting"
    document: str | None = None
    for event in context.history.events:
        if event.kind is EventKind.PHASE and event.body.get("phase") == step.name:
            document = str(event.body.get("document"))
    return {
        "name": step.name,
        "gate": step.gate,
        "result": state,
        "invariants": [
            {"id": f.id, "sentence": f.sentence, "held": f.held, "because": f.because}
            for f in context.findings(step.name)
        ],
        "document": document,
    }


def _approvals(context: RunContext) -> list[Json]:
    found: list[Json] = []
    for event in context.history.events:
        approved = event.body.get("approved")
        if event.kind in {EventKind.PHASE, EventKind.DECISION} and isinstance(approved, dict):
            found.append(dict(approved))
    return found


def _non_mutation(context: RunContext) -> Json:
    proofs = [e for e in context.history.events if e.kind is EventKind.PROOF]
    if context.history.header.mode is Mode.LIVE or not proofs:
        return {"level": "NOT_APPLICABLE", "before": None, "after": None}
    order = [level.value for level in NonMutationLevel]
    weakest: RunEvent = min(proofs, key=lambda proof: order.index(str(proof.body.get("level"))))
    return {key: weakest.body.get(key) for key in ("level", "before", "after")}
