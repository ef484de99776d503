"""Processes that die with us, run under the server's account, and see nothing of the client.

A launched process gets a signal from the kernel when we die, however we die (PR_SET_PDEATHSIG,
prctl(2)). That wish belongs to a process, is cleared when the process changes its account, and
comes too late when the parent is gone already; so it is made last, after the change of account,
and the child then looks whether its parent still lives.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from cutter_agent.errors import StopDatabaseAway, StopRefusedInput
from cutter_agent.postgres.binaries import PgBinaries, private_copy
from cutter_agent.postgres.cluster import Account, ClusterFiles

PASSED_ON: Final = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "XDG_RUNTIME_DIR")
"""The only variables that reach the server and its supervisor: no secret of a client among them."""
DEAD_PARENT_STATUS: Final = 97
"""The exit status of a launched process that found its parent gone."""
_ANSWER_TIMEOUT_S: Final = 20.0
LOG_LINES_SHOWN: Final = 12
_PR_SET_PDEATHSIG: Final = 1
# Looked up here: between fork and exec nothing may be loaded.
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def launched(
    command: Sequence[str | Path],
    account: Account,
    *,
    death_signal: signal.Signals,
    output: int,
    parent_pid: int | None = None,
) -> subprocess.Popen[bytes]:
    """A process runs under `account` and gets `death_signal` when this process ends.

    The caller must have one thread only: the kernel watches the thread that forks.

    Args:
        command: the program and its arguments.
        account: whom it runs as; changing to another one needs root.
        death_signal: what the kernel sends it at our death.
        output: the handle that takes what it says.
        parent_pid: who must be its parent when it begins; None is this process.
    """
    expected_parent = os.getpid() if parent_pid is None else parent_pid

    def tie_to_parent() -> None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != expected_parent:
            os._exit(DEAD_PARENT_STATUS)

    return subprocess.Popen(  # noqa: S603 - programs of our own choice
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        cwd="/",
        env=child_environment(),
        preexec_fn=tie_to_parent,  # noqa: PLW1509 - this process has one thread
        user=None if account.is_ours else account.uid,
        group=None if account.is_ours else account.gid,
        extra_groups=None if account.is_ours else [],
    )


def child_environment() -> dict[str, str]:
    """The environment of the server: what it needs to be found, nothing of the client's."""
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return passed | {"LC_ALL": "C", "TZ": "UTC"}


def runnable_binaries(binaries: PgBinaries, files: ClusterFiles, account: Account) -> PgBinaries:
    """The programs can be run by the server's account, if need be from a copy of our own.

    Raises:
        StopDatabaseAway: not even the copy runs.
    """
    if account.is_ours or _runs(binaries, account):
        return binaries
    copied = private_copy(binaries, files.root)
    if not _runs(copied, account):
        raise StopDatabaseAway(
            f"the account {account.name} cannot run the server programs, nor a copy in {files.root}",
            expected="a folder whose parents this account may walk through",
            remedy="cutter doctor",
        )
    return copied


def _runs(binaries: PgBinaries, account: Account) -> bool:
    for program in (binaries.postgres, binaries.initdb):
        try:
            process = launched(
                [program, "--version"],
                account,
                death_signal=signal.SIGKILL,
                output=subprocess.DEVNULL,
            )
        except OSError:
            return False
        if process.wait(_ANSWER_TIMEOUT_S) != 0:
            return False
    return True


def refuse_unreachable(files: ClusterFiles, account: Account) -> None:
    """The server's account can walk to the cluster's folder.

    Raises:
        StopRefusedInput: a folder on the way is closed to it; which one is said, none is changed.
    """
    if account.is_ours:
        return
    way = [*reversed(files.root.parents), files.root]
    closed = _walked(way, account)
    if closed < len(way):
        raise StopRefusedInput(
            f"the account {account.name}, which runs the server for root, cannot walk through "
            f"{way[closed]}",
            expected="a place that it can reach",
            remedy="leave the place to cutter, which takes one below /var/lib/cutter",
        )


def _walked(way: Sequence[Path], account: Account) -> int:
    """How many folders of the way the account can walk through, tried in a process of its own."""
    child = os.fork()
    if child != 0:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    walked = 0
    with suppress(OSError):
        os.setgroups([])
        os.setgid(account.gid)
        os.setuid(account.uid)
        while walked < len(way) and os.access(way[walked], os.X_OK):
            walked += 1
    os._exit(walked)


def cluster_processes(data: Path) -> list[int]:
    """The server processes that work in this data folder, whoever started them.

    Every process of a server has its data folder as its working folder, so an orphan is found
    without trusting a number in a file. A dying process has given up its program before its
    working folder; it counts until it has given up both.
    """
    try:
        place = data.stat()
    except FileNotFoundError:
        return []
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                there = (entry / "cwd").stat()
                same = (there.st_dev, there.st_ino) == (place.st_dev, place.st_ino)
                if same and _runs_server(entry):
                    found.append(int(entry.name))
    return found


def _runs_server(process: Path) -> bool:
    try:
        return (process / "exe").readlink().name.startswith("postgres")
    except OSError:
        return True


def open_log(path: Path) -> BinaryIO:
    """The log is open for appending, readable by us alone."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o600), "ab", buffering=0)


def last_lines(log: Path) -> tuple[str, ...]:
    """The end of a log, for people; empty where there is none."""
    try:
        lines = log.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ()
    return tuple(lines[-LOG_LINES_SHOWN:])
