"""MemoryDisk: a file system in memory that can be copied at any instant, fill up, break and lose its power.

It promises no more than POSIX does: bytes are durable after an fsync of their file, names after an fsync
of their folder, and what is neither may be lost, torn or there, each for itself and in any order.
"""

from __future__ import annotations

import errno
import itertools
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

FAILING: Final = ("open", "write", "fsync", "rename", "unlink", "list", "read")
"""The calls that can fail; each counts."""
CONSUMING: Final = frozenset({"open", "write", "fsync", "rename"})
"""Those of them that a full disk refuses."""
_FOLDER_ORDER_MAX: Final = 64


@dataclass(frozen=True, slots=True)
class Inode:
    """A file's bytes as programs see them, and as they would be after a power failure."""

    data: bytes = b""
    durable: bytes = b""
    dirty: bool = False
    """True while an fsync would make the bytes durable."""


Names = dict[str, int]
"""File names of one folder, and the inode of each."""
Pending = tuple[tuple[str, str | None, int], ...]
"""Names that are not durable yet: a new name, the name that it had before or None, the inode; -1: gone."""


@dataclass(slots=True)
class Content:
    """Everything that is on a disk; what a dead machine leaves behind."""

    inodes: dict[int, Inode] = field(default_factory=dict)
    folders: dict[str, Names] = field(default_factory=dict)
    durable: dict[str, Names] = field(default_factory=dict)
    pending: dict[str, Pending] = field(default_factory=dict)
    stamp: int = 0
    """How many changes there were."""

    def copy(self) -> Content:
        """The same content, independent from now on."""
        return Content(
            dict(self.inodes),
            {path: dict(names) for path, names in self.folders.items()},
            {path: dict(names) for path, names in self.durable.items()},
            dict(self.pending),
            self.stamp,
        )

    def files(self) -> dict[str, bytes]:
        """Every file by its path, as programs see them."""
        return {
            f"{folder}/{name}": self.inodes[number].data
            for folder, names in self.folders.items()
            for name, number in names.items()
        }

    def without_power(self, chance: random.Random) -> Content:
        """What a power failure may leave: durable is safe, the rest is each for itself lost, torn or kept."""
        inodes = {
            number: replace(inode, data=_after_power(inode, chance))
            for number, inode in self.inodes.items()
        }
        folders: dict[str, Names] = {}
        for path, names in self.durable.items():
            left = dict(names)
            waiting = list(self.pending.get(path, ()))
            chance.shuffle(waiting)
            for new, old, number in waiting[: chance.randrange(len(waiting) + 1)]:
                if number >= 0:
                    left[new] = number
                else:
                    left.pop(new, None)
                if old is not None:
                    left.pop(old, None)
            folders[path] = left
        settled = {n: Inode(i.data, i.data) for n, i in inodes.items()}
        return Content(settled, folders, {p: dict(n) for p, n in folders.items()}, {})


def _after_power(inode: Inode, chance: random.Random) -> bytes:
    if inode.data == inode.durable:
        return inode.data
    kept = chance.randrange(4)
    if kept == 0:
        return inode.durable
    if kept == 1:
        return inode.data
    length = chance.randrange(len(inode.data) + 1)
    return inode.data[:length] + (bytes(len(inode.data) - length) if kept == 2 else b"")  # noqa: PLR2004 - the third of four


@dataclass(slots=True)
class Fault:
    """One call that fails: its number, counted from one, and the error.

    Then the disk is well again, unless the fault is lasting.
    """

    number: int
    code: int
    lasting: bool = False


