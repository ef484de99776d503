"""Deployments of tests: a home of its own, in a database of its own, spoken to as a person would."""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clusters.databases import ROLE_PASSWORDS, Database
from clusters.fixtures import fresh_database
from cutter_agent.bootstrap import Desk, Home, open_desk
from cutter_agent.bootstrap.founding import Founding, found
from cutter_agent.cli.main import run
from cutter_agent.postgres.embedded import Server
from people import public_line, signature

EXAMPLES = Path(__file__).parents[1] / "examples"


@dataclass(frozen=True)
class Answered:
    """What a command wrote, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document on stdout; there is exactly one."""
        read: dict[str, Any] = json.loads(self.out)
        return read


@dataclass(frozen=True)
class Deployment:
    """A deployment's home, and a person's terminal at it."""

    home: Home
    environ: dict[str, str]
    capsys: pytest.CaptureFixture[str]

    def cutter(self, *words: str) -> Answered:
        """Run a command line in this process."""
        self.capsys.readouterr()
        status = run(words)
        said = self.capsys.readouterr()
        return Answered(status, said.out, said.err)

    def json(self, *words: str) -> dict[str, Any]:
        """Run a command line that must end well, and return its document."""
        answered = self.cutter(*words, "--json")
        assert answered.status == 0, answered
        return answered.document

    def desk(self) -> Desk:
        """Open the deployment; the caller closes it."""
        return open_desk(self.environ)


def outside_home(database: Database, folder: Path) -> tuple[Home, dict[str, str]]:
    """A home without settings, and an environment for a server whose roles it knows.

    The session's server has our roles already; an operator would bring their passwords along.
    """
    home = Home(folder / "home")
    home.secrets.mkdir(mode=0o700, parents=True)
    home.root.chmod(0o700)
    for role, password in ROLE_PASSWORDS.items():
        handle = os.open(home.password(role), os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(password)
    return home, {"CUTTER_HOME": str(home.root), "CUTTER_DATABASE_URL": database.conninfo()}


def rows(database: Database, sql: str) -> list[tuple[object, ...]]:
    """Return what the superuser reads."""
    with database.connect() as connection:
        return connection.execute(sql.encode()).fetchall()


def write_public_key(folder: Path, person: str) -> Path:
    """Write the person's public key as a file of OpenSSH."""
    path = folder / f"{person}.pub"
    path.write_text(f"{public_line(person)} {person}@test\n")
    return path


def sign_proposal(home: Home, persons: Sequence[str]) -> None:
    """Leave the persons' signatures beside the proposed policy, as ssh-keygen would."""
    for person in persons:
        armor = signature(person, home.proposal.read_bytes(), "policy@iu-cutter.v1")
        (home.trust / f"{home.proposal.name}.{person}.sig").write_bytes(armor)


@pytest.fixture
def bare_deployment(
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Deployment:
    """A home that is not founded yet, for a database on somebody else's server."""
    home, environ = outside_home(database, tmp_path)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    return Deployment(home, environ, capsys)


@pytest.fixture(scope="session")
def founded_home(cluster: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that was founded once, for tests to have copies of."""
    with fresh_database(cluster) as database:
        home, environ = outside_home(database, tmp_path_factory.mktemp("founded"))
        found(home, environ, Founding(operator="carol"))
    return home.root


@pytest.fixture
def deployment(bare_deployment: Deployment, founded_home: Path) -> Deployment:
    """A deployment of the operator carol."""
    shutil.copytree(founded_home, bare_deployment.home.root, dirs_exist_ok=True)
    return bare_deployment
