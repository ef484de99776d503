"""`cutter doctor`: everything that the deployment stands on, and the command that mends what is broken."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from cutter_agent.cli.output import Output, seen, speaks, wrapped
from cutter_agent.errors import EXIT_DIFFERENCES, EXIT_DONE

if TYPE_CHECKING:
    from cutter_agent.bootstrap.checkup import Checkup
    from cutter_agent.evidence.canonical import Json

_GLYPHS = {"ok": ("✓", "green"), "weaker": ("●", "yellow"), "broken": ("✗", "red")}


@click.command()
@speaks()
def command(*, out: Output) -> int:
    """Check the deployment.

    Looks at programs, server, roles, grants, functions, keys, clock, locks and policy, and changes
    nothing. A protection that a managed server denies is named as weaker. Exits with 20 if anything
    is broken.

    Example: cutter doctor
    """
    from cutter_agent.bootstrap.checkup import checkup

    found = checkup(os.environ, on_progress=out.say)
    out.data(_document(found), lambda: _lines(found, out))
    return EXIT_DONE if found.sound else EXIT_DIFFERENCES


def _document(found: Checkup) -> dict[str, Json]:
    return {
        "schema": "cutter.doctor/1",
        "home": str(found.home.root),
        "demo": found.settings.demo,
        "ok": found.sound,
        "checks": [
            {
                "id": row.name,
                "level": row.level.value,
                "sentence": row.sentence,
                "remedy": row.remedy or None,
            }
            for row in found.rows
        ],
    }


def _lines(found: Checkup, out: Output) -> list[str]:
    kind = "demo deployment" if found.settings.demo else "deployment"
    lines = [f"{kind} in {seen(str(found.home.root))}"]
    for row in found.rows:
        glyph, colour = _GLYPHS[row.level.value]
        first, *more = row.sentence.split("\n")
        text = wrapped(f"{row.name}: {seen(first)}", out.columns - 2, later="    ")
        lines += [f"{out.styled(glyph, colour)} {text[0]}", *(f"  {line}" for line in text[1:])]
        for each in more:
            lines += wrapped(seen(each), out.columns, first="      ")
        if row.remedy:
            lines.append(f"      Next   {seen(row.remedy)}")
    broken = sum(row.level.value == "broken" for row in found.rows)
    weaker = sum(row.level.value == "weaker" for row in found.rows)
    return [
        *lines,
        f"{len(found.rows)} checks, {broken} broken, {weaker} weaker than they could be",
    ]
