"""What a run's history means: evidence, state, outcome and pins, all derived, none stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TypeVar

from cutter_agent.errors import (
    STOP_BY_CODE,
    Category,
    Stop,
    StopApprovalInvalid,
    StopApprovalRequired,
    StopEvidenceMismatch,
)
from cutter_agent.evidence.canonical import Json
from cutter_agent.evidence.codec import from_json
from cutter_agent.evidence.invariant import Evidence
from cutter_agent.orchestrator.clock import parse_utc
from cutter_agent.orchestrator.gates import Finding
from cutter_agent.orchestrator.history import EventKind, RunEvent, RunHistory
from cutter_agent.orchestrator.line import EVIDENCE_TYPES, LINE, Pause, Phase
from cutter_agent.orchestrator.phases.closeout import ClosedOut
from cutter_agent.orchestrator.phases.cut_leg_a import LegACut
from cutter_agent.orchestrator.phases.cutplan import CutPlanned
from cutter_agent.orchestrator.phases.leg_b_record import LegBRecorded
from cutter_agent.orchestrator.phases.lifecycle_enact import LifecycleEnacted
from cutter_agent.orchestrator.phases.mark import Marked
from cutter_agent.orchestrator.phases.source_pin import SourcePinned
from cutter_agent.orchestrator.phases.write_verify import WriteVerified
from cutter_agent.orchestrator.policy import strip_secrets
from cutter_agent.orchestrator.states import OrchestratorState, Terminal

E = TypeVar("E", bound=Evidence)
_APPROVAL_EXITS = frozenset({StopApprovalRequired.exit_status, StopApprovalInvalid.exit_status})


@dataclass(frozen=True, slots=True)
class StopRecord:
    """A stop as the history holds it."""

    code: str
    sentence: str
    fact: str
    expected: str
    remedy: str
    exit_status: int
    category: Category
    ends: bool
    """True if the run is over by this stop."""
    phase: str | None
    at_utc: str
    differences: tuple[tuple[str, str, str], ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class RunContext:
    """One run, read from its history; what it means is worked out once."""

    history: RunHistory

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.history.header.run_id

    @property
    def document_id(self) -> str:
        """The code of the document that the run is about."""
        return self.history.header.document_id

    @cached_property
    def all_records(self) -> tuple[Evidence, ...]:
        """Every piece of evidence that the history holds, oldest first."""
        return tuple(r for event in self.history.events for r in _records(event))

    @cached_property
    def evidence(self) -> Mapping[type, Evidence]:
        """The evidence that the history holds, the newest of each type."""
        return MappingProxyType({type(record): record for record in self.all_records})

    def get(self, kind: type[E]) -> E | None:
        """Return the newest evidence of this type, or None."""
        record = self.evidence.get(kind)
        return record if isinstance(record, kind) else None

    @cached_property
    def steps_done(self) -> tuple[Phase | Pause, ...]:
        """The steps of the line that the history holds evidence of, from the first without gap."""
        have = self.evidence
        done: list[Phase | Pause] = []
        for step in LINE:
            if step.yields not in have:
                break
            done.append(step)
        return tuple(done)

    @property
    def state(self) -> OrchestratorState:
        """The state that the last step done has reached."""
        done = self.steps_done
        return done[-1].reaches if done else OrchestratorState.PENDING

    @cached_property
    def stop(self) -> StopRecord | None:
        """The stop that the run stands at, or None when it has moved on since or never stopped.

        That a decision (SG_3) waits for signatures, or was refused them, hides no failure it is about.
        """
        for event in reversed(self.history.events):
            if event.kind is EventKind.STOP:
                record = _stop_record(event)
                of_a_decision = record.phase is None and record.exit_status in _APPROVAL_EXITS
                if not of_a_decision:
                    return record
            if event.kind in {EventKind.PHASE, EventKind.DECISION, EventKind.OPENED}:
                return None
        return None

    @property
    def voided(self) -> bool:
        """True if a signed decision has ended the run."""
        decided = [e for e in self.history.events if e.kind is EventKind.DECISION]
        return bool(decided) and decided[-1].body.get("decision") == "void"

    @property
    def terminal(self) -> Terminal | None:
        """Why the run does not move by itself, or None: it is moving, waiting or closed out."""
        if self.voided:
            return Terminal.VOIDED
        stop = self.stop
        if stop is None or stop.code == StopApprovalRequired.code:
            return None
        if stop.code == "STOP_REJECTED":
            return Terminal.VOIDED
        return Terminal.FAILED if stop.category is Category.FAILED else Terminal.STOPPED

    @property
    def over(self) -> bool:
        """True if nothing can move this run again: closed out, ended or voided."""
        if self.voided or self.state is OrchestratorState.CLOSEOUT_REPORTED:
            return True
        stop = self.stop
        return stop is not None and stop.ends

    @property
    def spent_s(self) -> float:
        """Working time of the phases since the run began or last stopped over time, in seconds."""
        total = 0.0
        for event in self.history.events:
            if event.body.get("code") == "STOP_OVER_TIME":
                total = 0.0
            began = parse_utc(str(event.body.get("began_utc", "")))
            ended = parse_utc(str(event.body.get("ended_utc", "")))
            if began is not None and ended is not None:
                total += max(0.0, (ended - began).total_seconds())
        return total

    def findings(self, phase: str) -> tuple[Finding, ...]:
        """Return the gate report of a phase that passed, or of its last failure."""
        for event in reversed(self.history.events):
            if event.kind in {EventKind.PHASE, EventKind.STOP} and event.body.get("phase") == phase:
                return tuple(_findings(event.body))
        return ()

    @property
    def context_pins(self) -> dict[str, Json]:
        """The pins that the sidecar and the reports show (Contract 3), from the evidence."""
        pins: dict[str, Json] = {}
        if (source := self.get(SourcePinned)) is not None:
            pins["region_sha"] = source.region_sha256
        if (marked := self.get(Marked)) is not None:
            pins["candidate_count"] = marked.candidate_count
            pins["excluded_count"] = marked.excluded_count
            pins["unaccounted_bytes"] = marked.unaccounted_bytes
        if (plan := self.get(CutPlanned)) is not None:
            pins["manifest_digest"] = plan.manifest_root
            pins["tree_size"] = plan.tree_size
            pins["writer_digest"] = plan.plan_sha256
        if (cut := self.get(LegACut)) is not None:
            pins["change_set_id"] = cut.change_set_id
        if (leg_b := self.get(LegBRecorded)) is not None:
            pins["manifest_envelope_id"] = leg_b.manifest_envelope_id
        if (verified := self.get(WriteVerified)) is not None:
            pins["verify_result_id"] = verified.verify_result_id
        if (enacted := self.get(LifecycleEnacted)) is not None:
            pins["lifecycle_enacted"] = True
            pins["lifecycle_enacted_count"] = enacted.enacted
        if (closed := self.get(ClosedOut)) is not None:
            pins["candidate_count_confirmed"] = closed.candidate_count
            pins["all_phase_docs_uploaded"] = not closed.documents_missing
            pins["sidecar_state_final"] = "success"
        stripped = strip_secrets(pins)
        return dict(stripped) if isinstance(stripped, Mapping) else {}


def _records(event: RunEvent) -> Sequence[Evidence]:
    if event.kind not in {EventKind.PHASE, EventKind.REQUEST}:
        return ()
    records = event.body.get("records")
    if not isinstance(records, Sequence) or isinstance(records, str):
        raise StopEvidenceMismatch(f"event {event.seq} holds no evidence")
    return [_record(item) for item in records]


def _record(item: Json) -> Evidence:
    if not isinstance(item, Mapping) or str(item.get("type")) not in EVIDENCE_TYPES:
        raise StopEvidenceMismatch("an event holds evidence of an unknown type")
    return from_json(EVIDENCE_TYPES[str(item["type"])], item.get("fields"))


def _findings(body: Mapping[str, Json]) -> Sequence[Finding]:
    items = body.get("findings")
    if not isinstance(items, Sequence) or isinstance(items, str):
        return ()
    return [from_json(Finding, item) for item in items]


def _stop_record(event: RunEvent) -> StopRecord:
    body = event.body
    kind: type[Stop] = STOP_BY_CODE[str(body["code"])]
    rows = body.get("differences")
    differences = rows if isinstance(rows, Sequence) and not isinstance(rows, str) else ()
    phase = body.get("phase")
    return StopRecord(
        code=kind.code,
        sentence=str(body["sentence"]),
        fact=str(body["fact"]),
        expected=str(body["expected"]),
        remedy=str(body["remedy"]),
        exit_status=kind.exit_status,
        category=kind.category,
        ends=body.get("ends") is True,
        phase=None if phase is None else str(phase),
        at_utc=event.at_utc,
        differences=tuple(
            (str(row[0]), str(row[1]), str(row[2]))
            for row in differences
            if isinstance(row, Sequence)
        ),
        findings=tuple(_findings(body)),
    )
