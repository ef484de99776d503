"""Drift: the facts that the newest run of a document pinned, against the facts as they are now."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from cutter_agent.bootstrap.standing import contexts
from cutter_agent.errors import StopDocumentUnknown, StopRunUnknown
from cutter_agent.orchestrator.factsheet import FactSheet, read_facts
from cutter_agent.orchestrator.phases.lifecycle_enact import LifecycleEnacted
from cutter_agent.orchestrator.phases.source_pin import SourcePinned
from cutter_agent.orchestrator.policy import NO_POLICY
from cutter_agent.orchestrator.states import Mode

if TYPE_CHECKING:
    from cutter_agent.bootstrap.desk import Desk
    from cutter_agent.orchestrator.run_context import RunContext

OWN_EFFECT: Final = "in_force_sha256"
"""The one fact that a live run changes itself, by enacting."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What a run pinned and what is so now.

    Attributes:
        run_id: the newest run of the document that pinned facts.
        own: the fact that the run changed itself, or None.
    """

    document_id: str
    run_id: str
    then: FactSheet
    now: FactSheet
    own: str | None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the facts, in order."""
        return tuple(field.name for field in fields(self.then))

    @property
    def changed(self) -> tuple[str, ...]:
        """The facts that have another value now, and not by the run itself."""
        differ = [n for n in self.names if getattr(self.then, n) != getattr(self.now, n)]
        return tuple(name for name in differ if name != self.own)


def drift_of(desk: Desk, code: str) -> Drift:
    """The document's facts, then and now.

    Raises:
        StopDocumentUnknown: there is no such document.
        StopRunUnknown: no run of it has pinned facts.
    """
    facts = desk.facts()
    if facts.find_source_document(code) is None:
        raise StopDocumentUnknown(f"no document is called {code[:80]!a}", document_id=code)
    context, then = _newest(desk, code)
    policy = desk.policy()
    now = read_facts(facts, code, policy_sha256=NO_POLICY if policy is None else policy.sha256)
    live = context.history.header.mode is Mode.LIVE
    own = OWN_EFFECT if live and context.get(LifecycleEnacted) is not None else None
    return Drift(code, context.run_id, then, now, own)


def _newest(desk: Desk, code: str) -> tuple[RunContext, FactSheet]:
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
