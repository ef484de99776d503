"""Files that are whole or not there: private folders, durable replacement, locks that die with their process.

Every file is opened by its name inside a folder that is held open, and no link is followed there.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from cutter_agent.errors import Stop, StopLockBusy, StopRefusedInput, StopStorage
from cutter_agent.orchestrator.effects import Hook, no_effect

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
LOCKS: Final = ".locks"
WRITE_WAIT_S: Final = 10.0
_POLL_S: Final = 0.01
_NAME: Final = re.compile(r"\.?[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
_LOCK_NAME: Final = re.compile(r"[A-Za-z0-9.][A-Za-z0-9._-]{0,140}")
_READ: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


def check_name(name: str) -> str:
    """The name is one plain file name: no separator, no `..`, no control character, not too long.

    Raises:
        StopRefusedInput: it is anything else.
    """
    if not _NAME.fullmatch(name):
        raise StopRefusedInput(
            f"{name[:80]!a} is not a file name", expected="letters, digits and . _ - only"
        )
    return name


def reason_of(error: OSError) -> str:
    """The system's word for the failure, never a path."""
    return error.strerror or type(error).__name__


class Folder:
    """One private folder. All names are file names inside it."""

    def __init__(
        self, path: Path, *, on_effect: Hook = no_effect, within: Folder | None = None
    ) -> None:
        """Name the folder; it is made, mode 0700, when something is first written into it."""
        self.path = path
        self._on_effect = on_effect
        self._within = within

    def inner(self, name: str) -> Folder:
        """The folder of this name inside this one; it need not exist yet, and its locks lie here."""
        return Folder(self.path / check_name(name), on_effect=self._on_effect, within=self)

    def read(self, name: str, *, size_bytes_max: int) -> bytes | None:
        """The bytes of a regular file, cut off one byte after the limit; None if it is not there.

        Raises:
            StopStorage: it cannot be read, or is a link or anything but a regular file.
        """
        check_name(name)
        with self._said(name):
            try:
                with self._held(make=False) as folder:
                    handle = os.open(name, _READ, dir_fd=folder)
            except FileNotFoundError:
                return None
            return read_regular(handle, size_bytes_max)

    def replace(self, name: str, data: bytes) -> None:
        """The file holds exactly these bytes, durably: after a crash it is the old one or the new one.

        The caller is `writing` the name. A failed fsync is never repeated: the new bytes are
        dropped, because the kernel may have dropped them already.

        Raises:
            StopStorage: it could not be made durable.
        """
        part = f".{check_name(name)}.part"
        with self._said(name), self._held(make=True) as folder:
            try:
                self._write_part(folder, part, data)
                self._effect("rename", name, lambda: _rename(folder, part, name))
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(part, dir_fd=folder)
                raise
            self._effect("fsync folder", name, lambda: os.fsync(folder))

    def settle(self, name: str) -> None:
        """The file, whole already, is durable under its name.

        Raises:
            StopStorage: it is not there, or the system cannot say so.
        """
        with self._said(name), self._held(make=False) as folder:
            handle = os.open(check_name(name), _READ, dir_fd=folder)
            try:
                self._effect("fsync", name, lambda: os.fsync(handle))
            finally:
                os.close(handle)
            self._effect("fsync folder", name, lambda: os.fsync(folder))

    def hint(self, name: str, data: bytes) -> None:
        """The file holds these bytes for whoever reads it now; a power failure may lose or empty it.

        The caller is `writing` what the hint is about.

        Raises:
            StopStorage: it could not be written.
        """
        part = f".{check_name(name)}.part"
        with self._said(name), self._held(make=True) as folder:
            try:
                handle = _new_part(folder, part)
                try:
                    _write_all(handle, data)
                finally:
                    os.close(handle)
                _rename(folder, part, name)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(part, dir_fd=folder)
                raise

    def names(self) -> list[str]:
        """The names in the folder, sorted; none if it does not exist.

        Raises:
            StopStorage: it cannot be listed.
        """
        with self._said("."):
            try:
                with self._held(make=False) as folder:
                    return sorted(entry.name for entry in _entries(folder))
            except FileNotFoundError:
                return []

    @contextlib.contextmanager
    def lock(self, name: str, *, wait_s: float = 0.0) -> Iterator[None]:
        """The named lock is held by this process alone while the block lasts; its death frees it.

        Raises:
            StopLockBusy: somebody else holds it, still after `wait_s`.
            StopStorage: the lock's file cannot be made.
        """
        if not _LOCK_NAME.fullmatch(name):
            raise StopRefusedInput(f"{name[:80]!a} cannot name a lock")
        handle = self._open_lock(name)
        try:
            _flock(handle, name, wait_s)
            yield
        finally:
            os.close(handle)

    def writing(
        self, name: str, *, wait_s: float = WRITE_WAIT_S
    ) -> contextlib.AbstractContextManager[None]:
        """The file of this name is written by this process alone while the block lasts.

        Raises:
            StopLockBusy: somebody else still writes it after `wait_s`.
        """
        if self._within is None:
            return self.lock(f"{check_name(name)}.write", wait_s=wait_s)
        return self._within.lock(f"{self.path.name}.write", wait_s=wait_s)

    def clean(
        self, writing: Callable[[str], contextlib.AbstractContextManager[None]] | None = None
    ) -> None:
        """Parts that a dead writer left are gone; a part whose writer lives stays.

        A writer holds the lock of its file, so a part whose lock is free has no writer. `writing`
        gives that lock where it is not the folder's own.
        """
        for part in self.names():
            name = part[1 : -len(".part")]
            if part != f".{name}.part" or not _NAME.fullmatch(name):
                continue
            lock = self.writing(name, wait_s=0.0) if writing is None else writing(name)
            with contextlib.suppress(StopLockBusy), lock:
                self._remove(part)

    def _write_part(self, folder: int, part: str, data: bytes) -> None:
        handle = _new_part(folder, part)
        try:
            self._effect("write", part, lambda: _write_all(handle, data))
            self._effect("fsync", part, lambda: os.fsync(handle))
        finally:
            os.close(handle)

    def _remove(self, part: str) -> None:
        with (
            self._said(part),
            self._held(make=False) as folder,
            contextlib.suppress(FileNotFoundError),
        ):
            os.unlink(part, dir_fd=folder)

    def _effect(self, kind: str, name: str, effect: Callable[[], None]) -> None:
        self._on_effect(f"before {kind} {name}")
        effect()
        self._on_effect(f"after {kind} {name}")

    def _open_lock(self, name: str) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        locks = Folder(self.path / LOCKS)
        with self._said(f"{LOCKS}/{name}"), locks._held(make=True) as folder:
            return os.open(name, flags, FILE_MODE, dir_fd=folder)

    @contextlib.contextmanager
    def _held(self, *, make: bool) -> Iterator[int]:
        """Hold the folder open; refuse a link in its place."""
        if make:
            make_folder(self.path)
        handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            yield handle
        finally:
            os.close(handle)

    @contextlib.contextmanager
    def _said(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            what = "is a symbolic link" if error.errno == errno.ELOOP else reason_of(error)
            place = self.path if name == "." else self.path / name
            raise StopStorage(f"{place}: {what}") from error


def make_folder(path: Path) -> None:
    """The folder exists, made with its missing parents for this account alone, durably."""
    missing: list[Path] = []
    here = path
    while not here.exists() and not here.is_symlink():
        missing.append(here)
        here = here.parent
    for folder in reversed(missing):
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=FOLDER_MODE)
        parent = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)


def read_regular(handle: int, size_bytes_max: int) -> bytes:
    """The bytes behind the handle, cut off one byte after the limit; the handle is closed.

    Raises:
        OSError: it is no regular file (EINVAL), or cannot be read.
    """
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return file.read(size_bytes_max + 1)


def translated(error: Stop, kind: type[Stop], *, run_id: str | None) -> Stop:
    """The same fact as a stop of another kind, for this run."""
    return kind(error.fact, expected=error.expected, run_id=run_id)


def _entries(folder: int) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return list(entries)


def _new_part(folder: int, part: str) -> int:
    """Open a new file under the part's name; what a dead writer left there is removed."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(part, dir_fd=folder)
    return os.open(part, _NEW, FILE_MODE, dir_fd=folder)


def _rename(folder: int, part: str, name: str) -> None:
    os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)


def _write_all(handle: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _flock(handle: int, name: str, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise StopLockBusy(f"another process holds {name}", expected="its end") from error
            time.sleep(_POLL_S)
        except OSError as error:
            raise StopStorage(f"{name} cannot be locked: {reason_of(error)}") from error
        else:
            return
