"""Whose key a signature is by, and whether that key counts at a gate now."""

from __future__ import annotations

from datetime import datetime

from cutter_agent.errors import StopApprovalInvalid
from cutter_agent.evidence.sshsig import PublicKey, Signature, parse_public_key
from cutter_agent.orchestrator.clock import parse_utc
from cutter_agent.orchestrator.pauses.sg_1_cut import AuthorizationRequested
from cutter_agent.orchestrator.policy import EnrolledKey, GateRule, Person, TrustPolicy, key_fault


def enrolled(
    key: PublicKey, policy: TrustPolicy, rule: GateRule, run_id: str
) -> tuple[Person, EnrolledKey]:
    """Return whose key this is, and its enrolment.

    Raises:
        StopApprovalInvalid: it is nobody's, or of somebody who may not decide at the gate.
    """
    owner = policy.owner_of(key)
    if owner is None:
        raise StopApprovalInvalid(
            f"key {key.fingerprint} belongs to nobody in the trust policy",
            expected=f"a key of {', '.join(rule.persons)}",
            run_id=run_id,
        )
    if owner[0].name not in rule.persons:
        raise StopApprovalInvalid(
            f"{owner[0].name} may not decide at {rule.gate}",
            expected=f"one of {', '.join(rule.persons)}",
            run_id=run_id,
        )
    return owner


def check_dates(
    person: Person, key: EnrolledKey, request: AuthorizationRequested, now_utc: datetime
) -> None:
    """Return only if the key counts when the request was issued and now.

    Raises:
        StopApprovalInvalid: it does not.
    """
    fault = key_fault(key, parse_utc(request.issued_utc) or now_utc, now_utc)
    if fault:
        raise StopApprovalInvalid(
            f"{person.name}'s key {parse_public_key(key.public_key).fingerprint} {fault}",
            expected="a key that counts at issue and now",
            run_id=request.run_id,
        )


def check_presence(
    person: Person, signature: Signature, rule: GateRule, request: AuthorizationRequested
) -> None:
    """Return only if the key's owner was there as the gate asks.

    Raises:
        StopApprovalInvalid: a hardware key signed without its owner's touch, or without verifying them.
    """
    fault = ""
    if signature.public_key.hardware and not signature.user_present:
        fault = "signed without the owner's touch"
    elif rule.require_user_verification and not signature.user_verified:
        fault = "signed without verifying its owner, which this gate asks for"
    if fault:
        raise StopApprovalInvalid(
            f"{person.name}'s key {signature.public_key.fingerprint} {fault}",
            expected="a signature that its owner was there for",
            run_id=request.run_id,
        )
