"""Dependencies point inwards, and the check that says so sees a wrong import at once."""

import shutil
import subprocess
import sys
from pathlib import Path

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


WRONG_IMPORTS = [
    ("errors", "cutter_agent.document"),
    ("evidence.wrong", "cutter_agent.document"),
    ("document.wrong", "cutter_agent.orchestrator"),
    ("orchestrator.wrong", "cutter_agent.files"),
    ("files.wrong", "cutter_agent.postgres"),
    ("crypto.wrong", "cutter_agent.cli"),
    ("document.ambient", "os"),
    ("evidence.ambient", "pathlib"),
    ("orchestrator.ambient", "psycopg"),
    ("orchestrator.phases.ambient", "time"),
]


def copied_package(folder: Path) -> Path:
    """A copy of the package to break."""
    source = folder / "src"
    shutil.copytree(PROJECT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
    return source


def test_every_wrong_import_is_seen(tmp_path: Path) -> None:
    source = copied_package(tmp_path)
    for module, imported in WRONG_IMPORTS:
        path = (source / "cutter_agent" / module.replace(".", "/")).with_suffix(".py")
        with path.open("a", encoding="utf-8") as file:
            file.write(f"\nimport {imported}\n")
    verdict = judge_layers(tmp_path, source)
    assert verdict.returncode == 1, verdict.stdout + verdict.stderr
    seen = " ".join(verdict.stdout.split())
    assert [
        f"{module} -> {imported}"
        for module, imported in WRONG_IMPORTS
        if f"cutter_agent.{module} -> {imported} (l." not in seen
    ] == []


def test_a_package_without_a_layer_is_seen(tmp_path: Path) -> None:
    source = copied_package(tmp_path)
    (source / "cutter_agent" / "shortcut").mkdir()
    (source / "cutter_agent" / "shortcut" / "__init__.py").write_text("", "utf-8")
    verdict = judge_layers(tmp_path, source)
    assert verdict.returncode == 1, verdict.stdout + verdict.stderr
    assert "- cutter_agent.shortcut" in verdict.stdout


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


def test_the_command_line_starts_without_what_only_some_commands_need() -> None:
    loaded = loaded_by("import cutter_agent.cli.main")
    assert "cutter_agent.cli" in loaded
    heavy = {"psycopg", "cryptography", "pyrage", "rich", "asyncio", "cutter_agent.bootstrap"}
    assert loaded & heavy == set()
