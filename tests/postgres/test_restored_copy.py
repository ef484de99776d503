"""The backup restored, and the write rehearsed on the copy: what each cheat comes to, and what is left."""

import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

import psycopg
import pytest
from tests.live import Deployed, approve, approver_of, deploy, settle, sql_as_owner
from tests.runs import CHARTER
from tests.runs import CODE as CHARTER_CODE

from clusters.databases import Database
from clusters.fixtures import fresh_database, quick_folder, run_sql
from cutter_agent.bootstrap.approvals import waiting
from cutter_agent.bootstrap.live import AgeSealed, restorer_of, seal_with_age
from cutter_agent.crypto.age_backup import EphemeralIdentity
from cutter_agent.errors import (
    ProductionExecutionNotAuthorized,
    StopBackupFailed,
    StopRefusedInput,
)
from cutter_agent.orchestrator import Mode
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.orders import BackupLevel
from cutter_agent.orchestrator.phases.lifecycle_enact import LifecycleEnacted
from cutter_agent.orchestrator.phases.pre_write_backup import BackupTaken
from cutter_agent.orchestrator.vault import KeptBackup
from cutter_agent.orchestrator.warrant import RehearsalWarrant
from cutter_agent.orchestrator.world import Moment
from cutter_agent.postgres.backup import LiveVault
from cutter_agent.postgres.connect import Login
from cutter_agent.postgres.embedded import Server
from cutter_agent.postgres.rehearse import RehearsalSqlWriter
from cutter_agent.postgres.restore import pour
from cutter_agent.postgres.throwaway import Throwaway, marked
from postgres.acts import CODE, LINES, Cut, open_cut, session

