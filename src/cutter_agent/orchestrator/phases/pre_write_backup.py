"""pre_write_backup: keep what is there, sealed, before anything is written."""

from __future__ import annotations

from dataclasses import dataclass, replace

from cutter_agent.errors import StopBackupFailed
from cutter_agent.evidence.invariant import Evidence, invariant
from cutter_agent.orchestrator.clock import parse_utc
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.orders import BackupLevel, Rehearsed
from cutter_agent.orchestrator.phases.cutplan import CutPlanned
from cutter_agent.orchestrator.phases.mark import Marked
from cutter_agent.orchestrator.phases.source_pin import SourcePinned
from cutter_agent.orchestrator.ports import BackupVault
from cutter_agent.orchestrator.reading import Reading
from cutter_agent.orchestrator.states import GATE_TTL_S, PHASE_SOFT_CAP_S, Gate
from cutter_agent.orchestrator.vault import DressRehearsal, KeptBackup
from cutter_agent.orchestrator.world import Moment

SHA256_HEX_DIGITS = 64
BACKUP_LIFE_S = GATE_TTL_S[Gate.SG_1] + PHASE_SOFT_CAP_S
"""A request is written a little later than its backup, which must outlive it."""
GOVERNED_TABLES = (
    "iu.source_document",
    "iu.source_version",
    "iu.text_blob",
    "iu.information_unit",
    "iu.unit_version",
    "iu.lifecycle_log",
    "iu.unit_in_force",
    "cutter_governance.cut_change_set",
    "cutter_governance.cut_change_set_affected_row",
    "cutter_governance.manifest_envelope",
    "cutter_governance.manifest_unit_block",
    "cutter_governance.review_decision",
    "cutter_governance.verify_result",
)
"""Tables that a backup must hold to be complete."""


def is_fresh(taken_utc: str, now_utc: str) -> bool:
    """Say whether a backup taken then is no older now than an SG_1 request may become."""
    taken, now = parse_utc(taken_utc), parse_utc(now_utc)
    return (
        taken is not None
        and now is not None
        and (0 <= (now - taken).total_seconds() <= BACKUP_LIFE_S)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupTaken(Evidence):
    """The sealed backup, its scope and rows; how far it was proven, and what was rehearsed on it."""

    backup_sha256: str
    byte_len: int
    tables: tuple[str, ...]
    rows: int
    snapshot_sha256: str
    document_rows_sha256: str
    document_rows_now_sha256: str
    recipients: tuple[str, ...]
    encrypted: bool
    taken_utc: str
    judged_utc: str
    wal_lsn: str
    level: BackupLevel
    level_min: BackupLevel
    restored: bool
    restored_sha256: str
    restore_server_version: str
    rehearsed: Rehearsed | None

    @property
    def may_go_unrehearsed(self) -> bool:
        """True if the deployment settles for a backup that nobody restored."""
        below = self.level is not BackupLevel.RESTORED_AND_EQUAL
        return below and self.level.reaches(self.level_min)

    @invariant(stop=StopBackupFailed)
    def backup_sha_pinned(self) -> bool:
        """The backup has bytes, and their SHA-256 is pinned."""
        return (
            self.byte_len > 0
            and len(self.backup_sha256) == len(self.snapshot_sha256) == SHA256_HEX_DIGITS
        )

    @invariant(stop=StopBackupFailed)
    def backup_scope_complete(self) -> bool:
        """Every governed table is in the backup."""
        return set(GOVERNED_TABLES) <= set(self.tables)

    @invariant(stop=StopBackupFailed)
    def backup_encrypted(self) -> bool:
        """The backup is encrypted to at least one recipient."""
        return self.encrypted and len(self.recipients) > 0

    @invariant(stop=StopBackupFailed)
    def backup_fresh(self) -> bool:
        """The document's rows still hash to the backup's, and it is no older than a request's life."""
        return self.document_rows_sha256 == self.document_rows_now_sha256 and is_fresh(
            self.taken_utc, self.judged_utc
        )

    @invariant(stop=StopBackupFailed)
    def backup_restores(self) -> bool:
        """The backup was restored and its tables hash to the snapshot's, unless less is settled for."""
        equal = self.restored and self.restored_sha256 == self.snapshot_sha256
        return (
            self.restored == equal == (self.level is BackupLevel.RESTORED_AND_EQUAL)
        ) and self.level.reaches(self.level_min)

    @invariant(stop=StopBackupFailed)
    def backup_rehearsed(self, source: SourcePinned, plan: CutPlanned) -> bool:
        """On the restored copy the same functions wrote the planned manifest and put it in force."""
        if self.rehearsed is None:
            return not self.restored
        return (
            self.restored
            and self.rehearsed.root_sha256 == plan.manifest_root
            and self.rehearsed.functions_sha256 == source.facts.functions_sha256
        )


def pre_write_backup(
    run: RunHeader,
    source: SourcePinned,
    marked: Marked,
    plan: CutPlanned,
    reading: Reading,
    vault: BackupVault,
    rehearsal: DressRehearsal,
    moment: Moment,
) -> BackupTaken:
    """Take the backup, read the document's rows once more, and rehearse the write on its copy.

    Raises:
        StopBackupFailed: it could not be taken, or not be restored.
        StopInvariantFailed: the rehearsal stopped.
    """
    with vault.take(run, moment) as kept:
        taken = _taken(run, kept, vault, moment)
        if kept.copy is None:
            return taken
        # The copy has no copy of its own: there, nothing was restored or rehearsed before.
        simulated = BackupLevel.SIMULATED
        inside = replace(taken, level=simulated, level_min=simulated, restored=False)
        earlier = {
            RunHeader: run,
            SourcePinned: source,
            Marked: marked,
            CutPlanned: plan,
            Reading: reading,
            BackupTaken: inside,
            Moment: Moment(taken.judged_utc),
        }
        return replace(taken, rehearsed=rehearsal.play(kept.copy, run, earlier))


def _taken(run: RunHeader, kept: KeptBackup, vault: BackupVault, moment: Moment) -> BackupTaken:
    receipt = kept.receipt
    return BackupTaken(
        backup_sha256=receipt.sha256,
        byte_len=receipt.byte_len,
        tables=receipt.tables,
        rows=receipt.rows,
        snapshot_sha256=receipt.snapshot_sha256,
        document_rows_sha256=receipt.document_rows_sha256,
        document_rows_now_sha256=vault.document_rows_sha256(run.document_id),
        recipients=receipt.recipients,
        encrypted=receipt.encrypted,
        taken_utc=receipt.taken_utc,
        judged_utc=max(moment.utc, receipt.taken_utc),
        wal_lsn=receipt.wal_lsn,
        level=receipt.level,
        level_min=receipt.level_min,
        restored=bool(receipt.restored_sha256),
        restored_sha256=receipt.restored_sha256,
        restore_server_version=receipt.restore_server_version,
        rehearsed=None,
    )
