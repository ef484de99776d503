"""The folder of the server's socket: short, and closed to every account but the server's."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from cutter_agent.errors import StopRefusedInput, StopStorage
from cutter_agent.postgres.cluster import Account, ClusterFiles, is_private_folder

PORT: Final = 5432
"""Only a part of the socket's name: the server listens to no network."""
SOCKET_PATH_BYTES_MAX: Final = 107
"""sun_path of unix(7) without its closing NUL."""


def socket_folder(files: ClusterFiles, account: Account) -> Path:
    """A folder for the socket exists that only the server's account can enter.

    It lies in the cluster's folder where the path is short and plain enough, since a socket's
    address holds 107 bytes and libpq splits a host at its commas; otherwise in the runtime or the
    temporary folder, under a name that the cluster decides.

    Raises:
        StopRefusedInput: what lies there is a link, or somebody else's.
        StopStorage: no folder could be made.
    """
    inside = files.root / "socket"
    mark = sha256(os.fsencode(files.root)).hexdigest()[:16]
    folder = inside if _fits(inside) else _short_base(account) / f"cutter-{account.uid}-{mark}"
    try:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        # Root's own until here; nobody else can replace it where it lies.
        if not account.is_ours and is_private_folder(folder, os.geteuid()):
            os.chown(folder, account.uid, account.gid, follow_symlinks=False)
        safe = is_private_folder(folder, account.uid)
    except OSError as error:
        raise StopStorage(f"the socket's folder {folder} could not be made: {error}") from error
    if not safe:
        raise StopRefusedInput(
            f"the socket's folder {folder} is a link, or is open to other accounts",
            expected=f"a folder of the account {account.name} that nobody else can enter",
            remedy=f"look at who made {folder}, remove it, and try again",
        )
    return folder


def _fits(folder: Path) -> bool:
    name = os.fspath(folder)
    plain = name.isascii() and not set(name) & set(",'\"\\ ")
    return plain and len(os.fsencode(folder / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_BYTES_MAX


def _short_base(account: Account) -> Path:
    """A folder in which others cannot move what we make: our own, or one with the sticky bit."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and account.is_ours:
        with suppress(OSError):
            if is_private_folder(Path(runtime), account.uid) and _fits(Path(runtime) / ("x" * 40)):
                return Path(runtime)
    temporary = Path(os.path.realpath(tempfile.gettempdir()))
    base = temporary if _fits(temporary / ("x" * 40)) else Path("/tmp")  # noqa: S108 - checked next
    with suppress(OSError):
        found = base.stat()
        sticky = bool(found.st_mode & 0o1000)
        if found.st_uid in {0, account.uid} and (sticky or not found.st_mode & 0o022):
            return base
    raise StopRefusedInput(
        f"the temporary folder {base} would let other accounts replace the database's socket",
        expected="a temporary folder with the sticky bit",
        remedy="set XDG_RUNTIME_DIR to a folder of your own",
    )


def remove_socket_folder(folder: Path) -> None:
    """The folder is gone, unless something that is not a socket of ours lies in it."""
    remove_stale_socket(folder)
    with suppress(OSError):
        folder.rmdir()


def remove_stale_socket(folder: Path) -> None:
    """No socket of a dead server lies in the folder.

    The server would remove them itself, unless the number in the lock file is a process again: a
    stranger, or the dead server itself where nobody collects dead processes.
    """
    for name in (f".s.PGSQL.{PORT}", f".s.PGSQL.{PORT}.lock"):
        with suppress(OSError):
            (folder / name).unlink()
