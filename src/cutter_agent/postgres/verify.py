"""Reading back what was written: the executor's ledger, and the verifier on a login of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cutter_agent.errors import StopEvidenceMismatch
from cutter_agent.evidence.merkle import HASH_BYTES, tree_root
from cutter_agent.orchestrator.effects import UNWATCHED, Effects
from cutter_agent.orchestrator.orders import StoredUnit, VerifyRecord
from cutter_agent.orchestrator.queries import (
    DOCUMENT_DIGESTS,
    DOCUMENT_TALLY,
    LOGIN_REACH,
    SOURCE_BYTES,
)
from cutter_agent.postgres.connect import Connection, select_on, translated
from cutter_agent.postgres.statements import statement
from cutter_agent.postgres.write import accepted

_RESULTS: Final = """
SELECT count(*) FROM cutter_governance.verify_result AS r WHERE r.envelope_id = %(envelope_id)s::text::uuid
"""
_RECORD: Final = """
SELECT cutter_governance.fn_verify_record(%(run_id)s, %(fence)s, %(verify_result_id)s::text::uuid,
  %(envelope_id)s::text::uuid, %(from_source)b, %(in_database)b, %(tree_size)s, %(mismatches)s, %(dsse)b, %(key_id)s)
"""


class LiveLedger:
    """Reads a change set's versions back over the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def drafts(self, change_set_id: str) -> Sequence[StoredUnit]:
        with translated(), self._connection.cursor(binary=True) as cursor:
            cursor.execute(statement("change_set_drafts"), {"change_set_id": change_set_id})
            return [
                StoredUnit(
                    unit_id=row[0],
                    version_id=row[1],
                    version_no=row[2],
                    source_version_id=row[3],
                    address=row[4],
                    kind=row[5],
                    parent=row[6],
                    ordinal=row[7],
                    own_spans=tuple(zip(row[8][::2], row[8][1::2], strict=True)),
                    attributes=(("alias", row[9]), ("heading", row[10]), ("num", row[11])),
                    body_sha256=row[12].hex(),
                    rehash_sha256=row[13].hex(),
                    state=row[14],
                )
                for row in cursor
            ]


class LiveTally:
    """Counts a document's rows, and recomputes roots, over the given connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, document_id: str) -> str:
        found = select_on(self._connection)(DOCUMENT_TALLY, {"document_id": document_id})
        return str(found[0]["tally"])

    def digests(self, document_id: str) -> str:
        found = select_on(self._connection)(DOCUMENT_DIGESTS, {"document_id": document_id})
        return str(found[0]["digests"])

    def manifest_root(self, envelope_id: str) -> str:
        return tree_root(manifest_leaves(self._connection, envelope_id)).hex()


def manifest_leaves(connection: Connection, envelope_id: str) -> list[bytes]:
    """Return the leaf hashes of a manifest, in order, from the units' rows as they are now."""
    with translated(), connection.cursor(binary=True) as cursor:
        row = cursor.execute(statement("manifest_leaves"), {"envelope_id": envelope_id}).fetchone()
    joined = b"" if row is None or row[0] is None else bytes(row[0])
    return [joined[start : start + HASH_BYTES] for start in range(0, len(joined), HASH_BYTES)]


class LiveVerifier:
    """The second pair of eyes: reads and records over the verifier's own connection."""

    def __init__(
        self, connection: Connection, *, run_id: str, fence: int, effects: Effects = UNWATCHED
    ) -> None:
        self._connection = connection
        self._effects = effects
        self._run = {"run_id": run_id, "fence": fence}

    @property
    def role(self) -> str:
        with translated():
            row = self._connection.execute("SELECT session_user::text").fetchone()
        return "" if row is None else str(row[0])

    @property
    def reach(self) -> tuple[str, ...]:
        return tuple(str(row["what"]) for row in select_on(self._connection)(LOGIN_REACH, {}))

    def source_bytes(self, source_version_id: str) -> bytes:
        with translated(), self._connection.cursor(binary=True) as cursor:
            row = cursor.execute(
                SOURCE_BYTES.encode(), {"source_version_id": source_version_id}
            ).fetchone()
        if row is None:
            raise StopEvidenceMismatch(f"source version {source_version_id} is gone")
        return bytes(row[0])

    def manifest_leaves(self, envelope_id: str) -> Sequence[bytes]:
        return manifest_leaves(self._connection, envelope_id)

    def results(self, envelope_id: str) -> int:
        with translated():
            row = self._connection.execute(_RESULTS, {"envelope_id": envelope_id}).fetchone()
        return 0 if row is None else int(row[0])

    def record(self, result: VerifyRecord) -> None:
        parameters = {
            **self._run,
            "verify_result_id": result.verify_result_id,
            "envelope_id": result.envelope_id,
            "from_source": bytes.fromhex(result.root_from_source_sha256),
            "in_database": bytes.fromhex(result.root_in_database_sha256),
            "tree_size": result.tree_size,
            "mismatches": result.mismatches,
            "dsse": result.envelope,
            "key_id": result.verifier_key_id,
        }
        run_id = str(self._run["run_id"])
        with self._effects.one("record_result"), translated(run_id=run_id):
            row = self._connection.execute(_RECORD.encode(), parameters).fetchone()
        accepted(row, run_id=run_id)
