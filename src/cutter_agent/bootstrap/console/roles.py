"""Roles: what a person of the trust policy may do through the console.

Everybody whom the policy names may read. The operator of the settings begins and drives runs. Whom the
policy names at a gate may decide there. Authors are named in the settings and begin dry runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cutter_agent.orchestrator.policy import TrustPolicy, key_fault

if TYPE_CHECKING:
    from datetime import datetime

    from cutter_agent.bootstrap.desk import Desk
    from cutter_agent.bootstrap.settings import Settings

AUTHOR: Final = "author"
RUNNER: Final = "runner"
AUDITOR: Final = "auditor"
APPROVER: Final = "approver"


def approver(gate: str) -> str:
    """The role of those who decide at the gate: approver:SG_1."""
    return f"{APPROVER}:{gate}"


def roles_of(person: str, policy: TrustPolicy, settings: Settings) -> frozenset[str]:
    """The person's roles; none for somebody whom the policy does not name."""
    if person not in {each.name for each in policy.persons}:
        return frozenset()
    roles = {AUDITOR}
    if person == settings.operator:
        roles |= {RUNNER, AUTHOR}
    if person in settings.authors:
        roles.add(AUTHOR)
    roles |= {approver(rule.gate.name) for rule in policy.gates if person in rule.persons}
    return frozenset(roles)


def people_who_may_sign_in(desk: Desk) -> tuple[str, ...]:
    """The persons of the trust policy who have a key that counts now, by name."""
    policy = desk.policy()
    if policy is None:
        return ()
    now: datetime = desk.now_utc()
    return tuple(
        sorted(
            each.name
            for each in policy.persons
            if not all(key_fault(key, now, now) for key in each.keys)
        )
    )
