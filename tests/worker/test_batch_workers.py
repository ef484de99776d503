"""A batch whose documents are left to workers: begun here, driven there, signed in one sitting."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.live import deploy
from tests.people import private_key

from clusters.databases import Database
from cutter_agent.bootstrap.working import install_queue
from cutter_agent.cli.main import run
from worker.fleet import add_laws, audit_fleet, closed, small_law, until, worker

QUEUE = """schema_version: 1
batch_id: night
created_by: carol
created_utc: 2026-01-01T00:00:00Z
default_scope: enacted_only
default_actor: carol
items:
"""
LAWS = dict(small_law(number) for number in (1, 2, 3))
PAUSED = 10


def test_a_batch_is_begun_here_driven_by_workers_and_signed_in_one_sitting(
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    deployed = deploy(database, tmp_path)
    with deployed.desk() as desk:
        install_queue(desk.access)
        add_laws(desk, LAWS)
    for name, value in deployed.environ.items():
        monkeypatch.setenv(name, value)
    queue = tmp_path / "queue.yaml"
    queue.write_text(QUEUE + "".join(f"  - {{document_id: {c}, source_uri: null}}\n" for c in LAWS))
    assert run(("batch", "run", str(queue), "--workers")) == 2
    with worker(deployed.environ), worker(deployed.environ):
        assert run(("batch", "run", str(queue), "--live", "--workers")) == PAUSED
        for person, gate in (("alice", "SG_1"), ("bob", "SG_2")):
            until("all wait", lambda: waiting(queue, gate, capsys) == len(LAWS), 120)  # noqa: B023 - called at once
            key = key_file(tmp_path, person)
            assert run(("approve", "--batch", str(queue), "--key", str(key), "--yes")) == 0
        until("all are closed out", lambda: closed(deployed) == len(LAWS))
    audit_fleet(deployed, list(LAWS))
    assert run(("batch", "status", str(queue), "--json")) == 0
    assert run(("batch", "run", str(queue), "--live", "--workers")) == 0


def waiting(queue: Path, gate: str, capsys: pytest.CaptureFixture[str]) -> int:
    """How many documents of the batch wait at this gate."""
    capsys.readouterr()
    run(("batch", "status", str(queue), "--json"))
    items = json.loads(capsys.readouterr().out)["items"]
    return sum(item["waits_for"] == gate for item in items)


def key_file(folder: Path, person: str) -> Path:
    """The person's private key as a file of OpenSSH."""
    path = folder / person
    path.touch(mode=0o600)
    path.write_bytes(
        private_key(person).private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    )
    return path
