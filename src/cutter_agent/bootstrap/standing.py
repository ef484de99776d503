"""Where a run stands: what it waits for, who can move it, and the command that does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cutter_agent.errors import (
    STOP_BY_CODE,
    Category,
    Difference,
    Stop,
    StopEvidenceMismatch,
    StopRunUnknown,
)
from cutter_agent.orchestrator.ask import asked_of
from cutter_agent.orchestrator.clock import parse_utc
from cutter_agent.orchestrator.history import EventKind, RunEvent
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import Gate, Mode, OrchestratorState
from cutter_agent.orchestrator.waiting import pause_request, waiting_request

if TYPE_CHECKING:
    from datetime import datetime

    from cutter_agent.bootstrap.desk import Desk
    from cutter_agent.evidence.canonical import Json
    from cutter_agent.orchestrator.orders import OfferedSignature
    from cutter_agent.orchestrator.pauses.sg_1_cut import AuthorizationRequested
    from cutter_agent.orchestrator.policy import TrustPolicy

RUNS_LOOKED_AT: Final = 1_000
"""How many of the newest runs are looked through for one that is not named."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a run waits for, and what lies there already.

    Attributes:
        request: the request that waits, or None.
        offered: the signatures beside it, unjudged.
        may_sign: the persons of the gate who may still decide, or none without a policy.
        threshold: how many must sign; 0 without a policy.
        left_s: seconds until the request expires.
    """

    request: AuthorizationRequested | None
    offered: tuple[OfferedSignature, ...]
    may_sign: tuple[str, ...]
    threshold: int
    left_s: float

    @property
    def signed(self) -> tuple[str, ...]:
        """The persons whose approvals lie beside the request, unjudged."""
        return tuple(sorted({each.person for each in self.offered if not each.rejects}))

    @property
    def rejected(self) -> tuple[str, ...]:
        """The persons whose refusals lie beside the request, unjudged."""
        return tuple(sorted({each.person for each in self.offered if each.rejects}))

    @property
    def complete(self) -> bool:
        """True if enough lies there for the run to be resumed."""
        return bool(self.rejected) or 0 < self.threshold <= len(self.signed)


def standing(desk: Desk, context: RunContext) -> Standing:
    """What the run waits for and who may still decide, before any signature is judged."""
    if context.over or waiting_request(context) is None:
        return Standing(None, (), (), 0, 0.0)
    return standing_under(desk, context, desk.policy(), desk.now_utc())


def standing_under(
    desk: Desk, context: RunContext, policy: TrustPolicy | None, now_utc: datetime
) -> Standing:
    """The same under a policy and at a time that were read before: for many runs at once."""
    request = None if context.over else waiting_request(context)
    if request is None:
        return Standing(None, (), (), 0, 0.0)
    offered = tuple(desk.reporter().signatures(context.run_id, request.document))
    expires = parse_utc(request.expires_utc)
    left_s = 0.0 if expires is None else (expires - now_utc).total_seconds()
    if policy is None:
        return Standing(request, offered, (), 0, left_s)
    try:
        rule = policy.rule(request.gate)
    except Stop:
        return Standing(request, offered, (), 0, left_s)
    asked = asked_of(context, request)
    twice = request.gate is Gate.SG_2 and not policy.sg1_approver_may_approve_sg2
    barred = {asked.starter, *(asked.sg1_persons if twice else ())}
    signed = {each.person for each in offered if not each.rejects}
    free = [person for person in rule.persons if person not in barred | signed]
    return Standing(request, offered, tuple(free), rule.threshold, left_s)


def reference_for(desk: Desk, context: RunContext) -> str | None:
    """The approval that lies beside the pause's request, or None where nobody has signed."""
    request = None if context.over else pause_request(context)
    if request is None or not desk.reporter().signatures(context.run_id, request.document):
        return None
    return f"sha256:{request.request_sha256}"


def recorded_stop(context: RunContext) -> Stop | None:
    """The stop that the run stands at, as it was recorded, or None."""
    record = context.stop
    if record is None:
        return None
    return STOP_BY_CODE[record.code](
        record.fact,
        expected=record.expected,
        run_id=context.run_id,
        document_id=context.document_id,
        differences=[Difference(*row) for row in record.differences],
        findings=[f"{f.id}: {f.sentence} {f.because}" for f in record.findings if not f.held],
        remedy=record.remedy,
    )


def contexts(desk: Desk, *, limit: int = RUNS_LOOKED_AT) -> Iterator[RunContext | str]:
    """Yield the newest runs, newest first; of one that cannot be read, its id alone."""
    for run_id in desk.run_ids()[:limit]:
        try:
            context = read_run(desk, run_id)
        except (StopEvidenceMismatch, StopRunUnknown):
            yield run_id
        else:
            yield context


def context_of(desk: Desk, run_id: str) -> RunContext:
    """The run.

    Raises:
        StopRunUnknown: there is no such run.
        StopEvidenceMismatch: its history cannot be read; the stop names the run.
    """
    from cutter_agent.files.state_store import check_run_id

    return read_run(desk, check_run_id(run_id))


