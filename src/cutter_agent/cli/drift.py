"""`cutter drift`: the facts that the newest run pinned, against the facts as they are now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cutter_agent.cli.names import code_argument
from cutter_agent.cli.output import Output, aligned, seen, speaks
from cutter_agent.cli.run_view import DIGEST_DIGITS
from cutter_agent.cli.session import opened
from cutter_agent.errors import EXIT_DIFFERENCES, EXIT_DONE

if TYPE_CHECKING:
    from cutter_agent.evidence.canonical import Json

SHORT_CHARS_MAX = 20


@click.command()
@code_argument()
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 20 if anything differs.")
@speaks()
def drift(code: str, *, detailed_exitcode: bool, out: Output) -> int:
    """Compare facts, then and now.

    Then: as the newest run of the document pinned them. Now: as the database holds them.

    Example: cutter drift ICX-CONST --detailed-exitcode
    """
    from cutter_agent.bootstrap.drifting import drift_of

    with opened(out) as desk:
        found = drift_of(desk, code)
    then, now, own = found.then, found.now, found.own
    names, changed = found.names, list(found.changed)
    rows = [
        (name, _short(getattr(then, name)), _short(getattr(now, name)), _word(name, changed, own))
        for name in names
    ]
    document: dict[str, Json] = {
        "schema": "cutter.drift/1",
        "document_id": code,
        "run_id": found.run_id,
        "facts_sha256": {"then": then.sha256, "now": now.sha256},
        "differences": [
            {"name": n, "then": getattr(then, n), "now": getattr(now, n)} for n in changed
        ],
        "facts": [
            {"name": n, "then": getattr(then, n), "now": getattr(now, n), "own_effect": n == own}
            for n in names
        ],
    }
    head = f"{seen(code)}: {len(changed) or 'no'} differences since {found.run_id}"
    table = aligned(("fact", "then", "now", ""), rows, out.columns)
    out.data(document, lambda: [head, *table])
    return EXIT_DIFFERENCES if changed and detailed_exitcode else EXIT_DONE


def _word(name: str, changed: list[str], own: str | None) -> str:
    if name in changed:
        return "CHANGED"
    return "by this run itself" if name == own else "same"


def _short(value: str) -> str:
    return seen(value if len(value) <= SHORT_CHARS_MAX else f"{value[:DIGEST_DIGITS]}…")
