"""Every guard of the table dies by name: broken in a copy of the package, its test must fail."""

import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "cutter_agent"
GUARDS: list[Mapping[str, str]] = tomllib.loads(
    (ROOT / "tests" / "house" / "guards.toml").read_text("utf-8")
)["guard"]
TRIAL_LIMIT_S = 300
AT_ONCE = max(1, min(4, os.cpu_count() or 1))


NAMES = [
    f"{number}-{guard['file']}:{guard['killer'].rpartition('::')[2]}"
    for number, guard in enumerate(GUARDS, 1)
]


@pytest.mark.parametrize("guard", GUARDS, ids=NAMES)
def test_the_guard_stands_where_the_table_says(guard: Mapping[str, str]) -> None:
    text = (PACKAGE / guard["file"]).read_text("utf-8")
    assert [line.strip() for line in text.splitlines()].count(guard["line"]) == 1


def whole_copy(folder: Path) -> Path:
    """The package lies in the folder too, to be broken there."""
    shutil.copytree(PACKAGE, folder / "cutter_agent", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def run(killer: str, package_root: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"),
            *("-o", f"pythonpath={package_root} tests", killer),
        ],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(package_root),
        },
        capture_output=True,
        text=True,
        timeout=TRIAL_LIMIT_S,
        check=False,
    )


Trial = Future[subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def trials(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Trial]]:
    """What the test of each guard that was asked for says without it: tried side by side, by name."""
    copies: SimpleQueue[Path] = SimpleQueue()
    for _ in range(AT_ONCE):
        copies.put(whole_copy(tmp_path_factory.mktemp("broken")))

    def tried(guard: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        copy = copies.get()
        path = copy / "cutter_agent" / guard["file"]
        whole = path.read_text("utf-8")
        path.write_text(whole.replace(guard["line"], guard["replacement"], 1), "utf-8")
        try:
            return run(guard["killer"], copy)
        finally:
            path.write_text(whole, "utf-8")
            copies.put(copy)

    asked = [
        item.callspec.params["guard"]
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.originalname == test_the_guard_s_test_dies_without_it.__name__
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {
            name: pool.submit(tried, guard)
            for name, guard in zip(NAMES, GUARDS, strict=True)
            if guard in asked
        }
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize(("name", "guard"), list(zip(NAMES, GUARDS, strict=True)), ids=NAMES)
def test_the_guard_s_test_dies_without_it(
    name: str, guard: Mapping[str, str], trials: dict[str, Trial]
) -> None:
    broken = trials[name].result()
    assert broken.returncode == 1, broken.stdout[-2_000:] + broken.stderr[-500:]
    assert "= FAILURES =" in broken.stdout


def test_a_copy_passes_while_it_is_whole(tmp_path: Path) -> None:
    whole = run(GUARDS[0]["killer"], whole_copy(tmp_path))
    assert whole.returncode == 0, whole.stdout[-2_000:]
