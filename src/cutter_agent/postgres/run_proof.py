"""What proves a run, as the database keeps it: seals, approvals, signatures, policy, source, plan's past.

Everything here was written once and is never changed, so reading it again gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cutter_agent.document.cutplan import InForceUnit
from cutter_agent.errors import StopDocumentUnknown, StopEvidenceMismatch
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.orchestrator.approval import REFUSAL
from cutter_agent.orchestrator.facts import SourceVersion
from cutter_agent.postgres.connect import Select
from cutter_agent.postgres.statements import statement


@dataclass(frozen=True, slots=True)
class Signed:
    """One signature as it was recorded."""

    person: str
    armor: bytes


@dataclass(frozen=True, slots=True)
class UsedApproval:
    """An approval that a run used, or a refusal that it met: the request and who signed it."""

    request_sha256: str
    gate: str
    decision: str
    request: bytes
    signatures: tuple[Signed, ...]


@dataclass(frozen=True, slots=True)
class PinnedSource:
    """A source version and its bytes."""

    version: SourceVersion
    body: bytes


@dataclass(frozen=True, slots=True)
class AcceptedPolicyBytes:
    """A trust policy that was accepted once, and the signatures that brought it in."""

    body: bytes
    signatures: tuple[Signed, ...]
    accepted_utc: str


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One entry of the log: its index from 0, its kind, its bytes."""

    seq: int
    kind: str
    payload: bytes


def source_version(select: Select, source_version_id: str) -> PinnedSource:
    """The source version with this id.

    Raises:
        StopDocumentUnknown: there is none.
        StopEvidenceMismatch: its bytes are not those of its digest.
    """
    rows = _rows(select, "source_version", source_version_id=source_version_id)
    if not rows:
        raise StopDocumentUnknown(f"there is no source version {source_version_id[:60]}")
    row = rows[0]
    body = _bytes(row, "body")
    if sha256_hex(body) != str(row["sha256"]):
        raise StopEvidenceMismatch(f"the bytes of source version {source_version_id} were edited")
    date = row["effective_date"]
    version = SourceVersion(
        source_version_id=str(row["source_version_id"]),
        document_id=str(row["document_id"]),
        version_no=int(str(row["version_no"])),
        sha256=str(row["sha256"]),
        byte_len=int(str(row["byte_len"])),
        media_type=str(row["media_type"]),
        effective_date=None if date is None else str(date),
        profile_name=str(row["profile_name"]),
        profile_sha256=str(row["profile_sha256"]),
        profile_toml=_bytes(row, "profile_toml"),
    )
    return PinnedSource(version, body)


def in_force_before(select: Select, change_set_id: str) -> tuple[InForceUnit, ...]:
    """The units that were in force when this change set was enacted, by address."""
    return tuple(
        InForceUnit(
            unit_id=str(row["unit_id"]),
            version_id=str(row["version_id"]),
            version_no=int(str(row["version_no"])),
            address=str(row["address"]),
            kind=str(row["kind"]),
            parent=None if row["parent"] is None else str(row["parent"]),
            body_sha256=str(row["body_sha256"]),
            attributes=tuple((name, str(row[name])) for name in ("alias", "heading", "num")),
        )
        for row in _rows(select, "in_force_before", change_set_id=change_set_id)
    )


def enacted_change_sets(select: Select, document_id: str) -> tuple[str, ...]:
    """The ids of the document's change sets that were enacted, the newest first; at most 1,000."""
    rows = _rows(select, "enacted_change_sets", document_id=document_id)
    return tuple(str(row["change_set_id"]) for row in rows)


def seals(select: Select, envelope_id: str) -> tuple[bytes, bytes]:
    """The executor's and the verifier's envelope over this manifest.

    Raises:
        StopEvidenceMismatch: one of them is not there.
    """
    rows = _rows(select, "run_seals", envelope_id=envelope_id)
    if not rows:
        raise StopEvidenceMismatch(
            f"manifest {envelope_id} or its verify result is not in the database"
        )
    return _bytes(rows[0], "executor_envelope"), _bytes(rows[0], "verifier_envelope")


def used_approvals(select: Select, run_id: str) -> tuple[UsedApproval, ...]:
    """The approvals that the run used, gate by gate."""
    return tuple(
        UsedApproval(
            request_sha256=_bytes(row, "request_sha256").hex(),
            gate=str(row["gate"]),
            decision=str(row["decision"]),
            request=_bytes(row, "request"),
            signatures=_signatures(select, _bytes(row, "request_sha256")),
        )
        for row in _rows(select, "run_approvals", run_id=run_id)
    )


def refusals(select: Select, run_id: str) -> tuple[UsedApproval, ...]:
    """The refusals that the run met, each with its one signature."""
    return tuple(
        UsedApproval(
            request_sha256=_bytes(row, "request_sha256").hex(),
            gate=str(row["gate"]),
            decision=REFUSAL,
            request=_bytes(row, "request"),
            signatures=(Signed(str(row["person"]), _bytes(row, "armour")),),
        )
        for row in _rows(select, "run_refusals", run_id=run_id)
    )


def policies_to(select: Select, policy_sha256: str) -> tuple[AcceptedPolicyBytes, ...]:
    """The trust policies as they were accepted, the one with this digest last.

    Raises:
        StopEvidenceMismatch: none with this digest was accepted, or its bytes were edited.
    """
    rows = _rows(select, "trust_policies_to", sha256=bytes.fromhex(policy_sha256))
    if not rows or sha256_hex(_bytes(rows[-1], "body")) != policy_sha256:
        raise StopEvidenceMismatch(
            "the trust policy of the run is not in the database",
            expected=f"sha256:{policy_sha256}",
        )
    return tuple(
        AcceptedPolicyBytes(
            _bytes(row, "body"),
            _signatures(select, _bytes(row, "sha256")),
            str(row["accepted_utc"]),
        )
        for row in rows
    )


def log_records(select: Select, run_id: str, policy_sha256: str) -> tuple[LogRecord, ...]:
    """The log's entries of the run and of the trust policies up to its own, in order."""
    rows = _rows(select, "log_of_run", run_id=run_id, policy_sha256=policy_sha256)
    return tuple(
        LogRecord(int(str(row["seq"])), str(row["kind"]), _bytes(row, "payload")) for row in rows
    )


def _signatures(select: Select, subject_sha256: bytes) -> tuple[Signed, ...]:
    return tuple(
        Signed(str(row["person"]), _bytes(row, "armour"))
        for row in _rows(select, "signatures", subject_sha256=subject_sha256)
    )


def _rows(select: Select, name: str, **parameters: object) -> Sequence[Mapping[str, object]]:
    return select(statement(name).decode(), parameters)


def _bytes(row: Mapping[str, object], name: str) -> bytes:
    value = row[name]
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise StopEvidenceMismatch(f"{name} of the database is no byte string")
    return bytes(value)
