"""Three places where a run can happen, driven alike: in memory, dry on PostgreSQL, live on PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.live import APPROVERS, STARTER, Deployed, approver_of, cut_live, deploy
from tests.people import public_raw, signature

from clusters.databases import Database
from cutter_agent.bootstrap import Desk, open_desk
from cutter_agent.bootstrap.approvals import waiting
from cutter_agent.bootstrap.people import next_policy
from cutter_agent.errors import Stop, StopBackupFailed
from cutter_agent.evidence.sshsig import APPROVAL_NAMESPACE, REJECT_NAMESPACE, ed25519_public_key
from cutter_agent.orchestrator import (
    DryRunReporter,
    InMemoryDiscoverer,
    Mode,
    OrchestratorRunner,
    StateStore,
)
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.runner import Deployment
from cutter_agent.orchestrator.states import GATE_TTL_S, Gate
from worlds.small import RUN_ID

Said = tuple[str, str, str | None]
"""What was done, where the run stood then, and the stop's code."""


class Place:
    """One place, and what has been done there so far."""

    mode = Mode.DRYRUN

    def __init__(self, runs_dir: Path) -> None:
        self.runs_dir = runs_dir
        self.backup_fails = False
        self.run_ids: list[str] = []
        self.said: list[Said] = []

    def runner(self) -> OrchestratorRunner:
        """A runner of this place."""
        raise NotImplementedError

    def close(self) -> None:
        """Nothing of it is open any more."""

    def context(self, run_id: str) -> RunContext:
        return self.runner().show(run_id).context

    def add(self, body: bytes, code: str, profile: str) -> None:
        """The document's newest source version is this one."""
        raise NotImplementedError

    def enact(self, code: str) -> None:
        """The newest source version of the document is in force, by a run that is not compared."""
        raise NotImplementedError

    def hook(self, name: str) -> None:
        """Told of every effect here; fails the backup when a scenario asks for it."""
        if name == "before take_backup" and self.backup_fails:
            self.backup_fails = False
            raise StopBackupFailed("the disk is full, says the test")

    @property
    def newest(self) -> str:
        return self.run_ids[-1]

    def do(self, verb: str, code: str) -> None:
        """Do what the verb says to the newest run, or begin one; keep what came of it."""
        try:
            if verb == "cut":
                self.run_ids.append(self.runner().cut(document_id=code, mode=self.mode).run_id)
            elif verb in {"approve", "reject"}:
                reference = self.sign(self.newest, reject=verb == "reject")
                self.runner().resume(self.newest, approval_kb_id=reference)
            elif verb == "resume":
                self.runner().resume(self.newest)
            else:
                self.decide(verb)
        except Stop as stop:
            self.said.append((verb, str(self.context(self.newest).state), stop.code))
            return
        context = self.context(self.newest)
        self.said.append((verb, str(context.state), context.stop and context.stop.code))

    def decide(self, decision: str) -> None:
        """The newest run is retried or voided; a dry run's decision needs no signature."""
        self.runner().escalate(self.newest, decision)

    def sign(self, run_id: str, *, reject: bool = False) -> str:
        """Who signs at this gate has signed; returns the reference of what was signed."""
        context = self.context(run_id)
        asked, person = waiting(context), approver_of(context)
        namespace = REJECT_NAMESPACE if reject else APPROVAL_NAMESPACE
        name = f"{asked.request.document}.{person}{'.reject' if reject else ''}.sig"
        (self.runs_dir / run_id / name).write_bytes(signature(person, asked.body, namespace))
        return asked.reference


class Memory(Place):
    """Facts and world in memory."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "memory")
        self.runs_dir.mkdir()
        self.facts = InMemoryDiscoverer(on_effect=self.hook)
        everybody = (*APPROVERS, STARTER)
        self.policy = next_policy(
            None,
            database="memory/0",
            keys=[(name, ed25519_public_key(public_raw(name))) for name in everybody],
            gates=dict.fromkeys(Gate, (everybody, 1)),
        )

    def runner(self) -> OrchestratorRunner:
        return OrchestratorRunner(
            store=StateStore(self.runs_dir),
            kb=DryRunReporter(self.runs_dir),
            discoverer=self.facts,
            deployment=Deployment(starter=STARTER, policy=lambda: self.policy),
        )

    def add(self, body: bytes, code: str, profile: str) -> None:
        self.facts.add_version(code, body, profile, title=code)

    def enact(self, code: str) -> None:
        run = RunHeader(RUN_ID, code, Mode.DRYRUN, STARTER, "2026-01-02T03:04:05Z", 1_000)
        world = self.facts.rehearsal(run)
        world.create_units()
        world.enact_units("decision-1")
        self.facts.put_in_force(code, world.units_in_force(), by_run=RUN_ID)


class OnPostgres(Place):
    """Facts of a database; runs are dry."""

    def __init__(self, database: Database, folder: Path) -> None:
        folder.mkdir()
        self.deployed: Deployed = deploy(database, folder)
        super().__init__(self.deployed.home.runs)
        self.desk: Desk = open_desk(self.deployed.environ, on_effect=self.hook)

    def runner(self) -> OrchestratorRunner:
        return self.desk.runner()

    def close(self) -> None:
        self.desk.close()

    def add(self, body: bytes, code: str, profile: str) -> None:
        self.deployed.add(body, code, profile, title=code)

    def enact(self, code: str) -> None:
        cut_live(self.deployed, code)


class Live(OnPostgres):
    """Runs are live."""

    mode = Mode.LIVE

    def decide(self, decision: str) -> None:
        with pytest.raises(Stop) as asked:
            super().decide(decision)
        assert asked.value.code == "STOP_APPROVAL_REQUIRED"
        self.sign(self.newest)
        super().decide(decision)


def expired_at_once(monkeypatch: pytest.MonkeyPatch, gate: Gate, work: Callable[[], None]) -> None:
    """While the work is done, requests of this gate are over as soon as they are written."""
    monkeypatch.setitem(GATE_TTL_S, gate, 0)
    try:
        work()
    finally:
        monkeypatch.undo()
