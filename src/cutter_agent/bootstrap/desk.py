"""The desk: an opened deployment, and what it makes for those who work with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from cutter_agent.bootstrap.access import Access, Tell, open_access, say_nothing
from cutter_agent.bootstrap.home import Home, home_of
from cutter_agent.bootstrap.settings import Settings, read_settings
from cutter_agent.errors import StopRefusedInput, StopRunUnknown
from cutter_agent.orchestrator.effects import Effects, Hook, no_effect
from cutter_agent.orchestrator.grants import ROLE_ADMIN, ROLE_READER

if TYPE_CHECKING:
    from cutter_agent.files.kb_reporter import FolderReporter
    from cutter_agent.files.state_store import StateStore
    from cutter_agent.orchestrator.discover import LiveReadOnlyDiscoverer
    from cutter_agent.orchestrator.history import RunHistory
    from cutter_agent.orchestrator.policy import TrustPolicy
    from cutter_agent.orchestrator.ports import BackupVault
    from cutter_agent.orchestrator.reading import Elsewhere
    from cutter_agent.orchestrator.runner import OrchestratorRunner
    from cutter_agent.postgres.connect import Connection, Select
    from cutter_agent.postgres.deployment import SwitchState
    from cutter_agent.postgres.live_site import LiveSite

REASON_BYTES_MAX: Final = 2_000
RUNS_MAX: Final = 100_000


class Desk:
    """An opened deployment; a context manager that closes what it opened.

    Attributes:
        home: the deployment's paths.
        settings: as they were when the desk was opened.
        access: the way to its database.
        backups: what takes backups for the lanes of a batch; None takes one for each run.
        elsewhere: what cuts texts in other processes; None cuts them in this one.
    """

    def __init__(
        self, home: Home, settings: Settings, access: Access, *, on_effect: Hook = no_effect
    ) -> None:
        self._on_effect = on_effect
        self.home = home
        self.settings = settings
        self.access = access
        self.backups: BackupVault | None = None
        self.elsewhere: Elsewhere | None = None
        self._closing = ExitStack()
        self._closing.callback(access.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Connections and the lease on an embedded server are given back; once is enough."""
        self._closing.close()

    @property
    def runs_dir(self) -> Path:
        """The folder of sidecars, documents and the index of runs."""
        return self.home.runs

    def store(self) -> StateStore:
        """The sidecars of this deployment."""
        from cutter_agent.files.state_store import StateStore

        return StateStore(self.home.runs, on_effect=self._on_effect)

    def reporter(self) -> FolderReporter:
        """The folders where runs' documents lie and signatures are left, on this machine or another."""
        from cutter_agent.bootstrap.offers import SharedReporter

        return SharedReporter(self.home.runs, self.reads, on_effect=self._on_effect)

    def select(self, role: str, *, application: str | None = None) -> Select:
        """A reader of rows under this role, on one connection that lasts as long as the desk.

        Args:
            role: who reads.
            application: what the server shows as the session's name.
        """
        from cutter_agent.postgres.connect import connect_reading, select_on

        login = self.access.login(role)
        kept: list[Connection] = []

        def select(sql: str, parameters: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
            if not kept or kept[-1].closed or kept[-1].broken:
                name = application or f"cutter {role}"
                kept.append(connect_reading(login, application=name))
                self._closing.callback(kept[-1].close)
            return select_on(kept[-1])(sql, parameters)

        return select

    @cached_property
    def reads(self) -> Select:
        """The reader's rows, on one connection for everything that only looks."""
        return self.select(ROLE_READER)

    def facts(self) -> LiveReadOnlyDiscoverer:
        """The facts of the database, read by the role that may do nothing else."""
        from cutter_agent.orchestrator.discover import LiveReadOnlyDiscoverer

        return LiveReadOnlyDiscoverer(self.select(ROLE_READER))

    @cached_property
    def live_site(self) -> LiveSite:
        """Where live runs happen: executor and verifier each with a login and a key of their own."""
        from cutter_agent.bootstrap.live import HomeVault, live_site

        site = live_site(
            self.home,
            self.access,
            self.store(),
            Effects(self._on_effect),
            vault=self.backups or HomeVault(self.home, self.access, self.settings.backup_level_min),
        )
        self._closing.callback(site.close)
        return site

    def runner(self, on_step: Callable[[str], None] | None = None) -> OrchestratorRunner:
        """A runner for dry runs on this database's facts and for live runs in it.

        Args:
            on_step: told the name of each step as it begins.
        """
        from cutter_agent.orchestrator.runner import Deployment, OrchestratorRunner
        from cutter_agent.rehearsal import LiveDryRunDiscoverer

        return OrchestratorRunner(
            store=self.store(),
            kb=self.reporter(),
            # Every code begins with nothing: the desk rehearses all documents of its database.
            discoverer=LiveDryRunDiscoverer.from_live(
                self.facts(), doc_prefix="", on_effect=self._on_effect
            ),
            live=self.live_site,
            deployment=Deployment(
                starter=self.settings.operator,
                candidate_cap=self.settings.candidate_cap,
                execution_setting=self.execution_setting,
                switch_armed=self.switch_armed,
                policy=self.policy,
                on_step=on_step or say_nothing,
                elsewhere=self.elsewhere,
            ),
        )

    def execution_setting(self) -> bool:
        """True if the settings, read now, enable live execution."""
        return read_settings(self.home).execution_enabled

    def switch(self) -> SwitchState:
        """How the database's execution switch stands now."""
        from cutter_agent.postgres.deployment import switch_read

        return switch_read(self.reads)

    def switch_armed(self) -> bool:
        """True if the database's execution switch is armed now."""
        return self.switch().armed

    def turn_switch(self, *, armed: bool, reason: str) -> SwitchState:
        """The switch stands as asked; who and why are on record.

        Raises:
            StopRefusedInput: no reason is given, or one that cannot be read.
        """
        from cutter_agent.postgres.deployment import turn_switch

        said = reason.strip()
        if not (
            said.isprintable() and 0 < len(said.encode("utf-8", "replace")) <= REASON_BYTES_MAX
        ):
            raise StopRefusedInput(
                "the switch is not turned without a reason that can be read",
                expected=f"one line of at most {REASON_BYTES_MAX} bytes for the record",
                remedy=f"cutter switch {'arm' if armed else 'disarm'} --reason TEXT",
            )
        login = self.access.login(ROLE_ADMIN)
        return turn_switch(login, armed=armed, reason=said, actor=self.settings.operator)

    def policy(self) -> TrustPolicy | None:
        """The trust policy that counts now, or None before the first.

        Raises:
            StopEvidenceMismatch: the file is not what the database accepted last.
        """
        from cutter_agent.bootstrap.trust import accepted_policy

        return accepted_policy(self)

    def now_utc(self) -> datetime:
        """The database's time, which decides about lives."""
        return self.live_site.now_utc()

    def run_ids(self) -> tuple[str, ...]:
        """The ids of all runs, dry and live, newest first."""
        from cutter_agent.postgres.deployment import run_ids

        dry = self.store().run_ids()
        live = run_ids(self.access.login(ROLE_READER), limit=RUNS_MAX)
        return tuple(sorted({*dry, *live}, reverse=True))

    def load(self, run_id: str) -> RunHistory:
        """The run's history: a dry run's from its sidecar, a live one's from the database.

        Raises:
            StopRunUnknown: there is no such run.
        """
        from cutter_agent.orchestrator.states import Mode

        with suppress(StopRunUnknown):
            history = self.store().load(run_id)
            if history.header.mode is Mode.DRYRUN:
                return history
        return self.live_site.load(run_id)


def open_desk(
    environ: Mapping[str, str],
    *,
    on_progress: Tell | None = None,
    create: bool = False,
    on_effect: Hook = no_effect,
) -> Desk:
    """The deployment that the environment names is open: its server runs, its settings are read.

    Args:
        environ: where CUTTER_HOME, CUTTER_DATABASE_URL and CUTTER_PG_BIN are looked up.
        on_progress: told a sentence when something slow begins.
        create: whether a deployment is made where there is none.
        on_effect: told of every effect of a run: the place where a test stops the process.

    Raises:
        StopRefusedInput: there is no deployment, or its settings say something unknown.
        StopDatabaseAway: its server does not answer.
    """
    home = home_of(environ)
    tell = on_progress or say_nothing
    if create and not home.exists:
        from cutter_agent.bootstrap.founding import Founding, found

        found(home, environ, Founding(), on_progress=tell)
    settings = read_settings(home)
    access = open_access(home, settings.database, environ, on_progress=tell)
    return Desk(home, settings, access, on_effect=on_effect)
