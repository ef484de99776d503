"""The fact sheet: everything an approval rests on, in digests; two sheets tell what has drifted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from cutter_agent.document.cutplan import InForceUnit
from cutter_agent.errors import Difference, Stop, StopDrift, StopGrantDelta
from cutter_agent.evidence.canonical import canonical_bytes, sha256_hex
from cutter_agent.evidence.codec import to_json
from cutter_agent.orchestrator.grants import functions_sha256, grants_sha256
from cutter_agent.orchestrator.ports import Facts

ABSENT = "absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class FactSheet:
    """What is true of one document and its database, as digests; no global counts."""

    document: str
    source_version_id: str
    source_sha256: str
    profile_sha256: str
    vocab_sha256: str
    functions_sha256: str
    grants_sha256: str
    in_force_sha256: str
    policy_sha256: str
    database: str

    @property
    def sha256(self) -> str:
        """The digest of the whole sheet: facts_sha256 of a request."""
        return sha256_hex(canonical_bytes(to_json(self)))

    def with_in_force_of(self, other: FactSheet) -> FactSheet:
        """Return this sheet with the other's units in force: our own write changes only those."""
        return replace(self, in_force_sha256=other.in_force_sha256)


def in_force_sha256(units: Sequence[InForceUnit]) -> str:
    """Return the digest of the units in force that a plan compares with."""
    rows = sorted([u.address, u.unit_id, u.version_id, u.body_sha256] for u in units)
    return sha256_hex(canonical_bytes(rows))


def read_facts(
    facts: Facts, document_id: str, *, policy_sha256: str, beside: FactSheet | None = None
) -> FactSheet:
    """Return the sheet as the facts stand now; the source bytes are read and hashed anew.

    Args:
        facts: the look-ups.
        document_id: whose facts.
        policy_sha256: of the trust policy that counts now.
        beside: another document's sheet of this very moment, for a list of many: what is the whole
            database's is taken from it.
    """
    document = facts.find_source_document(document_id)
    version = facts.latest_source_version(document_id)
    return FactSheet(
        document=ABSENT if document is None else document.title,
        source_version_id=ABSENT if version is None else version.source_version_id,
        source_sha256=(
            ABSENT if version is None else sha256_hex(facts.source_bytes(version.source_version_id))
        ),
        profile_sha256=ABSENT if version is None else sha256_hex(version.profile_toml),
        vocab_sha256=facts.vocab_snapshot().sha256 if beside is None else beside.vocab_sha256,
        functions_sha256=(
            functions_sha256(facts.function_fingerprints())
            if beside is None
            else beside.functions_sha256
        ),
        grants_sha256=(
            grants_sha256(facts.grant_matrix()) if beside is None else beside.grants_sha256
        ),
        in_force_sha256=in_force_sha256(facts.in_force(document_id)),
        policy_sha256=policy_sha256,
        database=facts.database_identity().text if beside is None else beside.database,
    )


def differences(then: FactSheet, now: FactSheet) -> tuple[Difference, ...]:
    """Return every fact that has another value now."""
    return tuple(
        Difference(field.name, str(getattr(then, field.name)), str(getattr(now, field.name)))
        for field in fields(FactSheet)
        if getattr(then, field.name) != getattr(now, field.name)
    )


def drift(then: FactSheet, now: FactSheet, *, run_id: str, document_id: str) -> Stop | None:
    """Return the stop that two sheets call for, or None when they are equal.

    A changed grant also changes the fingerprint of its function, so grants alone, or grants with
    functions, are a grant delta; anything else is drift.
    """
    changed = differences(then, now)
    if not changed:
        return None
    names = {difference.name for difference in changed}
    grants_only = "grants_sha256" in names and names <= {"grants_sha256", "functions_sha256"}
    kind: type[Stop] = StopGrantDelta if grants_only else StopDrift
    return kind(
        f"{', '.join(sorted(names))} changed since they were pinned",
        expected="the facts that the approval was given for",
        run_id=run_id,
        document_id=document_id,
        differences=changed,
    )
