"""Who could decide at a gate, and why everybody else could not: the policy, read aloud."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cutter_agent.errors import StopRefusedInput
from cutter_agent.orchestrator.approval import CutApproved
from cutter_agent.orchestrator.policy import Person, TrustPolicy, key_fault
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import Gate
from cutter_agent.orchestrator.waiting import waiting_request


@dataclass(frozen=True, slots=True)
class Deciders:
    """Who may decide at a gate, and who may not with the reason."""

    gate: Gate
    threshold: int
    may: tuple[str, ...]
    may_not: tuple[tuple[str, str], ...]
    run_id: str | None = None


def deciders(
    policy: TrustPolicy,
    gate: Gate,
    starter: str,
    now_utc: datetime,
    *,
    approved_before: Iterable[str] = (),
    run_id: str | None = None,
) -> Deciders:
    """Return who could decide at the gate in a run of this starter.

    Args:
        policy: the trust policy.
        gate: the gate.
        starter: who started the run.
        now_utc: when their keys must count.
        approved_before: who approved SG_1 of the run.
        run_id: the run, if it is about one.

    Raises:
        StopApprovalInvalid: the policy has no rule for the gate.
    """
    rule = policy.rule(gate)
    before = frozenset(approved_before)
    may: list[str] = []
    may_not: list[tuple[str, str]] = []
    for person in policy.persons:
        why = ""
        if person.name not in rule.persons:
            why = "the gate does not name them"
        elif person.name == starter:
            why = "started the run"
        elif (
            gate is Gate.SG_2 and person.name in before and not policy.sg1_approver_may_approve_sg2
        ):
            why = "approved SG_1 of this run"
        else:
            why = _no_key(person, now_utc)
        if why:
            may_not.append((person.name, why))
        else:
            may.append(person.name)
    return Deciders(gate, rule.threshold, tuple(may), tuple(may_not), run_id)


def deciders_of_run(policy: TrustPolicy, context: RunContext, now_utc: datetime) -> Deciders:
    """Return who could decide on the request that the run waits at.

    Raises:
        StopRefusedInput: it waits for nothing.
    """
    request = None if context.over else waiting_request(context)
    if request is None:
        raise StopRefusedInput(
            f"the run is at {context.state} and waits for no approval",
            expected="a run that waits at a gate",
            run_id=context.run_id,
            remedy="cutter runs show {run}",
        )
    first = context.get(CutApproved)
    return deciders(
        policy,
        request.gate,
        context.history.header.starter,
        now_utc,
        approved_before=() if first is None or first.simulated else first.persons,
        run_id=context.run_id,
    )


def _no_key(person: Person, now_utc: datetime) -> str:
    """Return why none of the person's keys counts now; empty if one does."""
    faults = [key_fault(key, now_utc, now_utc) for key in person.keys]
    if not faults:
        return "has no key"
    if not all(faults):
        return ""
    return "; ".join(f"a key {fault}" for fault in dict.fromkeys(faults))
