"""What must be true of a live deployment whatever happened on the way, and what a run came to."""

import json
import re
from collections import Counter
from typing import Any

import psycopg
from tests.live import Deployed
from tests.runs import CODE

from cutter_agent.document.cutplan import body_of, plan_cut
from cutter_agent.document.grammar import parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.files.state_store import StateStore
from cutter_agent.orchestrator.history import EventKind
from cutter_agent.orchestrator.line import LINE, Phase
from cutter_agent.orchestrator.run_context import RunContext

DOCUMENTS = 13
STATES = {"closeout_reported", "awaiting_cut_authorization", "awaiting_lifecycle_authorization"}
PHASES = tuple(step.name for step in LINE if isinstance(step, Phase))
PRIVATE_WORDS = ("PRIVATE KEY", "AGE-SECRET-KEY", "password=")
CHAINS = """
SELECT count(*) FROM cutter_governance.run_event AS e
LEFT JOIN cutter_governance.run_event AS before ON before.run_id = e.run_id AND before.seq = e.seq - 1
WHERE e.prev_sha256 IS DISTINCT FROM before.sha256 OR (e.seq > 1) <> (before.seq IS NOT NULL)
"""


def rows(deployed: Deployed, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
    """What the database answers a superuser."""
    with psycopg.connect(deployed.database.conninfo()) as connection:
        return connection.execute(sql.encode(), parameters or None).fetchall()


def planned(source: bytes, code: str, profile: str) -> dict[str, tuple[str, str]]:
    """Digest and text of every unit that the source bytes mean, by address."""
    marked = mark_text(source, parse_profile(shipped(profile)), code=code)
    plan = plan_cut(marked, source, document_id=code, source_version_id="any", in_force=())
    bodies = ((unit, body_of(source, unit.own_spans)) for unit in plan.units)
    return {u.address: (sha256_hex(body), body.decode()) for u, body in bodies}


def in_force(deployed: Deployed, code: str = CODE) -> dict[str, tuple[str, str]]:
    """Digest and text of every unit in force, by address."""
    found = rows(
        deployed,
        "SELECT v.address, encode(b.sha256, 'hex'), b.body FROM iu.unit_in_force f"
        " JOIN iu.unit_version v USING (document_id, version_id)"
        " JOIN iu.text_blob b ON b.sha256 = v.body_sha256"
        " WHERE f.document_id = %s AND f.ended_at IS NULL",
        code,
    )
    assert len({address for address, _, _ in found}) == len(found)
    return {address: (sha256, body) for address, sha256, body in found}


def audit(
    deployed: Deployed,
    source: bytes | None,
    *,
    code: str = CODE,
    profile: str = "vn-charter",
    run_id: str | None = None,
) -> None:
    """Every promise holds; `source` is what must be in force, None that nothing may be."""
    expected = {} if source is None else planned(source, code, profile)
    assert in_force(deployed, code) == expected
    for table in ("manifest_envelope", "verify_result"):
        key = "change_set_id" if table == "manifest_envelope" else "envelope_id"
        found = rows(deployed, f"SELECT {key} FROM cutter_governance.{table}")
        assert len(found) == len(set(found)), table
    spent = rows(
        deployed, "SELECT request_sha256, run_id, gate FROM cutter_governance.approval_use"
    )
    assert len({digest for digest, _, _ in spent}) == len(spent)
    uses = Counter((run, gate) for _, run, gate in spent if not gate.startswith("SG_3"))
    assert set(uses.values()) <= {1}
    assert rows(deployed, CHAINS) == [(0,)]
    for each in deployed.run_ids() if run_id is None else (run_id,):
        audit_run(deployed, each)
    no_secret(deployed)


def audit_run(deployed: Deployed, run_id: str) -> None:
    """The run's evidence, documents, folder and sidecar say one thing."""
    context = deployed.context(run_id)
    events = context.history.events
    # A backup is taken anew for a request that follows an expired one.
    phases = list(dict.fromkeys(e.body["phase"] for e in events if e.kind is EventKind.PHASE))
    assert phases == list(PHASES[: len(phases)])
    documents = {d.name: d for d in context.history.documents}
    for event in events:
        if event.kind is EventKind.PHASE:
            assert event.body["document"] in documents
            assert event.body["records"]
    assert context.state.value in STATES or context.over or context.stop is not None
    folder = deployed.home.runs / run_id
    for name, document in documents.items():
        assert (folder / name).read_text("utf-8") == document.text
    sidecar = StateStore(deployed.home.runs).load(run_id)
    assert sidecar.events == events
    if context.state.value == "closeout_reported":
        assert sum(not name.startswith("STOP-") for name in documents) >= DOCUMENTS
        index = (deployed.home.runs / "runs-index.md").read_text("utf-8")
        assert sum(run_id in line for line in index.splitlines()) == 1
        assert context.context_pins["sidecar_state_final"] == "success"
    left = [path.name for path in deployed.home.runs.rglob("*") if path.name.endswith(".part")]
    assert left == []


def no_secret(deployed: Deployed) -> None:
    """No password and no private key is in a run's folder, a sidecar or the database's run rows."""
    secrets = [path.read_text("utf-8").strip() for path in deployed.home.secrets.iterdir()]
    texts = [path.read_text("utf-8") for path in deployed.home.runs.rglob("*.*") if path.is_file()]
    texts += [r[0] for r in rows(deployed, "SELECT body FROM cutter_governance.run_document")]
    texts += [
        bytes(r[0]).decode()
        for r in rows(deployed, "SELECT payload FROM cutter_governance.run_event")
    ]
    for text in texts:
        assert not any(word in text for word in (*PRIVATE_WORDS, *secrets))


VOLATILE = re.compile(
    r"ictr-[0-9TZ]+-[0-9a-f]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]+Z|[0-9]{4}-[0-9]{2}-[0-9]{2}|"
    r"[0-9a-f]{64}|[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}|SHA256:[A-Za-z0-9+/]{43}|[0-9]+/[0-9]+"
)
OF_ONE_BACKUP = ("byte_len", "rows", "wal_lsn")
SAME_IN_EVERY_RUN = ("region_sha", "manifest_digest", "tree_size", "candidate_count")


def without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    """The record, with other values than these fields'."""
    kept = {k: v for k, v in record["fields"].items() if k not in names}
    return {**record, "fields": kept}


def outcome(context: RunContext) -> object:
    """What a run came to, without what must differ between two runs: ids, times, sizes of backups."""
    phases = []
    for event in context.history.events:
        if event.kind is EventKind.PHASE:
            body = {k: v for k, v in event.body.items() if not k.endswith("_utc")}
            if body["phase"] == "pre_write_backup":
                body["records"] = [without(r, *OF_ONE_BACKUP) for r in body["records"]]
            phases.append(VOLATILE.sub("*", json.dumps(body, sort_keys=True)))
    pins = {name: context.context_pins.get(name) for name in SAME_IN_EVERY_RUN}
    return phases, pins, context.state
