"""A PostgreSQL server of our own, there while somebody holds a lease on it.

A client calls `lease_server` and keeps the lease while it needs the database. The server belongs to
a supervisor process that ends it soon after the last lease is gone: released, or freed by the kernel
because its holder died. So nothing outlives its use, and several clients share one server.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Final, Self

from cutter_agent.errors import StopDatabaseAway, StopStorage
from cutter_agent.postgres.binaries import PgBinaries, find_binaries, read_binaries
from cutter_agent.postgres.cluster import (
    SUPERUSER,
    Account,
    ClusterFiles,
    Phase,
    open_lock,
    prepared_files,
    server_account,
)
from cutter_agent.postgres.coming_up import await_lock, await_ready_state, swept
from cutter_agent.postgres.data_folder import refuse_other_major
from cutter_agent.postgres.postmaster import POLL_S, START_TIMEOUT_S, checked_settings
from cutter_agent.postgres.socket_folder import PORT
from cutter_agent.postgres.supervisor import Order

NO_SETTINGS: Final[Mapping[str, str]] = MappingProxyType({})
IDLE_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and how to reach it.

    Attributes:
        bin_dir: the programs that run it, or of which it runs a copy.
        data_dir: its data folder.
        socket_dir: the folder of its socket; it listens to nothing else.
        port: the number in its socket's name.
        superuser: its superuser's name.
        password_file: holds the superuser's password as libpq's passfile, readable by us alone.
        version: major and minor.
        account: the operating system's account that runs it.
    """

    bin_dir: Path
    data_dir: Path
    socket_dir: Path
    port: int
    superuser: str
    password_file: Path
    version: tuple[int, int]
    account: str

    @property
    def binaries(self) -> PgBinaries:
        """The programs beside the server, pg_dump and pg_restore among them if they are there."""
        return read_binaries(self.bin_dir)

    def connect_kwargs(
        self, *, dbname: str, user: str | None = None, password: str | None = None
    ) -> dict[str, str]:
        """The keywords of libpq for a login; the superuser's name only the file of the password.

        The server is trusted only if the kernel says that its account runs it (requirepeer).

        Args:
            dbname: the database.
            user: the role; None is the superuser.
            password: of another role than the superuser; keep the answer out of every argv.
        """
        kwargs = {
            "host": str(self.socket_dir),
            "port": str(self.port),
            "user": self.superuser if user is None else user,
            "dbname": dbname,
            "requirepeer": self.account,
        }
        if password is not None:
            return kwargs | {"password": password}
        if user in {None, self.superuser}:
            return kwargs | {"passfile": str(self.password_file)}
        # Else libpq would look for a password in the environment and in the home folder.
        return kwargs | {"passfile": os.devnull}

    def conninfo(self, *, dbname: str, user: str | None = None, password: str | None = None) -> str:
        """The same as one string; without `password` it holds no secret and may be shown."""
        from psycopg.conninfo import make_conninfo

        return make_conninfo("", **self.connect_kwargs(dbname=dbname, user=user, password=password))


class Lease:
    """The server stays as long as this is held; the holder's death releases it as well."""

    def __init__(self, server: Server, files: ClusterFiles, handle: int) -> None:
        self.server = server
        self._files = files
        self._handle: int | None = handle

    @property
    def supervisor_lives(self) -> bool:
        """True while the server's supervisor lives, which is all that keeps the server."""
        return self._files.supervisor_lives

    @property
    def server_pid(self) -> int | None:
        """The server's process now, or None while there is none that takes connections."""
        state = self._files.read_state()
        return state.postmaster_pid if state is not None and state.phase is Phase.READY else None

    def release(self) -> None:
        """The database is no longer needed here; a second call changes nothing."""
        handle, self._handle = self._handle, None
        if handle is None:
            return
        os.close(handle)
        with suppress(FileNotFoundError):
            swept(self._files)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


