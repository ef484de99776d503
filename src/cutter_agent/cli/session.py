"""One command's time at the desk: open it, find the run, take a step, and answer with the run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from cutter_agent.cli.edge import Interrupted, interruption, stop_json
from cutter_agent.cli.output import Output
from cutter_agent.errors import (
    STOP_BY_CODE,
    Difference,
    Stop,
    StopApprovalRequired,
    StopEvidenceMismatch,
    StopLockBusy,
    StopRefusedInput,
    StopRunUnknown,
)

if TYPE_CHECKING:
    from cutter_agent.bootstrap import Desk
    from cutter_agent.evidence.canonical import Json
    from cutter_agent.orchestrator.orders import OfferedSignature
    from cutter_agent.orchestrator.pauses.sg_1_cut import AuthorizationRequested
    from cutter_agent.orchestrator.result import RunResult
    from cutter_agent.orchestrator.run_context import RunContext
    from cutter_agent.orchestrator.runner import OrchestratorRunner

RUNS_LOOKED_AT: Final = 1_000
"""How many of the newest runs are looked through for one that is not named."""


@contextmanager
def opened(out: Output) -> Iterator[Desk]:
    """Yield the open deployment that the environment names.

    Raises:
        StopRefusedInput: there is none.
        StopDatabaseAway: its server does not answer.
    """
    from cutter_agent.bootstrap import open_desk

    with open_desk(os.environ, on_progress=out.say) as desk:
        yield desk


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that was taken: where the run stands, and the stop that the call met."""

    result: RunResult
    stop: Stop | None


def take(
    desk: Desk,
    out: Output,
    work: Callable[[OrchestratorRunner], RunResult],
    *,
    document_id: str | None = None,
    run_id: str | None = None,
) -> Taken:
    """Return where the work has brought its run; a stop of a run that exists is part of the answer.

    Args:
        desk: the open deployment.
        out: shows the steps.
        work: what the runner is asked to do.
        document_id: the document of a run that the work begins.
        run_id: the run that the work goes on with.

    Raises:
        Stop: no run came to be.
        Interrupted: somebody ended the work, and knows the command that goes on with it.
    """
    with out.steps() as on_step, interruptible(desk, document_id, run_id):
        runner = desk.runner(on_step=on_step)
        try:
            return Taken(work(runner), None)
        except Stop as stop:
            if stop.run_id is None or isinstance(stop, StopRunUnknown):
                raise
            return Taken(_with_stop(runner.show(stop.run_id), stop), stop)


def answer(desk: Desk, out: Output, taken: Taken) -> int:
    """Write the run as it stands and return the exit status of the call."""
    from cutter_agent.cli.run_view import run_lines

    result = taken.result
    out.data(run_document(taken), lambda: run_lines(result, standing(desk, result.context), out))
    return result.exit_status


def run_document(taken: Taken) -> dict[str, Json]:
    """Return `cutter.run/1`, and with it the stop in full."""
    from cutter_agent.orchestrator.result import run_json

    stop = taken.stop or recorded_stop(taken.result.context)
    shown = None if stop is None or taken.result.stop_code is None else stop_json(stop)
    return {**run_json(taken.result), "stop": shown}


def recorded_stop(context: RunContext) -> Stop | None:
    """Return the stop that the run stands at, as it was recorded, or None."""
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
    """Return what the run waits for and who may still decide, before any signature is judged."""
    from cutter_agent.orchestrator.ask import asked_of, waiting_request
    from cutter_agent.orchestrator.clock import parse_utc
    from cutter_agent.orchestrator.states import Gate

    request = None if context.over else waiting_request(context)
    if request is None:
        return Standing(None, (), (), 0, 0.0)
    offered = tuple(desk.reporter().signatures(context.run_id, request.document))
    expires = parse_utc(request.expires_utc)
    left_s = 0.0 if expires is None else (expires - desk.now_utc()).total_seconds()
    policy = desk.policy()
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
    """Return the approval that lies beside the pause's request, or None where nobody has signed."""
    from cutter_agent.orchestrator.ask import pause_request

    request = None if context.over else pause_request(context)
    if request is None or not desk.reporter().signatures(context.run_id, request.document):
        return None
    return f"sha256:{request.request_sha256}"


def contexts(desk: Desk, *, limit: int = RUNS_LOOKED_AT) -> Iterator[RunContext | str]:
    """Yield the newest runs, newest first; of one that cannot be read, its id alone."""
    for run_id in desk.run_ids()[:limit]:
        try:
            context = _read(desk, run_id)
        except (StopEvidenceMismatch, StopRunUnknown):
            yield run_id
        else:
            yield context


def context_of(desk: Desk, run_id: str) -> RunContext:
    """Return the run.

    Raises:
        StopRunUnknown: there is no such run.
        StopEvidenceMismatch: its history cannot be read; the stop names the run.
    """
    from cutter_agent.files.state_store import check_run_id

    return _read(desk, check_run_id(run_id))


def _read(desk: Desk, run_id: str) -> RunContext:
    """Return the run, its evidence and its stop read: what is worked out later cannot fail then."""
    from cutter_agent.orchestrator.run_context import RunContext

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


def one_in_flight(desk: Desk) -> str:
    """Return the id of the only run that can go on; one that another kept from beginning is none.

    Raises:
        StopRunUnknown: there is none.
        StopRefusedInput: there are several; the findings name them.
    """
    going = [c for c in contexts(desk) if not isinstance(c, str) and not (c.over or _kept_out(c))]
    if not going:
        raise StopRunUnknown(
            "no run is in flight", expected="one run that waits", remedy="cutter runs list"
        )
    if len(going) > 1:
        raise StopRefusedInput(
            f"{len(going)} runs are in flight, and none was named",
            expected="the id of one of them",
            findings=[f"{c.run_id} {c.document_id} {c.state}" for c in going],
            remedy=f"cutter resume {going[0].run_id}",
        )
    return going[0].run_id


def _kept_out(context: RunContext) -> bool:
    """Say whether another run of the document was in flight, so that nothing was done in this one."""
    stop = context.stop
    return stop is not None and stop.code == StopLockBusy.code and not context.steps_done


def waits(taken: Taken) -> bool:
    """Say whether the run waits for an approval."""
    return taken.result.stop_code == StopApprovalRequired.code


def _with_stop(result: RunResult, stop: Stop) -> RunResult:
    return replace(
        result,
        stop_code=stop.code,
        sentence=stop.sentence,
        remedy=stop.remedy,
        exit_status=stop.exit_status,
    )


@contextmanager
def interruptible(desk: Desk, document_id: str | None, run_id: str | None) -> Iterator[None]:
    """An interruption of the block knows the command that goes on with its run.

    Raises:
        Interrupted: somebody ended the work.
    """
    try:
        yield
    except (KeyboardInterrupt, Exception) as error:
        if not interruption(error):
            raise
        raise Interrupted(_going_on(desk, document_id, run_id)) from error


def _going_on(desk: Desk, document_id: str | None, run_id: str | None) -> str:
    """Return the command that goes on with what was interrupted."""
    if run_id is not None:
        return f"cutter resume {run_id}"
    for context in contexts(desk, limit=10):
        if not isinstance(context, str) and context.document_id == document_id:
            return (
                f"cutter cut {document_id}" if context.over else f"cutter resume {context.run_id}"
            )
    return f"cutter cut {document_id}"
