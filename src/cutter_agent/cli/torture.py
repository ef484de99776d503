"""`cutter torture`: crash, race, starve and forge runs in every way that can be listed, and count what broke."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cutter_agent.cli.output import Output, aligned, seen, speaks, wrapped
from cutter_agent.errors import EXIT_DONE, StopInvariantFailed

if TYPE_CHECKING:
    from cutter_agent.bootstrap.torture.schedules import Row
    from cutter_agent.bootstrap.torture.worlds import Table
    from cutter_agent.evidence.canonical import Json

SAY_EVERY_S: Final = 5.0


@click.command()
@click.option(
    "--schedules",
    type=click.IntRange(min=0),
    default=1_000,
    show_default=True,
    help="Of each fault that is drawn by chance; what can be listed is played whole.",
)
@click.option("--seed", type=int, default=7, show_default=True, help="Repeats what chance drew.")
@click.option(
    "--world",
    type=click.Choice(["rehearsal", "postgres"]),
    default="rehearsal",
    show_default=True,
    help="In memory, or on a throwaway server.",
)
@click.option("--only", multiple=True, metavar="FAULT", help="This fault alone; can be repeated.")
@click.option("--short", is_flag=True, help="Play an even sample of what can be listed.")
@click.option("--replay", metavar="LINE", help="Play the one schedule that a line names.")
@click.option(
    "--pg-bin",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The server's programs, for the postgres world.",
)
@speaks(long=True)
def command(
    *,
    schedules: int,
    seed: int,
    world: str,
    only: tuple[str, ...],
    short: bool,
    replay: str | None,
    pg_bin: Path | None,
    out: Output,
) -> int:
    """Crash and starve runs, and count.

    Nothing of a deployment is touched: runs happen in memory, or on a server that is started for
    this and thrown away. After each schedule everything is audited: units are the plan, each once,
    nothing is doubled or lost, no phase without evidence and document. A naive writer, the canary,
    goes through the same crashes and must be caught. Exits with 13 if anything ends badly, and
    prints the line that repeats it.

    Example: cutter torture --schedules 10000 --seed 7
    """
    from cutter_agent.bootstrap.torture.schedules import Wanted
    from cutter_agent.bootstrap.torture.worlds import torture

    if replay is not None:
        return _replayed(replay, pg_bin, out)
    progress = Progress(out)
    table = torture(
        world,
        Wanted(schedules, seed, short),
        only=only,
        bin_dir=pg_bin,
        on_progress=progress.more,
        on_row=progress.row,
    )
    out.data(_document(table), lambda: _lines(table, out))
    return EXIT_DONE if table.held else StopInvariantFailed.exit_status


class Progress:
    """Says now and then how far the torture is."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._said = time.monotonic()

    def more(self, row: Row) -> None:
        """One more schedule was played."""
        if time.monotonic() - self._said >= SAY_EVERY_S:
            self._said = time.monotonic()
            self._out.say(f"  {row.fault}: {row.schedules} played, {row.bad} bad")

    def row(self, row: Row) -> None:
        """A fault was played to its end."""
        self._out.say(f"{row.fault}: {row.schedules} played, {row.bad} bad")
        self._out.event("row", **_row(row))


def _replayed(line: str, pg_bin: Path | None, out: Output) -> int:
    from cutter_agent.bootstrap.torture.worlds import replay

    fault, found = replay(line, bin_dir=pg_bin)
    document: dict[str, Json] = {
        "schema": "cutter.torture-replay/1",
        "line": line,
        "fault": fault,
        "bad": found is not None,
        "found": found,
    }
    text = f"bad: {seen(found)}" if found is not None else "nothing is bad"
    out.data(document, lambda: wrapped(text, out.columns))
    return EXIT_DONE if found is None else StopInvariantFailed.exit_status


def _row(row: Row) -> dict[str, Json]:
    return {"fault": row.fault, "schedules": row.schedules, "bad": row.bad}


def _document(table: Table) -> dict[str, Json]:
    return {
        "schema": "cutter.torture/1",
        "seed": table.seed,
        "world": table.world,
        "rows": [_row(row) for row in table.rows],
        "canary": {"schedules": table.canary.schedules, "caught": table.canary.bad},
        "bad": table.bad,
        "findings": [
            {"replay": line, "found": found} for row in table.rows for line, found in row.findings
        ],
    }


def _lines(table: Table, out: Output) -> list[str]:
    rows = [(row.fault, f"{row.schedules:,}", f"{row.bad:,}") for row in table.rows]
    canary = table.canary
    rows.append(("canary", f"{canary.schedules:,}", f"{canary.bad:,} caught"))
    lines = aligned(("fault", "schedules", "bad"), rows, out.columns)
    for row in table.rows:
        for line, found in row.findings:
            lines += wrapped(f"{line}: {seen(found)}", out.columns, later="    ")
            lines.append(f'  Next   cutter torture --replay "{line}"')
    if canary.bad == 0:
        lines.append("the canary was not caught: this torture proves nothing")
    return [*lines, f"{table.world} world, seed {table.seed}: {table.bad} bad"]
