# ruff: noqa: E402, I001 - the fleet of the tests is found once the path says where
"""Whole documents through the line by workers: against a plain loop, against a queue's job for each phase, and 1 → 2 → 4.

Beside the rows it writes build/scale.json: what one document costs a worker, the server and the write
gate, for scale_model.py. CUTTER_BENCH_WORKERS="1 2 4 8" measures other numbers of workers.
"""

import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.schema import SchemaManager
from ratios import PROJECT, Row

sys.path[:0] = [str(PROJECT / "tests"), str(PROJECT)]

from tests.live import finish, settle_backups, step_on
from tests.own_server import OwnServer, own_home, up
from worker.fleet import add_laws, closed, end, sign_all, small_law, start_worker

from cutter_agent.bootstrap import Home
from cutter_agent.bootstrap.home import HOME_VARIABLE
from cutter_agent.bootstrap.working import Lookout, hand_over
from cutter_agent.document.cutplan import body_of, plan_cut
from cutter_agent.document.grammar import parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped
from cutter_agent.orchestrator import OrchestratorRunner
from cutter_agent.orchestrator.grants import ROLE_READER
from cutter_agent.orchestrator.line import LINE, Phase

WORKERS = tuple(map(int, (os.environ.get("CUTTER_BENCH_WORKERS") or "1 2 4").split()))
DOCUMENTS = 12
"""Documents for each number of workers; enough for the slowest machine, few enough for the patience of people."""
LOOKS = 200
PHASES = tuple(step.name for step in LINE if isinstance(step, Phase))
GATED = frozenset({"cut_leg_a", "structural_verify", "leg_b_record", "lifecycle_enact"})
"""The phases of the executor that write under the gate."""
CLOCK = os.sysconf("SC_CLK_TCK")
LIMIT_S = 900.0


@dataclass(frozen=True)
class Level:
    """What so many workers did."""

    workers: int
    documents: int
    took_s: float
    sessions: int
    """At most at once, those of the people who sign not counted."""

    @property
    def rate(self) -> float:
        """Documents a second."""
        return self.documents / self.took_s


class GateClock:
    """Told of steps and effects of one run; how long the write gate was held in it."""

    def __init__(self) -> None:
        self.step = ""
        self.since = 0.0
        self.held_s = 0.0

    def effect(self, name: str) -> None:
        if self.step in GATED and name == "before transaction":
            self.since = time.perf_counter()
        if self.step in GATED and name == "after transaction":
            self.held_s += time.perf_counter() - self.since


def server_cpu_s(deployed: OwnServer) -> float:
    """Processor time of the server so far: its own, its children's, and that of those it has buried."""
    with psycopg.connect(deployed.database.conninfo()) as connection:
        folder = connection.execute("SHOW data_directory").fetchone()
    postmaster = int(Path(folder[0], "postmaster.pid").read_text("ascii").split("\n", 1)[0])
    ticks = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text("utf-8").rpartition(")")[2].split()
            except OSError:
                continue
            if int(entry.name) == postmaster:
                ticks += sum(map(int, fields[11:15]))
            elif int(fields[1]) == postmaster:
                ticks += sum(map(int, fields[11:13]))
    return ticks / CLOCK


def counters(deployed: OwnServer) -> dict[str, float]:
    """What the server has counted so far."""
    with psycopg.connect(deployed.database.conninfo()) as connection:
        row = connection.execute(
            "SELECT d.sessions, d.xact_commit, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')"
            " FROM pg_stat_database AS d WHERE d.datname = current_database()"
        ).fetchone()
    return {
        "sessions": float(row[0]),
        "commits": float(row[1]),
        "wal_bytes": float(row[2]),
        "server_cpu_s": server_cpu_s(deployed),
    }


def client_cpu_s() -> float:
    """Processor time of this process and of the programs that it has run to their end."""
    own, ended = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return own.ru_utime + own.ru_stime + ended.ru_utime + ended.ru_stime


