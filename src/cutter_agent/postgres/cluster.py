"""The files of one embedded cluster: where they lie, whom they belong to, who may hold which lock.

root/                     ours, closed to everybody else
  lease                   shared lock: somebody needs the database
  start.lock              exclusive lock: somebody is having the server started
  supervisor.lock         exclusive lock: a supervisor lives; freed by its death, however it dies
  server.state            what the supervisor last said, believed only while its lock is held
  superuser.pgpass        the superuser's password, in libpq's own format
  supervisor.log          what the supervisor had to say, of its last life
  server.log              what the server had to say, of its last life
  data/                   the database, owned by the account that runs the server
  socket/                 its socket, where the path is short enough
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import stat
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Final

from cutter_agent.errors import StopRefusedInput, StopStorage

ROOT_OF_ROOT: Final = Path("/var/lib/cutter")
"""Where root's clusters lie: below /root no other account could walk to them."""
UNPRIVILEGED_ACCOUNTS: Final = ("postgres", "nobody")
"""Existing accounts that may run the server for root; none is ever created."""
SUPERUSER: Final = "postgres"
_ROOT_BYTES_MAX: Final = 900
"""PostgreSQL holds paths in 1,024 bytes and appends names of its own."""
_STATE_BYTES_MAX: Final = 65_536


@dataclass(frozen=True, slots=True)
class Account:
    """The operating system's account that owns the data and runs the server."""

    name: str
    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        """True where the server runs as the caller himself."""
        return self.uid == os.geteuid()


def server_account() -> Account:
    """The account that runs the server is known: ourselves, or for root an unprivileged one.

    Raises:
        StopRefusedInput: this account has no name, or root finds no unprivileged account.
    """
    uid = os.geteuid()
    if uid != 0:
        try:
            entry = pwd.getpwuid(uid)
        except KeyError:
            raise StopRefusedInput(
                f"the account with the number {uid} has no name on this machine",
                expected="an account that is listed in the user database, which PostgreSQL asks",
                remedy="run as a named account, or set CUTTER_DATABASE_URL",
            ) from None
        return Account(entry.pw_name, uid, entry.pw_gid)
    for name in UNPRIVILEGED_ACCOUNTS:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            if entry.pw_uid != 0:
                return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise StopRefusedInput(
        "root may not run a PostgreSQL server, and no unprivileged account exists",
        expected=f"one of the accounts {', '.join(UNPRIVILEGED_ACCOUNTS)}",
        remedy="run as a normal user, or set CUTTER_DATABASE_URL",
    )


def cluster_root(home: Path) -> Path:
    """The folder of a deployment's cluster is known; nothing is created.

    A normal user's lies in the deployment's home; root's lies where an unprivileged account can
    walk to it, under the digest of the home (Contract 9).
    """
    real = os.path.realpath(home)
    if os.geteuid() != 0:
        return Path(real) / "pg"
    return ROOT_OF_ROOT / sha256(os.fsencode(real)).hexdigest()[:32]


class Phase(StrEnum):
    """What the supervisor is doing."""

    CREATING = "creating"
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ServerState:
    """What the supervisor last said of its server.

    Attributes:
        phase: what it is doing.
        sentence: the same for people; of a failure, the fact.
        stop_code: of a failure, the code of its stop.
        expected: of a failure, what would have let the work go on.
        remedy: of a failure, what to do next.
        findings: of a failure, the last lines of the log.
        postmaster_pid: the server's process, 0 before there is one.
        bin_dir: the folder of the programs that were asked for.
        version: their major and minor.
        socket_dir: the folder of the socket.
    """

    phase: Phase
    sentence: str
    stop_code: str = ""
    expected: str = ""
    remedy: str = ""
    findings: tuple[str, ...] = ()
    postmaster_pid: int = 0
    bin_dir: str = ""
    version: tuple[int, int] = (0, 0)
    socket_dir: str = ""


