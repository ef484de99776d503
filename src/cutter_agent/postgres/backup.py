"""Backups: the governed tables as one snapshot saw them, dumped and encrypted in one stream.

The rows are hashed inside the very snapshot that the dump reads, so the digests say what the dump
holds. The plain dump never touches a disk, except as the rows of the throwaway cluster into which the
ciphertext is restored, to prove that it can be. It is no point-in-time recovery: the receipt records
the WAL position, and a restore discards what others wrote after it.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Final, Protocol

from cutter_agent.errors import Stop, StopBackupFailed, StopDatabaseAway
from cutter_agent.orchestrator.clock import utc_text
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.orders import BackupLevel, BackupReceipt
from cutter_agent.orchestrator.queries import (
    CONTENT_SHA256,
    DOCUMENT_ROWS_SHA256,
    GROUND_SHA256,
    UNGOVERNED_TABLES,
)
from cutter_agent.orchestrator.vault import KeptBackup
from cutter_agent.orchestrator.world import Moment
from cutter_agent.postgres.connect import (
    Connection,
    Login,
    Select,
    connected,
    read_password,
    select_on,
    snapshot,
)
from cutter_agent.postgres.restore import (
    Playhouse,
    Restorer,
    SealedFile,
    complaint,
    of_the_copy,
    program_environment,
)
from cutter_agent.postgres.statements import statement

DUMP_TIMEOUT_S: Final = 60 * 60
BACKUPS_PER_RUN_MAX: Final = 1_000
_SCHEMAS: Final = ("iu", "cutter_governance", "cutter_migration")
_VERSIONS_PER_MAJOR: Final = 10_000


class Seal(Protocol):
    """Encrypts a stream into a new durable file, or leaves no file at all."""

    def __call__(
        self,
        source: IO[bytes],
        path: Path,
        recipients: Sequence[str],
        *,
        before_commit: Callable[[], None],
    ) -> SealedFile:
        """Return what the file is; `before_commit` runs when the source is at its end."""
        ...


@dataclass(frozen=True, slots=True)
class OpenedBackup:
    """A backup that lies sealed, and what is known of its snapshot.

    Attributes:
        common: the receipt, whoever it is for; it names no document's rows.
        rows_sha256: the digest of a document's rows in the snapshot, by document.
        ground_sha256: the digest of what rehearsals stand on beside their documents' rows.
        playhouse: the restored database, or None where nothing was restored or it is not equal.
    """

    common: BackupReceipt
    rows_sha256: Mapping[str, str]
    ground_sha256: str
    playhouse: Playhouse | None

    def receipt(self, document_id: str) -> BackupReceipt:
        """The receipt for a document whose rows were hashed in the snapshot."""
        return replace(self.common, document_rows_sha256=self.rows_sha256[document_id])


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveVault:
    """Takes backups of one database into one folder.

    Attributes:
        reader: the login that reads; SELECT and USAGE are enough for a dump.
        pg_dump: the program, of the server's major version or newer.
        folder: where the ciphertexts lie.
        recipients: age recipients, each of whom can open every backup.
        seal: the encryption.
        restorer: proves the backup by restoring it, and opens the copy; None where that cannot be.
        level_min: what SG_1 asks for; None asks for a restore where there is a restorer. Nothing is
            restored where less is settled for.
    """

    reader: Login
    pg_dump: Path
    folder: Path
    recipients: tuple[str, ...]
    seal: Seal
    restorer: Restorer | None = None
    level_min: BackupLevel | None = None

    @contextmanager
    def take(self, run: RunHeader, moment: Moment) -> Iterator[KeptBackup]:
        del moment  # the database dates its own snapshot
        with ExitStack() as stack:
            with failing(run):
                opened = stack.enter_context(self.opened(run.run_id, (run.document_id,)))
                house = opened.playhouse
                with of_the_copy():
                    copy = None if house is None else stack.enter_context(house.stage(run))
                kept = KeptBackup(opened.receipt(run.document_id), copy)
            yield kept

    @contextmanager
    def opened(self, name: str, document_ids: Sequence[str]) -> Iterator[OpenedBackup]:
        """Inside the context a new backup lies sealed, and its restored database stands if it can.

        Args:
            name: what the file's name begins with.
            document_ids: the documents whose rows are hashed in the backup's snapshot.

        Raises:
            StopBackupFailed: it could not be taken, or not be restored.
        """
        with (
            connected(self.reader, application="cutter backup") as connection,
            snapshot(connection),
        ):
            major = connection.info.server_version // _VERSIONS_PER_MAJOR
            database = connection.info.dbname
            opened, sealed = self._sealed(connection, name, document_ids)
        restorer, common = self.restorer, opened.common
        unasked = common.level_min is common.level
        if restorer is None or unasked or restorer.binaries.major != major:
            # A dump goes into a newer server, but what runs there is not what runs here.
            yield opened
            return
        expected = common.snapshot_sha256
        with restorer.restored(sealed, database, expected_sha256=expected) as restored:
            level = common.level if restored.playhouse is None else BackupLevel.RESTORED_AND_EQUAL
            common = replace(
                common,
                restored_sha256=restored.content_sha256,
                restore_server_version=restored.server_version,
                level=level,
            )
            yield replace(opened, common=common, playhouse=restored.playhouse)

    def document_rows_sha256(self, document_id: str) -> str:
        with (
            connected(self.reader, application="cutter backup") as connection,
            snapshot(connection),
        ):
            return rows_sha256(select_on(connection), document_id)

    def _sealed(
        self, connection: Connection, name: str, document_ids: Sequence[str]
    ) -> tuple[OpenedBackup, SealedFile]:
        # The transaction that keeps the snapshot alive is idle for as long as the dump takes.
        connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{DUMP_TIMEOUT_S}s'")
        head = connection.execute(
            "SELECT pg_export_snapshot(), clock_timestamp(), pg_current_wal_lsn()::text"
        ).fetchone()
        tables = connection.execute(statement("tables"), {}).fetchall()
        if head is None:
            raise StopBackupFailed("the database exported no snapshot")
        select = select_on(connection)
        content = select(CONTENT_SHA256, {})[0]
        rows = {code: rows_sha256(select, code) for code in document_ids}
        ground = ground_sha256(select)
        try:
            sealed = self._dump(head[0], self._free_path(name))
        except StopBackupFailed:
            select("SELECT 1", {})  # a dump also fails where the database went away meanwhile
            raise
        dumped = BackupLevel.DUMPED_AND_ENCRYPTED
        usual = dumped if self.restorer is None else BackupLevel.RESTORED_AND_EQUAL
        common = BackupReceipt(
            sha256=sealed.sha256,
            byte_len=sealed.size_bytes,
            tables=tuple(name for (name,) in tables if name not in UNGOVERNED_TABLES),
            rows=int(str(content["rows"])),
            snapshot_sha256=str(content["sha256"]),
            document_rows_sha256="",
            recipients=self.recipients,
            encrypted=True,
            taken_utc=utc_text(head[1]),
            wal_lsn=head[2],
            level=dumped,
            level_min=usual if self.level_min is None else self.level_min,
        )
        return OpenedBackup(common, rows, ground, None), sealed

    def _free_path(self, name: str) -> Path:
        """Return a name that no file has: a backup is never replaced, a repeated one is another."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(1, BACKUPS_PER_RUN_MAX + 1):
            path = self.folder / f"{name}-{number}.dump.age"
            if not path.exists():
                return path
        raise StopBackupFailed(f"{name} has {BACKUPS_PER_RUN_MAX} backups already")

    def _dump(self, snapshot_name: str, path: Path) -> SealedFile:
        with _private_login(self.reader) as (conninfo, environment):
            command = [str(self.pg_dump), "--format=custom", "--compress=1", "--no-password"]
            command += [f"--snapshot={snapshot_name}", *(f"--schema={name}" for name in _SCHEMAS)]
            command += [f"--exclude-table-data={name}" for name in UNGOVERNED_TABLES]
            with (
                tempfile.TemporaryFile() as complaints,
                subprocess.Popen(  # noqa: S603 - our own program and arguments, no shell
                    [*command, f"--dbname={conninfo}"],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=complaints,
                    env=environment,
                ) as dump,
            ):
                assert dump.stdout is not None
                try:
                    return self.seal(
                        dump.stdout,
                        path,
                        self.recipients,
                        before_commit=lambda: _ended_well(dump, complaints),
                    )
                finally:
                    if dump.poll() is None:
                        dump.kill()


