"""drive: the one loop over the line, for a run that this process has claimed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from cutter_agent.errors import (
    Stop,
    StopDatabaseAway,
    StopDocumentUnknown,
    StopReplayConflict,
    StopUnexpected,
)
from cutter_agent.evidence.canonical import Json
from cutter_agent.evidence.codec import to_json
from cutter_agent.evidence.invariant import Evidence
from cutter_agent.orchestrator.ask import Ask, Given, check_decision
from cutter_agent.orchestrator.authorize import refusal_of
from cutter_agent.orchestrator.clock import utc_text
from cutter_agent.orchestrator.dress_rehearsal import LineRehearsal
from cutter_agent.orchestrator.facts import MutationReading, non_mutation_level
from cutter_agent.orchestrator.factsheet import drift, read_facts
from cutter_agent.orchestrator.gates import Finding, judge, stop_for
from cutter_agent.orchestrator.history import EventKind, RunDocument, RunEvent
from cutter_agent.orchestrator.line import BACKUP, LINE, Pause, Phase
from cutter_agent.orchestrator.orders import Refusal
from cutter_agent.orchestrator.phases.lifecycle_enact import LifecycleEnacted
from cutter_agent.orchestrator.phases.source_pin import SourcePinned
from cutter_agent.orchestrator.policy import NO_POLICY, TrustPolicy
from cutter_agent.orchestrator.ports import Claim, Facts, KBReporter, Site, Step
from cutter_agent.orchestrator.progress import (
    began_utc,
    check_time,
    ends_run,
    failed_stop,
    notes_on,
    pins_with,
    progress_of,
    stop_body,
    times_passed,
)
from cutter_agent.orchestrator.reading import Elsewhere, Reading
from cutter_agent.orchestrator.report import final_report, phase_document, stop_document
from cutter_agent.orchestrator.result import result_of, run_json
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import Mode, Role
from cutter_agent.orchestrator.vault import DressRehearsal
from cutter_agent.orchestrator.warrant import LiveWarrant, RehearsalWarrant, live_warrant
from cutter_agent.orchestrator.world import CallBegan, Holding, Moment, PolicyInForce, Progress

_LAST: Final = LINE[-1]


@dataclass(slots=True)
class Going:
    """One call on one run: what is claimed, read and known so far."""

    claim: Claim
    context: RunContext
    began: MutationReading | None
    reading: Reading | None = None
    given: Given | None = None
    world_ready: bool = False
    step_name: str | None = None
    findings: tuple[Finding, ...] = field(default=())


class Drive:
    """Drives one run at one site."""

    def __init__(
        self,
        site: Site,
        kb: KBReporter,
        policy: TrustPolicy | None,
        on_step: Callable[[str], None],
        elsewhere: Elsewhere | None = None,
    ) -> None:
        """Bind the site, the folder of documents and the policy that counts now."""
        self._site = site
        self._kb = kb
        self._policy_sha256 = NO_POLICY if policy is None else policy.sha256
        self._ask = Ask(site, kb, policy, self.publish)
        self._on_step = on_step
        self._elsewhere = elsewhere

    def run(self, run_id: str, reference: str | None) -> Stop | None:
        """Take every step that can be taken; return the stop that ended the call, if one did.

        Raises:
            StopRunUnknown: there is no such run.
            StopLockBusy: another process drives it now.
        """
        with self._site.claim(run_id) as claim:
            context = RunContext(self._site.load(run_id))
            if context.over:
                return None
            if (failed := failed_stop(context)) is not None:
                return failed
            going = Going(claim, context, None)
            stop = self._attempt(lambda: self._loop(going, reference), going)
            if not isinstance(stop, StopDatabaseAway):
                self._prove(going)
                self.project(run_id)
            return stop

    def escalate(self, run_id: str, decision: str) -> Stop | None:
        """Ask for, or carry out, a decision on a failed run; return the stop of asking, if any."""
        with self._site.claim(run_id) as claim:
            going = Going(claim, RunContext(self._site.load(run_id)), None)
            check_decision(going.context, decision)
            stop = self._attempt(lambda: self._ask.escalate(going, decision), going)
            self.project(run_id)
            return stop

    def publish(self, context: RunContext) -> None:
        """Put every document of the history into the folder that does not lie there yet.

        Raises:
            StopKbUploadFailed: one could not be written.
        """
        for document in context.history.documents:
            if not self._kb.holds(context.run_id, document.name, document.sha256):
                self._kb.put(context.run_id, document.name, document.text)

    def project(self, run_id: str) -> None:
        """Make sure that the sidecar shows the run as it stands."""
        history = self._site.load(run_id)
        self._site.project(history, run_json(result_of(RunContext(history), self._kb)))

    def _attempt(self, work: Callable[[], None], going: Going) -> Stop | None:
        """Do the work; turn whatever it raises into one recorded stop. The only such place."""
        try:
            work()
        except Stop as raised:
            stop = raised
        except Exception as error:  # noqa: BLE001 - a bug ends as a stop with a document, too
            stop = StopUnexpected(f"{type(error).__name__}: {error}")
            stop.__cause__ = error
        else:
            return None
        stop.run_id = stop.run_id or going.context.run_id
        stop.document_id = stop.document_id or going.context.document_id
        try:
            self._record(stop, going)
        except Stop as second:
            stop.add_note(f"the stop could not be recorded: {second}")
            self._leave_word(stop, going)
        return stop

    def _leave_word(self, stop: Stop, going: Going) -> None:
        """Put the document of a stop that could not be recorded into the folder, if that works."""
        run = going.context.history.header
        number = 1 + sum(e.kind is EventKind.STOP for e in going.context.history.events)
        document = stop_document(
            stop, run, number, going.context.state, going.step_name, run.created_utc
        )
        with suppress(Stop):
            self._kb.put(run.run_id, document.name, document.text)

    def _loop(self, going: Going, reference: str | None) -> None:
        if self._site.mode is Mode.DRYRUN:
            going.began = self._site.facts.mutation_reading()
        self.publish(going.context)
        for step, after in zip(LINE, (*LINE[1:], None), strict=True):
            passed = after if isinstance(step, Pause) else step
            if passed in going.context.steps_done:
                continue
            going.step_name = step.name
            check_time(going.context, self._site.now_utc())
            self._on_step(step.name)
            if isinstance(step, Pause):
                if self._ask.outlived(step, going.context):
                    self._phase(BACKUP, going)
                    going.findings = ()
                going.given = self._ask.pass_pause(step, going, reference, self._read_again)
                reference = None
            else:
                self._phase(step, going)
            going.step_name, going.findings = None, ()

    def _phase(self, step: Phase, going: Going) -> None:
        if step.in_step:
            self._reading(going)
            warrant = self._warrant(going)
            self._ready_world(going, warrant)
            with self._site.step(going.claim, step.acts_as, warrant) as tx:
                began_utc = utc_text(self._site.now_utc())  # waiting for another lane is no work
                self._recheck(going, tx.facts)
                records = self._do(step, going, tx, began_utc)
                self._recheck(going, tx.facts, after_write=True)
                self._append(step, going, tx, records, began_utc)
        else:
            began_utc = utc_text(self._site.now_utc())
            records = self._do(step, going, None, began_utc)
            with self._site.step(going.claim, Role.EXECUTOR, None) as tx:
                self._append(step, going, tx, records, began_utc)
        going.context = RunContext(self._site.load(going.context.run_id))
        going.given = None
        self.publish(going.context)

    def _do(
        self, step: Phase, going: Going, tx: Step | None, began_utc: str
    ) -> tuple[Evidence, ...]:
        """Run the body and judge its evidence; return what is to be recorded."""
        shelf = self._shelf(step, going, tx, began_utc)
        records: tuple[Evidence, ...] = ()
        if going.given is not None:
            approved = going.given.approved(began_utc)
            shelf[type(approved)] = approved
            records = (approved,)
            if tx is not None:
                tx.consume(going.given.answer.consumption)
        evidence = step.body(*(shelf[kind] for kind in step.needs))
        verdict = judge(evidence, shelf)
        going.findings = verdict.findings
        if not verdict.passed:
            raise stop_for(
                step.gate,
                verdict,
                evidence,
                run_id=going.context.run_id,
                document_id=going.context.document_id,
            )
        return (*records, evidence)

    def _append(
        self, step: Phase, going: Going, tx: Step, records: Sequence[Evidence], began_utc: str
    ) -> None:
        ended = self._site.now_utc()
        notes = notes_on(step, began_utc, utc_text(ended))
        notes += going.given.answer.ignored if going.given else ()
        run = going.context.history.header
        if step is _LAST:
            pins = pins_with(going.context, records)
            document = final_report(step, going.context, records, going.findings, pins)
            self._kb.put(run.run_id, document.name, document.text)
        else:
            number = 1 + times_passed(going.context, step)
            document = phase_document(step, run, records, going.findings, notes, number)
        body: dict[str, Json] = {
            "phase": step.name,
            "records": [{"type": type(r).__name__, "fields": to_json(r)} for r in records],
            "findings": [to_json(finding) for finding in going.findings],
            "document": document.name,
            "began_utc": began_utc,
            "ended_utc": utc_text(ended),
            "notes": list(notes),
        }
        if going.given is not None:
            body["consumed"] = going.given.answer.consumption.request_sha256
            body["approved"] = going.given.summary(began_utc)
        tx.append(self._event(going.context, EventKind.PHASE, body), [document])
        if step is _LAST:
            tx.close()

    def _shelf(
        self, step: Phase, going: Going, tx: Step | None, began_utc: str
    ) -> dict[type, object]:
        """Return everything that the step may ask for, by type."""
        context, run = going.context, going.context.history.header
        facts = self._site.facts if tx is None else tx.facts
        shelf: dict[type, object] = {
            type(run): run,
            Facts: facts,
            KBReporter: self._kb,
            DressRehearsal: LineRehearsal(),
            Moment: Moment(began_utc),
            PolicyInForce: PolicyInForce(self._policy_sha256),
            CallBegan: CallBegan(going.began),
            Progress: progress_of(context),
            **context.evidence,
        }
        if Holding in step.needs:
            shelf[Holding] = Holding(self._site.holder(run.document_id, run.run_id))
        if SourcePinned in shelf:
            shelf[Reading] = self._reading(going)
        if tx is None:
            shelf.update(self._site.ports(run, None))
        else:
            shelf.update(tx.ports)
        return shelf

    def _reading(self, going: Going) -> Reading:
        """Return this call's reading; it is made once the facts were found unchanged."""
        return going.reading or self._read_again(going)

    def _read_again(self, going: Going) -> Reading:
        """Read the facts and the pinned bytes again; any change is a stop."""
        self._recheck(going, self._site.facts)
        document_id = going.context.document_id
        version = self._site.facts.latest_source_version(document_id)
        if version is None:
            raise StopDocumentUnknown(f"{document_id} has no source version")
        going.reading = Reading(
            version=version,
            source=self._site.facts.source_bytes(version.source_version_id),
            in_force=self._site.facts.in_force(document_id),
            elsewhere=self._elsewhere,
        )
        return going.reading

    def _recheck(self, going: Going, facts: Facts, *, after_write: bool = False) -> None:
        """Read the facts again and stop on any change; what we wrote ourselves is no change.

        Once a live run's units are in force nothing is left to be written: whatever changes then,
        the run is closed out.
        """
        pinned = going.context.get(SourcePinned)
        written = going.context.get(LifecycleEnacted) is not None
        if pinned is None or (written and not self._site.replays_effects):
            return
        now = read_facts(facts, going.context.document_id, policy_sha256=self._policy_sha256)
        if after_write:
            now = now.with_in_force_of(pinned.facts)
        stop = drift(
            pinned.facts,
            now,
            run_id=going.context.run_id,
            document_id=going.context.document_id,
        )
        if stop is not None:
            raise stop

    def _warrant(self, going: Going) -> LiveWarrant | RehearsalWarrant:
        run_id = going.context.run_id
        if self._site.mode is Mode.DRYRUN:
            return RehearsalWarrant(run_id)
        given = going.given
        approved = given.approved("") if given else self._ask.newest_approval(going.context)
        return live_warrant(run_id, approved)

    def _ready_world(self, going: Going, warrant: LiveWarrant | RehearsalWarrant) -> None:
        """Repeat the recorded effects of a dry run in its fresh world; they must come out equal."""
        if going.world_ready or not isinstance(warrant, RehearsalWarrant):
            return
        going.world_ready = True
        run = going.context.history.header
        ports = self._site.ports(run, warrant)
        for step in going.context.steps_done:
            if not (isinstance(step, Phase) and step.in_step):
                continue
            began = began_utc(going.context, step)
            shelf = {**self._shelf(step, going, None, began), **ports}
            if step.body(*(shelf[kind] for kind in step.needs)) != shelf[step.yields]:
                raise StopReplayConflict(
                    f"{step.name}, repeated from the source bytes, gives other evidence",
                    expected="the evidence that is recorded",
                )

    def _record(self, stop: Stop, going: Going) -> None:
        context = RunContext(self._site.load(going.context.run_id))
        last = context.stop
        if last and (last.code, last.fact, last.phase) == (stop.code, stop.fact, going.step_name):
            return
        number = 1 + sum(e.kind is EventKind.STOP for e in context.history.events)
        at_utc, run = utc_text(self._site.now_utc()), context.history.header
        document = stop_document(stop, run, number, context.state, going.step_name, at_utc)
        ends = ends_run(stop, context)
        body = stop_body(stop, going.step_name, going.findings, document.name, ends=ends)
        event = self._event(context, EventKind.STOP, body)
        self._put_down(going.claim, event, [document], ends=ends, refusal=refusal_of(stop))
        self.publish(RunContext(self._site.load(context.run_id)))

    def _put_down(
        self,
        claim: Claim,
        event: RunEvent,
        documents: Sequence[RunDocument],
        *,
        ends: bool,
        refusal: Refusal | None = None,
    ) -> None:
        if ends:
            self._site.end(claim, event, documents, refusal=refusal)
            return
        with self._site.step(claim, Role.EXECUTOR, None) as tx:
            if refusal is not None:
                tx.refuse(refusal)
            tx.append(event, documents)

    def _event(self, context: RunContext, kind: EventKind, body: dict[str, Json]) -> RunEvent:
        return RunEvent(len(context.history.events) + 1, kind, utc_text(self._site.now_utc()), body)

    def _prove(self, going: Going) -> None:
        """Record, for a dry run, how much is proven about its not changing anything."""
        if going.began is None:
            return
        after = self._site.facts.mutation_reading()
        body: dict[str, Json] = {
            "level": non_mutation_level(going.began, after).value,
            "before": to_json(going.began),
            "after": to_json(after),
        }
        context = RunContext(self._site.load(going.context.run_id))
        self._put_down(going.claim, self._event(context, EventKind.PROOF, body), [], ends=False)
