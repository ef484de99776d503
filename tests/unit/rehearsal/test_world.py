"""A world in memory: its ports, its simulator's calls, and the place where a test stops it."""

import json

import pytest

from cutter_agent.document.cutplan import Change
from cutter_agent.errors import StopDocumentUnknown, StopReplayConflict
from cutter_agent.evidence.ed25519 import signature_fits
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.orders import BackupReceipt
from cutter_agent.orchestrator.phases.pre_write_backup import GOVERNED_TABLES
from cutter_agent.orchestrator.ports import (
    BackupVault,
    ExecutorSigner,
    Ledger,
    Verifier,
    VerifierSigner,
    Writer,
)
from cutter_agent.orchestrator.vault import Tally
from cutter_agent.orchestrator.warrant import RehearsalWarrant
from cutter_agent.orchestrator.world import Moment
from cutter_agent.rehearsal import EnactResult, InMemoryDiscoverer, IUCreateResult
from cutter_agent.rehearsal.readers import RehearsalTally, RehearsalVault
from cutter_agent.rehearsal.rows import Table
from cutter_agent.rehearsal.signers import RehearsalSigner
from worlds.small import (
    DOC,
    NEXT_RUN_ID,
    RUN_ID,
    TEXT,
    facts_of,
    next_facts,
    run_of,
    world_of,
)

MOMENT = Moment("2026-01-01T00:00:00Z")


def test_every_effect_port_is_there() -> None:
    ports = world_of().ports(RehearsalWarrant(RUN_ID))
    assert set(ports) == {
        Writer,
        Ledger,
        Verifier,
        BackupVault,
        ExecutorSigner,
        VerifierSigner,
        Tally,
    }


def test_ports_share_one_world() -> None:
    world = world_of()
    created = world.create_units()
    ledger = world.ports(RehearsalWarrant(RUN_ID))[Ledger]
    assert ledger is not None
    assert len(world.ledger().drafts(created.change_set_id)) == 3


def test_each_run_gets_a_fresh_world() -> None:
    facts = facts_of()
    facts.rehearsal(run_of()).create_units()
    assert facts.rehearsal(run_of()).counters()["iu.unit_version"] == 0


def test_the_stages_of_a_cut_by_themselves() -> None:
    world = world_of()
    assert [row.address for row in world.mark() if row.included] == [
        "DOC/one",
        "DOC/one/two",
        "DOC/one/three",
    ]
    plan = world.rebuild_cutplan()
    assert plan == world.rebuild_cutplan()
    assert {row.change for row in plan} == {Change.CREATED.value}
    created = world.create_units()
    assert created == IUCreateResult("created", created.change_set_id, 3, 3)
    assert world.create_units().status == "exists_complete"
    assert world.structural_probe().all_hold
    enacted = world.enact_units("decision")
    assert enacted == EnactResult("enacted", created.change_set_id, 3, 0, 0, 3, 3)
    assert world.enact_units("decision").status == "exists_complete"
    with pytest.raises(StopReplayConflict):
        world.enact_units("another decision")


def test_the_probe_says_no_where_something_is_wrong() -> None:
    assert not world_of().structural_probe().all_hold
    world = world_of()
    world.create_units()
    digest = world.rebuild_cutplan()[0].body_sha256
    world.tables.bodies[digest] = b"another text"
    probe = world.structural_probe()
    assert not probe.hashes_recomputed_equal
    assert probe.addresses_equal_plan


def test_the_verifier_sees_a_text_that_was_changed_underneath() -> None:
    world = world_of()
    world.create_units()
    world.enact_units("decision")
    envelope = next(iter(world.tables.envelopes)).envelope_id
    before = world.verifier().manifest_leaves(envelope)
    world.tables.bodies[world.rebuild_cutplan()[0].body_sha256] = b"another text"
    after = world.verifier().manifest_leaves(envelope)
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, True, True]


def test_the_verifier_reads_the_source_by_itself() -> None:
    facts = facts_of()
    world = facts.rehearsal(run_of())
    facts.replace_source(DOC, "# Other\n")
    assert world.verifier().source_bytes(world.reading().version.source_version_id) == b"# Other\n"


def test_nothing_is_enacted_before_it_is_drafted() -> None:
    with pytest.raises(StopReplayConflict):
        world_of().enact_units("decision")


def test_a_next_version_begins_with_what_is_in_force() -> None:
    facts = next_facts()
    world = facts.rehearsal(run_of(NEXT_RUN_ID))
    assert world.units_in_force() == tuple(facts.in_force(DOC))
    changes = {row.address: row.change for row in world.rebuild_cutplan()}
    assert changes == {"DOC/one": "kept", "DOC/one/two": "changed", "DOC/one/four": "created"}
    assert world.create_units().held == 2
    receipt = world.enact_units("decision-2")
    assert (receipt.enacted, receipt.superseded, receipt.retired, receipt.in_force) == (2, 1, 1, 3)


