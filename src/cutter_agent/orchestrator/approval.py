"""Approvals: what a request says, and what an approval that counts leaves behind (Contract 6)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

from cutter_agent.errors import (
    StopApprovalExpired,
    StopApprovalInvalid,
    StopRefusedInput,
)
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.evidence.invariant import Evidence
from cutter_agent.orchestrator.clock import parse_utc
from cutter_agent.orchestrator.policy import SECRET_KEYS
from cutter_agent.orchestrator.states import GATE_TTL_S, Gate, Mode

REQUEST_SCHEMA: Final = "cutter.approval-request/1"
REQUEST_BYTES_MAX: Final = 4 * 1024 * 1024
APPROVAL_BYTES_MAX: Final = 64 * 1024
SHEET_RULE: Final = "\n---\n"
NONE: Final = "none"
REFUSAL: Final = "refuse"
"""The answer to a request that is no approval of it."""
CLOCK_SKEW_S: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequest:
    """The header of a request, field by field in its fixed order; an unfilled field says none."""

    schema: str
    gate: str
    run_id: str
    mode: str
    document_id: str
    allowance: str
    nonce: str
    issued_utc: str
    expires_utc: str
    plan_sha256: str
    manifest_root: str
    tree_size: str
    unit_count: str
    facts_sha256: str
    policy_sha256: str
    backup_sha256: str
    rehearsal_root: str
    rehearsal_counts: str
    database: str
    log_checkpoint: str
    starter: str
    scope: str
    review_decision_id: str = ""
    """SG_2 only."""
    decision: str = ""
    """SG_3 only: retry or void."""


_EXTRA: Final = {Gate.SG_2: "review_decision_id", Gate.SG_3: "decision"}


def header_names(gate: Gate) -> tuple[str, ...]:
    """Return the names of a request's header lines at this gate, in order."""
    extra = set(_EXTRA.values()) - {_EXTRA.get(gate)}
    return tuple(f.name for f in fields(ApprovalRequest) if f.name not in extra)


def render_request(request: ApprovalRequest, sheet: str) -> bytes:
    """Return the exact bytes that approvers sign: header, a rule, the review sheet."""
    names = header_names(Gate(request.gate))
    header = "".join(f"{name}: {getattr(request, name)}\n" for name in names)
    return (header + SHEET_RULE + sheet).encode()


