"""The server lives as long as somebody needs it, and no longer, whoever is killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread

import psycopg
import pytest

from clusters.fixtures import NO_PROGRAMS  # noqa: F401 - the plugin is loaded
from cutter_agent.errors import StopDatabaseAway
from cutter_agent.postgres.cluster import Phase, ServerState, prepared_files, server_account
from cutter_agent.postgres.embedded import await_stopped, throwaway_server
from cutter_agent.postgres.launch import DEAD_PARENT_STATUS, launched
from cutter_agent.postgres.postmaster import settled
from cutter_agent.postgres.socket_folder import socket_folder
from cutter_agent.postgres.supervisor import RESTARTS_MAX
from postgres.conftest import Place, answers, parent_of, wait_until


def test_a_released_lease_ends_the_server_and_keeps_the_data(place: Place):
    with place.lease() as lease, psycopg.connect(lease.server.conninfo(dbname="postgres")) as link:
        link.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 1 AS one")
    await_stopped(place.root)
    assert place.processes() == []
    again = place.lease().server
    with psycopg.connect(again.conninfo(dbname="postgres")) as link:
        assert link.execute("SELECT one FROM kept").fetchone() == (1,)


def test_the_server_stays_for_idle_s_after_the_last_lease(place: Place):
    lease = place.lease(idle_s=1.0)
    first = lease.server_pid
    lease.release()
    time.sleep(0.4)
    again = place.lease()
    assert again.server_pid == first
    time.sleep(1.2)
    assert answers(again.server), "a lease taken while idle keeps the server"
    again.release()
    assert place.processes() != []
    await_stopped(place.root, timeout_s=10)


def test_two_clients_share_one_server_and_the_last_one_ends_it(place: Place):
    first, pid = place.leased_client()
    second, same = place.leased_client()
    assert same == pid
    first.kill()
    first.wait()
    time.sleep(0.5)
    lease = place.lease()
    assert lease.server_pid == pid
    lease.release()
    second.kill()
    second.wait()
    await_stopped(place.root, timeout_s=5)
    assert place.processes() == []


def test_six_clients_that_start_at_once_get_one_server(new_place: Place, folder: Path):
    python = folder / "python"
    started = folder / "started"
    python.write_text(f'#!/bin/sh\necho >> {started}\nexec "{sys.executable}" "$@"\n', "utf-8")
    python.chmod(0o755)
    clients = [new_place.client(f"{python}") for _ in range(6)]
    seen = {int(client.stdout.readline()) for client in clients if client.stdout is not None}
    assert len(seen) == 1
    leaders = [pid for pid in new_place.processes() if parent_of(pid) not in new_place.processes()]
    assert leaders == list(seen)
    assert len(started.read_text("utf-8").splitlines()) == 1, "one client starts it, five wait"


def test_a_killed_client_leaves_no_server(place: Place):
    client, _ = place.leased_client()
    client.kill()
    client.wait()
    await_stopped(place.root, timeout_s=5)
    assert place.processes() == []
    assert not place.files.state.exists()


@pytest.mark.parametrize("after_s", [0.05, 0.3, 0.5])
def test_a_client_killed_while_the_cluster_is_made_leaves_a_usable_folder(
    new_place: Place, after_s: float
):
    client = new_place.client()
    time.sleep(after_s)
    client.kill()
    client.wait()
    assert answers(new_place.lease().server)


def test_a_killed_supervisor_takes_its_server_along(place: Place):
    lease = place.lease()
    pid = lease.server_pid
    assert pid is not None
    with psycopg.connect(lease.server.conninfo(dbname="postgres")):
        os.kill(parent_of(pid), signal.SIGKILL)
        wait_until(lambda: not place.processes(), timeout_s=5)
    assert not lease.supervisor_lives
    lease.release()
    assert not place.files.state.exists()
    assert answers(place.lease().server)


def test_a_lease_right_after_the_supervisors_death_waits_for_the_old_server(place: Place):
    lease = place.lease()
    pid = lease.server_pid
    assert pid is not None
    os.kill(parent_of(pid), signal.SIGKILL)
    wait_until(lambda: not place.files.supervisor_lives)
    again = place.lease()
    assert again.server_pid != pid
    assert answers(again.server)


def test_a_supervisor_killed_while_the_cluster_is_made_leaves_a_usable_folder(new_place: Place):
    client = new_place.client()
    wait_until(lambda: any(new_place.root.glob("data.new-*/base")))
    name = next(new_place.root.glob("data.new-*")).name
    os.kill(int(name.rpartition("-")[2]), signal.SIGKILL)
    assert client.stdout is not None
    assert int(client.stdout.readline()) > 0
    assert [path.name for path in new_place.root.glob("*new*")] == []
    assert [path.name for path in new_place.root.glob("initdb*")] == []


def test_what_a_start_cut_short_left_behind_is_removed(new_place: Place):
    prepared_files(new_place.root, server_account())
    (new_place.root / "data.new-123").mkdir()
    (new_place.root / "data.new-123" / "PG_VERSION").write_text("18", "ascii")
    (new_place.root / "initdb.password-123").write_text("secret", "ascii")
    new_place.lease()
    assert [path.name for path in new_place.root.glob("*-123")] == []


def test_a_server_that_ends_slowly_after_its_supervisors_death_is_waited_for(place: Place):
    lease = place.lease()
    pid = lease.server_pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    waiting = Thread(target=settled, args=(place.files,))
    try:
        os.kill(parent_of(pid), signal.SIGKILL)
        wait_until(lambda: not place.files.supervisor_lives)
        waiting.start()
        time.sleep(0.2)
        assert waiting.is_alive()
        assert pid in place.processes()
    finally:
        os.kill(pid, signal.SIGCONT)
    waiting.join(20)
    assert place.processes() == []
    assert answers(place.lease().server)


def test_a_dead_supervisors_socket_folder_is_removed_with_the_lease(
    places: Callable[[Path], Place], folder: Path
):
    place = places(folder / ("x" * 120) / "pg")
    lease = place.lease()
    assert lease.server.socket_dir.parent != place.files.root
    assert lease.server_pid is not None
    os.kill(parent_of(lease.server_pid), signal.SIGKILL)
    wait_until(lambda: not place.files.supervisor_lives and not place.processes())
    assert lease.server.socket_dir.exists()
    lease.release()
    assert not lease.server.socket_dir.exists()


def test_a_killed_server_is_started_again_and_recovers(place: Place):
    lease = place.lease()
    pid = lease.server_pid
    assert pid is not None
    with psycopg.connect(lease.server.conninfo(dbname="postgres"), autocommit=True) as link:
        link.execute("CREATE TABLE committed_before_the_crash ()")
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            link.execute("SELECT pg_sleep(10)")
    wait_until(lambda: lease.server_pid not in {None, pid})
    with psycopg.connect(lease.server.conninfo(dbname="postgres"), autocommit=True) as link:
        link.execute("DROP TABLE committed_before_the_crash")


def test_server_and_supervisor_killed_together_leave_a_cluster_that_recovers(place: Place):
    lease = place.lease()
    pid = lease.server_pid
    assert pid is not None
    os.kill(parent_of(pid), signal.SIGKILL)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not place.files.supervisor_lives)
    lease.release()
    assert answers(place.lease().server)


def test_a_stale_state_is_not_believed(place: Place):
    gone = ServerState(Phase.READY, "long gone", postmaster_pid=1, socket_dir="/nowhere")
    place.files.write_state(gone)
    lease = place.lease()
    assert lease.server.socket_dir != "/nowhere"
    assert answers(lease.server)


@pytest.mark.parametrize("torn", [b"", b"{", b"[]", b'{"phase": "ready"}', b"\xff\x00"])
def test_a_torn_state_is_not_believed(place: Place, torn: bytes):
    place.files.state.write_bytes(torn)
    assert place.files.read_state() is None
    assert answers(place.lease().server)


def test_a_strangers_process_number_does_not_keep_the_server_down(place: Place):
    account = server_account()
    stranger = subprocess.Popen(
        ["sleep", "60"], user=None if account.is_ours else account.uid, cwd="/"
    )
    try:
        stale = f"{stranger.pid}\n{place.files.data}\n1\n5432\n/nowhere\n\n0 0\nready   \n"
        (place.files.data / "postmaster.pid").write_text(stale, encoding="utf-8")
        folder = socket_folder(place.files, account)
        (folder / ".s.PGSQL.5432.lock").write_text(stale, encoding="utf-8")
        lease = place.lease()
        assert lease.server_pid != stranger.pid
        assert answers(lease.server)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_person_who_stands_in_the_data_folder_is_left_alone(place: Place):
    person = subprocess.Popen(["sleep", "60"], cwd=place.files.data)
    try:
        assert person.pid not in place.processes()
        assert answers(place.lease().server)
        assert person.poll() is None
    finally:
        person.kill()
        person.wait()


def test_a_process_whose_parent_is_gone_already_does_not_begin(place: Place):
    # The parent named here is not ours, as if the real one had died between fork and prctl.
    process = launched(
        ["/bin/sh", "-c", "exit 0"],
        server_account(),
        death_signal=signal.SIGKILL,
        output=subprocess.DEVNULL,
        parent_pid=os.getpid() + 1,
    )
    assert process.wait(10) == DEAD_PARENT_STATUS


def test_a_server_that_cannot_start_says_why(place: Place):
    with pytest.raises(StopDatabaseAway) as caught:
        place.lease(settings={"fsync": "off", "shared_buffers": "no number"})
    assert any("shared_buffers" in line for line in caught.value.findings)
    assert answers(place.lease().server)


def test_a_server_that_keeps_ending_is_left_alone_and_the_next_lease_starts_anew(place: Place):
    lease = place.lease()
    killed: set[int | None] = {None}
    for _ in range(RESTARTS_MAX + 1):
        wait_until(lambda: lease.server_pid not in killed)
        pid = lease.server_pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        killed.add(pid)
    wait_until(lambda: not lease.supervisor_lives)
    state = place.files.read_state()
    assert state is not None
    assert state.phase is Phase.FAILED
    assert answers(place.lease().server)


def test_a_supervisor_that_is_told_to_end_ends_its_server_in_order(place: Place):
    lease = place.lease()
    pid = lease.server_pid
    assert pid is not None
    os.kill(parent_of(pid), signal.SIGTERM)
    wait_until(lambda: not lease.supervisor_lives)
    assert place.processes() == []
    assert "database system is shut down" in place.files.server_log.read_text("utf-8")


@pytest.mark.parametrize("program", ["/bin/false", "/no/such/python"])
def test_a_supervisor_that_does_not_start_is_told(
    place: Place, monkeypatch: pytest.MonkeyPatch, program: str
):
    monkeypatch.setattr(sys, "executable", program)
    with pytest.raises(StopDatabaseAway, match="supervisor does not start"):
        place.lease()
    monkeypatch.undo()
    assert answers(place.lease().server)


def test_what_is_slow_is_told_while_it_happens(new_place: Place):
    told: list[str] = []
    new_place.lease(on_progress=told.append)
    assert len(told) >= 1
    assert told[0].startswith("Creating the database")


def test_a_throwaway_server_leaves_no_folder():
    with throwaway_server() as server:
        root = server.data_dir.parent
        assert answers(server)
    assert not root.exists()


def test_a_killed_holder_of_a_throwaway_server_leaves_no_folder(folder: Path):
    holder = (
        "import sys, time; from pathlib import Path\n"
        "from cutter_agent.postgres.embedded import throwaway_server\n"
        "with throwaway_server(parent=Path(sys.argv[1])) as server:\n"
        "    print(server.data_dir.parent, flush=True); time.sleep(600)\n"
    )
    command = [sys.executable, "-c", holder, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        root = Path(process.stdout.readline().strip())
        assert (root / "data").is_dir()
        process.kill()
    wait_until(lambda: not root.exists())
