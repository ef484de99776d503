"""The process that owns one embedded server: it starts it, watches it, and stops it when unneeded.

It has no terminal and no parent that waits for it. Its lock is taken before it leaves its starter,
so that the starter knows at once whether it lives. Its own death, even by kill -9, ends the server
(see `launch`), and frees the lock.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Final

from cutter_agent.errors import Stop, StopDatabaseAway
from cutter_agent.postgres.binaries import PgBinaries, read_binaries
from cutter_agent.postgres.cluster import (
    Account,
    ClusterFiles,
    Phase,
    ServerState,
    open_lock,
    server_account,
    try_lock,
)
from cutter_agent.postgres.data_folder import initialised
from cutter_agent.postgres.launch import last_lines, open_log, refuse_unreachable, runnable_binaries
from cutter_agent.postgres.postmaster import POLL_S, await_ready, settled, started, stopped
from cutter_agent.postgres.socket_folder import (
    remove_socket_folder,
    remove_stale_socket,
    socket_folder,
)

LOOK_S: Final = 0.1
"""How often the supervisor looks whether the server lives and somebody needs it."""
RESTARTS_MAX: Final = 5
"""How often a server may end by itself before it is left alone."""
LOCK_WAIT_S: Final = 1.0
"""How long the lock may be taken by those who only look whether a supervisor lives."""
STEADY_S: Final = 60.0
"""A server that lived this long is not counted as one that keeps ending."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a client asks of a supervisor.

    Attributes:
        files: the cluster.
        bin_dir: the folder of the server's programs.
        idle_s: how long the server outlives the last lease.
        settings: the server's settings, already checked.
        throwaway: whether the whole cluster is removed at the end.
    """

    files: ClusterFiles
    bin_dir: Path
    idle_s: float
    settings: dict[str, str] = field(default_factory=dict)
    throwaway: bool = False

    def as_arguments(self) -> list[str]:
        """The order as the command line of `main`; nothing in it is secret."""
        return [
            *("--root", str(self.files.root), "--bin-dir", str(self.bin_dir)),
            *("--idle-s", str(self.idle_s)),
            *(part for item in self.settings.items() for part in ("--set", "=".join(item))),
            *(["--throwaway"] if self.throwaway else []),
        ]

    @classmethod
    def from_arguments(cls, arguments: Sequence[str]) -> Order:
        """The order that these arguments say."""
        parser = argparse.ArgumentParser(allow_abbrev=False)
        parser.add_argument("--root", type=Path, required=True)
        parser.add_argument("--bin-dir", type=Path, required=True)
        parser.add_argument("--idle-s", type=float, required=True)
        parser.add_argument("--set", action="append", default=[])
        parser.add_argument("--throwaway", action="store_true")
        read = parser.parse_args(arguments)
        settings = dict(item.split("=", 1) for item in read.set)
        return cls(ClusterFiles(read.root), read.bin_dir, read.idle_s, settings, read.throwaway)


class Ending(Enum):
    """Why the watch over a server ended."""

    UNNEEDED = auto()
    TOLD = auto()
    """A signal asked the supervisor to end."""
    SERVER_ENDED = auto()


class Supervisor:
    """One server, from its start to its end."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._files = order.files
        self._told = False
        self._socket_dir: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> int:
        """The server was served until nobody needed it, and has ended; the exit status says how."""
        for told in (signal.SIGTERM, signal.SIGINT):
            signal.signal(told, self._tell)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        failure: ServerState | None = None
        lease = open_lock(self._files.lease)
        try:
            self._serve(lease)
        except Stop as stop:
            failure = ServerState(
                Phase.FAILED, stop.fact, stop.code, stop.expected, stop.remedy, stop.findings
            )
        except Exception as error:  # noqa: BLE001 - the client must hear of it
            traceback.print_exc()
            failure = ServerState(Phase.FAILED, f"{type(error).__name__}: {error}")
        finally:
            self._end()
        if self._order.throwaway and failure is None:
            shutil.rmtree(self._files.root, ignore_errors=True)
        elif failure is not None:
            self._files.write_state(failure)
        return 0 if failure is None else 1

    def _tell(self, _signal: int, _frame: object) -> None:
        self._told = True

    def _serve(self, lease: int) -> None:
        account = server_account()
        refuse_unreachable(self._files, account)
        self._socket_dir = socket_folder(self._files, account)
        binaries = self._prepared(account)
        ended_early = 0
        while ended_early <= RESTARTS_MAX:
            begun = time.monotonic()
            self._start(binaries, account, self._socket_dir)
            if self._watch(lease) is not Ending.SERVER_ENDED:
                return
            ended_early = 0 if time.monotonic() - begun > STEADY_S else ended_early + 1
        raise StopDatabaseAway(
            f"the server ended by itself {ended_early} times in a row",
            expected="a server that stays",
            findings=last_lines(self._files.server_log),
            remedy="cutter doctor",
        )

    def _prepared(self, account: Account) -> PgBinaries:
        """An earlier life has ended, the programs run, the data folder is there."""
        with suppress(FileNotFoundError):
            self._files.server_log.replace(self._files.server_log.with_suffix(".log.before"))
        settled(self._files)
        binaries = read_binaries(self._order.bin_dir)
        if self._files.data_major is None:
            self._say(Phase.CREATING, "Creating the database; once, a few seconds", binaries)
        runnable = runnable_binaries(binaries, self._files, account)
        durable = self._order.settings.get("fsync") != "off"
        initialised(self._files, runnable, account, durable=durable)
        return runnable

    def _start(self, binaries: PgBinaries, account: Account, socket_dir: Path) -> None:
        version = ".".join(map(str, binaries.version))
        self._say(Phase.STARTING, f"Starting PostgreSQL {version}", binaries)
        settled(self._files)
        remove_stale_socket(socket_dir)
        self._process = started(self._files, binaries, account, socket_dir, self._order.settings)
        await_ready(self._files, self._process, given_up=lambda: self._told)
        self._say(Phase.READY, f"PostgreSQL {version} is ready", binaries)

    def _watch(self, lease: int) -> Ending:
        """Returns when the server is unneeded, ended, or we are told; unneeded, the lease stays ours.

        So a client that comes now waits for our end and has a new server started.
        """
        assert self._process is not None
        free_since: float | None = None
        while self._process.poll() is None:
            if self._told:
                return Ending.TOLD
            if not try_lock(lease, fcntl.LOCK_EX):
                free_since = None
            elif free_since is None and self._order.idle_s > 0:
                free_since = time.monotonic()
            elif free_since is None or time.monotonic() - free_since >= self._order.idle_s:
                return Ending.UNNEEDED
            fcntl.flock(lease, fcntl.LOCK_UN)
            time.sleep(LOOK_S)
        return Ending.SERVER_ENDED

    def _end(self) -> None:
        with suppress(OSError):
            self._files.state.unlink()
        if self._process is not None:
            stopped(self._process)
        if self._socket_dir is not None:
            remove_socket_folder(self._socket_dir)

    def _say(self, phase: Phase, sentence: str, binaries: PgBinaries) -> None:
        self._files.write_state(
            ServerState(
                phase=phase,
                sentence=sentence,
                postmaster_pid=self._process.pid if self._process and phase is Phase.READY else 0,
                bin_dir=str(self._order.bin_dir),
                version=binaries.version,
                socket_dir=str(self._socket_dir or ""),
            )
        )


def main(arguments: Sequence[str]) -> int:
    """A supervisor serves the cluster, apart from its starter; or another one does already."""
    order = Order.from_arguments(arguments)
    lock = open_lock(order.files.supervisor_lock)
    until = time.monotonic() + LOCK_WAIT_S
    while not try_lock(lock, fcntl.LOCK_EX):
        if time.monotonic() > until:
            return 0
        time.sleep(POLL_S)
    with open_log(order.files.supervisor_log) as log:
        os.ftruncate(log.fileno(), 0)
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    if os.fork() != 0:
        os._exit(0)  # the lock is the child's as well and stays held
    return Supervisor(order).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
