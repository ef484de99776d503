"""Backups: the governed tables as one snapshot saw them, dumped and encrypted in one stream.

The rows are hashed inside the very snapshot that the dump reads, so the digests say what the dump
holds. The plain dump never touches a disk. It is no point-in-time recovery: the receipt records the
WAL position, and a restore discards what others wrote after it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, Protocol

from cutter_agent.errors import Stop, StopBackupFailed
from cutter_agent.orchestrator.clock import utc_text
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.orders import BackupReceipt
from cutter_agent.orchestrator.queries import (
    CONTENT_SHA256,
    DOCUMENT_ROWS_SHA256,
    UNGOVERNED_TABLES,
)
from cutter_agent.orchestrator.world import Moment
from cutter_agent.postgres.connect import (
    Connection,
    Login,
    connected,
    read_password,
    select_on,
    snapshot,
)
from cutter_agent.postgres.statements import statement

LEVEL: Final = "DUMPED_AND_ENCRYPTED"
DUMP_TIMEOUT_S: Final = 60 * 60
BACKUPS_PER_RUN_MAX: Final = 1_000
_SCHEMAS: Final = ("iu", "cutter_governance", "cutter_migration")
_COMPLAINT_CHARS: Final = 2_000


class SealedFile(Protocol):
    """What is known of a ciphertext that lies on disk."""

    @property
    def sha256(self) -> str:
        """Digest of the ciphertext."""
        ...

    @property
    def size_bytes(self) -> int:
        """Length of the ciphertext."""
        ...


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


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveVault:
    """Takes backups of one database into one folder.

    Attributes:
        reader: the login that reads; SELECT and USAGE are enough for a dump.
        pg_dump: the program, of the server's major version or newer.
        folder: where the ciphertexts lie.
        recipients: age recipients, each of whom can open every backup.
        seal: the encryption.
    """

    reader: Login
    pg_dump: Path
    folder: Path
    recipients: tuple[str, ...]
    seal: Seal

    def take(self, run: RunHeader, moment: Moment) -> BackupReceipt:
        del moment  # the database dates its own snapshot
        try:
            with (
                connected(self.reader, application="cutter backup") as connection,
                snapshot(connection),
            ):
                return self._take(connection, run)
        except StopBackupFailed as stop:
            stop.run_id, stop.document_id = run.run_id, run.document_id
            raise
        except (Stop, OSError, subprocess.SubprocessError) as error:
            raise StopBackupFailed(
                f"the backup could not be taken: {error}",
                run_id=run.run_id,
                document_id=run.document_id,
            ) from error

    def document_rows_sha256(self, document_id: str) -> str:
        with (
            connected(self.reader, application="cutter backup") as connection,
            snapshot(connection),
        ):
            rows = select_on(connection)(DOCUMENT_ROWS_SHA256, {"document_id": document_id})
        return str(rows[0]["sha256"])

    def _take(self, connection: Connection, run: RunHeader) -> BackupReceipt:
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
        document = select(DOCUMENT_ROWS_SHA256, {"document_id": run.document_id})[0]
        sealed = self._dump(head[0], self._free_path(run.run_id))
        return BackupReceipt(
            sha256=sealed.sha256,
            byte_len=sealed.size_bytes,
            tables=tuple(name for (name,) in tables if name not in UNGOVERNED_TABLES),
            rows=int(str(content["rows"])),
            snapshot_sha256=str(content["sha256"]),
            document_rows_sha256=str(document["sha256"]),
            recipients=self.recipients,
            encrypted=True,
            taken_utc=utc_text(head[1]),
            wal_lsn=head[2],
            level=LEVEL,
        )

    def _free_path(self, run_id: str) -> Path:
        """Return a name that no file has: a backup is never replaced, a repeated one is another."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(1, BACKUPS_PER_RUN_MAX + 1):
            path = self.folder / f"{run_id}-{number}.dump.age"
            if not path.exists():
                return path
        raise StopBackupFailed(f"{run_id} has {BACKUPS_PER_RUN_MAX} backups already")

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


def _ended_well(dump: subprocess.Popen[bytes], complaints: IO[bytes]) -> None:
    status = dump.wait(timeout=DUMP_TIMEOUT_S)
    if status == 0:
        return
    complaints.seek(0)
    said = complaints.read(_COMPLAINT_CHARS).decode("utf-8", "replace").strip()
    raise StopBackupFailed(f"pg_dump ended with status {status}: {said}")


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
    kept = {key: os.environ[key] for key in ("PATH", "LANG", "HOME") if key in os.environ}
    environment = {**kept, "LC_ALL": "C"}
    if password is None:
        yield make_conninfo("", **given), environment
        return
    with tempfile.NamedTemporaryFile("w", prefix="cutter-", suffix=".pgpass") as file:
        escaped = str(password).replace("\\", "\\\\").replace(":", "\\:")
        file.write(f"*:*:*:*:{escaped}\n")
        file.flush()
        given.pop("passfile", None)
        yield make_conninfo("", **given), {**environment, "PGPASSFILE": file.name}
