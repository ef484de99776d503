"""The known ways into such a database: each succeeds on an unprotected twin and fails on ours."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import errors

from clusters.databases import Database
from clusters.fixtures import fresh_database
from cutter_agent.document.cutplan import leaf_record
from cutter_agent.errors import StopSourceUnreadable
from cutter_agent.evidence.merkle import leaf_hash
from cutter_agent.orchestrator import queries
from cutter_agent.orchestrator.facts import FunctionFingerprint, GrantEntry
from cutter_agent.orchestrator.grants import functions_sha256, grants_sha256
from cutter_agent.orchestrator.states import Gate
from cutter_agent.postgres import arrays, history
from cutter_agent.postgres.connect import Connection, Login, select_on, translated
from cutter_agent.postgres.doctor import SUPERUSER_WALLS, examine, level
from cutter_agent.postgres.embedded import Server
from cutter_agent.postgres.migrate import migrate
from postgres.acts import add_source, in_force, line, login, one, open_cut, session

LINES = [line(n) for n in range(1, 4)]


@contextmanager
def unlocked(database: Database) -> Iterator[Connection]:
    """A superuser for whom the walls around our schemas are open, as in a migration."""
    with session(database) as connection:
        connection.execute("SET cutter.migration = 'on'")
        yield connection


def give_temp(database: Database) -> None:
    """The roles may make temporary tables, which they may not in a deployment."""
    with unlocked(database) as connection:
        connection.execute(f"GRANT TEMP ON DATABASE {database.name} TO PUBLIC")


def our_tables(database: Database) -> list[str]:
    return [name.split(".")[1] for name in queries.GOVERNED_TABLES]


def test_a_temporary_table_hijacks_a_definer_function_whose_search_path_does_not_end_in_pg_temp(
    database: Database,
):
    give_temp(database)
    with unlocked(database) as connection:
        connection.execute("CREATE SCHEMA twin; GRANT USAGE ON SCHEMA twin TO cutter_exec")
        connection.execute("CREATE TABLE twin.execution_switch (armed boolean)")
        connection.execute("INSERT INTO twin.execution_switch VALUES (false)")
        connection.execute(
            "CREATE FUNCTION twin.is_armed() RETURNS boolean LANGUAGE sql SECURITY DEFINER"
            " SET search_path = twin AS 'SELECT armed FROM execution_switch';"
            "GRANT EXECUTE ON FUNCTION twin.is_armed() TO cutter_exec"
        )
    with session(database, "cutter_exec") as attacker:
        attacker.execute("SET cutter.migration = 'on'")  # GRANT is refused by its tag alone
        attacker.execute("CREATE TEMP TABLE execution_switch (armed, seq) AS SELECT true, 1")
        attacker.execute("GRANT SELECT ON execution_switch TO PUBLIC")
        assert one(attacker, "SELECT twin.is_armed()") is True
    cut = open_cut(database, LINES)
    with session(database, "cutter_admin") as connection:
        connection.execute("SELECT cutter_governance.fn_switch_arm(false, 'off', 'nina')")
    with session(database, "cutter_exec") as attacker:
        attacker.execute("SET cutter.migration = 'on'")  # GRANT is refused by its tag alone
        attacker.execute("CREATE TEMP TABLE execution_switch (armed, seq) AS SELECT true, 9")
        attacker.execute("GRANT SELECT ON execution_switch TO PUBLIC")
        with pytest.raises(errors.DatabaseError) as refused:
            attacker.execute(
                "SELECT cutter_governance.fn_change_set_mint(%s, %s, gen_random_uuid(),"
                " gen_random_uuid(), '\\x00', 1, 0, 0, 0)",
                (cut.run_id, cut.fence),
            )
        assert refused.value.sqlstate == "CU010"


def test_no_role_of_ours_can_make_a_temporary_table(database: Database):
    for role in ("cutter_exec", "cutter_verify", "cutter_review", "cutter_admin"):
        with (
            session(database, role) as connection,
            pytest.raises(errors.InsufficientPrivilege),
        ):
            connection.execute("CREATE TEMP TABLE staging (x text)")


def test_a_definer_function_that_reads_the_callers_table_runs_the_callers_code(
    database: Database,
):
    give_temp(database)
    with unlocked(database) as connection:
        connection.execute(
            "CREATE SCHEMA twin; GRANT USAGE, CREATE ON SCHEMA twin TO cutter_exec;"
            "CREATE TABLE twin.log (word text);"
            "CREATE FUNCTION twin.load() RETURNS void LANGUAGE plpgsql SECURITY DEFINER"
            " AS 'BEGIN INSERT INTO twin.log SELECT word FROM pg_temp.staging; END';"
            "GRANT EXECUTE ON FUNCTION twin.load() TO cutter_exec"
        )
    probe = (
        "CREATE FUNCTION twin.probe() RETURNS text LANGUAGE plpgsql AS"
        " 'BEGIN RETURN current_user; END'; GRANT EXECUTE ON FUNCTION twin.probe() TO PUBLIC"
    )
    with session(database, "cutter_exec") as attacker:
        attacker.execute("SET cutter.migration = 'on'")
        attacker.execute(probe)
        attacker.execute("CREATE TEMP VIEW staging AS SELECT twin.probe() AS word")
        attacker.execute("GRANT SELECT ON staging TO PUBLIC")
        attacker.execute("SELECT twin.load()")
    with session(database) as connection:
        assert one(connection, "SELECT word FROM twin.log") == "postgres"
    _cut_among_traps(database)


def _cut_among_traps(database: Database) -> None:
    """A whole draft succeeds although every name of ours leads to the caller's code."""
    cut = open_cut(database, LINES)
    with session(database, "cutter_exec") as connection:
        connection.execute("SET cutter.migration = 'on'")
        connection.execute(
            "CREATE FUNCTION pg_temp.trap() RETURNS text LANGUAGE plpgsql AS"
            " $$BEGIN RAISE EXCEPTION 'code of the caller ran as %', current_user; END$$"
        )
        for name in our_tables(database):
            connection.execute(f"CREATE TEMP VIEW {name} AS SELECT pg_temp.trap() AS document_id")
            connection.execute(f"GRANT SELECT ON {name} TO PUBLIC")
        with connection.transaction():
            history.consume(
                connection, cut.fence, cut.consumption(Gate.SG_1, cut.request(Gate.SG_1))
            )
            writer = cut.writer(connection)
            writer.mint_change_set(cut.change_set())
            assert writer.create_drafts(cut.change_set(), cut.drafts()) == len(LINES)


