"""Acts on one database, in the order of a cut: what the adapter's tests begin from.

Units are synthetic, one line of text each; what is under test here is what the database does with
them, not where they come from.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import psycopg

from clusters.databases import Database
from cutter_agent.document.cutplan import Change, PlannedUnit, idempotency_key, leaf_record
from cutter_agent.evidence.merkle import leaf_hash, tree_root
from cutter_agent.orchestrator import ids
from cutter_agent.orchestrator.approval import (
    ApprovalRequest,
    CutApproved,
    LifecycleApproved,
    render_request,
)
from cutter_agent.orchestrator.clock import run_id_of, utc_text
from cutter_agent.orchestrator.history import EventKind, RunEvent, RunHeader
from cutter_agent.orchestrator.orders import (
    ChangeSet,
    Consumption,
    Draft,
    EnactOrder,
    EnactReceipt,
    Manifest,
    ManifestBlock,
    ManifestReceipt,
    OfferedSignature,
    VerifyRecord,
)
from cutter_agent.orchestrator.states import GATE_TTL_S, Gate, Mode
from cutter_agent.orchestrator.warrant import LiveWarrant, live_warrant
from cutter_agent.postgres import history
from cutter_agent.postgres.connect import Connection, Login, connected
from cutter_agent.postgres.deployment import newest_policy
from cutter_agent.postgres.verify import LiveVerifier
from cutter_agent.postgres.write import LiveWriter, pass_write_gate
from forge.approvals import FileKey

CODE = "ICX-TEST"
PROFILE = b'name = "plain"\n'
STARTER, APPROVER = "oscar", "alice"
KEYS = {gate: FileKey(hashlib.sha256(gate.encode()).digest()) for gate in Gate}
PLAN = "ab" * 32


def login(database: Database, role: str = "") -> Login:
    return Login(database.conninfo(role or None))


@contextmanager
def session(database: Database, role: str = "") -> Iterator[Connection]:
    """A connection of our adapter's kind, as the superuser unless a role is named."""
    with connected(login(database, role), application="test") as connection:
        yield connection


def line(number: int, words: str = "") -> bytes:
    return f"Điều {number}. {words or 'Quy định'} {number}.\n".encode()


def planned(
    code: str, lines: Sequence[bytes], *, prior: dict[str, tuple[str, str, int]] | None = None
) -> list[PlannedUnit]:
    """A planned unit for each line that begins with a number of its own; place is the number."""
    units, start = [], 0
    for position, body in enumerate(lines):
        number = body.decode().split(" ")[1].rstrip(".")
        address = f"{code}/DIEU-{number}"
        sha256 = hashlib.sha256(body).hexdigest()
        attributes = (("alias", "Điều"), ("heading", f'"{number}" \\ \x7f'), ("num", number))
        standing = (prior or {}).get(address)
        changed = standing is not None and standing[1] != sha256
        units.append(
            PlannedUnit(
                position=position,
                address=address,
                kind="article",
                parent=None,
                ordinal=position + 1,
                own_spans=((start, start + len(body)),),
                body_sha256=sha256,
                attributes=attributes,
                change=Change.CREATED
                if standing is None
                else (Change.CHANGED if changed else Change.KEPT),
                unit_id=standing and standing[0],
                version_id=None,
                version_no=1 if standing is None else standing[2] + changed,
                idempotency_key=idempotency_key(code, "-", address),
                leaf=leaf_record(
                    address=address,
                    kind="article",
                    parent=None,
                    ordinal=position + 1,
                    body_sha256=sha256,
                    attributes=attributes,
                ),
            )
        )
        start += len(body)
    return units


def source_version_id(code: str, body: bytes) -> str:
    return ids.change_set_id("ictr-20260101T000000Z-00000000", f"{code}{body!r}")


def add_source(
    database: Database, lines: Sequence[bytes], *, code: str = CODE, effective: str | None = None
) -> str:
    """The document's newest source version is these lines; returns its id."""
    body = b"".join(lines)
    with session(database, "cutter_admin") as connection:
        row = connection.execute(
            "SELECT iu.fn_source_add(%s, %s, %s::uuid, %s, 'text/markdown', %s::date, 'plain', %s)",
            (code, "Văn bản", source_version_id(code, body), body, effective, PROFILE),
        ).fetchone()
    return str(row[0]["source_version_id"])


def turn_switch(database: Database, *, armed: bool) -> None:
    with session(database, "cutter_admin") as connection:
        connection.execute("SELECT cutter_governance.fn_switch_arm(%s, 'a test', 'nina')", (armed,))


def database_text(database: Database) -> str:
    with session(database) as connection:
        return str(connection.execute("SELECT cutter_governance.database_text()").fetchone()[0])


def log_head(database: Database) -> str:
    with session(database) as connection:
        return history.log_head(connection)


