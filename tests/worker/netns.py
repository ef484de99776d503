"""Machines of a test: network namespaces with addresses of their own, and a server that listens to them.

The database's machine holds a bridge; each of the others is one cable away from it. Nothing here touches
the network of the machine that runs the tests.
"""

import itertools
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from clusters.databases import Database
from cutter_agent.postgres.binaries import PgBinaries

SERVER_ADDRESS = "10.213.71.1"
PORT = 5432
START_S = 30.0
AS_ACCOUNT = "import os, sys; os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[1])); os.execv(sys.argv[3], sys.argv[3:])"
numbers = itertools.count(1)


def ip(*words: str) -> None:
    """The command was carried out."""
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=30)


@dataclass(frozen=True)
class Machine:
    """One network namespace."""

    name: str

    @property
    def prefix(self) -> tuple[str, ...]:
        """What a command on this machine begins with."""
        return ("ip", "netns", "exec", self.name)


@dataclass(frozen=True)
class Network:
    """The database's machine and the others, by number."""

    hub: Machine
    machines: tuple[Machine, ...]

    def cut(self, number: int) -> None:
        """Nothing passes between this machine and the rest any more, and neither end is told."""
        ip("-n", self.hub.name, "link", "set", f"cable{number}", "down")

    def mend(self, number: int) -> None:
        """The cable is whole again."""
        ip("-n", self.hub.name, "link", "set", f"cable{number}", "up")


@contextmanager
def network(count: int) -> Iterator[Network]:
    """So many machines around a hub; skips with a word where they cannot be made."""
    mark = f"cutter-{os.getpid()}-{next(numbers)}"
    with ExitStack() as stack:
        hub = stack.enter_context(machine(f"{mark}-hub"))
        ip("-n", hub.name, "link", "add", "bridge", "type", "bridge")
        ip("-n", hub.name, "address", "add", f"{SERVER_ADDRESS}/24", "dev", "bridge")
        ip("-n", hub.name, "link", "set", "bridge", "up")
        others = []
        for number in range(count):
            other = stack.enter_context(machine(f"{mark}-{number}"))
            cable, socket = f"cable{number}", f"socket{number}"
            ip("-n", hub.name, "link", "add", cable, "type", "veth", "peer", "name", socket)
            ip("-n", hub.name, "link", "set", socket, "netns", other.name)
            ip("-n", hub.name, "link", "set", cable, "master", "bridge", "up")
            address = f"{SERVER_ADDRESS[:-1]}{10 + number}/24"
            ip("-n", other.name, "address", "add", address, "dev", socket)
            ip("-n", other.name, "link", "set", socket, "up")
            others.append(other)
        yield Network(hub, tuple(others))


@contextmanager
def machine(name: str) -> Iterator[Machine]:
    """A namespace that is gone afterwards."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and the program ip")
    try:
        ip("netns", "add", name)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"network namespaces cannot be made here: {error.stderr.decode().strip()}")
    try:
        ip("-n", name, "link", "set", "lo", "up")
        yield Machine(name)
    finally:
        ip("netns", "delete", name)


@dataclass(frozen=True)
class Listening(Database):
    """A database of a server that other machines reach; this process comes through its socket."""

    socket_dir: str = ""
    passfile: str = ""

    def conninfo(self, user: str | None = None, password: str | None = None) -> str:
        del user, password
        return make_conninfo(
            "", host=self.socket_dir, dbname=self.name, user="postgres", passfile=self.passfile
        )

    @property
    def url(self) -> str:
        """How other machines reach it; roles bring their own passwords."""
        return f"postgresql://{SERVER_ADDRESS}:{PORT}/{self.name}"


@contextmanager
def listening(
    data: Path, programs: PgBinaries, name: str, passfile: Path, hub: Machine
) -> Iterator[Listening]:
    """The server of this data folder runs on the hub, as the account that owns the data."""
    owner = pwd.getpwuid(data.stat().st_uid)
    with tempfile.TemporaryDirectory(prefix="cutter-net-") as folder:
        place = Path(folder)
        os.chown(place, owner.pw_uid, owner.pw_gid)
        hba = place / "hba"
        hba.write_text("local all all scram-sha-256\nhost all all all scram-sha-256\n")
        hba.chmod(0o644)
        settings = {
            "listen_addresses": SERVER_ADDRESS,
            "port": str(PORT),
            "unix_socket_directories": folder,
            "hba_file": str(hba),
            "fsync": "off",
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        server = subprocess.Popen(
            [
                *(*hub.prefix, sys.executable, "-c", AS_ACCOUNT),
                *(str(owner.pw_uid), str(owner.pw_gid), str(programs.postgres)),
                *("-D", str(data), *options),
            ],
            cwd="/",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        database = Listening(None, name, folder, str(passfile))  # type: ignore[arg-type]
        try:
            await_answer(database, server)
            yield database
        finally:
            server.terminate()
            try:
                server.wait(START_S)
            finally:
                server.kill()
                server.wait()


def await_answer(database: Listening, server: subprocess.Popen[bytes]) -> None:
    """The server takes connections."""
    until = time.monotonic() + START_S
    while True:
        assert server.poll() is None, "the server ended while it was starting"
        try:
            psycopg.connect(database.conninfo()).close()
        except psycopg.OperationalError:
            assert time.monotonic() < until
            time.sleep(0.05)
        else:
            return
