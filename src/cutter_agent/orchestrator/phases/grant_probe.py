"""grant_probe: find out who may do what in the database, before anyone is asked to sign."""

from __future__ import annotations

from dataclasses import dataclass

from cutter_agent.errors import StopGrantDelta
from cutter_agent.evidence.invariant import Evidence, invariant
from cutter_agent.orchestrator import grants
from cutter_agent.orchestrator.phases.source_pin import SourcePinned
from cutter_agent.orchestrator.ports import Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantsProbed(Evidence):
    """What the roles lack, and what somebody holds who should not."""

    grants_sha256: str
    functions_sha256: str
    entries: int
    functions: int
    exec_missing: tuple[str, ...]
    verify_missing: tuple[str, ...]
    review_missing: tuple[str, ...]
    public_execute: tuple[str, ...]
    dml_held: tuple[str, ...]

    @invariant(stop=StopGrantDelta)
    def exec_may_execute_canonical_functions(self) -> bool:
        """The executor may execute every function that it needs."""
        return self.functions > 0 and not self.exec_missing

    @invariant(stop=StopGrantDelta)
    def verify_may_select_and_insert_verify_result(self) -> bool:
        """The verifier may read the verify results and execute the function that records one."""
        return self.entries > 0 and not self.verify_missing

    @invariant(stop=StopGrantDelta)
    def reviewer_may_select_review_decision(self) -> bool:
        """The reviewer may read the review decisions."""
        return self.entries > 0 and not self.review_missing

    @invariant(stop=StopGrantDelta)
    def no_public_execute_leak(self) -> bool:
        """PUBLIC may execute no function of ours."""
        return not self.public_execute

    @invariant(stop=StopGrantDelta)
    def no_role_holds_dml(self) -> bool:
        """No login role and not PUBLIC may change a table of ours except through our functions."""
        return not self.dml_held

    @invariant(stop=StopGrantDelta)
    def grants_are_the_pinned_ones(self, source: SourcePinned) -> bool:
        """Grants and functions are the ones that were pinned with the source."""
        return (
            self.grants_sha256 == source.facts.grants_sha256
            and self.functions_sha256 == source.facts.functions_sha256
        )


def grant_probe(facts: Facts) -> GrantsProbed:
    """Read the grant matrix and hold it against the table of who must be able to do what."""
    entries = facts.grant_matrix()
    functions = facts.function_fingerprints()
    shown = 40
    return GrantsProbed(
        grants_sha256=grants.grants_sha256(entries),
        functions_sha256=grants.functions_sha256(functions),
        entries=len(entries),
        functions=len(functions),
        exec_missing=grants.exec_missing(entries)[:shown],
        verify_missing=grants.verify_missing(entries)[:shown],
        review_missing=grants.review_missing(entries)[:shown],
        public_execute=grants.public_leaks(entries)[:shown],
        dml_held=grants.dml_leaks(entries)[:shown],
    )
