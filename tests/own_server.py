"""Deployments with a server of their own, which a test may kill: the next one who opens them has it started again."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from tests.live import STARTER, Deployed, accept_policy

from clusters.databases import Database
from cutter_agent.bootstrap import Home, open_desk
from cutter_agent.bootstrap.founding import Founding, found
from cutter_agent.bootstrap.home import HOME_VARIABLE
from cutter_agent.postgres.cluster import cluster_root
from cutter_agent.postgres.embedded import await_stopped

WAIT_S = 20.0


@dataclass(frozen=True)
class Reached(Database):
    """A database of a deployment's own server, which has another socket after each start."""

    url: str = ""

    def conninfo(self, user: str | None = None, password: str | None = None) -> str:
        del user, password
        return self.url


class OwnServer(Deployed):
    """A deployment with a server of its own."""

    @property
    def environ(self) -> dict[str, str]:
        return {HOME_VARIABLE: str(self.home.root)}


@contextmanager
def up(home: Home) -> Iterator[OwnServer]:
    """The deployment while its server runs."""
    with open_desk({HOME_VARIABLE: str(home.root)}) as desk:
        name = desk.access.database
        yield OwnServer(home, Reached(None, name, desk.access.admin().conninfo))  # type: ignore[arg-type]


def kill_server(deployed: Deployed) -> None:
    """The server ends at once, as at a failure of its machine."""
    with psycopg.connect(deployed.database.conninfo()) as connection:
        row = connection.execute("SHOW data_directory").fetchone()
    pid = int(Path(row[0], "postmaster.pid").read_text("ascii").splitlines()[0])
    os.kill(pid, signal.SIGQUIT)
    until = time.monotonic() + WAIT_S
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.01)


@contextmanager
def own_home(folder: Path) -> Iterator[Home]:
    """A deployment with a server of its own, everything armed; server and data are gone afterwards."""
    made = Home(folder.resolve() / "home")
    try:
        found(
            made,
            {HOME_VARIABLE: str(made.root)},
            Founding(operator=STARTER, execution_enabled=True),
        )
        with up(made) as deployed, deployed.desk() as desk:
            accept_policy(desk)
            desk.turn_switch(armed=True, reason="a test cuts")
        yield made
    finally:
        cluster = cluster_root(made.root)
        await_stopped(cluster)
        shutil.rmtree(cluster, ignore_errors=True)
