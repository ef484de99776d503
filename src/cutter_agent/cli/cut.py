"""`cutter cut`: begin a run of a document, and wait for its approvals if asked to."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import click

from cutter_agent.bootstrap.standing import reference_for, standing
from cutter_agent.cli.output import Output, speaks
from cutter_agent.cli.session import Taken, answer, interruptible, opened, take, waits
from cutter_agent.errors import StopApprovalExpired

if TYPE_CHECKING:
    from cutter_agent.bootstrap import Desk

POLL_S: Final = 1.0


@click.command()
@click.argument("code")
@click.option("--live", is_flag=True, help="Write into the database. Default: a dry run.")
@click.option("--wait", is_flag=True, help="Wait for the approvals and go on.")
@click.option("--enqueue", is_flag=True, help="With --live: leave the run to workers.")
@speaks(long=True)
def cut(code: str, *, live: bool, wait: bool, enqueue: bool, out: Output) -> int:
    """Begin a run of a document.

    CODE names the document and is all that is asked for: the program finds and pins every fact
    itself. The run goes to its first pause and exits with 10. With --enqueue it is only begun, and
    whichever `cutter worker` is free takes it there.

    Example: cutter cut ICX-CONST
    """
    if enqueue and (wait or not live):
        raise click.UsageError("--enqueue goes with --live and without --wait.")
    if enqueue:
        return hand_over(code, out)
    return begin(code, live=live, wait=wait, out=out)


def hand_over(code: str, out: Output) -> int:
    """The live run is begun and left to workers; return the exit status."""
    from cutter_agent.bootstrap.working import tell_workers

    with opened(out) as desk:
        taken = take(desk, out, lambda runner: runner.hand_over(code), document_id=code)
        if taken.stop is None and not taken.result.context.steps_done:
            if not tell_workers(desk, taken.result.run_id):
                out.say("No queue tells the workers of it; they find it in the run table.")
            out.say("Left to workers: cutter worker")
        return answer(desk, out, taken)


def begin(code: str, *, live: bool, wait: bool, out: Output) -> int:
    """The run has begun and stands at its first pause, its end or a stop; return the exit status."""
    from cutter_agent.orchestrator.states import Mode

    mode = Mode.LIVE if live else Mode.DRYRUN
    with opened(out) as desk:
        taken = take(desk, out, lambda runner: runner.cut(code, mode), document_id=code)
        if wait:
            taken = go_on(desk, out, taken)
        return answer(desk, out, taken)


def go_on(desk: Desk, out: Output, taken: Taken) -> Taken:
    """Return the run after every approval that came while this process waited.

    Waiting ends with the run, with a stop, or with the life of the request; each new signature is
    tried at once.
    """
    while waits(taken):
        run_id = taken.result.run_id
        with interruptible(desk, None, run_id):
            here = standing(desk, taken.result.context)
            if here.request is not None:
                out.say(f"Waiting for signatures beside {here.request.document}")
            reference = _awaited(desk, taken)
        if reference is None:
            raise StopApprovalExpired("nobody signed while the request lived", run_id=run_id)
        taken = take(desk, out, lambda runner: runner.resume(run_id, reference), run_id=run_id)  # noqa: B023 - called at once
    return taken


def _awaited(desk: Desk, taken: Taken) -> str | None:
    """Return the approval once enough lies there, or None when the request's life is over."""
    context = taken.result.context
    while True:
        here = standing(desk, context)
        if here.left_s <= 0:
            return None
        if here.complete:
            return reference_for(desk, context)
        time.sleep(POLL_S)
