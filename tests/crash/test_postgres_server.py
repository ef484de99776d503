"""The server dies in the middle of a write, or its answer to COMMIT is lost: the run goes on well."""

import os
import pwd
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tests.audit import audit, outcome
from tests.live import Deployed, approver_of, finish, step_on
from tests.own_server import kill_server, own_home, up
from tests.runs import CHARTER, CODE
from tests.sockets import forward, hang_up
from tests.stages import READY, SG_1, SG_2, Stages, staged

from clusters.databases import Database
from cutter_agent.bootstrap import Home, open_desk
from cutter_agent.bootstrap.home import DATABASE_VARIABLE, HOME_VARIABLE
from cutter_agent.errors import Stop, StopApprovalRequired, StopDatabaseAway
from cutter_agent.orchestrator import Mode, OrchestratorState
from cutter_agent.orchestrator.grants import ROLE_EXEC, ROLE_VERIFY
from cutter_agent.postgres.embedded import Server

CALLS_MAX = 6
AT_LEAST = {READY: (1,), SG_1: (1, 3, 4), SG_2: (1, 2)}
"""Commits whose answer is lost, unless all are: the pin; leg A, leg B, verification; both of the last."""
SOCKET_BYTES = 65_536
COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"
"""CommandComplete of a COMMIT, as the server sends it."""


@pytest.fixture(scope="module")
def stages(cluster: Server) -> Iterator[Stages]:
    with staged(cluster) as made:
        yield made


class Middleman:
    """Stands between a client and the server's socket, and can lose the answer to a COMMIT.

    Only commits of the executor and the verifier count: nobody else changes anything.
    """

    def __init__(self, server: Server, folder: Path, lose: int = 0) -> None:
        name = f".s.PGSQL.{server.port}"
        self.behind = str(server.socket_dir / name)
        self.lose = lose
        self.commits = 0
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._front = socket.socket(socket.AF_UNIX)
        self._front.bind(str(folder / name))
        self._front.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Nothing passes any more."""
        for each in (self._front, *self._open):
            hang_up(each)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._front.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self.behind)
                self._open += [client, server]
                threading.Thread(target=self._pass, args=(client, server), daemon=True).start()

    def _pass(self, client: socket.socket, server: socket.socket) -> None:
        """One connection, until either side ends it or the chosen answer is lost."""
        with suppress(OSError):
            hello = client.recv(SOCKET_BYTES)
            server.sendall(hello)
            writes = ROLE_EXEC.encode() in hello or ROLE_VERIFY.encode() in hello
            threading.Thread(target=forward, args=(client, server), daemon=True).start()
            while data := server.recv(SOCKET_BYTES):
                if writes and COMMITTED in data and self._loses():
                    break
                client.sendall(data)
        hang_up(client)
        hang_up(server)

    def _loses(self) -> bool:
        with self._lock:
            self.commits += 1
            return self.commits == self.lose


class Behind(Deployed):
    """The same deployment, reached through a middleman's socket."""

    @property
    def environ(self) -> dict[str, str]:
        folder = self.home.root.parent / "front"
        server = replace(self.database.server, socket_dir=folder)
        parts = conninfo_to_dict(Database(server, self.database.name).conninfo())
        # Our own connection strings also ask who is at the other end: it is us, not the server.
        parts["requirepeer"] = pwd.getpwuid(os.geteuid()).pw_name
        return {HOME_VARIABLE: str(self.home.root), DATABASE_VARIABLE: make_conninfo(**parts)}


def one_call(deployed: Deployed, stages: Stages, stage: str, lose: int) -> tuple[int, int]:
    """The call from this stage to the next with that answer lost; exit status and commits seen."""
    reference = None
    if stage != READY:
        reference = deployed.sign(stages.run_id, approver_of(deployed.context(stages.run_id)))
    (deployed.home.root.parent / "front").mkdir()
    between = Middleman(deployed.database.server, deployed.home.root.parent / "front", lose)
    try:
        with Behind(deployed.home, deployed.database).runner() as runner:
            if stage == READY:
                result = runner.cut(document_id=CODE, mode=Mode.LIVE)
            else:
                result = runner.resume(stages.run_id, approval_kb_id=reference)
            return result.exit_status, between.commits
    except Stop as stop:
        return stop.exit_status, between.commits
    finally:
        between.close()


@pytest.mark.parametrize("stage", [READY, SG_1, SG_2])
def test_a_commit_whose_answer_is_lost_is_not_done_twice(stages: Stages, stage: str) -> None:
    with stages.at(stage) as deployed:
        _, commits = one_call(deployed, stages, stage, 0)
        expected = outcome(finish(deployed, deployed.run_ids()[0]).context)
    assert commits >= 2
    every = os.environ.get("CUTTER_CRASH_POINTS") == "all"
    for lose in range(1, commits + 1) if every else AT_LEAST[stage]:
        with stages.at(stage) as deployed:
            status, _ = one_call(deployed, stages, stage, lose)
            # The last commit of a call that ends at a pause is the pause's own entry.
            paused = lose == commits and stage != SG_2
            expected_stop = StopApprovalRequired if paused else StopDatabaseAway
            assert status == expected_stop.exit_status
            result = finish(deployed, deployed.run_ids()[0])
            assert result.state is OrchestratorState.CLOSEOUT_REPORTED
            assert outcome(result.context) == expected
            audit(deployed, CHARTER)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A deployment with a server of its own, the charter added, everything armed."""
    with own_home(tmp_path) as made:
        with up(made) as deployed:
            deployed.add(CHARTER)
        yield made


class AtMoments:
    """Does something at the first of each of these effects, once a moment."""

    def __init__(self, moments: tuple[str, ...], work: Callable[[], None]) -> None:
        self.moments = list(moments)
        self.work = work

    def __call__(self, name: str) -> None:
        if self.moments and name == self.moments[0]:
            self.moments.pop(0)
            self.work()


def test_a_server_that_dies_in_the_middle_of_each_write_takes_nothing_with_it(home: Home) -> None:
    run_id = None
    moments = ["before create_drafts", "before record_result", "after enact", "before end closed"]
    while moments:
        with up(home) as deployed, ExitStack() as stack:
            hook = AtMoments((moments[0],), lambda: kill_server(deployed))
            runner = stack.enter_context(deployed.runner(hook))
            status = None
            for _ in range(CALLS_MAX):
                try:
                    result = step_on(deployed, runner, run_id)
                    run_id, status = result.run_id, result.exit_status
                except Stop as stop:
                    status = stop.exit_status
                if not hook.moments:
                    break
            assert status == StopDatabaseAway.exit_status
        moments.pop(0)
    with up(home) as deployed:
        result = finish(deployed, run_id)
        assert result.state is OrchestratorState.CLOSEOUT_REPORTED
        audit(deployed, CHARTER)


def test_a_database_that_is_away_is_said_so_and_the_run_goes_on_later(stages: Stages) -> None:
    with stages.at(SG_1) as deployed:
        reference = deployed.sign(stages.run_id, "alice")
        before = deployed.content()
        gone = replace(deployed.database.server, socket_dir=deployed.home.root)
        url = Database(gone, deployed.database.name).conninfo()
        environ = {HOME_VARIABLE: str(deployed.home.root), DATABASE_VARIABLE: url}
        with open_desk(environ) as desk, pytest.raises(StopDatabaseAway) as stop:
            desk.runner().resume(stages.run_id, approval_kb_id=reference)
        assert stop.value.exit_status == 75
        assert deployed.content() == before
        assert finish(deployed, stages.run_id).state is OrchestratorState.CLOSEOUT_REPORTED
