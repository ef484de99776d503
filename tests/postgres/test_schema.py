"""The schema as a whole: described, granted exactly, the same from zero, and closed to wrong states."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import errors

from clusters.databases import Database
from clusters.fixtures import fresh_database
from cutter_agent.document.units import KINDS
from cutter_agent.errors import StopEvidenceMismatch, StopRefusedInput
from cutter_agent.orchestrator import queries
from cutter_agent.orchestrator.facts import GrantEntry
from cutter_agent.orchestrator.grants import (
    CANONICAL_FUNCTIONS,
    LOGIN_ROLES,
    dml_leaks,
    exec_missing,
    public_leaks,
    review_missing,
    verify_missing,
)
from cutter_agent.postgres import doctor
from cutter_agent.postgres.connect import select_on
from cutter_agent.postgres.embedded import Server
from cutter_agent.postgres.migrate import migrate, sql_files
from postgres.acts import CODE, LINES, login, one, open_cut, session

FINGERPRINT = Path(doctor.__file__).parent / doctor.FINGERPRINT


def test_migrations_from_zero_give_the_schema_on_file(any_database: Database):
    with session(any_database) as connection:
        found = doctor.schema_lines(connection)
    if os.environ.get("CUTTER_WRITE_FINGERPRINT"):
        FINGERPRINT.write_text("\n".join(found) + "\n", encoding="utf-8")
    expected = FINGERPRINT.read_text(encoding="utf-8").splitlines()
    assert list(found) == expected, "CUTTER_WRITE_FINGERPRINT=1 writes the file anew"


def test_every_table_column_and_function_says_what_it_is(database: Database):
    with session(database) as connection:
        silent = connection.execute(
            "SELECT c.oid::regclass::text || coalesce('.' || a.attname, '') FROM pg_class c"
            " LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
            " WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text IN"
            " ('iu', 'cutter_governance', 'cutter_migration')"
            " AND (obj_description(c.oid, 'pg_class') IS NULL OR col_description(c.oid, a.attnum) IS NULL)"
            " UNION ALL SELECT p.oid::regprocedure::text FROM pg_proc p"
            " WHERE p.pronamespace::regnamespace::text IN ('iu', 'cutter_governance', 'cutter_migration')"
            " AND obj_description(p.oid, 'pg_proc') IS NULL"
            " UNION ALL SELECT t.oid::regtype::text FROM pg_type t WHERE t.typtype IN ('d', 'e')"
            " AND t.typnamespace::regnamespace::text IN ('iu', 'cutter_governance')"
            " AND obj_description(t.oid, 'pg_type') IS NULL"
        ).fetchall()
    assert silent == []


def test_the_database_grants_exactly_the_table_of_canonical_functions(database: Database):
    with session(database, "cutter_reader") as connection:
        rows = select_on(connection)(queries.GRANT_MATRIX, {})
    entries = [GrantEntry(**row) for row in rows]
    granted: dict[str, set[str]] = {}
    for entry in entries:
        if entry.kind == "function" and entry.grantee != "cutter_owner":
            granted.setdefault(entry.object.partition("(")[0], set()).add(entry.grantee)
    assert granted == {name: set(roles) for name, roles in CANONICAL_FUNCTIONS.items()}
    assert (exec_missing(entries), verify_missing(entries), review_missing(entries)) == ((),) * 3
    assert (public_leaks(entries), dml_leaks(entries)) == ((), ())


@pytest.mark.parametrize("look_up", ["FUNCTIONS", "GRANT_MATRIX", "CONTENT", "VOCAB"])
def test_every_role_reads_the_same_rows(database: Database, look_up: str):
    open_cut(database, LINES).through()
    answers = []
    for role in (*LOGIN_ROLES, ""):
        with session(database, role) as connection:
            answers.append(select_on(connection)(getattr(queries, look_up), {}))
    assert all(answer == answers[0] for answer in answers)


def test_the_digests_cover_every_table_but_the_lane(database: Database):
    with session(database) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c"
            " JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind = 'r' AND n.nspname IN ('iu', 'cutter_governance')"
        ).fetchall()
        keys = {
            table: one(
                connection,
                "SELECT string_agg(a.attname, ', ' ORDER BY k.place) FROM pg_index i"
                " CROSS JOIN unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)"
                " JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum"
                " WHERE i.indrelid = %s::regclass AND i.indisprimary",
                table,
            )
            for table in queries.GOVERNED_TABLES
        }
    expected = {*queries.GOVERNED_TABLES, *queries.UNGOVERNED_TABLES}
    assert {name for (name,) in tables} == expected
    assert keys == dict(queries.GOVERNED_TABLES)


def test_the_kinds_are_those_of_the_code(database: Database):
    with session(database) as connection:
        vocab = select_on(connection)(queries.VOCAB, {})[0]
    assert vocab["kinds"] == sorted(KINDS)


def test_no_definer_function_runs_text_as_sql_or_leaves_its_search_path_open(database: Database):
    with session(database) as connection:
        definers = connection.execute(
            "SELECT p.oid::regprocedure::text, p.prosrc, p.proconfig FROM pg_proc p"
            " WHERE p.prosecdef AND p.pronamespace::regnamespace::text IN ('iu', 'cutter_governance')"
        ).fetchall()
    of_triggers = {"cutter_governance.check_log_at_commit()"}
    assert {name for name, _, _ in definers if "fn_" not in name} == of_triggers
    assert len(definers) == len(CANONICAL_FUNCTIONS) + len(of_triggers)
    for name, source, settings in definers:
        assert settings == ["search_path=pg_catalog, pg_temp"], name
        assert "EXECUTE" not in source.upper().replace("EXECUTED", ""), name
        assert "pg_temp" not in source, name


def test_a_changed_lost_or_late_schema_file_is_refused(database: Database):
    ours = sql_files("migrations")
    first, *_, last = ours
    assert migrate(login(database)) == []
    changed = {**ours, first: ours[first] + b"-- more\n"}
    lost = {name: text for name, text in ours.items() if name != last}
    late = {**ours, "0001_a.sql": b"SELECT 1"}
    for files, word in ((changed, "changed"), (lost, "missing"), (late, "before")):
        with pytest.raises(StopEvidenceMismatch) as refused:
            migrate(login(database), migrations=files)
        assert word in " ".join(refused.value.findings)


def test_a_schema_file_that_fails_leaves_nothing_and_runs_again(database: Database):
    more = {
        **sql_files("migrations"),
        "9000_more.sql": b"CREATE TABLE iu.more (x int); SELECT 1 / 0",
    }
    with pytest.raises(Exception, match="division"):
        migrate(login(database), migrations=more)
    with session(database) as connection:
        assert one(connection, "SELECT to_regclass('iu.more') IS NULL")
        assert one(connection, "SELECT current_setting('cutter.migration', true)") in {None, ""}
    more["9000_more.sql"] = b"SELECT 1"
    assert migrate(login(database), migrations=more) == ["9000_more.sql"]


def test_what_was_changed_by_hand_is_put_back(database: Database):
    with session(database) as connection:
        connection.execute("SET cutter.migration = 'on'")
        connection.execute(
            "CREATE OR REPLACE FUNCTION cutter_governance.guard_armed() RETURNS void"
            " LANGUAGE sql AS 'SELECT'; GRANT INSERT ON iu.unit_version TO cutter_exec;"
            "ALTER TABLE iu.unit_version DISABLE TRIGGER rows_stay; DROP EVENT TRIGGER cutter_refuse_ddl;"
            f"GRANT ALL ON DATABASE {database.name} TO PUBLIC"
        )
    fallen = {wall.name for wall in doctor.examine(login(database)) if not wall.stands}
    assert fallen == {
        "nobody_changes_tables",
        "rows_stay_as_written",
        "shape_is_frozen",
        "database_is_closed_to_public",
        "schema_is_ours",
    }
    migrate(login(database))
    assert all(wall.stands for wall in doctor.examine(login(database)))


def test_the_doctor_sees_each_wall_that_fell(database: Database):
    falls = {
        "roles_are_ordinary": "ALTER ROLE cutter_exec CREATEDB",
        "logins_belong_to_nobody": "GRANT pg_read_all_data TO cutter_exec",
        "owner_owns_everything": "ALTER TABLE iu.unit_version OWNER TO postgres",
        "public_executes_nothing": "GRANT EXECUTE ON FUNCTION iu.fn_iu_create TO PUBLIC",
        "new_functions_start_closed": "ALTER DEFAULT PRIVILEGES FOR ROLE cutter_owner"
        " GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
        "definer_functions_pin_their_search_path": "ALTER FUNCTION iu.fn_iu_enact RESET ALL",
        "foreign_keys_are_checked": "ALTER TABLE iu.unit_version DISABLE TRIGGER ALL",
        "migrations_are_ours": "DELETE FROM cutter_migration.migration",
        "builtins_write_nothing": "DO $$ DECLARE f regprocedure; BEGIN FOR f IN SELECT oid FROM pg_proc"
        " WHERE proname = 'pg_logical_emit_message' LOOP"
        " EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', f); END LOOP; END $$",
    }
    undo = "ALTER ROLE cutter_exec NOCREATEDB; REVOKE pg_read_all_data FROM cutter_exec"
    with session(database) as connection:
        connection.execute("SET cutter.migration = 'on'")
        try:
            for fall in falls.values():
                connection.execute(fall)
            fallen = {wall.name for wall in doctor.examine(login(database)) if not wall.stands}
        finally:
            connection.execute(undo)
    assert falls.keys() <= fallen


def test_passwords_reach_the_server_as_verifiers_only(database: Database):
    with session(database) as connection:
        stored = one(connection, "SELECT rolpassword FROM pg_authid WHERE rolname = 'cutter_exec'")
    assert str(stored).startswith("SCRAM-SHA-256$")
    with pytest.raises(StopRefusedInput):
        migrate(login(database), passwords={"postgres": "x"})


UNIT = "11111111-1111-8111-8111-111111111111"


def another_version(**changes: str) -> str:
    """SQL that adds a version which differs from one there by these fields alone."""
    fields = ", ".join(f"'{name}', {value}" for name, value in changes.items())
    return (
        "INSERT INTO iu.unit_version SELECT (jsonb_populate_record(v, jsonb_build_object("
        f"'version_id', '{UNIT}', {fields}))).* FROM iu.unit_version v LIMIT 1"
    )


def life(seq: int, state: str, to_state: str, decision: str = "NULL") -> str:
    """SQL that adds a row to a draft's life."""
    return (
        "INSERT INTO iu.lifecycle_log (document_id, version_id, seq, from_state, to_state,"
        f" change_set_id, decision_id) SELECT document_id, version_id, {seq}, {state}, '{to_state}',"
        f" change_set_id, {decision} FROM iu.unit_version LIMIT 1"
    )


