"""Where a cluster can lie, for whom, and with whose programs; and what is left untouched."""

import os
import shutil
import stat
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from cutter_agent.errors import StopDatabaseAway, StopRefusedInput, StopStorage
from cutter_agent.postgres import cluster
from cutter_agent.postgres.binaries import PgBinaries, all_binaries
from cutter_agent.postgres.cluster import cluster_root, prepared_files, server_account
from cutter_agent.postgres.embedded import await_stopped, lease_server
from cutter_agent.postgres.launch import cluster_processes
from cutter_agent.postgres.socket_folder import SOCKET_PATH_BYTES_MAX
from postgres.conftest import NOT_DURABLE, Place, answers, wait_until

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another account")
NOBODY = 65534


@pytest.mark.parametrize(
    "name",
    [
        "x" * 150,
        "a folder, with 'marks' and \"more\"",
        "Điều lệ hoạt động/Phần 1",
        "back\\slash & $HOME; `id`",
    ],
)
def test_a_cluster_lies_anywhere(places: Callable[[Path], Place], folder: Path, name: str):
    place = places(folder / name / "pg")
    server = place.lease().server
    assert answers(server)
    assert server.data_dir == place.files.data
    address = os.fsencode(server.socket_dir / f".s.PGSQL.{server.port}")
    assert len(address) <= SOCKET_PATH_BYTES_MAX
    assert stat.S_IMODE(server.socket_dir.lstat().st_mode) == 0o700
    assert server.socket_dir.lstat().st_uid == server_account().uid


@pytest.mark.parametrize(
    "name", ["line\nbreak", "tab\there", os.fsdecode(b"\xff"), "y" * 200 + "/z" * 400]
)
def test_a_path_that_cannot_hold_a_cluster_is_refused(folder: Path, name: str):
    with pytest.raises(StopRefusedInput, match="cannot hold a database"):
        lease_server(folder / name)
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_stop(folder: Path):
    (folder / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(StopStorage):
        lease_server(folder / "file" / "pg")


def test_folders_above_the_cluster_stay_as_they_were(places: Callable[[Path], Place], folder: Path):
    above = folder / "made before"
    above.mkdir()
    above.chmod(0o751)
    before = [
        (path.stat().st_mode, path.stat().st_uid, path.stat().st_gid) for path in (above, folder)
    ]
    places(above / "new" / "pg").lease()
    assert before == [
        (path.stat().st_mode, path.stat().st_uid, path.stat().st_gid) for path in (above, folder)
    ]


def test_a_home_reached_by_a_link_is_the_same_cluster(
    places: Callable[[Path], Place], folder: Path
):
    (folder / "link").symlink_to(folder / "real")
    (folder / "real").mkdir()
    direct, linked = places(folder / "real" / "pg"), places(folder / "link" / "pg")
    assert direct.lease().server_pid == linked.lease().server_pid


def test_the_data_of_another_version_is_refused_by_name(place: Place, new_place: Place):
    files = prepared_files(new_place.root, server_account())
    shutil.copytree(place.files.data, files.data)
    (files.data / "PG_VERSION").write_text("14\n", encoding="ascii")
    with pytest.raises(StopDatabaseAway, match="made by PostgreSQL 14") as caught:
        new_place.lease()
    assert "PostgreSQL 14" in caught.value.expected
    with pytest.raises(StopDatabaseAway, match="made by PostgreSQL 14"):
        new_place.lease(bin_dir=None)


def test_an_existing_cluster_gets_the_programs_of_its_version(new_place: Place):
    found = all_binaries(os.environ)
    if len({each.major for each in found}) == 1:
        pytest.skip("this machine has PostgreSQL programs of one version only")
    oldest = min(found, key=lambda each: each.version)
    new_place.lease(bin_dir=oldest.bin_dir).release()
    await_stopped(new_place.root)
    assert new_place.lease(bin_dir=None).server.version[0] == oldest.major


def test_the_place_of_a_deployment_depends_on_its_home_alone(folder: Path):
    home = folder / "home"
    (folder / "link").symlink_to(home)
    assert cluster_root(home) == cluster_root(folder / "link")
    assert cluster_root(home) != cluster_root(folder / "other")
    if os.geteuid() == 0:
        assert cluster_root(home).parent == Path("/var/lib/cutter")
    else:
        assert cluster_root(home) == home.resolve() / "pg"
    assert not cluster_root(home).exists()


def test_an_account_without_a_name_is_told_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(os, "geteuid", lambda: 4_000_000_000)
    with pytest.raises(StopRefusedInput, match="has no name"):
        server_account()


@AS_ROOT
def test_without_an_unprivileged_account_root_is_told_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cluster, "UNPRIVILEGED_ACCOUNTS", ("root", "no-such-account"))
    with pytest.raises(StopRefusedInput, match="no unprivileged account"):
        server_account()


