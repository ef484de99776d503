"""Deployments for tests of the whole line: a home beside a database, three people, live runs in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from tests.people import public_raw, signature
from tests.runs import CODE

from clusters.databases import ROLE_PASSWORDS, Database
from cutter_agent.bootstrap import Desk, Home, open_desk, sources, trust
from cutter_agent.bootstrap.approvals import waiting
from cutter_agent.bootstrap.home import DATABASE_VARIABLE, HOME_VARIABLE
from cutter_agent.bootstrap.people import next_policy
from cutter_agent.bootstrap.settings import (
    DatabaseSettings,
    ServerKind,
    Settings,
    read_settings,
    write_settings,
)
from cutter_agent.crypto.backup_identity import ensure_backup_identity
from cutter_agent.crypto.machine_keys import ensure_machine_key
from cutter_agent.document.profiles import shipped
from cutter_agent.errors import StopApprovalRequired
from cutter_agent.evidence.sshsig import (
    APPROVAL_NAMESPACE,
    POLICY_NAMESPACE,
    REJECT_NAMESPACE,
    ed25519_public_key,
)
from cutter_agent.orchestrator import Mode, OrchestratorRunner
from cutter_agent.orchestrator.effects import Hook, no_effect
from cutter_agent.orchestrator.orders import BackupLevel
from cutter_agent.orchestrator.queries import CONTENT
from cutter_agent.orchestrator.result import RunResult
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import Gate, OrchestratorState

STARTER = "carol"
APPROVERS = ("alice", "bob")
PRIVATE = 0o600
BIRTHS_MAX = 40
"""How often a run may be resumed before a test gives up."""


@dataclass(frozen=True)
class Deployed:
    """A deployment of one test: its home and its database."""

    home: Home
    database: Database

    @property
    def environ(self) -> dict[str, str]:
        """What a command would find in its environment."""
        url = self.database.conninfo()
        return {HOME_VARIABLE: str(self.home.root), DATABASE_VARIABLE: url}

    @contextmanager
    def desk(self, on_effect: Hook = no_effect) -> Iterator[Desk]:
        """The deployment, open."""
        with open_desk(self.environ, on_effect=on_effect) as desk:
            yield desk

    @contextmanager
    def runner(self, on_effect: Hook = no_effect) -> Iterator[OrchestratorRunner]:
        """A runner of a desk of its own."""
        with self.desk(on_effect) as desk:
            yield desk.runner()

    def add(
        self, body: bytes, code: str = CODE, profile: str = "vn-charter", title: str = ""
    ) -> None:
        """The document's newest source version is this one."""
        offer = sources.Offer(code=code, body=body, profile_toml=shipped(profile), title=title)
        with self.desk() as desk:
            sources.add_source(desk, offer)

    def arm(self, *, armed: bool = True) -> None:
        """The database's execution switch stands so."""
        with self.desk() as desk:
            desk.turn_switch(armed=armed, reason="a test turns it")

    def settle(self, *, execution_enabled: bool = True, operator: str = STARTER) -> None:
        """The settings say so."""
        settle(self.home, self.database, execution_enabled=execution_enabled, operator=operator)

    def context(self, run_id: str) -> RunContext:
        """The run's history as it stands in the database, or in its sidecar."""
        with self.desk() as desk:
            return RunContext(desk.load(run_id))

    def sign(
        self,
        run_id: str,
        person: str,
        *,
        file: str | None = None,
        message: bytes | None = None,
        reject: bool = False,
    ) -> str:
        """The person's signature lies beside the request that waits; returns its reference."""
        asked = waiting(self.context(run_id))
        namespace = REJECT_NAMESPACE if reject else APPROVAL_NAMESPACE
        armor = signature(person, asked.body if message is None else message, namespace)
        suffix = ".reject.sig" if reject else ".sig"
        path = self.home.runs / run_id / f"{asked.request.document}.{file or person}{suffix}"
        path.write_bytes(armor)
        return asked.reference

    def content(self) -> dict[str, tuple[int, str]]:
        """How many rows each governed table has, and their digest."""
        with psycopg.connect(self.database.conninfo()) as connection:
            connection.execute("SET search_path = pg_catalog")
            connection.execute("SET TimeZone = 'UTC'")
            rows = connection.execute(CONTENT.encode(), {}).fetchall()
        return {name: (count, sha256) for name, count, sha256 in rows}

    def run_ids(self) -> tuple[str, ...]:
        """Every run, oldest first."""
        with self.desk() as desk:
            return tuple(reversed(desk.run_ids()))


