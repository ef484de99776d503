"""The rehearsal's writer refuses what the database's functions refuse, and leaves nothing half done."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from cutter_agent.errors import (
    ApprovalConsumedAlready,
    ProductionExecutionNotAuthorized,
    Stop,
    StopDrift,
    StopEvidenceMismatch,
    StopInvariantFailed,
    StopReplayConflict,
    StopSourceUnreadable,
)
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.orchestrator.approval import Approved
from cutter_agent.orchestrator.orders import (
    ChangeSet,
    Draft,
    EnactOrder,
    Manifest,
    ManifestBlock,
    VerifyRecord,
)
from cutter_agent.orchestrator.states import Gate, Mode
from cutter_agent.orchestrator.warrant import LiveWarrant, RehearsalWarrant, live_warrant
from cutter_agent.rehearsal import RehearsalWorld
from cutter_agent.rehearsal.writer import RehearsalWriter
from worlds.small import DOC, NEXT_RUN_ID, RUN_ID, next_facts, run_of, world_of, writer_of


@dataclass
class Cut:
    """A world with everything that a cut of its document hands to the writer."""

    world: RehearsalWorld
    writer: RehearsalWriter
    change_set: ChangeSet
    drafts: list[Draft]
    manifest: Manifest
    blocks: list[ManifestBlock]
    result: VerifyRecord
    order: EnactOrder

    def until(self, stage: str) -> "Cut":
        """Brings the world to just before the stage."""
        stages: list[tuple[str, Callable[[], object]]] = [
            ("mint", lambda: self.writer.mint_change_set(self.change_set)),
            ("create", lambda: self.writer.create_drafts(self.change_set, self.drafts)),
            ("record", lambda: self.writer.record_manifest(self.manifest, self.blocks)),
            ("verify", lambda: self.world.verifier().record(self.result)),
            ("enact", lambda: self.writer.enact(self.order)),
        ]
        for name, act in stages:
            if name == stage:
                break
            act()
        return self


def cut_of(world: RehearsalWorld) -> Cut:
    reading = world.reading()
    change_set = world._change_set(reading)
    change_set_id = change_set.change_set_id
    root = reading.manifest_root
    manifest = Manifest(
        "envelope", change_set_id, root, len(reading.plan.units), b"sealed", "executor-key"
    )
    size = len(reading.plan.units)
    return Cut(
        world,
        writer_of(world),
        change_set,
        list(reading.drafts(change_set_id)),
        manifest,
        list(reading.blocks(change_set_id)),
        VerifyRecord("result", "envelope", root, root, size, 0, b"verified", "verifier-key"),
        EnactOrder(change_set_id, DOC, "decision", "ab" * 32, None),
    )


@pytest.fixture
def cut() -> Cut:
    return cut_of(world_of())


@pytest.fixture
def next_cut() -> Cut:
    """The cut of the next version over the first one in force."""
    return cut_of(next_facts().rehearsal(run_of(NEXT_RUN_ID)))


def refused(cut: Cut, stop: type[Stop], act: Callable[[], object]) -> None:
    """The act is refused and the world is as it was."""
    before = cut.world.tables.canonical()
    with pytest.raises(stop):
        act()
    assert cut.world.tables.canonical() == before


def a_live_warrant() -> LiveWarrant:
    approved = Approved(
        gate=Gate.SG_1,
        run_id=RUN_ID,
        mode=Mode.LIVE,
        request_sha256="ab" * 32,
        persons=("lan",),
        key_ids=("key",),
        simulated=False,
        review_decision_id=None,
        consumed_utc="2026-01-02T03:04:05Z",
    )
    return live_warrant(RUN_ID, approved)


def test_a_whole_cut_is_counted(cut: Cut) -> None:
    cut.until("enact")
    receipt = cut.writer.enact(cut.order)
    assert (receipt.enacted, receipt.superseded, receipt.retired) == (3, 0, 0)
    assert (receipt.log_rows, receipt.in_force) == (3, 3)


def test_the_next_version_supersedes_and_retires(next_cut: Cut) -> None:
    next_cut.until("record")
    manifest = next_cut.writer.record_manifest(next_cut.manifest, next_cut.blocks)
    assert (manifest.blocks, manifest.affected_rows, manifest.signatures) == (3, 3, 1)
    next_cut.world.verifier().record(next_cut.result)
    receipt = next_cut.writer.enact(next_cut.order)
    assert (receipt.enacted, receipt.superseded, receipt.retired) == (2, 1, 1)
    assert (receipt.log_rows, receipt.in_force) == (4, 3)
    addresses = [unit.address for unit in next_cut.world.units_in_force()]
    assert addresses == ["DOC/one", "DOC/one/four", "DOC/one/two"]


def test_everything_repeated_answers_the_same(next_cut: Cut) -> None:
    next_cut.until("end")
    rows = next_cut.world.tables.canonical()
    assert next_cut.writer.create_drafts(next_cut.change_set, next_cut.drafts) == 2
    first = next_cut.writer.record_manifest(next_cut.manifest, next_cut.blocks)
    assert (first.blocks, first.affected_rows, first.signatures) == (3, 3, 1)
    next_cut.world.verifier().record(next_cut.result)
    assert next_cut.world.verifier().results("envelope") == 1
    assert next_cut.writer.enact(next_cut.order).log_rows == 4
    assert next_cut.world.tables.canonical() == rows


def test_a_live_warrant_opens_no_rehearsal(cut: Cut) -> None:
    with pytest.raises(ProductionExecutionNotAuthorized):
        cut.world.ports(a_live_warrant())  # type: ignore[arg-type]
    with pytest.raises(ProductionExecutionNotAuthorized):
        cut.world.writer(None)  # type: ignore[arg-type]


def test_a_warrant_opens_its_own_run_only(cut: Cut) -> None:
    with pytest.raises(ProductionExecutionNotAuthorized):
        cut.world.writer(RehearsalWarrant(NEXT_RUN_ID))
    foreign = replace(cut.change_set, run_id=NEXT_RUN_ID)
    refused(cut, ProductionExecutionNotAuthorized, lambda: cut.writer.mint_change_set(foreign))


def test_a_change_set_is_minted_once_and_as_it_is(cut: Cut) -> None:
    cut.until("create")
    cut.writer.mint_change_set(cut.change_set)
    for other in (
        replace(cut.change_set, created=9),
        replace(cut.change_set, change_set_id="other"),
    ):
        refused(cut, StopReplayConflict, lambda other=other: cut.writer.mint_change_set(other))


def test_a_document_has_one_open_change_set(cut: Cut) -> None:
    stranger = replace(cut.change_set, change_set_id="other", run_id=NEXT_RUN_ID)
    cut.world.tables.change_sets.insert("other", stranger)
    refused(cut, StopReplayConflict, lambda: cut.writer.mint_change_set(cut.change_set))
    cut.world.tables.close("other", "withdrawn")
    cut.writer.mint_change_set(cut.change_set)


def test_only_the_newest_source_is_cut(cut: Cut) -> None:
    older = replace(cut.change_set, source_version_id="older")
    refused(cut, StopDrift, lambda: cut.writer.mint_change_set(older))


def test_no_draft_without_its_change_set(cut: Cut) -> None:
    refused(cut, StopReplayConflict, lambda: cut.writer.create_drafts(cut.change_set, cut.drafts))


def changed_plan(draft: Draft, **changes: object) -> Draft:
    return replace(draft, planned=replace(draft.planned, **changes))


WRONG_DRAFTS: dict[str, tuple[type[Stop], Callable[[list[Draft]], list[Draft]]]] = {
    "one is missing": (StopInvariantFailed, lambda d: d[:-1]),
    "one comes twice": (StopInvariantFailed, lambda d: [*d, d[0]]),
    "two ids are equal": (
        StopReplayConflict,
        lambda d: [d[0], replace(d[1], version_id=d[0].version_id), d[2]],
    ),
    "two units are equal": (
        StopReplayConflict,
        lambda d: [d[0], replace(d[1], unit_id=d[0].unit_id), d[2]],
    ),
    "two addresses are equal": (
        StopReplayConflict,
        lambda d: [d[0], changed_plan(d[1], address=d[0].planned.address), d[2]],
    ),
    "a body lies about its digest": (
        StopEvidenceMismatch,
        lambda d: [*d[:2], replace(d[2], body=b"another text")],
    ),
    "a body holds a NUL": (
        StopSourceUnreadable,
        lambda d: [
            *d[:2],
            changed_plan(replace(d[2], body=b"a\0b"), body_sha256=sha256_hex(b"a\0b")),
        ],
    ),
    "a kind is unknown": (
        StopReplayConflict,
        lambda d: [*d[:2], changed_plan(d[2], kind="verse")],
    ),
    "an address is another document's": (
        StopEvidenceMismatch,
        lambda d: [*d[:2], changed_plan(d[2], address="OTHER/three")],
    ),
    "an address is too long": (
        StopEvidenceMismatch,
        lambda d: [*d[:2], changed_plan(d[2], address="DOC/" + "x" * 1_000)],
    ),
    "a unit is its own parent": (
        StopEvidenceMismatch,
        lambda d: [*d[:2], changed_plan(d[2], parent=d[2].planned.address)],
    ),
    "a span runs backwards": (
        StopEvidenceMismatch,
        lambda d: [*d[:2], changed_plan(d[2], own_spans=((9, 3),))],
    ),
    "spans overlap": (
        StopEvidenceMismatch,
        lambda d: [*d[:2], changed_plan(d[2], own_spans=((3, 9), (5, 12)))],
    ),
    "an ordinal is 0": (StopEvidenceMismatch, lambda d: [*d[:2], changed_plan(d[2], ordinal=0)]),
    "a later version of nothing": (
        StopReplayConflict,
        lambda d: [*d[:2], replace(d[2], version_no=2)],
    ),
}


@pytest.mark.parametrize("wrong", WRONG_DRAFTS)
def test_wrong_drafts_are_refused_whole(cut: Cut, wrong: str) -> None:
    stop, spoil = WRONG_DRAFTS[wrong]
    cut.until("create")
    refused(cut, stop, lambda: cut.writer.create_drafts(cut.change_set, spoil(list(cut.drafts))))
    assert cut.world.ledger().drafts(cut.change_set.change_set_id) == ()
    assert cut.writer.create_drafts(cut.change_set, cut.drafts) == 3


def test_a_repeat_with_another_text_is_a_conflict(cut: Cut) -> None:
    cut.until("record")
    body = b"another text"
    other = changed_plan(replace(cut.drafts[0], body=body), body_sha256=sha256_hex(body))
    refused(
        cut,
        StopReplayConflict,
        lambda: cut.writer.create_drafts(cut.change_set, [other, *cut.drafts[1:]]),
    )


def test_a_changed_unit_must_be_in_force(next_cut: Cut) -> None:
    next_cut.until("create")
    changed = next(d for d in next_cut.drafts if d.version_no == 2)
    next_cut.world.tables.in_force.end(
        next(
            r.version_id
            for r in next_cut.world.tables.standing(DOC)
            if r.unit_id == changed.unit_id
        )
    )
    refused(
        next_cut,
        StopReplayConflict,
        lambda: next_cut.writer.create_drafts(next_cut.change_set, next_cut.drafts),
    )


def block_changed(blocks: list[ManifestBlock], **changes: object) -> list[ManifestBlock]:
    return [replace(blocks[0], **changes), *blocks[1:]]  # type: ignore[arg-type]


WRONG_BLOCKS: dict[str, tuple[type[Stop], Callable[[list[ManifestBlock]], list[ManifestBlock]]]] = {
    "one is missing": (StopInvariantFailed, lambda b: b[:-1]),
    "a leaf is another": (StopEvidenceMismatch, lambda b: block_changed(b, leaf_sha256=bytes(32))),
    "an ordinal is another": (StopEvidenceMismatch, lambda b: block_changed(b, ordinal=7)),
    "a unit is another": (StopEvidenceMismatch, lambda b: block_changed(b, unit_id=b[1].unit_id)),
    "a version is unknown": (StopReplayConflict, lambda b: block_changed(b, version_id="nobody")),
    "a position comes twice": (StopReplayConflict, lambda b: block_changed(b, position=1)),
    "the order is another": (StopEvidenceMismatch, lambda b: [b[1], b[0], b[2]]),
}


@pytest.mark.parametrize("wrong", WRONG_BLOCKS)
def test_wrong_blocks_are_refused_whole(cut: Cut, wrong: str) -> None:
    stop, spoil = WRONG_BLOCKS[wrong]
    cut.until("record")
    refused(cut, stop, lambda: cut.writer.record_manifest(cut.manifest, spoil(cut.blocks)))


def test_a_change_set_has_one_manifest(cut: Cut) -> None:
    cut.until("verify")
    for other in (
        replace(cut.manifest, envelope=b"other"),
        replace(cut.manifest, envelope_id="other"),
    ):
        refused(
            cut,
            StopReplayConflict,
            lambda other=other: cut.writer.record_manifest(other, cut.blocks),
        )


def test_a_manifest_cannot_rest_on_what_is_not_in_force(next_cut: Cut) -> None:
    next_cut.until("record")
    kept = next(
        b for b in next_cut.blocks if b.version_id not in {d.version_id for d in next_cut.drafts}
    )
    next_cut.world.tables.in_force.end(kept.version_id)
    refused(
        next_cut,
        StopEvidenceMismatch,
        lambda: next_cut.writer.record_manifest(next_cut.manifest, next_cut.blocks),
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"root_from_source_sha256": "00" * 32},
        {"root_in_database_sha256": "00" * 32},
        {"tree_size": 4},
        {"mismatches": 1},
        {"verifier_key_id": "executor-key"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_result_that_does_not_fit_is_not_recorded(cut: Cut, changes: dict[str, object]) -> None:
    cut.until("verify")
    wrong = replace(cut.result, **changes)  # type: ignore[arg-type]
    refused(cut, StopEvidenceMismatch, lambda: cut.world.verifier().record(wrong))


def test_a_manifest_has_one_result(cut: Cut) -> None:
    cut.until("enact")
    other = replace(cut.result, verify_result_id="other")
    refused(cut, StopReplayConflict, lambda: cut.world.verifier().record(other))
    nowhere = replace(cut.result, envelope_id="nowhere")
    refused(cut, StopReplayConflict, lambda: cut.world.verifier().record(nowhere))


@pytest.mark.parametrize("stage", ["record", "verify"])
def test_nothing_unverified_is_enacted(cut: Cut, stage: str) -> None:
    cut.until(stage)
    refused(cut, StopInvariantFailed, lambda: cut.writer.enact(cut.order))


def test_enactment_is_for_one_decision(cut: Cut) -> None:
    cut.until("end")
    for other in (
        replace(cut.order, review_decision_id="other"),
        replace(cut.order, request_sha256="cd" * 32),
    ):
        refused(cut, StopReplayConflict, lambda other=other: cut.writer.enact(other))


@pytest.mark.parametrize(
    ("stop", "changes"),
    [
        (StopReplayConflict, {"change_set_id": "other"}),
        (StopReplayConflict, {"document_id": "OTHER"}),
        (StopReplayConflict, {"review_decision_id": ""}),
        (StopDrift, {"effective_date": "2026-01-02"}),
    ],
    ids=["change set", "document", "decision", "date"],
)
def test_an_order_must_fit(cut: Cut, stop: type[Stop], changes: dict[str, str]) -> None:
    cut.until("enact")
    refused(cut, stop, lambda: cut.writer.enact(replace(cut.order, **changes)))  # type: ignore[arg-type]


def test_a_decision_is_spent_once(next_cut: Cut) -> None:
    next_cut.until("enact")
    old = next(iter(next_cut.world.tables.decisions))
    refused(
        next_cut,
        StopReplayConflict,
        lambda: next_cut.writer.enact(replace(next_cut.order, review_decision_id=old.decision_id)),
    )
    refused(
        next_cut,
        ApprovalConsumedAlready,
        lambda: next_cut.writer.enact(replace(next_cut.order, request_sha256=old.request_sha256)),
    )


def test_counts_that_were_minted_must_come_true(next_cut: Cut) -> None:
    lying = replace(next_cut.change_set, retired=0)
    next_cut.change_set = lying
    next_cut.until("enact")
    refused(next_cut, StopInvariantFailed, lambda: next_cut.writer.enact(next_cut.order))


def test_withdrawn_drafts_free_their_addresses_and_stay_withdrawn(cut: Cut) -> None:
    cut.until("record")
    assert cut.writer.withdraw(cut.change_set.change_set_id) == 3
    states = {unit.state for unit in cut.world.ledger().drafts(cut.change_set.change_set_id)}
    assert states == {"withdrawn"}
    refused(cut, StopReplayConflict, lambda: cut.writer.withdraw(cut.change_set.change_set_id))
    refused(cut, StopReplayConflict, lambda: cut.writer.mint_change_set(cut.change_set))


def test_what_is_enacted_is_not_withdrawn(cut: Cut) -> None:
    cut.until("end")
    refused(cut, StopReplayConflict, lambda: cut.writer.withdraw(cut.change_set.change_set_id))
