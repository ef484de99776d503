"""The whole way of a cut through the database, and what it finds on repeating."""

from dataclasses import replace

import pytest

from clusters.databases import Database
from cutter_agent.document.cutplan import Change
from cutter_agent.errors import StopReplayConflict
from cutter_agent.orchestrator import queries
from cutter_agent.orchestrator.states import Gate
from cutter_agent.postgres import history
from cutter_agent.postgres.connect import select_on
from cutter_agent.postgres.verify import LiveLedger, LiveVerifier
from postgres.acts import (
    CODE,
    LINES,
    in_force,
    line,
    one,
    open_cut,
    session,
    versions_in_force,
)


def test_a_cut_comes_into_force_through_every_leg(database: Database):
    cut = open_cut(database, LINES)
    assert cut.draft() == 7
    receipt = cut.seal()
    assert (receipt.blocks, receipt.affected_rows, receipt.signatures) == (7, 7, 1)
    cut.verify()
    enacted = cut.enact()
    assert (enacted.enacted, enacted.log_rows, enacted.in_force) == (7, 7, 7)
    cut.end("closed")
    with session(database, "cutter_reader") as connection:
        census = select_on(connection)(queries.CENSUS, {"document_id": CODE})[0]
        run = select_on(connection)(
            queries.ENACTING_RUN, {"source_version_id": cut.source_version_id}
        )
    assert census == {
        "total": 7,
        "draft": 0,
        "enacted": 7,
        "versions_enacted": 7,
        "lifecycle_rows": 14,
    }
    assert run == [{"run_id": cut.run_id}]


def test_the_second_version_keeps_changes_creates_and_retires(database: Database):
    open_cut(database, LINES).through()
    kept = versions_in_force(database)
    lines = [LINES[0], line(2, "Sửa đổi"), *LINES[3:], line(9)]
    cut = open_cut(database, lines, entropy="00000002", prior=in_force(database))
    cut.retired = 1
    counts = [cut.counts(change) for change in (Change.CREATED, Change.CHANGED, Change.KEPT)]
    assert counts == [1, 1, 5]
    assert cut.draft() == 2
    assert cut.seal(kept).affected_rows == 3
    cut.verify()
    enacted = cut.enact()
    assert (enacted.enacted, enacted.superseded, enacted.retired) == (2, 1, 1)
    assert (enacted.log_rows, enacted.in_force) == (4, 7)
    now = in_force(database)
    assert set(now) == {f"{CODE}/DIEU-{n}" for n in (1, 2, 4, 5, 6, 7, 9)}
    assert now[f"{CODE}/DIEU-2"][2] == 2
    assert versions_in_force(database)[f"{CODE}/DIEU-4"] == kept[f"{CODE}/DIEU-4"]


def test_what_is_read_back_is_what_was_planned(database: Database):
    cut = open_cut(database, LINES)
    cut.draft()
    with session(database, "cutter_exec") as connection:
        held = LiveLedger(connection).drafts(cut.change_set_id)
    expected = sorted(cut.units, key=lambda unit: unit.address)
    assert [unit.address for unit in held] == [unit.address for unit in expected]
    for unit, plan in zip(held, expected, strict=True):
        assert (unit.kind, unit.parent, unit.ordinal) == (plan.kind, plan.parent, plan.ordinal)
        assert (unit.own_spans, unit.attributes) == (plan.own_spans, plan.attributes)
        assert unit.body_sha256 == unit.rehash_sha256 == plan.body_sha256
        assert (unit.state, unit.version_no) == ("draft", 1)


def test_the_database_computes_the_leaves_that_the_plan_has(database: Database):
    cut = open_cut(database, LINES)
    cut.draft()
    cut.seal()
    with session(database, "cutter_verify") as connection:
        verifier = LiveVerifier(connection, run_id=cut.run_id, fence=cut.fence)
        leaves = verifier.manifest_leaves(cut.envelope_id)
        assert verifier.role == "cutter_verify"
        assert verifier.source_bytes(cut.source_version_id) == b"".join(LINES)
    assert leaves == [block.leaf_sha256 for block in cut.blocks()]


