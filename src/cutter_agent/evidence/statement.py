"""What the executor and the verifier each say about a run: in-toto Statements (version 1).

The two sign different statements with different keys. The verifier's subjects are the executor's
envelope and the root that it recomputed itself, so one cannot be shown as the other. Dry runs have
predicate types of their own: nothing simulated can pass for live.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from cutter_agent.errors import StopEvidenceMismatch
from cutter_agent.evidence.canonical import Json, canonical_bytes, parse_canonical
from cutter_agent.evidence.codec import from_json, to_json

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
TREE_DIGEST: Final = "rfc9162-sha256"
"""The digest algorithm's name for the root of a manifest: a tree's root, not a file's digest."""

_Claim = TypeVar("_Claim", "ExecutorClaim", "VerifierClaim")


class PredicateType(StrEnum):
    """What a statement claims, by whom, and whether it happened or was simulated."""

    EXECUTED_LIVE = "https://iu-cutter.example/executed/live/v1"
    EXECUTED_SIMULATED = "https://iu-cutter.example/executed/simulated/v1"
    VERIFIED_LIVE = "https://iu-cutter.example/verified/live/v1"
    VERIFIED_SIMULATED = "https://iu-cutter.example/verified/simulated/v1"


@dataclass(frozen=True, slots=True)
class ApprovalUse:
    """An approval that the run consumed: the gate, the request that was signed, and by whom."""

    gate: str
    request_sha256: str
    persons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AffectedRows:
    """How many rows the run wrote to one table."""

    table: str
    rows: int


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One thing that the verifier looked at, and whether it held."""

    name: str
    held: bool


@dataclass(frozen=True, slots=True)
class ExecutorClaim:
    """What the executor says it wrote. Roots and digests are lower-case hexadecimal."""

    run_id: str
    document_id: str
    source_version_id: str
    source_sha256: str
    plan_sha256: str
    manifest_root: str
    tree_size: int
    change_set_id: str
    facts_sha256: str
    policy_sha256: str
    database: str
    approvals: tuple[ApprovalUse, ...]
    affected_rows: tuple[AffectedRows, ...]


@dataclass(frozen=True, slots=True)
class VerifierClaim:
    """What the verifier found under its own role, from the rows and from the source bytes."""

    run_id: str
    document_id: str
    executor_envelope_sha256: str
    root_from_database: str
    root_from_source: str
    tree_size: int
    checks: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Whether both roots agree, something was checked, and every check held."""
        agree = self.root_from_database == self.root_from_source
        return agree and bool(self.checks) and all(check.held for check in self.checks)


def executor_statement(claim: ExecutorClaim, *, simulated: bool) -> bytes:
    """The executor's statement in canonical bytes; its subject is the manifest that it wrote."""
    kind = PredicateType.EXECUTED_SIMULATED if simulated else PredicateType.EXECUTED_LIVE
    manifest = _manifest_subject(claim.document_id, claim.manifest_root, claim.tree_size)
    return _statement(kind, [manifest], to_json(claim))


def verifier_statement(claim: VerifierClaim, *, simulated: bool) -> bytes:
    """The verifier's statement in canonical bytes.

    Its subjects are the executor's envelope and the manifest recomputed from the source bytes.
    """
    kind = PredicateType.VERIFIED_SIMULATED if simulated else PredicateType.VERIFIED_LIVE
    envelope: Json = {
        "name": f"executor-envelope:{claim.run_id}",
        "digest": {"sha256": claim.executor_envelope_sha256},
    }
    manifest = _manifest_subject(claim.document_id, claim.root_from_source, claim.tree_size)
    verdict = "pass" if claim.passed else "fail"
    return _statement(kind, [envelope, manifest], {**to_json(claim), "verdict": verdict})


def parse_executor_statement(data: bytes, *, simulated: bool) -> ExecutorClaim:
    """The claim of an executor's statement of exactly this kind.

    Raises:
        StopRefusedInput: the bytes are not JSON of the profile.
        StopEvidenceMismatch: another kind of statement, or one that contradicts itself.
    """
    claim = from_json(ExecutorClaim, _predicate(data))
    return _same_bytes(claim, data, executor_statement(claim, simulated=simulated))


def parse_verifier_statement(data: bytes, *, simulated: bool) -> VerifierClaim:
    """The claim of a verifier's statement of exactly this kind; its verdict follows from it.

    Raises:
        StopRefusedInput: the bytes are not JSON of the profile.
        StopEvidenceMismatch: another kind of statement, or one that contradicts itself.
    """
    predicate = _predicate(data)
    stated = {name: value for name, value in predicate.items() if name != "verdict"}
    claim = from_json(VerifierClaim, stated)
    return _same_bytes(claim, data, verifier_statement(claim, simulated=simulated))


def _statement(kind: PredicateType, subject: list[Json], predicate: Mapping[str, Json]) -> bytes:
    return canonical_bytes(
        {
            "_type": STATEMENT_TYPE,
            "subject": subject,
            "predicateType": kind.value,
            "predicate": predicate,
        }
    )


def _manifest_subject(document_id: str, root: str, tree_size: int) -> Json:
    return {
        "name": f"manifest:{document_id}",
        "digest": {TREE_DIGEST: root},
        "annotations": {"leaves": tree_size},
    }


def _predicate(data: bytes) -> Mapping[str, Json]:
    value = parse_canonical(data)
    predicate = value.get("predicate") if isinstance(value, Mapping) else None
    if not isinstance(predicate, Mapping):
        raise StopEvidenceMismatch("not an in-toto statement with a predicate")
    return predicate


def _same_bytes(claim: _Claim, data: bytes, rebuilt: bytes) -> _Claim:
    """The claim, if writing it again gives the very statement: type, subjects and verdict too."""
    if rebuilt != data:
        raise StopEvidenceMismatch(
            "the statement is of another kind or contradicts itself",
            expected="type, subjects and verdict as they follow from the predicate",
        )
    return claim
