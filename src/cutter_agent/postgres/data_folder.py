"""The data folder of an embedded cluster: made complete or not at all, closed to strangers."""

from __future__ import annotations

import locale
import os
import secrets
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

from cutter_agent.errors import StopDatabaseAway, StopStorage
from cutter_agent.postgres.binaries import PgBinaries
from cutter_agent.postgres.cluster import (
    SUPERUSER,
    Account,
    ClusterFiles,
    flush_to_disk,
    write_private,
)
from cutter_agent.postgres.launch import last_lines, launched, open_log

INITDB_TIMEOUT_S: Final = 120.0
BUILTIN_LOCALE_MAJOR_MIN: Final = 17
"""The first version that brings C.UTF-8 itself, whatever the system's library has."""


def initialised(
    files: ClusterFiles, binaries: PgBinaries, account: Account, *, durable: bool = True
) -> None:
    """The data folder exists, complete, with checksums, UTF8 and scram for every login.

    It is made beside its place and then renamed, so that a start cut short leaves no half folder.

    Raises:
        StopDatabaseAway: initdb failed, or the folder is of another version.
        StopStorage: a file could not be written.
    """
    for litter in files.root.glob("data.new-*"):
        shutil.rmtree(litter, ignore_errors=True)
    for secret in files.root.glob("initdb.password-*"):
        secret.unlink(missing_ok=True)
    major = files.data_major
    if major is not None:
        refuse_other_major(files, binaries, major)
        return
    fresh = files.root / f"data.new-{os.getpid()}"
    password_line = files.root / f"initdb.password-{os.getpid()}"
    try:
        password = _superuser_password(files)
        fresh.mkdir(mode=0o700)
        if not account.is_ours:
            os.chown(fresh, account.uid, account.gid)
        write_private(password_line, f"{password}\n".encode(), owner=account)
        _run_initdb(files, binaries, account, fresh, password_line, durable=durable)
        fresh.rename(files.data)
        if durable:
            flush_to_disk(files.root)
    except OSError as error:
        raise StopStorage(f"the database in {files.root} could not be made: {error}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        password_line.unlink(missing_ok=True)


def refuse_other_major(files: ClusterFiles, binaries: PgBinaries, major: int) -> None:
    """The data folder and the programs are of one major version.

    Raises:
        StopDatabaseAway: they are not.
    """
    if major != binaries.major:
        raise StopDatabaseAway(
            f"the data folder {files.data} was made by PostgreSQL {major}, "
            f"and the programs in {binaries.bin_dir} are PostgreSQL {binaries.major}",
            expected=f"server programs of PostgreSQL {major}",
            remedy=f"CUTTER_PG_BIN=FOLDER_OF_POSTGRESQL_{major}_PROGRAMS cutter doctor",
        )


def _superuser_password(files: ClusterFiles) -> str:
    """The password on file; a new one is on the disk before the database knows it."""
    with suppress(FileNotFoundError):
        return files.password_file.read_text("ascii").strip().rpartition(":")[2]
    password = secrets.token_urlsafe(24)
    fresh = files.password_file.with_suffix(".new")
    write_private(fresh, f"*:*:*:{SUPERUSER}:{password}\n".encode())
    flush_to_disk(fresh)
    fresh.rename(files.password_file)
    flush_to_disk(files.root)
    return password


def _run_initdb(
    files: ClusterFiles,
    binaries: PgBinaries,
    account: Account,
    fresh: Path,
    password_line: Path,
    *,
    durable: bool,
) -> None:
    command: list[str | Path] = [
        binaries.initdb,
        f"--pgdata={fresh}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_line}",
        "--auth-local=scram-sha-256",
        "--auth-host=reject",
        "--encoding=UTF8",
        "--data-checksums",
        *_locale_options(binaries),
        *([] if durable else ["--no-sync"]),
    ]
    with open_log(files.server_log) as output:
        process = launched(command, account, death_signal=signal.SIGTERM, output=output.fileno())
        try:
            status = process.wait(INITDB_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            status = process.wait()
    if status != 0:
        raise StopDatabaseAway(
            f"initdb ended with status {status}",
            expected="a new data folder",
            findings=last_lines(files.server_log),
            remedy="cutter doctor",
        )


def _locale_options(binaries: PgBinaries) -> list[str]:
    """Order by code point, letters by Unicode: PostgreSQL's own C.UTF-8, else the system's, else C."""
    if binaries.major >= BUILTIN_LOCALE_MAJOR_MIN:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return ["--locale=C"]
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    return ["--locale=C.UTF-8", "--lc-messages=C"]
