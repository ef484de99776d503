"""Every role of ours tries everything that it must not be able to do; nothing of it works, nothing is left."""

import itertools

import psycopg
import pytest

from clusters.databases import Database
from cutter_agent.orchestrator import queries
from cutter_agent.orchestrator.grants import LOGIN_ROLES, ROLE_OWNER
from postgres.acts import session

OUTSIDE = {
    "a program": "COPY (SELECT 1) TO PROGRAM 'true'",
    "a program's output": "CREATE TEMP TABLE t (x text); COPY t FROM PROGRAM 'id'",
    "a file of the server": "COPY (SELECT 1) TO '/tmp/cutter-escape'",
    "reading a file": "SELECT pg_read_file('postgresql.conf')",
    "listing a folder": "SELECT pg_ls_dir('.')",
    "a large object": "SELECT lo_create(0)",
    "a large object from bytes": "SELECT lo_from_bytea(0, 'x')",
    "a large object imported": "SELECT lo_import('/etc/passwd')",
    "a large object exported": "SELECT lo_export(1, '/tmp/cutter-escape')",
    "a message into the log": "SELECT pg_logical_emit_message(false, 'x', 'y')",
    "a replication slot": "SELECT pg_create_physical_replication_slot('escape')",
    "the server's settings": "ALTER SYSTEM SET log_statement = 'all'",
    "a reload": "SELECT pg_reload_conf()",
    "the end of another session": "SELECT pg_terminate_backend({victim})",
    "the passwords": "SELECT rolpassword FROM pg_authid",
    "an extension": "CREATE EXTENSION dblink",
    "an untrusted language": "CREATE LANGUAGE plpython3u",
    "a C function": "CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'x', 'y'",
    "a server elsewhere": "CREATE FOREIGN DATA WRAPPER escape",
    "a subscription": "CREATE SUBSCRIPTION s CONNECTION 'dbname=x' PUBLICATION p",
}
STANDING = {
    "the superuser": "SET ROLE postgres",
    "the superuser's session": "SET SESSION AUTHORIZATION postgres",
    "the owner": f"SET ROLE {ROLE_OWNER}",
    "a membership": f"GRANT {ROLE_OWNER} TO CURRENT_USER",
    "an attribute": "ALTER ROLE CURRENT_USER SUPERUSER",
    "a password of another": "ALTER ROLE {other} PASSWORD 'x'",
    "a new role": "CREATE ROLE escape LOGIN",
    "a predefined role": "GRANT pg_write_all_data TO CURRENT_USER",
    "a database": "CREATE DATABASE escape",
}
SHAPE = {
    "a schema": "CREATE SCHEMA escape",
    "a temporary table": "CREATE TEMP TABLE execution_switch (armed boolean)",
    "a shadowing function": "CREATE FUNCTION pg_temp.now() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "a shadowing operator": "CREATE OPERATOR public.= (leftarg = text, rightarg = text, procedure = texteq)",
    "a table in public": "CREATE TABLE public.escape (x int)",
    "a function of ours": (
        "CREATE OR REPLACE FUNCTION cutter_governance.fn_run_claim(text, text) RETURNS jsonb"
        " LANGUAGE sql AS 'SELECT NULL'"
    ),
    "an argument's default": "ALTER FUNCTION cutter_governance.fn_run_claim RESET ALL",
    "its owner": "ALTER FUNCTION cutter_governance.fn_run_claim OWNER TO CURRENT_USER",
    "a trigger": "ALTER TABLE iu.unit_version DISABLE TRIGGER ALL",
    "no trigger at all": "SET session_replication_role = replica",
    "a rule": "CREATE RULE r AS ON INSERT TO iu.unit_version DO INSTEAD NOTHING",
    "a policy": "ALTER TABLE iu.unit_version DISABLE ROW LEVEL SECURITY",
    "a constraint": "ALTER TABLE iu.unit_version DROP CONSTRAINT unit_version_counts_from_1",
    "an event trigger": "DROP EVENT TRIGGER cutter_refuse_drop",
    "a wall's grants": "GRANT ALL ON ALL TABLES IN SCHEMA iu TO PUBLIC",
    "the whole": f"DROP OWNED BY {ROLE_OWNER}",
}
ATTEMPTS = {**OUTSIDE, **STANDING, **SHAPE}
WRITES = (
    "INSERT INTO {} SELECT * FROM {}",
    "DELETE FROM {}",
    "TRUNCATE {} CASCADE",
    "COPY {} FROM STDIN",
    "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE",
    "ALTER TABLE {} ADD COLUMN escape int",
    "DROP TABLE {} CASCADE",
)
LEFT = """
SELECT (SELECT count(*) FROM pg_roles), (SELECT count(*) FROM pg_namespace WHERE nspname !~ '^pg_'),
  (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_class WHERE relpersistence <> 't'),
  (SELECT count(*) FROM pg_largeobject_metadata), (SELECT count(*) FROM pg_trigger WHERE tgenabled = 'D'),
  (SELECT count(*) FROM pg_replication_slots), (SELECT md5(string_agg(proacl::text, '' ORDER BY oid)) FROM pg_proc)
"""