def one_driver(deployed: OwnServer, codes: list[str]) -> dict[str, float]:
    """What one document costs when one driver takes it through the line, people included."""
    gate = GateClock()
    before, cpu_s, began = counters(deployed), client_cpu_s(), time.perf_counter()
    for code in codes:
        with deployed.desk(gate.effect) as desk:
            runner = desk.runner(lambda name: setattr(gate, "step", name))
            finish_at(deployed, runner, code)
    took_s, used_s = time.perf_counter() - began, client_cpu_s() - cpu_s
    after = counters(deployed)
    number = len(codes)
    costs = {name: (after[name] - before[name]) / number for name in before}
    return {
        **costs,
        "client_cpu_s": used_s / number,
        "took_s": took_s / number,
        "gate_s": gate.held_s / number,
    }


def finish_at(deployed: OwnServer, runner: OrchestratorRunner, code: str) -> None:
    """The document is taken to its end by this runner."""
    run_id = None
    for _ in range(6):
        result = step_on(deployed, runner, run_id, code)
        run_id = result.run_id
        if result.context.over:
            return
    message = f"{code} never came to its end"
    raise AssertionError(message)


def look_s(environ: dict[str, str]) -> float:
    """How long one look for work takes."""
    lookout = Lookout(environ)
    try:
        lookout.look(salt=0, limit=16)
        began = time.perf_counter()
        for salt in range(LOOKS):
            lookout.look(salt=salt, limit=16)
        return (time.perf_counter() - began) / LOOKS
    finally:
        lookout.close()


def level(deployed: OwnServer, home: Home, workers: int, codes: list[str]) -> Level:
    """So many worker processes take the documents to their end."""
    environ = {HOME_VARIABLE: str(home.root)}
    before = closed(deployed)
    started = []
    try:
        with deployed.desk() as desk:
            reader = desk.select(ROLE_READER)
            sign_all(desk, reader)
            alone = most = sessions(deployed)
            started += [start_worker(environ) for _ in range(workers)]
            while len(lookouts(deployed)) < workers:
                time.sleep(0.05)
            began = time.perf_counter()
            for code in codes:
                hand_over(desk, code)
            while closed(deployed) < before + len(codes):
                assert time.perf_counter() - began < LIMIT_S
                sign_all(desk, reader)
                most = max(most, sessions(deployed))
                time.sleep(0.02)
            took_s = time.perf_counter() - began
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(60)
            end(process)
    return Level(workers, len(codes), took_s, most - alone)


def sessions(deployed: OwnServer) -> int:
    """How many sessions the database has now."""
    with psycopg.connect(deployed.database.conninfo()) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        ).fetchone()
    return int(row[0])


def lookouts(deployed: OwnServer) -> list[tuple[object, ...]]:
    """The sessions in which workers look for work."""
    with psycopg.connect(deployed.database.conninfo()) as connection:
        return connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'cutter work'"
        ).fetchall()


class Plain:
    """The same documents without an engine: each phase does its part and commits, nobody asks anything."""

    def __init__(self, conninfo: str, laws: dict[str, bytes]) -> None:
        self.connection = psycopg.connect(conninfo, autocommit=True)
        self.connection.execute(
            "CREATE TABLE IF NOT EXISTS plain_unit (document text, address text, body text, state text,"
            " PRIMARY KEY (document, address));"
            "CREATE TABLE IF NOT EXISTS plain_phase (document text, phase text, PRIMARY KEY (document, phase))"
        )
        self.laws = laws
        self.profile = parse_profile(shipped("markdown"))

    def phase(self, code: str, name: str) -> None:
        """One phase of one document."""
        with self.connection.transaction():
            if name == "cut_leg_a":
                self.write(code)
            if name == "lifecycle_enact":
                self.connection.execute(
                    "UPDATE plain_unit SET state = 'enacted' WHERE document = %s", (code,)
                )
            self.connection.execute("INSERT INTO plain_phase VALUES (%s, %s)", (code, name))

    def write(self, code: str) -> None:
        """The document's units are rows."""
        source = self.laws[code]
        marked = mark_text(source, self.profile, code=code)
        plan = plan_cut(marked, source, document_id=code, source_version_id="any", in_force=())
        with (
            self.connection.cursor() as cursor,
            cursor.copy("COPY plain_unit FROM STDIN") as copy,
        ):
            for unit in plan.units:
                body = body_of(source, unit.own_spans).decode()
                copy.write_row((code, unit.address, body, "draft"))


def plain_loop(conninfo: str, laws: dict[str, bytes]) -> float:
    """Seconds a document in a plain loop."""
    plain = Plain(conninfo, laws)
    began = time.perf_counter()
    for code in laws:
        for name in PHASES:
            plain.phase(code, name)
    took_s = time.perf_counter() - began
    plain.connection.close()
    return took_s / len(laws)


