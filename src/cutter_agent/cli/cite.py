"""`cutter cite`: the text of a unit in force, with everything that proves it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cutter_agent.cli.output import Output, seen, speaks, wrapped

if TYPE_CHECKING:
    from cutter_agent.evidence.citation import Citation


@click.command()
@click.argument("address")
@click.option(
    "--as-of", metavar="DATE", help="The day it was in force: YYYY-MM-DD; today without it."
)
@click.option("--html", type=click.Path(path_type=Path), help="Write a page that checks itself.")
@speaks()
def cite(address: str, *, as_of: str | None, html: Path | None, out: Output) -> None:
    """Cite a unit, with its proof.

    The text, its place in the manifest that brought it in force, and the signatures of executor and
    verifier over that manifest. --json writes one document that `cutter verify-quote` reads; --html
    writes one page that checks all of it in any browser, offline.

    Example: cutter cite ICX-CONST/DIEU-7 --html citation.html
    """
    from cutter_agent.bootstrap.citing import cite as citation_of
    from cutter_agent.cli.session import opened
    from cutter_agent.cli.written import write_whole
    from cutter_agent.evidence.citation import citation_bytes, citation_html

    with opened(out) as desk:
        citation = citation_of(desk, address, as_of)
    if html is not None:
        write_whole(html, citation_html(citation).encode())
        out.say(f"The page lies at {html}")
    out.data(json.loads(citation_bytes(citation)), lambda: _lines(citation, out))


def _lines(citation: Citation, out: Output) -> list[str]:
    """Return the text as it is, hidden characters drawn, and below it where it comes from."""
    from cutter_agent.evidence.ed25519 import key_id

    until = citation.in_force.until_date
    facts = {
        "in force": f"from {citation.in_force.from_date}{f' until {until}' if until else ''}",
        "run": citation.run_id,
        "source": citation.source_version_id,
        "leaf": f"{citation.proof.index + 1} of {citation.proof.tree_size}",
        "root": citation.root,
        "executor": key_id(bytes.fromhex(citation.executor.public_key)),
        "verifier": key_id(bytes.fromhex(citation.verifier.public_key)),
    }
    lines = [seen(citation.address), ""]
    for line in citation.text.rstrip("\n").split("\n"):
        lines += wrapped(seen(line), out.columns, first="  ") if line.strip() else [""]
    return [*lines, "", *(f"{name:<9} {value}" for name, value in facts.items())]
