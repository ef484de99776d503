"""SG_2: the pause before anything is in force. Another human signs what was verified."""

from __future__ import annotations

from dataclasses import dataclass

from cutter_agent.orchestrator.pauses.sg_1_cut import AuthorizationRequested


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleAuthorizationRequested(AuthorizationRequested):
    """SG_2's request: may these drafts be enacted?"""