def test_a_reader_writes_in_a_read_only_transaction_by_large_objects(database: Database):
    with session(database) as connection:
        if connection.info.server_version >= 160000:
            pytest.skip("from server 16 on, a read-only transaction refuses large objects itself")
        connection.execute("SET cutter.migration = 'on'")
        connection.execute("GRANT EXECUTE ON FUNCTION lo_create(oid) TO PUBLIC")
    attack = "SELECT lo_create(0)"
    with session(database, "cutter_reader") as reader, reader.transaction():
        reader.execute("SET TRANSACTION READ ONLY")
        assert one(reader, attack)
    with session(database) as connection:
        assert one(connection, "SELECT count(*) FROM pg_largeobject_metadata") == 1
    migrate(login(database))
    with session(database, "cutter_reader") as reader:
        with pytest.raises(errors.InsufficientPrivilege):
            reader.execute(attack)
        reading = select_on(reader)(queries.MUTATION_READING, {})[0]
    assert reading["role_read_only"] is True


def test_a_reader_writes_into_the_log_of_the_server_by_a_message(database: Database):
    attack = "SELECT pg_logical_emit_message(true, 'twin', 'hello')"
    with unlocked(database) as connection:
        for row in connection.execute(
            "SELECT oid::regprocedure::text FROM pg_proc WHERE proname = 'pg_logical_emit_message'"
        ).fetchall():
            connection.execute(f"GRANT EXECUTE ON FUNCTION {row[0]} TO PUBLIC")
    with session(database, "cutter_reader") as reader:
        assert one(reader, attack)
    migrate(login(database))
    with (
        session(database, "cutter_reader") as reader,
        pytest.raises(errors.InsufficientPrivilege),
    ):
        reader.execute(attack)


