"""Who can reach the server, and what of it can be read: its owner, with the password, and nobody else."""

import os
import pwd
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from cutter_agent.errors import StopRefusedInput
from cutter_agent.postgres.cluster import prepared_files, server_account, write_private
from cutter_agent.postgres.socket_folder import socket_folder
from postgres.conftest import Place, answers, parent_of

AS_ROOT = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root runs the server as another account"
)


def password_of(place: Place) -> str:
    return place.files.password_file.read_text("ascii").strip().rpartition(":")[2]


def test_no_file_of_the_cluster_is_open_to_others(place: Place):
    place.lease()
    root_mode = stat.S_IMODE(place.root.stat().st_mode)
    assert root_mode == (0o710 if os.geteuid() == 0 else 0o700)
    seen = [path for path in place.root.rglob("*") if not path.is_symlink()]
    assert {"lease", "superuser.pgpass", "data", "socket", "server.log"} <= {p.name for p in seen}
    assert [str(path) for path in seen if path.lstat().st_mode & 0o077] == []


def test_the_umask_of_the_client_opens_nothing(new_place: Place):
    before = os.umask(0)
    try:
        new_place.lease()
    finally:
        os.umask(before)
    opened = [path for path in new_place.root.rglob("*") if path.lstat().st_mode & 0o077]
    assert opened == []


def test_the_password_is_long_and_the_clusters_own(place: Place, new_place: Place):
    new_place.lease()
    assert len(password_of(place)) >= 32
    assert password_of(place) != password_of(new_place)


@pytest.mark.parametrize(
    ("given", "refusal"),
    [("wrong", "password authentication failed"), ("", "no password supplied")],
)
def test_a_wrong_or_missing_password_is_refused(place: Place, given: str, refusal: str):
    server = place.lease().server
    link = server.connect_kwargs(dbname="postgres") | {"passfile": os.devnull}
    with pytest.raises(psycopg.OperationalError, match=refusal):
        psycopg.connect(**link, password=given)


