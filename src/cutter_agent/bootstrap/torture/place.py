"""Places: deployments on a throwaway server, kept at each pause of a live run, to begin from again and again.

A copy has the name and the oid of its original, for requests and policies name the database they are
for; so one copy exists at a time.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cutter_agent.bootstrap import people, sources, trust
from cutter_agent.bootstrap.approvals import person_signer, sign_request, waiting
from cutter_agent.bootstrap.desk import Desk, open_desk
from cutter_agent.bootstrap.home import DATABASE_VARIABLE, HOME_VARIABLE, Home
from cutter_agent.bootstrap.settings import (
    DatabaseSettings,
    ServerKind,
    Settings,
    write_settings,
)
from cutter_agent.errors import Stop, StopApprovalRequired, StopInvariantFailed
from cutter_agent.evidence.sshsig import POLICY_NAMESPACE
from cutter_agent.orchestrator.effects import Hook, no_effect
from cutter_agent.orchestrator.grants import LOGIN_ROLES
from cutter_agent.orchestrator.orders import BackupLevel
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import Gate, Mode, OrchestratorState

if TYPE_CHECKING:
    from cutter_agent.orchestrator.result import RunResult
    from cutter_agent.orchestrator.runner import OrchestratorRunner
    from cutter_agent.postgres.embedded import Server

CODE: Final = "TORTURE"
PROFILE: Final = "markdown"
TEXT: Final = "# Terms\n\nWords mean what they say.\n\n## Use\n\nUse them well.\n"
NEXT_TEXT: Final = "# Terms\n\nWords mean what they say.\n\n## Use\n\nUse them with care.\n"
STARTER: Final = "carol"
APPROVERS: Final = ("alice", "bob")
READY, SG_1, SG_2 = "ready", "sg1", "sg2"
STAGES: Final = (READY, SG_1, SG_2)
CALLS_MAX: Final = 40
PRIVATE: Final = 0o600
KILLED: Final = -signal.SIGKILL
BROKEN: Final = 70
"""Exit status of a child whose work raised what is no stop."""


@dataclass(frozen=True, slots=True)
class Place:
    """A deployment: its home, and its database as the superuser reaches it."""

    home: Home
    url: str

    @property
    def environ(self) -> dict[str, str]:
        """What a command would find in its environment."""
        return {HOME_VARIABLE: str(self.home.root), DATABASE_VARIABLE: self.url}

    @contextmanager
    def desk(self, hook: Hook = no_effect) -> Iterator[Desk]:
        """The deployment, open."""
        with open_desk(self.environ, on_effect=hook) as desk:
            yield desk

    @contextmanager
    def runner(self, hook: Hook = no_effect) -> Iterator[OrchestratorRunner]:
        """A runner of a desk of its own."""
        with self.desk(hook) as desk:
            yield desk.runner()

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What the database answers its superuser."""
        from cutter_agent.postgres.connect import Login, connected

        with connected(Login(self.url), application="cutter torture") as connection:
            return connection.execute(sql.encode(), parameters or None).fetchall()

    def change(self, *statements: str) -> None:
        """A superuser goes around every wall: a migration's mark and no trigger; nobody waits for it."""
        from cutter_agent.postgres.connect import Login, connected, translated

        login = Login(self.url)
        with connected(login, application="cutter torture") as connection, translated():
            for setting in (
                "session_replication_role = replica",
                "cutter.migration = 'on'",
                "lock_timeout = '2s'",
            ):
                connection.execute(f"SET {setting}".encode())
            for statement in statements:
                connection.execute(statement.encode())

    def run_ids(self, code: str = CODE) -> tuple[str, ...]:
        """Every live run of the document, oldest first."""
        found = self.rows(
            "SELECT run_id FROM cutter_governance.run WHERE document_id = %s ORDER BY run_id", code
        )
        return tuple(str(row[0]) for row in found)

    def context(self, run_id: str) -> RunContext:
        """The run as the database has it."""
        with self.desk() as desk:
            return RunContext(desk.load(run_id))

    def sign(self, run_id: str) -> str:
        """The request that waits is signed by whoever signs it here; returns its reference."""
        context = self.context(run_id)
        second = context.state is OrchestratorState.AWAITING_LIFECYCLE_AUTHORIZATION
        person = APPROVERS[second]
        asked = waiting(context)
        lies = self.home.runs / run_id / f"{asked.request.document}.{person}.sig"
        if not lies.exists():
            signer = person_signer(self.home, person)
            sign_request(self.home.runs, context, person=person, signer=signer)
        return asked.reference

    def step(self, runner: OrchestratorRunner, run_id: str | None, code: str = CODE) -> RunResult:
        """What a person would do next: cut, resume, or sign and resume."""
        if run_id is None:
            return runner.cut(document_id=code, mode=Mode.LIVE)
        with suppress(StopApprovalRequired):
            return runner.resume(run_id)
        return runner.resume(run_id, approval_kb_id=self.sign(run_id))

    def finish(self, run_id: str | None = None, hook: Hook = no_effect, code: str = CODE) -> str:
        """People who never tire go on with the run, or a new one; returns its id.

        Raises:
            StopInvariantFailed: it never comes to its end.
        """
        sentence = ""
        with self.runner(hook) as runner:
            for _ in range(CALLS_MAX):
                result = self.step(runner, run_id, code)
                run_id, sentence = result.run_id, result.sentence
                if result.context.over:
                    return run_id
        raise StopInvariantFailed(f"{run_id} never came to its end: {sentence}")

    def call(self, stage: str, hook: Hook = no_effect, code: str = CODE) -> None:
        """The one call that leads from this stage to the next."""
        run_ids = self.run_ids(code)
        with self.runner(hook) as runner, suppress(StopApprovalRequired):
            if stage == READY:
                runner.cut(document_id=code, mode=Mode.LIVE)
            else:
                runner.resume(run_ids[-1], approval_kb_id=self.sign(run_ids[-1]))

    def add(self, code: str, text: str = TEXT) -> None:
        """The document's newest source version is this text."""
        from cutter_agent.document.profiles import shipped

        offer = sources.Offer(code=code, body=text.encode(), profile_toml=shipped(PROFILE))
        with self.desk() as desk:
            sources.add_source(desk, offer)


