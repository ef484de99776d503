"""Whether the signatures over a run's requests are those that its trust policy asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cutter_agent.errors import StopEvidenceMismatch
from cutter_agent.evidence.bundle import BundleContents, SignedRequest
from cutter_agent.evidence.bundle_check import request_header
from cutter_agent.evidence.sshsig import parse_armor
from cutter_agent.orchestrator.policy import GateRule, TrustPolicy, parse_policy
from cutter_agent.orchestrator.states import Gate

GATES: Final = (Gate.SG_1, Gate.SG_2)
"""What a closed-out run has passed."""


def policy_followed(contents: BundleContents) -> str:
    """Return how many persons decided at each gate; that their signatures fit is checked elsewhere.

    Raises:
        StopEvidenceMismatch: a gate without a request, too few persons, one who may not, the starter,
            or one person at both gates where the policy forbids it.
        StopRefusedInput: the policy is not sound.
    """
    if contents.simulated:
        return "a simulated run is approved by nobody"
    policy = parse_policy(contents.policy)
    by_gate = {gate: _persons(contents.requests, policy, gate) for gate in GATES}
    twice = by_gate[Gate.SG_1] & by_gate[Gate.SG_2]
    if twice and not policy.sg1_approver_may_approve_sg2:
        raise StopEvidenceMismatch(f"{', '.join(sorted(twice))} signed at both gates")
    for request in contents.requests:
        if request_header(request.body).get("gate") == Gate.SG_3 and not request.refused:
            _decided(request, policy, Gate.SG_3)
    counts = (
        f"{len(persons)} of {policy.rule(gate).threshold} at {gate.name}"
        for gate, persons in by_gate.items()
    )
    return f"persons that the policy asks for: {', '.join(counts)}"


def _persons(requests: Sequence[SignedRequest], policy: TrustPolicy, gate: Gate) -> set[str]:
    """Return the persons who approved at the gate, once they suffice."""
    mine = [r for r in requests if request_header(r.body).get("gate") == gate]
    if len(mine) != 1 or mine[0].refused:
        raise StopEvidenceMismatch(f"{len(mine)} requests of {gate}", expected="one, approved")
    return _decided(mine[0], policy, gate)


def _decided(request: SignedRequest, policy: TrustPolicy, gate: Gate) -> set[str]:
    """Return the persons who said yes to the request, once they may and suffice."""
    rule = policy.rule(gate)
    persons = {each.person for each in request.signatures}
    starter = request_header(request.body).get("starter", "")
    if starter in persons:
        raise StopEvidenceMismatch(f"{starter} started the run and signed at {gate}")
    if foreign := sorted(persons - set(rule.persons)):
        raise StopEvidenceMismatch(f"{', '.join(foreign)} may not approve at {gate}")
    if len(persons) < rule.threshold:
        raise StopEvidenceMismatch(
            f"{len(persons)} persons approved at {gate}", expected=f"at least {rule.threshold}"
        )
    _check_verification(request, rule)
    return persons


def _check_verification(request: SignedRequest, rule: GateRule) -> None:
    for each in request.signatures:
        if rule.require_user_verification and not parse_armor(each.armor).user_verified:
            raise StopEvidenceMismatch(
                f"{each.person} signed at {rule.gate} without a token that knew them"
            )
