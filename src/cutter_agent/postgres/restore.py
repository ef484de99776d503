"""Restoring a backup into a throwaway cluster: the only proof that it is one.

A dump carries no roles, default privileges, event triggers or access to the database itself: roles and
privileges are made before it is poured in, walls built after it. Functions come from the dump, so the
copy runs what the database runs.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Protocol

from cutter_agent.errors import StopBackupFailed, StopDatabaseAway
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.queries import CONTENT_SHA256
from cutter_agent.orchestrator.states import Role
from cutter_agent.postgres.binaries import PgBinaries
from cutter_agent.postgres.connect import Login, connected, select_on, snapshot
from cutter_agent.postgres.embedded import Server, throwaway_server
from cutter_agent.postgres.migrate import build_walls, prepare_roles
from cutter_agent.postgres.new_database import ensure_database
from cutter_agent.postgres.rehearse import RestoredStage, StandInSigners, stage_on
from cutter_agent.postgres.throwaway import MAINTENANCE_DATABASE, Throwaway, copied, marked

RESTORE_TIMEOUT_S: Final = 60 * 60
MEMORY: Final = Path("/dev/shm")  # noqa: S108 - only folders with random names are made there
MEMORY_FREE_BYTES_MIN: Final = 2 * 1024**3
MEMORY_TIMES_SEALED: Final = 64
"""A ciphertext is compressed; its rows, their indexes and the copies of them are this much at most."""
_COMPLAINT_CHARS: Final = 2_000
_PASSWORD_BYTES: Final = 24


class ByteSink(Protocol):
    """Something to write bytes to."""

    def write(self, data: bytes, /) -> int | None:
        """Take the bytes; how many, or None for all."""
        ...

    def flush(self) -> None:
        """Hand on what was taken."""
        ...


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

    def open_into(self, target: ByteSink) -> None:
        """Read the ciphertext back, open it, and hand on what was sealed.

        Raises:
            StopBackupFailed: it is not the file that was written, or does not open.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Playhouse:
    """A restored database that equals its original, in which writes are rehearsed.

    Attributes:
        original: the restored database itself.
        passwords: of the copy's roles; nobody else knows them.
        signers: the keys that sign in it.
    """

    original: Throwaway
    passwords: Mapping[Role, str] = field(repr=False)
    signers: StandInSigners

    @contextmanager
    def stage(self, run: RunHeader) -> Iterator[RestoredStage]:
        """Inside the context the run plays on the restored database: it is this run's alone."""
        with stage_on(
            self.original, self._logins(self.original), run, signers=self.signers
        ) as stage:
            yield stage

    @contextmanager
    def stage_of_its_own(self, run: RunHeader) -> Iterator[RestoredStage]:
        """Inside the context the run plays on a copy that holds the restored rows and no more.

        However many runs play at once, and whatever they write, each begins with the backup.
        """
        with (
            copied(self.original) as own,
            stage_on(own, self._logins(own), run, signers=self.signers) as stage,
        ):
            yield stage

    def _logins(self, copy: Throwaway) -> dict[Role, Login]:
        return {
            role: Login(
                copy.server.conninfo(dbname=copy.database, user=role.value, password=password)
            )
            for role, password in self.passwords.items()
        }


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of a ciphertext: the digest of its tables, and where to play if it is equal."""

    content_sha256: str
    server_version: str
    playhouse: Playhouse | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restorer:
    """Restores sealed backups into clusters that live as long as the copy is needed.

    Attributes:
        binaries: the programs of the throwaway server.
        signers: the keys that sign in the copy.
        parent: where the cluster's folder is made; None is memory where there is plenty of it, else
            the temporary folder.
    """

    binaries: PgBinaries
    signers: StandInSigners
    parent: Path | None = None

    @contextmanager
    def restored(
        self, sealed: SealedFile, database: str, *, expected_sha256: str
    ) -> Iterator[Restored]:
        """Inside the context a copy stands, restored from the very ciphertext; then it is gone.

        Args:
            sealed: the ciphertext.
            database: the copy's name, for the database's own access list names it.
            expected_sha256: the digest of the tables that were sealed; with another nobody plays.

        Raises:
            StopBackupFailed: the ciphertext does not open, or does not restore; or its cluster does not come up.
        """
        program = self.binaries.pg_restore
        if program is None:
            raise StopBackupFailed(f"there is no pg_restore in {self.binaries.bin_dir}")
        parent = self.parent or memory_folder(sealed.size_bytes)
        with ExitStack() as stack:
            with of_the_copy():
                server = stack.enter_context(
                    throwaway_server(bin_dir=self.binaries.bin_dir, parent=parent)
                )
                passwords = {role: secrets.token_urlsafe(_PASSWORD_BYTES) for role in Role}
                ensure_database(Login(server.conninfo(dbname=MAINTENANCE_DATABASE)), database)
                admin = Login(server.conninfo(dbname=database))
                prepare_roles(admin, {role.value: password for role, password in passwords.items()})
                pour(sealed, program, server, database)
                copy = marked(server, database)
                build_walls(admin)
                content = _content_sha256(admin)
            equal = content == expected_sha256
            playhouse = Playhouse(original=copy, passwords=passwords, signers=self.signers)
            version = ".".join(map(str, server.version))
            yield Restored(content, version, playhouse if equal else None)


@contextmanager
def of_the_copy() -> Iterator[None]:
    """Inside the context, a server that does not answer is the throwaway one: the backup does not count.

    The database itself may be away too, and is another matter: then the run waits for it.
    """
    try:
        yield
    except StopDatabaseAway as stop:
        raise StopBackupFailed(f"the restored copy could not be used: {stop.fact}") from stop


def pour(sealed: SealedFile, program: Path, server: Server, database: str) -> None:
    """The database holds what was sealed; the plain dump goes through a pipe alone.

    Raises:
        StopBackupFailed: the ciphertext does not open, or the program refuses what was in it.
    """
    command = [str(program), "--exit-on-error", "--no-password"]
    command += [f"--dbname={server.conninfo(dbname=database)}"]
    with (
        tempfile.TemporaryFile() as complaints,
        subprocess.Popen(  # noqa: S603 - our own program and arguments, no shell
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=complaints,
            env=program_environment(),
        ) as restore,
    ):
        assert restore.stdin is not None
        pipe = _Pipe(restore.stdin)
        try:
            sealed.open_into(pipe)
            restore.stdin.close()
            status = restore.wait(timeout=RESTORE_TIMEOUT_S)
        except StopBackupFailed:
            # What goes wrong first is told: a reader that left before the end, else the ciphertext.
            if not pipe.broken:
                raise
            status = restore.wait(timeout=RESTORE_TIMEOUT_S)
        finally:
            if restore.poll() is None:
                restore.kill()
        if status != 0 or pipe.broken:
            said = complaint(complaints)
            raise StopBackupFailed(f"pg_restore ended with status {status}: {said}")


def memory_folder(sealed_bytes: int, folder: Path = MEMORY) -> Path | None:
    """The folder in memory, if a cluster with what was sealed leaves plenty of it free; else None.

    A copy of a database is a few hundred files, and rows that no disk saw need not be wiped from one.
    """
    try:
        free_bytes = shutil.disk_usage(folder).free
    except OSError:
        return None
    needed = MEMORY_FREE_BYTES_MIN + MEMORY_TIMES_SEALED * sealed_bytes
    return folder if free_bytes > needed and os.access(folder, os.W_OK | os.X_OK) else None


class _Pipe:
    """A pipe to a program that may leave before the end."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe = pipe
        self.broken = False

    def write(self, data: bytes, /) -> int | None:
        try:
            return self._pipe.write(data)
        except BrokenPipeError:
            self.broken = True
            raise

    def flush(self) -> None:
        """Nothing waits: the pipe has no buffer of ours."""


def complaint(file: IO[bytes]) -> str:
    """The beginning of what a program said."""
    file.seek(0)
    return file.read(_COMPLAINT_CHARS).decode("utf-8", "replace").strip()


def program_environment() -> dict[str, str]:
    """The environment of a program of PostgreSQL: none of ours that it would heed."""
    kept = {key: os.environ[key] for key in ("PATH", "LANG", "HOME") if key in os.environ}
    return {**kept, "LC_ALL": "C"}


def _content_sha256(admin: Login) -> str:
    with connected(admin, application="cutter restore") as connection, snapshot(connection):
        return str(select_on(connection)(CONTENT_SHA256, {})[0]["sha256"])
