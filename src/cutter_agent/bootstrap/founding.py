"""Founding: a home becomes a deployment with database, roles, keys and settings, or is found to be one."""

from __future__ import annotations

import os
import pwd
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Final

from cutter_agent.bootstrap.access import (
    MAINTENANCE_DATABASE,
    Access,
    Tell,
    open_access,
    outside_database,
    say_nothing,
)
from cutter_agent.bootstrap.home import POLICY, SETTINGS, Home
from cutter_agent.bootstrap.settings import (
    OPERATOR,
    DatabaseSettings,
    ServerKind,
    Settings,
    check_operator,
    read_settings,
    write_settings,
)
from cutter_agent.errors import StopLockBusy, StopRefusedInput, StopStorage
from cutter_agent.orchestrator.grants import LOGIN_ROLES, ROLE_READER

PASSWORD_BYTES: Final = 32
CLUSTER_FOLDER: Final = "pg"
DEMO_MARK: Final = "demo"
"""A file in the cluster's folder: this server's data belongs to a demo and may be thrown away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Founding:
    """What is wanted of a deployment; None keeps what there is, or takes the default.

    Attributes:
        operator: who starts its runs.
        execution_enabled: the first lock of live work.
        demo: whether this is a demo's deployment.
        new_passwords: whether roles that the server has already get new passwords.
    """

    operator: str | None = None
    execution_enabled: bool | None = None
    demo: bool = False
    new_passwords: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """One thing that is there now, and whether it was made just now."""

    what: str
    where: str
    new: bool


@dataclass(frozen=True, slots=True)
class Founded:
    """A deployment as `cutter init` leaves it."""

    home: Home
    settings: Settings
    done: tuple[Done, ...]


def found(
    home: Home, environ: Mapping[str, str], wanted: Founding, *, on_progress: Tell = say_nothing
) -> Founded:
    """The deployment is complete: what was there stays, what was missing is made.

    Raises:
        StopRefusedInput: the home is a demo's and that was not asked for, or not ours at all.
        StopDatabaseAway: the database does not answer.
        StopLockBusy: another process is making or remaking this deployment.
    """
    with founding_lock(home):
        return found_alone(home, environ, wanted, on_progress=on_progress)


@contextmanager
def founding_lock(home: Home, command: str = "cutter init") -> Iterator[None]:
    """Inside the context nobody else makes or remakes this deployment.

    Args:
        home: the deployment's home.
        command: what is at work, for remedies.

    Raises:
        StopLockBusy: somebody does.
        StopRefusedInput: the home is no deployment's and not empty.
    """
    from cutter_agent.files.durable import Folder

    _refuse_foreign(home, command)
    try:
        with Folder(home.root).lock("founding"):
            yield
    except StopLockBusy as stop:
        stop.use_remedy(f"{command} (once the other one is done)")
        raise
    except StopStorage as stop:
        stop.use_remedy(f"CUTTER_HOME=A_FOLDER_OF_YOUR_OWN {command}")
        raise


def found_alone(
    home: Home, environ: Mapping[str, str], wanted: Founding, *, on_progress: Tell = say_nothing
) -> Founded:
    """The deployment is complete; the caller holds its `founding_lock`."""
    before = read_settings(home) if home.exists else None
    settings = _settings(before, environ, wanted)
    if before is None and not settings.demo:
        _refuse_demo_data(home)
    if settings.database.server is ServerKind.OUTSIDE:
        _prove(home, settings, environ)
    write_settings(home, settings)
    done = [Done("settings", str(home.settings), settings != before)]
    _make_folders(home)
    on_progress("opening the database")
    access = open_access(home, settings.database, environ, on_progress=on_progress, create=True)
    try:
        done += _database(access, wanted, on_progress)
        done += _machine_keys(home)
        done += _backup_keys(home)
        done += _policy_file(access)
    finally:
        access.close()
    return Founded(home, settings, tuple(done))


def _prove(home: Home, settings: Settings, environ: Mapping[str, str]) -> None:
    """Return only if the outside database answers: nothing is kept of one that nobody can reach.

    Raises:
        StopDatabaseAway: it does not.
    """
    from cutter_agent.postgres.connect import connected

    access = open_access(home, settings.database, environ)
    with connected(access.admin(), application="cutter init"):
        access.close()


def _refuse_foreign(home: Home, command: str) -> None:
    """Return only if the home is a deployment, or nothing yet."""
    from cutter_agent.files.durable import reason_of

    if home.exists:
        return
    ours = {".locks", CLUSTER_FOLDER, f".{SETTINGS}.part", *(each.name for each in home.folders)}
    try:
        foreign = sorted(entry.name for entry in home.root.iterdir() if entry.name not in ours)
    except FileNotFoundError:
        return
    except OSError as error:
        foreign = [reason_of(error)]
    if foreign:
        raise StopRefusedInput(
            f"{home.root} is no deployment and not empty: {foreign[0]!a}",
            expected="an empty folder, or one that does not exist",
            remedy=f"CUTTER_HOME=ANOTHER_FOLDER {command}",
        )


def _refuse_demo_data(home: Home) -> None:
    """Return only if no server's data of a demo, whose home was removed, would be taken for real."""
    from cutter_agent.postgres.cluster import cluster_root

    cluster = cluster_root(home.root)
    if (cluster / DEMO_MARK).exists():
        raise StopRefusedInput(
            f"a demo left its server's data in {cluster}",
            expected="no data, or a real deployment's",
            remedy=f"rm -r {cluster}; cutter init",
        )


