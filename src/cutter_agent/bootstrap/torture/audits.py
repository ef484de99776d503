"""The global audit: what must be true after every schedule, of rows and of files alike."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cutter_agent.document.cutplan import body_of, plan_cut
from cutter_agent.document.grammar import parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped
from cutter_agent.errors import Stop
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.orchestrator.history import EventKind
from cutter_agent.orchestrator.line import LINE, Phase
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import OrchestratorState

if TYPE_CHECKING:
    from cutter_agent.bootstrap.torture.machine import Machine
    from cutter_agent.rehearsal.tables import Tables

DOCUMENTS: Final = 13
PRIVATE_WORDS: Final = ("PRIVATE KEY", "AGE-SECRET-KEY", "password=")
PHASES: Final = tuple(step.name for step in LINE if isinstance(step, Phase))
RESTING: Final = frozenset(
    {
        OrchestratorState.CLOSEOUT_REPORTED,
        OrchestratorState.AWAITING_CUT_AUTHORIZATION,
        OrchestratorState.AWAITING_LIFECYCLE_AUTHORIZATION,
    }
)
VOLATILE: Final = re.compile(
    r"ictr-[0-9TZ]+-[0-9a-f]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]+Z|[0-9a-f]{64}|"
    r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}|SHA256:[A-Za-z0-9+/]{43}|[0-9]+/[0-9]+|"
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
)

Units = tuple[tuple[str, str], ...]
"""Address and digest of each unit, ordered."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What a database holds of one document, as far as the audit asks."""

    units: Units
    enacted: Units
    manifests: tuple[str, ...]
    """The change set of each envelope."""
    results: tuple[str, ...]
    """The envelope of each verify result."""
    spent: tuple[str, ...]
    """The digest of each approval that was consumed."""


def planned(source: bytes, code: str, profile: str) -> Units:
    """Address and digest of every unit that the source bytes mean."""
    marked = mark_text(source, parse_profile(shipped(profile)), code=code)
    plan = plan_cut(marked, source, document_id=code, source_version_id="any", in_force=())
    return tuple(sorted((u.address, sha256_hex(body_of(source, u.own_spans))) for u in plan.units))


def row_faults(rows: Rows, expected: Units, *, closed: bool) -> Iterator[str]:
    """Yield what is wrong: units are the plan, each once; enacted all or none; nothing is doubled."""
    if rows.units and rows.units != expected:
        yield f"{len(rows.units)} units are stored, {len(expected)} were planned"
    if rows.enacted not in ({expected} if closed else {(), expected}):
        yield f"{len(rows.enacted)} units are in force, {len(expected)} were approved"
    for what, found in (
        ("change set with two manifests", rows.manifests),
        ("manifest with two results", rows.results),
        ("approval used twice", rows.spent),
    ):
        yield from (f"{what}: {each}" for each, count in Counter(found).items() if count > 1)
    if closed and (not rows.manifests or not rows.results):
        yield "a closed-out run without manifest or verify result"


def rows_of(tables: Tables, spent: Sequence[str]) -> Rows:
    """The rows of a rehearsal world."""
    digests = {v.version_id: (v.address, tables.body_sha256_now(v)) for v in tables.versions}
    force = [digests[row.version_id] for row in tables.in_force if not row.ended]
    return Rows(
        units=tuple(sorted(digests.values())),
        enacted=tuple(sorted(force)),
        manifests=tuple(e.change_set_id for e in tables.envelopes),
        results=tuple(r.envelope_id for r in tables.results),
        spent=tuple(spent),
    )


