"""RehearsalWriter: the writer of dry runs. What the database's functions refuse, it refuses."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from cutter_agent.document.cutplan import PlannedUnit
from cutter_agent.errors import (
    ProductionExecutionNotAuthorized,
    StopDrift,
    StopEvidenceMismatch,
    StopInvariantFailed,
    StopReplayConflict,
    StopSourceUnreadable,
)
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.evidence.merkle import tree_root
from cutter_agent.orchestrator.effects import Effects
from cutter_agent.orchestrator.orders import (
    ChangeSet,
    Draft,
    EnactOrder,
    EnactReceipt,
    Manifest,
    ManifestBlock,
    ManifestReceipt,
)
from cutter_agent.orchestrator.warrant import RehearsalWarrant
from cutter_agent.rehearsal.rows import (
    AffectedRow,
    BlockRow,
    DecisionRow,
    EnvelopeRow,
    UnitRow,
    VersionRow,
)
from cutter_agent.rehearsal.tables import Tables

ADDRESS_BYTES_MAX: Final = 1_000
ENACTED: Final = "enacted"


class RehearsalWriter:
    """Writes into one world in memory, and exists only with a warrant for its run."""

    def __init__(
        self,
        tables: Tables,
        warrant: RehearsalWarrant,
        *,
        run_id: str,
        vocab: Iterable[str],
        effects: Effects,
    ) -> None:
        """Bind the world's tables.

        Raises:
            ProductionExecutionNotAuthorized: the warrant is a live one, another run's, or none.
        """
        if type(warrant) is not RehearsalWarrant or warrant.run_id != run_id:
            raise ProductionExecutionNotAuthorized(
                f"a {type(warrant).__name__} does not open this rehearsal",
                expected=f"a RehearsalWarrant of {run_id}",
                run_id=run_id,
            )
        self._warrant = warrant
        self._tables = tables
        self._vocab = frozenset(vocab)
        self._effects = effects

    @property
    def warrant(self) -> RehearsalWarrant:
        return self._warrant

    def mint_change_set(self, change_set: ChangeSet) -> None:
        with self._effects.one("mint_change_set"), self._tables.transaction():
            self._mint(change_set)

    def create_drafts(self, change_set: ChangeSet, drafts: Iterable[Draft]) -> int:
        with self._effects.one("create_drafts"), self._tables.transaction():
            return self._create(change_set, tuple(drafts))

    def record_manifest(
        self, manifest: Manifest, blocks: Iterable[ManifestBlock]
    ) -> ManifestReceipt:
        with self._effects.one("record_manifest"), self._tables.transaction():
            return self._record(manifest, tuple(blocks))

    def enact(self, order: EnactOrder) -> EnactReceipt:
        with self._effects.one("enact"), self._tables.transaction():
            return self._enact(order)

    def withdraw(self, change_set_id: str) -> int:
        """Every draft of the change set is withdrawn and its addresses are free; returns how many.

        Raises:
            StopReplayConflict: it is enacted, or withdrawn already.
        """
        with self._effects.one("withdraw"), self._tables.transaction():
            change_set = self._minted(change_set_id)
            self._check_open(change_set)
            versions = self._tables.versions_of(change_set_id)
            for version in versions:
                self._tables.move(version, "withdrawn", change_set_id, None)
            self._tables.close(change_set_id, "withdrawn")
            return len(versions)

    def _mint(self, change_set: ChangeSet) -> None:
        tables = self._tables
        if change_set.run_id != self._warrant.run_id:
            raise ProductionExecutionNotAuthorized(
                f"the change set is of run {change_set.run_id}",
                expected=self._warrant.run_id,
                run_id=self._warrant.run_id,
            )
        held = tables.change_sets.get(change_set.change_set_id)
        if held == change_set and tables.state_of(change_set.change_set_id) == "open":
            return
        if held is not None:
            raise StopReplayConflict(
                f"change set {change_set.change_set_id} holds something else, or is closed",
                run_id=change_set.run_id,
            )
        for other in tables.change_sets:
            if other.run_id == change_set.run_id:
                raise StopReplayConflict(f"the run minted {other.change_set_id} already")
            open_too = tables.state_of(other.change_set_id) == "open"
            if open_too and other.document_id == change_set.document_id:
                raise StopReplayConflict(f"{other.change_set_id} is open for the document")
        sources = [s for s in tables.sources if s.document_id == change_set.document_id]
        newest = max(sources, key=lambda source: source.version_no, default=None)
        if newest is None or newest.source_version_id != change_set.source_version_id:
            raise StopDrift(
                "the change set is not of the newest source version",
                expected="none" if newest is None else newest.source_version_id,
                run_id=change_set.run_id,
            )
        tables.change_sets.insert(change_set.change_set_id, change_set)

    def _create(self, change_set: ChangeSet, drafts: tuple[Draft, ...]) -> int:
        if self._minted(change_set.change_set_id) != change_set:
            raise StopReplayConflict(f"change set {change_set.change_set_id} was minted otherwise")
        if len(drafts) != change_set.created + change_set.changed:
            raise StopInvariantFailed(
                f"{len(drafts)} drafts came",
                expected=f"{change_set.created + change_set.changed}",
                run_id=change_set.run_id,
            )
        rows = [_version_row(change_set, draft) for draft in drafts]
        found = [self._tables.versions.get(row.version_id) for row in rows]
        if any(row is not None for row in found):
            if found != rows:
                raise StopReplayConflict("versions under these ids hold something else")
            return len(self._tables.versions_of(change_set.change_set_id))
        self._check_open(change_set)
        if len({row.address for row in rows}) < len(rows):
            raise StopReplayConflict("two drafts of the change set share an address")
        standing = {row.unit_id for row in self._tables.standing(change_set.document_id)}
        for row, draft in zip(rows, drafts, strict=True):
            self._check_row(row, draft.planned)
            self._write(row, draft, standing)
        return len(self._tables.versions_of(change_set.change_set_id))

    def _check_row(self, row: VersionRow, planned: PlannedUnit) -> None:
        """Refuse what the columns of the database's table refuse."""
        ends = [place for span in row.own_spans for place in span]
        fits = (
            row.address.startswith(f"{row.document_id}/")
            and len(row.address.encode()) <= ADDRESS_BYTES_MAX
            and row.parent != row.address
            and row.version_no > 0
            and row.ordinal > 0
            and all(start < end for start, end in row.own_spans)
            and ends == sorted(ends)
            and (not ends or ends[0] >= 0)
        )
        if not fits:
            raise StopEvidenceMismatch(f"unit {planned.address} does not fit the table of versions")
        if row.kind not in self._vocab:
            raise StopReplayConflict(f"{row.address} is of kind {row.kind}, which nobody knows")

    def _write(self, row: VersionRow, draft: Draft, standing: set[str]) -> None:
        tables = self._tables
        if b"\0" in draft.body:
            raise StopSourceUnreadable(f"the text of {row.address} holds a NUL")
        tables.put_body(row.body_sha256, draft.body)
        if row.version_no == 1:
            tables.units.insert(
                row.unit_id, UnitRow(row.unit_id, row.document_id, row.change_set_id)
            )
        elif row.unit_id not in standing:
            raise StopReplayConflict(f"unit {row.unit_id} is edited and not in force")
        tables.add_version(row)
        tables.move(row, "draft", row.change_set_id, None)

    def _record(self, manifest: Manifest, blocks: tuple[ManifestBlock, ...]) -> ManifestReceipt:
        tables = self._tables
        change_set = self._minted(manifest.change_set_id)
        row = EnvelopeRow(
            manifest.envelope_id,
            change_set.document_id,
            manifest.change_set_id,
            manifest.root_sha256,
            manifest.tree_size,
            sha256_hex(manifest.envelope),
            manifest.executor_key_id,
        )
        held = tables.envelope_of(manifest.change_set_id)
        if held is not None:
            if held != row:
                raise StopReplayConflict("another manifest is recorded for the change set")
            return self._receipt(row)
        expected = change_set.created + change_set.changed + change_set.kept
        if not len(blocks) == manifest.tree_size == expected:
            raise StopInvariantFailed(
                f"a manifest of {manifest.tree_size} units with {len(blocks)} blocks",
                expected=f"{expected}",
            )
        tables.envelopes.insert(row.envelope_id, row)
        standing = {f.version_id for f in tables.standing(change_set.document_id)}
        for block in blocks:
            self._put_block(row, block, standing)
        if tree_root([block.leaf_sha256 for block in blocks]).hex() != manifest.root_sha256:
            raise StopEvidenceMismatch("the manifest's root is not the root of its blocks")
        self._put_affected(change_set, {block.unit_id for block in blocks})
        return self._receipt(row)

    def _put_block(self, row: EnvelopeRow, block: ManifestBlock, standing: set[str]) -> None:
        """Keep the block if it stands for a draft of the change set or for a version in force."""
        tables = self._tables
        kept = BlockRow(
            row.envelope_id,
            block.position,
            row.document_id,
            block.unit_id,
            block.version_id,
            block.ordinal,
            block.leaf_sha256.hex(),
        )
        version = tables.versions.get(block.version_id)
        if version is None:
            raise StopReplayConflict(f"block {block.position} names no version that is there")
        ours = version.change_set_id == row.change_set_id or version.version_id in standing
        fits = version.unit_id == block.unit_id and tables.leaf_of(kept) == block.leaf_sha256
        if not (ours and fits and block.ordinal > 0 and block.position >= 0):
            raise StopEvidenceMismatch(
                f"block {block.position} of the manifest does not fit the unit it names"
            )
        tables.blocks.insert((row.envelope_id, block.position), kept)

    def _put_affected(self, change_set: ChangeSet, included: set[str]) -> None:
        tables = self._tables
        standing = {f.unit_id: f.version_id for f in tables.standing(change_set.document_id)}
        found: list[tuple[str, str, str | None, str | None]] = []
        for version in tables.versions_of(change_set.change_set_id):
            prior = standing.get(version.unit_id)
            change = "created" if prior is None else "changed"
            found.append((version.unit_id, change, version.version_id, prior))
        found.extend(
            (unit_id, "retired", None, version_id)
            for unit_id, version_id in sorted(standing.items())
            if unit_id not in included
        )
        for position, (unit_id, change, version_id, prior) in enumerate(found):
            row = AffectedRow(
                change_set.change_set_id,
                position,
                change_set.document_id,
                unit_id,
                change,
                version_id,
                prior,
            )
            tables.affected.insert((change_set.change_set_id, position), row)

    def _receipt(self, row: EnvelopeRow) -> ManifestReceipt:
        affected = (a for a in self._tables.affected if a.change_set_id == row.change_set_id)
        return ManifestReceipt(
            blocks=len(self._tables.blocks_of(row.envelope_id)),
            affected_rows=sum(1 for _ in affected),
            signatures=1,
        )

    def _enact(self, order: EnactOrder) -> EnactReceipt:
        tables = self._tables
        change_set = self._minted(order.change_set_id)
        if change_set.document_id != order.document_id:
            raise StopReplayConflict(f"the change set is of document {change_set.document_id}")
        if tables.state_of(order.change_set_id) != "open":
            decision = tables.decisions.get(order.review_decision_id)
            if decision is None or decision != _decision(order):
                raise StopReplayConflict("the change set was closed under another decision")
            return self._enacted(change_set)
        envelope = tables.envelope_of(order.change_set_id)
        if envelope is None or not any(
            result.envelope_id == envelope.envelope_id for result in tables.results
        ):
            raise StopInvariantFailed(
                f"change set {order.change_set_id} has no verified manifest",
                run_id=change_set.run_id,
            )
        source = tables.sources.get(change_set.source_version_id)
        if source is None or source.effective_date != order.effective_date:
            raise StopDrift("the effective date is not the source version's")
        tables.decide(_decision(order))
        drafts = tables.versions_of(order.change_set_id)
        for version in drafts:
            tables.move(version, ENACTED, order.change_set_id, order.review_decision_id)
        ended = self._end_replaced(order)
        counts = (len(drafts), ended)
        expected = (
            change_set.created + change_set.changed,
            change_set.changed + change_set.retired,
        )
        if counts != expected:
            raise StopInvariantFailed(
                f"{counts[0]} versions enacted and {counts[1]} ended",
                expected=f"{expected[0]} and {expected[1]}",
            )
        tables.add_in_force(drafts)
        tables.close(order.change_set_id, ENACTED)
        return self._enacted(change_set)

    def _end_replaced(self, order: EnactOrder) -> int:
        tables, ended = self._tables, 0
        for row in tables.affected:
            if row.change_set_id != order.change_set_id or row.prior_version_id is None:
                continue
            prior = tables.versions.get(row.prior_version_id)
            if prior is None:
                raise StopReplayConflict(f"there is no version {row.prior_version_id}")
            to_state = "superseded" if row.change == "changed" else "retired"
            tables.move(prior, to_state, order.change_set_id, order.review_decision_id)
            tables.in_force.end(prior.version_id)
            ended += 1
        return ended

    def _enacted(self, change_set: ChangeSet) -> EnactReceipt:
        moved = [
            row.to_state
            for row in self._tables.log
            if row.change_set_id == change_set.change_set_id and row.decision_id is not None
        ]
        return EnactReceipt(
            enacted=moved.count(ENACTED),
            superseded=moved.count("superseded"),
            retired=moved.count("retired"),
            log_rows=len(moved),
            in_force=len(self._tables.standing(change_set.document_id)),
        )

    def _minted(self, change_set_id: str) -> ChangeSet:
        held = self._tables.change_sets.get(change_set_id)
        if held is None or held.run_id != self._warrant.run_id:
            raise StopReplayConflict(f"the run has no change set {change_set_id}")
        return held

    def _check_open(self, change_set: ChangeSet) -> None:
        state = self._tables.state_of(change_set.change_set_id)
        if state != "open":
            raise StopReplayConflict(f"change set {change_set.change_set_id} is {state}")


def _decision(order: EnactOrder) -> DecisionRow:
    return DecisionRow(
        order.review_decision_id, order.document_id, order.change_set_id, order.request_sha256
    )


def _version_row(change_set: ChangeSet, draft: Draft) -> VersionRow:
    planned = draft.planned
    return VersionRow(
        version_id=draft.version_id,
        unit_id=draft.unit_id,
        document_id=change_set.document_id,
        version_no=draft.version_no,
        source_version_id=change_set.source_version_id,
        change_set_id=change_set.change_set_id,
        address=planned.address,
        kind=planned.kind,
        parent=planned.parent,
        ordinal=planned.ordinal,
        own_spans=planned.own_spans,
        attributes=planned.attributes,
        body_sha256=planned.body_sha256,
    )