def settle(
    home: Home,
    database: Database,
    *,
    execution_enabled: bool = True,
    operator: str = STARTER,
    backup_level_min: BackupLevel | None = BackupLevel.DUMPED_AND_ENCRYPTED,
) -> None:
    """The home's settings say so; a restore a run would slow every test that is not about it."""
    write_settings(
        home,
        Settings(
            operator=operator,
            execution_enabled=execution_enabled,
            backup_level_min=backup_level_min,
            database=DatabaseSettings(ServerKind.OUTSIDE, database.name),
        ),
    )


def settle_backups(home: Home) -> None:
    """Backups of this home are dumped and encrypted, not restored: a restore a run would slow what is not about it."""
    level = BackupLevel.DUMPED_AND_ENCRYPTED
    write_settings(home, replace(read_settings(home), backup_level_min=level))


def deploy(
    database: Database,
    folder: Path,
    *,
    armed: bool = True,
    source: bytes | None = None,
    gates: dict[Gate, tuple[tuple[str, ...], int]] | None = None,
) -> Deployed:
    """A complete deployment: settings, passwords, machine keys, backup key, an accepted policy."""
    home = Home(folder.resolve() / "home")
    home.root.mkdir()
    settle(home, database)
    for each in home.folders:
        each.mkdir(mode=0o700, exist_ok=True)
    for role, password in ROLE_PASSWORDS.items():
        private_file(home.password(role), password)
    ensure_machine_key(home.executor_key)
    ensure_machine_key(home.verifier_key)
    private_file(home.backup_recipients, ensure_backup_identity(home.backup_identity) + "\n")
    deployed = Deployed(home, database)
    with deployed.desk() as desk:
        accept_policy(desk, gates)
        if armed:
            desk.turn_switch(armed=True, reason="a test cuts")
    if source is not None:
        deployed.add(source)
    return deployed


def accept_policy(desk: Desk, gates: dict[Gate, tuple[tuple[str, ...], int]] | None = None) -> None:
    """The next policy, of alice, bob, carol and whom the gates name, is signed by all and counts."""
    named = [person for persons, _ in (gates or {}).values() for person in persons]
    everybody = tuple(dict.fromkeys((*APPROVERS, STARTER, *named)))
    policy = next_policy(
        desk.policy(),
        database=desk.facts().database_identity().text,
        keys=[(name, ed25519_public_key(public_raw(name))) for name in everybody],
        gates=gates or dict.fromkeys(Gate, (everybody, 1)),
    )
    trust.propose(desk, policy)
    for name in everybody:
        armor = signature(name, policy.canonical, POLICY_NAMESPACE)
        if trust.add_signature(desk, name, armor.decode()).verdict.counts:
            break


def private_file(path: Path, text: str) -> None:
    """The file holds the text and is its owner's alone."""
    path.touch(mode=PRIVATE)
    path.write_text(text, encoding="utf-8")


def approver_of(context: RunContext) -> str:
    """Who signs the request that the run waits at: alice at SG_1 and SG_3, bob at SG_2."""
    second = context.state is OrchestratorState.AWAITING_LIFECYCLE_AUTHORIZATION
    return APPROVERS[second]


def approve(deployed: Deployed, runner: OrchestratorRunner, run_id: str) -> RunResult:
    """The request that waits is signed by whoever signs it in these tests, and the run resumed."""
    reference = deployed.sign(run_id, approver_of(deployed.context(run_id)))
    return runner.resume(run_id, approval_kb_id=reference)


def cut_live(deployed: Deployed, code: str = CODE) -> RunResult:
    """A live run of the document, taken through both gates."""
    with deployed.runner() as runner:
        run_id = runner.cut(document_id=code, mode=Mode.LIVE).run_id
        approve(deployed, runner, run_id)
        return approve(deployed, runner, run_id)


def step_on(
    deployed: Deployed, runner: OrchestratorRunner, run_id: str | None, code: str = CODE
) -> RunResult:
    """What a person would do next: cut, resume, or sign and resume."""
    if run_id is None:
        return runner.cut(document_id=code, mode=Mode.LIVE)
    with suppress(StopApprovalRequired):
        return runner.resume(run_id)
    return approve(deployed, runner, run_id)


def finish(
    deployed: Deployed, run_id: str | None = None, on_effect: Hook = no_effect, code: str = CODE
) -> RunResult:
    """The run, or a new one, is taken to its end as by people who never tire."""
    with deployed.runner(on_effect) as runner:
        for _ in range(BIRTHS_MAX):
            result = step_on(deployed, runner, run_id, code)
            run_id = result.run_id
            if result.context.over:
                return result
    message = f"{run_id} never came to its end: {result.sentence}"
    raise AssertionError(message)


def sql_as_owner(database: Database, *statements: str) -> None:
    """A superuser goes around every wall of ours: its migrations' mark and no trigger."""
    with psycopg.connect(database.conninfo(), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET cutter.migration = 'on'")
        for statement in statements:
            connection.execute(statement.encode())