def audit(machine: Machine, source: bytes, code: str, profile: str) -> list[str]:
    """Every fault of everything that lies on the machine's disk and in its last run's world."""
    faults: list[str] = []
    spent: list[str] = []
    last: RunContext | None = None
    for run_id in machine.run_ids():
        try:
            last = machine.context(run_id)
        except Stop as stop:
            faults.append(f"the sidecar of {run_id} is lost: {stop.fact}")
            continue
        events = last.history.events
        spent += [str(e.body["consumed"]) for e in events if "consumed" in e.body]
        faults += run_faults(last, machine.disk.content.files())
    faults += file_faults(machine.disk.content.files())
    world = machine.facts.world
    # A run that was closed out already is not played again, and leaves its world empty.
    played = world is not None and len(world.tables.change_sets) > 0
    if last is not None and world is not None and played and last.run_id == world.run.run_id:
        closed = last.state is OrchestratorState.CLOSEOUT_REPORTED
        expected = planned(source, code, profile)
        faults += row_faults(rows_of(world.tables, spent), expected, closed=closed)
    elif len(set(spent)) < len(spent):
        faults.append("an approval was used twice")
    return faults


def run_faults(context: RunContext, files: dict[str, bytes]) -> Iterator[str]:
    """Yield what is wrong with one run: its order, its evidence, its documents, its end."""
    history = context.history
    phases = [str(e.body["phase"]) for e in history.events if e.kind is EventKind.PHASE]
    # A backup is taken anew for a request that follows an expired one.
    order = tuple(dict.fromkeys(phases))
    if order != PHASES[: len(order)]:
        yield f"phases in another order: {', '.join(phases)}"
    if len(phases) - phases.count("pre_write_backup") > len(PHASES) - 1:
        yield "a phase was recorded twice"
    if [e.seq for e in history.events] != list(range(1, len(history.events) + 1)):
        yield "the events do not count up"
    documents = {document.name: document for document in history.documents}
    for event in history.events:
        if event.kind is EventKind.PHASE and event.body["document"] not in documents:
            yield f"{event.body['phase']} has no document"
        if event.kind is EventKind.PHASE and not event.body["records"]:
            yield f"{event.body['phase']} has no evidence"
    for name, document in documents.items():
        lies = [data for path, data in files.items() if path.endswith(f"/{context.run_id}/{name}")]
        if lies != [document.text.encode()]:
            yield f"{name} does not lie in the folder as it was recorded"
    if not (context.state in RESTING or context.over or context.stop is not None):
        yield f"the run rests at {context.state} without a stop"
    if context.state is OrchestratorState.CLOSEOUT_REPORTED:
        yield from _closed_faults(context, files)


def _closed_faults(context: RunContext, files: dict[str, bytes]) -> Iterator[str]:
    line = [d for d in context.history.documents if not d.name.startswith("STOP-")]
    if len(line) < DOCUMENTS:
        yield f"{len(line)} documents, not {DOCUMENTS}"
    index = b"".join(data for path, data in files.items() if path.endswith("/runs-index.md"))
    if sum(context.run_id.encode() in each for each in index.splitlines()) != 1:
        yield "the index does not name the run once"
    if context.context_pins.get("sidecar_state_final") != "success":
        yield "a closed-out run is not marked as one"


def file_faults(files: dict[str, bytes]) -> Iterator[str]:
    """Yield litter and secrets."""
    for path, data in files.items():
        if path.endswith(".part"):
            yield f"litter: {path}"
        if any(word.encode() in data for word in PRIVATE_WORDS):
            yield f"a secret in {path}"


def outcome(context: RunContext) -> str:
    """What a run came to, without what may differ between two runs: ids, times, digests over them."""
    phases = []
    for event in context.history.events:
        if event.kind is EventKind.PHASE:
            body = {k: v for k, v in event.body.items() if not k.endswith("_utc")}
            phases.append(VOLATILE.sub("*", json.dumps(body, sort_keys=True, default=str)))
    pins = {k: v for k, v in context.context_pins.items() if not k.endswith("_id")}
    names = sorted(d.name for d in context.history.documents if not d.name.startswith("STOP-"))
    return json.dumps([phases, pins, names, context.state], sort_keys=True, default=str)
