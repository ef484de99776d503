"""`cutter runs`: the runs of a deployment, their histories, and the way out of a failed one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import click

from cutter_agent.bootstrap.standing import at_rest, context_of, contexts, event_json
from cutter_agent.cli.main import SuggestingGroup
from cutter_agent.cli.names import run_argument
from cutter_agent.cli.output import Output, aligned, seen, speaks
from cutter_agent.cli.session import Taken, answer, opened, take
from cutter_agent.errors import EXIT_DONE, StopApprovalRequired, StopEvidenceMismatch
from cutter_agent.orchestrator.history import EventKind
from cutter_agent.orchestrator.run_context import RunContext

if TYPE_CHECKING:
    from cutter_agent.bootstrap import Desk
    from cutter_agent.evidence.canonical import Json

POLL_S: Final = 1.0
LIST_MAX: Final = 50
_RUN = run_argument()


@click.group(cls=SuggestingGroup)
def runs() -> None:
    """List, show, watch and end runs.

    Example: cutter runs list
    """


@runs.command("list")
@click.option("--document", help="Only runs of this document.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=LIST_MAX, show_default=True)
@speaks()
def list_runs(*, document: str | None, limit: int, out: Output) -> int:
    """List runs, newest first.

    Example: cutter runs list --document ICX-CONST
    """
    with opened(out) as desk:
        found = [
            _row(each) for each in contexts(desk, limit=limit if document is None else 100_000)
        ]
    rows = [row for row in found if document is None or row["document_id"] == document][:limit]
    head = ("run", "document", "mode", "state")
    cells = [tuple(seen(text) for text in _listed(row)) for row in rows]
    listed: list[Json] = [dict(row) for row in rows]
    out.data(
        {"schema": "cutter.runs/1", "runs": listed},
        lambda: aligned(head, cells, out.columns) if cells else ["There are no runs."],
    )
    return EXIT_DONE


@runs.command()
@_RUN
@speaks()
def show(run: str, *, out: Output) -> int:
    """Show where a run stands.

    Example: cutter runs show RUN
    """
    with opened(out) as desk:
        context_of(desk, run)
        taken = Taken(desk.runner().show(run), None)
        answer(desk, out, taken)
    return EXIT_DONE


@runs.command()
@_RUN
@speaks(long=True)
def log(run: str, *, out: Output) -> int:
    """Show what happened in a run, oldest first.

    Example: cutter runs log RUN
    """
    with opened(out) as desk:
        context = context_of(desk, run)
    events = [event_json(event) for event in context.history.events]
    for event in events:
        out.event("run", run=event)
    rows = [(str(e["at_utc"]), str(e["kind"]), seen(str(e["what"]))) for e in events]
    listed: list[Json] = [dict(event) for event in events]
    out.data(
        {"schema": "cutter.run-log/1", "run_id": context.run_id, "events": listed},
        lambda: aligned(("at", "kind", "what"), rows, out.columns),
    )
    return EXIT_DONE


@runs.command()
@_RUN
@speaks(long=True)
def watch(run: str, *, out: Output) -> int:
    """Watch a run until it waits, stops or ends.

    Example: cutter runs watch RUN
    """
    with opened(out) as desk:
        known = 0
        while True:
            context = context_of(desk, run)
            for event in context.history.events[known:]:
                shown = event_json(event)
                out.event("run", run=shown)
                out.say(f"{shown['at_utc']}  {seen(str(shown['what']))}")
            known = len(context.history.events)
            if at_rest(context):
                break
            time.sleep(POLL_S)
        return answer(desk, out, Taken(desk.runner().show(run), None))


@runs.command()
@_RUN
@speaks(long=True)
def retry(run: str, *, out: Output) -> int:
    """Try a failed run again from the phase that failed.

    A live run needs a signed decision: the first call writes the request and exits with 10, the
    next one carries the decision out once it is signed.

    Example: cutter runs retry RUN
    """
    return _escalate(run, "retry", out)


@runs.command()
@_RUN
@speaks(long=True)
def void(run: str, *, out: Output) -> int:
    """End a run and withdraw its drafts.

    A live run needs a signed decision: the first call writes the request and exits with 10, the
    next one carries the decision out once it is signed.

    Example: cutter runs void RUN
    """
    return _escalate(run, "void", out)


def _escalate(run: str, decision: str, out: Output) -> int:
    with opened(out) as desk:
        context_of(desk, run)
        taken = take(desk, out, lambda runner: runner.escalate(run, decision), run_id=run)
        if taken.stop is None and decision == "void" and _decided(desk, run, decision):
            taken = Taken(taken.result.saying("The run is void; its drafts are withdrawn."), None)
        return answer(desk, out, taken)


def _decided(desk: Desk, run: str, decision: str) -> bool:
    decided = [e for e in context_of(desk, run).history.events if e.kind is EventKind.DECISION]
    return bool(decided) and decided[-1].body.get("decision") == decision


def _listed(row: dict[str, Json]) -> tuple[str, str, str, str]:
    stop = row["stop_code"]
    state = (
        f"{row['state']}"
        if stop in {None, StopApprovalRequired.code}
        else f"{row['state']}, {stop}"
    )
    return str(row["run_id"]), str(row["document_id"] or "–"), str(row["mode"] or "–"), state


def _row(found: RunContext | str) -> dict[str, Json]:
    if isinstance(found, str):
        return {
            "run_id": found,
            "document_id": None,
            "mode": None,
            "state": "unreadable",
            "stop_code": StopEvidenceMismatch.code,
            "created_utc": None,
        }
    header = found.history.header
    stop = found.stop
    return {
        "run_id": found.run_id,
        "document_id": found.document_id,
        "mode": header.mode.value,
        "state": found.state.value,
        "terminal": None if found.terminal is None else found.terminal.value,
        "stop_code": None if stop is None else stop.code,
        "created_utc": header.created_utc,
    }
