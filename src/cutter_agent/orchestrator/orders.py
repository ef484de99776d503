"""Orders and receipts: the values that cross the ports, with ids and digests as text."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cutter_agent.document.cutplan import PlannedUnit
from cutter_agent.orchestrator.states import Gate


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What one cut will change: the parent row of every draft."""

    change_set_id: str
    run_id: str
    document_id: str
    source_version_id: str
    plan_sha256: str
    created: int
    changed: int
    kept: int
    retired: int


@dataclass(frozen=True, slots=True)
class Draft:
    """One unit version to be written as a draft: a created unit or a changed one."""

    unit_id: str
    version_id: str
    version_no: int
    planned: PlannedUnit
    body: bytes


@dataclass(frozen=True, slots=True)
class StoredUnit:
    """One unit version as read back; `rehash_sha256` was computed from the stored body."""

    unit_id: str
    version_id: str
    version_no: int
    source_version_id: str
    address: str
    kind: str
    parent: str | None
    ordinal: int
    own_spans: tuple[tuple[int, int], ...]
    attributes: tuple[tuple[str, str], ...]
    body_sha256: str
    rehash_sha256: str
    state: str


@dataclass(frozen=True, slots=True)
class ManifestBlock:
    """One leaf of a manifest and the version that it stands for."""

    position: int
    unit_id: str
    version_id: str
    ordinal: int
    leaf_sha256: bytes


@dataclass(frozen=True, slots=True)
class Manifest:
    """The manifest of all included units, sealed by the executor."""

    envelope_id: str
    change_set_id: str
    root_sha256: str
    tree_size: int
    envelope: bytes
    """The executor's DSSE envelope over its in-toto Statement."""
    executor_key_id: str


@dataclass(frozen=True, slots=True)
class ManifestReceipt:
    """What the database holds of a manifest after it was recorded."""

    blocks: int
    affected_rows: int
    signatures: int


@dataclass(frozen=True, slots=True)
class EnactOrder:
    """Enact one change set under one fresh decision."""

    change_set_id: str
    document_id: str
    review_decision_id: str
    request_sha256: str
    effective_date: str | None


@dataclass(frozen=True, slots=True)
class EnactReceipt:
    """What enactment did, counted by the database."""

    enacted: int
    superseded: int
    retired: int
    log_rows: int
    in_force: int


@dataclass(frozen=True, slots=True)
class VerifyRecord:
    """The verifier's result, to be recorded once."""

    verify_result_id: str
    envelope_id: str
    root_from_source_sha256: str
    root_in_database_sha256: str
    tree_size: int
    mismatches: int
    envelope: bytes
    verifier_key_id: str


class BackupLevel(StrEnum):
    """How much is proven of a backup, the least first."""

    SIMULATED = "SIMULATED"
    """Of a dry run: nothing was dumped."""
    DUMPED_AND_ENCRYPTED = "DUMPED_AND_ENCRYPTED"
    """It lies sealed; nobody has tried whether it can be restored."""
    RESTORED_AND_EQUAL = "RESTORED_AND_EQUAL"
    """Its very ciphertext was opened and restored, and the tables hash to the snapshot's."""

    def reaches(self, least: BackupLevel) -> bool:
        """Say whether this level is the given one or above it."""
        order = tuple(BackupLevel)
        return order.index(self) >= order.index(least)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What the line's writing phases did to the restored copy of the database.

    Tallies are `table=rows,…` of the document's rows, by table name; a table without any is left out.
    """

    root_sha256: str
    """Of the manifest, from the copy's rows after they were enacted."""
    leg_a: str
    """The tally after the drafts were written."""
    leg_b: str
    """The tally after the manifest was recorded."""
    enacted: str
    """The tally after the drafts were put in force."""
    functions_sha256: str
    """The functions that the copy ran, as fact sheets digest them."""
    database: str
    took_ms: int
    digests: str = ""
    """`table=sha256,…` of the rows after they were put in force, but for times, days and ids of decisions.

    Empty in runs from before they were taken.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReceipt:
    """What the backup holds and how it is sealed."""

    sha256: str
    byte_len: int
    tables: tuple[str, ...]
    rows: int
    snapshot_sha256: str
    document_rows_sha256: str
    recipients: tuple[str, ...]
    encrypted: bool
    taken_utc: str
    wal_lsn: str
    level: BackupLevel
    level_min: BackupLevel
    """The least level with which SG_1 may be asked for."""
    restored_sha256: str = ""
    """The digest of the same tables in the restored copy; empty if none was made."""
    restore_server_version: str = ""


@dataclass(frozen=True, slots=True)
class OfferedSignature:
    """A signature file found beside a request; nothing about it is trusted yet."""

    person: str
    rejects: bool
    armor: bytes


@dataclass(frozen=True, slots=True)
class Consumption:
    """An approval that is spent in the transaction of its effect."""

    request_sha256: str
    gate: Gate
    run_id: str
    request: bytes
    signatures: tuple[OfferedSignature, ...]
    persons: tuple[str, ...]
    """Who signed, as the trust policy says; sorted."""
    key_ids: tuple[str, ...]
    """The key that each of the persons signed with, in the same order."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that a person of its gate said no to, and the signature that says so."""

    request_sha256: str
    gate: Gate
    run_id: str
    request: bytes
    person: str
    key_id: str
    armor: bytes