@AS_ROOT
def test_where_there_is_no_postgres_account_nobody_is_taken(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cluster, "UNPRIVILEGED_ACCOUNTS", ("no-such-account", "nobody"))
    assert server_account().name == "nobody"
    assert server_account().uid != 0


@AS_ROOT
def test_a_folder_that_the_servers_account_cannot_reach_is_told_so(folder: Path):
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(StopRefusedInput, match="cannot walk") as caught:
        lease_server(closed / "pg", settings=NOT_DURABLE)
    assert str(closed) in caught.value.fact


def copied_wheel(binaries: PgBinaries, into: Path) -> Path:
    """The programs where only root can walk, laid out as they were; the copy's bin folder."""
    prefix = binaries.bin_dir.parent
    target = into / "site-packages" / prefix.parent.name / prefix.name
    ignore = shutil.ignore_patterns("include", "*.a")
    shutil.copytree(prefix, target, ignore=ignore)
    bundled = prefix.parent.with_name(f"{prefix.parent.name}.libs")
    if bundled.is_dir():
        shutil.copytree(bundled, into / "site-packages" / bundled.name)
    into.chmod(0o700)
    return target / "bin"


@AS_ROOT
def test_programs_that_only_root_can_reach_are_copied(
    places: Callable[[Path], Place], folder_of_programs: Path, binaries: PgBinaries
):
    if binaries.supplier != "wheel":
        pytest.skip("only the wheel's programs can be moved")
    (folder_of_programs / "root").mkdir()
    hidden = copied_wheel(binaries, folder_of_programs / "root")
    new_place = places(folder_of_programs / "pg")
    lease = new_place.lease(bin_dir=hidden)
    assert answers(lease.server)
    assert lease.server.bin_dir == hidden
    program = Path(f"/proc/{lease.server_pid}/exe").readlink()
    assert program.is_relative_to(new_place.files.root)
    copies = list(new_place.files.root.glob("programs-*"))
    assert len(copies) == 1
    assert {path.lstat().st_uid for path in copies[0].rglob("*")} == {0}
    assert not any(path.lstat().st_mode & 0o022 for path in copies[0].rglob("*"))


def reachable_python() -> str:
    """An interpreter that an unprivileged account can run; skips where there is none."""
    for program in (sys.executable, "/usr/bin/python3"):
        asked = [program, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        try:
            done = subprocess.run(asked, user=NOBODY, group=NOBODY, extra_groups=[], check=False)
        except OSError:
            continue
        if done.returncode == 0:
            return program
    pytest.skip("no Python here that an unprivileged account can run")


def as_nobody(body: Callable[[], None]) -> int:
    """Runs `body` in a child under the account nobody, whose home cannot be written; its status."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            os.environ["HOME"] = "/nonexistent"
            os.environ.pop("XDG_RUNTIME_DIR", None)
            body()
        except BaseException:  # noqa: BLE001 - a child must end here, whatever happens
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@AS_ROOT
def test_a_normal_user_needs_nothing_of_root(
    folder: Path, binaries: PgBinaries, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "executable", reachable_python())
    home = folder / "home"
    home.mkdir(mode=0o700)
    os.chown(home, NOBODY, NOBODY)

    def use_it() -> None:
        root = cluster_root(home)
        assert root == home.resolve() / "pg"
        with lease_server(root, bin_dir=binaries.bin_dir, settings=NOT_DURABLE, idle_s=0) as lease:
            with psycopg.connect(lease.server.conninfo(dbname="postgres")) as link:
                assert link.execute("SELECT 1").fetchone() == (1,)
            paths = [root, *root.rglob("*")]
            assert {path.lstat().st_uid for path in paths} == {NOBODY}
            assert not any(path.lstat().st_mode & 0o077 for path in paths)

    assert as_nobody(use_it) == 0
    await_stopped(home / "pg", timeout_s=10)
    wait_until(lambda: not cluster_processes(home / "pg" / "data"))


@AS_ROOT
def test_a_normal_user_cannot_use_the_cluster_of_root(place: Place):
    server = place.lease().server

    def try_it() -> None:
        with pytest.raises((psycopg.OperationalError, PermissionError)):
            psycopg.connect(server.conninfo(dbname="postgres"))
        with pytest.raises(PermissionError):
            server.password_file.read_text("ascii")
        with pytest.raises((StopRefusedInput, StopStorage)):
            lease_server(place.root)

    assert as_nobody(try_it) == 0
