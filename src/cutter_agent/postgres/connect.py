"""Connections: one login each, settings pinned, driver errors turned into stops."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cutter_agent.errors import (
    ApprovalConsumedAlready,
    ProductionExecutionNotAuthorized,
    Stop,
    StopApprovalExpired,
    StopApprovalInvalid,
    StopDatabaseAway,
    StopDrift,
    StopEvidenceMismatch,
    StopGrantDelta,
    StopInvariantFailed,
    StopLockBusy,
    StopRefusedInput,
    StopReplayConflict,
    StopRunUnknown,
    StopSourceUnreadable,
    StopStorage,
    StopUnexpected,
)

if TYPE_CHECKING:
    import psycopg

    Connection = psycopg.Connection[tuple[Any, ...]]
else:
    Connection = Any

CONNECT_TIMEOUT_S: Final = 10
STATEMENT_TIMEOUT_S: Final = 20 * 60
LOCK_TIMEOUT_S: Final = 60
IDLE_IN_TRANSACTION_TIMEOUT_S: Final = 20 * 60
SILENCE_S: Final = 5
"""How long a line is silent before the other end is asked whether it still lives."""
PROBE_S: Final = 2
PROBES: Final = 3
DEAD_LINE_S: Final = 12
"""How long what was sent may stay unanswered: after that the line is dead, and the session with it."""

Select = Callable[[str, Mapping[str, object]], Sequence[Mapping[str, object]]]
"""Reads rows: SQL with %(name)s parameters, and their values (Contract 8)."""

_PINNED: Final = {
    # Rows are hashed as text: the same row must have the same text in every session.
    "TimeZone": "UTC",
    "DateStyle": "ISO,YMD",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "client_encoding": "UTF8",
    "search_path": "pg_catalog,pg_temp",
    "statement_timeout": f"{STATEMENT_TIMEOUT_S}s",
    "lock_timeout": f"{LOCK_TIMEOUT_S}s",
    "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_TIMEOUT_S}s",
    # The server's side of a line that went dead without a word: its session ends, its locks are free.
    "tcp_keepalives_idle": str(SILENCE_S),
    "tcp_keepalives_interval": str(PROBE_S),
    "tcp_keepalives_count": str(PROBES),
    "tcp_user_timeout": f"{DEAD_LINE_S}s",
}

_OUR_SIDE: Final = {
    "keepalives": 1,
    "keepalives_idle": SILENCE_S,
    "keepalives_interval": PROBE_S,
    "keepalives_count": PROBES,
    "tcp_user_timeout": DEAD_LINE_S * 1_000,
}
"""The same for our end, where libpq counts in milliseconds; a socket on this machine has no use for it."""

_STOP_BY_SQLSTATE: Final[dict[str, type[Stop]]] = {
    "CU001": StopRefusedInput,
    "CU002": StopRefusedInput,
    "CU010": ProductionExecutionNotAuthorized,
    "CU011": StopLockBusy,
    "CU012": StopApprovalInvalid,
    "CU013": ApprovalConsumedAlready,
    "CU014": StopRunUnknown,
    "CU015": StopReplayConflict,
    "CU016": StopInvariantFailed,
    "CU017": StopEvidenceMismatch,
    "CU019": StopApprovalExpired,
    "CU020": StopGrantDelta,
    "CU021": StopRefusedInput,
    "CU022": StopDrift,
    "CU023": StopEvidenceMismatch,
    "22021": StopSourceUnreadable,
    "22P05": StopSourceUnreadable,
    "23503": StopReplayConflict,
    "23505": StopReplayConflict,
    "23514": StopEvidenceMismatch,
    "25006": StopGrantDelta,
    "42501": StopGrantDelta,
    "53100": StopStorage,
    "55P03": StopLockBusy,
}
"""What the database's refusals mean; CU… are the codes that our own functions raise."""

_STOP_BY_SQLSTATE_CLASS: Final[dict[str, type[Stop]]] = {
    "08": StopDatabaseAway,
    "28": StopDatabaseAway,
    "3D": StopDatabaseAway,
    "40": StopDatabaseAway,
    "53": StopDatabaseAway,
    "57": StopDatabaseAway,
    "58": StopStorage,
}

_NOT_THIS_SCHEMA: Final = frozenset({"3F000", "42703", "42883", "42P01"})
"""A schema, column, function or table that this version's statements name and the database lacks."""


@dataclass(frozen=True, slots=True)
class Login:
    """One role's way into one database; the password stays in its file.

    Attributes:
        conninfo: libpq connection string or URL, without a password.
        role: the role to log in as; empty leaves it to the connection string.
        password_file: a file that only its owner can read, holding the password alone; or None.
    """

    conninfo: str
    role: str = ""
    password_file: Path | None = None