def lease_server(
    root: Path,
    *,
    bin_dir: Path | None = None,
    settings: Mapping[str, str] = NO_SETTINGS,
    idle_s: float = IDLE_S,
    on_progress: Callable[[str], None] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Lease:
    """A server runs in the cluster at `root`, made if need be, and stays while the lease is held.

    Args:
        root: the cluster's folder (`cluster_root`); for root its parents must be open to walk through.
        bin_dir: the server's programs; None looks for them, in the version of an existing cluster.
        settings: of the server, more or other than ours. A running server keeps those, and the
            `idle_s`, of the client that had it started.
        idle_s: how long the server outlives its last lease.
        on_progress: called with a sentence when something slow begins.
        environ: where CUTTER_PG_BIN is looked up; None is this process's.

    Raises:
        StopDatabaseAway: the server does not come up; the findings are the end of its log.
        StopRefusedInput: a path, a setting or a folder that cannot be used.
        StopStorage: a file could not be written.
    """
    order_settings = checked_settings(settings)
    account = server_account()
    files = prepared_files(root, account)

    def order() -> Order:
        binaries = _chosen_binaries(files, bin_dir, os.environ if environ is None else environ)
        return Order(files, binaries.bin_dir, idle_s, order_settings)

    return _leased(files, account, order, on_progress or _say_nothing)


@contextmanager
def throwaway_server(
    *,
    bin_dir: Path | None = None,
    settings: Mapping[str, str] = NO_SETTINGS,
    parent: Path | None = None,
    on_progress: Callable[[str], None] | None = None,
) -> Iterator[Server]:
    """A new server runs for the length of the block; afterwards it and its data are gone.

    They are gone too when the holder is killed. Nothing is forced to the disk, since nothing is to
    be kept.

    Args:
        bin_dir: the server's programs; None looks for them.
        settings: of the server, more than fsync=off.
        parent: where the cluster's folder is made; None is the temporary folder.
        on_progress: called with a sentence when something slow begins.
    """
    order_settings = checked_settings({"fsync": "off", "full_page_writes": "off", **settings})
    account = server_account()
    root = Path(tempfile.mkdtemp(prefix="cutter-pg-", dir=parent))
    files = prepared_files(root, account)

    def order() -> Order:
        binaries = _chosen_binaries(files, bin_dir, os.environ)
        return Order(files, binaries.bin_dir, 0.0, order_settings, throwaway=True)

    try:
        lease = _leased(files, account, order, on_progress or _say_nothing)
        try:
            yield lease.server
        finally:
            lease.release()
            await_stopped(files.root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def await_stopped(root: Path, *, timeout_s: float = 60.0) -> None:
    """No supervisor serves the cluster at `root` any more.

    Raises:
        StopDatabaseAway: one still does after `timeout_s`; somebody may hold a lease.
    """
    files = ClusterFiles(Path(os.path.realpath(root)))
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        try:
            if not files.supervisor_lives:
                return
        except FileNotFoundError:
            return
        time.sleep(POLL_S)
    raise StopDatabaseAway(
        f"the server in {files.root} still runs after {timeout_s:.0f} s",
        expected="no lease on it",
        remedy="cutter doctor",
    )


def _leased(
    files: ClusterFiles,
    account: Account,
    order: Callable[[], Order],
    on_progress: Callable[[str], None],
) -> Lease:
    until = time.monotonic() + START_TIMEOUT_S
    try:
        start = open_lock(files.start_lock)
    except OSError as error:
        raise StopStorage(f"the cluster's folder cannot be used: {error}") from error
    try:
        lease = open_lock(files.lease)
        try:
            await_lock(start, fcntl.LOCK_EX, until)
            # A supervisor that is ending the server holds this until it has ended.
            await_lock(lease, fcntl.LOCK_SH, until)
            state = await_ready_state(files, order, on_progress, until)
        except BaseException:
            os.close(lease)
            swept(files)
            raise
    finally:
        os.close(start)
    server = Server(
        bin_dir=Path(state.bin_dir),
        data_dir=files.data,
        socket_dir=Path(state.socket_dir),
        port=PORT,
        superuser=SUPERUSER,
        password_file=files.password_file,
        version=state.version,
        account=account.name,
    )
    return Lease(server, files, lease)


def _chosen_binaries(
    files: ClusterFiles, bin_dir: Path | None, environ: Mapping[str, str]
) -> PgBinaries:
    major = files.data_major
    if bin_dir is None:
        return find_binaries(environ, major=major)
    binaries = read_binaries(bin_dir)
    if major is not None:
        refuse_other_major(files, binaries, major)
    return binaries


def _say_nothing(_sentence: str) -> None:
    """The caller did not want to hear."""
