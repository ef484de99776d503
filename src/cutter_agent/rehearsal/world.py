"""RehearsalWorld: every effect port of one dry run, over tables in memory that begin with the facts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cutter_agent.document.cutplan import InForceUnit
from cutter_agent.orchestrator.effects import Effects, Hook, no_effect
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.orders import ChangeSet
from cutter_agent.orchestrator.ports import (
    BackupVault,
    ExecutorSigner,
    Facts,
    Ledger,
    Verifier,
    VerifierSigner,
    Writer,
)
from cutter_agent.orchestrator.vault import Tally
from cutter_agent.orchestrator.warrant import RehearsalWarrant
from cutter_agent.rehearsal.readers import (
    RehearsalLedger,
    RehearsalTally,
    RehearsalVault,
    RehearsalVerifier,
)
from cutter_agent.rehearsal.rows import (
    DecisionRow,
    DocumentRow,
    SourceRow,
    UnitRow,
    VersionRow,
)
from cutter_agent.rehearsal.signers import RehearsalSigner
from cutter_agent.rehearsal.simulator import Simulator
from cutter_agent.rehearsal.tables import Tables
from cutter_agent.rehearsal.writer import RehearsalWriter

BEFORE: Final = "before the rehearsal"
"""Stands for change set, decision and source of what was in force when the rehearsal began."""


class RehearsalWorld(Simulator):
    """The world of one dry run: ports for the line, and the simulator's calls for people (Contract 8)."""

    def __init__(self, run: RunHeader, facts: Facts, *, on_effect: Hook = no_effect) -> None:
        """Begin with the document, its newest source and the units in force, as the facts have them."""
        self._run = run
        self._facts = facts
        self._effects = Effects(on_effect)
        self._vocab = facts.vocab_snapshot().kinds
        self.tables = Tables()
        self.executor = RehearsalSigner("executor")
        self.verifier_key = RehearsalSigner("verifier")
        self._begin()

    @property
    def run(self) -> RunHeader:
        """The run that this world was made for."""
        return self._run

    @property
    def facts(self) -> Facts:
        """The facts that it began with, as they are now."""
        return self._facts

    def ports(self, warrant: RehearsalWarrant) -> Mapping[type, object]:
        """The effect ports, by their Protocol.

        Raises:
            ProductionExecutionNotAuthorized: the warrant is a live one or of another run.
        """
        return {
            Writer: self.writer(warrant),
            Ledger: self.ledger(),
            Tally: RehearsalTally(self.tables),
            Verifier: self.verifier(),
            BackupVault: RehearsalVault(self.tables, effects=self._effects),
            ExecutorSigner: self.executor,
            VerifierSigner: self.verifier_key,
        }

    def writer(self, warrant: RehearsalWarrant) -> RehearsalWriter:
        """The writer that this warrant opens."""
        return RehearsalWriter(
            self.tables,
            warrant,
            run_id=self._run.run_id,
            vocab=self._vocab,
            effects=self._effects,
        )

    def ledger(self) -> RehearsalLedger:
        """The ledger."""
        return RehearsalLedger(self.tables)

    def verifier(self) -> RehearsalVerifier:
        """The verifier, which reads the source through the facts."""
        return RehearsalVerifier(self.tables, self._facts.source_bytes, effects=self._effects)

    def _begin(self) -> None:
        document_id = self._run.document_id
        document = self._facts.find_source_document(document_id)
        if document is None:
            return
        self.tables.documents.insert(document_id, DocumentRow(document_id, document.title))
        version = self._facts.latest_source_version(document_id)
        if version is not None:
            row = SourceRow(
                version.source_version_id,
                document_id,
                version.version_no,
                version.sha256,
                version.effective_date,
            )
            self.tables.sources.insert(row.source_version_id, row)
        standing = self._facts.in_force(document_id)
        if standing:
            self._enact_before(document_id, [_version_of(unit, document_id) for unit in standing])

    def _enact_before(self, document_id: str, versions: list[VersionRow]) -> None:
        """Let the units in force have come there as every unit does: drafted, decided, enacted."""
        tables = self.tables
        count = len(versions)
        before = ChangeSet(BEFORE, BEFORE, document_id, BEFORE, BEFORE, count, 0, 0, 0)
        tables.change_sets.insert(BEFORE, before)
        tables.decide(DecisionRow(BEFORE, document_id, BEFORE, BEFORE))
        for row in versions:
            tables.units.insert(row.unit_id, UnitRow(row.unit_id, document_id, BEFORE))
            tables.add_version(row)
            tables.move(row, "draft", BEFORE, None)
            tables.move(row, "enacted", BEFORE, BEFORE)
        tables.add_in_force(versions)
        tables.close(BEFORE, "enacted")


def _version_of(unit: InForceUnit, document_id: str) -> VersionRow:
    """Return the version in force; its text and its place in an older source stay where they are."""
    return VersionRow(
        version_id=unit.version_id,
        unit_id=unit.unit_id,
        document_id=document_id,
        version_no=unit.version_no,
        source_version_id=BEFORE,
        change_set_id=BEFORE,
        address=unit.address,
        kind=unit.kind,
        parent=unit.parent,
        ordinal=1,
        own_spans=(),
        attributes=unit.attributes,
        body_sha256=unit.body_sha256,
    )
