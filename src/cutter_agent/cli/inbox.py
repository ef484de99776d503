"""`cutter inbox`: every run that waits for somebody, and how long it still waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cutter_agent.bootstrap.standing import contexts, explain, recorded_stop, standing, time_left
from cutter_agent.cli.output import Output, aligned, seen, speaks
from cutter_agent.cli.session import opened
from cutter_agent.errors import StopEvidenceMismatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cutter_agent.bootstrap import Desk
    from cutter_agent.evidence.canonical import Json

_HEAD = ("run", "document", "mode", "waits for", "who", "left", "next")


@click.command()
@click.option("--person", help="Only what this person could decide.")
@speaks()
def inbox(*, person: str | None, out: Output) -> int:
    """Show what waits, and for whom.

    Every run that is neither over nor closed out, with the persons who could decide, the time left
    and the next command.

    Example: cutter inbox --person alice
    """
    with opened(out) as desk:
        items = [item for item in _items(desk) if person is None or person in _names(item)]
    rows = [
        (
            str(item["run_id"]),
            seen(str(item["document_id"] or "–")),
            str(item["mode"] or "–"),
            str(item["waits_for"]),
            ", ".join(_names(item)) or "–",
            time_left(float(str(item["left_s"]))) if item["left_s"] is not None else "–",
            str(item["remedy"]),
        )
        for item in items
    ]
    document: dict[str, Json] = {"schema": "cutter.inbox/1", "items": items}
    out.data(document, lambda: aligned(_HEAD, rows, out.columns) if rows else ["Nothing waits."])
    return 0


def _items(desk: Desk) -> Iterator[dict[str, Json]]:
    for context in contexts(desk):
        if isinstance(context, str):
            yield _unreadable(context)
            continue
        if context.over:
            continue
        here = standing(desk, context)
        stop = recorded_stop(context)
        cause, _, following = explain(context, here, stop)
        request = here.request
        waits_for = "resume" if stop is None else stop.code
        yield {
            "run_id": context.run_id,
            "document_id": context.document_id,
            "mode": context.history.header.mode.value,
            "state": context.state.value,
            "waits_for": waits_for if request is None else request.gate.name,
            "cause": cause,
            "who": [] if request is None or here.complete else list(here.may_sign),
            "signed": list(here.signed),
            "threshold": here.threshold,
            "expires_utc": None if request is None else request.expires_utc,
            "left_s": None if request is None else int(here.left_s),
            "remedy": following,
        }


def _unreadable(run_id: str) -> dict[str, Json]:
    return {
        "run_id": run_id,
        "document_id": None,
        "mode": None,
        "state": "unreadable",
        "waits_for": StopEvidenceMismatch.code,
        "cause": StopEvidenceMismatch.summary,
        "who": [],
        "signed": [],
        "threshold": 0,
        "expires_utc": None,
        "left_s": None,
        "remedy": f"cutter verify {run_id}",
    }


def _names(item: dict[str, Json]) -> list[str]:
    who = item["who"]
    return [str(name) for name in who] if isinstance(who, list) else []