def furnish(home: Home, url: str, database: str, passwords: Mapping[str, str]) -> Place:
    """A complete deployment: settings, passwords, keys, three people, their policy, an armed switch."""
    from cutter_agent.crypto.backup_identity import ensure_backup_identity
    from cutter_agent.crypto.machine_keys import ensure_machine_key

    home.root.mkdir(mode=0o700)
    write_settings(
        home,
        Settings(
            operator=STARTER,
            execution_enabled=True,
            # A restore at each run would make this a torture of restores.
            backup_level_min=BackupLevel.DUMPED_AND_ENCRYPTED,
            database=DatabaseSettings(ServerKind.OUTSIDE, database),
        ),
    )
    for folder in home.folders:
        folder.mkdir(mode=0o700, exist_ok=True)
    for role, password in passwords.items():
        _private(home.password(role), password)
    ensure_machine_key(home.executor_key)
    ensure_machine_key(home.verifier_key)
    _private(home.backup_recipients, ensure_backup_identity(home.backup_identity) + "\n")
    place = Place(home, url)
    with place.desk() as desk:
        gather(desk)
        desk.turn_switch(armed=True, reason="a torture cuts")
    place.add(CODE)
    return place


def gather(desk: Desk) -> None:
    """Everybody has a key, and the policy that all of them signed counts."""
    names = (*APPROVERS, STARTER)
    policy = people.next_policy(
        None,
        database=desk.facts().database_identity().text,
        keys=[(name, people.new_key(desk.home, name, None)) for name in names],
        gates=dict.fromkeys(Gate, (names, 1)),
    )
    trust.propose(desk, policy)
    for name in names:
        signature = person_signer(desk.home, name).sign_request(policy.canonical, POLICY_NAMESPACE)
        if trust.add_signature(desk, name, signature).verdict.counts:
            return


