"""The documents of a run: one a step, one a stop, all rendered from the same evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from cutter_agent.errors import Stop
from cutter_agent.evidence.canonical import Json, sha256_hex
from cutter_agent.evidence.codec import to_json
from cutter_agent.evidence.invariant import Evidence
from cutter_agent.evidence.render import inert, table
from cutter_agent.orchestrator.gates import Finding
from cutter_agent.orchestrator.history import RunDocument, RunHeader
from cutter_agent.orchestrator.line import Phase
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import Mode, OrchestratorState

SIMULATED: Final = (
    "> **SIMULATED.** This is a dry run: nothing here was written to a database, "
    "and no approval in it is one.\n\n"
)


def document_name(stem: str, run: RunHeader, number: int = 1) -> str:
    """Return `<stem>-<date>.md`; later requests of one pause carry their number."""
    middle = "" if number == 1 else f"-{number}"
    return f"{stem}{middle}-{run.date}.md"


def make_document(name: str, text: str) -> RunDocument:
    """Return the document with the digest of its bytes."""
    return RunDocument(name, sha256_hex(text.encode()), text)


def _head(title: str, run: RunHeader) -> str:
    banner = SIMULATED if run.mode is Mode.DRYRUN else ""
    facts = table(
        ("run", "document", "mode", "starter"),
        [(run.run_id, run.document_id, run.mode.value, run.starter)],
    )
    return f"# {title}\n\n{banner}{facts}\n"


def flat(fields: Mapping[str, Json], prefix: str = "") -> list[tuple[str, str]]:
    """Return evidence fields as (name, text) rows; nested records are named with a dot."""
    rows: list[tuple[str, str]] = []
    for name, value in fields.items():
        if isinstance(value, Mapping):
            rows += flat(value, f"{prefix}{name}.")
        elif isinstance(value, Sequence) and not isinstance(value, str):
            rows.append((prefix + name, ", ".join(str(item) for item in value)))
        else:
            rows.append((prefix + name, "none" if value is None else str(value)))
    return rows


def findings_table(findings: Sequence[Finding]) -> str:
    """Return the gate report."""
    return table(
        ("held", "invariant", "sentence", "because"),
        [("yes" if f.held else "NO", f.id, f.sentence, f.because) for f in findings],
    )


def phase_document(
    step: Phase,
    run: RunHeader,
    records: Sequence[Evidence],
    findings: Sequence[Finding],
    notes: Sequence[str],
    number: int = 1,
) -> RunDocument:
    """Return the document of a phase that passed its gate."""
    parts = [_head(f"{step.name}: {step.gate} passed", run)]
    parts.append(f"State reached: `{step.reaches}`\n\n## Gate\n\n{findings_table(findings)}\n")
    for record in records:
        rows = table(("field", "value"), flat(to_json(record)))
        parts.append(f"## Evidence: {type(record).__name__}\n\n{rows}\n")
    if notes:
        parts.append("## Notes\n\n" + "".join(f"- {inert(note)}\n" for note in notes) + "\n")
    return make_document(document_name(step.document, run, number), "".join(parts))


def final_report(
    step: Phase,
    context: RunContext,
    records: Sequence[Evidence],
    findings: Sequence[Finding],
    pins: Mapping[str, Json],
) -> RunDocument:
    """Return the last of a run's documents: the whole run on one page."""
    run = context.history.header
    states = " → ".join(f"`{state}`" for state in OrchestratorState)
    parts = [
        _head(f"Final report: {run.document_id} closed out", run),
        f"{states}\n\n## Pins\n\n{table(('pin', 'value'), flat(pins))}\n",
        f"## Gate {step.gate}\n\n{findings_table(findings)}\n",
    ]
    for record in records:
        rows = table(("field", "value"), flat(to_json(record)))
        parts.append(f"## Evidence: {type(record).__name__}\n\n{rows}\n")
    documents = [(d.name, d.sha256) for d in context.history.documents]
    parts.append(f"## Documents\n\n{table(('document', 'sha256'), documents)}")
    return make_document(document_name(step.document, run), "".join(parts))


def stop_document(
    stop: Stop, run: RunHeader, number: int, state: str, phase: str | None, at_utc: str
) -> RunDocument:
    """Return the document of a stop: what is true, what was expected, what to run next."""
    rows = [
        ("code", stop.code),
        ("exit status", str(stop.exit_status)),
        ("state", state),
        ("step", phase or "none"),
        ("fact", stop.fact),
        ("expected", stop.expected),
        ("at", at_utc),
    ]
    parts = [_head(f"{stop.code}", run), f"{inert(stop.sentence)}\n\n{table(('', ''), rows)}\n"]
    if stop.differences:
        changed = [(d.name, d.then, d.now) for d in stop.differences]
        parts.append(f"## Then and now\n\n{table(('fact', 'then', 'now'), changed)}\n")
    if stop.findings:
        lines = "".join(f"- {inert(finding)}\n" for finding in stop.findings)
        parts.append(f"## Findings\n\n{lines}\n")
    parts.append(f"Next: `{stop.remedy}`\n")
    return make_document(f"STOP-{stop.code}-{number}-{run.date}.md", "".join(parts))