MOMENT = Moment("2026-01-01T00:00:00Z")
FILES: dict[str, Callable[[bytes], bytes]] = {
    "a bit flipped": lambda data: data[:-40] + bytes([data[-40] ^ 1]) + data[-39:],
    "its end missing": lambda data: data[:-1],
    "half of it": lambda data: data[: len(data) // 2],
    "more than it": lambda data: data + b"more",
    "nothing": lambda data: b"",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
def vault(database: Database, folder: Path) -> Iterator[LiveVault]:
    """A vault that restores; whatever becomes of a backup, no cluster is left behind."""
    binaries = database.server.binaries
    restorer = restorer_of(binaries.bin_dir, binaries.major)
    if restorer is None or binaries.pg_dump is None:
        pytest.skip("these PostgreSQL programs carry no pg_dump or pg_restore")
    clusters = quick_folder() / f"cutter-test-{os.getpid()}-{database.name}"
    clusters.mkdir(mode=0o711)
    yield LiveVault(
        reader=Login(database.conninfo("cutter_reader")),
        pg_dump=binaries.pg_dump,
        folder=folder,
        recipients=(EphemeralIdentity().recipient,),
        seal=seal_with_age,
        restorer=replace(restorer, parent=clusters),
    )
    assert list(clusters.iterdir()) == []
    clusters.rmdir()


def run_of(cut: Cut) -> RunHeader:
    return RunHeader(cut.run_id, CODE, Mode.LIVE, "oscar", "2026-01-01T00:00:00Z", 9)


@contextmanager
def kept(vault: LiveVault, cut: Cut) -> Iterator[KeptBackup]:
    with vault.take(run_of(cut), MOMENT) as backup:
        yield backup


def program(path: Path, text: str) -> Path:
    """A program of ours in the place of PostgreSQL's."""
    path.write_text(f"#!/bin/sh\n{text}\n", "utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_the_copy_has_the_rows_functions_and_walls_of_its_original(
    database: Database, vault: LiveVault
) -> None:
    cut = open_cut(database, LINES).through()
    later = open_cut(database, LINES, code="ICX-LATER", entropy="00000002")
    with kept(vault, later) as backup:
        assert backup.receipt.level is BackupLevel.RESTORED_AND_EQUAL
        assert backup.receipt.restored_sha256 == backup.receipt.snapshot_sha256
        assert backup.receipt.restore_server_version.startswith(f"{database.server.version[0]}.")
        copy = backup.copy
        assert copy is not None
        with session(database) as connection:
            own = psycopg.ClientCursor(connection)
            text = own.execute("SELECT cutter_governance.database_text()").fetchone()
        assert copy.database != text[0]
    assert cut.run_id != later.run_id


def test_a_failure_inside_leaves_no_cluster(database: Database, vault: LiveVault) -> None:
    cut = open_cut(database, LINES)
    with pytest.raises(ZeroDivisionError), kept(vault, cut):
        raise ZeroDivisionError


def spoilt_seal(change: Callable[[bytes], bytes]) -> Callable[..., AgeSealed]:
    """A seal whose file is changed as soon as it has its name."""

    def seal(
        source: IO[bytes],
        path: Path,
        recipients: Sequence[str],
        *,
        before_commit: Callable[[], None],
    ) -> AgeSealed:
        sealed = seal_with_age(source, path, recipients, before_commit=before_commit)
        path.write_bytes(change(path.read_bytes()))
        return sealed

    return seal


@pytest.fixture
def target(cluster: Server) -> Iterator[str]:
    """An empty database that may be poured into."""
    with fresh_database(cluster) as empty:
        with psycopg.connect(empty.conninfo(), autocommit=True) as connection:
            connection.execute("SET cutter.migration = 'on'")
            connection.execute("DROP EVENT TRIGGER cutter_refuse_ddl")
            connection.execute("DROP EVENT TRIGGER cutter_refuse_drop")
            for schema in ("iu", "cutter_governance", "cutter_migration"):
                connection.execute(f"DROP SCHEMA {schema} CASCADE")
        yield empty.name


@pytest.mark.parametrize("change", FILES)
def test_a_ciphertext_that_was_changed_is_no_backup(
    database: Database, folder: Path, target: str, change: str
) -> None:
    binaries = database.server.binaries
    source = folder.parent / "dump"
    source.write_bytes(os.urandom(200_000))
    folder.mkdir()
    with source.open("rb") as file:
        sealed = spoilt_seal(FILES[change])(
            file, folder / "x.age", [EphemeralIdentity().recipient], before_commit=lambda: None
        )
    with pytest.raises(StopBackupFailed):
        pour(sealed, binaries.pg_restore, database.server, target)


def test_a_backup_in_anothers_place_is_not_taken_for_it(
    database: Database, vault: LiveVault
) -> None:
    cut = open_cut(database, LINES)
    with replace(vault, restorer=None).take(run_of(cut), MOMENT):
        [other] = vault.folder.iterdir()
    swapped = replace(vault, seal=spoilt_seal(lambda _: other.read_bytes()))
    with pytest.raises(StopBackupFailed, match="opened"), kept(swapped, cut):
        pass


def test_a_table_that_is_missing_from_the_dump_is_missed(
    database: Database, vault: LiveVault, tmp_path: Path
) -> None:
    cut = open_cut(database, LINES)
    less = program(tmp_path / "pg_dump", f'exec {vault.pg_dump} "$@" --exclude-table=iu.vocabulary')
    with (
        pytest.raises(StopBackupFailed, match="vocabulary"),
        kept(replace(vault, pg_dump=less), cut),
    ):
        pass


def test_rows_that_are_missing_from_the_dump_are_missed(
    database: Database, vault: LiveVault, tmp_path: Path
) -> None:
    cut = open_cut(database, LINES)
    data = "--exclude-table-data=cutter_governance.execution_switch"
    less = program(tmp_path / "pg_dump", f'exec {vault.pg_dump} "$@" {data}')
    with kept(replace(vault, pg_dump=less), cut) as backup:
        assert backup.copy is None
        assert backup.receipt.restored_sha256 not in {"", backup.receipt.snapshot_sha256}


def test_a_copy_that_differs_by_one_row_is_not_given_out(
    database: Database, vault: LiveVault, tmp_path: Path
) -> None:
    """The dump is of a database that has one row more."""
    cut = open_cut(database, LINES)
    with fresh_database(database.server) as other:
        sql_as_owner(
            other,
            "INSERT INTO cutter_governance.execution_switch (seq, armed, reason, actor)"
            " VALUES (1, false, 'one row', 'nobody')",
        )
        name = f"s/dbname={database.name}/dbname={other.name}/"
        dump = program(
            tmp_path / "pg_dump",
            f'for a do shift; case "$a" in --snapshot=*) ;; *) set -- "$@" '
            f'"$(printf %s "$a" | sed {name})";; esac; done\nexec {vault.pg_dump} "$@"',
        )
        with kept(replace(vault, pg_dump=dump), cut) as backup:
            assert backup.copy is None
            assert backup.receipt.level is BackupLevel.DUMPED_AND_ENCRYPTED
            assert backup.receipt.restored_sha256 not in {"", backup.receipt.snapshot_sha256}


@pytest.mark.parametrize(
    ("level_min", "restorer"),
    [
        (BackupLevel.DUMPED_AND_ENCRYPTED, True),
        (BackupLevel.RESTORED_AND_EQUAL, False),
        (None, False),
    ],
)
def test_where_nothing_is_restored_the_receipt_says_so(
    database: Database, vault: LiveVault, level_min: BackupLevel | None, *, restorer: bool
) -> None:
    cut = open_cut(database, LINES)
    less = replace(vault, level_min=level_min, restorer=vault.restorer if restorer else None)
    with kept(less, cut) as backup:
        assert backup.copy is None
        assert backup.receipt.level is BackupLevel.DUMPED_AND_ENCRYPTED
        assert backup.receipt.level_min is (level_min or BackupLevel.DUMPED_AND_ENCRYPTED)
        assert backup.receipt.restored_sha256 == ""


def test_programs_of_another_major_version_prove_nothing(
    database: Database, vault: LiveVault
) -> None:
    cut = open_cut(database, LINES)
    assert vault.restorer is not None
    major, minor = vault.restorer.binaries.version
    other = replace(vault.restorer.binaries, version=(major + 1, minor))
    odd = replace(vault, restorer=replace(vault.restorer, binaries=other))
    with kept(odd, cut) as backup:
        assert backup.copy is None
        assert backup.receipt.level_min is BackupLevel.RESTORED_AND_EQUAL


def writer(connection: psycopg.Connection, warrant: object, copy: Throwaway) -> RehearsalSqlWriter:
    return RehearsalSqlWriter(connection, run_id="r", fence=1, warrant=warrant, copy=copy)


@contextmanager
def empty_database(server: Server) -> Iterator[Database]:
    """A database without our schemas, as there is none in a deployment."""
    name = f"cutter_empty_{secrets.token_hex(4)}"
    run_sql(server, "CREATE DATABASE {}", name)
    try:
        yield Database(server, name)
    finally:
        run_sql(server, "DROP DATABASE {} WITH (FORCE)", name)


def test_a_rehearsing_writer_opens_on_its_own_copy_alone(database: Database) -> None:
    server, warrant = database.server, RehearsalWarrant("r")
    forged = (server, database.name, "", os.getpid(), object())
    with ExitStack() as stack:
        first, second = (stack.enter_context(empty_database(server)) for _ in range(2))
        copy, other = marked(server, first.name), marked(server, second.name)
        inside = stack.enter_context(session(first, "cutter_exec"))
        real = stack.enter_context(session(database, "cutter_exec"))
        assert writer(inside, warrant, copy).warrant == warrant
        for attempt in (
            lambda: writer(real, warrant, copy),  # the deployment's database is not the copy
            lambda: writer(
                real, warrant, replace(copy, database=database.name)
            ),  # and has no token
            lambda: writer(real, warrant, Throwaway(*forged)),  # whoever says that it is
            lambda: writer(inside, warrant, other),  # another copy's
            lambda: writer(inside, warrant, replace(copy, token=other.token)),
            lambda: writer(inside, warrant, replace(copy, pid=1)),  # another process's
            lambda: writer(inside, RehearsalWarrant("s"), copy),  # another run's warrant
            lambda: writer(inside, open_cut(database, LINES).warrant(), copy),  # a live one
        ):
            with pytest.raises(ProductionExecutionNotAuthorized):
                attempt()


def test_a_database_of_a_deployment_cannot_be_marked_as_throwaway(database: Database) -> None:
    with pytest.raises(StopRefusedInput, match="outside a migration"):
        marked(database.server, database.name)


@pytest.fixture
def deployed(database: Database, tmp_path: Path) -> Deployed:
    """A deployment whose backups are restored, as they are unless its settings say otherwise."""
    ready = deploy(database, tmp_path, source=CHARTER)
    settle(ready.home, database, backup_level_min=None)
    return ready


def asked(deployed: Deployed) -> tuple[str, BackupTaken]:
    """A run that waits at SG_1, and its backup."""
    with deployed.runner() as runner:
        run_id = runner.cut(document_id=CHARTER_CODE, mode=Mode.LIVE).run_id
    backup = deployed.context(run_id).get(BackupTaken)
    assert backup is not None, deployed.context(run_id).stop
    return run_id, backup


def test_what_is_signed_has_happened_once_on_a_copy(deployed: Deployed) -> None:
    before = deployed.content()
    run_id, backup = asked(deployed)
    rehearsed = backup.rehearsed
    assert rehearsed is not None
    header = waiting(deployed.context(run_id)).body.decode()
    assert f"rehearsal_root: {rehearsed.root_sha256}\n" in header
    assert f"rehearsal_counts: {rehearsed.enacted}\n" in header
    assert re.search(r"iu\.lifecycle_log=120,.*iu\.unit_version=60$", rehearsed.enacted)
    units = {name for name in before if name.startswith("iu.")}
    after = deployed.content()
    assert {name: after[name] for name in units} == {name: before[name] for name in units}
    with deployed.runner() as runner:
        approve(deployed, runner, run_id)
        done = approve(deployed, runner, run_id)
    assert done.context.over
    enacted = done.context.get(LifecycleEnacted)
    assert enacted is not None
    assert enacted.digests == rehearsed.digests
    assert len(re.findall(r"[a-z_.]+=[0-9a-f]{64}", rehearsed.digests)) == 6
    assert approver_of(done.context)


RULES = {
    "IG_CUT_LEG_A": "INSERT TO iu.unit_version",
    "IG_LEG_B": "INSERT TO cutter_governance.manifest_envelope",
    "IG_LIFECYCLE_ENACT": "INSERT TO iu.unit_in_force",
}
"""Where a rule writes one row more than the rehearsal did; no fact sheet sees a rule."""
ONE_MORE = (
    " DO ALSO INSERT INTO iu.canonical_address_alias"
    " SELECT c.document_id, 'ICX-CONST/ELSEWHERE', u.unit_id, c.change_set_id"
    " FROM cutter_governance.cut_change_set AS c"
    " JOIN iu.information_unit AS u ON u.document_id = c.document_id LIMIT 1 ON CONFLICT DO NOTHING"
)


@pytest.mark.parametrize("gate", RULES)
def test_a_write_that_differs_from_its_rehearsal_is_rolled_back(
    deployed: Deployed, gate: str
) -> None:
    run_id, _ = asked(deployed)
    enacts = gate == "IG_LIFECYCLE_ENACT"
    with deployed.runner() as runner:
        if enacts:
            approve(deployed, runner, run_id)
        sql_as_owner(deployed.database, f"CREATE RULE odd AS ON {RULES[gate]}{ONE_MORE}")
        before = deployed.content()
        stopped = approve(deployed, runner, run_id)
    after = deployed.content()
    assert stopped.stop_code == "STOP_INVARIANT_FAILED"
    assert f"{gate} found equals_rehearsal not holding" in stopped.sentence
    kept_rows = {"IG_LEG_B": ("iu.canonical_address_alias", "cutter_governance.manifest_envelope")}
    for name in kept_rows.get(gate, [n for n in before if n.startswith("iu.")]):
        assert after[name] == before[name]
