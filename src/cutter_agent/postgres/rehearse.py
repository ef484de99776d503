"""Rehearsing on a restored copy: the live SQL, for the copy alone.

The writer here and the live one share every statement and no way in: this one opens only on a throwaway
database, with a rehearsal's warrant; the other only with a live warrant, which no stand-in gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cutter_agent.errors import ProductionExecutionNotAuthorized, StopBackupFailed, StopDatabaseAway
from cutter_agent.orchestrator.discover import LiveReadOnlyDiscoverer
from cutter_agent.orchestrator.grants import functions_sha256
from cutter_agent.orchestrator.history import EventKind, RunEvent, RunHeader
from cutter_agent.orchestrator.orders import Consumption
from cutter_agent.orchestrator.ports import (
    BackupVault,
    ExecutorSigner,
    Ledger,
    Verifier,
    VerifierSigner,
    Writer,
)
from cutter_agent.orchestrator.queries import DOCUMENT_ROWS_SHA256
from cutter_agent.orchestrator.states import Role
from cutter_agent.orchestrator.vault import KeptBackup, Tally
from cutter_agent.orchestrator.warrant import RehearsalWarrant
from cutter_agent.orchestrator.world import Moment
from cutter_agent.postgres import history
from cutter_agent.postgres.connect import (
    Connection,
    Login,
    Select,
    connected,
    select_on,
    translated,
)
from cutter_agent.postgres.statements import statement
from cutter_agent.postgres.throwaway import Throwaway
from cutter_agent.postgres.verify import LiveLedger, LiveTally, LiveVerifier
from cutter_agent.postgres.write import SqlWriter, accepted, pass_write_gate

_CLAIM: Final = "SELECT cutter_governance.fn_run_claim(%(run_id)s, 'dress rehearsal')"
_STAND_IN_ARMOR: Final = b"(dress rehearsal)"


class RehearsalSqlWriter(SqlWriter):
    """The live writer's statements, in a throwaway copy.

    Raises:
        ProductionExecutionNotAuthorized: it is made without this run's rehearsal warrant, or over a
            connection that does not go into the copy.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        run_id: str,
        fence: int,
        warrant: RehearsalWarrant,
        copy: Throwaway,
    ) -> None:
        given: object = warrant  # whatever a caller without a type checker brings
        if not isinstance(given, RehearsalWarrant) or given.run_id != run_id:
            raise ProductionExecutionNotAuthorized(
                "a rehearsing writer was asked for without this run's rehearsal warrant",
                run_id=run_id,
            )
        copy.check(connection)
        super().__init__(connection, run_id=run_id, fence=fence)
        self._warrant = warrant

    @property
    def warrant(self) -> RehearsalWarrant:
        return self._warrant


@dataclass(frozen=True, slots=True, kw_only=True)
class StandInSigners:
    """The keys of a rehearsal: they prove nothing, and say so."""

    executor: ExecutorSigner
    verifier: VerifierSigner


@dataclass(frozen=True, slots=True)
class _CopyRows:
    """The copy's rows; nobody takes a backup of a copy."""

    select: Select

    def take(self, run: RunHeader, moment: Moment) -> AbstractContextManager[KeptBackup]:
        del moment
        raise StopBackupFailed("a restored copy is not backed up again", run_id=run.run_id)

    def document_rows_sha256(self, document_id: str) -> str:
        return str(self.select(DOCUMENT_ROWS_SHA256, {"document_id": document_id})[0]["sha256"])


class RestoredStage:
    """The restored copy as the dress rehearsal sees it: two logins, one run claimed anew."""

    def __init__(
        self,
        copy: Throwaway,
        executor: Connection,
        verifier: Connection,
        *,
        run_id: str,
        fence: int,
        signers: StandInSigners,
    ) -> None:
        self._copy = copy
        self._executor = executor
        self._verifier = verifier
        self._run_id = run_id
        self._fence = fence
        self._signers = signers
        facts = LiveReadOnlyDiscoverer(select_on(executor))
        self.database = facts.database_identity().text
        self.functions_sha256 = functions_sha256(facts.function_fingerprints())

    def now_utc(self) -> datetime:
        with translated(run_id=self._run_id):
            row = self._executor.execute("SELECT clock_timestamp()").fetchone()
        if row is None or not isinstance(row[0], datetime):
            raise StopDatabaseAway("the restored copy told no time")
        return row[0]

    def log_head(self) -> str:
        with translated(run_id=self._run_id):
            return history.log_head(self._executor)

    @contextmanager
    def step(
        self, acts_as: Role, consumption: Consumption | None
    ) -> Iterator[Mapping[type, object]]:
        connection = self._verifier if acts_as is Role.VERIFIER else self._executor
        with translated(run_id=self._run_id), connection.transaction():
            if acts_as is Role.EXECUTOR:
                pass_write_gate(connection)
            if consumption is not None:
                armors = [_STAND_IN_ARMOR] * len(consumption.key_ids)
                history.spend(connection, self._fence, consumption, armors)
            yield self._ports(connection, acts_as)

    def _ports(self, connection: Connection, acts_as: Role) -> Mapping[type, object]:
        run_id, fence = self._run_id, self._fence
        bound: dict[type, object] = {
            BackupVault: _CopyRows(select_on(connection)),
            Ledger: LiveLedger(connection),
            Tally: LiveTally(connection),
        }
        if acts_as is Role.VERIFIER:
            bound[Verifier] = LiveVerifier(connection, run_id=run_id, fence=fence)
            bound[VerifierSigner] = self._signers.verifier
            return bound
        bound[ExecutorSigner] = self._signers.executor
        bound[Writer] = RehearsalSqlWriter(
            connection,
            run_id=run_id,
            fence=fence,
            warrant=RehearsalWarrant(run_id),
            copy=self._copy,
        )
        return bound


@contextmanager
def stage_on(
    copy: Throwaway,
    logins: Mapping[Role, Login],
    run: RunHeader,
    *,
    signers: StandInSigners,
) -> Iterator[RestoredStage]:
    """Inside the context the copy can be played on; the run is there and claimed, beyond older claims."""
    with ExitStack() as stack:
        executor, verifier = (
            stack.enter_context(connected(logins[role], application="cutter rehearsal"))
            for role in (Role.EXECUTOR, Role.VERIFIER)
        )
        copy.check(executor)
        with translated(run_id=run.run_id):
            if executor.execute(statement("run_header"), {"run_id": run.run_id}).fetchone() is None:
                # The backup is older than the run: several documents share it.
                opening = RunEvent(1, EventKind.OPENED, run.created_utc, {})
                history.open_run(executor, run, opening)
            row = executor.execute(_CLAIM, {"run_id": run.run_id}).fetchone()
        yield RestoredStage(
            copy,
            executor,
            verifier,
            run_id=run.run_id,
            fence=int(accepted(row, run_id=run.run_id)["fence"]),
            signers=signers,
        )
