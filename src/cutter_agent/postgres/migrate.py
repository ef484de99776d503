"""Migrations: the database has our schema, roles, functions and grants, whatever it had before.

Schema files run once, in order, each in its own transaction, and their digests are kept: a file that
was changed or lost afterwards is refused. Function files run every time; what somebody changed by
hand is put back. Walls need rights that only a superuser has; `doctor` tells which of them stand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from typing import Final

from cutter_agent.errors import StopEvidenceMismatch, StopRefusedInput
from cutter_agent.orchestrator.grants import LOGIN_ROLES, ROLE_OWNER, ROLE_READER
from cutter_agent.postgres.connect import Connection, Login, connected, translated

SERVER_VERSION_MIN: Final = 150000

# The global form: the one per schema cannot take PUBLIC's built-in right away.
_DEFAULT_PRIVILEGES: Final = "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC"

_MIGRATION_TABLE: Final = """
CREATE SCHEMA IF NOT EXISTS cutter_migration;
COMMENT ON SCHEMA cutter_migration IS 'Which schema files ran here, with their digests.';
CREATE TABLE IF NOT EXISTS cutter_migration.migration (
  name text COLLATE "C" NOT NULL,
  sha256 bytea NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  CONSTRAINT migration_once PRIMARY KEY (name),
  CONSTRAINT migration_digest_is_32_bytes CHECK (octet_length(sha256) = 32)
);
COMMENT ON TABLE cutter_migration.migration IS 'Schema files that ran here.';
COMMENT ON COLUMN cutter_migration.migration.name IS 'File name; files run in its order.';
COMMENT ON COLUMN cutter_migration.migration.sha256 IS 'Digest of the file when it ran.';
COMMENT ON COLUMN cutter_migration.migration.applied_at IS 'When it ran.';
"""


def sql_files(folder: str) -> dict[str, bytes]:
    """Return the SQL files of one folder of this package, by name, in order."""
    found = files("cutter_agent.postgres").joinpath(folder).iterdir()
    texts = {entry.name: entry.read_bytes() for entry in found if entry.name.endswith(".sql")}
    return dict(sorted(texts.items()))


def migrate(
    login: Login,
    *,
    passwords: Mapping[str, str] | None = None,
    migrations: Mapping[str, bytes] | None = None,
) -> list[str]:
    """Return the names of the schema files that ran now; the database is up to date.

    Args:
        login: a superuser, or a login that may create roles and schemas and join cutter_owner.
        passwords: new passwords by role; only their SCRAM verifiers are sent to the server.
        migrations: schema files by name, in place of the package's own.

    Raises:
        StopEvidenceMismatch: a file that ran here was changed or is missing.
        StopGrantDelta: the login may not do what a migration needs.
        StopRefusedInput: the server is older than 15 or its database is not in UTF-8.
    """
    wanted = sql_files("migrations") if migrations is None else dict(sorted(migrations.items()))
    with connected(login, application="cutter migrate") as connection, translated():
        _check_server(connection)
        with migrating(connection):
            _roles(connection, passwords or {})
            applied = _as_owner(connection, wanted)
            _walls(connection)
    return applied


def prepare_roles(login: Login, passwords: Mapping[str, str]) -> None:
    """The server has our roles and default privileges: what is in no dump of a database.

    Raises:
        StopGrantDelta: the login may not make roles.
    """
    with connected(login, application="cutter restore") as connection, translated():
        _roles(connection, passwords)
        connection.execute(f"SET ROLE {ROLE_OWNER}")
        connection.execute(_DEFAULT_PRIVILEGES)
        connection.execute("RESET ROLE")


def build_walls(login: Login) -> None:
    """The database has the walls that the login may build, as after a migration."""
    with (
        connected(login, application="cutter restore") as connection,
        translated(),
        migrating(connection),
    ):
        _walls(connection)


def _check_server(connection: Connection) -> None:
    if connection.info.server_version < SERVER_VERSION_MIN:
        raise StopRefusedInput(
            f"the server's version is {connection.info.server_version}",
            expected="PostgreSQL 15 or newer",
        )
    row = connection.execute("SELECT current_setting('server_encoding')").fetchone()
    if row is None or row[0] != "UTF8":
        raise StopRefusedInput(f"the database's encoding is {row and row[0]}", expected="UTF8")


@contextmanager
def migrating(connection: Connection) -> Iterator[None]:
    """Hold the migration lock of this database, with our own walls open for this session."""
    connection.execute("SELECT pg_advisory_lock(hashtextextended('cutter/migration', 0))")
    connection.execute("SELECT set_config('cutter.migration', 'on', false)")
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT set_config('cutter.migration', '', false)")
            connection.execute("SELECT pg_advisory_unlock(hashtextextended('cutter/migration', 0))")


def _roles(connection: Connection, passwords: Mapping[str, str]) -> None:
    """Make sure that our roles exist; roles belong to the cluster, so others may make them too."""
    from psycopg import errors, sql

    for role in (ROLE_OWNER, *LOGIN_ROLES):
        login = sql.SQL("NOLOGIN" if role == ROLE_OWNER else "LOGIN")
        if _exists(connection, role):
            continue
        try:
            connection.execute(
                sql.SQL(
                    "CREATE ROLE {} {} NOSUPERUSER NOCREATEDB NOCREATEROLE NOINHERIT NOREPLICATION"
                    " NOBYPASSRLS"
                ).format(sql.Identifier(role), login)
            )
        except (errors.DuplicateObject, errors.UniqueViolation):
            continue  # another database of this cluster was quicker
    connection.execute(f"ALTER ROLE {ROLE_READER} SET default_transaction_read_only = on")
    for role, password in passwords.items():
        if role not in LOGIN_ROLES:
            raise StopRefusedInput(f"{role} has no password", expected=", ".join(LOGIN_ROLES))
        verifier = connection.pgconn.encrypt_password(
            password.encode(), role.encode(), b"scram-sha-256"
        ).decode()
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier))
        )
    _join_owner(connection)


def _exists(connection: Connection, role: str) -> bool:
    row = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,)).fetchone()
    return row is not None


def _join_owner(connection: Connection) -> None:
    from psycopg import errors, sql

    name = sql.Identifier(connection.info.dbname)
    connection.execute(
        sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(name, sql.Identifier(ROLE_OWNER))
    )
    try:
        connection.execute(f"SET ROLE {ROLE_OWNER}")
    except errors.InsufficientPrivilege:
        connection.execute(f"GRANT {ROLE_OWNER} TO CURRENT_USER")
    connection.execute("RESET ROLE")


def _as_owner(connection: Connection, wanted: Mapping[str, bytes]) -> list[str]:
    connection.execute(f"SET ROLE {ROLE_OWNER}")
    try:
        with connection.transaction():
            connection.execute(_DEFAULT_PRIVILEGES)
            connection.execute(_MIGRATION_TABLE.encode())
        applied = _pending(connection, wanted)
        for name in applied:
            with connection.transaction():
                connection.execute(wanted[name])
                connection.execute(
                    "INSERT INTO cutter_migration.migration (name, sha256) VALUES (%s, %b)",
                    (name, hashlib.sha256(wanted[name]).digest()),
                )
        with connection.transaction():
            for text in sql_files("functions").values():
                connection.execute(text)
    finally:
        if not connection.closed:
            connection.execute("RESET ROLE")
    return applied


def _pending(connection: Connection, wanted: Mapping[str, bytes]) -> list[str]:
    rows = connection.execute("SELECT name, sha256 FROM cutter_migration.migration").fetchall()
    done = {str(name): bytes(sha256) for name, sha256 in rows}
    faults = [f"{name} is missing" for name in sorted(done.keys() - wanted.keys())]
    faults += [
        f"{name} was changed after it ran"
        for name in sorted(done.keys() & wanted.keys())
        if hashlib.sha256(wanted[name]).digest() != done[name]
    ]
    pending = [name for name in wanted if name not in done]
    newest = max(done, default="")
    faults += [f"{name} comes before {newest}, which ran" for name in pending if name < newest]
    if faults:
        raise StopEvidenceMismatch(
            "the schema files are not those that ran here",
            expected="the files as they were",
            findings=faults,
            remedy="cutter doctor",
        )
    return pending


def _walls(connection: Connection) -> None:
    """Build the walls that this login may build; what it may not, `doctor` reports."""
    from psycopg import errors

    for text in sql_files("walls").values():
        try:
            with connection.transaction():
                connection.execute(text)
        except errors.InsufficientPrivilege:
            continue
