"""The tables of a world hold no wrong state, whoever writes into them."""

from dataclasses import replace

import pytest

from cutter_agent.errors import StopReplayConflict
from cutter_agent.evidence.canonical import parse_canonical
from cutter_agent.rehearsal import RehearsalWorld
from cutter_agent.rehearsal.rows import DecisionRow, VersionRow
from worlds.small import DOC, world_of, writer_of


@pytest.fixture
def drafted() -> RehearsalWorld:
    """A world with three drafts."""
    world = world_of()
    world.create_units()
    return world


@pytest.fixture
def enacted(drafted: RehearsalWorld) -> RehearsalWorld:
    """A world with three units in force."""
    drafted.enact_units("decision")
    return drafted


def first(world: RehearsalWorld) -> VersionRow:
    return next(iter(world.tables.versions))


def test_a_unit_numbers_its_versions_without_a_double(drafted: RehearsalWorld) -> None:
    double = replace(first(drafted), version_id="other")
    with pytest.raises(StopReplayConflict, match="version 1 already"):
        drafted.tables.add_version(double)
    drafted.tables.add_version(replace(double, version_no=2))


@pytest.mark.parametrize("changed", ["unit_id", "address"])
def test_one_version_is_in_force_at_an_address_and_of_a_unit(
    enacted: RehearsalWorld, changed: str
) -> None:
    other = replace(first(enacted), version_id="other", **{changed: "DOC/elsewhere"})
    with pytest.raises(StopReplayConflict), enacted.tables.transaction():
        enacted.tables.add_in_force([other])
    assert len(enacted.tables.standing(DOC)) == 3


def test_what_is_no_longer_in_force_ends_no_more(enacted: RehearsalWorld) -> None:
    enacted.tables.in_force.end(first(enacted).version_id)
    with pytest.raises(StopReplayConflict):
        enacted.tables.in_force.end(first(enacted).version_id)
    with pytest.raises(StopReplayConflict):
        enacted.tables.in_force.end("nobody")


@pytest.mark.parametrize(
    ("to_state", "decision"),
    [("enacted", None), ("withdrawn", "decision-1"), ("enacted", "unknown"), ("enacted", "other")],
)
def test_a_state_goes_with_a_decision_of_its_change_set(
    drafted: RehearsalWorld, to_state: str, decision: str | None
) -> None:
    version, tables = first(drafted), drafted.tables
    tables.decide(DecisionRow("decision-1", DOC, version.change_set_id, "ab" * 32))
    tables.decide(DecisionRow("other", DOC, "another change set", "cd" * 32))
    with pytest.raises(StopReplayConflict):
        tables.move(version, to_state, version.change_set_id, decision)
    tables.move(version, "enacted", version.change_set_id, "decision-1")


def test_a_run_mints_one_change_set_even_after_it_is_closed(drafted: RehearsalWorld) -> None:
    minted = next(iter(drafted.tables.change_sets))
    writer = writer_of(drafted)
    writer.withdraw(minted.change_set_id)
    with pytest.raises(StopReplayConflict):
        writer.mint_change_set(replace(minted, change_set_id="other"))


def test_an_empty_change_set_is_withdrawn_once() -> None:
    world = world_of()
    writer = writer_of(world)
    minted = world._change_set(world.reading())
    writer.mint_change_set(minted)
    assert writer.withdraw(minted.change_set_id) == 0
    with pytest.raises(StopReplayConflict):
        writer.withdraw(minted.change_set_id)


def test_the_rows_are_dumped_as_canonical_json(enacted: RehearsalWorld) -> None:
    dump = enacted.tables.canonical()
    value = parse_canonical(dump)
    assert isinstance(value, dict)
    assert {name: len(rows) for name, rows in value.items()} == enacted.counters()
    assert parse_canonical(enacted.tables.canonical(DOC)) == value
