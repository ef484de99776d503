"""Who reads a rehearsal world: the ledger, the verifier, and the vault that takes the simulated backup."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from cutter_agent.errors import StopEvidenceMismatch, StopReplayConflict
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.evidence.merkle import tree_root
from cutter_agent.orchestrator.effects import Effects
from cutter_agent.orchestrator.grants import ROLE_VERIFY, VERIFIER_REACH
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.orders import (
    BackupLevel,
    BackupReceipt,
    StoredUnit,
    VerifyRecord,
)
from cutter_agent.orchestrator.vault import KeptBackup
from cutter_agent.orchestrator.world import Moment
from cutter_agent.rehearsal.rows import ResultRow
from cutter_agent.rehearsal.tables import Tables

RECIPIENT: Final = "rehearsal"
_SEAL: Final = b"a rehearsal's backup; nothing is sealed\n"


class RehearsalLedger:
    """Reads drafts back, hashing every text anew."""

    def __init__(self, tables: Tables) -> None:
        """Bind the world's tables."""
        self._tables = tables

    def drafts(self, change_set_id: str) -> Sequence[StoredUnit]:
        return tuple(
            StoredUnit(
                unit_id=row.unit_id,
                version_id=row.version_id,
                version_no=row.version_no,
                source_version_id=row.source_version_id,
                address=row.address,
                kind=row.kind,
                parent=row.parent,
                ordinal=row.ordinal,
                own_spans=row.own_spans,
                attributes=row.attributes,
                body_sha256=row.body_sha256,
                rehash_sha256=self._tables.body_sha256_now(row),
                state=self._tables.states[row.version_id],
            )
            for row in self._tables.versions_of(change_set_id)
        )


class RehearsalTally:
    """Counts the world's rows."""

    def __init__(self, tables: Tables) -> None:
        """Bind the world's tables."""
        self._tables = tables

    def rows(self, document_id: str) -> str:
        return self._tables.tally(document_id)

    def digests(self, document_id: str) -> str:
        del document_id
        return ""

    def manifest_root(self, envelope_id: str) -> str:
        blocks = self._tables.blocks_of(envelope_id)
        return tree_root([self._tables.leaf_of(block) for block in blocks]).hex()


class RehearsalVerifier:
    """Reads the source through the facts, as another connection would, and the rows of the world."""

    role: Final = ROLE_VERIFY
    reach: Final = VERIFIER_REACH

    def __init__(
        self, tables: Tables, source_bytes: Callable[[str], bytes], *, effects: Effects
    ) -> None:
        """Bind the world's tables and the facts' way to the source."""
        self._tables = tables
        self._source_bytes = source_bytes
        self._effects = effects

    def source_bytes(self, source_version_id: str) -> bytes:
        return self._source_bytes(source_version_id)

    def manifest_leaves(self, envelope_id: str) -> Sequence[bytes]:
        return tuple(self._tables.leaf_of(each) for each in self._tables.blocks_of(envelope_id))

    def results(self, envelope_id: str) -> int:
        return sum(result.envelope_id == envelope_id for result in self._tables.results)

    def record(self, result: VerifyRecord) -> None:
        with self._effects.one("record_result"), self._tables.transaction():
            self._record(result)

    def _record(self, result: VerifyRecord) -> None:
        tables = self._tables
        envelope = tables.envelopes.get(result.envelope_id)
        if envelope is None:
            raise StopReplayConflict(f"there is no manifest {result.envelope_id}")
        row = ResultRow(
            result.verify_result_id,
            envelope.document_id,
            result.envelope_id,
            result.root_from_source_sha256,
            result.tree_size,
            sha256_hex(result.envelope),
            result.verifier_key_id,
        )
        held = [each for each in tables.results if each.envelope_id == result.envelope_id]
        if held:
            if held != [row]:
                raise StopReplayConflict("another result is recorded for this manifest")
            return
        now = tree_root(self.manifest_leaves(result.envelope_id)).hex()
        roots = {result.root_from_source_sha256, result.root_in_database_sha256, now}
        if roots != {envelope.root_sha256} or (
            (result.tree_size, result.mismatches) != (envelope.tree_size, 0)
        ):
            raise StopEvidenceMismatch("the verifier's roots are not the manifest's and its units'")
        if result.verifier_key_id == envelope.executor_key_id:
            raise StopEvidenceMismatch("the executor's key cannot verify its own manifest")
        tables.results.insert(row.verify_result_id, row)


class RehearsalVault:
    """Digests real rows, and says in its level that nothing was dumped or sealed."""

    def __init__(self, tables: Tables, *, effects: Effects) -> None:
        """Bind the world's tables."""
        self._tables = tables
        self._effects = effects

    @contextmanager
    def take(self, run: RunHeader, moment: Moment) -> Iterator[KeptBackup]:
        """The receipt over all rows as they are; the run's creation stands for the time of taking."""
        with self._effects.one("take_backup"):
            rows = self._tables.canonical()
            counters = self._tables.counters()
            receipt = BackupReceipt(
                sha256=sha256_hex(_SEAL + rows),
                byte_len=len(_SEAL) + len(rows),
                tables=tuple(counters),
                rows=sum(counters.values()),
                snapshot_sha256=sha256_hex(rows),
                document_rows_sha256=self.document_rows_sha256(run.document_id),
                recipients=(RECIPIENT,),
                encrypted=True,
                taken_utc=moment.utc,
                wal_lsn="none",
                level=BackupLevel.SIMULATED,
                level_min=BackupLevel.SIMULATED,
            )
            yield KeptBackup(receipt, None)

    def document_rows_sha256(self, document_id: str) -> str:
        return sha256_hex(self._tables.canonical(document_id))
