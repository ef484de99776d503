"""Work that any machine may take: runs that can go on, signatures on their way, and the queue of hints."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cutter_agent.errors import StopDatabaseAway, StopRefusedInput
from cutter_agent.orchestrator.grants import ROLE_EXEC, ROLE_OWNER
from cutter_agent.orchestrator.orders import OfferedSignature
from cutter_agent.postgres.connect import (
    Connection,
    Login,
    Select,
    connected,
    full_conninfo,
    translated,
)
from cutter_agent.postgres.migrate import migrating
from cutter_agent.postgres.statements import statement
from cutter_agent.postgres.write import accepted

QUEUE_SCHEMA: Final = "cutter_queue"
LOOKOUT: Final = "cutter work"
"""What the server shows as the name of a worker's looking session: so many there are, so many workers."""

_IN_QUEUE: Final = f"{QUEUE_SCHEMA},pg_catalog,pg_temp"
_OFFER: Final = """
SELECT cutter_governance.fn_signature_offer(%(run_id)s, %(request_name)s, %(person)s, %(rejects)s, %(armour)b)
"""
_WAKE: Final = "SELECT cutter_governance.fn_run_wake(%(run_id)s)"
_WORKERS: Final = """
SELECT count(*) AS workers FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'cutter work'
"""
_JUST_OPENED: Final = """
SELECT EXISTS (
  SELECT FROM cutter_governance.run AS r JOIN cutter_governance.run_event AS e ON e.run_id = r.run_id
  WHERE r.outcome IS NULL AND r.holds_document AND e.seq = 1
    AND e.recorded_at >= clock_timestamp() - interval '6 seconds'
    AND NOT EXISTS (SELECT FROM cutter_governance.run_event AS o WHERE o.run_id = r.run_id AND o.seq > 1)
) AS any
"""
_QUEUE_MARK: Final = """
SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'cutter_queue'
"""
_QUEUE_GRANTS: Final = f"""
GRANT USAGE ON SCHEMA {QUEUE_SCHEMA} TO {ROLE_EXEC};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {QUEUE_SCHEMA} TO {ROLE_EXEC};
GRANT USAGE ON ALL SEQUENCES IN SCHEMA {QUEUE_SCHEMA} TO {ROLE_EXEC};
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {QUEUE_SCHEMA} TO {ROLE_EXEC};
"""
_FORGET_DEAD: Final = """
DELETE FROM cutter_queue.procrastinate_jobs
WHERE status <> 'todo' AND (worker_id IS NULL OR status <> 'doing')
"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run that can go on and that nobody drives.

    Attributes:
        run_id: the run.
        seq: its newest event.
        offered: how many signatures the database holds beside its newest request.
    """

    run_id: str
    seq: int
    offered: int


def drivable_runs(
    select: Select, *, salt: int, limit: int, claims_max: int, retried: Collection[str]
) -> Sequence[Candidate]:
    """Return runs that can go on and that nobody drives, in an order that the salt decides.

    Args:
        select: reads as any role of ours.
        salt: another one at each look.
        limit: how many at most.
        claims_max: so many claims in a row may have come to nothing before the run is left to people.
        retried: the codes of stops after which a run is tried again without anybody's word.
    """
    rows = select(
        statement("drivable_runs").decode(),
        {"salt": salt, "limit": limit, "claims_max": claims_max, "retried": sorted(retried)},
    )
    return [
        Candidate(str(r["run_id"]), int(str(r["seq"])), int(str(r["offered"] or 0))) for r in rows
    ]


def waiting_runs(select: Select, *, limit: int) -> Sequence[str]:
    """Return the ids of runs that wait for people."""
    rows = select(statement("waiting_runs").decode(), {"limit": limit})
    return [str(row["run_id"]) for row in rows]


def documents_before_a_backup(reader: Login, *, limit: int) -> Sequence[str]:
    """Documents whose live runs have yet to ask, and so to take a backup; those of the oldest runs first."""
    with connected(reader, application="cutter backup") as connection:
        rows = connection.execute(
            statement("documents_before_a_backup"), {"limit": limit}
        ).fetchall()
    return [str(document_id) for (document_id,) in rows]


def any_just_opened(select: Select) -> bool:
    """Say whether a run was opened a moment ago that nobody has begun: it counts as work in a few seconds."""
    return bool(select(_JUST_OPENED, {})[0]["any"])


