"""The database's work against what PostgreSQL needs for the bare rows: cut, enact, verify, checkpoint."""

import hashlib
import io
import itertools
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from psycopg import sql
from ratios import Row, seconds

from cutter_agent.document.cutplan import Change, PlannedUnit, leaf_record
from cutter_agent.evidence.checkpoint import head_text
from cutter_agent.evidence.merkle import leaf_hash, tree_root
from cutter_agent.orchestrator import ids
from cutter_agent.orchestrator.approval import (
    ApprovalRequest,
    CutApproved,
    render_request,
)
from cutter_agent.orchestrator.clock import run_id_of, utc_text
from cutter_agent.orchestrator.history import EventKind, RunEvent, RunHeader
from cutter_agent.orchestrator.orders import (
    ChangeSet,
    Draft,
    EnactOrder,
    Manifest,
    ManifestBlock,
    VerifyRecord,
)
from cutter_agent.orchestrator.states import GATE_TTL_S, Gate, Mode
from cutter_agent.orchestrator.warrant import live_warrant
from cutter_agent.postgres import history
from cutter_agent.postgres.connect import Connection, Login, connected
from cutter_agent.postgres.embedded import Server, throwaway_server
from cutter_agent.postgres.migrate import migrate
from cutter_agent.postgres.verify import LiveVerifier
from cutter_agent.postgres.write import WRITE_GATE, LiveWriter

CODE = "BENCH"
PLAN = "cd" * 32
PASSWORD = "opens only a server that lives for this measurement"  # noqa: S105
TEMPLATE = "bench_template"
WORDS = (
    "Tổ chức, cá nhân có trách nhiệm thực hiện quy định của văn bản này trong phạm vi được giao. "
)
LOG = "SELECT payload FROM cutter_governance.transparency_log ORDER BY seq"
numbers = itertools.count(1)


@dataclass
class Material:
    """The same units for the work and for its peer."""

    run_id: str
    change_set: ChangeSet
    drafts: list[Draft]
    blocks: list[ManifestBlock]
    root: bytes


def material(size: int, source_version_id: str) -> Material:
    """`size` articles of about 300 bytes under one run."""
    run_id = run_id_of(datetime.now(UTC), "00000001")
    change_set_id = ids.change_set_id(run_id, PLAN)
    minted = ids.UnitIds(document_id=CODE, change_set=change_set_id)
    drafts, blocks, start = [], [], 0
    for position in range(size):
        body = f"Điều {position + 1}. {WORDS * 2}\n".encode()
        sha256 = hashlib.sha256(body).hexdigest()
        attributes = (("alias", "Điều"), ("heading", WORDS[:40]), ("num", str(position + 1)))
        address = f"{CODE}/DIEU-{position + 1}"
        leaf = leaf_record(
            address=address,
            kind="article",
            parent=None,
            ordinal=position + 1,
            body_sha256=sha256,
            attributes=attributes,
        )
        planned = PlannedUnit(
            position=position,
            address=address,
            kind="article",
            parent=None,
            ordinal=position + 1,
            own_spans=((start, start + len(body)),),
            body_sha256=sha256,
            attributes=attributes,
            change=Change.CREATED,
            unit_id=None,
            version_id=None,
            version_no=1,
            idempotency_key="",
            leaf=leaf,
        )
        start += len(body)
        unit_id, version_id = minted.unit_id(position, leaf), minted.version_id(position, leaf)
        drafts.append(Draft(unit_id, version_id, 1, planned, body))
        blocks.append(ManifestBlock(position, unit_id, version_id, position + 1, leaf_hash(leaf)))
    root = tree_root([block.leaf_sha256 for block in blocks])
    change_set = ChangeSet(change_set_id, run_id, CODE, source_version_id, PLAN, size, 0, 0, 0)
    return Material(run_id, change_set, drafts, blocks, root)


@dataclass
class World:
    """A database of its own with a claimed run in it."""

    server: Server
    name: str
    fence: int = 0

    def login(self, role: str | None = None) -> Login:
        password = PASSWORD if role else None
        return Login(self.server.conninfo(dbname=self.name, user=role, password=password))

    @contextmanager
    def session(self, role: str | None = None) -> Iterator[Connection]:
        with connected(self.login(role), application="bench") as connection:
            yield connection


@contextmanager
def world(server: Server) -> Iterator[World]:
    """A fresh copy of the template; gone afterwards."""
    name = f"bench_{next(numbers)}"
    with psycopg.connect(server.conninfo(dbname="postgres"), autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(TEMPLATE)
            )
        )
        try:
            yield World(server, name)
        finally:
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            )


