"""Runs that older versions left at a pause: the present version takes each to its end, or refuses it by name."""

import gzip
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.audit import audit
from tests.live import Deployed, finish, private_file, step_on
from tests.runs import CHARTER

from clusters.databases import ROLE_PASSWORDS, Database
from clusters.fixtures import quick_folder
from cutter_agent.bootstrap import Home
from cutter_agent.crypto.backup_identity import ensure_backup_identity
from cutter_agent.crypto.machine_keys import ensure_machine_key
from cutter_agent.errors import StopApprovalRequired
from cutter_agent.orchestrator import OrchestratorState
from cutter_agent.orchestrator.clock import parse_utc
from cutter_agent.postgres.binaries import all_binaries
from cutter_agent.postgres.cluster import ClusterFiles
from cutter_agent.postgres.connect import Login
from cutter_agent.postgres.embedded import Server, await_stopped, lease_server
from cutter_agent.postgres.migrate import migrate, prepare_roles
from upgrade.other_server import take_identity

HERE = Path(__file__).parent
FIXTURES = sorted(path.parent for path in HERE.glob("*/*/place.json"))
NAMES = [f"{path.parent.name}-{path.name}" for path in FIXTURES]


@dataclass(frozen=True)
class Paused:
    """A paused run of an older version, at its new place."""

    deployed: Deployed
    run_id: str


@contextmanager
def server_of(place: dict[str, Any], root: Path) -> Iterator[Server]:
    """A new server that says it is the system that the run was written on."""
    major = place["server_major"]
    same = [each.bin_dir for each in all_binaries(os.environ) if each.major == major]
    if not same:
        pytest.skip(f"no programs of PostgreSQL {major} here, which wrote the fixture")
    wanted = {"bin_dir": same[0], "settings": {"fsync": "off"}, "idle_s": 0.0}
    lease_server(root, **wanted).release()
    await_stopped(root)
    take_identity(ClusterFiles(root).data, int(place["system_identifier"]))
    lease = lease_server(root, **wanted)
    try:
        yield lease.server
    finally:
        lease.release()
        await_stopped(root)


def bring_database(server: Server, place: dict[str, Any], dump: bytes) -> Database:
    """The database of the dump stands on the server, under its own name and number."""
    name = place["database"]
    prepare_roles(Login(server.conninfo(dbname="postgres")), ROLE_PASSWORDS)
    with psycopg.connect(server.conninfo(dbname="postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 OID {place['database_oid']}")
        admin.execute(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
        for grantee, privileges in place["database_grants"]:
            admin.execute(f"GRANT {privileges} ON DATABASE {name} TO {grantee}")
    with psycopg.connect(server.conninfo(dbname=name), autocommit=True) as connection:
        connection.execute(dump)
    return Database(server, name)


def bring_home(source: Path, target: Path) -> Home:
    """The kept files lie in the new home, with new keys and the new server's passwords."""
    shutil.copytree(source, target)
    home = Home(target.resolve())
    for each in home.folders:
        each.mkdir(mode=0o700, exist_ok=True)
    for role, password in ROLE_PASSWORDS.items():
        private_file(home.password(role), password)
    ensure_machine_key(home.executor_key)
    ensure_machine_key(home.verifier_key)
    private_file(home.backup_recipients, ensure_backup_identity(home.backup_identity) + "\n")
    return home


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that every account can walk through, for a server runs under another than root."""
    made = Path(tempfile.mkdtemp(prefix="cutter-upgrade-", dir=quick_folder()))
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made)


@pytest.fixture(params=FIXTURES, ids=NAMES)
def paused(request: pytest.FixtureRequest) -> Iterator[Paused]:
    fixture: Path = request.param
    place = json.loads((fixture / "place.json").read_text())
    written = parse_utc(place["written_utc"])
    if written is None or datetime.now(UTC) < written:
        pytest.skip(f"this machine's clock stands before {place['written_utc']}")
    dump = gzip.decompress((fixture / "database.sql.gz").read_bytes())
    with open_folder() as folder, server_of(place, folder / "pg") as server:
        database = bring_database(server, place, dump)
        yield Paused(
            Deployed(bring_home(fixture / "home", folder / "home"), database), place["run_id"]
        )


def void(deployed: Deployed, run_id: str) -> None:
    """The failed run is ended by a signed decision."""
    with deployed.runner() as runner:
        with pytest.raises(StopApprovalRequired):
            runner.escalate(run_id, "void")
        deployed.sign(run_id, "alice")
        assert runner.escalate(run_id, "void").context.over


def test_what_an_older_version_paused_is_closed_out_or_refused_by_name_and_cut_anew(
    paused: Paused,
) -> None:
    deployed, run_id = paused.deployed, paused.run_id
    with deployed.runner() as runner:
        unmigrated = step_on(deployed, runner, run_id)
    assert (unmigrated.stop_code, unmigrated.remedy) == ("STOP_DATABASE_AWAY", "cutter init")
    ran = migrate(Login(deployed.database.conninfo()))
    before = deployed.content()
    with deployed.runner() as runner:
        result = step_on(deployed, runner, run_id)
        while result.stop_code in {None, "STOP_APPROVAL_REQUIRED"} and not result.context.over:
            result = step_on(deployed, runner, run_id)
    if result.stop_code is None:
        assert result.state is OrchestratorState.CLOSEOUT_REPORTED
        audit(deployed, CHARTER)
        return
    assert ran, "no schema file ran, so nothing has drifted"
    assert result.stop_code in {"STOP_DRIFT", "STOP_GRANT_DELTA"}
    assert "functions_sha256" in result.sentence
    assert deployed.content()["iu.unit_version"] == before["iu.unit_version"]
    if not result.context.over:
        void(deployed, run_id)
    assert finish(deployed).state is OrchestratorState.CLOSEOUT_REPORTED
    audit(deployed, CHARTER)
