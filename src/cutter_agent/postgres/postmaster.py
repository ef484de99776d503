"""One PostgreSQL server process: its start, its end, and what a dead one left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from cutter_agent.errors import StopDatabaseAway, StopRefusedInput
from cutter_agent.postgres.binaries import PgBinaries
from cutter_agent.postgres.cluster import Account, ClusterFiles
from cutter_agent.postgres.launch import cluster_processes, last_lines, launched, open_log
from cutter_agent.postgres.socket_folder import PORT

POLL_S: Final = 0.005
START_TIMEOUT_S: Final = 300.0
STOP_TIMEOUT_S: Final = 30.0
SETTINGS: Final[Mapping[str, str]] = {
    "jit": "off",
    # A failing statement may carry a document or a password; the log shows its error without it.
    "log_min_error_statement": "panic",
    "log_timezone": "UTC",
    "max_wal_senders": "0",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "wal_level": "minimal",
}
"""Settings that a caller may replace."""
FIXED_SETTINGS: Final = frozenset(
    {
        "config_file",
        "data_directory",
        "external_pid_file",
        "hba_file",
        "ident_file",
        "listen_addresses",
        "password_encryption",
        "port",
        "unix_socket_directories",
        "unix_socket_group",
        "unix_socket_permissions",
    }
)
"""Settings that nobody may give: they decide who can reach the server."""
_FAST_SHUTDOWN: Final = signal.SIGINT
_IMMEDIATE_SHUTDOWN: Final = signal.SIGQUIT
_READY_LINE: Final = 7


def checked_settings(settings: Mapping[str, str]) -> dict[str, str]:
    """The settings are safe to give to the server.

    Raises:
        StopRefusedInput: one would change who can reach the server, or is no setting's name.
    """
    for name in settings:
        plain = name.replace("_", "").replace(".", "")
        if name in FIXED_SETTINGS or not (plain.isascii() and plain.isalnum() and name.islower()):
            raise StopRefusedInput(
                f"the server setting {name!r} cannot be given",
                expected="a setting that does not decide who can reach the server",
                remedy="leave it out",
            )
    return dict(settings)


def started(
    files: ClusterFiles,
    binaries: PgBinaries,
    account: Account,
    socket_dir: Path,
    settings: Mapping[str, str],
) -> subprocess.Popen[bytes]:
    """The server process is launched; it may still be recovering (see `await_ready`)."""
    quoted = str(socket_dir).replace('"', '""')
    chosen = {
        **SETTINGS,
        **settings,
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_directories": f'"{quoted}"',
        "unix_socket_permissions": "0700",
    }
    options = [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]
    with open_log(files.server_log) as output:
        return launched(
            [binaries.postgres, "-D", files.data, *options],
            account,
            death_signal=_FAST_SHUTDOWN,
            output=output.fileno(),
        )


def await_ready(
    files: ClusterFiles, process: subprocess.Popen[bytes], *, given_up: Callable[[], bool]
) -> None:
    """The server takes connections.

    Raises:
        StopDatabaseAway: it ended instead, took too long, or `given_up` said so.
    """
    until = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < until and not given_up():
        if process.poll() is not None:
            raise StopDatabaseAway(
                f"the server ended with status {process.returncode} while starting",
                expected="a server that takes connections",
                findings=last_lines(files.server_log),
                remedy="cutter doctor",
            )
        if _says_ready(files.data / "postmaster.pid", process.pid):
            return
        time.sleep(POLL_S)
    raise StopDatabaseAway(
        "the server did not become ready",
        expected=f"a server that takes connections within {START_TIMEOUT_S:.0f} s",
        findings=last_lines(files.server_log),
        remedy="cutter doctor",
    )


def _says_ready(pid_file: Path, pid: int) -> bool:
    """Line 1 of postmaster.pid is the process, line 8 its state (miscadmin.h, LOCK_FILE_LINE_*)."""
    try:
        lines = pid_file.read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return False
    return (
        len(lines) > _READY_LINE and lines[0] == str(pid) and lines[_READY_LINE].strip() == "ready"
    )


def stopped(process: subprocess.Popen[bytes]) -> None:
    """The server has ended: with a checkpoint if it can, without one if it does not in time."""
    for ending in (_FAST_SHUTDOWN, _IMMEDIATE_SHUTDOWN, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(ending)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT_S)


def settled(files: ClusterFiles) -> None:
    """No process of an earlier life works in the data folder, and no stale file says so.

    After the death of a supervisor its server is shutting down, and after the death of a server its
    backends end; both are waited for and helped. Only the holder of the supervisor's lock may call.

    Raises:
        StopDatabaseAway: such a process does not end.
    """
    begun = time.monotonic()
    asked: set[tuple[int, signal.Signals]] = set()
    while remaining := cluster_processes(files.data):
        waited_s = time.monotonic() - begun
        if waited_s > STOP_TIMEOUT_S:
            raise StopDatabaseAway(
                f"processes of an earlier server do not end: {remaining}",
                expected=f"no process that works in {files.data}",
                remedy="cutter doctor",
            )
        if waited_s < STOP_TIMEOUT_S / 3:
            wanted = {(pid, _FAST_SHUTDOWN) for pid in remaining if pid == _pid_on_file(files)}
        else:
            wanted = {(pid, _IMMEDIATE_SHUTDOWN) for pid in remaining}
        for pid, ending in wanted - asked:
            with suppress(ProcessLookupError):
                os.kill(pid, ending)
        asked |= wanted
        time.sleep(POLL_S)
    # The number may have passed to a stranger, whom PostgreSQL would take for a living server.
    if Path(f"/proc/{_pid_on_file(files)}").exists():
        (files.data / "postmaster.pid").unlink(missing_ok=True)


def _pid_on_file(files: ClusterFiles) -> int:
    try:
        return int((files.data / "postmaster.pid").read_text("utf-8", "replace").split("\n", 1)[0])
    except (OSError, ValueError):
        return 0
