"""What every test stands on: its own environment, no way out to the network, the corpus if there is one."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

pytest_plugins = ["clusters.fixtures", "deployments"]
PROJECT = Path(__file__).resolve().parent.parent

settings.register_profile("suite", deadline=None, print_blob=True)
settings.register_profile("machine", parent=settings.get_profile("suite"), derandomize=True)
settings.load_profile("machine" if os.environ.get("CI") else "suite")


class ReachesOutside(AssertionError):
    """A test tried to speak to another machine."""


def refuse_other_machines(event: str, arguments: tuple[object, ...]) -> None:
    """Raises when this process connects a socket to anything but this machine."""
    if event != "socket.connect":
        return
    address = arguments[1]
    if isinstance(address, tuple) and str(address[0]) not in {"127.0.0.1", "::1", "localhost"}:
        message = f"a test may speak to this machine only, not to {address[0]}"
        raise ReachesOutside(message)


def pytest_configure() -> None:
    """No deployment of the person who runs the tests can be read or written by them."""
    for name in (
        "CUTTER_HOME",
        "CUTTER_DATABASE_URL",
        "PGHOST",
        "PGPASSFILE",
        "PGSERVICE",
        "NO_COLOR",
    ):
        os.environ.pop(name, None)
    sys.addaudithook(refuse_other_machines)


@pytest.fixture(scope="session", autouse=True)
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What approvers remember of logs goes where it is thrown away."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def corpus_if_any() -> Path | None:
    """The folder of real texts named by CUTTER_CORPUS, or None where there is none."""
    folder = Path(os.environ.get("CUTTER_CORPUS") or PROJECT / "../shared/corpus").resolve()
    return folder if (folder / "INDEX.md").is_file() else None


@pytest.fixture(scope="session")
def corpus(corpus_if_any: Path | None) -> Path:
    """The folder of real texts named by CUTTER_CORPUS; skips with a clear word where there is none."""
    if corpus_if_any is None:
        pytest.skip("no corpus of real texts here: name its folder in CUTTER_CORPUS")
    return corpus_if_any
