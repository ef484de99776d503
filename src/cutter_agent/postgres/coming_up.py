"""From "somebody needs the server" to "it takes connections", seen from the client's side."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import cutter_agent
from cutter_agent.errors import STOP_BY_CODE, StopDatabaseAway
from cutter_agent.postgres.cluster import ClusterFiles, Phase, ServerState, open_lock, try_lock
from cutter_agent.postgres.launch import (
    LOG_LINES_SHOWN,
    child_environment,
    cluster_processes,
    last_lines,
)
from cutter_agent.postgres.postmaster import POLL_S, START_TIMEOUT_S
from cutter_agent.postgres.socket_folder import remove_socket_folder
from cutter_agent.postgres.supervisor import Order

STARTS_MAX: Final = 3
"""How many supervisors one client starts before it says that none comes up."""


def await_ready_state(
    files: ClusterFiles,
    order: Callable[[], Order],
    on_progress: Callable[[str], None],
    until: float,
) -> ServerState:
    """The state of a server that takes connections; started here, if nobody has."""
    starts = 0
    told = ""
    while time.monotonic() < until:
        lives = files.supervisor_lives
        state = files.read_state()
        if state is not None and starts and not lives and state.phase is Phase.FAILED:
            raise STOP_BY_CODE.get(state.stop_code, StopDatabaseAway)(
                state.sentence,
                expected=state.expected or "a server that takes connections",
                findings=state.findings,
                remedy=state.remedy or "cutter doctor",
            )
        if lives and state is not None and state.phase is Phase.READY:
            return state
        if not lives:
            if starts == STARTS_MAX:
                break
            starts += 1
            _start_supervisor(order())
        elif state is not None and state.sentence != told:
            told = state.sentence
            on_progress(told)
        time.sleep(POLL_S)
    raise StopDatabaseAway(
        f"no server came up in {files.root}",
        expected="a server that takes connections",
        findings=last_lines(files.supervisor_log),
        remedy="cutter doctor",
    )


def _start_supervisor(order: Order) -> None:
    """A supervisor lives and holds its lock; this one, or another that was quicker.

    Raises:
        StopDatabaseAway: the program does not start.
    """
    swept(order.files)
    environment = child_environment() | {
        "PYTHONPATH": os.pathsep.join(str(Path(place).parent) for place in cutter_agent.__path__),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-P", "-m", "cutter_agent.postgres.supervisor"]
    try:
        subprocess.run(  # noqa: S603 - our own interpreter and module
            [*command, *order.as_arguments()],
            check=True,
            cwd="/",
            env=environment,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,  # closed by the supervisor when it leaves us
            timeout=START_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError) as error:
        said: bytes = getattr(error, "stderr", None) or b""
        raise StopDatabaseAway(
            f"the server's supervisor does not start: {error}",
            expected="a Python that can run cutter_agent.postgres.supervisor",
            findings=said.decode("utf-8", "replace").splitlines()[-LOG_LINES_SHOWN:],
            remedy="cutter doctor",
        ) from error


def swept(files: ClusterFiles) -> None:
    """What a dead supervisor said is gone, and so is its socket folder; of a living one, nothing."""
    lock = open_lock(files.supervisor_lock)
    try:
        if try_lock(lock, fcntl.LOCK_EX):
            state = files.read_state()
            if state is not None and state.socket_dir and not cluster_processes(files.data):
                remove_socket_folder(Path(state.socket_dir))
            files.state.unlink(missing_ok=True)
    finally:
        os.close(lock)


def await_lock(handle: int, mode: int, until: float) -> None:
    """The lock is held in this mode.

    Raises:
        StopDatabaseAway: somebody else held it until the end of the time.
    """
    while not try_lock(handle, mode):
        if time.monotonic() > until:
            raise StopDatabaseAway(
                "another process has been starting or stopping the server for too long",
                expected=f"a server within {START_TIMEOUT_S:.0f} s",
                remedy="cutter doctor",
            )
        time.sleep(POLL_S)
