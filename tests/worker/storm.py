"""A storm: many documents, several workers, and workers and the server killed at random moments meanwhile."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen

import psycopg
from tests.audit import PHASES, rows
from tests.own_server import OwnServer, kill_server, up

from cutter_agent.bootstrap import Home
from cutter_agent.bootstrap.home import HOME_VARIABLE
from cutter_agent.bootstrap.working import hand_over
from cutter_agent.errors import Stop, StopDatabaseAway
from cutter_agent.orchestrator.grants import ROLE_READER
from worker.fleet import add_laws, closed, end, sign_all, start_worker

LOOK_S = 0.1
LIMIT_S = 600.0
DOCUMENT_LIMIT_S = 10.0
AWAY = (psycopg.Error, StopDatabaseAway)


@dataclass
class Weather:
    """What happens, and when: parts of the work that are done when it does.

    Attributes:
        workers: how many work.
        worker_kills: at which parts of the work one of them is killed.
        server_kills: at which the server is.
    """

    workers: int
    worker_kills: list[float]
    server_kills: list[float]

    @classmethod
    def drawn(cls, seed: int, workers: int, worker_kills: int, server_kills: int) -> "Weather":
        """The weather of this seed."""
        chance = random.Random(seed)  # noqa: S311 - no secret
        return cls(
            workers,
            sorted(chance.uniform(0.02, 0.95) for _ in range(worker_kills)),
            sorted(chance.uniform(0.1, 0.9) for _ in range(server_kills)),
        )


@dataclass
class Storm:
    """One storm over one deployment with a server of its own.

    Attributes:
        laws: the texts, by code.
        profiles: by code, the profile of those that have another than the fleet's own.
    """

    home: Home
    laws: dict[str, bytes]
    profiles: dict[str, str]
    weather: Weather
    tell: Callable[[str], None]
    log: Path
    processes: list[Popen[bytes]] = field(default_factory=list)
    handed: set[str] = field(default_factory=set)
    took_s: float = 0.0

    def blow(self) -> None:
        """Every document is closed out, whatever was killed."""
        with ExitStack() as stack:
            stack.callback(lambda: [end(process) for process in self.processes])
            with self.awake() as (deployed, _):
                add_laws_of(deployed, self.laws, self.profiles)
            self.processes += [self.worker() for _ in range(self.weather.workers)]
            began = time.monotonic()
            limit_s = LIMIT_S + DOCUMENT_LIMIT_S * len(self.laws)
            while True:
                assert time.monotonic() - began < limit_s, "the storm does not end"
                try:
                    with self.awake() as (deployed, desk):
                        if self.ride(deployed, desk):
                            break
                except AWAY:
                    time.sleep(LOOK_S)
            self.took_s = time.monotonic() - began
            for process in self.processes:
                process.terminate()
            for process in self.processes:
                process.wait(60)

    @contextmanager
    def awake(self) -> Iterator[tuple[OwnServer, object]]:
        """The deployment while its server runs, and a desk at it."""
        with up(self.home) as deployed, deployed.desk() as desk:
            yield deployed, desk

    def ride(self, deployed: OwnServer, desk: object) -> bool:
        """Hand over, sign, kill; True once all is done, False once the server is not there any more."""
        reader = desk.select(ROLE_READER)  # type: ignore[attr-defined]
        for code in self.laws:
            if code not in self.handed and code not in begun(deployed):
                hand_over(desk, code)  # type: ignore[arg-type]
            self.handed.add(code)
        last = 0.0
        while True:
            sign_all(desk, reader)  # type: ignore[arg-type]
            self.replace_refused()
            part = done(deployed, len(self.laws))
            if time.monotonic() - last > 20:
                last = time.monotonic()
                self.tell(f"{part:.1%} of the work, {closed(deployed)} closed out")
            if closed(deployed) == len(self.laws):
                return True
            if self.weather.worker_kills and part >= self.weather.worker_kills[0]:
                self.weather.worker_kills.pop(0)
                self.kill_worker(part)
            if self.weather.server_kills and part >= self.weather.server_kills[0]:
                self.weather.server_kills.pop(0)
                self.tell(f"{part:.1%}: the server is killed")
                kill_server(deployed)
                return False
            time.sleep(LOOK_S)

    def replace_refused(self) -> None:
        """A worker that found no server when it began is begun again; none ends for any other reason."""
        for number, each in enumerate(self.processes):
            if each.poll() is not None:
                assert each.returncode == StopDatabaseAway.exit_status, "a worker died by itself"
                self.processes[number] = self.worker()

    def kill_worker(self, part: float) -> None:
        """One worker is dead at once; a new one takes its place."""
        number = random.randrange(len(self.processes))  # noqa: S311 - no secret
        self.tell(f"{part:.1%}: worker {number + 1} is killed")
        end(self.processes[number])
        self.processes[number] = self.worker()

    def worker(self) -> Popen[bytes]:
        """A new worker."""
        environ = {HOME_VARIABLE: str(self.home.root)}
        return start_worker(environ, "--ndjson", "--share-backups", log=self.log)


def begun(deployed: OwnServer) -> set[str]:
    """The documents that have a run."""
    return {code for (code,) in rows(deployed, "SELECT document_id FROM cutter_governance.run")}


def done(deployed: OwnServer, documents: int) -> float:
    """Which part of all phases is done."""
    ((count,),) = rows(
        deployed, "SELECT count(*) FROM cutter_governance.run_event WHERE kind = 'phase'"
    )
    return int(count) / (documents * len(PHASES))


def add_laws_of(deployed: OwnServer, laws: dict[str, bytes], profiles: dict[str, str]) -> None:
    """The sources are there, and a stop says which is not."""
    with deployed.desk() as desk:
        try:
            add_laws(desk, laws, profiles)
        except Stop as stop:
            message = f"a law could not be added: {stop}"
            raise AssertionError(message) from stop