def test_a_read_only_role_is_read_only_by_its_grants_not_by_its_setting(database: Database):
    with unlocked(database) as connection:
        connection.execute("CREATE SCHEMA twin; GRANT USAGE ON SCHEMA twin TO cutter_reader")
        connection.execute("CREATE TABLE twin.unit (x text); GRANT INSERT ON twin.unit TO PUBLIC")
    with session(database, "cutter_reader") as reader:
        with pytest.raises(errors.ReadOnlySqlTransaction):
            reader.execute("INSERT INTO twin.unit VALUES ('x')")
        reader.execute("SET default_transaction_read_only = off")
        reader.execute("INSERT INTO twin.unit VALUES ('x')")
        for table in queries.GOVERNED_TABLES:
            for attack in (f"DELETE FROM {table}", f"INSERT INTO {table} DEFAULT VALUES"):
                with pytest.raises(errors.InsufficientPrivilege):
                    reader.execute(attack)


def functions_of(connection: Connection) -> tuple[str, list[str]]:
    rows = select_on(connection)(queries.FUNCTIONS, {})
    prints = [FunctionFingerprint(r["signature"], r["sha256"], r["prosrc_md5"]) for r in rows]
    return functions_sha256(prints), sorted(p.prosrc_md5 for p in prints)


@pytest.mark.parametrize(
    "change",
    [
        "ALTER FUNCTION {f} RESET search_path",
        "ALTER FUNCTION {f} SECURITY INVOKER",
        "ALTER FUNCTION {f} OWNER TO postgres",
        "GRANT EXECUTE ON FUNCTION {f} TO PUBLIC",
        "ALTER FUNCTION {f} SET row_security = off",
    ],
)
def test_a_digest_of_the_source_alone_misses_what_ours_sees(frozen: Database, change: str):
    with unlocked(frozen) as connection, connection.transaction(force_rollback=True):
        before, naive_before = functions_of(connection)
        connection.execute(change.format(f="cutter_governance.fn_run_hold"))
        after, naive_after = functions_of(connection)
    assert naive_before == naive_after
    assert before != after


def matrix_of(connection: Connection) -> str:
    rows = select_on(connection)(queries.GRANT_MATRIX, {})
    return grants_sha256(GrantEntry(**row) for row in rows)


def acls_of(connection: Connection) -> object:
    return one(
        connection,
        "SELECT string_agg(relname || relacl::text, ',' ORDER BY relname) FROM pg_class"
        " WHERE relnamespace IN ('iu'::regnamespace, 'cutter_governance'::regnamespace)",
    )


@pytest.mark.parametrize(
    "change",
    [
        "GRANT UPDATE (title) ON iu.source_document TO cutter_exec",
        "GRANT pg_write_all_data TO cutter_exec",
        "ALTER TYPE iu.lifecycle_state OWNER TO postgres; ALTER SCHEMA iu OWNER TO postgres",
        "ALTER DEFAULT PRIVILEGES FOR ROLE cutter_owner GRANT INSERT ON TABLES TO cutter_exec",
        "ALTER ROLE cutter_exec BYPASSRLS",
        "ALTER ROLE cutter_exec SET session_replication_role = replica",
        "ALTER TABLE iu.unit_version DISABLE TRIGGER rows_stay",
        "ALTER TABLE iu.unit_version DISABLE TRIGGER ALL",
        "ALTER TABLE iu.unit_version ENABLE TRIGGER rows_stay",
        "ALTER EVENT TRIGGER cutter_refuse_ddl DISABLE",
        "DROP EVENT TRIGGER cutter_refuse_drop",
    ],
)
def test_a_digest_of_access_lists_alone_misses_what_ours_sees(frozen: Database, change: str):
    with unlocked(frozen) as connection, connection.transaction(force_rollback=True):
        before, naive_before = matrix_of(connection), acls_of(connection)
        connection.execute(change)
        after, naive_after = matrix_of(connection), acls_of(connection)
    assert naive_before == naive_after
    assert before != after


