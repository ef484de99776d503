"""Policy: what nobody may give, what never leaves, and who may approve what (Contract 5, 6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cutter_agent.errors import StopApprovalInvalid, StopRefusedInput
from cutter_agent.evidence.canonical import Json, canonical_bytes, parse_canonical, sha256_hex
from cutter_agent.evidence.codec import from_json, to_json
from cutter_agent.evidence.sshsig import PublicKey, parse_public_key
from cutter_agent.orchestrator.clock import parse_utc
from cutter_agent.orchestrator.states import Gate

USER_REFUSED_ARGS: Final = (
    "manifest_path",
    "manifest_file_sha",
    "manifest_digest",
    "candidate_count",
    "snapshot_path",
    "region_sha",
    "source_version_id",
    "source_document_id",
    "writer_digest",
    "approval_payload_sha",
    "expect_length",
    "expect_markers",
    "out_dir",
    "change_set_id",
    "review_decision_id",
    "manifest_envelope_id",
    "verify_result_id",
    "password",
    "dsn",
    "token",
)
"""Names that no operator may give, in whatever way: the program finds these facts itself."""

SECRET_KEYS: Final = frozenset(
    {
        "pgpassword",
        "password",
        "secret",
        "token",
        "bearer",
        "dsn",
        "database_url",
        "pg_dsn",
        "api_key",
        "api_token",
        "private_key",
        "gpg_secret",
        "kms_key",
    }
)
"""Names of values that are never pinned and never serialised."""

POLICY_SCHEMA: Final = "cutter.trust-policy/1"
NO_POLICY: Final = "none"


def _plain(name: str) -> str:
    return name.strip().lstrip("-").replace("-", "_").lower()


def refuse_user_args(names: Iterable[str], *, document_id: str | None = None) -> None:
    """Return only if no name is one of USER_REFUSED_ARGS, however it is spelt.

    Raises:
        StopRefusedInput: naming every refused argument.
    """
    refused = sorted({_plain(name) for name in names} & set(USER_REFUSED_ARGS))
    if refused:
        raise StopRefusedInput(
            f"{', '.join(refused)} cannot be given: the program finds and pins it itself",
            expected="the document's code and nothing else",
            document_id=document_id,
        )


def strip_secrets(value: Json) -> Json:
    """Return the value without any object member that has a secret-shaped name."""
    if isinstance(value, Mapping):
        return {k: strip_secrets(v) for k, v in value.items() if _plain(k) not in SECRET_KEYS}
    if isinstance(value, (list, tuple)):
        return [strip_secrets(item) for item in value]
    return value


@dataclass(frozen=True, slots=True)
class EnrolledKey:
    """A public key of a person, and when it counts. Times are UTC: 2026-01-01T00:00:00Z."""

    public_key: str
    valid_from: str | None
    valid_until: str | None
    revoked_utc: str | None


def key_fault(key: EnrolledKey, issued_utc: datetime, now_utc: datetime) -> str:
    """Return why the key does not count for what was issued then and is judged now; empty if it does."""
    begins, ends = parse_utc(key.valid_from or ""), parse_utc(key.valid_until or "")
    revoked = parse_utc(key.revoked_utc or "")
    if key.revoked_utc is not None and (revoked is None or revoked <= now_utc):
        return f"was revoked at {key.revoked_utc}"
    if begins is not None and issued_utc < begins:
        return f"counts only from {key.valid_from}"
    if ends is not None and max(issued_utc, now_utc) > ends:
        return f"counted only until {key.valid_until}"
    return ""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign; several keys are still one person."""

    name: str
    keys: tuple[EnrolledKey, ...]


@dataclass(frozen=True, slots=True)
class GateRule:
    """How many of which persons must sign at a gate."""

    gate: Gate
    threshold: int
    persons: tuple[str, ...]
    require_user_verification: bool


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """Who may approve what: the signed file is the source, the database holds what it accepted."""

    schema: str
    version: int
    deployment: str
    persons: tuple[Person, ...]
    gates: tuple[GateRule, ...]
    sg1_approver_may_approve_sg2: bool

    def rule(self, gate: Gate) -> GateRule:
        """Return the rule of the gate.

        Raises:
            StopApprovalInvalid: the policy lets nobody approve at this gate.
        """
        for rule in self.gates:
            if rule.gate is gate:
                return rule
        raise StopApprovalInvalid(
            f"the trust policy has no rule for {gate}", expected="a gate with persons"
        )

    def owner_of(self, key: PublicKey) -> tuple[Person, EnrolledKey] | None:
        """Return the person who owns the key, with the enrolment, or None."""
        for person in self.persons:
            for enrolled in person.keys:
                if parse_public_key(enrolled.public_key).blob == key.blob:
                    return person, enrolled
        return None

    @property
    def canonical(self) -> bytes:
        """The bytes that persons sign and digests are taken of."""
        return canonical_bytes(to_json(self))

    @property
    def sha256(self) -> str:
        """The policy's digest, as requests name it."""
        return sha256_hex(self.canonical)


def parse_policy(data: bytes) -> TrustPolicy:
    """Return the policy that the canonical bytes state, checked as a whole.

    Raises:
        StopRefusedInput: it names a person it does not define, a threshold nobody can reach, one
            key for two persons, or a key of a kind that may not be enrolled.
    """
    policy = from_json(TrustPolicy, parse_canonical(data))
    faults = tuple(_faults(policy))
    if faults:
        raise StopRefusedInput(f"the trust policy is not sound: {'; '.join(faults)}")
    return policy


def _faults(policy: TrustPolicy) -> Iterable[str]:
    if policy.schema != POLICY_SCHEMA:
        yield f"schema is {policy.schema}, not {POLICY_SCHEMA}"
    if policy.version < 1:
        yield "version counts from 1"
    yield from _person_faults(policy)
    names = {person.name for person in policy.persons}
    seen: set[Gate] = set()
    for rule in policy.gates:
        if rule.gate in seen:
            yield f"{rule.gate} has two rules"
        seen.add(rule.gate)
        if unknown := sorted(set(rule.persons) - names):
            yield f"{rule.gate} names {', '.join(unknown)}, whom the policy does not define"
        if not 1 <= rule.threshold <= len(set(rule.persons)):
            yield f"{rule.gate} asks for {rule.threshold} of {len(set(rule.persons))} persons"


def _person_faults(policy: TrustPolicy) -> Iterable[str]:
    names = [person.name for person in policy.persons]
    if len(set(names)) != len(names):
        yield "a person is defined twice"
    owners: dict[bytes, str] = {}
    for person in policy.persons:
        if not person.name.isidentifier() or not person.name.isascii():
            yield f"{person.name!r} is not a person's name (letters, digits, _)"
        for key in person.keys:
            blob = parse_public_key(key.public_key).blob
            if owners.setdefault(blob, person.name) != person.name:
                yield f"{owners[blob]} and {person.name} share a key"
            for moment in (key.valid_from, key.valid_until, key.revoked_utc):
                if moment is not None and parse_utc(moment) is None:
                    yield f"{moment} is not a UTC time that ends in Z"
