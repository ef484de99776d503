"""Every guard of the table dies by name: broken in a copy of the package, its test must fail."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "cutter_agent"
GUARDS: list[Mapping[str, str]] = tomllib.loads(
    (ROOT / "tests" / "house" / "guards.toml").read_text("utf-8")
)["guard"]
TRIAL_LIMIT_S = 120


NAMES = [
    f"{number}-{guard['file']}:{guard['killer'].rpartition('::')[2]}"
    for number, guard in enumerate(GUARDS, 1)
]


@pytest.mark.parametrize("guard", GUARDS, ids=NAMES)
def test_the_guard_stands_where_the_table_says(guard: Mapping[str, str]) -> None:
    text = (PACKAGE / guard["file"]).read_text("utf-8")
    assert [line.strip() for line in text.splitlines()].count(guard["line"]) == 1


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("broken")
    shutil.copytree(PACKAGE, folder / "cutter_agent", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def run(killer: str, package_root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"),
            *("-o", f"pythonpath={package_root} tests", killer),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(package_root)},
        capture_output=True,
        text=True,
        timeout=TRIAL_LIMIT_S,
        check=False,
    )


@pytest.mark.parametrize("guard", GUARDS, ids=NAMES)
def test_the_guard_s_test_dies_without_it(guard: Mapping[str, str], copy: Path) -> None:
    path = copy / "cutter_agent" / guard["file"]
    whole = path.read_text("utf-8")
    path.write_text(whole.replace(guard["line"], guard["replacement"], 1), "utf-8")
    try:
        broken = run(guard["killer"], copy)
    finally:
        path.write_text(whole, "utf-8")
    assert broken.returncode == 1, broken.stdout[-2_000:] + broken.stderr[-500:]
    assert "= FAILURES =" in broken.stdout


def test_the_copy_passes_while_it_is_whole(copy: Path) -> None:
    whole = run(GUARDS[0]["killer"], copy)
    assert whole.returncode == 0, whole.stdout[-2_000:]
