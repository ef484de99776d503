"""Units as a citation needs them: the version in force, its text, its place in its manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cutter_agent.document.cutplan import leaf_record
from cutter_agent.errors import StopEvidenceMismatch
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.postgres.connect import Select
from cutter_agent.postgres.statements import statement


@dataclass(frozen=True, slots=True, kw_only=True)
class CitedUnit:
    """A version that is or was in force, with the seals of the manifest that brought it.

    `record` is made from the rows as they stand now, so an edited row does not pass for the leaf.
    """

    record: bytes
    text: bytes
    position: int
    leaves: tuple[bytes, ...]
    effective_from: str
    effective_until: str | None
    run_id: str
    source_version_id: str
    executor_envelope: bytes
    verifier_envelope: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldText:
    """The text of one version of a unit, and when it was in force."""

    version_no: int
    source_version_no: int
    run_id: str
    text: bytes
    effective_from: str
    effective_until: str | None
    in_force: bool


def cited_unit(
    select: Select, document_id: str, address: str, as_of: str | None
) -> CitedUnit | None:
    """The version in force at the address on that day, else today by the database's clock; None if there is none."""
    rows = _rows(select, "cited_unit", document_id=document_id, address=address, as_of=as_of)
    if not rows:
        return None
    row = rows[0]
    text = _bytes(row, "body")
    blocks = _rows(select, "manifest_blocks", envelope_id=row["envelope_id"])
    return CitedUnit(
        record=leaf_record(
            address=str(row["address"]),
            kind=str(row["kind"]),
            parent=_or_none(row, "parent"),
            ordinal=int(str(row["ordinal"])),
            body_sha256=sha256_hex(text),
            attributes=tuple((name, str(row[name])) for name in ("alias", "heading", "num")),
        ),
        text=text,
        position=int(str(row["position"])),
        leaves=tuple(_bytes(block, "leaf_sha256") for block in blocks),
        effective_from=str(row["effective_from"]),
        effective_until=_or_none(row, "effective_until"),
        run_id=str(row["run_id"]),
        source_version_id=str(row["source_version_id"]),
        executor_envelope=_bytes(row, "executor_envelope"),
        verifier_envelope=_bytes(row, "verifier_envelope"),
    )


def unit_texts(select: Select, document_id: str, address: str) -> tuple[HeldText, ...]:
    """Every version that was ever in force at the address, the newest first; at most 1,000."""
    return tuple(
        HeldText(
            version_no=int(str(row["version_no"])),
            source_version_no=int(str(row["source_version_no"])),
            run_id=str(row["run_id"]),
            text=_bytes(row, "body"),
            effective_from=str(row["effective_from"]),
            effective_until=_or_none(row, "effective_until"),
            in_force=row["in_force"] is True,
        )
        for row in _rows(select, "unit_texts", document_id=document_id, address=address)
    )


def texts_of(select: Select, digests: Sequence[str]) -> dict[str, str]:
    """The texts with these SHA-256 digests, by digest; one that was never stored is left out."""
    wanted = [bytes.fromhex(digest) for digest in digests]
    rows = _rows(select, "texts", sha256s=wanted) if wanted else ()
    return {str(row["sha256"]): str(row["body"]) for row in rows}


def _rows(select: Select, name: str, **parameters: object) -> Sequence[Mapping[str, object]]:
    return select(statement(name).decode(), parameters)


def _or_none(row: Mapping[str, object], name: str) -> str | None:
    return None if row[name] is None else str(row[name])


def _bytes(row: Mapping[str, object], name: str) -> bytes:
    value = row[name]
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise StopEvidenceMismatch(f"{name} of the database is no byte string")
    return bytes(value)