def test_another_role_is_never_let_in_by_the_environment(
    place: Place, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    server = place.lease().server
    write_private(folder / "pgpass", b"*:*:*:*:known\n")
    with psycopg.connect(server.conninfo(dbname="postgres"), autocommit=True) as link:
        link.execute("CREATE ROLE reader LOGIN PASSWORD 'known'")
        try:
            monkeypatch.setenv("PGPASSFILE", str(folder / "pgpass"))
            with pytest.raises(psycopg.OperationalError, match="no password supplied"):
                psycopg.connect(server.conninfo(dbname="postgres", user="reader"))
            known = server.conninfo(dbname="postgres", user="reader", password="known")
            psycopg.connect(known).close()
        finally:
            link.execute("DROP ROLE reader")


def test_no_login_is_trusted_and_no_network_is_listened_to(place: Place):
    server = place.lease().server
    with psycopg.connect(server.conninfo(dbname="postgres")) as link:
        methods = link.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
        listens = link.execute("SHOW listen_addresses").fetchone()
    assert {method for (method,) in methods} == {"scram-sha-256", "reject"}
    assert listens == ("",)


def test_a_server_of_another_account_is_not_believed(place: Place):
    server = place.lease().server
    link = server.connect_kwargs(dbname="postgres")
    assert link["requirepeer"] == pwd.getpwuid(place.files.data.stat().st_uid).pw_name
    with pytest.raises(psycopg.OperationalError, match="requirepeer"):
        psycopg.connect(**link | {"requirepeer": "daemon"})


def test_no_secret_of_the_client_and_no_password_reaches_a_process(
    place: Place, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PGPASSWORD", "canary-of-the-client")
    monkeypatch.setenv("CUTTER_CANARY", "canary-of-the-client")
    server_pid = place.lease().server_pid
    assert server_pid is not None
    for pid in (server_pid, parent_of(server_pid)):
        for name in ("environ", "cmdline"):
            held = Path(f"/proc/{pid}/{name}").read_bytes()
            assert held
            assert b"canary" not in held
            assert password_of(place).encode() not in held


def test_a_conninfo_of_the_superuser_holds_no_secret(place: Place):
    server = place.lease().server
    assert password_of(place) not in server.conninfo(dbname="postgres")


def test_a_failing_statement_is_not_written_to_the_log(place: Place):
    server = place.lease().server
    missing = pytest.raises(psycopg.errors.UndefinedTable)
    with psycopg.connect(server.conninfo(dbname="postgres")) as link, missing:
        link.execute("SELECT 'text of a document' FROM nothing_there")
    log = place.files.server_log.read_text("utf-8")
    assert "nothing_there" in log
    assert "text of a document" not in log


@pytest.mark.parametrize(
    "name", ["listen_addresses", "port", "hba_file", "a b", "X", "unix_socket_permissions"]
)
def test_a_setting_that_opens_the_server_is_refused(place: Place, name: str):
    with pytest.raises(StopRefusedInput, match="cannot be given"):
        place.lease(settings={name: "1"})
    assert place.processes() == []


@AS_ROOT
def test_for_root_the_server_runs_as_an_unprivileged_account(place: Place):
    pid = place.lease().server_pid
    assert pid is not None
    account = server_account()
    assert account.uid != 0
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    assert status.split("Uid:")[1].split()[:4] == [str(account.uid)] * 4
    assert status.split("Gid:")[1].split()[:4] == [str(account.gid)] * 4
    assert status.split("Groups:")[1].split("\n")[0].split() == []
    assert status.split("CapPrm:")[1].split()[0].strip("0") == ""
    owners = {path.lstat().st_uid for path in place.files.data.rglob("*")}
    assert owners == {account.uid}


@AS_ROOT
def test_for_root_the_servers_account_can_change_nothing_that_root_uses(place: Place):
    place.lease()
    ours = [path for path in place.root.iterdir() if path.name not in {"data", "socket"}]
    assert {path.lstat().st_uid for path in [place.root, *ours]} == {0}
    assert not place.root.stat().st_mode & 0o022


def long_root(folder: Path) -> Path:
    return folder / ("a folder of an office with a long name " * 3) / "Điều lệ, 'bản' \"chính\""


def taken_name(root: Path) -> Path:
    """The name that the socket's folder of this cluster will have, made by nobody yet."""
    account = server_account()
    name = socket_folder(prepared_files(root, account), account)
    name.rmdir()
    return name


def test_a_link_in_the_place_of_the_sockets_folder_is_refused(
    places: Callable[[Path], Place], folder: Path
):
    place = places(long_root(folder))
    name = taken_name(place.root)
    trap = folder / "trap"
    trap.mkdir(mode=0o700)
    os.chown(trap, server_account().uid, -1)
    name.symlink_to(trap)
    try:
        with pytest.raises(StopRefusedInput, match="is a link"):
            place.lease()
        assert list(trap.iterdir()) == []
        assert name.is_symlink()
    finally:
        name.unlink()
    assert answers(place.lease().server)


@pytest.mark.parametrize("mode", [0o755, 0o770])
def test_an_open_folder_in_the_place_of_the_sockets_folder_is_refused(
    places: Callable[[Path], Place], folder: Path, mode: int
):
    place = places(long_root(folder))
    name = taken_name(place.root)
    name.mkdir()
    name.chmod(mode)
    try:
        with pytest.raises(StopRefusedInput, match="open to other accounts"):
            place.lease()
    finally:
        name.rmdir()


def test_a_temporary_folder_in_which_others_can_move_things_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    (folder / "tmp").mkdir()
    (folder / "tmp").chmod(0o777)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "tmp"))
    account = server_account()
    files = prepared_files(long_root(folder), account)
    with pytest.raises(StopRefusedInput, match="replace the database's socket"):
        socket_folder(files, account)
    assert list((folder / "tmp").iterdir()) == []


@AS_ROOT
def test_a_strangers_folder_in_the_place_of_the_sockets_folder_is_refused(
    places: Callable[[Path], Place], folder: Path
):
    place = places(long_root(folder))
    name = taken_name(place.root)
    name.mkdir(mode=0o700)
    os.chown(name, 1, 1)
    try:
        with pytest.raises(StopRefusedInput, match="is a link, or is open"):
            place.lease()
    finally:
        name.rmdir()


@AS_ROOT
def test_a_cluster_of_another_account_is_refused(places: Callable[[Path], Place], folder: Path):
    foreign = folder / "pg"
    foreign.mkdir(mode=0o700)
    os.chown(foreign, 1, 1)
    with pytest.raises(StopRefusedInput, match="belongs to the account number 1"):
        places(foreign).lease()
    assert foreign.stat().st_uid == 1
