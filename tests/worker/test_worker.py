"""Workers: what is handed over or approved is driven, whoever dies on the way; a hint is never needed."""

import os
import pwd
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.audit import audit, rows
from tests.live import Deployed, deploy, finish
from tests.runs import CHARTER, CODE
from tests.sockets import forward, hang_up

from clusters.databases import Database
from cutter_agent.bootstrap import Desk
from cutter_agent.bootstrap.home import DATABASE_VARIABLE
from cutter_agent.bootstrap.working import hand_over, install_queue
from cutter_agent.errors import StopRefusedInput
from cutter_agent.orchestrator.grants import ROLE_READER
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.waiting import waiting_request
from cutter_agent.postgres.embedded import Server
from cutter_agent.worker.loop import Worker
from worker.fleet import (
    await_halt,
    closed,
    end,
    execute,
    go_on,
    halting_worker,
    sign_all,
    until,
    worker,
)


@pytest.fixture
def deployed(database: Database, tmp_path: Path) -> Deployed:
    """A deployment with the charter and a queue of hints."""
    made = deploy(database, tmp_path, source=CHARTER)
    with made.desk() as desk:
        install_queue(desk.access)
    return made


@pytest.fixture
def desk(deployed: Deployed) -> Iterator[Desk]:
    """The same deployment, open."""
    with deployed.desk() as opened:
        yield opened


def sign_both(deployed: Deployed, desk: Desk) -> None:
    """Both gates are signed as soon as they wait, and the run is closed out."""
    reader = desk.select(ROLE_READER)
    for _ in range(2):
        until("it waits", lambda: sign_all(desk, reader) == 1)
    until("it is closed out", lambda: closed(deployed) == 1)


def fence(deployed: Deployed) -> int:
    """How often the one run was claimed."""
    ((number,),) = rows(deployed, "SELECT fence FROM cutter_governance.run")
    return int(number)


def test_a_run_that_is_handed_over_is_driven_and_each_approval_wakes_it(
    deployed: Deployed, desk: Desk
) -> None:
    with worker(deployed.environ):
        run_id, told = hand_over(desk, CODE)
        assert told
        sign_both(deployed, desk)
    audit(deployed, CHARTER, run_id=run_id)
    assert (
        rows(deployed, "SELECT * FROM cutter_queue.procrastinate_jobs WHERE status <> 'doing'")
        == []
    )


def test_without_a_queue_an_approval_counts_and_the_run_is_found_all_the_same(
    deployed: Deployed, desk: Desk
) -> None:
    with worker(deployed.environ):
        execute(deployed, "DROP SCHEMA cutter_queue CASCADE")
        run_id, told = hand_over(desk, CODE)
        assert not told
        sign_both(deployed, desk)
    audit(deployed, CHARTER, run_id=run_id)


def lookouts(deployed: Deployed) -> int:
    """How many workers look for work."""
    found = rows(
        deployed, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'cutter work'"
    )
    return int(found[0][0])


def test_hints_that_come_many_times_and_for_nothing_do_nothing(
    deployed: Deployed, desk: Desk
) -> None:
    hints = """
    INSERT INTO cutter_queue.procrastinate_jobs (queue_name, task_name, args)
    SELECT 'cutter', 'drive_run', jsonb_build_object('run_id', run_id)
    FROM cutter_governance.run, generate_series(1, 10) UNION ALL
    SELECT 'cutter', 'drive_run', '{"run_id": "ictr-20260101T000000Z-00000000"}'
    """
    search = "SET search_path = cutter_queue"
    run_id, _ = hand_over(desk, CODE)
    with worker(deployed.environ), worker(deployed.environ):
        reader = desk.select(ROLE_READER)
        for _ in range(2):
            execute(deployed, search, hints)
            until("it waits", lambda: sign_all(desk, reader) == 1)
        until("it is closed out", lambda: closed(deployed) == 1)
        execute(deployed, search, hints)
        left = "SELECT count(*) FROM cutter_queue.procrastinate_jobs"
        until("the hints are gone", lambda: rows(deployed, left) == [(0,)])
    audit(deployed, CHARTER, run_id=run_id)


