"""Files that hold secrets: read only when nobody else can, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from cutter_agent.errors import StopRefusedInput, StopStorage

PRIVATE_MODE: Final = 0o600
SECRET_BYTES_MAX: Final = 64 * 1024


def read_private_file(path: Path, *, through_links: bool = False) -> bytes:
    """The bytes of a regular file that belongs to this account and that nobody else may open.

    Args:
        path: the file.
        through_links: whether the last step may be a symbolic link. A person's key may lie behind
            one; a machine's may not.

    Raises:
        StopRefusedInput: missing, a link, not a file, a foreign owner, readable by others, or too
            long. The remedy is the command that mends it, where there is one.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        handle = os.open(path, flags if through_links else flags | os.O_NOFOLLOW)
    except OSError as error:
        reason = (
            "is a symbolic link" if path.is_symlink() else f"cannot be opened: {error.strerror}"
        )
        raise StopRefusedInput(f"the key file {path} {reason}", remedy=f"ls -l {path}") from error
    try:
        _check_private(path, os.fstat(handle))
        with os.fdopen(handle, "rb", closefd=False) as file:
            data = file.read(SECRET_BYTES_MAX + 1)
    finally:
        os.close(handle)
    if len(data) > SECRET_BYTES_MAX:
        raise StopRefusedInput(f"the key file {path} is longer than {SECRET_BYTES_MAX} bytes")
    return data


@contextlib.contextmanager
def new_private_file(path: Path) -> Iterator[BinaryIO]:
    """The file appears whole under its name, mode 0600 and durable, when the block ends well.

    When the block raises, nothing of it remains. A file of that name is never replaced.

    Raises:
        FileExistsError: somebody else made the file meanwhile.
        StopStorage: the file system refused.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    except OSError as error:
        raise StopStorage(f"no file can be made in {path.parent}: {error.strerror}") from error
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            _finish(file, part, path)
    finally:
        part.unlink(missing_ok=True)


def _check_private(path: Path, facts: os.stat_result) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise StopRefusedInput(f"the key file {path} is not a regular file", remedy=f"ls -l {path}")
    if facts.st_uid != os.geteuid():
        raise StopRefusedInput(
            f"the key file {path} belongs to account {facts.st_uid}",
            expected=f"account {os.geteuid()}, which runs this program",
            remedy=f"ls -l {path}",
        )
    mode = stat.S_IMODE(facts.st_mode)
    if mode & ~PRIVATE_MODE:
        raise StopRefusedInput(
            f"the key file {path} has mode {mode:04o}",
            expected="0600: its owner alone may open it",
            remedy=f"chmod 600 {path}",
        )


def _finish(file: BinaryIO, part: Path, path: Path) -> None:
    """Give the written file its name and make both the bytes and the name durable."""
    try:
        file.flush()
        os.fsync(file.fileno())
        os.link(part, path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError:
        raise
    except OSError as error:
        raise StopStorage(f"{path} could not be written durably: {error.strerror}") from error
