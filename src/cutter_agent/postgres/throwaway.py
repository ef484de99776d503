"""Throwaway databases: known by a token that this process wrote into a cluster of its own."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from cutter_agent.errors import ProductionExecutionNotAuthorized
from cutter_agent.orchestrator.grants import ROLE_EXEC, ROLE_VERIFY
from cutter_agent.postgres.connect import Connection, Login, connected, translated
from cutter_agent.postgres.embedded import Server

MAINTENANCE_DATABASE: Final = "postgres"
_NAME_BYTES_MAX: Final = 63
_MINT: Final = object()
_MARK: Final = f"""
CREATE SCHEMA cutter_throwaway;
CREATE TABLE cutter_throwaway.token (token text NOT NULL);
GRANT USAGE ON SCHEMA cutter_throwaway TO {ROLE_EXEC}, {ROLE_VERIFY};
GRANT SELECT ON cutter_throwaway.token TO {ROLE_EXEC}, {ROLE_VERIFY};
"""
_THERE: Final = "SELECT to_regclass('cutter_throwaway.token') IS NOT NULL"
_TOKENS: Final = "SELECT token FROM cutter_throwaway.token"


@dataclass(frozen=True, slots=True)
class Throwaway:
    """A database of a cluster that this process started, and that is gone when its context ends.

    Raises:
        ProductionExecutionNotAuthorized: on any other way of making one than `marked`.
    """

    server: Server
    database: str
    token: str = field(repr=False)
    pid: int
    _mint: object = field(repr=False)

    def __post_init__(self) -> None:
        if self._mint is not _MINT:
            raise ProductionExecutionNotAuthorized(
                "a database is not throwaway because one says so"
            )

    def check(self, connection: Connection) -> None:
        """Return only if the connection goes into this very database, and this process made it.

        Raises:
            ProductionExecutionNotAuthorized: it goes anywhere else, a deployment's database above all.
        """
        info = connection.info
        if (self.pid, info.host, info.port, info.dbname) != (
            os.getpid(),
            str(self.server.socket_dir),
            self.server.port,
            self.database,
        ):
            raise _refused()
        with translated():
            there = connection.execute(_THERE).fetchone()
            tokens = connection.execute(_TOKENS).fetchall() if there and there[0] else []
        if [str(token) for (token,) in tokens] != [self.token]:
            raise _refused()


def marked(server: Server, database: str) -> Throwaway:
    """The database holds a token that nobody else knows; returns what recognises it.

    Args:
        server: from `throwaway_server`, in this process.
        database: a database of it.
    """
    token = secrets.token_hex(32)
    login = Login(server.conninfo(dbname=database))
    with connected(login, application="cutter restore") as connection, translated():
        connection.execute(_MARK.encode())
        connection.execute("INSERT INTO cutter_throwaway.token VALUES (%s)", (token,))
    return Throwaway(server, database, token, os.getpid(), _MINT)


@contextmanager
def copied(original: Throwaway) -> Iterator[Throwaway]:
    """Inside the context a copy of the throwaway database stands beside it; then it is gone.

    Nobody may be connected to the original. The copy has its rows, its functions and its token.
    """
    from psycopg import sql

    own = f"{original.database[: _NAME_BYTES_MAX - 17]}_{secrets.token_hex(8)}"
    template, name = sql.Identifier(original.database), sql.Identifier(own)
    # By files: nothing has to reach the disk, and the rows need not go through the log.
    make = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(name, template)
    login = Login(original.server.conninfo(dbname=MAINTENANCE_DATABASE))
    with connected(login, application="cutter restore") as connection, translated():
        connection.execute(make)
        try:
            yield replace(original, database=own)
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def _refused() -> ProductionExecutionNotAuthorized:
    return ProductionExecutionNotAuthorized(
        "a rehearsal does not write into a database that is not its own throwaway one",
        expected="the copy that this process restored",
    )