def left(database: Database) -> tuple[object, ...]:
    with session(database) as connection:
        row = connection.execute(LEFT.encode()).fetchone()
    assert row is not None
    return row


def refused(connection: psycopg.Connection, statement: str) -> bool:
    """Whether the server refuses it; an attempt that cannot even be parsed is none."""
    try:
        connection.execute(statement.encode())
    except psycopg.errors.SyntaxError:
        raise
    except psycopg.Error:
        return True
    return False


@pytest.mark.parametrize("role", LOGIN_ROLES)
def test_no_role_gets_out_of_its_place(database: Database, role: str) -> None:
    before = left(database)
    worked = []
    other = next(each for each in LOGIN_ROLES if each != role)
    with session(database) as admin, database.connect(role, autocommit=True) as connection:
        chosen = {"victim": admin.info.backend_pid, "other": other}
        for name, statement in ATTEMPTS.items():
            if not refused(connection, statement.format(**chosen)):
                worked.append(name)
            connection.execute("RESET ROLE")
    assert worked == []
    assert left(database) == before


@pytest.mark.parametrize("role", LOGIN_ROLES)
def test_no_role_writes_a_table(database: Database, role: str) -> None:
    tables = [*queries.GOVERNED_TABLES, "cutter_migration.migration"]
    worked = []
    with database.connect(role, autocommit=True) as connection:
        for table, write in itertools.product(tables, WRITES):
            if not refused(connection, write.format(table, table)):
                worked.append((table, write))
    assert worked == []


@pytest.mark.parametrize("role", LOGIN_ROLES)
def test_a_search_path_of_the_callers_changes_no_function_of_ours(
    database: Database, role: str
) -> None:
    with session(database) as admin:
        admin.execute("SET cutter.migration = 'on'")
        admin.execute("CREATE SCHEMA lure; GRANT ALL ON SCHEMA lure TO PUBLIC")
        admin.execute("CREATE TABLE lure.execution_switch AS SELECT true AS armed")
        admin.execute(
            "CREATE FUNCTION lure.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT $1'"
        )
        admin.execute(
            "CREATE FUNCTION lure.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz'"
        )
    with database.connect(role, autocommit=True) as connection:
        connection.execute("SET search_path = lure, pg_catalog")
        found = connection.execute(
            "SELECT proname FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n"
            " ON n.oid = p.pronamespace WHERE p.prosecdef AND n.nspname IN ('iu', 'cutter_governance')"
            " AND NOT coalesce(p.proconfig::text ~ 'search_path=.*pg_temp\"?[}]?', false)"
        ).fetchall()
    assert found == []
