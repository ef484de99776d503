"""Facts: what a run reads about a document and its database, as values (Contract 8)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """A document that can be cut; its code is document id and address prefix in one."""

    document_id: str
    title: str


@dataclass(frozen=True, slots=True)
class SourceVersion:
    """One version of a document's source bytes, and the profile that its marks are found by."""

    source_version_id: str
    document_id: str
    version_no: int
    sha256: str
    byte_len: int
    media_type: str
    effective_date: str | None
    profile_name: str
    profile_sha256: str
    profile_toml: bytes


@dataclass(frozen=True, slots=True)
class VocabSnapshot:
    """The kinds of units that the database knows, sorted, and their digest."""

    kinds: tuple[str, ...]
    sha256: str


@dataclass(frozen=True, slots=True, order=True)
class FunctionFingerprint:
    """One function of our schemas: digest of its definition, owner and access list.

    `prosrc_md5` is shown to people only; it misses a removed search_path and a lost DEFINER.
    """

    signature: str
    sha256: str
    prosrc_md5: str


@dataclass(frozen=True, slots=True, order=True)
class GrantEntry:
    """One line of the grant matrix: who may do what on which object, or one property of a role.

    Attributes:
        kind: database, schema, relation, sequence, column, function, default, member, role, owner,
            trigger, event_trigger or server.
        object: the object's qualified name; functions with their argument types.
        grantee: a role's name, PUBLIC, or empty where the kind has none.
        privilege: SELECT, EXECUTE, … or the property's value.
        detail: grantor, grant option, or further properties.
    """

    kind: str
    object: str
    grantee: str
    privilege: str
    detail: str


@dataclass(frozen=True, slots=True)
class Census:
    """How many units of one document the database holds."""

    total: int
    draft: int
    enacted: int
    versions_enacted: int
    lifecycle_rows: int


@dataclass(frozen=True, slots=True)
class DatabaseIdentity:
    """Which database this is; an approval given for one never counts in another."""

    system_identifier: str
    database_oid: str
    name: str
    server_version: str

    @property
    def text(self) -> str:
        """System identifier and database oid, as an approval request names them."""
        return f"{self.system_identifier}/{self.database_oid}"


@dataclass(frozen=True, slots=True)
class MutationReading:
    """What a read-only witness saw at one instant.

    Attributes:
        own_xid: the transaction id that our own transaction was given, or None.
        snapshot_xmax: the next transaction id of the cluster, or empty where there is none.
        content_sha256: ordered digest of every row of the governed tables.
        role_read_only: True if the role holds no DML and may execute no writing function.
    """

    own_xid: str | None
    snapshot_xmax: str
    content_sha256: str
    role_read_only: bool


class NonMutationLevel(StrEnum):
    """How much was proven about a dry run's not changing anything."""

    NOT_PROVEN = "NOT_PROVEN"
    CONTENT_EQUAL = "CONTENT_EQUAL"
    OWN_TX_NO_XID = "OWN_TX_NO_XID"
    OWN_TX_NO_XID_AND_CONTENT_EQUAL = "OWN_TX_NO_XID + CONTENT_EQUAL"
    CLUSTER_QUIET = "OWN_TX_NO_XID + CONTENT_EQUAL + CLUSTER_QUIET"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    """A live run writes; there is nothing to prove."""


def non_mutation_level(before: MutationReading, after: MutationReading) -> NonMutationLevel:
    """Return the highest level that two readings of one witness prove.

    A reading without a cluster (in memory) can reach CONTENT_EQUAL at most.
    """
    content = before.content_sha256 == after.content_sha256
    in_cluster = bool(before.snapshot_xmax and after.snapshot_xmax)
    no_xid = in_cluster and before.own_xid is None and after.own_xid is None
    if no_xid and content:
        if before.snapshot_xmax == after.snapshot_xmax:
            return NonMutationLevel.CLUSTER_QUIET
        return NonMutationLevel.OWN_TX_NO_XID_AND_CONTENT_EQUAL
    if no_xid:
        return NonMutationLevel.OWN_TX_NO_XID
    return NonMutationLevel.CONTENT_EQUAL if content else NonMutationLevel.NOT_PROVEN