def test_rows_of_a_table_with_an_ordinary_trigger_go_in_a_replicas_session(database: Database):
    with unlocked(database) as connection:
        connection.execute(
            "CREATE SCHEMA twin; CREATE TABLE twin.log (x text);"
            "CREATE TRIGGER rows_stay BEFORE DELETE ON twin.log"
            " FOR EACH ROW EXECUTE FUNCTION cutter_governance.refuse_mutation();"
            "INSERT INTO twin.log VALUES ('x')"
        )
        connection.execute("SET session_replication_role = replica")
        assert connection.execute("DELETE FROM twin.log").rowcount == 1
    open_cut(database, LINES).through()
    with session(database) as connection:
        connection.execute("SET session_replication_role = replica")
        for table, key in queries.GOVERNED_TABLES.items():
            if not one(connection, f"SELECT count(*) FROM {table}"):
                continue
            column = key.split(", ")[0]
            for attack in (
                f"DELETE FROM {table}",
                f"UPDATE {table} SET {column} = {column}",
                f"TRUNCATE {table} CASCADE",
            ):
                if (
                    attack.startswith("UPDATE iu.unit_in_force")
                    or "UPDATE cutter_governance.run S" in attack
                ):
                    continue
                with pytest.raises(errors.DatabaseError) as refused:
                    connection.execute(attack)
                assert refused.value.sqlstate == "CU001", attack


DDL = [
    "DROP TABLE {s}.lane",
    "ALTER TABLE {s}.lane ADD COLUMN extra text",
    "ALTER TABLE {s}.lane DISABLE TRIGGER ALL",
    "CREATE TABLE {s}.another (x text)",
    "CREATE INDEX ON {s}.lane (driver)",
    "CREATE FUNCTION {s}.evil() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE RULE quiet AS ON INSERT TO {s}.lane DO INSTEAD NOTHING",
    "CREATE TRIGGER evil AFTER UPDATE ON {s}.lane EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE POLICY hidden ON {s}.lane USING (false)",
    "GRANT INSERT ON {s}.lane TO cutter_exec",
    "REVOKE SELECT ON {s}.lane FROM cutter_exec",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {s} GRANT ALL ON TABLES TO PUBLIC",
    "ALTER TABLE {s}.lane OWNER TO postgres",
    "ALTER SCHEMA {s} OWNER TO postgres",
    "COMMENT ON TABLE {s}.lane IS 'mine'",
    "DROP SCHEMA {s} CASCADE",
]


@pytest.fixture(scope="module")
def frozen(cluster: Server) -> Iterator[Database]:
    """A database whose shape every attack must leave as it is."""
    with fresh_database(cluster) as made:
        yield made


@pytest.mark.parametrize("ddl", DDL)
def test_the_shape_of_our_schemas_changes_in_a_migration_only(frozen: Database, ddl: str):
    with unlocked(frozen) as connection, connection.transaction(force_rollback=True):
        connection.execute("CREATE SCHEMA twin; CREATE TABLE twin.lane (driver text)")
        connection.execute(ddl.format(s="twin"))
    with session(frozen) as connection:
        with pytest.raises(errors.DatabaseError) as refused:
            connection.execute(ddl.format(s="cutter_governance"))
        assert refused.value.sqlstate == "CU002"


def test_a_begin_written_by_hand_loses_what_the_drivers_transaction_keeps(database: Database):
    with unlocked(database) as connection:
        connection.execute("CREATE SCHEMA twin; CREATE TABLE twin.unit (x text)")
    with session(database) as connection:
        connection.execute("BEGIN")
        connection.execute("INSERT INTO twin.unit VALUES ('lost')")
    with session(database) as second:
        assert one(second, "SELECT count(*) FROM twin.unit") == 0
    open_cut(database, LINES).draft()
    with session(database) as second:
        assert one(second, "SELECT count(*) FROM iu.unit_version") == len(LINES)


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        ("a\0b", psycopg.DataError),
        ("a\ud800b", UnicodeEncodeError),
        (b"a\xffb", errors.CharacterNotInRepertoire),
    ],
)
def test_text_that_the_database_cannot_hold_is_one_stop_not_three_exceptions(
    database: Database, value: str | bytes, raw: type[Exception]
):
    with session(database) as connection:
        arrays.teach(connection)

        def attempt() -> None:
            if isinstance(value, bytes):
                connection.execute("SELECT %s::text[]", (arrays.encoded_texts([value]),))
            else:
                connection.execute("SELECT %s::text", (value,))

        with pytest.raises(raw):
            attempt()
        with pytest.raises(StopSourceUnreadable), translated():
            attempt()


