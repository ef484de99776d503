"""The live discoverer asks one SELECT a look-up and trusts no column."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import date

import pytest

from cutter_agent.errors import StopDocumentUnknown, StopEvidenceMismatch
from cutter_agent.orchestrator import queries
from cutter_agent.orchestrator.discover import LiveReadOnlyDiscoverer
from cutter_agent.orchestrator.facts import (
    Census,
    DatabaseIdentity,
    FunctionFingerprint,
    GrantEntry,
    MutationReading,
    SourceDocument,
    SourceVersion,
    VocabSnapshot,
)
from cutter_agent.orchestrator.ports import Facts

Row = dict[str, object]
SHA = "ab" * 32
VERSION_ID = "0190c0de-0000-8000-8000-000000000001"
UNIT_ID = "0190c0de-0000-8000-8000-000000000002"

ROWS: dict[str, Row] = {
    queries.SOURCE_DOCUMENT: {"document_id": "DOC", "title": "Title"},
    queries.LATEST_SOURCE_VERSION: {
        "source_version_id": VERSION_ID,
        "document_id": "DOC",
        "version_no": 2,
        "sha256": SHA,
        "byte_len": 5,
        "media_type": "text/markdown",
        "effective_date": "2026-01-02",
        "profile_name": "markdown",
        "profile_sha256": SHA,
        "profile_toml": b"toml",
    },
    queries.SOURCE_BYTES: {"body": b"bytes"},
    queries.VOCAB: {"kinds": ["article", "section"], "sha256": SHA},
    queries.FUNCTIONS: {"signature": "iu.f()", "sha256": SHA, "prosrc_md5": "cd" * 16},
    queries.GRANT_MATRIX: {
        "kind": "function",
        "object": "iu.f()",
        "grantee": "cutter_exec",
        "privilege": "EXECUTE",
        "detail": "",
    },
    queries.CENSUS: {
        "total": 5,
        "draft": 1,
        "enacted": 3,
        "versions_enacted": 4,
        "lifecycle_rows": 9,
    },
    queries.IN_FORCE: {
        "unit_id": UNIT_ID,
        "version_id": VERSION_ID,
        "version_no": 1,
        "address": "DOC/one",
        "kind": "section",
        "parent": None,
        "body_sha256": SHA,
        "alias": "a",
        "heading": "h",
        "num": "1",
    },
    queries.DATABASE_IDENTITY: {
        "system_identifier": "7",
        "database_oid": "16384",
        "name": "cutter",
        "server_version": "150000",
    },
    queries.MUTATION_READING: {
        "own_xid": None,
        "snapshot_xmax": "900",
        "content_sha256": SHA,
        "role_read_only": True,
    },
    queries.ENACTING_RUN: {"run_id": "ictr-20260102T030405Z-0123abcd"},
    queries.DOCUMENT_ROWS_SHA256: {"sha256": SHA, "rows": 3},
}


class Table:
    """Answers each SELECT with its rows, and remembers what it was asked."""

    def __init__(self, **changed: Sequence[Row]) -> None:
        self.rows: dict[str, Sequence[Row]] = {sql: [row] for sql, row in ROWS.items()}
        for name, rows in changed.items():
            self.rows[getattr(queries, name)] = rows
        self.asked: list[tuple[str, Mapping[str, object]]] = []

    def __call__(self, sql: str, parameters: Mapping[str, object]) -> Sequence[Row]:
        self.asked.append((sql, parameters))
        return self.rows[sql]


LOOKUPS: dict[str, tuple[str, Callable[[LiveReadOnlyDiscoverer], object]]] = {
    "find_source_document": ("SOURCE_DOCUMENT", lambda d: d.find_source_document("DOC")),
    "latest_source_version": ("LATEST_SOURCE_VERSION", lambda d: d.latest_source_version("DOC")),
    "source_bytes": ("SOURCE_BYTES", lambda d: d.source_bytes(VERSION_ID)),
    "vocab_snapshot": ("VOCAB", lambda d: d.vocab_snapshot()),
    "function_fingerprints": ("FUNCTIONS", lambda d: d.function_fingerprints()),
    "grant_matrix": ("GRANT_MATRIX", lambda d: d.grant_matrix()),
    "census": ("CENSUS", lambda d: d.census("DOC")),
    "in_force": ("IN_FORCE", lambda d: d.in_force("DOC")),
    "database_identity": ("DATABASE_IDENTITY", lambda d: d.database_identity()),
    "mutation_reading": ("MUTATION_READING", lambda d: d.mutation_reading()),
    "enacting_run": ("ENACTING_RUN", lambda d: d.enacting_run(VERSION_ID)),
    "document_rows_sha256": ("DOCUMENT_ROWS_SHA256", lambda d: d.document_rows_sha256("DOC")),
}
ANSWERS: dict[str, object] = {
    "find_source_document": SourceDocument("DOC", "Title"),
    "latest_source_version": SourceVersion(
        VERSION_ID, "DOC", 2, SHA, 5, "text/markdown", "2026-01-02", "markdown", SHA, b"toml"
    ),
    "source_bytes": b"bytes",
    "vocab_snapshot": VocabSnapshot(("article", "section"), SHA),
    "function_fingerprints": (FunctionFingerprint("iu.f()", SHA, "cd" * 16),),
    "grant_matrix": (GrantEntry("function", "iu.f()", "cutter_exec", "EXECUTE", ""),),
    "census": Census(5, 1, 3, 4, 9),
    "database_identity": DatabaseIdentity("7", "16384", "cutter", "150000"),
    "mutation_reading": MutationReading(None, "900", SHA, role_read_only=True),
    "enacting_run": "ictr-20260102T030405Z-0123abcd",
    "document_rows_sha256": SHA,
}


@pytest.mark.parametrize("lookup", LOOKUPS)
def test_a_lookup_is_one_select_with_named_parameters(lookup: str) -> None:
    name, ask = LOOKUPS[lookup]
    table = Table()
    answer = ask(LiveReadOnlyDiscoverer(table))
    ((sql, parameters),) = table.asked
    assert sql == getattr(queries, name)
    for parameter in parameters:
        assert f"%({parameter})s" in sql
    assert sql.count("%(") == 0 or parameters
    if lookup in ANSWERS:
        assert answer == ANSWERS[lookup]


def test_it_is_the_facts_of_a_run() -> None:
    facts: Facts = LiveReadOnlyDiscoverer(Table())
    (unit,) = facts.in_force("DOC")
    assert unit.attributes == (("alias", "a"), ("heading", "h"), ("num", "1"))
    assert unit.parent is None


def test_units_come_by_address_whatever_the_database_sorts_by() -> None:
    base = ROWS[queries.IN_FORCE]
    rows = [{**base, "address": address} for address in ("DOC/b", "DOC/a", "DOC/C")]
    units = LiveReadOnlyDiscoverer(Table(IN_FORCE=rows)).in_force("DOC")
    assert [unit.address for unit in units] == ["DOC/C", "DOC/a", "DOC/b"]


@pytest.mark.parametrize(
    "lookup", ["find_source_document", "latest_source_version", "enacting_run"]
)
def test_no_row_is_none(lookup: str) -> None:
    name, ask = LOOKUPS[lookup]
    assert ask(LiveReadOnlyDiscoverer(Table(**{name: []}))) is None


@pytest.mark.parametrize("lookup", ["function_fingerprints", "grant_matrix", "in_force"])
def test_no_row_is_an_empty_list(lookup: str) -> None:
    name, ask = LOOKUPS[lookup]
    assert ask(LiveReadOnlyDiscoverer(Table(**{name: []}))) == ()


def test_bytes_that_are_not_there_are_a_stop() -> None:
    with pytest.raises(StopDocumentUnknown):
        LiveReadOnlyDiscoverer(Table(SOURCE_BYTES=[])).source_bytes(VERSION_ID)


@pytest.mark.parametrize(
    "lookup",
    ["vocab_snapshot", "census", "database_identity", "mutation_reading", "document_rows_sha256"],
)
@pytest.mark.parametrize("count", [0, 2])
def test_exactly_one_row_is_asked_for(lookup: str, count: int) -> None:
    name, ask = LOOKUPS[lookup]
    rows = [ROWS[getattr(queries, name)]] * count
    with pytest.raises(StopEvidenceMismatch):
        ask(LiveReadOnlyDiscoverer(Table(**{name: rows})))


@pytest.mark.parametrize("lookup", ["find_source_document", "source_bytes", "enacting_run"])
def test_two_rows_where_one_is_possible_are_a_stop(lookup: str) -> None:
    name, ask = LOOKUPS[lookup]
    rows = [ROWS[getattr(queries, name)]] * 2
    with pytest.raises(StopEvidenceMismatch):
        ask(LiveReadOnlyDiscoverer(Table(**{name: rows})))


@pytest.mark.parametrize("data", [b"bytes", bytearray(b"bytes"), memoryview(b"bytes")], ids=repr)
def test_a_driver_may_give_bytes_in_each_form(data: object) -> None:
    discoverer = LiveReadOnlyDiscoverer(Table(SOURCE_BYTES=[{"body": data}]))
    found = discoverer.source_bytes(VERSION_ID)
    assert (type(found), found) == (bytes, b"bytes")


def test_a_driver_may_give_objects_for_ids_dates_and_digests() -> None:
    row = {
        **ROWS[queries.LATEST_SOURCE_VERSION],
        "source_version_id": uuid.UUID(VERSION_ID),
        "effective_date": date(2026, 1, 2),
        "sha256": bytes.fromhex(SHA),
        "profile_toml": memoryview(b"toml"),
    }
    discoverer = LiveReadOnlyDiscoverer(Table(LATEST_SOURCE_VERSION=[row]))
    assert discoverer.latest_source_version("DOC") == ANSWERS["latest_source_version"]


WRONG: list[tuple[str, str, object]] = [
    ("find_source_document", "title", None),
    ("find_source_document", "title", b"Title"),
    ("latest_source_version", "source_version_id", "not-an-id"),
    ("latest_source_version", "source_version_id", 7),
    ("latest_source_version", "version_no", "2"),
    ("latest_source_version", "version_no", True),
    ("latest_source_version", "version_no", -1),
    ("latest_source_version", "sha256", SHA.upper()),
    ("latest_source_version", "sha256", b"short"),
    ("latest_source_version", "effective_date", "tomorrow"),
    ("latest_source_version", "effective_date", 20260102),
    ("latest_source_version", "profile_toml", "text"),
    ("source_bytes", "body", "text"),
    ("source_bytes", "body", None),
    ("vocab_snapshot", "kinds", "article"),
    ("vocab_snapshot", "kinds", ["article", None]),
    ("vocab_snapshot", "kinds", 3),
    ("grant_matrix", "detail", None),
    ("grant_matrix", "detail", ["no text"]),
    ("census", "total", 1.0),
    ("in_force", "parent", 3),
    ("mutation_reading", "role_read_only", 1),
    ("mutation_reading", "role_read_only", None),
    ("mutation_reading", "own_xid", 900),
    ("mutation_reading", "snapshot_xmax", None),
    ("document_rows_sha256", "sha256", None),
]


@pytest.mark.parametrize(
    ("lookup", "column", "value"), WRONG, ids=[f"{w[0]}-{w[1]}-{w[2]!r}" for w in WRONG]
)
def test_a_column_of_another_type_is_a_stop(lookup: str, column: str, value: object) -> None:
    name, ask = LOOKUPS[lookup]
    row = {**ROWS[getattr(queries, name)], column: value}
    with pytest.raises(StopEvidenceMismatch, match=column):
        ask(LiveReadOnlyDiscoverer(Table(**{name: [row]})))


@pytest.mark.parametrize("lookup", LOOKUPS)
def test_every_column_is_needed(lookup: str) -> None:
    name, ask = LOOKUPS[lookup]
    row = ROWS[getattr(queries, name)]
    for column in row:
        if (lookup, column) == ("document_rows_sha256", "rows"):
            continue
        less = {key: value for key, value in row.items() if key != column}
        with pytest.raises(StopEvidenceMismatch, match=column):
            ask(LiveReadOnlyDiscoverer(Table(**{name: [less]})))
