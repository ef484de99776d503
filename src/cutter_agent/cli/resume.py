"""`cutter resume`: go on with a run, with the approval that lies beside its request."""

from __future__ import annotations

import click

from cutter_agent.bootstrap.standing import context_of, reference_for
from cutter_agent.cli.cut import go_on
from cutter_agent.cli.names import run_argument
from cutter_agent.cli.output import Output, speaks
from cutter_agent.cli.session import answer, one_in_flight, opened, take


@click.command()
@run_argument(required=False)
@click.option("--approval", help="An approval by name: sha256:<digest>, or the path of its file.")
@click.option("--wait", is_flag=True, help="Wait for the approvals and go on.")
@speaks(long=True)
def resume(run: str | None, *, approval: str | None, wait: bool, out: Output) -> int:
    """Go on with a run.

    RUN may be left out while only one run is in flight. The approval is found beside the request
    that waits; the facts are read again before anything is written.

    Example: cutter resume
    """
    return continue_run(run, approval=approval, wait=wait, out=out)


def continue_run(run: str | None, *, approval: str | None, wait: bool, out: Output) -> int:
    """The run stands at its next pause, its end or a stop; return the exit status."""
    with opened(out) as desk:
        run_id = run or one_in_flight(desk)
        context = context_of(desk, run_id)
        reference = approval or reference_for(desk, context)
        taken = take(desk, out, lambda runner: runner.resume(run_id, reference), run_id=run_id)
        if wait:
            taken = go_on(desk, out, taken)
        return answer(desk, out, taken)
