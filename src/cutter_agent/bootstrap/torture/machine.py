"""A machine in memory: its disk, its clock, its facts, and people who go on with a run until it is over."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cutter_agent.bootstrap.approvals import simulated_approval
from cutter_agent.errors import Category, Stop, StopApprovalRequired
from cutter_agent.files.kb_reporter import DryRunReporter
from cutter_agent.files.state_store import StateStore
from cutter_agent.orchestrator.effects import Hook, no_effect
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.result import RunResult
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.runner import Deployment, OrchestratorRunner
from cutter_agent.rehearsal import InMemoryDiscoverer, RehearsalWorld
from cutter_agent.rehearsal.memory_disk import Content, Fault, MemoryDisk

CODE: Final = "TORTURE"
PROFILE: Final = "markdown"
TEXT: Final = "# Terms\n\nWords mean what they say.\n\n## Use\n\nUse them well.\n"
NEXT_TEXT: Final = "# Terms\n\nWords mean what they say.\n\n## Use\n\nUse them with care.\n"
RUNS: Final = Path("/memory/runs")
BORN: Final = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CALLS_MAX: Final = 24
"""How often people go on with a run before they give up."""


class WatchedFacts(InMemoryDiscoverer):
    """Facts that count who reads them, and keep the world of the last run."""

    def __init__(self, hook: Hook = no_effect) -> None:
        """Begin with the document of the torture."""
        super().__init__(on_effect=hook)
        self.add_version(CODE, TEXT, profile=PROFILE)
        self.world: RehearsalWorld | None = None

    def rehearsal(self, run: RunHeader) -> RehearsalWorld:
        """Return a fresh world, and remember it."""
        self.world = super().rehearsal(run)
        return self.world


class MachineStore(StateStore):
    """Sidecars on the machine's disk, under its clock; what is drawn by chance elsewhere follows here."""

    clock: Callable[[], datetime]

    def now_utc(self) -> datetime:
        """Return the machine's time."""
        return self.clock()

    def nonce(self) -> str:
        """Return digits that follow from how many runs there are."""
        return hashlib.sha256(str(len(self.run_ids())).encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended: its result, or the stop that it raised."""

    result: RunResult | None
    stop: Stop | None

    @property
    def code(self) -> str:
        """The stop's code, or an empty text."""
        if self.stop is not None:
            return self.stop.code
        return "" if self.result is None else self.result.stop_code or ""


class Machine:
    """One machine; its disk's content is what it leaves behind."""

    def __init__(self, content: Content | None = None, *, fault: Fault | None = None) -> None:
        """Begin with the content, which is changed in place."""
        self.disk = MemoryDisk(content, fault)
        self.facts = WatchedFacts()
        self.ahead = timedelta()
        """How far the clock is ahead of the time that it should show."""
        self.deployment = Deployment()
        self.reporter: type[DryRunReporter] = DryRunReporter

    def now_utc(self) -> datetime:
        """The machine's time."""
        return BORN + self.ahead

    def store(self, hook: Hook = no_effect) -> MachineStore:
        """The sidecars, as a new process opens them."""
        store = MachineStore(RUNS, on_effect=hook, disk=self.disk)
        store.clock = self.now_utc
        return store

    def runner(self, hook: Hook = no_effect) -> OrchestratorRunner:
        """What a new process drives runs with."""
        self.facts.on_effect = hook
        return OrchestratorRunner(
            store=self.store(hook),
            kb=self.reporter(RUNS, on_effect=hook, disk=self.disk),
            discoverer=self.facts,
            deployment=self.deployment,
        )

    def run_ids(self) -> tuple[str, ...]:
        """Every run, oldest first."""
        return tuple(self.store().run_ids())

    def context(self, run_id: str) -> RunContext:
        """The run as its sidecar has it."""
        return RunContext(self.store().load(run_id))

    def newest(self) -> RunContext:
        """The newest run as its sidecar has it."""
        return self.context(self.run_ids()[-1])

    def decide(self, decision: str) -> None:
        """A person decides about the newest run, which has failed."""
        self.runner().escalate(self.run_ids()[-1], decision)

    def step(self, hook: Hook = no_effect) -> Ended:
        """A new process does what a person would do next with the newest run, or begins one."""
        try:
            runner = self.runner(hook)
            run_ids = self.run_ids()
            if not run_ids:
                return Ended(runner.cut(document_id=CODE), None)
            try:
                return Ended(runner.resume(run_ids[-1]), None)
            except StopApprovalRequired:
                approval = simulated_approval(self.context(run_ids[-1]), self.now_utc())
                return Ended(self.runner(hook).resume(run_ids[-1], approval), None)
        except Stop as stop:
            return Ended(None, stop)

    def finish(self, hook: Hook = no_effect) -> Ended:
        """People go on until the run is over, waits for a decision, or does not move any more."""
        last = Ended(None, None)
        for _ in range(CALLS_MAX):
            last = self.step(hook)
            result = last.result
            if result is not None and (result.context.over or _failed(result.context)):
                return last
        return last


def _failed(context: RunContext) -> bool:
    return context.stop is not None and context.stop.category is Category.FAILED
