"""Policy and people: who is enrolled with which keys, and who could decide at each gate now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cutter_agent.bootstrap.console.roles import roles_of
from cutter_agent.bootstrap.trust import proposal
from cutter_agent.errors import Stop
from cutter_agent.evidence.sshsig import parse_public_key
from cutter_agent.orchestrator.policy import key_fault
from cutter_agent.orchestrator.policy_explain import deciders

if TYPE_CHECKING:
    from datetime import datetime

    from cutter_agent.bootstrap.desk import Desk
    from cutter_agent.orchestrator.policy import EnrolledKey, TrustPolicy


@dataclass(frozen=True, slots=True)
class KeyView:
    """One enrolled key; `counts` is true if what it signs counts now."""

    fingerprint: str
    kind: str
    hardware: bool
    valid_from: str
    valid_until: str
    revoked_utc: str
    counts: bool


@dataclass(frozen=True, slots=True)
class PersonView:
    """One person of the policy: keys, roles in the console, gates."""

    name: str
    keys: tuple[KeyView, ...]
    roles: tuple[str, ...]
    gates: tuple[str, ...]
    starter: bool


@dataclass(frozen=True, slots=True)
class GateView:
    """One gate: how many of whom, and who could decide now in a run that the operator started.

    Attributes:
        may: who could.
        may_not: everybody else with the reason.
    """

    gate: str
    name: str
    threshold: int
    persons: tuple[str, ...]
    may: tuple[str, ...]
    may_not: tuple[tuple[str, str], ...]

    @property
    def reachable(self) -> bool:
        """True if enough persons could decide."""
        return len(self.may) >= self.threshold


@dataclass(frozen=True, slots=True)
class ProposalView:
    """A policy that waits for its signatures."""

    version: int
    sha256: str
    signed: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PeopleView:
    """The trust policy as its page shows it; `version` is 0 where none counts."""

    version: int
    sha256: str
    deployment: str
    operator: str
    persons: tuple[PersonView, ...]
    gates: tuple[GateView, ...]
    same_approver: bool
    proposed: ProposalView | None
    fault: str


def people(desk: Desk) -> PeopleView:
    """Who is in the trust policy, and what each could do now.

    Raises:
        StopEvidenceMismatch: the policy's file is not what the database accepted last.
    """
    policy, now, operator = desk.policy(), desk.now_utc(), desk.settings.operator
    waiting, fault = _proposal(desk)
    if policy is None:
        return PeopleView(
            0, "", "", operator, (), (), same_approver=False, proposed=waiting, fault=fault
        )
    return PeopleView(
        version=policy.version,
        sha256=policy.sha256,
        deployment=policy.deployment,
        operator=operator,
        persons=tuple(
            PersonView(
                name=person.name,
                keys=tuple(_key(key, now) for key in person.keys),
                roles=tuple(sorted(roles_of(person.name, policy, desk.settings))),
                gates=tuple(r.gate.name for r in policy.gates if person.name in r.persons),
                starter=person.name == operator,
            )
            for person in policy.persons
        ),
        gates=_gates(policy, operator, now),
        same_approver=policy.sg1_approver_may_approve_sg2,
        proposed=waiting,
        fault=fault,
    )


def _gates(policy: TrustPolicy, operator: str, now: datetime) -> tuple[GateView, ...]:
    found: list[GateView] = []
    for rule in policy.gates:
        could = deciders(policy, rule.gate, operator, now)
        found.append(
            GateView(
                gate=rule.gate.value,
                name=rule.gate.name,
                threshold=rule.threshold,
                persons=rule.persons,
                may=could.may,
                may_not=could.may_not,
            )
        )
    return tuple(found)


def _key(key: EnrolledKey, now: datetime) -> KeyView:
    public = parse_public_key(key.public_key)
    return KeyView(
        fingerprint=public.fingerprint,
        kind=key.public_key.split(" ", 1)[0],
        hardware=public.hardware,
        valid_from=key.valid_from or "",
        valid_until=key.valid_until or "",
        revoked_utc=key.revoked_utc or "",
        counts=not key_fault(key, now, now),
    )


def _proposal(desk: Desk) -> tuple[ProposalView | None, str]:
    """The policy that waits; a proposal that is not sound is told of and hides nothing else."""
    try:
        found = proposal(desk)
    except Stop as stop:
        return None, stop.sentence
    if found is None:
        return None, ""
    signed = tuple(sorted({each.person for each in found.verdict.signed}))
    view = ProposalView(
        found.policy.version, found.policy.sha256, signed, tuple(found.verdict.missing)
    )
    return view, ""