def newest_policy_sha256(database: Database) -> str:
    policy = newest_policy(login(database))
    return "none" if policy is None else policy.sha256


@dataclass
class Cut:
    """One live run of one document, driven step by step."""

    database: Database
    run_id: str
    source_version_id: str
    units: list[PlannedUnit]
    lines: list[bytes]
    code: str = CODE
    fence: int = 0
    retired: int = 0

    @property
    def change_set_id(self) -> str:
        return ids.change_set_id(self.run_id, PLAN)

    @property
    def decision_id(self) -> str:
        return ids.review_decision_id(self.run_id, "00")

    @property
    def root(self) -> bytes:
        return tree_root([leaf_hash(unit.leaf) for unit in self.units])

    @property
    def envelope_id(self) -> str:
        return ids.envelope_id(self.change_set_id, self.root.hex())

    def counts(self, change: Change) -> int:
        return sum(unit.change is change for unit in self.units)

    def change_set(self) -> ChangeSet:
        return ChangeSet(
            self.change_set_id,
            self.run_id,
            self.code,
            self.source_version_id,
            PLAN,
            created=self.counts(Change.CREATED),
            changed=self.counts(Change.CHANGED),
            kept=self.counts(Change.KEPT),
            retired=self.retired,
        )

    def drafts(self) -> list[Draft]:
        minted = ids.UnitIds(document_id=self.code, change_set=self.change_set_id)
        return [
            Draft(
                unit_id=unit.unit_id or minted.unit_id(unit.position, unit.leaf),
                version_id=minted.version_id(unit.position, unit.leaf),
                version_no=unit.version_no,
                planned=unit,
                body=self.lines[unit.position],
            )
            for unit in self.units
            if unit.change is not Change.KEPT
        ]

    def blocks(self, kept: dict[str, str] | None = None) -> list[ManifestBlock]:
        minted = ids.UnitIds(document_id=self.code, change_set=self.change_set_id)
        return [
            ManifestBlock(
                position=unit.position,
                unit_id=unit.unit_id or minted.unit_id(unit.position, unit.leaf),
                version_id=(kept or {})[unit.address]
                if unit.change is Change.KEPT
                else minted.version_id(unit.position, unit.leaf),
                ordinal=unit.ordinal,
                leaf_sha256=leaf_hash(unit.leaf),
            )
            for unit in self.units
        ]

    def request(self, gate: Gate, /, **changes: str) -> bytes:
        now = datetime.now(UTC)
        header = ApprovalRequest(
            schema="cutter.approval-request/1",
            gate=gate.value,
            run_id=self.run_id,
            mode="live",
            document_id=self.code,
            allowance="explicit",
            nonce="0" * 32,
            issued_utc=utc_text(now),
            expires_utc=utc_text(now + timedelta(seconds=GATE_TTL_S[gate])),
            plan_sha256=PLAN,
            manifest_root=self.root.hex(),
            tree_size=str(len(self.units)),
            unit_count=str(len(self.units)),
            facts_sha256="0" * 64,
            policy_sha256=newest_policy_sha256(self.database),
            backup_sha256="0" * 64,
            rehearsal_root="none",
            rehearsal_counts="none",
            database=database_text(self.database),
            log_checkpoint=log_head(self.database),
            starter=STARTER,
            scope="enacted_only",
            review_decision_id=self.decision_id if gate is Gate.SG_2 else "",
            decision="void" if gate is Gate.SG_3 else "",
        )
        return render_request(replace(header, **changes), "What is to be decided.\n")

    def consumption(self, gate: Gate, request: bytes, person: str = APPROVER) -> Consumption:
        key = KEYS[gate]
        signed = OfferedSignature(person, rejects=False, armor=key.sign(request).armor)
        fingerprint = history.parse_armor(signed.armor).public_key.fingerprint
        digest = hashlib.sha256(request).hexdigest()
        return Consumption(digest, gate, self.run_id, request, (signed,), (person,), (fingerprint,))

    def warrant(self) -> LiveWarrant:
        approved = CutApproved(
            gate=Gate.SG_1,
            run_id=self.run_id,
            mode=Mode.LIVE,
            request_sha256="0" * 64,
            persons=(APPROVER,),
            key_ids=("SHA256:x",),
            simulated=False,
            review_decision_id=None,
            consumed_utc="2026-01-01T00:00:00Z",
        )
        assert not isinstance(approved, LifecycleApproved)
        return live_warrant(self.run_id, approved)

    def writer(self, connection: Connection) -> LiveWriter:
        return LiveWriter(connection, run_id=self.run_id, fence=self.fence, warrant=self.warrant())

    def claim(self) -> None:
        with session(self.database, "cutter_exec") as connection:
            row = connection.execute(
                "SELECT cutter_governance.fn_run_claim(%s, 'test')", (self.run_id,)
            ).fetchone()
        self.fence = row[0]["fence"]

    @contextmanager
    def writing(self) -> Iterator[tuple[Connection, LiveWriter]]:
        """A write transaction of the executor, committed at its end."""
        with session(self.database, "cutter_exec") as connection, connection.transaction():
            pass_write_gate(connection)
            yield connection, self.writer(connection)

    def approve(self, gate: Gate, /, **changes: str) -> None:
        with session(self.database, "cutter_exec") as connection, connection.transaction():
            history.consume(
                connection, self.fence, self.consumption(gate, self.request(gate, **changes))
            )

    def draft(self) -> int:
        with self.writing() as (connection, writer):
            consumption = self.consumption(Gate.SG_1, self.request(Gate.SG_1))
            history.consume(connection, self.fence, consumption)
            writer.mint_change_set(self.change_set())
            return writer.create_drafts(self.change_set(), self.drafts())

    def manifest(self) -> Manifest:
        return Manifest(
            self.envelope_id,
            self.change_set_id,
            self.root.hex(),
            len(self.units),
            b'{"payload":"' + self.change_set_id.encode() + b'"}',
            "SHA256:executor",
        )

    def seal(self, kept: dict[str, str] | None = None) -> ManifestReceipt:
        with self.writing() as (_, writer):
            return writer.record_manifest(self.manifest(), self.blocks(kept))

    def verify_record(self) -> VerifyRecord:
        return VerifyRecord(
            ids.verify_result_id(self.envelope_id),
            self.envelope_id,
            self.root.hex(),
            self.root.hex(),
            len(self.units),
            0,
            b'{"verified":"' + self.change_set_id.encode() + b'"}',
            "SHA256:verifier",
        )

    def verify(self, record: VerifyRecord | None = None, role: str = "cutter_verify") -> None:
        with session(self.database, role) as connection, connection.transaction():
            verifier = LiveVerifier(connection, run_id=self.run_id, fence=self.fence)
            verifier.record(record or self.verify_record())

    def enact(self, effective: str | None = None) -> EnactReceipt:
        with self.writing() as (connection, writer):
            consumption = self.consumption(Gate.SG_2, self.request(Gate.SG_2))
            history.consume(connection, self.fence, consumption)
            return writer.enact(self.order(effective))

    def order(self, effective: str | None = None) -> EnactOrder:
        return EnactOrder(
            self.change_set_id, self.code, self.decision_id, "0" * 64, effective_date=effective
        )

    def end(self, outcome: str) -> None:
        with session(self.database, "cutter_exec") as connection, connection.transaction():
            history.end(connection, self.run_id, self.fence, outcome)

    def through(self) -> "Cut":
        """The cut is in force and its run closed."""
        self.draft()
        self.seal()
        self.verify()
        self.enact()
        self.end("closed")
        return self


