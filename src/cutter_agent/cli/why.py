"""`cutter why`: why a run stands still, who can move it, and with which command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cutter_agent.bootstrap.standing import context_of, explain, recorded_stop, standing
from cutter_agent.cli.names import run_argument
from cutter_agent.cli.output import Output, aligned, seen, speaks, wrapped
from cutter_agent.cli.run_view import next_lines
from cutter_agent.cli.session import opened
from cutter_agent.errors import Stop

if TYPE_CHECKING:
    from cutter_agent.bootstrap.standing import Standing
    from cutter_agent.evidence.canonical import Json
    from cutter_agent.orchestrator.run_context import RunContext


@click.command()
@run_argument()
@speaks()
def why(run: str, *, out: Output) -> int:
    """Say why a run stands still.

    The cause, since when, who can move the run, and the exact next command.

    Example: cutter why RUN
    """
    with opened(out) as desk:
        context = context_of(desk, run)
        here = standing(desk, context)
    stop = recorded_stop(context)
    cause, who, following = explain(context, here, stop)
    document: dict[str, Json] = {
        "schema": "cutter.why/1",
        "run_id": context.run_id,
        "document_id": context.document_id,
        "state": context.state.value,
        "terminal": None if context.terminal is None else context.terminal.value,
        "code": None if stop is None else stop.code,
        "cause": cause,
        "expected": "" if stop is None else stop.expected,
        "since_utc": context.history.events[-1].at_utc,
        "who": list(here.may_sign) if here.request is not None else [],
        "who_sentence": who,
        "left_s": int(here.left_s) if here.request is not None else None,
        "differences": []
        if stop is None
        else [{"name": d.name, "then": d.then, "now": d.now} for d in stop.differences],
        "findings": [] if stop is None else list(stop.findings),
        "remedy": following,
    }
    out.data(document, lambda: _lines(context, here, stop, (cause, who, following), out))
    return 0


def _lines(
    context: RunContext,
    here: Standing,
    stop: Stop | None,
    told: tuple[str, str, str],
    out: Output,
) -> list[str]:
    cause, who, following = told
    lines = wrapped(
        f"{context.run_id}  {seen(context.document_id)}  {context.state}",
        out.columns,
        first="Run    ",
    )
    lines += wrapped(seen(cause), out.columns, first="Cause  ")
    if stop is not None and stop.expected and here.request is None:
        lines += wrapped(f"Expected: {seen(stop.expected)}", out.columns, first="       ")
    if stop is not None and stop.differences:
        rows = [(seen(d.name), seen(d.then), seen(d.now)) for d in stop.differences]
        lines += [
            f"       {row}" for row in aligned(("fact", "then", "now"), rows, out.columns - 7)
        ]
    if stop is not None and here.request is None:
        for finding in stop.findings:
            lines += wrapped(seen(finding), out.columns, first="       - ")
    lines += wrapped(who, out.columns, first="Who    ")
    return lines + next_lines(following, here, out, waits=False)
