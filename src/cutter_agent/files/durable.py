"""Files that are whole or not there: private folders, durable replacement, locks that die with their process.

Every file is opened by its name inside a folder that is held open, and no link is followed there.
"""

from __future__ import annotations

import contextlib
import errno
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from cutter_agent.errors import Stop, StopLockBusy, StopRefusedInput, StopStorage
from cutter_agent.files.disk import (
    FOLDER_MODE,
    SYSTEM_DISK,
    Disk,
    OpenFolder,
    OpenLock,
    read_regular,
)
from cutter_agent.orchestrator.effects import Hook, no_effect

__all__ = [
    "FOLDER_MODE",
    "Folder",
    "check_name",
    "make_folder",
    "read_regular",
    "reason_of",
    "translated",
]
LOCKS: Final = ".locks"
WRITE_WAIT_S: Final = 10.0
_POLL_S: Final = 0.01
_NAME: Final = re.compile(r"\.?[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
_LOCK_NAME: Final = re.compile(r"[A-Za-z0-9.][A-Za-z0-9._-]{0,140}")


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
        self,
        path: Path,
        *,
        on_effect: Hook = no_effect,
        within: Folder | None = None,
        disk: Disk = SYSTEM_DISK,
    ) -> None:
        """Name the folder; it is made, mode 0700, when something is first written into it."""
        self.path = path
        self._disk = disk
        self._on_effect = on_effect
        self._within = within

    def inner(self, name: str) -> Folder:
        """The folder of this name inside this one; it need not exist yet, and its locks lie here."""
        path = self.path / check_name(name)
        return Folder(path, on_effect=self._on_effect, within=self, disk=self._disk)

    def read(self, name: str, *, size_bytes_max: int) -> bytes | None:
        """The bytes of a regular file, cut off one byte after the limit; None if it is not there.

        Raises:
            StopStorage: it cannot be read, or is a link or anything but a regular file.
        """
        check_name(name)
        with self._said(name):
            try:
                with self._held(make=False) as folder:
                    return folder.read(name, size_bytes_max)
            except FileNotFoundError:
                return None

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
                self._effect("rename", name, lambda: folder.rename(part, name))
            except BaseException:
                with contextlib.suppress(OSError):
                    folder.unlink(part)
                raise
            self._effect("fsync folder", name, folder.fsync)

    def settle(self, name: str) -> None:
        """The file, whole already, is durable under its name.

        Raises:
            StopStorage: it is not there, or the system cannot say so.
        """
        with self._said(name), self._held(make=False) as folder:
            file = folder.open_file(check_name(name))
            try:
                self._effect("fsync", name, file.fsync)
            finally:
                file.close()
            self._effect("fsync folder", name, folder.fsync)

    def hint(self, name: str, data: bytes) -> None:
        """The file holds these bytes for whoever reads it now; a power failure may lose or empty it.

        The caller is `writing` what the hint is about.

        Raises:
            StopStorage: it could not be written.
        """
        part = f".{check_name(name)}.part"
        with self._said(name), self._held(make=True) as folder:
            try:
                file = folder.new_file(part)
                try:
                    file.write(data)
                finally:
                    file.close()
                folder.rename(part, name)
            except BaseException:
                with contextlib.suppress(OSError):
                    folder.unlink(part)
                raise

    def names(self) -> list[str]:
        """The names in the folder, sorted; none if it does not exist.

        Raises:
            StopStorage: it cannot be listed.
        """
        with self._said("."):
            try:
                with self._held(make=False) as folder:
                    return sorted(folder.names())
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
        lock = self._open_lock(name)
        try:
            _await(lock, name, wait_s)
            yield
        finally:
            lock.close()

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

    def _write_part(self, folder: OpenFolder, part: str, data: bytes) -> None:
        file = folder.new_file(part)
        try:
            self._effect("write", part, lambda: file.write(data))
            self._effect("fsync", part, file.fsync)
        finally:
            file.close()

    def _remove(self, part: str) -> None:
        with (
            self._said(part),
            self._held(make=False) as folder,
            contextlib.suppress(FileNotFoundError),
        ):
            folder.unlink(part)

    def _effect(self, kind: str, name: str, effect: Callable[[], None]) -> None:
        self._on_effect(f"before {kind} {name}")
        effect()
        self._on_effect(f"after {kind} {name}")

    def _open_lock(self, name: str) -> OpenLock:
        locks = Folder(self.path / LOCKS, disk=self._disk)
        with self._said(f"{LOCKS}/{name}"), locks._held(make=True) as folder:
            return folder.open_lock(name)

    def _held(self, *, make: bool) -> contextlib.AbstractContextManager[OpenFolder]:
        """Hold the folder open; refuse a link in its place."""
        if make:
            self._disk.make_folder(self.path)
        return self._disk.open_folder(self.path)

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
    SYSTEM_DISK.make_folder(path)


def translated(error: Stop, kind: type[Stop], *, run_id: str | None) -> Stop:
    """The same fact as a stop of another kind, for this run."""
    return kind(error.fact, expected=error.expected, run_id=run_id)


def _await(lock: OpenLock, name: str, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            held = lock.try_lock()
        except OSError as error:
            raise StopStorage(f"{name} cannot be locked: {reason_of(error)}") from error
        if held:
            return
        if time.monotonic() >= deadline:
            raise StopLockBusy(f"another process holds {name}", expected="its end")
        time.sleep(_POLL_S)
