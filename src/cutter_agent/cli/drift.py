"""`cutter drift`: the facts that the newest run pinned, against the facts as they are now."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import click

from cutter_agent.bootstrap.standing import contexts
from cutter_agent.cli.names import code_argument
from cutter_agent.cli.output import Output, aligned, seen, speaks
from cutter_agent.cli.run_view import DIGEST_DIGITS
from cutter_agent.cli.session import opened
from cutter_agent.errors import EXIT_DIFFERENCES, EXIT_DONE, StopDocumentUnknown, StopRunUnknown

if TYPE_CHECKING:
    from cutter_agent.bootstrap import Desk
    from cutter_agent.evidence.canonical import Json
    from cutter_agent.orchestrator.factsheet import FactSheet
    from cutter_agent.orchestrator.run_context import RunContext

SHORT_CHARS_MAX = 20
OWN_EFFECT = "in_force_sha256"
"""The one fact that a live run changes itself, by enacting."""


@click.command()
@code_argument()
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 20 if anything differs.")
@speaks()
def drift(code: str, *, detailed_exitcode: bool, out: Output) -> int:
    """Compare facts, then and now.

    Then: as the newest run of the document pinned them. Now: as the database holds them.

    Example: cutter drift ICX-CONST --detailed-exitcode
    """
    from cutter_agent.orchestrator.factsheet import read_facts
    from cutter_agent.orchestrator.policy import NO_POLICY

    with opened(out) as desk:
        facts = desk.facts()
        if facts.find_source_document(code) is None:
            raise StopDocumentUnknown(f"no document is called {code[:80]!a}", document_id=code)
        context, then = _newest(desk, code)
        policy = desk.policy()
        now = read_facts(facts, code, policy_sha256=NO_POLICY if policy is None else policy.sha256)
    own = _own_effect(context)
    names = [field.name for field in fields(then)]
    changed = [n for n in names if getattr(then, n) != getattr(now, n) and n != own]
    rows = [
        (name, _short(getattr(then, name)), _short(getattr(now, name)), _word(name, changed, own))
        for name in names
    ]
    document: dict[str, Json] = {
        "schema": "cutter.drift/1",
        "document_id": code,
        "run_id": context.run_id,
        "facts_sha256": {"then": then.sha256, "now": now.sha256},
        "differences": [
            {"name": n, "then": getattr(then, n), "now": getattr(now, n)} for n in changed
        ],
        "facts": [
            {"name": n, "then": getattr(then, n), "now": getattr(now, n), "own_effect": n == own}
            for n in names
        ],
    }
    head = f"{seen(code)}: {len(changed) or 'no'} differences since {context.run_id}"
    table = aligned(("fact", "then", "now", ""), rows, out.columns)
    out.data(document, lambda: [head, *table])
    return EXIT_DIFFERENCES if changed and detailed_exitcode else EXIT_DONE


def _newest(desk: Desk, code: str) -> tuple[RunContext, FactSheet]:
    """Return the newest run of the document that pinned facts.

    Raises:
        StopRunUnknown: there is none.
    """
    from cutter_agent.orchestrator.phases.source_pin import SourcePinned

    for context in contexts(desk):
        if isinstance(context, str) or context.document_id != code:
            continue
        pinned = context.get(SourcePinned)
        if pinned is not None:
            return context, pinned.facts
    raise StopRunUnknown(
        f"no run of {code[:80]!a} has pinned facts",
        expected="a run of the document",
        document_id=code,
        remedy="cutter cut {document}",
    )


def _own_effect(context: RunContext) -> str | None:
    from cutter_agent.orchestrator.phases.lifecycle_enact import LifecycleEnacted
    from cutter_agent.orchestrator.states import Mode

    live = context.history.header.mode is Mode.LIVE
    return OWN_EFFECT if live and context.get(LifecycleEnacted) is not None else None


def _word(name: str, changed: list[str], own: str | None) -> str:
    if name in changed:
        return "CHANGED"
    return "by this run itself" if name == own else "same"


def _short(value: str) -> str:
    return seen(value if len(value) <= SHORT_CHARS_MAX else f"{value[:DIGEST_DIGITS]}…")