def read_run(desk: Desk, run_id: str) -> RunContext:
    """The run, its evidence and its stop read: what is worked out later cannot fail then."""
    try:
        context = RunContext(desk.load(run_id))
        _ = context.evidence, context.stop
    except StopEvidenceMismatch as stop:
        stop.run_id = stop.run_id or run_id
        raise
    except LookupError as error:
        raise StopEvidenceMismatch(
            "a stop in the history is of an unknown kind", run_id=run_id
        ) from error
    return context


def explain(context: RunContext, here: Standing, stop: Stop | None) -> tuple[str, str, str]:
    """Why the run stands still, who can move it, and the command that does."""
    run_id = context.run_id
    if context.state is OrchestratorState.CLOSEOUT_REPORTED:
        return "The run is closed out; nothing is left to do.", "nobody needs to", ""
    if here.request is not None:
        return _waiting(context, here)
    if context.over:
        cause = _voided(context) if stop is None else stop.sentence
        return cause, "nobody: the run is over", f"cutter cut {context.document_id}"
    if stop is None:
        return (
            "The run was interrupted; every finished step is recorded.",
            "anyone who may run it",
            f"cutter resume {run_id}",
        )
    if stop.category is Category.FAILED:
        return (
            stop.sentence,
            "the persons of SG_3, who sign to retry it or to void it",
            f"cutter runs retry {run_id}",
        )
    return stop.sentence, "anyone who may run it", stop.remedy


def any_of(names: tuple[str, ...]) -> str:
    """The names as a choice: alice, bob or carol."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def time_left(seconds: float) -> str:
    """A span of time in the two largest of its units: expires in 23 h 58 m."""
    if seconds <= 0:
        return "expired"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"expires in {hours} h {minutes:02} m" if hours else f"expires in {minutes} m {rest:02} s"
    )


def event_json(event: RunEvent) -> dict[str, Json]:
    """One entry of a history with its sentence."""
    body = event.body
    what = ""
    match event.kind:
        case EventKind.PHASE:
            what = f"{body.get('phase')} passed"
        case EventKind.REQUEST:
            what = f"{body.get('document')} waits for signatures"
        case EventKind.STOP:
            what = f"{body.get('code')}: {body.get('sentence')}"
        case EventKind.DECISION:
            what = f"decided: {body.get('decision')}"
        case EventKind.PROOF:
            what = f"non-mutation proof: {body.get('level')}"
        case EventKind.OPENED:
            what = "the run began"
    return {
        "seq": event.seq,
        "kind": event.kind.value,
        "at_utc": event.at_utc,
        "phase": body.get("phase"),
        "what": what,
    }


def at_rest(context: RunContext) -> bool:
    """Say whether nothing moves the run now: it is over, or it has stopped and waits."""
    last = [e for e in context.history.events if e.kind is not EventKind.PROOF][-1]
    return context.over or last.kind is EventKind.STOP


def _waiting(context: RunContext, here: Standing) -> tuple[str, str, str]:
    run_id, request = context.run_id, here.request
    gate = "" if request is None else request.gate.value
    if here.rejected:
        who = "anyone who may run it"
        return f"{gate} was refused by {any_of(here.rejected)}.", who, _going_on(run_id, here)
    if here.left_s <= 0:
        return (
            f"The request of {gate} has expired; the next command writes a new one.",
            "anyone who may run it",
            _going_on(run_id, here),
        )
    signed = f"{len(here.signed)} of {here.threshold}" if here.threshold else "none"
    cause = f"{gate} waits for signatures: {signed} so far, {time_left(here.left_s)}."
    if here.complete:
        return cause, "anyone who may run it", _going_on(run_id, here)
    if not here.threshold:
        return cause, "nobody yet: there is no trust policy", without_policy(context)
    if not here.may_sign:
        return cause, "nobody: the trust policy has too few persons for it", "cutter policy show"
    return cause, any_of(here.may_sign), f"cutter approve {run_id}"


def _voided(context: RunContext) -> str:
    """Who ended the run by a decision, and when."""
    ended = [e for e in context.history.events if e.kind is EventKind.DECISION][-1]
    approved = ended.body.get("approved")
    persons = approved.get("persons") if isinstance(approved, dict) else None
    by = f" by {', '.join(map(str, persons))}" if isinstance(persons, list) else ""
    return f"The run was voided{by} at {ended.at_utc}; nothing of it is in force."


def without_policy(context: RunContext) -> str:
    """What to do with a run that waits while nobody can sign."""
    if context.history.header.mode is Mode.DRYRUN:
        return f"cutter run {context.document_id}"
    return "cutter policy propose"


def _going_on(run_id: str, here: Standing) -> str:
    decision = None if here.request is None else here.request.decision
    return f"cutter resume {run_id}" if decision is None else f"cutter runs {decision} {run_id}"
