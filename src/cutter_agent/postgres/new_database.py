"""A database of its own on a server, before there is any schema in it."""

from __future__ import annotations

from collections.abc import Iterable

from cutter_agent.postgres.connect import Login, connected, translated


def ensure_database(login: Login, name: str) -> bool:
    """The server has a database of this name, in UTF-8; true if it is new.

    Args:
        login: a way into the server's maintenance database, for a role that may make databases.
        name: the database.
    """
    from psycopg import errors, sql

    with connected(login, application="cutter init") as connection, translated():
        if connection.execute("SELECT FROM pg_database WHERE datname = %s", (name,)).fetchone():
            return False
        create = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'")
        try:
            connection.execute(create.format(sql.Identifier(name)))
        except (errors.DuplicateDatabase, errors.UniqueViolation):
            return False  # another process was quicker
    return True


def roles_there(login: Login, roles: Iterable[str]) -> frozenset[str]:
    """Those of the roles that the server has already; roles belong to the server, not a database."""
    with connected(login, application="cutter init") as connection, translated():
        rows = connection.execute(
            "SELECT rolname::text FROM pg_roles WHERE rolname = ANY (%s)", (list(roles),)
        ).fetchall()
    return frozenset(str(row[0]) for row in rows)
