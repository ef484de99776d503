"""One command's time at the desk: open it, find the run, take a step, and answer with the run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cutter_agent.bootstrap.standing import contexts, recorded_stop, standing
from cutter_agent.cli.edge import Interrupted, interruption, stop_json
from cutter_agent.cli.output import Output
from cutter_agent.errors import (
    Stop,
    StopApprovalRequired,
    StopLockBusy,
    StopRefusedInput,
    StopRunUnknown,
)

if TYPE_CHECKING:
    from cutter_agent.bootstrap import Desk
    from cutter_agent.evidence.canonical import Json
    from cutter_agent.orchestrator.result import RunResult
    from cutter_agent.orchestrator.run_context import RunContext
    from cutter_agent.orchestrator.runner import OrchestratorRunner


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
