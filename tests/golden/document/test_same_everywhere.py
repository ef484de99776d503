"""The same bytes give the same cut: a hundred times, in other processes, under other Pythons."""

import os
import shutil
import subprocess
import sys

import pytest

from golden.document import cuts as program
from golden.document.cuts import cuts

RUNS = 100
OTHER_PYTHONS = ("python3.11", "python3.12", "python3.13", "python3.14")


def elsewhere(python: str, seed: str) -> str:
    """The digest as another process has it."""
    done = subprocess.run(
        [python, "-B", str(program.__file__)],
        env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(program.PROJECT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def works(python: str) -> bool:
    """Whether this Python is here, and not only its name."""
    found = shutil.which(python)
    if found is None:
        return False
    return subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0


def test_a_hundred_cuts_are_one() -> None:
    assert len({cuts() for _ in range(RUNS)}) == 1


@pytest.mark.parametrize("seed", ["1", "2"])
def test_processes_with_other_hash_seeds_cut_alike(seed: str) -> None:
    assert elsewhere(sys.executable, seed) == cuts()


def test_other_pythons_cut_alike() -> None:
    own = f"python3.{sys.version_info.minor}"
    others = [name for name in OTHER_PYTHONS if name != own and works(name)]
    if not others:
        pytest.skip(f"no Python here but {own}: install another of {', '.join(OTHER_PYTHONS)}")
    assert {elsewhere(name, "0") for name in others} == {cuts()}
