"""Reading back what a run wrote: the source it pinned and every unit of its manifest, in one snapshot.

Leaves are hashed here from the stored columns and the stored text, so no function and no digest in
the database is believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cutter_agent.document.cutplan import leaf_record
from cutter_agent.errors import StopDocumentUnknown
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.evidence.merkle import leaf_hash
from cutter_agent.postgres.connect import Login, connected, select_on, snapshot
from cutter_agent.postgres.statements import statement


@dataclass(frozen=True, slots=True)
class HeldSource:
    """A source version as the database holds it now."""

    document_id: str
    body: bytes
    profile_toml: bytes


@dataclass(frozen=True, slots=True)
class HeldUnit:
    """One unit of a manifest as its rows stand now.

    Attributes:
        address: its address, or None where its row is gone.
        leaf_sha256: the leaf that its rows and text hash to, or None where they are gone.
        recorded_sha256: the leaf that the manifest recorded for it.
        state: the last state of its lifecycle, or None.
    """

    address: str | None
    leaf_sha256: str | None
    recorded_sha256: str
    state: str | None


@dataclass(frozen=True, slots=True)
class HeldRun:
    """What a run pinned and wrote, as one snapshot sees it."""

    source: HeldSource
    units: tuple[HeldUnit, ...]


def read_back(login: Login, *, source_version_id: str, envelope_id: str | None) -> HeldRun:
    """The pinned source, and the manifest's units in their order; none without an envelope.

    Args:
        login: the verifier's own.
        source_version_id: the source version that the run pinned.
        envelope_id: the manifest that the run recorded.

    Raises:
        StopDocumentUnknown: the source version is gone.
        StopDatabaseAway: the database does not answer.
    """
    with connected(login, application="cutter verify") as connection, snapshot(connection):
        select = select_on(connection)
        sources = select(
            statement("pinned_source").decode(), {"source_version_id": source_version_id}
        )
        if not sources:
            raise StopDocumentUnknown(f"there is no source version {source_version_id}")
        rows = (
            ()
            if envelope_id is None
            else select(statement("manifest_units").decode(), {"envelope_id": envelope_id})
        )
        return HeldRun(_source(sources[0]), tuple(_unit(row) for row in rows))


def _source(row: Mapping[str, object]) -> HeldSource:
    return HeldSource(str(row["document_id"]), _bytes(row["body"]), _bytes(row["profile_toml"]))


def _unit(row: Mapping[str, object]) -> HeldUnit:
    address = None if row["address"] is None else str(row["address"])
    leaf: str | None = None
    if address is not None and row["body"] is not None:
        parent = row["parent"]
        record = leaf_record(
            address=address,
            kind=str(row["kind"]),
            parent=None if parent is None else str(parent),
            ordinal=int(str(row["ordinal"])),
            body_sha256=sha256_hex(_bytes(row["body"])),
            attributes=tuple((name, str(row[name])) for name in ("alias", "heading", "num")),
        )
        leaf = leaf_hash(record).hex()
    state = row["state"]
    return HeldUnit(address, leaf, str(row["recorded_leaf"]), None if state is None else str(state))


def _bytes(value: object) -> bytes:
    return (
        bytes(value) if isinstance(value, (bytes, bytearray, memoryview)) else str(value).encode()
    )
