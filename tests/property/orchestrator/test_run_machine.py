"""A run under people, crashes, changed facts and a wrong clock, in any order, against a small model of it.

The model knows which pause the run stands at, what has changed under it, and what may have happened: what
is signed may go on, what changed may only stop. CUTTER_STATEFUL_EXAMPLES asks for more of it.
"""

import contextlib
import os
import random
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cutter_agent.bootstrap.approvals import simulated_approval
from cutter_agent.bootstrap.torture.audits import PHASES, audit
from cutter_agent.bootstrap.torture.machine import CODE, PROFILE, TEXT, Machine, WatchedFacts
from cutter_agent.bootstrap.torture.trouble import CHANGES
from cutter_agent.errors import Stop, StopApprovalRequired
from cutter_agent.orchestrator.history import EventKind
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import OrchestratorState

EXAMPLES = int(os.environ.get("CUTTER_STATEFUL_EXAMPLES") or 6)
STEPS = 14
PAUSES = {
    OrchestratorState.AWAITING_CUT_AUTHORIZATION,
    OrchestratorState.AWAITING_LIFECYCLE_AUTHORIZATION,
}
SEEN_BY_FACTS = sorted(set(CHANGES) - {"document-gone"})


class Killed(BaseException):
    """The process ends here."""


class RunMachine(RuleBasedStateMachine):
    """What people and accidents do; the model beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = Machine()
        self.changed: str | None = None
        self.voided: set[str] = set()
        self.best: dict[str, list[str]] = {}
        """The phases that each run was ever seen to have passed: they never become fewer."""

    @initialize()
    def begin(self) -> None:
        self.machine.step()

    @property
    def run(self) -> RunContext:
        return self.machine.newest()

    def attempt(self, *, approval: bool = False, crash_at: int = 0) -> None:
        """One process resumes the newest run, with what it waits for, and may die on the way."""
        content = self.machine.disk.content
        told = [0]

        def hook(name: str) -> None:
            told[0] += 1
            if told[0] == crash_at:
                self.left = content.copy()
                raise Killed

        self.left = content
        before = self.run
        try:
            given = None
            if approval and before.state in PAUSES and not before.over:
                given = simulated_approval(before, self.machine.now_utc())
            self.machine.runner(hook).resume(before.run_id, given)
        except (Stop, StopApprovalRequired):
            return
        except Killed:
            facts, ahead = self.machine.facts, self.machine.ahead
            self.machine = Machine(self.left)
            self.machine.facts, self.machine.ahead = facts, ahead

    @rule()
    def resume(self) -> None:
        self.attempt()

    @rule()
    def approve(self) -> None:
        was_changed = self.changed
        before = self.run
        self.attempt(approval=True)
        if was_changed is not None and before.state in PAUSES and not before.over:
            assert len(self.phases(self.run)) == len(self.phases(before)), was_changed

    @rule(point=st.integers(1, 120))
    def crash(self, point: int) -> None:
        self.attempt(approval=True, crash_at=point)

    @precondition(lambda self: self.run.over)
    @rule()
    def cut(self) -> None:
        ids = self.machine.run_ids()
        try:
            self.machine.runner().cut(document_id=CODE)
        except Stop:
            return
        assert len(self.machine.run_ids()) == len(ids) + 1

    @rule(change=st.sampled_from(SEEN_BY_FACTS))
    def drift(self, change: str) -> None:
        if self.changed is None:
            CHANGES[change](self.machine.facts)
            self.changed = change

    @precondition(lambda self: self.changed is not None)
    @rule()
    def revoke(self) -> None:
        self.machine.facts = WatchedFacts()
        self.changed = None

    @rule(hours=st.sampled_from([-90_000, -13, 0, 13, 90_000]))
    def clock(self, hours: int) -> None:
        self.machine.ahead = timedelta(hours=hours)

    @precondition(lambda self: not self.run.over)
    @rule()
    def void(self) -> None:
        run_id = self.run.run_id
        try:
            self.machine.decide("void")
        except Stop:
            return
        self.voided.add(run_id)

    @rule()
    def retry(self) -> None:
        before = self.run
        try:
            self.machine.decide("retry")
        except Stop:
            assert self.phases(self.run) == self.phases(before)

    @rule(seed=st.integers(0, 10**6))
    def second_runner(self, seed: int) -> None:
        """Another process holds the run: whoever comes now changes nothing."""
        before = self.run
        del seed
        with self.machine.store().lock(before.run_id):
            self.attempt(approval=True)
        assert self.run.history == before.history

    @rule(seed=st.integers(0, 10**6))
    def reject(self, seed: int) -> None:
        """What is no approval of this request is refused and moves nothing."""
        before = self.run
        forged = f"gate: SG_1_cut_authz\nrun_id: {before.run_id}\nallowance: no-{seed}\n"
        with contextlib.suppress(Stop):
            self.machine.runner().resume(before.run_id, forged)
        if before.state in PAUSES:
            assert self.phases(self.run) == self.phases(before)

    @rule(seed=st.integers(0, 10**6))
    def power_fails(self, seed: int) -> None:
        facts, ahead = self.machine.facts, self.machine.ahead
        chance = random.Random(seed)  # noqa: S311 - hypothesis repeats it
        self.machine = Machine(self.machine.disk.content.without_power(chance))
        self.machine.facts, self.machine.ahead = facts, ahead

    @staticmethod
    def phases(context: RunContext) -> list[str]:
        return [str(e.body["phase"]) for e in context.history.events if e.kind is EventKind.PHASE]

    @invariant()
    def nothing_is_lost_doubled_or_out_of_order(self) -> None:
        for run_id in self.machine.run_ids():
            context = self.machine.context(run_id)
            passed = self.phases(context)
            kept = self.best.get(run_id, [])
            assert passed[: len(kept)] == kept
            self.best[run_id] = passed
            order = tuple(dict.fromkeys(passed))
            assert order == PHASES[: len(order)]
            if run_id in self.voided:
                assert context.over
        spent = [
            e.body["consumed"]
            for run_id in self.machine.run_ids()
            for e in self.machine.context(run_id).history.events
            if "consumed" in e.body
        ]
        assert len(spent) == len(set(spent))

    def teardown(self) -> None:
        """Whatever happened: with facts and clock as they were, the document comes to its end."""
        if not self.machine.run_ids():
            return
        self.machine.facts = WatchedFacts()
        self.machine.ahead = timedelta(hours=200_000)
        for _ in range(4):
            self.machine.finish()
            if self.run.state is OrchestratorState.CLOSEOUT_REPORTED:
                break
            if not self.run.over:
                self.machine.decide("void")
            self.machine.runner().cut(document_id=CODE)
        assert self.run.state is OrchestratorState.CLOSEOUT_REPORTED
        assert audit(self.machine, TEXT.encode(), CODE, PROFILE) == []


RunMachine.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestRunMachine = RunMachine.TestCase
