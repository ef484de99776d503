"""Where live runs happen: the database is the truth, each step is one transaction of it."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cutter_agent.errors import (
    ProductionExecutionNotAuthorized,
    StopDatabaseAway,
    StopLockBusy,
    StopRunUnknown,
)
from cutter_agent.evidence.canonical import Json
from cutter_agent.orchestrator.effects import UNWATCHED, Effects
from cutter_agent.orchestrator.history import (
    EventKind,
    RunDocument,
    RunEvent,
    RunHeader,
    RunHistory,
)
from cutter_agent.orchestrator.orders import Consumption, Refusal
from cutter_agent.orchestrator.ports import (
    BackupVault,
    Claim,
    ExecutorSigner,
    Facts,
    Ledger,
    Verifier,
    VerifierSigner,
    Writer,
)
from cutter_agent.orchestrator.queries import DOCUMENT_ROWS_SHA256, ENACTING_RUN
from cutter_agent.orchestrator.states import Mode, Role
from cutter_agent.orchestrator.vault import KeptBackup, Tally
from cutter_agent.orchestrator.warrant import LiveWarrant, RehearsalWarrant
from cutter_agent.orchestrator.world import Moment
from cutter_agent.postgres import history
from cutter_agent.postgres.connect import (
    Connection,
    Login,
    Select,
    connect_reading,
    connected,
    select_on,
    snapshot,
    translated,
)
from cutter_agent.postgres.statements import statement
from cutter_agent.postgres.verify import LiveLedger, LiveTally, LiveVerifier
from cutter_agent.postgres.write import LiveWriter, accepted, pass_write_gate

_DRIVE_LOCK: Final = """
SELECT pg_try_advisory_lock(hashtextextended('cutter/drive/' || %(run_id)s::text, 0))
"""
# The run's, not its document's: one that only finds its document held would keep the holder out.
_CLAIM: Final = "SELECT cutter_governance.fn_run_claim(%(run_id)s, %(driver)s)"
_HOLD: Final = "SELECT cutter_governance.fn_run_hold(%(run_id)s)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Logins:
    """The three logins of a live run; none of them may do another's work."""

    reader: Login
    executor: Login
    verifier: Login


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """What a live site is given by the deployment.

    Attributes:
        facts_over: makes the facts that read through a given select.
        vault: takes backups.
        executor_signer: the executor's key.
        verifier_signer: the verifier's key, another one.
        project: writes the sidecar, the derived view of a run.
        effects: told of every effect: the place where a test stops the process.
    """

    facts_over: Callable[[Select], Facts]
    vault: BackupVault
    executor_signer: ExecutorSigner
    verifier_signer: VerifierSigner
    project: Callable[[RunHistory, Json], None]
    effects: Effects = UNWATCHED


@dataclass(frozen=True, slots=True)
class LiveClaim:
    """A run that this process drives: the connection that holds the lock, and the fence."""

    run_id: str
    fence: int
    connection: Connection


@dataclass(frozen=True, slots=True)
class FreshRows:
    """The vault of a run: the same backups, but rows as its own transaction or reader sees them."""

    vault: BackupVault
    select: Select
    effects: Effects

    @contextmanager
    def take(self, run: RunHeader, moment: Moment) -> Iterator[KeptBackup]:
        with self.effects.one("take_backup"), self.vault.take(run, moment) as kept:
            yield kept

    def document_rows_sha256(self, document_id: str) -> str:
        return str(self.select(DOCUMENT_ROWS_SHA256, {"document_id": document_id})[0]["sha256"])