def _settings(before: Settings | None, environ: Mapping[str, str], wanted: Founding) -> Settings:
    if before is None:
        outside = outside_database(environ)
        before = Settings(
            operator=_account_name(),
            demo=wanted.demo,
            database=DatabaseSettings()
            if outside is None
            else DatabaseSettings(ServerKind.OUTSIDE, outside),
        )
    if before.demo and not wanted.demo:
        raise StopRefusedInput(
            "this is a demo's deployment, which the next demo throws away",
            expected="another home for a real one",
            remedy="CUTTER_HOME=ANOTHER_FOLDER cutter init (or, to mend the demo's: cutter init --demo)",
        )
    if wanted.demo and not before.demo:
        raise StopRefusedInput(
            "this is a real deployment, and a demo never touches one",
            expected="a home of the demo's own",
            remedy="CUTTER_HOME=ANOTHER_FOLDER cutter demo",
        )
    settings = before
    if wanted.operator is not None:
        settings = replace(settings, operator=check_operator(wanted.operator))
    if wanted.execution_enabled is not None:
        settings = replace(settings, execution_enabled=wanted.execution_enabled)
    return settings


def _account_name() -> str:
    """The name of the account that runs this, if an operator may have it."""
    with suppress(KeyError):
        name = pwd.getpwuid(os.geteuid()).pw_name
        if OPERATOR.fullmatch(name):
            return name
    return "operator"


def _make_folders(home: Home) -> None:
    from cutter_agent.files.durable import FOLDER_MODE, make_folder, reason_of

    for folder in home.folders:
        try:
            make_folder(folder)
            # One that somebody opened to others is closed again: it holds keys or passwords.
            if folder.stat().st_mode & 0o077:
                folder.chmod(FOLDER_MODE)
        except OSError as error:
            raise StopStorage(f"{folder}: {reason_of(error)}") from error


def _database(access: Access, wanted: Founding, on_progress: Tell) -> Iterator[Done]:
    from cutter_agent.postgres.migrate import migrate
    from cutter_agent.postgres.new_database import ensure_database

    if access.embedded:
        new = ensure_database(access.admin(MAINTENANCE_DATABASE), access.database)
        yield Done("database", f"{access.database} on a server of our own", new)
    else:
        yield Done("database", f"{access.database} on the server of the URL", new=False)
    fresh = _passwords(access, wanted)
    on_progress("bringing the schema up to date")
    passwords = {
        role: access.home.password(role).read_text(encoding="utf-8").rstrip("\n")
        for role in LOGIN_ROLES
    }
    applied = migrate(access.admin(), passwords=passwords)
    yield Done("schema", "iu, cutter_governance, cutter_migration", bool(applied))
    yield from _queue(access)
    yield Done("roles", f"{len(LOGIN_ROLES)}, their passwords in {access.home.secrets}", fresh)


def _queue(access: Access) -> Iterator[Done]:
    """Workers are told of runs through the database, where the engine for that is installed."""
    from cutter_agent.bootstrap.working import engine_installed, install_queue

    if engine_installed():
        new = install_queue(access)
        yield Done("queue", "cutter_queue, of hints for workers", new)


def _passwords(access: Access, wanted: Founding) -> bool:
    """Every role has a password in a file; true if one was made.

    A server of somebody else's may have our roles for another deployment: their passwords are not
    changed unless that was asked for, since it would shut the other one out.
    """
    from cutter_agent.crypto.private_file import new_private_file
    from cutter_agent.postgres.new_database import roles_there

    missing = [role for role in LOGIN_ROLES if not access.home.password(role).exists()]
    taken = frozenset[str]() if access.embedded else roles_there(access.admin(), missing)
    if taken and not wanted.new_passwords:
        raise StopRefusedInput(
            f"the server has the roles {', '.join(sorted(taken))}, and their passwords are not here",
            expected=f"their passwords in {access.home.secrets}, or leave to give them new ones",
            remedy="cutter init --new-passwords",
        )
    for role in missing:
        with suppress(FileExistsError), new_private_file(access.home.password(role)) as file:
            file.write(secrets.token_urlsafe(PASSWORD_BYTES).encode())
    return bool(missing)


def _machine_keys(home: Home) -> Iterator[Done]:
    from cutter_agent.crypto.machine_keys import ensure_machine_key

    for path in (home.executor_key, home.verifier_key, home.log_key):
        new = not path.exists()
        ensure_machine_key(path)
        yield Done("machine key", str(path), new)


def _backup_keys(home: Home) -> Iterator[Done]:
    """Backups have somebody who can open them: whom the operator named, or a key made here."""
    from cutter_agent.crypto.backup_identity import ensure_backup_identity
    from cutter_agent.crypto.private_file import new_private_file

    if home.backup_recipients.exists():
        yield Done("backup key", str(home.backup_recipients), new=False)
        return
    recipient = ensure_backup_identity(home.backup_identity)
    with new_private_file(home.backup_recipients) as file:
        file.write(f"{recipient}\n".encode())
    yield Done("backup key", f"{home.backup_identity} (better kept offline)", new=True)


def _policy_file(access: Access) -> Iterator[Done]:
    """The trust policy's file is there again if it was lost; one that differs is never replaced."""
    from cutter_agent.files.durable import Folder
    from cutter_agent.postgres.deployment import newest_policy

    if access.home.policy.exists():
        return
    newest = newest_policy(access.login(ROLE_READER))
    if newest is not None:
        folder = Folder(access.home.trust)
        with folder.writing(POLICY):
            folder.replace(POLICY, newest.body)
        yield Done("trust policy", f"{access.home.policy}, put back", new=True)