def test_a_worker_killed_in_the_middle_of_a_write_is_replaced_at_once(
    deployed: Deployed, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    """How long it took is printed; on a machine that does nothing else it is under a second."""
    run_id, _ = hand_over(desk, CODE)
    doomed = halting_worker(deployed.environ, "before create_drafts")
    with ExitStack() as stack:
        stack.callback(end, doomed)
        reader = desk.select(ROLE_READER)
        until("it waits", lambda: sign_all(desk, reader) == 1)
        await_halt(doomed)
        stack.enter_context(worker(deployed.environ))
        until("the other one looks", lambda: lookouts(deployed) == 2)
        before = fence(deployed)
        doomed.kill()
        took_s = until("it is taken over", lambda: fence(deployed) > before)
        with capsys.disabled():
            sys.stdout.write(f"\ntaken over {took_s:.2f} s after a kill in the middle of a write\n")
        until("it waits again", lambda: sign_all(desk, reader) == 1)
        until("it is closed out", lambda: closed(deployed) == 1)
    audit(deployed, CHARTER, run_id=run_id)


def test_a_hint_that_a_dead_worker_had_taken_keeps_no_new_worker_from_beginning(
    deployed: Deployed,
) -> None:
    search = "SET search_path = cutter_queue"
    taken = """
    INSERT INTO procrastinate_jobs (queue_name, task_name, args, status)
    VALUES ('cutter', 'drive_run', '{"run_id": "ictr-20260101T000000Z-00000000"}', 'doing')
    """
    execute(deployed, search, taken)
    assert Worker(deployed.environ, 1, lambda kind, fields: None, drain=True).run().driven == 0
    assert rows(deployed, "SELECT * FROM cutter_queue.procrastinate_jobs") == []


def test_a_worker_that_is_asked_to_stop_ends_its_phase_and_leaves_the_run_to_others(
    deployed: Deployed, desk: Desk
) -> None:
    run_id, _ = hand_over(desk, CODE)
    asked = halting_worker(deployed.environ, "before append phase")
    try:
        await_halt(asked)
        asked.send_signal(signal.SIGTERM)
        go_on(asked)
        assert asked.wait(30) == 0
    finally:
        end(asked)
    kinds = rows(deployed, "SELECT kind FROM cutter_governance.run_event ORDER BY seq")
    assert kinds == [("opened",), ("phase",)]
    assert rows(deployed, "SELECT * FROM pg_locks WHERE locktype = 'advisory'") == []
    assert finish(deployed, run_id).state.value == "closeout_reported"
    audit(deployed, CHARTER, run_id=run_id)


def test_a_run_that_kills_every_driver_is_left_to_people(deployed: Deployed, desk: Desk) -> None:
    hand_over(desk, CODE)
    for _ in range(3):
        doomed = halting_worker(deployed.environ, "before append phase")
        try:
            await_halt(doomed)
        finally:
            end(doomed)
    with worker(deployed.environ, "--drain") as last:
        assert last.wait(60) == 0
    assert fence(deployed) == 3
    assert finish(deployed, deployed.run_ids()[0]).state.value == "closeout_reported"


def test_a_signature_left_in_the_folder_by_ssh_keygen_is_found_without_any_command(
    deployed: Deployed, desk: Desk
) -> None:
    run_id, _ = hand_over(desk, CODE)
    with worker(deployed.environ):
        until("it waits", lambda: waits(desk, run_id) == "SG_1")
        deployed.sign(run_id, "alice")
        until("it waits again", lambda: waits(desk, run_id) == "SG_2")


def waits(desk: Desk, run_id: str) -> str | None:
    """The gate that the run waits at."""
    request = waiting_request(RunContext(desk.load(run_id)))
    return None if request is None else request.gate.name


def test_a_signature_that_does_not_count_is_not_tried_again_and_the_right_one_is(
    deployed: Deployed, desk: Desk
) -> None:
    run_id, _ = hand_over(desk, CODE)
    with worker(deployed.environ):
        until("it waits", lambda: waits(desk, run_id) == "SG_1")
        deployed.sign(run_id, "alice", message=b"something else")
        stops = "SELECT count(*) FROM cutter_governance.run_event WHERE kind = 'stop'"
        until("it is refused", lambda: rows(deployed, stops) == [(2,)])
        tries = fence(deployed)
        reader = desk.select(ROLE_READER)
        (path,) = (desk.runs_dir / run_id).glob("*.sig")
        path.unlink()
        until("alice signs the request", lambda: sign_all(desk, reader) == 1)
        until("it waits again", lambda: waits(desk, run_id) == "SG_2")
        assert fence(deployed) <= tries + 3
    assert rows(deployed, "SELECT gate FROM cutter_governance.approval_use") == [
        ("SG_1_cut_authz",)
    ]


class Pooler:
    """Stands before the server as a pooler does: it tells a client its own number, not the session's."""

    def __init__(self, server: Server, folder: Path) -> None:
        name = f".s.PGSQL.{server.port}"
        self._behind = str(server.socket_dir / name)
        self._front = socket.socket(socket.AF_UNIX)
        self._front.bind(str(folder / name))
        self._front.listen(8)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Nothing passes any more."""
        hang_up(self._front)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._front.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._behind)
                threading.Thread(target=forward, args=(client, server), daemon=True).start()
                threading.Thread(target=self._back, args=(server, client), daemon=True).start()

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65_536):
                # BackendKeyData: K, a length of 12, the process, a key (docs: Message Formats).
                place = data.find(b"K\x00\x00\x00\x0c")
                number = data[place + 5 : place + 9]
                client.sendall(data.replace(number, b"\x00\x00\x00\x07") if place >= 0 else data)
        hang_up(client)
        hang_up(server)


def test_a_worker_behind_a_pooler_is_refused(deployed: Deployed, tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="cutter-"))
    pooler = Pooler(deployed.database.server, folder)
    try:
        parts = conninfo_to_dict(deployed.database.conninfo())
        front = {"host": str(folder), "requirepeer": pwd.getpwuid(os.geteuid()).pw_name}
        url = make_conninfo("", **{**parts, **front})
        with pytest.raises(StopRefusedInput, match="a pooler stands between"):
            Worker(
                {**deployed.environ, DATABASE_VARIABLE: url},
                1,
                lambda kind, fields: None,
                drain=True,
            ).run()
    finally:
        pooler.close()
        shutil.rmtree(folder)


def test_without_the_engine_or_its_queue_a_worker_says_what_to_install(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused() -> str:
        with pytest.raises(StopRefusedInput) as stop:
            Worker(deployed.environ, 1, lambda kind, fields: None, drain=True).run()
        return stop.value.remedy

    execute(deployed, "DROP SCHEMA cutter_queue CASCADE")
    assert refused() == "cutter init"
    monkeypatch.setitem(sys.modules, "procrastinate", None)
    assert refused() == "pip install 'iu-cutter[worker]'"