@dataclass(frozen=True, slots=True)
class ClusterFiles:
    """The paths of one cluster; a name here is a file's only name."""

    root: Path

    @property
    def lease(self) -> Path:
        """Held shared by every client that needs the database."""
        return self.root / "lease"

    @property
    def start_lock(self) -> Path:
        """Held by the one client that has the server started."""
        return self.root / "start.lock"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the supervisor as long as it lives."""
        return self.root / "supervisor.lock"

    @property
    def state(self) -> Path:
        """Holds the last ServerState as JSON."""
        return self.root / "server.state"

    @property
    def password_file(self) -> Path:
        """Holds the superuser's password as libpq reads it."""
        return self.root / "superuser.pgpass"

    @property
    def supervisor_log(self) -> Path:
        """Holds what the supervisor could say to nobody else."""
        return self.root / "supervisor.log"

    @property
    def server_log(self) -> Path:
        """Holds the server's messages since its last start."""
        return self.root / "server.log"

    @property
    def data(self) -> Path:
        """The data folder; exists only complete."""
        return self.root / "data"

    @property
    def data_major(self) -> int | None:
        """The version that made the data folder, or None before there is one."""
        try:
            return int((self.data / "PG_VERSION").read_text("ascii"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise StopStorage(f"the data folder {self.data} cannot be read: {error}") from error

    @property
    def supervisor_lives(self) -> bool:
        """True while a supervisor holds its lock."""
        held = open_lock(self.supervisor_lock)
        try:
            return not try_lock(held, fcntl.LOCK_SH)
        finally:
            os.close(held)

    def read_state(self) -> ServerState | None:
        """What the supervisor last said, or None; the reader asks whether it still lives."""
        try:
            read = json.loads(self.state.read_bytes()[:_STATE_BYTES_MAX])
            return ServerState(
                phase=Phase(read["phase"]),
                sentence=read["sentence"],
                stop_code=read["stop_code"],
                expected=read["expected"],
                remedy=read["remedy"],
                findings=tuple(read["findings"]),
                postmaster_pid=read["postmaster_pid"],
                bin_dir=read["bin_dir"],
                version=(read["version"][0], read["version"][1]),
                socket_dir=read["socket_dir"],
            )
        except (FileNotFoundError, ValueError, KeyError, TypeError, IndexError):
            return None

    def write_state(self, state: ServerState) -> None:
        """The state replaces the last one at once; a reader sees one of both."""
        fresh = self.state.with_suffix(".new")
        write_private(fresh, json.dumps(asdict(state)).encode())
        fresh.replace(self.state)


def prepared_files(root: Path, account: Account) -> ClusterFiles:
    """The cluster's folder exists, belongs to us and is closed; folders above it stay as they were.

    Raises:
        StopRefusedInput: the path cannot hold a cluster, or belongs to somebody else.
        StopStorage: the folder could not be made.
    """
    real = Path(os.path.realpath(root))
    text = os.fspath(real)
    if not text.isprintable() or len(os.fsencode(real)) > _ROOT_BYTES_MAX:
        raise StopRefusedInput(
            f"the path {text!a} cannot hold a database",
            expected=f"printable UTF-8 of at most {_ROOT_BYTES_MAX} bytes",
            remedy="set CUTTER_HOME to another folder",
        )
    try:
        _make_parents(real, 0o700 if account.is_ours else 0o711)
        with suppress(FileExistsError):
            real.mkdir(mode=0o700)
        folder = os.open(real, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            owner = os.fstat(folder).st_uid
            if owner != os.geteuid():
                raise StopRefusedInput(
                    f"the folder {real} belongs to the account number {owner}",
                    expected=f"a folder of the account number {os.geteuid()}",
                    remedy="set CUTTER_HOME to a folder of your own",
                )
            # The server's account may walk through root's folder and not list or change it.
            if not account.is_ours:
                os.fchown(folder, -1, account.gid)
            os.fchmod(folder, 0o700 if account.is_ours else 0o710)
        finally:
            os.close(folder)
    except OSError as error:
        raise StopStorage(f"the folder {real} could not be made ready: {error}") from error
    return ClusterFiles(real)


def _make_parents(path: Path, mode: int) -> None:
    """Missing folders above `path` are made with this mode; existing ones are not touched."""
    missing = [parent for parent in path.parents if not parent.exists()]
    for parent in reversed(missing):
        with suppress(FileExistsError):
            parent.mkdir(mode=0o700)
            parent.chmod(mode)


def write_private(path: Path, body: bytes, *, owner: Account | None = None) -> None:
    """A new file holds `body`, and was never readable by anybody but its owner."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        if owner is not None and not owner.is_ours:
            os.fchown(handle, owner.uid, owner.gid)
        file.write(body)


def flush_to_disk(path: Path) -> None:
    """What the file or folder holds would survive a loss of power."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_lock(path: Path) -> int:
    """The lock file is open, made if it was missing; closing the handle frees what it locked."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def try_lock(handle: int, mode: int) -> bool:
    """True when the lock is now held in this mode; never waits."""
    try:
        fcntl.flock(handle, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_private_folder(path: Path, uid: int) -> bool:
    """True for a real folder of this account that nobody else can enter; a link is none."""
    found = path.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == uid and not found.st_mode & 0o077
