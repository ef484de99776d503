"""Whether every trust policy up to a run's own was brought in as the one before it asks."""

from __future__ import annotations

from datetime import UTC, datetime

from cutter_agent.errors import StopEvidenceMismatch
from cutter_agent.evidence.bundle import BundleContents, EarlierPolicy
from cutter_agent.orchestrator.clock import parse_utc
from cutter_agent.orchestrator.orders import OfferedSignature
from cutter_agent.orchestrator.policy import TrustPolicy, parse_policy
from cutter_agent.orchestrator.policy_change import judge_policy


def policy_chain(contents: BundleContents) -> str:
    """Return how many policies follow each other, from the first to the run's own.

    Whether a key's time had begun or was over is judged at the times that the database recorded;
    no signature covers them.

    Raises:
        StopEvidenceMismatch: signatures are missing, or a policy was accepted before an earlier one.
        StopApprovalInvalid: a signature does not fit, or is by nobody's key that counted then.
        StopRefusedInput: a policy is not sound, or not the next version.
    """
    if not contents.policy_accepted_utc:
        return (
            "weaker: the bundle has the run's policy alone; whether the earlier ones were signed as"
            " each asks is not shown"
        )
    own = EarlierPolicy(contents.policy, contents.policy_signatures, contents.policy_accepted_utc)
    current: TrustPolicy | None = None
    since = datetime.min.replace(tzinfo=UTC)
    for step in (*contents.earlier_policies, own):
        policy = parse_policy(step.body)
        accepted = parse_utc(step.accepted_utc)
        if accepted is None or accepted < since:
            raise StopEvidenceMismatch(
                f"version {policy.version} was accepted at {step.accepted_utc[:40]}",
                expected="a UTC time that is not before that of the version before",
            )
        offered = [
            OfferedSignature(s.person, rejects=False, armor=s.armor) for s in step.signatures
        ]
        verdict = judge_policy(policy, current, offered, accepted)
        if not verdict.counts:
            raise StopEvidenceMismatch(
                f"version {policy.version} of the trust policy lacks signatures: {verdict.missing[0]}"
            )
        current, since = policy, accepted
    count = 1 + len(contents.earlier_policies)
    return f"versions 1 to {count} were signed as each, and the one before it, asks"
