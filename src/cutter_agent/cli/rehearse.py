"""`cutter run`: a dry run to its end, with approvals that nobody gave and that say so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cutter_agent.bootstrap.standing import contexts
from cutter_agent.cli.names import code_argument
from cutter_agent.cli.output import Output, speaks
from cutter_agent.cli.session import Taken, answer, opened, take, waits
from cutter_agent.errors import StopDrift
from cutter_agent.orchestrator.line import PAUSES
from cutter_agent.orchestrator.states import Mode
from cutter_agent.orchestrator.waiting import pause_request

if TYPE_CHECKING:
    from cutter_agent.bootstrap import Desk


@click.command()
@code_argument()
@speaks(long=True)
def run(code: str, *, out: Output) -> int:
    """Rehearse a whole run.

    A dry run from the source to the final report: every phase and gate, in a world in memory. The
    two approvals are simulated and marked so; nothing is written to the database. A dry run of the
    document that waits already is taken to its end.

    Example: cutter run ICX-CONST
    """
    with opened(out) as desk:
        out.say("SIMULATED: a dry run; its approvals are files that this command writes itself.")
        waiting = _in_flight(desk, code)
        if waiting is not None:
            out.say(f"Going on with {waiting}, which waits already.")
            taken = _to_its_end(
                desk, out, take(desk, out, lambda runner: runner.resume(waiting), run_id=waiting)
            )
            if taken.result.stop_code != StopDrift.code:
                return answer(desk, out, taken)
            out.say("Its facts have changed since, so it is over; beginning anew.")
        begun = take(desk, out, lambda runner: runner.cut(code), document_id=code)
        return answer(desk, out, _to_its_end(desk, out, begun))


def _in_flight(desk: Desk, code: str) -> str | None:
    """Return the dry run of the document that stands at a pause, or None."""
    for context in contexts(desk):
        if isinstance(context, str) or context.document_id != code or context.over:
            continue
        dry = context.history.header.mode is Mode.DRYRUN
        if dry and context.terminal is None and pause_request(context) is not None:
            return context.run_id
    return None


def _to_its_end(desk: Desk, out: Output, taken: Taken) -> Taken:
    for _ in PAUSES:
        if not waits(taken):
            break
        taken = _passed(desk, out, taken)
    return taken


def _passed(desk: Desk, out: Output, taken: Taken) -> Taken:
    """Return the run after a simulated approval of its request, which lies in its folder."""
    from cutter_agent.bootstrap.approvals import simulated_approval
    from cutter_agent.files.durable import Folder

    context = taken.result.context
    request = pause_request(context)
    if request is None:
        return taken
    stem = "SG1" if request.gate is PAUSES[0].gate else "SG2"
    name = f"{stem}-simulated-approval-{context.history.header.date}.md"
    folder = Folder(desk.runs_dir).inner(context.run_id)
    text = simulated_approval(context, desk.now_utc())
    with folder.writing(name):
        folder.replace(name, text.encode())
    reference = str(folder.path / name)
    run_id = context.run_id
    return take(desk, out, lambda runner: runner.resume(run_id, reference), run_id=run_id)