def prepared(server: Server) -> str:
    """The template holds schema, switch and source; returns the source version's id."""
    with psycopg.connect(server.conninfo(dbname="postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(TEMPLATE)))
    template = World(server, TEMPLATE)
    roles = ("cutter_reader", "cutter_exec", "cutter_verify", "cutter_review", "cutter_admin")
    migrate(template.login(), passwords=dict.fromkeys(roles, PASSWORD))
    version = ids.change_set_id("ictr-20260101T000000Z-00000000", "source")
    with template.session("cutter_admin") as connection:
        connection.execute(
            "SELECT iu.fn_source_add(%s, 'Bench', %s::uuid, 'x', 'text/plain', NULL, 'plain', 'p')",
            (CODE, version),
        )
        connection.execute("SELECT cutter_governance.fn_switch_arm(true, 'bench', 'bench')")
    return version


def begin(place: World, made: Material) -> None:
    """The run is open, claimed and approved for SG_1, and its change set is minted."""
    now = utc_text(datetime.now(UTC))
    header = RunHeader(made.run_id, CODE, Mode.LIVE, "starter", now, 10**6)
    with place.session("cutter_exec") as connection:
        history.open_run(connection, header, RunEvent(1, EventKind.OPENED, now, {}))
        row = connection.execute(
            "SELECT cutter_governance.fn_run_claim(%s, 'bench')", (made.run_id,)
        ).fetchone()
        assert row is not None
        place.fence = row[0]["fence"]
        with connection.transaction():
            approve(connection, place, made, Gate.SG_1)
            writer(connection, place, made).mint_change_set(made.change_set)


def approve(connection: Connection, place: World, made: Material, gate: Gate) -> None:
    """The gate is open; the database takes a signature's form on the executor's word."""
    now = datetime.now(UTC)
    with place.session() as owner:
        row = owner.execute("SELECT cutter_governance.database_text()").fetchone()
        leaves = [leaf_hash(bytes(payload)) for (payload,) in owner.execute(LOG)]
    assert row is not None
    fields = dict.fromkeys(ApprovalRequest.__dataclass_fields__, "none") | {
        "schema": "cutter.approval-request/1",
        "gate": gate.value,
        "run_id": made.run_id,
        "mode": "live",
        "document_id": CODE,
        "plan_sha256": PLAN,
        "manifest_root": made.root.hex(),
        "tree_size": str(len(made.blocks)),
        "issued_utc": utc_text(now),
        "expires_utc": utc_text(now + timedelta(seconds=GATE_TTL_S[gate])),
        "database": str(row[0]),
        "log_checkpoint": head_text(len(leaves), tree_root(leaves)),
        "starter": "starter",
        "review_decision_id": ids.review_decision_id(made.run_id, "00"),
    }
    request = render_request(ApprovalRequest(**fields), "sheet\n")
    connection.execute(
        "SELECT cutter_governance.fn_approval_consume(%s, %s, %s, %b, %s, %s, %s::bytea[])",
        (made.run_id, place.fence, gate.value, request, ["alice"], ["SHA256:a"], [b"s"]),
    )


def writer(connection: Connection, place: World, made: Material) -> LiveWriter:
    """A live writer of this run."""
    approved = CutApproved(
        gate=Gate.SG_1,
        run_id=made.run_id,
        mode=Mode.LIVE,
        request_sha256="0" * 64,
        persons=("alice",),
        key_ids=("SHA256:a",),
        simulated=False,
        review_decision_id=None,
        consumed_utc="",
    )
    warrant = live_warrant(made.run_id, approved)
    return LiveWriter(connection, run_id=made.run_id, fence=place.fence, warrant=warrant)


def cut(place: World, made: Material) -> None:
    """Leg A: every unit as a draft, in one transaction."""
    with place.session("cutter_exec") as connection, connection.transaction():
        connection.execute(WRITE_GATE)
        writer(connection, place, made).create_drafts(made.change_set, made.drafts)


def seal(place: World, made: Material) -> str:
    """Leg B and the verifier's result; returns the envelope's id."""
    envelope_id = ids.envelope_id(made.change_set.change_set_id, made.root.hex())
    with place.session("cutter_exec") as connection, connection.transaction():
        manifest = Manifest(
            envelope_id,
            made.change_set.change_set_id,
            made.root.hex(),
            len(made.blocks),
            b"{}",
            "SHA256:e",
        )
        writer(connection, place, made).record_manifest(manifest, made.blocks)
    with place.session("cutter_verify") as connection, connection.transaction():
        record = VerifyRecord(
            ids.verify_result_id(envelope_id),
            envelope_id,
            made.root.hex(),
            made.root.hex(),
            len(made.blocks),
            0,
            b"{ }",
            "SHA256:v",
        )
        LiveVerifier(connection, run_id=made.run_id, fence=place.fence).record(record)
    return envelope_id


def copied(place: World, copies: list[tuple[str, bytes]]) -> None:
    """Raw COPY of rows that are encoded already, in one transaction, as the superuser."""
    with place.session() as connection, connection.transaction():
        for statement, data in copies:
            with connection.cursor().copy(statement.encode()) as copy:
                for start in range(0, len(data), 1 << 18):
                    copy.write(data[start : start + (1 << 18)])


def encoded(rows: Iterator[tuple[object, ...]]) -> bytes:
    """The rows in the text form of COPY; the values here need no escapes but those of bytea."""
    out = io.StringIO()
    for row in rows:
        out.write("\t".join("\\N" if v is None else str(v) for v in row) + "\n")
    return out.getvalue().encode()


def draft_copies(made: Material) -> list[tuple[str, bytes]]:
    """The rows that leg A writes, table by table."""
    cs = made.change_set
    units = [(d, d.planned, dict(d.planned.attributes)) for d in made.drafts]
    return [
        (
            "COPY iu.text_blob (sha256, body) FROM STDIN",
            encoded((f"\\\\x{u.body_sha256}", d.body.decode()[:-1] + "\\n") for d, u, _ in units),
        ),
        (
            "COPY iu.information_unit (document_id, unit_id, change_set_id) FROM STDIN",
            encoded((CODE, d.unit_id, cs.change_set_id) for d, _, _ in units),
        ),
        (
            (
                "COPY iu.unit_version (document_id, version_id, unit_id, version_no, source_version_id,"
                " change_set_id, address, kind, parent_address, ordinal, alias, heading, num, own_spans,"
                " body_sha256) FROM STDIN"
            ),
            encoded(
                (
                    CODE,
                    d.version_id,
                    d.unit_id,
                    1,
                    cs.source_version_id,
                    cs.change_set_id,
                    u.address,
                    u.kind,
                    None,
                    u.ordinal,
                    a["alias"],
                    a["heading"],
                    a["num"],
                    f"{{{u.own_spans[0][0]},{u.own_spans[0][1]}}}",
                    f"\\\\x{u.body_sha256}",
                )
                for d, u, a in units
            ),
        ),
        (
            "COPY iu.lifecycle_log (document_id, version_id, seq, to_state, change_set_id) FROM STDIN",
            encoded((CODE, d.version_id, 1, "draft", cs.change_set_id) for d, _, _ in units),
        ),
    ]


def enact_copies(made: Material) -> list[tuple[str, bytes]]:
    """The rows that enactment writes, table by table."""
    cs, decision = made.change_set.change_set_id, ids.review_decision_id(made.run_id, "00")
    today = datetime.now(UTC).date().isoformat()
    return [
        (
            (
                "COPY iu.lifecycle_log (document_id, version_id, seq, from_state, to_state,"
                " change_set_id, decision_id) FROM STDIN"
            ),
            encoded((CODE, d.version_id, 2, "draft", "enacted", cs, decision) for d in made.drafts),
        ),
        (
            (
                "COPY iu.unit_in_force (document_id, version_id, unit_id, address, effective_from)"
                " FROM STDIN"
            ),
            encoded((CODE, d.version_id, d.unit_id, d.planned.address, today) for d in made.drafts),
        ),
    ]


def paired(
    name: str,
    rounds: int,
    goal: float,
    against: str,
    once: Callable[[], tuple[float, float]],
) -> Row:
    """The row over several rounds, each of which measures the work and its peer."""
    pairs = [once() for _ in range(rounds)]
    return Row(
        work=name,
        against=against,
        ratio=statistics.median(mine / theirs for mine, theirs in pairs),
        goal=goal,
        bound="at most",
        work_s=statistics.median(mine for mine, _ in pairs),
        peer_s=statistics.median(theirs for _, theirs in pairs),
    )


def cut_once(server: Server, made: Material) -> tuple[float, float]:
    with world(server) as place:
        begin(place, made)
        mine = seconds(lambda: cut(place, made))
    copies = draft_copies(made)
    with world(server) as place:
        begin(place, made)
        theirs = seconds(lambda: copied(place, copies))
    return mine, theirs


def enact_once(server: Server, made: Material) -> tuple[float, float]:
    order = EnactOrder(
        made.change_set.change_set_id,
        CODE,
        ids.review_decision_id(made.run_id, "00"),
        "0" * 64,
        None,
    )

    def enact(place: World) -> None:
        with place.session("cutter_exec") as connection, connection.transaction():
            connection.execute(WRITE_GATE)
            writer(connection, place, made).enact(order)

    def verified(place: World) -> None:
        begin(place, made)
        copied(place, draft_copies(made))
        seal(place, made)
        with place.session("cutter_exec") as connection, connection.transaction():
            approve(connection, place, made, Gate.SG_2)
        with place.session() as connection:
            connection.execute("ANALYZE")

    with world(server) as place:
        verified(place)
        mine = seconds(lambda: enact(place))
    copies = enact_copies(made)
    with world(server) as place:
        verified(place)
        theirs = seconds(lambda: copied(place, copies))
    return mine, theirs


IN_DATABASE = """
SELECT sha256(string_agg(sha256(convert_to(t.body, 'UTF8')), ''::bytea ORDER BY b.position))
FROM cutter_governance.manifest_unit_block AS b
JOIN iu.unit_version AS v USING (document_id, version_id)
JOIN iu.text_blob AS t ON t.sha256 = v.body_sha256
WHERE b.envelope_id = %s
"""


def verify_rows(server: Server, made: Material, size: int) -> Row:
    """Reading back and hashing every unit against one ordered digest inside the database."""
    with world(server) as place:
        begin(place, made)
        copied(place, draft_copies(made))
        envelope_id = seal(place, made)
        with place.session() as connection:
            connection.execute("VACUUM ANALYZE")
        with place.session("cutter_verify") as connection:
            verifier = LiveVerifier(connection, run_id=made.run_id, fence=place.fence)

            expected = [block.leaf_sha256 for block in made.blocks]

            def read_back() -> None:
                assert verifier.manifest_leaves(envelope_id) == expected

            def in_database() -> None:
                connection.execute(IN_DATABASE, (envelope_id,)).fetchone()

            return paired(
                f"verify, {size:,} units",
                5,
                1.3,
                "one ordered sha256 in the database",
                lambda: (seconds(read_back), seconds(in_database)),
            )


def overwrite(path: Path, page: bytes) -> None:
    """8 kB over the old ones, forced to the disk."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.pwrite(descriptor, page, 0)
        os.fdatasync(descriptor)
    finally:
        os.close(descriptor)


def checkpoint_row(folder: Path) -> Row:
    """One step's event, committed durably, against one durable page."""
    page, path = bytes(8192), folder / "page"
    path.write_bytes(page)
    durable = {"fsync": "on", "full_page_writes": "on"}
    with throwaway_server(parent=folder, settings=durable) as server:
        version = prepared(server)
        made = material(1, version)
        with world(server) as place:
            begin(place, made)
            with place.session("cutter_exec") as connection:
                seqs = itertools.count(2)

                def step() -> None:
                    body = {"phase": "mark", "notes": ["x" * 1500]}
                    event = RunEvent(next(seqs), EventKind.PHASE, "2026-01-01T00:00:00Z", body)
                    with connection.transaction():
                        history.append(connection, made.run_id, place.fence, event, [])

                for _ in range(20):
                    step()
                    overwrite(path, page)
                return paired(
                    "checkpoint of one step",
                    200,
                    3.0,
                    "8 kB overwrite and fdatasync",
                    lambda: (seconds(step), seconds(lambda: overwrite(path, page))),
                )


def rows() -> Iterator[Row]:
    """Cut, enact and verify at growing sizes, then one step's checkpoint."""
    with throwaway_server(settings={"max_wal_size": "4GB", "shared_buffers": "256MB"}) as server:
        version = prepared(server)
        for size, rounds in ((1_000, 7), (10_000, 3), (100_000, 2)):
            made = material(size, version)
            yield paired(
                f"live cut, {size:,} units",
                rounds,
                1.3,
                "raw COPY into the same constrained tables",
                lambda made=made: cut_once(server, made),
            )
        yield paired(
            "enact, 100,000 units",
            2,
            1.5,
            "COPY of the same log and in-force rows",
            lambda: enact_once(server, made),
        )
        yield verify_rows(server, made, 100_000)
    # Not below this tree: the server's account must be able to walk to it when root measures.
    with tempfile.TemporaryDirectory(prefix="cutter-bench-") as folder:
        Path(folder).chmod(0o755)
        yield checkpoint_row(Path(folder))
