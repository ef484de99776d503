"""No private key and no password of a deployment is in anything that it writes, shows, logs or hands out."""

import gzip
import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live import Deployed, cut_live, deploy
from tests.runs import CHARTER, CODE

from clusters.databases import ROLE_PASSWORDS, Database
from cutter_agent.cli.main import run

KEPT_SECRET = ("secrets", "keys", "persons")
PRIVATE_MODE = 0o077


@pytest.fixture
def deployed(database: Database, tmp_path: Path) -> Deployed:
    made = deploy(database, tmp_path, source=CHARTER)
    cut_live(made)
    return made


def secrets_of(deployed: Deployed) -> set[bytes]:
    """Every secret of the deployment: passwords, and the lines of private keys."""
    found = {password.encode() for password in ROLE_PASSWORDS.values()}
    for name in ("executor.key", "verifier.key", "log.key", "backup-identity.txt"):
        path = deployed.home.keys / name
        if path.exists():
            lines = path.read_bytes().splitlines()
            found |= {
                line
                for line in lines
                if len(line) > 20 and b"-----" not in line and not line.startswith(b"#")
            }
    assert len(found) > len(ROLE_PASSWORDS) + 2
    return found


def artifacts(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Everything below the folder but what is kept secret there, archives opened."""
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.relative_to(folder).parts[0] in KEPT_SECRET:
            continue
        data = path.read_bytes()
        yield str(path), data
        if data[:2] == b"\x1f\x8b":
            yield f"{path}, opened", gzip.decompress(data)
        if tarfile.is_tarfile(path):
            with tarfile.open(path) as archive:
                for member in archive:
                    file = archive.extractfile(member)
                    if file is not None:
                        yield f"{path}: {member.name}", file.read()


def dumped(database: Database) -> bytes:
    pg_dump = database.server.bin_dir / "pg_dump"
    if not pg_dump.exists():
        pytest.skip("no pg_dump beside this server")
    url = f"--dbname={database.conninfo()}"
    return subprocess.run([str(pg_dump), url], capture_output=True, check=True).stdout


def test_no_artifact_holds_a_secret(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in deployed.environ.items():
        monkeypatch.setenv(name, value)
    (run_id,) = deployed.run_ids()
    bundle = deployed.home.root / "bundle.tar"
    said = []
    for words in (
        ("evidence", "export", run_id, "-o", str(bundle)),
        ("runs", "show", run_id, "--json"),
        ("runs", "log", run_id),
        ("doctor", "--json"),
        ("keys", "list", "--json"),
        ("policy", "show", "--json"),
        ("drift", CODE, "--json"),
        ("verify", run_id, "--json"),
        ("export", CODE, "--jsonl"),
    ):
        run(words)
        heard = capsys.readouterr()
        said.append((" ".join(words), (heard.out + heard.err).encode()))
    assert bundle.exists()
    log = deployed.database.server.data_dir.parent
    logs = [
        (str(path), path.read_bytes()) for path in log.glob("*.log") if os.access(path, os.R_OK)
    ]
    everything = [*artifacts(deployed.home.root), *said, *logs, ("dump", dumped(deployed.database))]
    assert len(everything) > 30
    found = [name for name, data in everything for secret in secrets_of(deployed) if secret in data]
    assert found == []


def test_secrets_are_their_owners_alone(deployed: Deployed) -> None:
    for name in KEPT_SECRET[:2]:
        for path in (deployed.home.root / name).rglob("*"):
            if path.is_file() and not path.name.endswith((".pub", "recipients.txt")):
                assert path.stat().st_mode & PRIVATE_MODE == 0, path


def test_a_fixture_of_a_release_holds_no_secret() -> None:
    folder = Path(__file__).parents[1] / "upgrade"
    for name, data in artifacts(folder):
        for word in (b"PRIVATE KEY-", b"AGE-SECRET-KEY-", b"SCRAM-SHA-256$"):
            assert word not in data, name
    assert json.loads((folder / "0.1.0/awaiting-sg1/place.json").read_text())["run_id"]
