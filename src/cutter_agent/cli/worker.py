"""`cutter worker`: drive whatever run can go on, beside any number of others that do the same."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cutter_agent.cli.output import Output, speaks
from cutter_agent.errors import EXIT_DONE

if TYPE_CHECKING:
    from cutter_agent.evidence.canonical import Json

LANES_MAX: Final = 64
SCHEMA: Final = "cutter.worker/1"


@click.command()
@click.option(
    "--concurrency",
    type=click.IntRange(1, LANES_MAX),
    default=1,
    show_default=True,
    help="Runs at once.",
)
@click.option("--drain", is_flag=True, help="End when no run can go on.")
@click.option(
    "--share-backups", is_flag=True, help="One backup for runs within minutes, as in a batch."
)
@click.option(
    "--outfit",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Make a home for a worker on another machine, and end.",
)
@speaks(long=True)
def worker(
    *, concurrency: int, drain: bool, share_backups: bool, outfit: Path | None, out: Output
) -> int:
    """Drive live runs for others.

    Takes every run that was handed over or approved, and any whose driver died. Start as many as
    you like, on as many machines as reach the database. SIGTERM lets the phase at hand end, then
    the run is free for another worker. Another machine needs a home of its own: make it with
    --outfit, take it there, and name it and the server in CUTTER_HOME and CUTTER_DATABASE_URL.

    Example: cutter worker --concurrency 2
    """
    if outfit is not None:
        return _outfit(outfit, out)
    from cutter_agent.worker.loop import Worker

    def tell(kind: str, fields: Mapping[str, Json]) -> None:
        out.event(kind, **fields)
        if (said := _said(kind, fields)) is not None:
            out.say(said)

    tally = Worker(os.environ, concurrency, tell, drain=drain, share_backups=share_backups).run()
    driver = f"{socket.gethostname()}/{os.getpid()}"
    document: dict[str, Json] = {
        "schema": SCHEMA,
        "driver": driver,
        "concurrency": concurrency,
        "driven": tally.driven,
        "stops": dict(tally.stops),
    }
    stops = ", ".join(f"{number} {code}" for code, number in sorted(tally.stops.items()))
    out.data(
        document, lambda: [f"Brought runs on: {tally.driven}" + (f"; {stops}" if stops else "")]
    )
    return EXIT_DONE


def _outfit(folder: Path, out: Output) -> int:
    from cutter_agent.bootstrap.outfit import outfit
    from cutter_agent.cli.session import opened

    with opened(out) as desk:
        names = outfit(desk, folder)
    out.data(
        {"schema": "cutter.worker-outfit/1", "folder": str(folder), "files": list(names)},
        lambda: [
            *(f"{folder}/{name}" for name in names),
            "These open the database: take them as secrets.",
        ],
    )
    return EXIT_DONE


def _said(kind: str, fields: Mapping[str, Json]) -> str | None:
    """Return the event for people, or None where it is none of theirs."""
    match kind:
        case "worker":
            return f"Waiting for runs in {fields['lanes']} lane(s); Ctrl-C ends it well"
        case "settled":
            return f"{fields['document_id']}  {fields['run_id']}  {fields['stop_code'] or 'done'}"
        case "away":
            return f"{fields['code']}: {fields['fact']}"
        case "leaving":
            return "Leaving after the phase at hand"
        case _:
            return None
