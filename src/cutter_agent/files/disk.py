"""What files are made of: the few calls of the operating system that durable files stand on.

A port of the files alone, so that a disk can be full, broken or without power when it is wanted.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Protocol

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_LOCK: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class OpenFile(Protocol):
    """A file that is open; every failure is an OSError."""

    def write(self, data: bytes) -> None:
        """All of the bytes are written, not yet durable."""

    def fsync(self) -> None:
        """What was written is durable."""

    def close(self) -> None:
        """The file is closed."""


class OpenLock(Protocol):
    """The file of a lock, open."""

    def try_lock(self) -> bool:
        """Say whether the lock is held by this opening now."""

    def close(self) -> None:
        """The lock is free."""


class OpenFolder(Protocol):
    """A folder that is held open; all names are file names inside it, and no link is followed."""

    def read(self, name: str, size_bytes_max: int) -> bytes:
        """Return a regular file's bytes, cut off one byte after the limit."""

    def names(self) -> list[str]:
        """Return the names in the folder."""

    def new_file(self, name: str) -> OpenFile:
        """Return a new file; what lay under its name is removed."""

    def open_file(self, name: str) -> OpenFile:
        """Return a file that is there."""

    def open_lock(self, name: str) -> OpenLock:
        """Return the lock of this name, its file made if need be."""

    def rename(self, name: str, new_name: str) -> None:
        """The file has the new name; what had it before is gone."""

    def unlink(self, name: str) -> None:
        """The name is gone."""

    def fsync(self) -> None:
        """The names are durable."""


class Disk(Protocol):
    """Where folders are."""

    def make_folder(self, path: Path) -> None:
        """The folder exists, made with its missing parents for this account alone, durably."""

    def open_folder(self, path: Path) -> AbstractContextManager[OpenFolder]:
        """The folder is held open inside the context; a link in its place is refused."""


def read_regular(handle: int, size_bytes_max: int) -> bytes:
    """The bytes behind the handle, cut off one byte after the limit; the handle is closed.

    Raises:
        OSError: it is no regular file (EINVAL), or cannot be read.
    """
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return file.read(size_bytes_max + 1)


class SystemFile:
    """An open file of the operating system."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._handle, rest) :]

    def fsync(self) -> None:
        os.fsync(self._handle)

    def try_lock(self) -> bool:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        os.close(self._handle)


class SystemFolder:
    """An open folder of the operating system."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def read(self, name: str, size_bytes_max: int) -> bytes:
        return read_regular(os.open(name, _READ, dir_fd=self._handle), size_bytes_max)

    def names(self) -> list[str]:
        with os.scandir(self._handle) as entries:
            return [entry.name for entry in entries]

    def new_file(self, name: str) -> SystemFile:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self._handle)
        return SystemFile(os.open(name, _NEW, FILE_MODE, dir_fd=self._handle))

    def open_file(self, name: str) -> SystemFile:
        return SystemFile(os.open(name, _READ, dir_fd=self._handle))

    def open_lock(self, name: str) -> SystemFile:
        return SystemFile(os.open(name, _LOCK, FILE_MODE, dir_fd=self._handle))

    def rename(self, name: str, new_name: str) -> None:
        os.rename(name, new_name, src_dir_fd=self._handle, dst_dir_fd=self._handle)

    def unlink(self, name: str) -> None:
        os.unlink(name, dir_fd=self._handle)

    def fsync(self) -> None:
        os.fsync(self._handle)


class SystemDisk:
    """The operating system's files."""

    def make_folder(self, path: Path) -> None:
        missing: list[Path] = []
        here = path
        while not here.exists() and not here.is_symlink():
            missing.append(here)
            here = here.parent
        for folder in reversed(missing):
            with contextlib.suppress(FileExistsError):
                folder.mkdir(mode=FOLDER_MODE)
            parent = os.open(folder.parent, _FOLDER)
            try:
                os.fsync(parent)
            finally:
                os.close(parent)

    @contextlib.contextmanager
    def open_folder(self, path: Path) -> Iterator[SystemFolder]:
        handle = os.open(path, _FOLDER | os.O_NOFOLLOW)
        try:
            yield SystemFolder(handle)
        finally:
            os.close(handle)


SYSTEM_DISK: Final = SystemDisk()
"""The one that everybody uses."""