def test_every_writer_finds_its_own_work_on_repeating(database: Database):
    cut = open_cut(database, LINES)
    cut.draft()
    with cut.writing() as (_, writer):
        writer.mint_change_set(cut.change_set())
        assert writer.create_drafts(cut.change_set(), cut.drafts()) == 7
    assert cut.seal() == cut.seal()
    cut.verify()
    cut.verify()
    first = cut.enact()
    with cut.writing() as (_, writer):
        assert writer.enact(cut.order()) == first
    with session(database) as connection:
        assert one(connection, "SELECT count(*) FROM iu.lifecycle_log") == 14
        assert one(connection, "SELECT count(*) FROM cutter_governance.verify_result") == 1


@pytest.mark.parametrize("part", ["address", "kind", "body", "parent", "heading"])
def test_other_content_under_a_known_id_is_a_conflict(database: Database, part: str):
    cut = open_cut(database, LINES)
    cut.draft()
    with session(database) as connection:
        # What a hostile superuser may do: our own walls are down in this session.
        connection.execute("SET session_replication_role = replica")
        connection.execute("SELECT set_config('cutter.migration', 'on', false)")
        connection.execute("ALTER TABLE iu.unit_version DISABLE TRIGGER rows_stay")
        column, value = {
            "address": ("address", f"{CODE}/DIEU-99"),
            "kind": ("kind", "point"),
            "body": ("body_sha256", b"\0" * 32),
            "parent": ("parent_address", f"{CODE}/DIEU-2"),
            "heading": ("heading", "?"),
        }[part]
        connection.execute(
            f"UPDATE iu.unit_version SET {column} = %b WHERE address = %s"
            if part == "body"
            else f"UPDATE iu.unit_version SET {column} = %s WHERE address = %s",
            (value, f"{CODE}/DIEU-1"),
        )
    with pytest.raises(StopReplayConflict), cut.writing() as (_, writer):
        writer.create_drafts(cut.change_set(), cut.drafts())


def test_an_ended_run_withdraws_its_drafts_and_frees_everything(database: Database):
    cut = open_cut(database, LINES)
    cut.draft()
    cut.approve(Gate.SG_3)
    cut.end("voided")
    with session(database) as connection:
        census = select_on(connection)(queries.CENSUS, {"document_id": CODE})[0]
        assert one(connection, "SELECT state FROM cutter_governance.cut_change_set") == "withdrawn"
    assert (census["draft"], census["enacted"], census["lifecycle_rows"]) == (0, 0, 14)
    again = open_cut(database, LINES, entropy="00000002")
    again.through()
    assert len(in_force(database)) == 7


def test_a_withdrawn_change_leaves_its_version_number_to_the_next(database: Database):
    open_cut(database, LINES).through()
    kept = versions_in_force(database)
    lines = [line(1, "Một"), *LINES[1:]]
    first = open_cut(database, lines, entropy="00000002", prior=in_force(database))
    first.draft()
    first.end("ended")
    second = open_cut(database, lines, entropy="00000003", prior=in_force(database))
    second.draft()
    second.seal(kept)
    second.verify()
    second.enact()
    assert in_force(database)[f"{CODE}/DIEU-1"][2] == 2


def test_sets_of_many_calls_are_one_transaction(
    database: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("cutter_agent.postgres.write.CHUNK_ROWS", 3)
    cut = open_cut(database, LINES)
    drafts = cut.drafts()
    drafts[-1] = replace(drafts[-1], version_id=drafts[0].version_id)

    def write_all() -> None:
        with cut.writing() as (connection, writer):
            consumption = cut.consumption(Gate.SG_1, cut.request(Gate.SG_1))
            history.consume(connection, cut.fence, consumption)
            writer.mint_change_set(cut.change_set())
            writer.create_drafts(cut.change_set(), drafts)

    with pytest.raises(StopReplayConflict):
        write_all()
    with session(database) as connection:
        assert one(connection, "SELECT count(*) FROM iu.unit_version") == 0
        assert one(connection, "SELECT count(*) FROM cutter_governance.approval_use") == 0
    assert cut.draft() == 7
