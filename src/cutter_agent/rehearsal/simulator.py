"""The simulator's calls on a rehearsal world: each stage of a cut by itself, without a run's line (Contract 8)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final, NoReturn

from cutter_agent.document.cutplan import InForceUnit
from cutter_agent.errors import Stop, StopDocumentUnknown
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.evidence.dsse import seal
from cutter_agent.evidence.merkle import leaf_hash, tree_root
from cutter_agent.orchestrator import ids
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.orders import (
    ChangeSet,
    EnactOrder,
    EnactReceipt,
    Manifest,
    VerifyRecord,
)
from cutter_agent.orchestrator.phases.structural_verify import StructuralProbe, probe_structure
from cutter_agent.orchestrator.ports import Facts
from cutter_agent.orchestrator.reading import Reading
from cutter_agent.orchestrator.warrant import RehearsalWarrant
from cutter_agent.rehearsal.readers import RehearsalLedger, RehearsalVerifier
from cutter_agent.rehearsal.rows import EDGES, VersionRow
from cutter_agent.rehearsal.signers import RehearsalSigner
from cutter_agent.rehearsal.tables import Tables
from cutter_agent.rehearsal.writer import RehearsalWriter

PAYLOAD_TYPE: Final = "application/vnd.iu-cutter.simulated"
_STATES: Final = ("draft", "enacted", "superseded", "retired", "withdrawn")


@dataclass(frozen=True, slots=True)
class MarkRow:
    """A unit of the source, included or not."""

    address: str
    kind: str
    start: int
    end: int
    text_sha256: str
    status: str
    included: bool
    reason: str


@dataclass(frozen=True, slots=True)
class CutplanRow:
    """An included unit and what the cut does with it."""

    position: int
    address: str
    change: str
    version_no: int
    body_sha256: str
    idempotency_key: str
    leaf_sha256: str


@dataclass(frozen=True, slots=True)
class IUCreateResult:
    """The drafts of a change set: `created`, or `exists_complete` when they were there already."""

    status: str
    change_set_id: str
    expected: int
    held: int


@dataclass(frozen=True, slots=True)
class EnactResult:
    """The enactment of a change set: `enacted`, or `exists_complete` when it was in force already."""

    status: str
    change_set_id: str
    enacted: int
    superseded: int
    retired: int
    log_rows: int
    in_force: int


@dataclass(frozen=True, slots=True)
class TriggerCheck:
    """One statement that must be refused, and whether it was."""

    name: str
    refused: bool
    because: str


class _Back(Exception):
    """Rolls back what a check has tried."""


class Simulator(ABC):
    """The calls; a world gives tables, facts, keys and readers."""

    tables: Tables
    executor: RehearsalSigner
    verifier_key: RehearsalSigner

    @property
    @abstractmethod
    def run(self) -> RunHeader:
        """The run of the world."""

    @property
    @abstractmethod
    def facts(self) -> Facts:
        """The facts of the world."""

    @abstractmethod
    def writer(self, warrant: RehearsalWarrant) -> RehearsalWriter:
        """The world's writer."""

    @abstractmethod
    def ledger(self) -> RehearsalLedger:
        """The world's ledger."""

    @abstractmethod
    def verifier(self) -> RehearsalVerifier:
        """The world's verifier."""

    def reading(self) -> Reading:
        """Everything that follows from the newest source version of the run's document.

        Raises:
            StopDocumentUnknown: the document has none.
        """
        version = self.facts.latest_source_version(self.run.document_id)
        if version is None:
            raise StopDocumentUnknown(
                f"{self.run.document_id} has no source version", document_id=self.run.document_id
            )
        return Reading(
            version=version,
            source=self.facts.source_bytes(version.source_version_id),
            in_force=self.facts.in_force(self.run.document_id),
        )

    def mark(self) -> tuple[MarkRow, ...]:
        """Every unit of the source, in document order."""
        return tuple(
            MarkRow(
                unit.address,
                unit.kind,
                unit.start,
                unit.end,
                unit.text_sha256,
                unit.status,
                unit.included,
                unit.reason,
            )
            for unit in self.reading().marked.units
        )

    def rebuild_cutplan(self) -> tuple[CutplanRow, ...]:
        """Every row of the plan, computed anew from the source bytes, in document order."""
        return tuple(
            CutplanRow(
                unit.position,
                unit.address,
                unit.change.value,
                unit.version_no,
                unit.body_sha256,
                unit.idempotency_key,
                leaf_hash(unit.leaf).hex(),
            )
            for unit in self.reading().plan.units
        )

    def create_units(self) -> IUCreateResult:
        """Every planned draft exists under the run's change set."""
        reading = self.reading()
        change_set = self._change_set(reading)
        before = len(self.tables.versions_of(change_set.change_set_id))
        writer = self._own_writer()
        writer.mint_change_set(change_set)
        held = writer.create_drafts(change_set, reading.drafts(change_set.change_set_id))
        expected = reading.plan.created + reading.plan.changed
        status = "exists_complete" if before == expected > 0 else "created"
        return IUCreateResult(status, change_set.change_set_id, expected, held)

    def enact_units(self, review_decision_id: str) -> EnactResult:
        """Every draft of the run's change set is in force; manifest and verification come first.

        Raises:
            StopReplayConflict: there are no drafts, or they were enacted under another decision.
        """
        reading = self.reading()
        change_set_id = self._change_set(reading).change_set_id
        if self.tables.envelope_of(change_set_id) is None:
            self._seal(reading, change_set_id)
        done = self.tables.state_of(change_set_id) == "enacted"
        receipt = self._own_writer().enact(
            EnactOrder(
                change_set_id=change_set_id,
                document_id=self.run.document_id,
                review_decision_id=review_decision_id,
                request_sha256=sha256_hex(review_decision_id.encode()),
                effective_date=reading.version.effective_date,
            )
        )
        return _result("exists_complete" if done else "enacted", change_set_id, receipt)

    def units_in_force(self) -> tuple[InForceUnit, ...]:
        """The document's units in force in this world, by address: what a next version meets."""
        found = []
        for row in self.tables.standing(self.run.document_id):
            version = self.tables.versions.get(row.version_id)
            if version is not None:
                found.append(_in_force_unit(version))
        return tuple(sorted(found, key=lambda unit: unit.address))

    def structural_probe(self) -> StructuralProbe:
        """The eleven answers about the drafts that the run's change set holds."""
        reading = self.reading()
        change_set_id = self._change_set(reading).change_set_id
        kinds = self.facts.vocab_snapshot().kinds
        return probe_structure(self.ledger().drafts(change_set_id), reading, kinds, change_set_id)

    def trigger_checks(self) -> tuple[TriggerCheck, ...]:
        """Every statement that the database's triggers and constraints refuse, tried on this world.

        The world is afterwards as it was before.
        """
        return tuple(self._tried(name, attempt) for name, attempt in self._attempts())

    def counters(self) -> dict[str, int]:
        """How many rows each table has, by its name."""
        return self.tables.counters()

    def _attempts(self) -> Iterator[tuple[str, Callable[[], object]]]:
        tables = self.tables
        for table in tables.every:
            row = next(iter(table), None)
            yield f"change a row of {table.name}", partial(table.update, "any", row)
            yield f"delete a row of {table.name}", partial(table.delete, "any")
            yield f"empty {table.name}", table.truncate
        for blob in list(tables.blobs)[:1]:
            other_text = partial(tables.put_body, blob.sha256, b"another text")
            yield "store another text under a digest", other_text
        seen: set[str] = set()
        for version in tables.versions:
            state = tables.states[version.version_id]
            if state in seen:
                continue
            seen.add(state)
            for to_state in _STATES:
                if to_state not in EDGES.get(state, frozenset()):
                    move = partial(tables.move, version, to_state, version.change_set_id, None)
                    yield f"move {state} to {to_state}", move
            yield f"write a version that is {state} again", partial(tables.add_version, version)
            if state == "enacted":
                twice = partial(tables.add_in_force, [version])
                yield "put a version in force twice", twice

    def _tried(self, name: str, attempt: Callable[[], object]) -> TriggerCheck:
        try:
            with self.tables.transaction():
                attempt()
                _go_back()
        except _Back:
            return TriggerCheck(name, refused=False, because="nothing refused it")
        except Stop as stop:
            return TriggerCheck(name, refused=True, because=stop.fact)

    def _own_writer(self) -> RehearsalWriter:
        return self.writer(RehearsalWarrant(self.run.run_id))

    def _change_set(self, reading: Reading) -> ChangeSet:
        plan = reading.plan
        return ChangeSet(
            change_set_id=ids.change_set_id(self.run.run_id, plan.plan_sha256),
            run_id=self.run.run_id,
            document_id=self.run.document_id,
            source_version_id=reading.version.source_version_id,
            plan_sha256=plan.plan_sha256,
            created=plan.created,
            changed=plan.changed,
            kept=plan.kept,
            retired=len(plan.retired),
        )

    def _seal(self, reading: Reading, change_set_id: str) -> None:
        root, size = reading.manifest_root, len(reading.plan.units)
        envelope_id = ids.envelope_id(change_set_id, root)
        manifest = Manifest(
            envelope_id=envelope_id,
            change_set_id=change_set_id,
            root_sha256=root,
            tree_size=size,
            envelope=seal(PAYLOAD_TYPE, bytes.fromhex(root), [self.executor]).encode(),
            executor_key_id=self.executor.key_id,
        )
        self._own_writer().record_manifest(manifest, reading.blocks(change_set_id))
        stored = tree_root(self.verifier().manifest_leaves(envelope_id))
        self.verifier().record(
            VerifyRecord(
                verify_result_id=ids.verify_result_id(envelope_id),
                envelope_id=envelope_id,
                root_from_source_sha256=root,
                root_in_database_sha256=stored.hex(),
                tree_size=size,
                mismatches=0,
                envelope=seal(PAYLOAD_TYPE, stored, [self.verifier_key]).encode(),
                verifier_key_id=self.verifier_key.key_id,
            )
        )


def _in_force_unit(version: VersionRow) -> InForceUnit:
    return InForceUnit(
        unit_id=version.unit_id,
        version_id=version.version_id,
        version_no=version.version_no,
        address=version.address,
        kind=version.kind,
        parent=version.parent,
        body_sha256=version.body_sha256,
        attributes=version.attributes,
    )


def _go_back() -> NoReturn:
    raise _Back


def _result(status: str, change_set_id: str, receipt: EnactReceipt) -> EnactResult:
    return EnactResult(
        status,
        change_set_id,
        receipt.enacted,
        receipt.superseded,
        receipt.retired,
        receipt.log_rows,
        receipt.in_force,
    )
