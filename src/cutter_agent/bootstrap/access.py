"""Access to the deployment's database: whose server it is, and one login a role."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cutter_agent.bootstrap.home import DATABASE_VARIABLE, Home
from cutter_agent.bootstrap.settings import DatabaseSettings, ServerKind
from cutter_agent.errors import StopDatabaseAway, StopRefusedInput

if TYPE_CHECKING:
    from cutter_agent.postgres.connect import Login
    from cutter_agent.postgres.embedded import Lease

Tell = Callable[[str], None]
"""Told a sentence when something slow begins."""

MAINTENANCE_DATABASE: Final = "postgres"


def say_nothing(sentence: str) -> None:
    """The caller does not want to hear."""
    del sentence


@dataclass(slots=True)
class Access:
    """An open way to the database; an embedded server runs at least until it is closed.

    Attributes:
        home: where the roles' passwords lie.
        database: the database's name.
        bin_dir: the programs of the embedded server; None for an outside one.
        account: libpq's connection string without a user or a password.
    """

    home: Home
    database: str
    bin_dir: Path | None
    _conninfo: str
    _admin: Login
    _lease: Lease | None

    @property
    def embedded(self) -> bool:
        """True if the server is our own."""
        return self.bin_dir is not None

    def admin(self, database: str | None = None) -> Login:
        """The login that makes roles and schemas: the superuser's, or the one of the URL.

        Args:
            database: another database of our own server.
        """
        if database is None or self._lease is None:
            return self._admin
        return _login(self._lease.server.conninfo(dbname=database))

    def login(self, role: str) -> Login:
        """The role's login, with its password in a file of the home.

        Raises:
            StopRefusedInput: the home holds no password of this role.
        """
        password = self.home.password(role)
        if not password.is_file():
            raise StopRefusedInput(
                f"the home holds no password of {role}",
                expected=str(password),
                remedy="cutter init",
            )
        return _login(self._conninfo, role, password)

    def close(self) -> None:
        """The database is no longer needed here."""
        if self._lease is not None:
            self._lease.release()


def open_access(
    home: Home,
    settings: DatabaseSettings,
    environ: Mapping[str, str],
    *,
    on_progress: Tell = say_nothing,
    create: bool = False,
) -> Access:
    """The database's server runs, and every role's login is known.

    Args:
        home: the deployment's home.
        settings: which server and database.
        environ: where CUTTER_DATABASE_URL is looked up.
        on_progress: told when something slow begins.
        create: whether an embedded cluster may be made where there is none.

    Raises:
        StopDatabaseAway: the server does not come up, or its data is gone.
        StopRefusedInput: the settings and the environment name different servers.
    """
    url = environ.get(DATABASE_VARIABLE, "")
    if settings.server is ServerKind.OUTSIDE:
        if not url:
            raise StopRefusedInput(
                "this deployment lives in an outside server, and nothing says where that is",
                expected=f"its URL in {DATABASE_VARIABLE}",
                remedy=f"{DATABASE_VARIABLE}=postgresql://HOST/DATABASE cutter doctor",
            )
        return _outside(home, url)
    if url:
        raise StopRefusedInput(
            f"this deployment has its own server, and {DATABASE_VARIABLE} names another",
            expected=f"{DATABASE_VARIABLE} unset, or another home",
            remedy=f"env -u {DATABASE_VARIABLE} cutter doctor",
        )
    return _embedded(home, settings.name, environ, on_progress, create=create)


def outside_database(environ: Mapping[str, str]) -> str | None:
    """The name of the database that CUTTER_DATABASE_URL names, or None where it is not set.

    Raises:
        StopRefusedInput: it is set and cannot be read, or names no database.
    """
    url = environ.get(DATABASE_VARIABLE, "")
    return _parts(url)["dbname"] if url else None


def _embedded(
    home: Home, database: str, environ: Mapping[str, str], on_progress: Tell, *, create: bool
) -> Access:
    from cutter_agent.postgres.cluster import ClusterFiles, cluster_root
    from cutter_agent.postgres.embedded import lease_server

    root = cluster_root(home.root)
    if not create and ClusterFiles(root).data_major is None:
        raise StopDatabaseAway(
            f"the data folder of this deployment's server is gone: {ClusterFiles(root).data}",
            expected="the folder that cutter init made",
            remedy="put it back, or make an empty database: cutter init",
        )
    lease = lease_server(root, on_progress=on_progress, environ=environ)
    server = lease.server
    return Access(
        home=home,
        database=database,
        bin_dir=server.bin_dir,
        # The user comes from the login; the file of the superuser's password is none of theirs.
        _conninfo=server.conninfo(dbname=database, user=""),
        _admin=_login(server.conninfo(dbname=database)),
        _lease=lease,
    )


def _outside(home: Home, url: str) -> Access:
    from psycopg.conninfo import make_conninfo

    parts = _parts(url)
    ours = {k: v for k, v in parts.items() if k not in {"user", "password", "passfile"}}
    return Access(
        home=home,
        database=parts["dbname"],
        bin_dir=None,
        _conninfo=make_conninfo("", **ours),
        _admin=_login(url),
        _lease=None,
    )


def _parts(url: str) -> dict[str, str]:
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        parts = {k: str(v) for k, v in conninfo_to_dict(url).items() if v is not None}
    except ProgrammingError:
        # Not chained: the driver's sentence repeats the URL, and the URL may hold a password.
        raise StopRefusedInput(
            f"{DATABASE_VARIABLE} is not a connection string",
            expected="postgresql://USER@HOST/DATABASE",
            remedy=f"{DATABASE_VARIABLE}=postgresql://USER@HOST/DATABASE cutter doctor",
        ) from None
    if not parts.get("dbname", "").isprintable() or not parts.get("dbname"):
        raise StopRefusedInput(
            f"{DATABASE_VARIABLE} names no database that can be shown",
            expected="postgresql://USER@HOST/DATABASE",
            remedy=f"{DATABASE_VARIABLE}=postgresql://USER@HOST/DATABASE cutter doctor",
        )
    return parts


def _login(conninfo: str, role: str = "", password_file: Path | None = None) -> Login:
    from cutter_agent.postgres.connect import Login

    return Login(conninfo, role, password_file)
