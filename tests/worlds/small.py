"""A document of three units and its next version, and rehearsal worlds around them."""

from cutter_agent.orchestrator.effects import Hook, no_effect
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.states import Mode
from cutter_agent.orchestrator.warrant import RehearsalWarrant
from cutter_agent.rehearsal import InMemoryDiscoverer, RehearsalWorld
from cutter_agent.rehearsal.writer import RehearsalWriter

DOC = "DOC"
RUN_ID = "ictr-20260102T030405Z-0123abcd"
NEXT_RUN_ID = "ictr-20260103T030405Z-0123abcd"
TEXT = "# One\n\nFirst.\n\n## Two\n\nSecond.\n\n## Three\n\nThird.\n"
NEXT_TEXT = "# One\n\nFirst.\n\n## Two\n\nSecond, changed.\n\n## Four\n\nFourth.\n"
"""One keeps its version, Two has another text, Three is gone, Four is new."""


def run_of(run_id: str = RUN_ID, document_id: str = DOC) -> RunHeader:
    """A dry run of the document."""
    return RunHeader(run_id, document_id, Mode.DRYRUN, "operator", "2026-01-02T03:04:05Z", 1_000)


def facts_of(text: str | bytes = TEXT, hook: Hook = no_effect) -> InMemoryDiscoverer:
    """Facts that hold the document."""
    facts = InMemoryDiscoverer(on_effect=hook)
    facts.add_version(DOC, text, "markdown")
    return facts


def world_of(text: str | bytes = TEXT, hook: Hook = no_effect) -> RehearsalWorld:
    """A fresh world for a run of the document."""
    return facts_of(text, hook).rehearsal(run_of())


def next_facts() -> InMemoryDiscoverer:
    """Facts with the first version enacted by RUN_ID and the next one added."""
    first = world_of()
    first.create_units()
    first.enact_units("decision-1")
    facts = facts_of()
    facts.put_in_force(DOC, first.units_in_force(), by_run=RUN_ID)
    facts.add_version(DOC, NEXT_TEXT, "markdown")
    return facts


def writer_of(world: RehearsalWorld) -> RehearsalWriter:
    """The world's writer, opened by the warrant of its own run."""
    return world.writer(RehearsalWarrant(world.run.run_id))