def test_the_same_row_has_the_same_text_whatever_the_server_prefers(database: Database):
    add_source(database, LINES)
    ask = "SELECT d::text FROM iu.source_document AS d"
    with unlocked(database) as connection:
        connection.execute(f"ALTER DATABASE {database.name} SET TimeZone = 'Asia/Ho_Chi_Minh'")
        connection.execute(f"ALTER DATABASE {database.name} SET DateStyle = 'German'")
        before = one(connection, ask)
    with database.connect() as bare:
        assert one(bare, ask) != before
    with session(database, "cutter_reader") as connection:
        assert one(connection, ask) == before


def test_no_statement_lock_or_idle_transaction_lasts_for_ever(database: Database):
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    with database.connect() as bare:
        assert [one(bare, f"SHOW {name}") for name in names] == ["0", "0", "0"]
    with session(database, "cutter_exec") as connection:
        assert "0" not in [one(connection, f"SHOW {name}") for name in names]


def test_a_server_without_a_superuser_is_told_which_walls_are_missing(database: Database):
    with psycopg.connect(
        database.server.conninfo(dbname="postgres"), autocommit=True
    ) as connection:
        connection.execute("CREATE ROLE manager LOGIN CREATEROLE PASSWORD 'pw'")
        managed = f"{database.name}_managed"
        connection.execute("GRANT cutter_owner TO manager WITH ADMIN OPTION")
        for role in (
            "cutter_reader",
            "cutter_exec",
            "cutter_verify",
            "cutter_review",
            "cutter_admin",
        ):
            connection.execute(f"GRANT {role} TO manager WITH ADMIN OPTION")
        connection.execute(f"CREATE DATABASE {managed} OWNER manager")
        try:
            manager = Login(database.server.conninfo(dbname=managed, user="manager", password="pw"))
            assert migrate(manager)
            walls = examine(manager)
        finally:
            connection.execute(f"DROP DATABASE {managed} WITH (FORCE)")
            connection.execute("DROP ROLE manager")
    assert {wall.name for wall in walls if not wall.stands} == SUPERUSER_WALLS
    assert level(walls) == "without shape_is_frozen, builtins_write_nothing"
    assert not any(wall.required for wall in walls if not wall.stands)
    assert level(examine(login(database))) == "all walls"


HOSTILE = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=40)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(records=st.lists(st.tuples(HOSTILE, HOSTILE, HOSTILE, st.none() | HOSTILE), min_size=1))
def test_sql_writes_the_canonical_json_that_python_writes_and_jsonb_does_not(
    database: Database, records: list[tuple[str, str, str, str | None]]
):
    digest = hashlib.sha256(b"body").hexdigest()
    with session(database) as connection:
        for address, alias, heading, parent in records:
            attributes = (("alias", alias), ("heading", heading), ("num", "1"))
            leaf = leaf_record(
                address=address,
                kind="article",
                parent=parent,
                ordinal=7,
                body_sha256=digest,
                attributes=attributes,
            )
            ours = one(
                connection,
                "SELECT iu.leaf_sha256(%s, 'article', %s, 7, decode(%s, 'hex'), %s, %s, '1')",
                address,
                parent,
                digest,
                alias,
                heading,
            )
            assert bytes(ours) == leaf_hash(leaf)
        twin = (
            one(connection, "SELECT %s::jsonb::text", leaf.decode())
            if "\\u0000" not in leaf.decode()
            else ""
        )
        assert twin.encode() != leaf
        assert json.loads(leaf)["ordinal"] == 7


def test_the_cut_that_these_attacks_are_made_on_is_whole(database: Database):
    open_cut(database, LINES).through()
    assert len(in_force(database)) == len(LINES)
