"""`cutter why`: why a run stands still, who can move it, and with which command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cutter_agent.cli.output import Output, aligned, seen, speaks, wrapped
from cutter_agent.cli.run_view import any_of, next_lines, time_left, without_policy
from cutter_agent.cli.session import context_of, opened, recorded_stop, standing
from cutter_agent.errors import Category, Stop
from cutter_agent.orchestrator.states import OrchestratorState

if TYPE_CHECKING:
    from cutter_agent.cli.session import Standing
    from cutter_agent.evidence.canonical import Json
    from cutter_agent.orchestrator.run_context import RunContext


@click.command()
@click.argument("run")
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


def explain(context: RunContext, here: Standing, stop: Stop | None) -> tuple[str, str, str]:
    """Return cause, who can move the run, and the command that does."""
    run_id = context.run_id
    if context.state is OrchestratorState.CLOSEOUT_REPORTED:
        return "The run is closed out; nothing is left to do.", "nobody needs to", ""
    if here.request is not None:
        return _waiting(context, here)
    if stop is None:
        return (
            "The run was interrupted; every finished step is recorded.",
            "anyone who may run it",
            f"cutter resume {run_id}",
        )
    if context.over:
        return stop.sentence, "nobody: the run is over", f"cutter cut {context.document_id}"
    if stop.category is Category.FAILED:
        return (
            stop.sentence,
            "the persons of SG_3, who sign to retry it or to void it",
            f"cutter runs retry {run_id}",
        )
    return stop.sentence, "anyone who may run it", stop.remedy


def _waiting(context: RunContext, here: Standing) -> tuple[str, str, str]:
    run_id, request = context.run_id, here.request
    gate = "" if request is None else request.gate.value
    if here.rejected:
        who = "anyone who may run it"
        return f"{gate} was refused by {any_of(here.rejected)}.", who, f"cutter resume {run_id}"
    if here.left_s <= 0:
        return (
            f"The request of {gate} has expired; resume writes a new one.",
            "anyone who may run it",
            f"cutter resume {run_id}",
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


def _going_on(run_id: str, here: Standing) -> str:
    decision = None if here.request is None else here.request.decision
    return f"cutter resume {run_id}" if decision is None else f"cutter runs {decision} {run_id}"


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
