"""How a trust policy comes to count: who must sign a new version, and who has.

Version 1 is signed by all its persons. A later version is signed as every gate of the version before
and every gate of its own asks: what the old persons decide and what the new ones accept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from cutter_agent.errors import StopApprovalInvalid, StopRefusedInput
from cutter_agent.evidence.sshsig import POLICY_NAMESPACE, Signature, verify
from cutter_agent.orchestrator.orders import OfferedSignature
from cutter_agent.orchestrator.policy import EnrolledKey, TrustPolicy, key_fault


@dataclass(frozen=True, slots=True)
class PolicySigned:
    """A signature under a policy that verifies, and whose it is."""

    person: str
    key_id: str
    armor: bytes


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """Who signed the proposed policy, and what is missing until it counts."""

    signed: tuple[PolicySigned, ...]
    missing: tuple[str, ...]

    @property
    def counts(self) -> bool:
        """True if nothing is missing."""
        return not self.missing


def judge_policy(
    proposed: TrustPolicy,
    current: TrustPolicy | None,
    offered: Sequence[OfferedSignature],
    now_utc: datetime,
) -> PolicyVerdict:
    """Return who signed the proposed policy and what is missing until it counts.

    Args:
        proposed: the version that is to count.
        current: the version that counts now, or None before the first.
        offered: the signatures beside the proposal, in the namespace `policy@iu-cutter.v1`.
        now_utc: the time at which keys must be valid.

    Raises:
        StopApprovalInvalid: a signature does not verify, or is by nobody's key or one that no
            longer counts.
        StopRefusedInput: the proposal is not the next version, or has no persons.
    """
    expected = 1 if current is None else current.version + 1
    if proposed.version != expected:
        raise StopRefusedInput(
            f"the proposed policy is version {proposed.version}",
            expected=f"version {expected}",
            remedy="cutter policy propose --help",
        )
    if not proposed.persons:
        raise StopRefusedInput(
            "the proposed policy names no person",
            expected="at least one person",
            remedy="cutter policy propose --person NAME=PUBKEYFILE",
        )
    policies = (proposed,) if current is None else (current, proposed)
    signed: dict[str, PolicySigned] = {}
    signers: dict[int, set[str]] = {policy.version: set() for policy in policies}
    for each in offered:
        signature = verify(each.armor, proposed.canonical, namespace=POLICY_NAMESPACE)
        person = ""
        for policy in policies:
            owner = _owner(signature, policy, now_utc)
            if owner is not None:
                signers[policy.version].add(owner)
                person = person or owner
        key_id = signature.public_key.fingerprint
        if not person:
            raise StopApprovalInvalid(
                f"key {key_id}, offered for {each.person}, is nobody's that counts now",
                expected="a key of a person of the policy",
                remedy="cutter policy show",
            )
        signed[key_id] = PolicySigned(person, key_id, each.armor)
    missing = [
        sentence
        for policy in policies
        for sentence in _missing(policy, signers[policy.version], first=current is None)
    ]
    return PolicyVerdict(tuple(signed.values()), tuple(missing))


def _owner(signature: Signature, policy: TrustPolicy, now_utc: datetime) -> str | None:
    owner = policy.owner_of(signature.public_key)
    if owner is None or (signature.public_key.hardware and not signature.user_present):
        return None
    person, key = owner
    return person.name if key_counts(key, now_utc) else None


def key_counts(key: EnrolledKey, now_utc: datetime) -> bool:
    """Say whether the key is enrolled, begun, not over and not revoked at this time."""
    return not key_fault(key, now_utc, now_utc)


def _missing(policy: TrustPolicy, signers: set[str], *, first: bool) -> Iterator[str]:
    # A policy without gates lets nobody approve; it is changed only by everybody whom it names.
    if first or not policy.gates:
        for person in policy.persons:
            if person.name not in signers:
                yield f"{person.name} has not signed"
        return
    for rule in policy.gates:
        have = signers & set(rule.persons)
        if len(have) < rule.threshold:
            others = ", ".join(sorted(set(rule.persons) - have))
            yield (
                f"{rule.gate} of version {policy.version} has {len(have)} of {rule.threshold}"
                f" signatures; {others} could sign"
            )
