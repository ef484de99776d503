"""Lanes write one after the other: seen by the database, which tells when two write at once."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest
from tests.live import APPROVERS, STARTER, Deployed, deploy, sql_as_owner

from clusters.databases import Database
from cutter_agent.bootstrap.batches import DeskLanes, batch_runner
from cutter_agent.orchestrator import Mode, OrchestratorState, Queue, QueueItem
from cutter_agent.orchestrator.batch_status import BatchStatus
from cutter_agent.postgres import connect
from cutter_agent.postgres.write import WRITE_GATE

LANES = 6
CODES = tuple(f"LAW-{number}" for number in range(1, 9))
QUEUE = Queue(
    batch_id="night-1",
    created_by=STARTER,
    created_utc="2026-01-31T12:00:00Z",
    default_scope="enacted_only",
    default_actor=STARTER,
    items=tuple(QueueItem(code) for code in CODES),
)
KEY = 7_001
WATCHER = f"""
CREATE FUNCTION public.one_writer() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  v_gate bigint := hashtextextended('cutter/write-gate', 0);
BEGIN
  IF TG_TABLE_SCHEMA = 'iu' AND NOT EXISTS (
      SELECT FROM pg_locks AS l WHERE l.locktype = 'advisory' AND l.granted AND l.pid = pg_backend_pid()
        AND l.classid::bigint = (v_gate >> 32) & 4294967295 AND l.objid::bigint = v_gate & 4294967295) THEN
    RAISE EXCEPTION 'a writer beside the gate' USING ERRCODE = 'CU016';
  END IF;
  -- Held to the end of the writing transaction. What the last writer held goes with its locks, in no
  -- order of theirs: so it is looked for again before two writers are seen in it.
  IF NOT pg_try_advisory_xact_lock({KEY}) THEN
    PERFORM pg_sleep(0.05);
    IF NOT pg_try_advisory_xact_lock({KEY}) THEN
      RAISE EXCEPTION 'two writers at once' USING ERRCODE = 'CU016';
    END IF;
  END IF;
  PERFORM pg_sleep(0.3);
  RETURN NULL;
END;
$$;
GRANT EXECUTE ON FUNCTION public.one_writer() TO PUBLIC;
"""
TRIGGER = """
CREATE TRIGGER one_writer AFTER INSERT ON iu.unit_version
  FOR EACH STATEMENT EXECUTE FUNCTION public.one_writer();
"""


@pytest.fixture
def deployed(database: Database, tmp_path: Path) -> Deployed:
    """A deployment whose database notices two transactions that write units at the same time."""
    made = deploy(database, tmp_path)
    for code in CODES:
        made.add(f"# Law\n\nOf {code}.\n\n## One\n\nFirst.\n".encode(), code, "markdown")
    sql_as_owner(database, WATCHER, TRIGGER)
    return made


def drive(deployed: Deployed) -> BatchStatus:
    with (
        deployed.desk() as desk,
        closing(DeskLanes(deployed.environ, LANES, share=QUEUE)) as lanes,
    ):
        return batch_runner(desk, QUEUE, Mode.LIVE, lanes=lanes).run()


@contextmanager
def counted(database: Database) -> Iterator[list[int]]:
    """How many sessions waited for the write gate, at many moments of the block."""
    found: list[int] = []
    over = Event()

    def look() -> None:
        with psycopg.connect(database.conninfo(), autocommit=True) as connection:
            while not over.wait(0.02):
                row = connection.execute(
                    "SELECT count(*) FROM pg_locks"
                    " WHERE locktype = 'advisory' AND NOT granted AND database = ("
                    "SELECT oid FROM pg_database WHERE datname = current_database())"
                ).fetchone()
                assert row is not None
                found.append(row[0])

    watcher = Thread(target=look)
    watcher.start()
    try:
        yield found
    finally:
        over.set()
        watcher.join()


def test_the_database_never_sees_two_writers(deployed: Deployed) -> None:
    planned = drive(deployed)
    for item in planned.items:
        assert item.context is not None
        deployed.sign(item.context.run_id, APPROVERS[0])
    with counted(deployed.database) as waiting:
        written = drive(deployed)
    assert {item.waits_for for item in written.items} == {"SG_2"}, [
        item.sentence for item in written.items if item.waits_for != "SG_2"
    ]
    # The lanes did come together at the gate, or there was nothing to keep apart.
    assert max(waiting) >= 2


WAITS = """
SELECT count(*) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'advisory' AND NOT l.granted AND a.datname = current_database()
  AND clock_timestamp() - a.query_start > interval '400 ms'
"""


def test_whoever_waits_for_another_lanes_write_waits_until_it_is_over(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long that write takes: a lock's own limit is for what nobody should hold for long."""
    monkeypatch.setitem(connect._PINNED, "lock_timeout", "50ms")
    with deployed.runner() as runner:
        run_id = runner.cut(document_id=CODES[0], mode=Mode.LIVE).run_id
    reference = deployed.sign(run_id, APPROVERS[0])
    reached: list[OrchestratorState] = []

    def resume() -> None:
        with deployed.runner() as runner:
            reached.append(runner.resume(run_id, approval_kb_id=reference).state)

    lane = Thread(target=resume)
    with psycopg.connect(deployed.database.conninfo()) as other:
        other.execute(WRITE_GATE.encode())
        lane.start()
        with psycopg.connect(deployed.database.conninfo(), autocommit=True) as watcher:
            while lane.is_alive() and watcher.execute(WAITS).fetchone() == (0,):
                lane.join(0.02)
        assert lane.is_alive()
        other.rollback()
    lane.join()
    assert reached == [OrchestratorState.AWAITING_LIFECYCLE_AUTHORIZATION]


def test_two_writers_would_have_been_seen(deployed: Deployed) -> None:
    """What watches is watched: transactions that pass by the gate are told apart."""

    def insert(connection: psycopg.Connection) -> None:
        connection.execute("INSERT INTO public.written VALUES (1)")

    sql_as_owner(
        deployed.database,
        "CREATE TABLE public.written (n integer)",
        TRIGGER.replace("iu.unit_version", "public.written"),
    )
    with (
        psycopg.connect(deployed.database.conninfo()) as first,
        psycopg.connect(deployed.database.conninfo()) as second,
    ):
        insert(first)
        with pytest.raises(psycopg.Error, match="two writers at once"):
            insert(second)