def parse_request(data: bytes) -> ApprovalRequest:
    """Return the header of a request whose bytes are exactly as `render_request` writes them.

    Raises:
        StopApprovalInvalid: too long, not UTF-8, unknown schema or gate, or any other byte.
    """
    if len(data) > REQUEST_BYTES_MAX:
        raise StopApprovalInvalid(f"the request has {len(data)} bytes, over {REQUEST_BYTES_MAX}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StopApprovalInvalid("the request is not UTF-8") from error
    header, rule, sheet = text.partition(SHEET_RULE)
    if not rule:
        raise StopApprovalInvalid("the request has no rule between header and review sheet")
    pairs = dict(line.split(": ", 1) for line in header.split("\n") if ": " in line)
    if pairs.get("schema") != REQUEST_SCHEMA:
        raise StopApprovalInvalid(f"the request's schema is {pairs.get('schema', 'missing')}")
    gate = pairs.get("gate", "")
    if gate not in set(Gate):
        raise StopApprovalInvalid(f"{gate!r} is not a gate")
    if tuple(pairs) != header_names(Gate(gate)):
        raise StopApprovalInvalid("the request's header has other lines than its gate asks for")
    request = ApprovalRequest(**pairs)
    if render_request(request, sheet) != data:
        raise StopApprovalInvalid("the request's header does not render to its own bytes")
    return request


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved(Evidence):
    """An approval that was checked and, with its effect, consumed."""

    gate: Gate
    run_id: str
    mode: Mode
    request_sha256: str
    persons: tuple[str, ...]
    key_ids: tuple[str, ...]
    simulated: bool
    review_decision_id: str | None
    consumed_utc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CutApproved(Approved):
    """SG_1: the units may be written as drafts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleApproved(Approved):
    """SG_2: the drafts may be enacted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRecord:
    """An unsigned approval file as a dry run takes it: parsed, in time, for this gate and run."""

    gate: Gate
    run_id: str
    signed_utc: str
    allowance: str
    payload_sha256: str | None
    scope: str | None
    review_decision_id: str | None
    sha256: str


def validate_approval_text(
    text: str,
    *,
    gate: Gate | str,
    run_id: str,
    now_utc: datetime,
    payload_sha256: str | None = None,
) -> ApprovalRecord:
    """Return the record of an unsigned approval that holds for this gate and run at `now_utc`.

    Lines are `key: value`; blank lines and lines that begin with `#` say nothing. Life counts
    from signed_utc: 24 hours for SG_1, 12 for SG_2 (Contract 6).

    Raises:
        StopApprovalInvalid: a line is not a pair, a key comes twice, or a value does not fit.
        StopApprovalExpired: signed_utc is older than the gate's life.
        StopRefusedInput: a key is shaped like a secret.
    """
    wanted = Gate(gate)
    pairs = _pairs(text, run_id)
    for name, expected in (("gate", wanted.value), ("run_id", run_id), ("allowance", "explicit")):
        if pairs.get(name) != expected:
            raise StopApprovalInvalid(
                f"{name} is {pairs.get(name, 'missing')}", expected=expected, run_id=run_id
            )
    payload = pairs.get("payload_sha256")
    if payload is not None and payload_sha256 is not None and payload != payload_sha256:
        raise StopApprovalInvalid(
            f"payload_sha256 is {payload}", expected=payload_sha256, run_id=run_id
        )
    if wanted is Gate.SG_2 and not pairs.get("review_decision_id"):
        raise StopApprovalInvalid(
            "review_decision_id is missing", expected="the fresh decision of SG_2", run_id=run_id
        )
    _check_life(pairs, wanted, run_id, now_utc)
    return ApprovalRecord(
        gate=wanted,
        run_id=run_id,
        signed_utc=pairs["signed_utc"],
        allowance=pairs["allowance"],
        payload_sha256=payload,
        scope=pairs.get("scope"),
        review_decision_id=pairs.get("review_decision_id"),
        sha256=sha256_hex(text.encode()),
    )


def _pairs(text: str, run_id: str) -> Mapping[str, str]:
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError as error:
        raise StopApprovalInvalid(
            f"the approval has a lone surrogate at character {error.start}", run_id=run_id
        ) from error
    if size_bytes > APPROVAL_BYTES_MAX:
        raise StopApprovalInvalid("the approval file is too long", run_id=run_id)
    pairs: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        key, colon, value = line.partition(":")
        key = key.strip()
        if not colon or not key.isascii() or not key.isidentifier():
            raise StopApprovalInvalid(
                "a line is not a pair", expected="lines of the form key: value", run_id=run_id
            )
        if key.lower() in SECRET_KEYS:
            raise StopRefusedInput(f"an approval never carries {key}", run_id=run_id)
        if key in pairs:
            raise StopApprovalInvalid(f"{key} comes twice", run_id=run_id)
        pairs[key] = value.strip()
    return pairs


def _check_life(pairs: Mapping[str, str], gate: Gate, run_id: str, now_utc: datetime) -> None:
    signed = parse_utc(pairs.get("signed_utc", ""))
    if signed is None:
        raise StopApprovalInvalid(
            f"signed_utc is {pairs.get('signed_utc', 'missing')}",
            expected="a UTC time such as 2026-01-31T12:00:00Z",
            run_id=run_id,
        )
    age_s = (now_utc - signed).total_seconds()
    if age_s < -CLOCK_SKEW_S:
        raise StopApprovalInvalid(
            f"it was signed {-age_s:.0f} s in the future", expected="a past time", run_id=run_id
        )
    if age_s > GATE_TTL_S[gate]:
        raise StopApprovalExpired(
            f"it was signed {age_s:.0f} s ago",
            expected=f"at most {GATE_TTL_S[gate]} s",
            run_id=run_id,
        )
