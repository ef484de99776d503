"""The global audit of a live deployment: its database, its folders and its sidecars say one thing, once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from cutter_agent.bootstrap.torture.audits import (
    PRIVATE_WORDS,
    VOLATILE,
    Rows,
    Units,
    planned,
    row_faults,
    run_faults,
)
from cutter_agent.bootstrap.torture.place import CODE, PROFILE, TEXT, Place
from cutter_agent.orchestrator.history import EventKind
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import OrchestratorState

if TYPE_CHECKING:
    from cutter_agent.evidence.canonical import Json

_IN_FORCE: Final = """
SELECT v.address, encode(sha256(convert_to(b.body, 'UTF8')), 'hex') FROM iu.unit_in_force f
JOIN iu.unit_version v USING (document_id, version_id)
JOIN iu.text_blob b ON b.sha256 = v.body_sha256
WHERE f.document_id = %s AND f.ended_at IS NULL
"""
_STANDING: Final = """
SELECT v.address, encode(sha256(convert_to(b.body, 'UTF8')), 'hex') FROM iu.unit_version v
JOIN iu.text_blob b ON b.sha256 = v.body_sha256
WHERE v.document_id = %s AND (
  SELECT l.to_state FROM iu.lifecycle_log l
  WHERE l.version_id = v.version_id ORDER BY l.seq DESC LIMIT 1) <> 'withdrawn'
"""
_MANIFESTS: Final = """
SELECT change_set_id::text FROM cutter_governance.manifest_envelope WHERE document_id = %s
"""
_CHAINS: Final = """
SELECT count(*) FROM cutter_governance.run_event AS e
LEFT JOIN cutter_governance.run_event AS b ON b.run_id = e.run_id AND b.seq = e.seq - 1
WHERE e.prev_sha256 IS DISTINCT FROM b.sha256 OR (e.seq > 1) <> (b.seq IS NOT NULL)
"""
OF_ONE_BACKUP: Final = ("byte_len", "rows", "wal_lsn")


def audit(place: Place, code: str = CODE, *, text: str = TEXT) -> str | None:
    """Every fault of the deployment as far as this document goes, in one line."""
    faults: list[str] = []
    closed = False
    files = _files(place)
    for run_id in place.run_ids(code):
        context = place.context(run_id)
        closed = closed or context.state is OrchestratorState.CLOSEOUT_REPORTED
        faults += run_faults(context, files)
        faults += _sidecar_faults(place, context)
    faults += row_faults(_rows(place, code), planned(text.encode(), code, PROFILE), closed=closed)
    if place.rows(_CHAINS) != [(0,)]:
        faults.append("a chain of events is broken")
    faults += _secrets(place, files)
    return "; ".join(faults) or None


def _rows(place: Place, code: str) -> Rows:
    manifests = place.rows(_MANIFESTS, code)
    results = place.rows("SELECT envelope_id::text FROM cutter_governance.verify_result")
    spent = place.rows("SELECT encode(request_sha256, 'hex') FROM cutter_governance.approval_use")
    return Rows(
        units=_units(place, _STANDING, code),
        enacted=_units(place, _IN_FORCE, code),
        manifests=tuple(row[0] for row in manifests),
        results=tuple(row[0] for row in results),
        spent=tuple(row[0] for row in spent),
    )


def _units(place: Place, sql: str, code: str) -> Units:
    return tuple(sorted((str(address), str(sha256)) for address, sha256 in place.rows(sql, code)))


def _sidecar_faults(place: Place, context: RunContext) -> Iterator[str]:
    with place.desk() as desk:
        sidecar = desk.store().load(context.run_id)
    if sidecar.events != context.history.events:
        yield "the sidecar says something else than the database"


def _files(place: Place) -> dict[str, bytes]:
    runs = place.home.runs
    return {str(path): path.read_bytes() for path in runs.rglob("*") if path.is_file()}


def _secrets(place: Place, files: dict[str, bytes]) -> Iterator[str]:
    known = [path.read_bytes().strip() for path in place.home.secrets.iterdir()]
    words = (*(word.encode() for word in PRIVATE_WORDS), *known)
    texts = dict(files)
    for table, column in (("run_document", "convert_to(body, 'UTF8')"), ("run_event", "payload")):
        found = place.rows(f"SELECT {column} FROM cutter_governance.{table}")  # noqa: S608 - our own names
        texts |= {f"{table} {number}": bytes(row[0]) for number, row in enumerate(found)}
    yield from (f"a secret in {n}" for n, t in texts.items() if any(word in t for word in words))
    yield from (f"litter: {name}" for name in texts if name.endswith(".part"))


def outcome(context: RunContext) -> str:
    """What a live run came to, without ids, times and the sizes of its backup."""
    phases = []
    for event in context.history.events:
        if event.kind is EventKind.PHASE:
            body: dict[str, Json] = {k: v for k, v in event.body.items() if not k.endswith("_utc")}
            text = json.dumps(_plain(body), sort_keys=True, default=str)
            phases.append(VOLATILE.sub("*", text))
    names = ("region_sha", "manifest_digest", "tree_size", "candidate_count")
    pins = {name: context.context_pins.get(name) for name in names}
    return json.dumps([phases, pins, context.state], sort_keys=True, default=str)


def _plain(value: Json) -> Json:
    """The value without what differs from backup to backup and from log to log."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if k not in OF_ONE_BACKUP}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
