"""Dry runs on live facts read them anew each time, for their own documents, and rehearse what is enacted."""

import pytest

from cutter_agent.orchestrator.ports import RehearsalDiscoverer
from cutter_agent.rehearsal import InMemoryDiscoverer, LiveDryRunDiscoverer
from worlds.small import DOC, NEXT_RUN_ID, RUN_ID, TEXT, facts_of, next_facts, run_of, world_of


def enacted_facts() -> InMemoryDiscoverer:
    """Facts whose newest source version is in force."""
    world = world_of()
    world.create_units()
    world.enact_units("decision")
    facts = facts_of()
    facts.put_in_force(DOC, world.units_in_force(), by_run=RUN_ID)
    return facts


def test_a_document_of_another_prefix_does_not_exist() -> None:
    discoverer: RehearsalDiscoverer = LiveDryRunDiscoverer.from_live(facts_of())
    assert discoverer.find_source_document(DOC) is None
    assert discoverer.latest_source_version(DOC) is None
    assert discoverer.in_force(DOC) == ()
    ours = LiveDryRunDiscoverer.from_live(
        InMemoryDiscoverer.from_text("ICX-CONST-2", TEXT, "markdown")
    )
    assert ours.find_source_document("ICX-CONST-2") is not None


@pytest.mark.parametrize(
    "name", ["vocab_snapshot", "function_fingerprints", "grant_matrix", "database_identity"]
)
def test_what_names_no_document_is_handed_through(name: str) -> None:
    live = facts_of()
    discoverer = LiveDryRunDiscoverer.from_live(live, doc_prefix="DOC")
    assert getattr(discoverer, name)() == getattr(live, name)()


def test_every_change_below_is_seen_at_once() -> None:
    live = facts_of()
    discoverer = LiveDryRunDiscoverer.from_live(live, doc_prefix="DOC")
    before = discoverer.mutation_reading()
    first = discoverer.latest_source_version(DOC)
    live.add_version(DOC, "# Other\n", "markdown")
    second = discoverer.latest_source_version(DOC)
    assert second is not None
    assert second != first
    assert discoverer.source_bytes(second.source_version_id) == b"# Other\n"
    assert discoverer.mutation_reading() != before


def test_an_enacted_version_is_rehearsed_as_if_its_units_were_set_aside() -> None:
    live = enacted_facts()
    discoverer = LiveDryRunDiscoverer.from_live(live, doc_prefix="DOC")
    assert len(live.in_force(DOC)) == 3
    assert discoverer.in_force(DOC) == ()
    assert discoverer.census(DOC).enacted == 3
    world = discoverer.rehearsal(run_of(NEXT_RUN_ID))
    assert world.create_units().held == 3
    receipt = world.enact_units("decision-2")
    assert (receipt.enacted, receipt.superseded, receipt.in_force) == (3, 0, 3)
    assert len(live.in_force(DOC)) == 3


def test_a_newer_version_meets_what_is_really_in_force() -> None:
    live = next_facts()
    discoverer = LiveDryRunDiscoverer.from_live(live, doc_prefix="DOC")
    assert discoverer.in_force(DOC) == live.in_force(DOC)
    world = discoverer.rehearsal(run_of(NEXT_RUN_ID))
    world.create_units()
    receipt = world.enact_units("decision-2")
    assert (receipt.enacted, receipt.superseded, receipt.retired) == (2, 1, 1)


def test_the_hook_reaches_the_world() -> None:
    told: list[str] = []
    discoverer = LiveDryRunDiscoverer.from_live(facts_of(), doc_prefix="DOC", on_effect=told.append)
    discoverer.rehearsal(run_of()).create_units()
    assert told[0] == "before mint_change_set"