@dataclass(frozen=True, slots=True)
class LiveStep:
    """One open transaction of a live run."""

    connection: Connection
    run_id: str
    fence: int
    ports: Mapping[type, object]
    facts: Facts
    effects: Effects

    def consume(self, consumption: Consumption) -> None:
        with self.effects.one("consume"):
            history.consume(self.connection, self.fence, consumption)

    def refuse(self, refusal: Refusal) -> None:
        with self.effects.one("refuse"):
            history.refuse(self.connection, self.fence, refusal)

    def append(self, event: RunEvent, documents: Sequence[RunDocument]) -> None:
        with self.effects.one(f"append {event.kind}"):
            history.append(self.connection, self.run_id, self.fence, event, documents)

    def close(self) -> None:
        self.end("closed")

    def end(self, outcome: str) -> None:
        with self.effects.one(f"end {outcome}"):
            history.end(self.connection, self.run_id, self.fence, outcome)


class LiveSite:
    """The site of Mode.LIVE."""

    def __init__(self, logins: Logins, equipment: Equipment) -> None:
        self._logins = logins
        self._equipment = equipment
        self._effects = equipment.effects
        self._reader: Connection | None = None
        self._facts = equipment.facts_over(self._select)

    @property
    def mode(self) -> Mode:
        return Mode.LIVE

    @property
    def facts(self) -> Facts:
        return self._facts

    @property
    def replays_effects(self) -> bool:
        return False

    def ports(self, run: RunHeader, warrant: RehearsalWarrant | None) -> Mapping[type, object]:
        del run, warrant
        return {BackupVault: FreshRows(self._equipment.vault, self._select, self._effects)}

    def now_utc(self) -> datetime:
        row = self._row(b"SELECT clock_timestamp()", {})
        if row is None or not isinstance(row[0], datetime):
            raise StopDatabaseAway("the database told no time")
        return row[0]

    def nonce(self) -> str:
        return secrets.token_hex(16)

    def log_head(self) -> str:
        connection = self._reading()
        with snapshot(connection):
            return history.log_head(connection)

    def open_run(self, header: RunHeader, event: RunEvent) -> str | None:
        with (
            connected(self._logins.executor, application="cutter open") as connection,
            self._effects.one("open_run"),
        ):
            return history.open_run(connection, header, event)

    def knows(self, run_id: str) -> bool:
        return self._row(statement("run_header"), {"run_id": run_id}) is not None

    def load(self, run_id: str) -> RunHistory:
        connection = self._reading()
        with snapshot(connection):
            return history.load(connection, run_id)

    def holder(self, document_id: str, run_id: str) -> str | None:
        with (
            connected(self._logins.executor, application="cutter hold") as connection,
            translated(run_id=run_id, document_id=document_id),
        ):
            row = connection.execute(_HOLD, {"run_id": run_id}).fetchone()
        held: str | None = accepted(row, run_id=run_id)["holder"]
        return held

    def holders(self, document_ids: Sequence[str]) -> Mapping[str, str]:
        """Return the runs that hold these documents now, by document."""
        connection = self._reading()
        named = {"document_ids": list(document_ids)}
        with snapshot(connection):
            rows = connection.execute(statement("holding_runs"), named).fetchall()
        return {str(document_id): str(run_id) for document_id, run_id in rows}

    def enacted_by(self, source_version_id: str) -> str | None:
        rows = self._select(ENACTING_RUN, {"source_version_id": source_version_id})
        return str(rows[0]["run_id"]) if rows else None

    def consumed_by(self, request_sha256: str) -> str | None:
        row = self._row(statement("consumed_by"), {"request_sha256": request_sha256})
        return None if row is None else str(row[0])

    @contextmanager
    def claim(self, run_id: str) -> Iterator[LiveClaim]:
        head = self._row(statement("run_header"), {"run_id": run_id})
        if head is None:
            raise StopRunUnknown(f"there is no run {run_id}", run_id=run_id)
        document_id = str(head[1])
        with connected(self._logins.executor, application=f"cutter {run_id}") as connection:
            with translated(run_id=run_id):
                locked = connection.execute(_DRIVE_LOCK, {"run_id": run_id}).fetchone()
                if locked is None or not locked[0]:
                    raise StopLockBusy(
                        "another process drives this run now",
                        run_id=run_id,
                        document_id=document_id,
                    )
                driver = f"{socket.gethostname()}/{os.getpid()}"
                with self._effects.one("claim"):
                    row = connection.execute(
                        _CLAIM, {"run_id": run_id, "driver": driver}
                    ).fetchone()
            yield LiveClaim(run_id, int(accepted(row, run_id=run_id)["fence"]), connection)

    @contextmanager
    def step(
        self,
        claim: Claim,
        acts_as: Role,
        warrant: LiveWarrant | RehearsalWarrant | None,
    ) -> Iterator[LiveStep]:
        if isinstance(warrant, RehearsalWarrant):
            raise ProductionExecutionNotAuthorized(
                "a rehearsal's warrant was brought to a live run", run_id=claim.run_id
            )
        if acts_as is Role.VERIFIER:
            with (
                connected(self._logins.verifier, application="cutter verify") as connection,
                self._transaction(connection, claim, warrant, verifies=True) as step,
            ):
                yield step
            return
        if not isinstance(claim, LiveClaim) or claim.connection.closed:
            raise StopDatabaseAway("the claim's connection is gone", run_id=claim.run_id)
        with self._transaction(claim.connection, claim, warrant, verifies=False) as step:
            yield step

    def end(
        self,
        claim: Claim,
        event: RunEvent,
        documents: Sequence[RunDocument],
        consumption: Consumption | None = None,
        refusal: Refusal | None = None,
    ) -> None:
        outcome = "voided" if event.kind is EventKind.DECISION else "ended"
        with self.step(claim, Role.EXECUTOR, None) as step:
            if consumption is not None:
                step.consume(consumption)
            if refusal is not None:
                step.refuse(refusal)
            step.append(event, documents)
            step.end(outcome)

    def project(self, history: RunHistory, view: Json) -> None:
        self._equipment.project(history, view)

    def close(self) -> None:
        """The site holds no connection any more; it opens one again when it is asked."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    @contextmanager
    def _transaction(
        self,
        connection: Connection,
        claim: Claim,
        warrant: LiveWarrant | None,
        *,
        verifies: bool,
    ) -> Iterator[LiveStep]:
        select = select_on(connection)
        with (
            self._effects.one("transaction"),
            translated(run_id=claim.run_id),
            connection.transaction(),
        ):
            if warrant is not None and not verifies:
                pass_write_gate(connection)
            yield LiveStep(
                connection=connection,
                run_id=claim.run_id,
                fence=claim.fence,
                ports=self._step_ports(connection, claim, warrant, verifies=verifies),
                facts=self._equipment.facts_over(select),
                effects=self._effects,
            )
            self._effects.hook("before commit")

    def _step_ports(
        self,
        connection: Connection,
        claim: Claim,
        warrant: LiveWarrant | None,
        *,
        verifies: bool,
    ) -> Mapping[type, object]:
        bound: dict[type, object] = {
            BackupVault: FreshRows(self._equipment.vault, select_on(connection), self._effects),
            Ledger: LiveLedger(connection),
            Tally: LiveTally(connection),
        }
        if verifies:
            bound[Verifier] = LiveVerifier(
                connection, run_id=claim.run_id, fence=claim.fence, effects=self._effects
            )
            bound[VerifierSigner] = self._equipment.verifier_signer
            return bound
        bound[ExecutorSigner] = self._equipment.executor_signer
        if warrant is not None:
            bound[Writer] = LiveWriter(
                connection,
                run_id=claim.run_id,
                fence=claim.fence,
                warrant=warrant,
                effects=self._effects,
            )
        return bound

    def _reading(self) -> Connection:
        """Return the reader's connection, a new one if the last is gone."""
        if self._reader is None or self._reader.closed or self._reader.broken:
            self._reader = connect_reading(self._logins.reader, application="cutter read")
        return self._reader

    def _select(self, sql: str, parameters: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
        return select_on(self._reading())(sql, parameters)

    def _row(self, sql: bytes, parameters: Mapping[str, object]) -> tuple[object, ...] | None:
        connection = self._reading()
        with translated(), connection.cursor(binary=True) as cursor:
            return cursor.execute(sql, dict(parameters)).fetchone()
