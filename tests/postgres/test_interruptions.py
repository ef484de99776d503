"""Interrupted by a key, a signal, a closed terminal or a full disk: the next command is told, and works."""

import contextlib
import os
import pty
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from tests.live import Deployed, deploy
from tests.terminal import CODE, CUTTER

from clusters.databases import Database
from deployments import EXAMPLES

CHARTER = (EXAMPLES / "icx-const-v1.md").read_bytes()
PATIENCE_S = 120.0


@pytest.fixture
def deployed(database: Database, tmp_path: Path) -> Deployed:
    return deploy(database, tmp_path, source=CHARTER)


@contextmanager
def history_held(deployed: Deployed) -> Iterator[None]:
    """Nobody can append to a run meanwhile: a run that has begun stands still in the middle."""
    with psycopg.connect(deployed.database.conninfo()) as connection:
        connection.execute("LOCK TABLE cutter_governance.run_event IN SHARE MODE")
        yield


def someone_waits(deployed: Deployed) -> None:
    """Return once a session waits for that lock."""
    query = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
    until = time.monotonic() + PATIENCE_S
    with psycopg.connect(deployed.database.conninfo(), autocommit=True) as connection:
        while connection.execute(query).fetchone() != (True,):
            assert time.monotonic() < until, "nobody came to the lock"
            time.sleep(0.05)


def told(said: str) -> str:
    """The command after the last `Next`."""
    lines = [line for line in said.splitlines() if line.startswith("Next   cutter ")]
    assert lines, said
    return lines[-1].removeprefix("Next   ").strip()


def works(deployed: Deployed, command: str) -> None:
    """The told command, typed as it stands, brings the run to its first pause."""
    words = shlex.split(command)
    assert words[0] == "cutter"
    done = subprocess.run(
        (CUTTER, *words[1:]),
        env={**os.environ, **deployed.environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 10, (command, done.stderr)
    assert "awaiting_cut_authorization" in done.stdout
    assert len(deployed.run_ids()) == 1, "the same run went on; none was begun beside it"


@pytest.mark.parametrize("told_by", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_signalled_run_names_the_command_that_goes_on(
    deployed: Deployed, told_by: signal.Signals
) -> None:
    with held_in_the_middle(deployed) as process:
        process.send_signal(told_by)
        _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130, said
    assert "nothing is half done" in said
    works(deployed, told(said))


@contextmanager
def held_in_the_middle(deployed: Deployed) -> Iterator[subprocess.Popen[str]]:
    """A live cut that began, and now waits for the database in the middle of a phase."""
    process = subprocess.Popen(
        (CUTTER, "cut", CODE, "--live"),
        env={**os.environ, **deployed.environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until = time.monotonic() + PATIENCE_S
        while not deployed.run_ids():
            assert time.monotonic() < until, "the run never began"
            assert process.poll() is None, process.communicate()
            time.sleep(0.02)
        with history_held(deployed):
            someone_waits(deployed)
            yield process
    finally:
        process.kill()
        process.communicate()


def test_a_run_whose_terminal_was_closed_is_named_by_why(deployed: Deployed) -> None:
    if shutil.which("setsid") is None:
        pytest.skip("no setsid here, so no terminal of the run's own")
    inner, outer = pty.openpty()
    process = subprocess.Popen(
        ("setsid", "--ctty", "--wait", CUTTER, "cut", CODE, "--live"),
        env={**os.environ, **deployed.environ, "TERM": "dumb"},
        stdin=outer,
        stdout=outer,
        stderr=outer,
    )
    os.close(outer)
    try:
        until = time.monotonic() + PATIENCE_S
        while not deployed.run_ids():
            assert time.monotonic() < until, "the run never began"
            time.sleep(0.02)
        with history_held(deployed):
            someone_waits(deployed)
            os.close(inner)
            assert process.wait(timeout=PATIENCE_S) == 130
    finally:
        process.kill()
        process.wait()
    said = subprocess.run(
        (CUTTER, "why", deployed.run_ids()[-1]),
        env={**os.environ, **deployed.environ},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    ).stdout
    works(deployed, told(said))


@contextmanager
def small_disk(place: Path) -> Iterator[None]:
    """The folder lies on a file system of 2 MiB; skips where this account may not mount one."""
    place.mkdir(exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("this account may not mount a small file system")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("left_bytes", [0, 4_096, 65_536])
def test_a_run_on_a_full_disk_names_the_command_that_goes_on(
    deployed: Deployed, left_bytes: int
) -> None:
    with small_disk(deployed.home.runs):
        ballast = deployed.home.runs / "ballast"
        with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(4_096))
        os.truncate(ballast, ballast.stat().st_size - left_bytes)
        stopped = subprocess.run(
            (CUTTER, "cut", CODE, "--live"),
            env={**os.environ, **deployed.environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert stopped.returncode not in {0, 10}, stopped.stdout
        assert "No space left" in stopped.stdout + stopped.stderr
        ballast.unlink()
        works(deployed, told(stopped.stdout + stopped.stderr))