def job_per_phase(conninfo: str, laws: dict[str, bytes]) -> float:
    """Seconds a document where each phase is a job of the queue that asks for the next one."""
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(SchemaManager.get_schema().encode())
    plain = Plain(conninfo, laws)
    app = App(connector=PsycopgConnector(conninfo=conninfo, min_size=1, max_size=4))

    @app.task(name="phase", queue="phases")
    async def phase(code: str, number: int) -> None:
        plain.phase(code, PHASES[number])
        if number + 1 < len(PHASES):
            await phase.defer_async(code=code, number=number + 1)

    async def work() -> float:
        async with app.open_async():
            began = time.perf_counter()
            for code in laws:
                await phase.defer_async(code=code, number=0)
            await app.run_worker_async(
                queues=["phases"], wait=False, install_signal_handlers=False, delete_jobs="always"
            )
            return time.perf_counter() - began

    took_s = asyncio.run(work())
    plain.connection.close()
    return took_s / len(laws)


@contextmanager
def laws_for(count: int) -> Iterator[tuple[Home, dict[str, bytes]]]:
    """A deployment with so many documents."""
    laws = dict(small_law(number) for number in range(count))
    with tempfile.TemporaryDirectory() as folder, own_home(Path(folder)) as home:
        settle_backups(home)
        with up(home) as deployed, deployed.desk() as desk:
            add_laws(desk, laws)
        yield home, laws


def peers(deployed: OwnServer, laws: dict[str, bytes]) -> tuple[float, float]:
    """Seconds a document in the plain loop and with a job a phase, each in a database of its own."""
    answers = []
    for name, measure in (("plain", plain_loop), ("jobs", job_per_phase)):
        with psycopg.connect(deployed.database.conninfo(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        parts = psycopg.conninfo.conninfo_to_dict(deployed.database.conninfo())
        conninfo = psycopg.conninfo.make_conninfo("", **{**parts, "dbname": name})
        answers.append(measure(conninfo, laws))
    return answers[0], answers[1]


def rows() -> Iterator[Row]:
    """The rows, and build/scale.json."""
    sizes = [DOCUMENTS] * len(WORKERS)
    with laws_for(DOCUMENTS + sum(sizes) + 1) as (home, laws), up(home) as deployed:
        codes = list(laws)
        finish(deployed, code=codes.pop())
        cost = one_driver(deployed, [codes.pop() for _ in range(DOCUMENTS // 2)])
        cost["look_s"] = look_s({HOME_VARIABLE: str(home.root)})
        plain_s, jobs_s = peers(deployed, {code: laws[code] for code in list(laws)[:DOCUMENTS]})
        yield compared("a document through the line, signed twice", "a plain loop", cost, plain_s)
        yield compared("the same", "a Procrastinate job for each phase", cost, jobs_s)
        levels = []
        for workers in WORKERS:
            mine = [codes.pop() for _ in range(DOCUMENTS)]
            levels.append(level(deployed, home, workers, mine))
            yield scaled(levels[-1], levels[0])
    keep_costs(cost, plain_s, jobs_s, levels)


def compared(work: str, against: str, cost: dict[str, float], peer_s: float) -> Row:
    """A row of our time a document against a peer's."""
    return Row(work, against, cost["took_s"] / peer_s, None, "at most", cost["took_s"], peer_s)


def scaled(found: Level, first: Level) -> Row:
    """A row of so many workers against one."""
    return Row(
        f"{found.workers} workers, {found.rate:.2f} documents a second",
        f"{first.workers} worker",
        found.rate / first.rate,
        None,
        "at least",
        1 / found.rate,
        1 / first.rate,
    )


def keep_costs(cost: dict[str, float], plain_s: float, jobs_s: float, levels: list[Level]) -> None:
    """The measured costs are in build/scale.json."""
    path = PROJECT / "build" / "scale.json"
    path.parent.mkdir(exist_ok=True)
    document = {
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "document": cost,
        "peers_s": {"plain_loop": plain_s, "job_per_phase": jobs_s},
        "levels": [
            {
                "workers": each.workers,
                "documents": each.documents,
                "rate": each.rate,
                "sessions": each.sessions,
            }
            for each in levels
        ],
    }
    path.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
