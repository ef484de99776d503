"""The live writer: the only code that changes units in a deployment's database, one set a call."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any, Final

from cutter_agent.document.cutplan import Change
from cutter_agent.errors import ProductionExecutionNotAuthorized, StopReplayConflict
from cutter_agent.orchestrator.effects import UNWATCHED, Effects
from cutter_agent.orchestrator.orders import (
    ChangeSet,
    Draft,
    EnactOrder,
    EnactReceipt,
    Manifest,
    ManifestBlock,
    ManifestReceipt,
)
from cutter_agent.orchestrator.warrant import LiveWarrant, RehearsalWarrant
from cutter_agent.postgres import arrays
from cutter_agent.postgres.connect import Connection, translated

CHUNK_ROWS: Final = 4_000
"""Units a call: the server's work for one call then outweighs the way there and back."""

_PATIENT: Final = (
    "SELECT set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true)"
)
WRITE_GATE: Final = "SELECT pg_advisory_xact_lock(hashtextextended('cutter/write-gate', 0))"
_AS_BEFORE: Final = "SET LOCAL lock_timeout TO DEFAULT; SET LOCAL statement_timeout TO DEFAULT"

_MINT: Final = """
SELECT cutter_governance.fn_change_set_mint(%(run_id)s, %(fence)s, %(change_set_id)s::text::uuid,
  %(source_version_id)s::text::uuid, %(plan_sha256)b, %(created)s, %(changed)s, %(kept)s, %(retired)s)
"""
_CREATE: Final = """
SELECT iu.fn_iu_create_set(%(run_id)s, %(fence)s, %(change_set_id)s::text::uuid, %(expected)s, %(version_ids)s,
  %(unit_ids)s, %(addresses)s, %(kinds)s, %(parents)s, %(ordinals)s, %(aliases)s, %(headings)s, %(nums)s,
  %(span_counts)s, %(spans)s, %(body_sha256s)s, %(bodies)s)
"""
_EDIT: Final = """
SELECT iu.fn_iu_apply_edit_draft(%(run_id)s, %(fence)s, %(change_set_id)s::text::uuid, %(expected)s,
  %(version_ids)s, %(unit_ids)s, %(version_nos)s, %(addresses)s, %(kinds)s, %(parents)s, %(ordinals)s, %(aliases)s,
  %(headings)s, %(nums)s, %(span_counts)s, %(spans)s, %(body_sha256s)s, %(bodies)s)
"""
_HELD: Final = """
SELECT count(*) FROM iu.unit_version AS v
WHERE v.document_id = %(document_id)s::text AND v.change_set_id = %(change_set_id)s::text::uuid
"""
_MANIFEST: Final = """
SELECT cutter_governance.fn_manifest_record(%(run_id)s, %(fence)s, %(change_set_id)s::text::uuid,
  %(envelope_id)s::text::uuid, %(root_sha256)b, %(tree_size)s, %(dsse)b, %(key_id)s, %(positions)s, %(unit_ids)s,
  %(version_ids)s, %(ordinals)s, %(leaves)s)
"""
_ENACT: Final = """
SELECT iu.fn_iu_enact(%(run_id)s, %(fence)s, %(change_set_id)s::text::uuid, %(decision_id)s::text::uuid,
  %(effective_date)s::text::date)
"""


class SqlWriter(ABC):
    """Writes units under one run's fence, inside the transaction that is open.

    Who may have one, and for which database, is what its two kinds are about.
    """

    def __init__(
        self, connection: Connection, *, run_id: str, fence: int, effects: Effects = UNWATCHED
    ) -> None:
        arrays.teach(connection)
        self._connection = connection
        self._effects = effects
        self._run_id = run_id
        self._run = {"run_id": run_id, "fence": fence}

    @property
    @abstractmethod
    def warrant(self) -> LiveWarrant | RehearsalWarrant:
        """What entitles this writer to write."""

    def mint_change_set(self, change_set: ChangeSet) -> None:
        self._call(
            "mint_change_set",
            _MINT,
            change_set_id=change_set.change_set_id,
            source_version_id=change_set.source_version_id,
            plan_sha256=bytes.fromhex(change_set.plan_sha256),
            created=change_set.created,
            changed=change_set.changed,
            kept=change_set.kept,
            retired=change_set.retired,
        )

    def create_drafts(self, change_set: ChangeSet, drafts: Iterable[Draft]) -> int:
        for change, chunk in _chunks(drafts):
            sql = _CREATE if change is Change.CREATED else _EDIT
            self._call(
                "create_drafts", sql, change_set_id=change_set.change_set_id, **_columns(chunk)
            )
        with self._translated():
            row = self._connection.execute(
                _HELD,
                {
                    "document_id": change_set.document_id,
                    "change_set_id": change_set.change_set_id,
                },
            ).fetchone()
        return 0 if row is None else int(row[0])

    def record_manifest(
        self, manifest: Manifest, blocks: Iterable[ManifestBlock]
    ) -> ManifestReceipt:
        rows = list(blocks)
        answer = self._call(
            "record_manifest",
            _MANIFEST,
            change_set_id=manifest.change_set_id,
            envelope_id=manifest.envelope_id,
            root_sha256=bytes.fromhex(manifest.root_sha256),
            tree_size=manifest.tree_size,
            dsse=manifest.envelope,
            key_id=manifest.executor_key_id,
            positions=arrays.integers([block.position for block in rows]),
            unit_ids=arrays.uuids(block.unit_id for block in rows),
            version_ids=arrays.uuids(block.version_id for block in rows),
            ordinals=arrays.integers([block.ordinal for block in rows]),
            leaves=arrays.byte_strings([block.leaf_sha256 for block in rows]),
        )
        return ManifestReceipt(
            blocks=int(answer["blocks"]),
            affected_rows=int(answer["affected_rows"]),
            signatures=int(answer["signatures"]),
        )

    def enact(self, order: EnactOrder) -> EnactReceipt:
        answer = self._call(
            "enact",
            _ENACT,
            change_set_id=order.change_set_id,
            decision_id=order.review_decision_id,
            effective_date=order.effective_date,
        )
        return EnactReceipt(
            enacted=int(answer["enacted"]),
            superseded=int(answer["superseded"]),
            retired=int(answer["retired"]),
            log_rows=int(answer["log_rows"]),
            in_force=int(answer["in_force"]),
        )

    def _call(self, effect: str, sql: str, **parameters: object) -> dict[str, Any]:
        with self._effects.one(effect), self._translated():
            row = self._connection.execute(sql.encode(), {**self._run, **parameters}).fetchone()
        return accepted(row, run_id=self._run_id)

    def _translated(self) -> AbstractContextManager[None]:
        return translated(run_id=self._run_id)


