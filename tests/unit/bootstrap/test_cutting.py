"""Cutting in other processes: the same parts, and a lost, greedy or slow process costs one document its turn."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from cutter_agent.bootstrap.cutting import CuttingProcesses
from cutter_agent.document.profiles import shipped
from cutter_agent.errors import (
    StopOverSize,
    StopOverTime,
    StopProcessLost,
    StopSourceUnreadable,
)
from cutter_agent.orchestrator.facts import SourceVersion
from cutter_agent.orchestrator.reading import Reading

MEMORY = 2 * 1024**3
WAIT_S = 30.0


def version(source: bytes, code: str = "LAW-1", profile: str = "markdown") -> SourceVersion:
    toml = shipped(profile)
    return SourceVersion(
        source_version_id="00000000-0001-8bf6-aaae-dd34b1676057",
        document_id=code,
        version_no=1,
        sha256=sha256(source).hexdigest(),
        byte_len=len(source),
        media_type="text/markdown",
        effective_date=None,
        profile_name=profile,
        profile_sha256=sha256(toml).hexdigest(),
        profile_toml=toml,
    )


def text(units: int) -> bytes:
    return b"# Law\n\n" + b"".join(b"## Part %d\n\nText.\n\n" % n for n in range(units))


def reading(source: bytes, cutting: CuttingProcesses | None = None, code: str = "L") -> Reading:
    return Reading(version=version(source, code), source=source, in_force=(), elsewhere=cutting)


@pytest.fixture
def pids() -> list[int]:
    return []


@pytest.fixture
def processes(pids: list[int]) -> Iterator[Callable[..., CuttingProcesses]]:
    """Makes processes that cut every text; each is told of, and none is left."""
    made: list[CuttingProcesses] = []

    def make(count: int = 1, **options: Any) -> CuttingProcesses:
        given: dict[str, Any] = {
            "bytes_min": 0,
            "memory_bytes_max": MEMORY,
            "on_order": lambda _, pid: pids.append(pid),
            **options,
        }
        made.append(CuttingProcesses(count, **given))
        return made[-1]

    yield make
    for each in made:
        each.close()
    for pid in pids:
        assert not alive(pid), pid


def alive(pid: int) -> bool:
    """Whether the process runs; one that has ended may wait for whoever inherited it."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def test_another_process_gives_the_very_same_parts(
    processes: Callable[..., CuttingProcesses], pids: list[int]
) -> None:
    cutting = processes()
    for units in (1, 30):
        here, there = reading(text(units)), reading(text(units), cutting)
        assert there.parts() == here.parts()
        assert there.manifest_root == here.manifest_root
        assert there.plan_sha256_again() == here.plan.plan_sha256
    assert len(set(pids)) == 1
    assert pids[0] != os.getpid()


def test_short_texts_are_cut_where_they_are(
    processes: Callable[..., CuttingProcesses], pids: list[int]
) -> None:
    source = text(3)
    cutting = processes(bytes_min=len(source) + 1)
    assert reading(source, cutting).plan.plan_sha256
    assert reading(source, cutting).plan_sha256_again()
    assert pids == []


def test_what_the_text_is_refused_for_is_told_as_if_it_was_cut_here(
    processes: Callable[..., CuttingProcesses],
) -> None:
    raw = b"\xff\xfe\x00no text at all"
    with pytest.raises(StopSourceUnreadable) as here:
        _ = reading(raw).marked
    with pytest.raises(StopSourceUnreadable) as there:
        _ = reading(raw, processes()).marked
    assert (there.value.fact, there.value.expected) == (here.value.fact, here.value.expected)
    twice = "## ĐIỀU 1. A\n\nText.\n\n## ĐIỀU 1. B\n\nText.\n".encode()
    local = Reading(version=version(twice, profile="vn-charter"), source=twice, in_force=())
    remote = Reading(
        version=version(twice, profile="vn-charter"),
        source=twice,
        in_force=(),
        elsewhere=processes(),
    )
    assert remote.marked == local.marked


def test_a_process_that_dies_costs_its_document_this_turn_and_nobody_else(
    processes: Callable[..., CuttingProcesses], pids: list[int]
) -> None:
    def strike(code: str, pid: int) -> None:
        pids.append(pid)
        if code == "POISON":
            os.kill(pid, signal.SIGKILL)

    cutting = processes(2, on_order=strike)
    codes = [f"LAW-{n}" if n % 5 else "POISON" for n in range(20)]

    def cut(code: str) -> str:
        try:
            return reading(text(20), cutting, code).plan.plan_sha256
        except StopProcessLost as stop:
            return f"{stop.code} {stop.exit_status} {stop.document_id}: {stop.fact}"

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(cut, codes))
    lost = "STOP_PROCESS_LOST 75 POISON: the process that cut POISON ended by signal 9"
    assert [found[n] for n in range(0, 20, 5)] == [lost] * 4
    assert {len(found[n]) for n in range(20) if n % 5} == {64}


def test_a_process_stays_within_its_memory(
    processes: Callable[..., CuttingProcesses], pids: list[int]
) -> None:
    # Enough to begin with; the text's units are far more than that.
    cutting = processes(memory_bytes_max=192 * 1024**2)
    big = text(120_000)
    with pytest.raises(StopOverSize, match="more memory") as over:
        _ = reading(big, cutting).marked
    assert over.value.document_id == "L"
    assert reading(text(3), cutting).plan.plan_sha256


def test_a_process_that_takes_too_long_is_ended(
    processes: Callable[..., CuttingProcesses], pids: list[int]
) -> None:
    def freeze(_: str, pid: int) -> None:
        pids.append(pid)
        os.kill(pid, signal.SIGSTOP)

    cutting = processes(timeout_s=0.2, on_order=freeze)
    with pytest.raises(StopOverTime, match="took over"):
        _ = reading(text(3), cutting).marked


ASKER = """
import os, pathlib, signal, sys
from cutter_agent.bootstrap.cutting import CuttingProcesses
from tests.unit.bootstrap.test_cutting import reading, text

said = pathlib.Path(sys.argv[1])
cutting = CuttingProcesses(1, bytes_min=0, on_order=lambda _, pid: said.write_text(str(pid)))
assert reading(text(3), cutting).plan.plan_sha256
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_processes_end_when_nobody_asks_any_more(tmp_path: Path) -> None:
    """Their asker is killed, and has no chance to end them."""
    said = tmp_path / "pid"
    folders = os.pathsep.join(str(Path(__file__).parents[n]) for n in (3, 2))
    asker = subprocess.run(
        [sys.executable, "-c", ASKER, str(said)],
        env={**os.environ, "PYTHONPATH": folders},
        check=False,
    )
    assert asker.returncode == -signal.SIGKILL
    pid = int(said.read_text())
    until = time.monotonic() + WAIT_S
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert not alive(pid)