def worker_count(select: Select) -> int:
    """Return how many workers look for work in this database now."""
    return int(str(select(_WORKERS, {})[0]["workers"]))


def offered_signatures(
    select: Select, run_id: str, request_name: str
) -> Sequence[OfferedSignature]:
    """Return the signatures that were offered beside this request, unjudged."""
    named = {"run_id": run_id, "request_name": request_name}
    return [
        OfferedSignature(str(row["person"]), bool(row["rejects"]), bytes(row["armour"]))  # type: ignore[call-overload]
        for row in select(statement("offered_signatures").decode(), named)
    ]


def offer_signature(
    review: Login, run_id: str, request_name: str, signature: OfferedSignature
) -> bool:
    """The database holds the signature for whoever drives the run; true if workers were told.

    Raises:
        StopApprovalInvalid: the run is over.
    """
    parameters = {
        "run_id": run_id,
        "request_name": request_name,
        "person": signature.person,
        "rejects": signature.rejects,
        "armour": signature.armor,
    }
    return _hinted(review, _OFFER, parameters, run_id)


def wake(executor: Login, run_id: str) -> bool:
    """Workers are told to look at the run; false where there is no queue to tell them."""
    return _hinted(executor, _WAKE, {"run_id": run_id}, run_id)


def check_direct(login: Login) -> None:
    """Return only if nothing stands between this process and the server.

    A pooler gives a session's locks and settings to others; it is known by the process number, which
    it makes up.

    Raises:
        StopRefusedInput: something does.
    """
    with connected(login, application="cutter worker") as connection, translated():
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        if row is None:
            raise StopDatabaseAway("the server told no process number")
        told = connection.info.backend_pid
    if told != row[0]:
        raise StopRefusedInput(
            f"a pooler stands between this worker and the server: it said {told}, the server {row[0]}",
            expected="a direct connection: a worker's locks belong to its session",
            remedy="CUTTER_DATABASE_URL=postgresql://THE_SERVER_ITSELF/DATABASE cutter worker",
        )


def queue_conninfo(executor: Login) -> str:
    """Return the connection string of a session that works in the queue's own schema."""
    return full_conninfo(executor, application="cutter queue", search_path=_IN_QUEUE)


def queue_version(select: Select) -> str | None:
    """Return which engine's queue the database has, or None where it has none."""
    rows = select(_QUEUE_MARK, {})
    return None if not rows else str(rows[0]["obj_description"])


def ensure_queue(admin: Login, engine: str, schema_sql: str) -> bool:
    """The database has this engine's queue; true if it was made now.

    A queue of another version is thrown away: it holds hints, and a hint may be lost.
    """
    with connected(admin, application="cutter migrate") as connection, translated():
        row = connection.execute(_QUEUE_MARK).fetchone()
        if row is not None and row[0] == engine:
            return False
        with migrating(connection):
            connection.execute(f"SET ROLE {ROLE_OWNER}")
            try:
                with connection.transaction():
                    _make_queue(connection, engine, schema_sql)
            finally:
                if not connection.closed:
                    connection.execute("RESET ROLE")
    return True


def forget_dead_hints(executor: Login) -> None:
    """Hints that a dead worker had taken are gone; their runs are found in the run table."""
    # The engine's triggers name their tables without a schema.
    session = connected(executor, application="cutter queue", search_path=_IN_QUEUE)
    with session as connection, translated():
        connection.execute(_FORGET_DEAD)


def _make_queue(connection: Connection, engine: str, schema_sql: str) -> None:
    from psycopg import sql

    connection.execute(f"DROP SCHEMA IF EXISTS {QUEUE_SCHEMA} CASCADE")
    connection.execute(f"CREATE SCHEMA {QUEUE_SCHEMA}")
    connection.execute(f"SET LOCAL search_path = {QUEUE_SCHEMA}, pg_catalog")
    connection.execute(schema_sql.encode())
    connection.execute(_QUEUE_GRANTS)
    connection.execute(
        sql.SQL("COMMENT ON SCHEMA {} IS {}").format(
            sql.Identifier(QUEUE_SCHEMA), sql.Literal(engine)
        )
    )


def _hinted(login: Login, call: str, parameters: Mapping[str, object], run_id: str) -> bool:
    with (
        connected(login, application="cutter wake") as connection,
        translated(run_id=run_id),
    ):
        answer = accepted(connection.execute(call.encode(), parameters).fetchone(), run_id=run_id)
    return bool(answer["hinted"])