def open_cut(
    database: Database,
    lines: Sequence[bytes],
    *,
    code: str = CODE,
    entropy: str = "00000001",
    prior: dict[str, tuple[str, str, int]] | None = None,
) -> Cut:
    """A claimed run that is about to write these lines as units; the switch is armed."""
    version = add_source(database, lines, code=code)
    turn_switch(database, armed=True)
    now = datetime.now(UTC)
    header = RunHeader(run_id_of(now, entropy), code, Mode.LIVE, STARTER, utc_text(now), 1000)
    with session(database, "cutter_exec") as connection:
        holder = history.open_run(
            connection, header, RunEvent(1, EventKind.OPENED, utc_text(now), {})
        )
    assert holder is None
    cut = Cut(
        database, header.run_id, version, planned(code, lines, prior=prior), list(lines), code
    )
    cut.claim()
    return cut


def in_force(database: Database, code: str = CODE) -> dict[str, tuple[str, str, int]]:
    """Unit id, body digest and version number by address."""
    with session(database) as connection:
        rows = connection.execute(
            "SELECT v.address, v.unit_id::text, encode(v.body_sha256, 'hex'), v.version_no"
            " FROM iu.unit_in_force f JOIN iu.unit_version v USING (document_id, version_id)"
            " WHERE f.document_id = %s AND f.ended_at IS NULL",
            (code,),
        ).fetchall()
    return {row[0]: (row[1], row[2], row[3]) for row in rows}


def versions_in_force(database: Database, code: str = CODE) -> dict[str, str]:
    """Version id by address."""
    with session(database) as connection:
        rows = connection.execute(
            "SELECT f.address, f.version_id::text FROM iu.unit_in_force f"
            " WHERE f.document_id = %s AND f.ended_at IS NULL",
            (code,),
        ).fetchall()
    return dict(rows)


def one(connection: psycopg.Connection, sql: str, *parameters: object) -> object:
    """The single value that the query gives."""
    row = connection.execute(sql, parameters).fetchone()
    assert row is not None
    return row[0]


LINES = [line(n) for n in range(1, 8)]
"""A document of seven units."""