def event(seq: int, before: str, columns: str = "", values: str = "") -> str:
    """SQL that adds an event to a run's history of one."""
    return (
        f"INSERT INTO cutter_governance.run_event (run_id, seq, kind, payload, prev_sha256{columns})"
        f" SELECT run_id, {seq}, 'stop', '{{}}', {before}{values} FROM cutter_governance.run_event"
    )


def run(number: int, document: str = "'X'", mode: str = "live", holds: str = "false") -> str:
    """SQL that adds a run."""
    return (
        "INSERT INTO cutter_governance.run (run_id, document_id, mode, starter, candidate_cap,"
        f" created_at, holds_document) SELECT 'ictr-20260101T000000Z-0000000{number}', {document},"
        f" '{mode}', 'o', 1, now(), {holds} FROM cutter_governance.run LIMIT 1"
    )


WRONG_STATES = {
    "a text whose digest lies": (
        "text_blob_digest_is_true",
        "INSERT INTO iu.text_blob VALUES (sha256('a'), 'b')",
    ),
    "a source whose digest lies": (
        "source_version_digest_is_true",
        (
            "INSERT INTO iu.source_version (document_id, source_version_id, version_no, sha256, body,"
            " media_type, profile_name, profile_sha256) SELECT document_id, gen_random_uuid(), 9,"
            " sha256('a'), 'b', 'text/plain', 'x', profile_sha256 FROM iu.source_version"
        ),
    ),
    "a profile whose digest lies": (
        "text_profile_digest_is_true",
        "INSERT INTO iu.text_profile VALUES (sha256('x'), 'x', 'y')",
    ),
    "a document whose digest lies": (
        "run_document_digest_is_true",
        (
            "INSERT INTO cutter_governance.run_document SELECT run_id, 'a.md', 1, sha256('x'), 'y'"
            " FROM cutter_governance.run"
        ),
    ),
    "a digest of another length": (
        "sha256_digest_is_32_bytes",
        "INSERT INTO iu.text_blob VALUES ('\\x00', 'b')",
    ),
    "a code that is no prefix": (
        "document_code_is_an_address_prefix",
        "INSERT INTO iu.source_document VALUES ('icx const', 't')",
    ),
    "a unit without its change set": (
        "information_unit_of_a_change_set",
        (
            f"INSERT INTO iu.information_unit SELECT document_id, '{UNIT}', gen_random_uuid()"
            " FROM iu.source_document"
        ),
    ),
    "a version without its unit": (
        "unit_version_of_a_unit",
        another_version(unit_id=f"'{UNIT}'", address="document_id || '/X'"),
    ),
    "a version of another document's name": (
        "unit_version_address_begins_with_document",
        another_version(address="'ICX-OTHER/DIEU-1'"),
    ),
    "a unit of an unknown kind": (
        "unit_version_of_a_known_kind",
        "INSERT INTO iu.information_unit"
        f" SELECT document_id, '{UNIT}', change_set_id FROM cutter_governance.cut_change_set; "
        + another_version(kind="'verse'", address="document_id || '/X'", unit_id=f"'{UNIT}'"),
    ),
    "one address twice": (
        "unit_version_address_once_per_change_set",
        another_version(unit_id=f"'{UNIT}'"),
    ),
    "two versions of one unit": (
        "unit_version_one_per_unit_and_change_set",
        another_version(address="document_id || '/X'"),
    ),
    "spans that overlap": (
        "unit_version_spans_ascend",
        another_version(own_spans="'[0, 5, 4, 9]'::jsonb"),
    ),
    "a span that ends before it begins": (
        "unit_version_spans_ascend",
        another_version(own_spans="'[5, 4]'::jsonb"),
    ),
    "half a span": ("unit_version_spans_ascend", another_version(own_spans="'[1, 2, 3]'::jsonb")),
    "a unit above itself": (
        "unit_version_parent_is_another",
        another_version(parent_address="address"),
    ),
    "an enactment without a decision": (
        "lifecycle_log_force_needs_a_decision",
        life(2, "'draft'", "enacted"),
    ),
    "an enactment by a decision nobody made": (
        "lifecycle_log_needs_an_approving_decision",
        life(2, "'draft'", "enacted", f"'{UNIT}'"),
    ),
    "a gap in a life": ("lifecycle_log_follows_the_row_before", life(3, "'draft'", "withdrawn")),
    "a leap in a life": ("lifecycle_log_goes_along_an_edge", life(2, "'enacted'", "withdrawn")),
    "a lie about the state before": (
        "lifecycle_log_follows_the_row_before",
        life(2, "'enacted'", "retired", f"'{UNIT}'"),
    ),
    "a second birth": ("lifecycle_log_first_has_none_before", life(2, "NULL", "draft")),
    "two open change sets of one document": (
        "cut_change_set_one_open_per_document",
        run(9)
        + "; INSERT INTO cutter_governance.cut_change_set (document_id, change_set_id, run_id,"
        " source_version_id, plan_sha256, created, changed, kept, retired)"
        f" SELECT document_id, '{UNIT}', 'ictr-20260101T000000Z-00000009', source_version_id,"
        " plan_sha256, 1, 0, 0, 0 FROM cutter_governance.cut_change_set",
    ),
    "a run id of another form": (
        "run_id_has_time_and_entropy",
        run(9).replace("'ictr-", "'run-"),
    ),
    "a dry run on record": ("run_is_live", run(8, mode="dryrun")),
    "two runs that hold one document": (
        "run_one_in_flight_per_document",
        run(7, document="document_id", holds="true"),
    ),
    "a fork in a history": ("run_event_once", event(1, "NULL")),
    "a gap in a history": ("run_event_follows_the_one_before", event(3, "sha256")),
    "a history on another past": ("run_event_follows_the_one_before", event(2, "sha256('lie')")),
    "a forged hash": (None, event(2, "sha256", ", sha256", ", sha256('x')")),
    "SG_1 used a second time in a run": (
        "approval_use_once_per_run_and_gate",
        (
            "INSERT INTO cutter_governance.approval_use (request_sha256, run_id, gate, decision, n)"
            " SELECT sha256('x'), run_id, gate, decision, 2 FROM cutter_governance.approval_use"
        ),
    ),
    "one approval used twice": (
        "approval_use_once",
        "INSERT INTO cutter_governance.approval_use SELECT * FROM cutter_governance.approval_use",
    ),
    "a run that is over and holds": (
        "run_over_holds_nothing",
        "UPDATE cutter_governance.run SET outcome = 'closed', ended_at = now()",
    ),
    "a fence that shrinks": (None, "UPDATE cutter_governance.run SET fence = fence - 1"),
    "another document for a run": (None, "UPDATE cutter_governance.run SET document_id = 'X'"),
}
"""Each with the constraint that refuses it; None where a trigger or the column itself does."""


