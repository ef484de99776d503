"""Dependencies point inwards, and the check that says so sees a wrong import at once."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from house.tree import PROJECT

LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")


def judge_layers(folder: Path, source: Path) -> subprocess.CompletedProcess[str]:
    """The verdict of import-linter with this project's contracts on the package below `source`."""
    return subprocess.run(
        [str(LINT_IMPORTS), "--no-cache", "--no-logo", "--config", str(PROJECT / "pyproject.toml")],
        cwd=folder,
        env={
            "PYTHONPATH": str(source),
            "PATH": "/usr/bin:/bin",
            "NO_COLOR": "1",
            "LC_ALL": "C.UTF-8",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_dependencies_point_inwards(tmp_path: Path) -> None:
    verdict = judge_layers(tmp_path, PROJECT / "src")
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
    assert "0 broken" in verdict.stdout


@pytest.mark.parametrize(
    ("module", "wrong_import", "named"),
    [
        ("errors.py", "import cutter_agent.document", "Dependencies point inwards"),
        ("evidence/wrong.py", "import cutter_agent.document", "Dependencies point inwards"),
        ("document/wrong.py", "import cutter_agent.orchestrator", "Dependencies point inwards"),
        ("orchestrator/wrong.py", "import cutter_agent.files", "Dependencies point inwards"),
        ("files/wrong.py", "import cutter_agent.postgres", "Dependencies point inwards"),
        ("crypto/wrong.py", "import cutter_agent.cli", "Dependencies point inwards"),
        ("shortcut/__init__.py", "", "Dependencies point inwards"),
        ("document/wrong.py", "import os", "The core takes clock, ids and bytes as values"),
        (
            "evidence/wrong.py",
            "from pathlib import Path",
            "The core takes clock, ids and bytes as values",
        ),
        (
            "orchestrator/wrong.py",
            "import psycopg",
            "The core takes clock, ids and bytes as values",
        ),
        (
            "orchestrator/phases/wrong.py",
            "import time",
            "The core takes clock, ids and bytes as values",
        ),
    ],
)
def test_a_wrong_import_is_seen(tmp_path: Path, module: str, wrong_import: str, named: str) -> None:
    shutil.copytree(PROJECT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    wrong = tmp_path / "src" / "cutter_agent" / module
    wrong.parent.mkdir(exist_ok=True)
    with wrong.open("a", encoding="utf-8") as file:
        file.write(f"\n{wrong_import}\n")
    verdict = judge_layers(tmp_path, tmp_path / "src")
    assert verdict.returncode == 1, verdict.stdout + verdict.stderr
    assert f"{named} BROKEN" in " ".join(verdict.stdout.split())


def loaded_by(statement: str) -> set[str]:
    """The modules of this package, and of what it depends on, that a statement loads."""
    listed = subprocess.run(
        [sys.executable, "-c", f"{statement}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    return {".".join(name.split(".")[:2]) for name in listed}


def test_the_facade_loads_no_adapter() -> None:
    loaded = loaded_by("import cutter_agent.orchestrator")
    assert "cutter_agent.orchestrator" in loaded
    adapters = {f"cutter_agent.{name}" for name in ("postgres", "files", "crypto", "rehearsal")}
    assert loaded & (adapters | {"psycopg", "cryptography", "pyrage", "rich", "click"}) == set()


def test_what_is_loaded_is_seen() -> None:
    assert "cutter_agent.files" in loaded_by("import cutter_agent.files")
