"""SG_3: the way out of a failed run. A human signs to retry it or to void it."""

from __future__ import annotations

from dataclasses import dataclass

from cutter_agent.orchestrator.approval import Approved
from cutter_agent.orchestrator.pauses.sg_1_cut import AuthorizationRequested


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationRequested(AuthorizationRequested):
    """SG_3's request: retry from the failed phase, or void the run? Not a row of the line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationApproved(Approved):
    """SG_3's answer, consumed."""
