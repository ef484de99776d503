"""The commands of the page about evidence, run by a shell in an unpacked bundle, and in one that was changed."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cutter_agent.evidence.archive import unpack
from forge.bundles import DATA

PAGE = Path(__file__).parents[3] / "docs" / "concepts" / "evidence.md"
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
CHANGED = (
    "units.jsonl",
    "statements/executor.json",
    "statements/executor.dsse.json",
    "requests/SG1-cut-authz-request-2030-01-01.md",
)
"""For each block a file that it must find changed."""


@pytest.fixture
def shell(tmp_path: Path) -> Callable[[str], int]:
    for tool in ("bash", "ssh-keygen", "openssl", "sha256sum"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    for name, body in unpack(DATA).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    def run(block: str) -> int:
        words = ["bash", "-euo", "pipefail", "-c", block]
        return subprocess.run(
            words, cwd=tmp_path, capture_output=True, check=False, timeout=60
        ).returncode

    return run


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_command_holds_for_a_good_bundle_and_fails_for_a_changed_one(
    shell: Callable[[str], int], tmp_path: Path, number: int
) -> None:
    assert shell(BLOCKS[number]) == 0
    path = tmp_path / CHANGED[number]
    body = path.read_bytes()
    path.write_bytes(body[:-9] + bytes([body[-9] ^ 1]) + body[-8:])
    assert shell(BLOCKS[number]) != 0


def test_each_command_has_its_change() -> None:
    assert len(BLOCKS) == len(CHANGED)
