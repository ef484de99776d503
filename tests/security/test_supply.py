"""What we stand on: known weaknesses of locked packages, and a list of all of them that comes out the same."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
RUNTIME = PROJECT / "requirements" / "runtime.txt"
AUDIT_LIMIT_S = 120


def sbom() -> str:
    recipe = (PROJECT / "Makefile").read_text().split("cyclonedx-py ")[1].split(" -o ")[0]
    made = subprocess.run(
        [str(Path(sys.executable).parent / "cyclonedx-py"), *recipe.split(), "-o", "-"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    return made.stdout


def test_the_list_of_parts_is_the_same_each_time_and_names_every_locked_package() -> None:
    first = sbom()
    assert first == sbom()
    listed = {part["name"].lower() for part in json.loads(first)["components"]}
    locked = {
        line.split("==")[0].split("[")[0].strip().lower()
        for line in RUNTIME.read_text().splitlines()
        if "==" in line and not line.startswith((" ", "#"))
    }
    assert locked
    assert locked <= listed
    assert json.loads(first)["bomFormat"] == "CycloneDX"


def test_no_locked_package_has_a_known_weakness() -> None:
    if os.environ.get("CUTTER_AUDIT") != "1":
        pytest.skip("asks a public list of weaknesses: CUTTER_AUDIT=1 says that it may")
    audited = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip_audit",
            "--requirement",
            str(RUNTIME),
            "--disable-pip",
            "--progress-spinner=off",
            "--format=json",
            "--timeout=10",
        ],
        capture_output=True,
        text=True,
        timeout=AUDIT_LIMIT_S,
        check=False,
    )
    if not audited.stdout.strip():
        pytest.skip(f"no list of known weaknesses can be reached: {audited.stderr[-200:]}")
    dependencies = json.loads(audited.stdout)["dependencies"]
    if all("skip_reason" in each for each in dependencies):
        pytest.skip(f"none of {len(dependencies)} packages is in a list that can be reached")
    assert [each for each in dependencies if each.get("vulns")] == []
