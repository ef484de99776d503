"""Stages of a live run, kept as copies of database and home: a test begins where it wants to.

A copy has the name and the oid of its original, for requests and policies name the database they are
for; so one copy of a stage exists at a time.
"""

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from tests.live import Deployed, approve, deploy
from tests.runs import CHARTER, CODE

from clusters.databases import Database
from clusters.fixtures import copy_database_grants, fresh_database, quick_folder, run_sql
from cutter_agent.bootstrap import Home
from cutter_agent.orchestrator import Mode
from cutter_agent.postgres.embedded import Server

READY, SG_1, SG_2, DONE = "ready", "sg_1", "sg_2", "done"
numbers = itertools.count(1)


@dataclass(frozen=True)
class Stage:
    """One moment of a deployment's life: its database's copy and its home's."""

    database: str
    home: Path


class Stages:
    """The stages of one run of one document on one server, each to be begun from any number of times."""

    def __init__(self, server: Server, folder: Path, oid: int) -> None:
        self.server = server
        self.folder = folder
        self.oid = oid
        self.name = f"cutter_staged_{next(numbers)}"
        self.run_id = ""
        self.kept: dict[str, Stage] = {}

    @contextmanager
    def at(self, name: str) -> Iterator[Deployed]:
        """The deployment as it was at this stage; gone afterwards, whoever still uses it."""
        stage = self.kept[name]
        self._copy(stage.database, self.name, self.oid)
        home = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            shutil.copytree(stage.home, home / "home")
            yield Deployed(Home(home / "home"), Database(self.server, self.name))
        finally:
            run_sql(self.server, "DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)
            shutil.rmtree(home)

    def keep(self, name: str, deployed: Deployed) -> None:
        """This moment is the stage of that name."""
        database = f"{self.name}_{name}"
        self._copy(deployed.database.name, database, None)
        home = self.folder / name
        shutil.copytree(deployed.home.root, home)
        self.kept[name] = Stage(database, home)

    def _copy(self, source: str, target: str, oid: int | None) -> None:
        placed = "" if oid is None else f" OID {oid}"
        run_sql(
            self.server,
            f"CREATE DATABASE {{}} TEMPLATE {{}} STRATEGY FILE_COPY{placed}",
            target,
            source,
        )
        copy_database_grants(self.server, target)

    def drop(self) -> None:
        """No copy is left."""
        for stage in self.kept.values():
            run_sql(self.server, "DROP DATABASE IF EXISTS {} WITH (FORCE)", stage.database)


def oid_of(server: Server, name: str) -> int:
    """The oid of a database."""
    with psycopg.connect(server.conninfo(dbname="postgres")) as connection:
        row = connection.execute("SELECT oid FROM pg_database WHERE datname = %s", (name,))
        return int(row.fetchone()[0])


@contextmanager
def staged(server: Server, source: bytes = CHARTER, *, until: str = SG_2) -> Iterator[Stages]:
    """A document's stages: ready to be cut, at SG_1, at SG_2, closed out; up to the one named."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=quick_folder())))
        with fresh_database(server) as first:
            oid = oid_of(server, first.name)
            stages = Stages(server, folder, oid)
            with psycopg.connect(server.conninfo(dbname="postgres"), autocommit=True) as admin:
                admin.execute(f"ALTER DATABASE {first.name} RENAME TO {stages.name}")
            stack.callback(stages.drop)
            try:
                build(stages, source, until)
            finally:
                run_sql(server, "DROP DATABASE IF EXISTS {} WITH (FORCE)", stages.name)
        yield stages


def build(stages: Stages, source: bytes, until: str) -> None:
    """The stages are kept one after the other, as one run comes by them."""
    original = stages.folder / "original"
    original.mkdir()
    deployed = deploy(Database(stages.server, stages.name), original, source=source)
    stages.keep(READY, deployed)
    for name in (SG_1, SG_2, DONE):
        if until == READY or until in stages.kept:
            return
        with deployed.runner() as runner:
            if name == SG_1:
                stages.run_id = runner.cut(document_id=CODE, mode=Mode.LIVE).run_id
            else:
                approve(deployed, runner, stages.run_id)
        stages.keep(name, deployed)
