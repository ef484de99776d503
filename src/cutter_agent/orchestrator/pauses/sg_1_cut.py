"""SG_1: the pause before anything is written. A human signs what will be written."""

from __future__ import annotations

from dataclasses import dataclass

from cutter_agent.evidence.invariant import Evidence
from cutter_agent.orchestrator.approval import Approved
from cutter_agent.orchestrator.states import Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequested(Evidence):
    """A request that waits for signatures; the newest one of a pause counts."""

    gate: Gate
    run_id: str
    number: int
    document: str
    request_sha256: str
    nonce: str
    issued_utc: str
    expires_utc: str
    facts_sha256: str
    policy_sha256: str
    review_decision_id: str | None
    decision: str | None

    def answered_by(self, approved: Approved) -> bool:
        """Say whether the approval is one of this request, at this gate and run.

        A simulated approval names its own file's digest, for nobody signed the request.
        """
        same = approved.gate is self.gate and approved.run_id == self.run_id
        return same and (approved.simulated or approved.request_sha256 == self.request_sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutAuthorizationRequested(AuthorizationRequested):
    """SG_1's request: may these units be written as drafts?"""