class MemoryDisk:
    """The disk as one process sees it."""

    def __init__(self, content: Content | None = None, fault: Fault | None = None) -> None:
        """Begin with a content, which is changed in place, and with no lock held."""
        self.content = Content() if content is None else content
        self.calls = 0
        self.consuming = 0
        """How many of the calls a full disk would refuse."""
        self.failed = ""
        """The call that failed, once it did."""
        self.repeated = 0
        """How often a file was fsynced again after its fsync had failed."""
        self.locks: set[str] = set()
        self.ignores_claims = False
        """True where the locks of runs protect nothing; those of single writings still do."""
        self.on_wait: Callable[[str], None] | None = None
        """Told when somebody finds a lock held: others can go on meanwhile."""
        self._fault = fault
        self._lost_bytes: set[int] = set()
        self._lost_names: dict[str, set[str]] = {}
        self._numbers = itertools.count(1 + max(self.content.inodes, default=0))

    def make_folder(self, path: Path) -> None:
        """The folder exists, durably, as its maker sees to."""
        name = str(path)
        if name not in self.content.folders:
            self.call("open")
            self.content.folders[name] = {}
            self.content.durable[name] = {}

    @contextmanager
    def open_folder(self, path: Path) -> Iterator[MemoryFolder]:
        """The folder is open inside the context."""
        if str(path) not in self.content.folders:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        yield MemoryFolder(self, str(path))

    def call(self, kind: str) -> None:
        """The call is counted, and fails if it is the one that shall.

        Raises:
            OSError: it is.
        """
        self.content.stamp += kind not in {"list", "read"}
        self.calls += 1
        self.consuming += kind in CONSUMING
        fault = self._fault
        if fault is None or (self.failed and not fault.lasting):
            return
        full = fault.code == errno.ENOSPC
        if full and kind not in CONSUMING:
            return
        if (self.consuming if full else self.calls) >= fault.number:
            self.failed = self.failed or kind
            raise OSError(fault.code, os.strerror(fault.code))

    def mend(self) -> None:
        """No call fails any more."""
        self._fault = None

    def fsync_file(self, number: int) -> None:
        """The bytes are durable, unless an earlier fsync of them failed: those are lost for good.

        Raises:
            OSError: this fsync is the call that fails.
        """
        self.repeated += number in self._lost_bytes
        try:
            self.call("fsync")
        except OSError:
            self._lost_bytes.add(number)
            raise
        if number not in self._lost_bytes:
            held = self.content.inodes[number]
            self.content.inodes[number] = Inode(held.data, held.data)

    def fsync_folder(self, path: str) -> None:
        """The names are durable, but for those that an earlier, failed fsync has lost.

        Raises:
            OSError: this fsync is the call that fails.
        """
        content = self.content
        try:
            self.call("fsync")
        except OSError:
            waiting = content.pending.get(path, ())
            self._lost_names.setdefault(path, set()).update(new for new, _, _ in waiting)
            content.pending[path] = ()
            raise
        lost = self._lost_names.get(path, set())
        before, now = content.durable[path], content.folders[path]
        kept = {name: number for name, number in now.items() if name not in lost}
        content.durable[path] = kept | {n: i for n, i in before.items() if n in lost}
        content.pending[path] = ()

    def renamed_anew(self, path: str, name: str) -> None:
        """The name was given again: what a failed fsync had lost of it is made good by the next one."""
        self._lost_names.get(path, set()).discard(name)

    def number(self) -> int:
        """A number that no inode has."""
        return next(self._numbers)


class MemoryFile:
    """An open file."""

    def __init__(self, disk: MemoryDisk, number: int) -> None:
        """Bind the inode."""
        self._disk = disk
        self._number = number

    def write(self, data: bytes) -> None:
        inodes = self._disk.content.inodes
        held = inodes[self._number]
        try:
            self._disk.call("write")
        except OSError:
            # A write that fails has written some of it.
            part = held.data + data[: len(data) // 2]
            inodes[self._number] = replace(held, data=part, dirty=True)
            raise
        inodes[self._number] = replace(held, data=held.data + data, dirty=True)

    def fsync(self) -> None:
        self._disk.fsync_file(self._number)

    def close(self) -> None:
        pass


class MemoryLock:
    """The lock of one name, among everybody who has this disk."""

    def __init__(self, disk: MemoryDisk, name: str) -> None:
        """Bind the lock's name."""
        self._disk = disk
        self._name = name
        self._held = False

    def try_lock(self) -> bool:
        if self._disk.ignores_claims and not self._name.endswith(".write"):
            return True
        self._held = self._held or self._name not in self._disk.locks
        if self._held:
            self._disk.locks.add(self._name)
        elif self._disk.on_wait is not None:
            self._disk.on_wait(self._name)
        return self._held

    def close(self) -> None:
        if self._held:
            self._disk.locks.discard(self._name)
            self._held = False


class MemoryFolder:
    """An open folder."""

    def __init__(self, disk: MemoryDisk, path: str) -> None:
        """Bind the folder's path."""
        self._disk = disk
        self._path = path

    @property
    def _names(self) -> Names:
        return self._disk.content.folders[self._path]

    def read(self, name: str, size_bytes_max: int) -> bytes:
        self._disk.call("read")
        return self._disk.content.inodes[self._there(name)].data[: size_bytes_max + 1]

    def names(self) -> list[str]:
        self._disk.call("list")
        inside = f"{self._path}/"
        folders = [
            p.removeprefix(inside) for p in self._disk.content.folders if p.startswith(inside)
        ]
        return [*self._names, *(each for each in folders if "/" not in each)]

    def new_file(self, name: str) -> MemoryFile:
        self._disk.call("open")
        number = self._disk.number()
        self._disk.content.inodes[number] = Inode()
        self._names[name] = number
        self._wait(name, None, number)
        return MemoryFile(self._disk, number)

    def open_file(self, name: str) -> MemoryFile:
        self._disk.call("open")
        return MemoryFile(self._disk, self._there(name))

    def open_lock(self, name: str) -> MemoryLock:
        self._disk.call("open")
        return MemoryLock(self._disk, f"{self._path}/{name}")

    def rename(self, name: str, new_name: str) -> None:
        self._disk.call("rename")
        number = self._there(name)
        del self._names[name]
        self._names[new_name] = number
        self._wait(new_name, name, number)

    def unlink(self, name: str) -> None:
        self._disk.call("unlink")
        self._there(name)
        del self._names[name]
        self._wait(name, None, -1)

    def fsync(self) -> None:
        self._disk.fsync_folder(self._path)

    def _there(self, name: str) -> int:
        if name not in self._names:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return self._names[name]

    def _wait(self, new: str, old: str | None, number: int) -> None:
        self._disk.renamed_anew(self._path, new)
        waiting = self._disk.content.pending.get(self._path, ())
        self._disk.content.pending[self._path] = (*waiting, (new, old, number))[-_FOLDER_ORDER_MAX:]
