"""All tables of a rehearsal world and the rules between them: the same that the database holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from cutter_agent.document.cutplan import leaf_record
from cutter_agent.errors import (
    ApprovalConsumedAlready,
    StopEvidenceMismatch,
    StopReplayConflict,
)
from cutter_agent.evidence.canonical import canonical_bytes, sha256_hex
from cutter_agent.evidence.codec import to_json
from cutter_agent.evidence.merkle import leaf_hash
from cutter_agent.orchestrator.orders import ChangeSet
from cutter_agent.rehearsal.rows import (
    EDGES,
    AffectedRow,
    BlobRow,
    BlockRow,
    DecisionRow,
    DocumentRow,
    EnvelopeRow,
    ForceRow,
    ForceTable,
    LogRow,
    ResultRow,
    SourceRow,
    Table,
    UnitRow,
    VersionRow,
)

OPEN: Final = "open"


class Tables:
    """The governed tables. Every insert that would make a wrong state is refused."""

    def __init__(self) -> None:
        """Begin with empty tables."""
        self.documents: Table[str, DocumentRow] = Table("iu.source_document")
        self.sources: Table[str, SourceRow] = Table("iu.source_version")
        self.blobs: Table[str, BlobRow] = Table("iu.text_blob")
        self.units: Table[str, UnitRow] = Table("iu.information_unit")
        self.versions: Table[str, VersionRow] = Table("iu.unit_version")
        self.log: Table[tuple[str, int], LogRow] = Table("iu.lifecycle_log")
        self.in_force = ForceTable("iu.unit_in_force")
        self.change_sets: Table[str, ChangeSet] = Table("cutter_governance.cut_change_set")
        self.affected: Table[tuple[str, int], AffectedRow] = Table(
            "cutter_governance.cut_change_set_affected_row"
        )
        self.envelopes: Table[str, EnvelopeRow] = Table("cutter_governance.manifest_envelope")
        self.blocks: Table[tuple[str, int], BlockRow] = Table(
            "cutter_governance.manifest_unit_block"
        )
        self.decisions: Table[str, DecisionRow] = Table("cutter_governance.review_decision")
        self.results: Table[str, ResultRow] = Table("cutter_governance.verify_result")
        self.bodies: dict[str, bytes] = {}
        self.states: dict[str, str] = {}
        """State of each version: its newest row in the log, kept at hand."""
        self.numbers: set[tuple[str, int]] = set()
        self.closed: dict[str, str] = {}

    @property
    def every(self) -> tuple[Table[Any, Any], ...]:
        """All tables, in the order of their names in a backup."""
        return (
            self.documents,
            self.sources,
            self.blobs,
            self.units,
            self.versions,
            self.log,
            self.in_force,
            self.change_sets,
            self.affected,
            self.envelopes,
            self.blocks,
            self.decisions,
            self.results,
        )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that happens inside stays, or nothing of it."""
        kept = [table.kept() for table in self.every]
        bodies, states = dict(self.bodies), dict(self.states)
        numbers, closed = set(self.numbers), dict(self.closed)
        try:
            yield
        except BaseException:
            for table, rows in zip(self.every, kept, strict=True):
                table.go_back(rows)
            self.bodies, self.states = bodies, states
            self.numbers, self.closed = numbers, closed
            raise

    def put_body(self, sha256: str, body: bytes) -> None:
        """The text lies under its digest.

        Raises:
            StopEvidenceMismatch: the digest is not the text's.
        """
        if sha256_hex(body) != sha256:
            raise StopEvidenceMismatch("a body does not hash to its digest", expected=sha256)
        if self.blobs.get(sha256) is None:
            self.blobs.insert(sha256, BlobRow(sha256, len(body)))
            self.bodies[sha256] = body

    def move(
        self, version: VersionRow, to_state: str, change_set_id: str, decision_id: str | None
    ) -> None:
        """The version's log has one more row, along an edge of the lifecycle.

        Raises:
            StopReplayConflict: no edge leads there, or the decision is not one of this change set.
        """
        before = self.states.get(version.version_id)
        if to_state not in EDGES.get(before, frozenset()):
            raise StopReplayConflict(
                f"version {version.version_id} is {before or 'new'} and cannot become {to_state}"
            )
        if (to_state in {"draft", "withdrawn"}) != (decision_id is None):
            raise StopReplayConflict(f"{to_state} goes with its decision only")
        decision = None if decision_id is None else self.decisions.get(decision_id)
        if decision_id is not None and (
            decision is None or decision.change_set_id != change_set_id
        ):
            raise StopReplayConflict(f"no decision {decision_id} was made on {change_set_id}")
        seq = 1
        while self.log.get((version.version_id, seq)) is not None:
            seq += 1
        row = LogRow(
            version.version_id,
            seq,
            version.document_id,
            before,
            to_state,
            change_set_id,
            decision_id,
        )
        self.log.insert((version.version_id, seq), row)
        self.states[version.version_id] = to_state

    def add_in_force(self, versions: Iterable[VersionRow]) -> None:
        """The versions are in force, each the only one of its unit and its address.

        Raises:
            StopReplayConflict: two of the document's do.
        """
        documents: set[str] = set()
        for version in versions:
            row = ForceRow(
                version.version_id,
                version.unit_id,
                version.document_id,
                version.address,
                ended=False,
            )
            self.in_force.insert(version.version_id, row)
            documents.add(version.document_id)
        for document_id in documents:
            standing = self.standing(document_id)
            if len({row.address for row in standing}) < len(standing):
                raise StopReplayConflict(f"two units of {document_id} would share an address")
            if len({row.unit_id for row in standing}) < len(standing):
                raise StopReplayConflict(f"a unit of {document_id} would be in force twice")

    def add_version(self, row: VersionRow) -> None:
        """The version is there; the database numbers the versions of a unit without a double, too.

        Raises:
            StopReplayConflict: its id, or its number among its unit's versions, is taken.
        """
        number = (row.unit_id, row.version_no)
        if number in self.numbers:
            raise StopReplayConflict(f"unit {row.unit_id} has a version {row.version_no} already")
        self.versions.insert(row.version_id, row)
        self.numbers.add(number)

    def decide(self, row: DecisionRow) -> None:
        """The decision is on record, fresh, and its request is spent.

        Raises:
            ApprovalConsumedAlready: another decision rests on the same request.
            StopReplayConflict: the decision was made before.
        """
        if not row.decision_id:
            raise StopReplayConflict("there is no decision to enact under")
        if any(other.request_sha256 == row.request_sha256 for other in self.decisions):
            raise ApprovalConsumedAlready("an earlier decision rests on this request")
        self.decisions.insert(row.decision_id, row)

    def state_of(self, change_set_id: str) -> str:
        """The change set's state: open, enacted or withdrawn."""
        return self.closed.get(change_set_id, OPEN)

    def close(self, change_set_id: str, state: str) -> None:
        """The change set is enacted or withdrawn, for good."""
        self.closed[change_set_id] = state

    def standing(self, document_id: str) -> list[ForceRow]:
        """What of the document is in force."""
        return [r for r in self.in_force if r.document_id == document_id and not r.ended]

    def versions_of(self, change_set_id: str) -> list[VersionRow]:
        """Every version that the change set wrote, by address."""
        own = (row for row in self.versions if row.change_set_id == change_set_id)
        return sorted(own, key=lambda row: row.address)

    def envelope_of(self, change_set_id: str) -> EnvelopeRow | None:
        """The manifest of the change set, or None."""
        return next((e for e in self.envelopes if e.change_set_id == change_set_id), None)

    def blocks_of(self, envelope_id: str) -> list[BlockRow]:
        """The leaves of the manifest, in order."""
        own = (block for block in self.blocks if block.envelope_id == envelope_id)
        return sorted(own, key=lambda block: block.position)

    def body_sha256_now(self, version: VersionRow) -> str:
        """The digest of the version's text as it is stored now.

        A version that was in force before the rehearsal has its digest here and its text elsewhere.
        """
        body = self.bodies.get(version.body_sha256)
        return version.body_sha256 if body is None else sha256_hex(body)

    def leaf_of(self, block: BlockRow) -> bytes:
        """The leaf hash computed from the rows as they are, in the block's place.

        Raises:
            StopReplayConflict: the block names a version that is not there.
        """
        version = self.versions.get(block.version_id)
        if version is None:
            raise StopReplayConflict(f"there is no version {block.version_id}")
        return leaf_hash(
            leaf_record(
                address=version.address,
                kind=version.kind,
                parent=version.parent,
                ordinal=block.ordinal,
                body_sha256=self.body_sha256_now(version),
                attributes=version.attributes,
            )
        )

    def counters(self) -> dict[str, int]:
        """How many rows each table has, by its name."""
        return {table.name: len(table) for table in self.every}

    def canonical(self, document_id: str | None = None) -> bytes:
        """Every row, or every row of one document, as canonical bytes in one order."""
        texts = {v.body_sha256 for v in self.versions if v.document_id == document_id}
        dump: list[bytes] = []
        for table in sorted(self.every, key=lambda each: each.name):
            rows = (to_json(row) for row in table)
            lines = sorted(
                canonical_bytes(row)
                for row in rows
                if document_id is None
                or row.get("document_id") == document_id
                or row.get("sha256") in texts
            )
            dump.append(canonical_bytes(table.name) + b":[" + b",".join(lines) + b"]")
        return b"{" + b",".join(dump) + b"}"

    def tally(self, document_id: str) -> str:
        """How many rows of the document each table has, decisions left out."""
        counts = {self.blobs.name: len({v.body_sha256 for v in self._versions(document_id)})}
        for table in set(self.every) - {self.blobs, self.decisions}:
            counts[table.name] = sum(row.document_id == document_id for row in table)
        return ",".join(f"{name}={rows}" for name, rows in sorted(counts.items()) if rows)

    def _versions(self, document_id: str) -> Iterator[VersionRow]:
        return (row for row in self.versions if row.document_id == document_id)
