"""Clusters for the tests of the launcher itself: each is looked after until nothing of it is left."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from clusters.fixtures import chosen_binaries, quick_folder
from cutter_agent.postgres.binaries import PgBinaries
from cutter_agent.postgres.cluster import ClusterFiles
from cutter_agent.postgres.embedded import Lease, Server, await_stopped, lease_server
from cutter_agent.postgres.launch import cluster_processes

NOT_DURABLE = {"fsync": "off"}
CLIENT = """
import sys, time
from pathlib import Path
from cutter_agent.postgres.embedded import lease_server
root, bin_dir, idle_s, sys.executable = sys.argv[1:]
lease = lease_server(Path(root), bin_dir=Path(bin_dir), idle_s=float(idle_s), settings={"fsync": "off"})
print(lease.server_pid, flush=True)
time.sleep(600)
"""


def wait_until(true: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Returns when it is true; fails the test when it does not become so."""
    until = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < until, "what the test waits for does not happen"
        time.sleep(0.01)


def parent_of(pid: int) -> int:
    """The process that started this one."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.split("PPid:")[1].split()[0])


def answers(server: Server) -> bool:
    """True when the server takes a connection and a question."""
    try:
        with psycopg.connect(server.conninfo(dbname="postgres")) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


class Place:
    """One cluster of one test, and the clients that the test started for it."""

    def __init__(self, root: Path, binaries: PgBinaries) -> None:
        self.root = root
        self.binaries = binaries
        self.files = ClusterFiles(Path(os.path.realpath(root)))
        self._clients: list[subprocess.Popen[str]] = []
        self._leases: list[Lease] = []
        self._socket_dirs: set[Path] = set()

    def lease(self, **arguments: object) -> Lease:
        """A lease held by this process until it is released or the test ends."""
        chosen = {"bin_dir": self.binaries.bin_dir, "settings": NOT_DURABLE, "idle_s": 0.0}
        lease = lease_server(self.root, **(chosen | arguments))
        self._leases.append(lease)
        self._socket_dirs.add(lease.server.socket_dir)
        return lease

    def client(self, python: str = sys.executable) -> subprocess.Popen[str]:
        """Another process that takes a lease and keeps it; its supervisor is run by `python`."""
        command = [sys.executable, "-c", CLIENT]
        started = subprocess.Popen(
            [*command, str(self.root), str(self.binaries.bin_dir), "0", python],
            stdout=subprocess.PIPE,
            text=True,
        )
        self._clients.append(started)
        return started

    def leased_client(self) -> tuple[subprocess.Popen[str], int]:
        """The same once it has its lease, and the server's process as it sees it."""
        started = self.client()
        assert started.stdout is not None
        return started, int(started.stdout.readline())

    def processes(self) -> list[int]:
        """The server processes of this cluster."""
        return cluster_processes(self.files.data)

    def release(self) -> None:
        """Nobody of this test needs the server any more."""
        for client in self._clients:
            client.kill()
            client.wait()
            if client.stdout is not None:
                client.stdout.close()
        for lease in self._leases:
            lease.release()

    def clean_up(self) -> None:
        """No client, no supervisor, no server and no socket folder is left; fails if one stays."""
        self.release()
        try:
            await_stopped(self.root, timeout_s=20)
            wait_until(lambda: not self.processes())
            outside = {folder for folder in self._socket_dirs if folder.parent != self.files.root}
            assert not [folder for folder in outside if folder.exists()]
            assert not self.files.state.exists()
        finally:
            for pid in self.processes():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def binaries() -> PgBinaries:
    """The programs that the launcher's tests run."""
    return chosen_binaries()


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder that every account can walk through, as pytest's own cannot be."""
    with open_folder(quick_folder()) as made:
        yield made


@pytest.fixture
def folder_of_programs() -> Iterator[Path]:
    """The same where programs can be run, as they often cannot be from memory."""
    with open_folder(Path(tempfile.gettempdir())) as made:
        yield made


@contextmanager
def open_folder(parent: Path) -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="cutter-test-", dir=parent))
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made)


@pytest.fixture
def places(folder: Path, binaries: PgBinaries) -> Iterator[Callable[[Path], Place]]:
    """Makes clusters anywhere and leaves nothing of them."""
    made: list[Place] = []

    def at(root: Path) -> Place:
        made.append(Place(root, binaries))
        return made[-1]

    yield at
    for place in made:
        place.release()
    for place in made:
        place.clean_up()


@pytest.fixture
def new_place(places: Callable[[Path], Place], folder: Path) -> Place:
    """A cluster that does not exist yet."""
    return places(folder / "pg")


@pytest.fixture(scope="session")
def made_root(binaries: PgBinaries) -> Iterator[Path]:
    """The folder of a cluster that exists and that many tests start in turn."""
    with open_folder(quick_folder()) as parent:
        root = parent / "pg"
        lease_server(root, bin_dir=binaries.bin_dir, settings=NOT_DURABLE, idle_s=0).release()
        await_stopped(root)
        yield root


@pytest.fixture
def place(made_root: Path, binaries: PgBinaries) -> Iterator[Place]:
    """A cluster that exists and whose server does not run."""
    existing = Place(made_root, binaries)
    yield existing
    existing.clean_up()
