"""Backups: one snapshot, whole schemas, one encrypted stream, and a restore that equals it."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import pyrage
import pytest

from clusters.databases import ROLE_PASSWORDS, Database
from clusters.fixtures import run_sql
from cutter_agent.crypto.age_backup import EncryptedBackup, encrypt_backup
from cutter_agent.errors import StopBackupFailed, StopDatabaseAway
from cutter_agent.orchestrator import queries
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.orders import BackupReceipt
from cutter_agent.orchestrator.states import Mode
from cutter_agent.orchestrator.world import Moment
from cutter_agent.postgres.backup import LiveVault
from cutter_agent.postgres.connect import Login, select_on
from cutter_agent.postgres.migrate import migrate
from postgres.acts import CODE, LINES, line, open_cut, session

MOMENT = Moment("2026-01-01T00:00:00Z")

RUN = RunHeader("ictr-20260101T000000Z-00000001", CODE, Mode.LIVE, "o", "2026-01-01T00:00:00Z", 9)
MOMENT = Moment("2026-01-01T00:00:00Z")
IDENTITY = pyrage.x25519.Identity.generate()


@dataclass(frozen=True)
class Sealed:
    """What the vault asks of a ciphertext."""

    sha256: str
    size_bytes: int


def seal(
    source: IO[bytes], path: Path, recipients: Sequence[str], *, before_commit: Callable[[], None]
) -> Sealed:
    done: EncryptedBackup = encrypt_backup(source, path, recipients, before_commit=before_commit)
    return Sealed(done.ciphertext.sha256, done.ciphertext.size_bytes)


@pytest.fixture
def vault(database: Database, tmp_path: Path) -> LiveVault:
    program = database.server.binaries.pg_dump
    if program is None:
        pytest.skip("these PostgreSQL programs carry no pg_dump")
    return LiveVault(
        reader=Login(database.conninfo("cutter_reader")),
        pg_dump=program,
        folder=tmp_path / "backups",
        recipients=(str(IDENTITY.to_public()),),
        seal=seal,
    )


def taken(vault: LiveVault) -> BackupReceipt:
    with vault.take(RUN, MOMENT) as kept:
        return kept.receipt


@contextmanager
def restored(database: Database, dump: Path) -> Iterator[Database]:
    """A new database that holds the dump, its walls built first."""
    other = replace(database, name=f"{database.name}_restored")
    run_sql(database.server, "CREATE DATABASE {}", other.name)
    try:
        program = Path(database.server.bin_dir) / "pg_restore"
        done = subprocess.run(
            [program, "--exit-on-error", f"--dbname={other.conninfo()}", dump],
            env={**os.environ, "PGOPTIONS": "-c cutter.migration=on"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        yield other
    finally:
        run_sql(database.server, "DROP DATABASE {} WITH (FORCE)", other.name)


def content(database: Database) -> object:
    with session(database, "") as connection:
        return select_on(connection)(queries.CONTENT, {})


def test_what_is_restored_is_what_the_snapshot_held(
    database: Database, vault: LiveVault, tmp_path: Path
):
    cut = open_cut(database, LINES).through()
    receipt = taken(vault)
    before = content(database)
    open_cut(database, [*LINES, line(8)], code="ICX-LATER", entropy="00000002").draft()
    [sealed] = vault.folder.iterdir()
    assert sealed.stat().st_mode & 0o777 == 0o600
    assert LINES[0] not in sealed.read_bytes()
    dump = tmp_path / "plain.dump"
    dump.write_bytes(pyrage.decrypt(sealed.read_bytes(), [IDENTITY]))
    with restored(database, dump) as other:
        assert content(other) == before
        assert vault_over(vault, other).document_rows_sha256(CODE) == receipt.document_rows_sha256
        assert migrate(Login(other.conninfo())) == []
        again = open_cut(other, LINES[:3], entropy="00000003")
    assert again.run_id != cut.run_id
    assert receipt.rows == sum(table["rows"] for table in before)
    assert set(receipt.tables) == set(queries.GOVERNED_TABLES)
    assert receipt.encrypted
    assert receipt.recipients == vault.recipients


def vault_over(vault: LiveVault, database: Database) -> LiveVault:
    return replace(vault, reader=Login(database.conninfo()))


def test_single_tables_do_not_restore_alone(database: Database, tmp_path: Path):
    open_cut(database, LINES).draft()
    dump = tmp_path / "tables.dump"
    bin_dir = Path(database.server.bin_dir)
    subprocess.run(
        [
            bin_dir / "pg_dump",
            "-Fc",
            "-t",
            "iu.unit_version",
            "-f",
            dump,
            f"--dbname={database.conninfo()}",
        ],
        check=True,
    )
    with pytest.raises(AssertionError, match="does not exist"), restored(database, dump):
        pass


def test_the_digests_are_of_the_dumps_own_snapshot(database: Database, vault: LiveVault):
    """Rows that come while the dump runs are neither in it nor in its digests."""
    open_cut(database, LINES).draft()
    before = content(database)

    def seal_while_another_writes(*given: Any, before_commit: Callable[[], None]) -> Sealed:
        other = threading.Thread(
            target=lambda: open_cut(database, LINES, code="ICX-OTHER", entropy="00000002").draft()
        )
        other.start()
        other.join()
        return seal(*given, before_commit=before_commit)

    receipt = taken(replace(vault, seal=seal_while_another_writes))
    assert receipt.rows == sum(table["rows"] for table in before)
    assert content(database) != before
    again = taken(vault)
    assert again.snapshot_sha256 != receipt.snapshot_sha256
    assert again.document_rows_sha256 == receipt.document_rows_sha256


def test_a_backup_is_never_replaced(database: Database, vault: LiveVault):
    first, second = taken(vault), taken(vault)
    assert sorted(path.name for path in vault.folder.iterdir()) == [
        f"{RUN.run_id}-1.dump.age",
        f"{RUN.run_id}-2.dump.age",
    ]
    assert first.snapshot_sha256 == second.snapshot_sha256


@pytest.mark.parametrize("fault", ["program ends badly", "no program"])
def test_a_backup_that_fails_leaves_no_file(
    database: Database, vault: LiveVault, tmp_path: Path, fault: str
):
    script = tmp_path / "pg_dump"
    script.write_text("#!/bin/sh\necho half a dump\necho 'the disk is gone' >&2\nexit 3\n", "utf-8")
    script.chmod(0o755)
    broken = {
        "program ends badly": replace(vault, pg_dump=script),
        "no program": replace(vault, pg_dump=tmp_path / "absent"),
    }[fault]
    with pytest.raises(StopBackupFailed) as stopped:
        taken(broken)
    assert stopped.value.run_id == RUN.run_id
    assert not list(vault.folder.glob("*"))


def test_a_database_that_is_away_or_goes_away_meanwhile_is_no_failed_backup(
    database: Database, vault: LiveVault, tmp_path: Path
):
    with pytest.raises(StopDatabaseAway):
        taken(replace(vault, reader=Login(database.conninfo("cutter_reader", "wrong"))))
    psql, script = database.server.binaries.bin_dir / "psql", tmp_path / "pg_dump"
    ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cutter backup'"
    script.write_text(
        f'#!/bin/sh\n"{psql}" "{database.conninfo()}" -c "{ends}" >&2\nexit 1\n', "utf-8"
    )
    script.chmod(0o755)
    with pytest.raises(StopDatabaseAway) as stopped:
        taken(replace(vault, pg_dump=script))
    assert stopped.value.run_id == RUN.run_id
    assert not list(vault.folder.glob("*"))


def test_the_password_is_in_no_argument_of_the_dump(
    database: Database, vault: LiveVault, tmp_path: Path
):
    script, seen = tmp_path / "pg_dump", tmp_path / "seen"
    script.write_text(f'#!/bin/sh\necho "$@" > {seen}\nenv >> {seen}\nexit 1\n', "utf-8")
    script.chmod(0o755)
    with pytest.raises(StopBackupFailed):
        taken(replace(vault, pg_dump=script))
    assert "--schema=iu" in seen.read_text("utf-8")
    assert ROLE_PASSWORDS["cutter_reader"] not in seen.read_text("utf-8")