@pytest.fixture(scope="module")
def drafted(cluster: Server) -> Iterator[Database]:
    """A database with drafts in it; every attack on it must leave it as it is."""
    with fresh_database(cluster) as made:
        open_cut(made, LINES).draft()
        yield made


@pytest.mark.parametrize("wrong", WRONG_STATES)
def test_even_the_superuser_cannot_write_a_wrong_state(drafted: Database, wrong: str):
    constraint, sql = WRONG_STATES[wrong]
    with session(drafted) as connection:
        before = select_on(connection)(queries.CONTENT_SHA256, {})
        with pytest.raises(errors.DatabaseError) as refused:
            connection.execute(sql)
        found = refused.value.diag.constraint_name
        assert (
            refused.value.sqlstate[:2] in {"23", "CU"} or "GENERATED" in str(refused.value).upper()
        )
        assert found == constraint, refused.value
        assert select_on(connection)(queries.CONTENT_SHA256, {}) == before


def test_the_hash_of_a_documents_rows_moves_with_each_of_them(database: Database):
    def digest() -> object:
        with session(database, "cutter_reader") as connection:
            return select_on(connection)(queries.DOCUMENT_ROWS_SHA256, {"document_id": CODE})[0][
                "sha256"
            ]

    cut = open_cut(database, LINES)
    seen = [digest()]
    for act in (cut.draft, cut.seal, cut.verify, cut.enact):
        act()
        seen.append(digest())
    assert len(set(seen)) == len(seen)
    other = open_cut(database, LINES, code="ICX-OTHER", entropy="00000009")
    other.draft()
    assert digest() == seen[-1]
    assert hashlib.sha256(b"").hexdigest() not in seen