def _private(path: Path, text: str) -> None:
    path.touch(mode=PRIVATE)
    path.write_text(text, encoding="utf-8")


class Places:
    """The stages of one run on one server."""

    def __init__(self, server: Server, folder: Path) -> None:
        """Make the deployment and take a run through it, keeping a copy at each pause."""
        from cutter_agent.postgres.connect import Login
        from cutter_agent.postgres.migrate import migrate

        self.server = server
        self.folder = folder
        self.name = "cutter_torture"
        passwords = {role: secrets.token_urlsafe(16) for role in LOGIN_ROLES}
        self._sql(f"CREATE DATABASE {self.name}")
        migrate(Login(self._url), passwords=passwords)
        found = self._query("SELECT oid FROM pg_database WHERE datname = %s", self.name)
        self._oid = int(found[0][0])
        self._grants = self._query(_GRANTS, self.name)
        place = furnish(Home(folder / "original"), self._url, self.name, passwords)
        self._keep(READY, place)
        for before, after in ((READY, SG_1), (SG_1, SG_2)):
            place.call(before)
            self._keep(after, place)
        self._sql(f"DROP DATABASE {self.name} WITH (FORCE)")

    @contextmanager
    def at(self, stage: str) -> Iterator[Place]:
        """The deployment as it was at this stage; gone afterwards, whoever still uses it."""
        self._copy(f"{self.name}_{stage}", self.name, self._oid)
        home = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            shutil.copytree(self.folder / stage, home / "home")
            yield Place(Home(home / "home"), self._url)
        finally:
            self._sql(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")
            shutil.rmtree(home)

    @property
    def _url(self) -> str:
        return self.server.conninfo(dbname=self.name)

    def _keep(self, stage: str, place: Place) -> None:
        self._copy(self.name, f"{self.name}_{stage}", None)
        shutil.copytree(place.home.root, self.folder / stage)

    def _copy(self, source: str, target: str, oid: int | None) -> None:
        placed = "" if oid is None else f" OID {oid}"
        self._sql(f"CREATE DATABASE {target} TEMPLATE {source} STRATEGY FILE_COPY{placed}")
        # A copy leaves out the grants on the database itself.
        self._sql(f"REVOKE ALL ON DATABASE {target} FROM PUBLIC")
        for grantee, privileges in self._grants:
            self._sql(f"GRANT {privileges} ON DATABASE {target} TO {grantee}")

    def _sql(self, statement: str) -> None:
        from cutter_agent.postgres.connect import Login, connected

        login = Login(self.server.conninfo(dbname="postgres"))
        with connected(login, application="cutter torture") as connection:
            connection.execute(statement.encode())

    def _query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        from cutter_agent.postgres.connect import Login, connected

        login = Login(self.server.conninfo(dbname="postgres"))
        with connected(login, application="cutter torture") as connection:
            return connection.execute(sql.encode(), parameters).fetchall()


_GRANTS: Final = """
SELECT r.rolname, string_agg(a.privilege_type, ', ')
FROM pg_database AS d
CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a
JOIN pg_roles AS r ON r.oid = a.grantee
WHERE d.datname = %s AND a.grantee <> d.datdba
GROUP BY r.rolname
"""


def start(work: Callable[[], object]) -> int:
    """A child does the work and ends with its stop's exit status; returns its process id."""
    child = os.fork()
    if child == 0:
        status = BROKEN
        try:
            work()
            status = 0
        except Stop as stop:
            status = stop.exit_status
        finally:
            # Nothing of the parent's clean-up may run here.
            os._exit(status)
    return child


def wait(child: int) -> int:
    """The child's exit status, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die() -> None:
    """This process ends as by kill -9."""
    os.kill(os.getpid(), signal.SIGKILL)


class Countdown:
    """Counts effects, and does something at the chosen one."""

    def __init__(self, at: int = 0, work: Callable[[], None] = die) -> None:
        self.names: list[str] = []
        self._at = at
        self._work = work

    def __call__(self, name: str) -> None:
        """Count the effect."""
        self.names.append(name)
        if len(self.names) == self._at:
            self._work()