class LiveWriter(SqlWriter):
    """The writer of a deployment's database.

    Raises:
        ProductionExecutionNotAuthorized: it is made without a live warrant, or with another run's.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        run_id: str,
        fence: int,
        warrant: LiveWarrant,
        effects: Effects = UNWATCHED,
    ) -> None:
        given: object = warrant  # whatever a caller without a type checker brings
        if not isinstance(given, LiveWarrant) or given.run_id != run_id:
            raise ProductionExecutionNotAuthorized(
                "a live writer was asked for without this run's live warrant", run_id=run_id
            )
        super().__init__(connection, run_id=run_id, fence=fence, effects=effects)
        self._warrant = warrant

    @property
    def warrant(self) -> LiveWarrant:
        return self._warrant


def pass_write_gate(connection: Connection) -> None:
    """The open transaction holds the write gate, to its end: lanes write one after the other.

    First in every transaction that writes units. Another lane's write takes as long as it takes, and
    its own statements have their limits; so whoever waits for it has none.
    """
    connection.execute(_PATIENT)
    connection.execute(WRITE_GATE)
    connection.execute(_AS_BEFORE)


def accepted(row: Sequence[Any] | None, *, run_id: str | None = None) -> dict[str, Any]:
    """Return the answer of one of our functions.

    Raises:
        StopReplayConflict: the database holds something else under the key.
    """
    answer: dict[str, Any] = {} if row is None else row[0]
    status = answer.get("status", "missing")
    if status == "exists_conflict":
        raise StopReplayConflict(
            str(answer.get("sentence", "what is there is not what this run would write")),
            expected="nothing there, or exactly this",
            run_id=run_id,
        )
    return answer


def _chunks(drafts: Iterable[Draft]) -> Iterator[tuple[Change, list[Draft]]]:
    """Yield the drafts in order, in sets of created ones and sets of changed ones."""
    waiting: dict[Change, list[Draft]] = {Change.CREATED: [], Change.CHANGED: []}
    remaining = iter(drafts)
    while batch := list(islice(remaining, CHUNK_ROWS)):
        for draft in batch:
            created = draft.version_no == 1
            waiting[Change.CREATED if created else Change.CHANGED].append(draft)
        for change, kept in waiting.items():
            if len(kept) >= CHUNK_ROWS:
                yield change, kept
                waiting[change] = []
    for change, kept in waiting.items():
        if kept:
            yield change, kept


def _columns(drafts: Sequence[Draft]) -> dict[str, object]:
    """Return the drafts column by column, as packed arrays."""
    units = [draft.planned for draft in drafts]
    attributes = [dict(unit.attributes) for unit in units]
    return {
        "expected": len(drafts),
        "version_ids": arrays.uuids(draft.version_id for draft in drafts),
        "unit_ids": arrays.uuids(draft.unit_id for draft in drafts),
        "version_nos": arrays.integers([draft.version_no for draft in drafts]),
        "addresses": arrays.texts(unit.address for unit in units),
        "kinds": arrays.texts(unit.kind for unit in units),
        "parents": arrays.texts(unit.parent for unit in units),
        "ordinals": arrays.integers([unit.ordinal for unit in units]),
        "aliases": arrays.texts(named["alias"] for named in attributes),
        "headings": arrays.texts(named["heading"] for named in attributes),
        "nums": arrays.texts(named["num"] for named in attributes),
        "span_counts": arrays.integers([2 * len(unit.own_spans) for unit in units]),
        "spans": arrays.long_integers(
            [place for unit in units for span in unit.own_spans for place in span]
        ),
        "body_sha256s": arrays.byte_strings([bytes.fromhex(unit.body_sha256) for unit in units]),
        "bodies": arrays.encoded_texts([draft.body for draft in drafts]),
    }