def rows_sha256(select: Select, document_id: str) -> str:
    """The digest of the document's rows, as this reader sees them."""
    return str(select(DOCUMENT_ROWS_SHA256, {"document_id": document_id})[0]["sha256"])


def ground_sha256(select: Select) -> str:
    """The digest of policy, switch, vocabulary and functions, as this reader sees them."""
    return str(select(GROUND_SHA256, {})[0]["sha256"])


def _ended_well(dump: subprocess.Popen[bytes], complaints: IO[bytes]) -> None:
    status = dump.wait(timeout=DUMP_TIMEOUT_S)
    if status == 0:
        return
    raise StopBackupFailed(f"pg_dump ended with status {status}: {complaint(complaints)}")


@contextmanager
def failing(run: RunHeader) -> Iterator[None]:
    """Inside the context, whatever does not work arrives as this run's failed backup.

    Only a database that is away, or has not the schema of this version, is no fault of the backup: the run waits.
    """
    try:
        yield
    except (StopBackupFailed, StopDatabaseAway) as stop:
        stop.run_id, stop.document_id = run.run_id, run.document_id
        raise
    except (Stop, OSError, subprocess.SubprocessError) as error:
        raise StopBackupFailed(
            f"the backup could not be taken or not be restored: {error}",
            run_id=run.run_id,
            document_id=run.document_id,
        ) from error


@contextmanager
def _private_login(login: Login) -> Iterator[tuple[str, dict[str, str]]]:
    """Give a connection string without a password, and an environment that names where it lies.

    Arguments of a process are public on most machines; a file of mode 0600 is not.
    """
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    given: dict[str, Any] = dict(conninfo_to_dict(login.conninfo))
    password = given.pop("password", None)
    if login.role:
        given["user"] = login.role
    if login.password_file is not None:
        password = read_password(login.password_file)
    environment = program_environment()
    if password is None:
        yield make_conninfo("", **given), environment
        return
    with tempfile.NamedTemporaryFile("w", prefix="cutter-", suffix=".pgpass") as file:
        escaped = str(password).replace("\\", "\\\\").replace(":", "\\:")
        file.write(f"*:*:*:*:{escaped}\n")
        file.flush()
        given.pop("passfile", None)
        yield make_conninfo("", **given), {**environment, "PGPASSFILE": file.name}