@contextmanager
def translated(*, run_id: str | None = None, document_id: str | None = None) -> Iterator[None]:
    """Inside the context, what the driver raises arrives as a stop."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise stop_of(error, run_id=run_id, document_id=document_id) from error
    except UnicodeEncodeError as error:
        raise StopSourceUnreadable(
            f"a lone surrogate at character {error.start}", run_id=run_id, document_id=document_id
        ) from error


def stop_of(error: Exception, *, run_id: str | None = None, document_id: str | None = None) -> Stop:
    """Return the stop that a driver error stands for."""
    import psycopg

    state = getattr(error, "sqlstate", None) or ""
    kind = _STOP_BY_SQLSTATE.get(state) or _STOP_BY_SQLSTATE_CLASS.get(state[:2])
    if kind is None and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        kind = StopDatabaseAway
    if kind is None and isinstance(error, psycopg.DataError) and not state:
        kind = StopSourceUnreadable
    kind = kind or StopUnexpected
    lines = str(error).strip().splitlines() or [type(error).__name__]
    if state in _NOT_THIS_SCHEMA:
        return StopDatabaseAway(
            lines[0],
            expected="a database with the schema of this version, which cutter init brings",
            run_id=run_id,
            document_id=document_id,
            remedy="cutter init",
        )
    return kind(lines[0], run_id=run_id, document_id=document_id)


def read_password(path: Path) -> str:
    """Return the password that the file holds.

    Raises:
        StopRefusedInput: the file cannot be read, or others than its owner may read it.
    """
    try:
        if path.stat().st_mode & 0o077:
            raise StopRefusedInput(
                f"others may read the password file {path}", expected="mode 0600"
            )
        return path.read_text(encoding="utf-8").rstrip("\n")
    except OSError as error:
        raise StopRefusedInput(f"the password file {path} cannot be read") from error


def connect(login: Login, *, application: str, search_path: str | None = None) -> Connection:
    """Return a connection whose settings are pinned; each `transaction()` on it is one transaction.

    The connection commits by itself outside of `transaction()`: a BEGIN written by hand would be
    one that nobody ends. Names without a schema are the server's own, unless `search_path` says more.

    Raises:
        StopDatabaseAway: the server does not answer, or refuses the login.
        StopRefusedInput: the connection string cannot be parsed.
    """
    import psycopg

    text = full_conninfo(login, application=application, search_path=search_path)
    with translated():
        return psycopg.connect(text, autocommit=True)


def connect_reading(login: Login, *, application: str) -> Connection:
    """Return a connection on which every statement by itself is a REPEATABLE READ READ ONLY transaction.

    The same as `snapshot` around a single statement, without two more round trips that say so.

    Raises:
        StopDatabaseAway: the server does not answer, or refuses the login.
        StopRefusedInput: the connection string cannot be parsed.
    """
    connection = connect(login, application=application)
    with translated():
        connection.execute(
            "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
        )
    return connection


def full_conninfo(login: Login, *, application: str, search_path: str | None = None) -> str:
    """Return the connection string of a session with our settings, its password in it.

    Args:
        login: whose session.
        application: what the server shows as its name.
        search_path: where names without a schema are looked up, if not only among the server's own.

    Raises:
        StopRefusedInput: the connection string cannot be parsed.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    try:
        given = conninfo_to_dict(login.conninfo)
    except psycopg.ProgrammingError as error:
        raise StopRefusedInput("the connection string cannot be parsed") from error
    pinned = _PINNED if search_path is None else {**_PINNED, "search_path": search_path}
    settings = " ".join(f"-c {name}={value}" for name, value in pinned.items())
    extra: dict[str, Any] = {
        "application_name": application,
        "options": f"{given.get('options') or ''} {settings}".strip(),
    }
    defaults: dict[str, Any] = {"connect_timeout": CONNECT_TIMEOUT_S, **_OUR_SIDE}
    extra |= {name: value for name, value in defaults.items() if name not in given}
    if login.role:
        extra["user"] = login.role
    if login.password_file is not None:
        extra["password"] = read_password(login.password_file)
    return make_conninfo(login.conninfo, **extra)


@contextmanager
def connected(
    login: Login, *, application: str, search_path: str | None = None
) -> Iterator[Connection]:
    """Inside the context the connection is open; at its end it is closed."""
    connection = connect(login, application=application, search_path=search_path)
    try:
        yield connection
    finally:
        connection.close()


def select_on(connection: Connection) -> Select:
    """Return a reader of rows over this connection, inside whatever transaction is open on it."""

    def select(sql: str, parameters: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
        from psycopg.rows import dict_row

        with translated(), connection.cursor(row_factory=dict_row, binary=True) as cursor:
            return cursor.execute(sql.encode(), dict(parameters)).fetchall()

    return select


def select_read_only(login: Login, *, application: str) -> Select:
    """Return a reader of rows: each call is one REPEATABLE READ READ ONLY transaction of its own.

    Every call opens and closes a connection, so that nothing of it outlives the answer.
    """

    def select(sql: str, parameters: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
        with connected(login, application=application) as connection, snapshot(connection):
            return select_on(connection)(sql, parameters)

    return select


@contextmanager
def snapshot(connection: Connection) -> Iterator[None]:
    """Inside the context, every read sees one instant, and the transaction is read-only."""
    import psycopg

    with translated():
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        try:
            with connection.transaction():
                yield
        finally:
            if not connection.closed:
                connection.isolation_level = None
                connection.read_only = None
