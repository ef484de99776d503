"""Whether the facts that a run pinned are still those of now: what a resume would find, without resuming."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from cutter_agent.orchestrator.factsheet import FactSheet, differences, drift, read_facts
from cutter_agent.orchestrator.phases.lifecycle_enact import LifecycleEnacted
from cutter_agent.orchestrator.phases.source_pin import SourcePinned
from cutter_agent.orchestrator.policy import NO_POLICY, TrustPolicy

if TYPE_CHECKING:
    from cutter_agent.bootstrap.desk import Desk
    from cutter_agent.errors import Difference, Stop
    from cutter_agent.orchestrator.run_context import RunContext


def facts_of(
    desk: Desk, context: RunContext, policy: TrustPolicy | None
) -> tuple[FactSheet, FactSheet] | None:
    """The facts as the run pinned them and as they are now; None before it has pinned any."""
    pinned = context.get(SourcePinned)
    if pinned is None:
        return None
    policy_sha256 = NO_POLICY if policy is None else policy.sha256
    now = read_facts(desk.facts(), context.document_id, policy_sha256=policy_sha256)
    return pinned.facts, now


def drifted(desk: Desk, context: RunContext, policy: TrustPolicy | None) -> tuple[Difference, ...]:
    """Every fact that is another one now, of a run whose write is still to come; else nothing."""
    if context.over or context.get(LifecycleEnacted) is not None:
        return ()
    sheets = facts_of(desk, context, policy)
    return () if sheets is None else differences(*sheets)


def drifted_ones(
    desk: Desk, contexts: Iterable[RunContext], policy: TrustPolicy | None
) -> frozenset[str]:
    """The runs of a list whose facts are others now; each document is read once."""
    policy_sha256 = NO_POLICY if policy is None else policy.sha256
    facts, now, found = desk.facts(), dict[str, FactSheet](), set[str]()
    for context in contexts:
        pinned = context.get(SourcePinned)
        if pinned is None or context.over or context.get(LifecycleEnacted) is not None:
            continue
        code = context.document_id
        if code not in now:
            beside = next(iter(now.values()), None)
            now[code] = read_facts(facts, code, policy_sha256=policy_sha256, beside=beside)
        if pinned.facts != now[code]:
            found.add(context.run_id)
    return frozenset(found)


def drift_stop(desk: Desk, context: RunContext, policy: TrustPolicy | None) -> Stop | None:
    """The stop that the run would come to when it is resumed now, because a fact changed; else None."""
    if context.over or context.get(LifecycleEnacted) is not None:
        return None
    sheets = facts_of(desk, context, policy)
    if sheets is None:
        return None
    return drift(*sheets, run_id=context.run_id, document_id=context.document_id)