def test_a_world_of_an_unknown_document_is_empty() -> None:
    world = facts_of().rehearsal(run_of(document_id="NOBODY"))
    assert set(world.counters().values()) == {0}
    with pytest.raises(StopDocumentUnknown):
        world.mark()


def test_every_trigger_check_is_refused_and_leaves_no_trace() -> None:
    world = world_of()
    world.create_units()
    drafted = world.trigger_checks()
    world.enact_units("decision")
    rows = world.tables.canonical()
    checks = (*drafted, *world.trigger_checks())
    assert [check.name for check in checks if not check.refused] == []
    names = {check.name for check in checks}
    assert {
        "change a row of iu.unit_version",
        "delete a row of iu.lifecycle_log",
        "empty cutter_governance.verify_result",
        "store another text under a digest",
        "move enacted to draft",
        "move draft to retired",
        "put a version in force twice",
    } <= names
    assert world.tables.canonical() == rows


def test_a_trigger_check_sees_a_table_that_lets_rows_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Table, "delete", lambda self, key: None)
    world = world_of()
    world.create_units()
    leaks = [check.name for check in world.trigger_checks() if not check.refused]
    assert "delete a row of iu.unit_version" in leaks


def taken(vault: RehearsalVault, run: RunHeader) -> BackupReceipt:
    with vault.take(run, MOMENT) as kept:
        assert kept.copy is None
        return kept.receipt


def test_the_backup_digests_real_rows_and_says_that_it_is_simulated() -> None:
    world = world_of()
    vault = world.ports(RehearsalWarrant(RUN_ID))[BackupVault]
    assert isinstance(vault, RehearsalVault)
    first, again = taken(vault, world.run), taken(vault, world.run)
    assert first == again
    assert (first.level, first.recipients) == ("SIMULATED", ("rehearsal",))
    assert set(GOVERNED_TABLES) <= set(first.tables)
    assert first.document_rows_sha256 == vault.document_rows_sha256(DOC)
    world.create_units()
    after = taken(vault, world.run)
    assert after.snapshot_sha256 != first.snapshot_sha256
    assert after.sha256 != first.sha256
    assert vault.document_rows_sha256(DOC) != first.document_rows_sha256
    assert after.rows > first.rows


def test_a_tally_counts_the_documents_rows_alone() -> None:
    world = world_of()
    tally = world.ports(RehearsalWarrant(RUN_ID))[Tally]
    assert isinstance(tally, RehearsalTally)
    assert tally.rows(DOC) == "iu.source_document=1,iu.source_version=1"
    world.create_units()
    assert "iu.text_blob=3,iu.unit_version=3" in tally.rows(DOC)
    assert tally.rows("NOBODY") == ""


def test_a_documents_rows_are_its_own() -> None:
    world = world_of()
    vault = world.ports(RehearsalWarrant(RUN_ID))[BackupVault]
    assert isinstance(vault, RehearsalVault)
    nobody = vault.document_rows_sha256("NOBODY")
    world.create_units()
    assert vault.document_rows_sha256("NOBODY") == nobody
    texts = json.loads(world.tables.canonical(DOC))["iu.text_blob"]
    assert len(texts) == 3


def test_rehearsal_keys_repeat_and_differ_by_role() -> None:
    executor, again = RehearsalSigner("executor"), RehearsalSigner("executor")
    verifier = RehearsalSigner("verifier")
    assert executor.simulated
    assert executor.sign(b"message") == again.sign(b"message")
    assert signature_fits(executor.public_raw, executor.sign(b"message"), b"message")
    assert not signature_fits(verifier.public_raw, executor.sign(b"message"), b"message")
    assert executor.key_id != verifier.key_id


class Stopped(BaseException):
    """The process is gone."""


def effects_of(stop_at: int | None) -> list[str]:
    """The effects of a whole cut, up to the one at which it is stopped."""
    seen: list[str] = []

    def hook(name: str) -> None:
        seen.append(name)
        if len(seen) == stop_at:
            raise Stopped

    world = InMemoryDiscoverer.from_text(DOC, TEXT, "markdown")
    world.on_effect = hook
    here = world.rehearsal(run_of())
    try:
        here.create_units()
        here.enact_units("decision")
    except Stopped:
        pass
    return seen


def test_the_hook_is_told_before_and_after_every_effect() -> None:
    names = ("mint_change_set", "create_drafts", "record_manifest", "record_result", "enact")
    told = effects_of(None)
    assert told == [f"{when} {name}" for name in names for when in ("before", "after")]
    for stop_at in range(1, len(told) + 1):
        assert effects_of(stop_at) == told[:stop_at]
