"""The review sheet: what an approver reads, inside the very bytes that are signed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cutter_agent.document.cutplan import Change
from cutter_agent.evidence.render import inert, table
from cutter_agent.orchestrator.phases.leg_b_record import LegBRecorded
from cutter_agent.orchestrator.phases.source_pin import SourcePinned
from cutter_agent.orchestrator.phases.write_verify import WriteVerified
from cutter_agent.orchestrator.reading import Reading
from cutter_agent.orchestrator.report import SIMULATED
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import Gate, Mode

ROWS_MAX: Final = 2_000
TEXT_BYTES_MAX: Final = 256 * 1024
"""How much text a sheet shows; what is beyond is covered by the digests of the differences."""
_ADVICE: Final = {
    "exact": "Its characters are those of the file.",
    "derived": "Its characters are those of the file; lines and automatic numbers follow from markup.",
    "low": "Lines were joined by guess: compare the units with the print before you sign.",
}
_ORDER: Final = (Change.CREATED, Change.CHANGED, Change.RETIRED, Change.KEPT)


def review_sheet(gate: Gate, context: RunContext, reading: Reading) -> str:
    """Return the sheet for a request at SG_1 or SG_2: differences first, unchanged units folded."""
    run = context.history.header
    plan, marked = reading.plan, reading.marked
    question = {
        Gate.SG_1: "May these units be written as drafts?",
        Gate.SG_2: "May these verified drafts be put in force?",
    }.get(gate, "What becomes of this run?")
    parts = ["# ", inert(f"{gate}: {run.document_id}"), f"\n\n{question}\n\n"]
    if run.mode is Mode.DRYRUN:
        parts.append(SIMULATED)
    parts.extend(_read_from(context))
    parts.append(
        table(
            ("create", "change", "keep", "retire", "excluded", "bytes unaccounted", "findings"),
            [
                tuple(
                    str(count)
                    for count in (
                        plan.created,
                        plan.changed,
                        plan.kept,
                        len(plan.retired),
                        len(marked.excluded),
                        marked.coverage.unaccounted_bytes,
                        len(marked.findings),
                    )
                )
            ],
        )
    )
    if gate is Gate.SG_2:
        parts.append("\n" + "".join(_verified(context)))
    parts.extend(_units(reading))
    return "".join(parts)


def _read_from(context: RunContext) -> Iterator[str]:
    """What the approver must know of a text that a program read from a file of another format."""
    source = context.get(SourcePinned)
    _, *parameters = source.media_type.split("; ") if source is not None else ("",)
    told = dict(each.partition("=")[::2] for each in parameters)
    if "trust" in told:
        advice = _ADVICE.get(told["trust"], _ADVICE["low"])
        yield f"The text was read by a program from a file (format: {inert(told.get('from', 'unknown'))}, "
        yield f"trust: {inert(told['trust'])}). {advice}\n\n"


def _verified(context: RunContext) -> Iterator[str]:
    recorded, verified = context.get(LegBRecorded), context.get(WriteVerified)
    if recorded is None or verified is None:
        return
    yield "## Verified\n\n"
    yield table(
        ("fact", "value"),
        [
            ("root from the source bytes", verified.root_from_source),
            ("root in the database", verified.root_in_database),
            ("leaves", str(verified.tree_size)),
            ("mismatches", str(verified.mismatches)),
            ("executor's key", recorded.executor_key_id),
            ("verifier's key", verified.verifier_key_id),
            ("verified as role", verified.verifier_role),
        ],
    )


def _units(reading: Reading) -> Iterator[str]:
    marked = reading.marked
    if marked.findings:
        yield "\n## Findings\n\n"
        yield table(
            ("severity", "code", "byte", "sentence"),
            [(f.severity, f.code, str(f.start), f.sentence) for f in marked.findings[:ROWS_MAX]],
        )
    rows = [
        (
            change.value,
            unit.address,
            unit.kind,
            dict(unit.attributes).get("heading", ""),
            unit.body_sha256,
        )
        for change in _ORDER
        if change not in {Change.KEPT, Change.RETIRED}
        for unit in reading.plan.units
        if unit.change is change
    ]
    rows += [
        (
            Change.RETIRED.value,
            unit.address,
            unit.kind,
            dict(unit.attributes).get("heading", ""),
            unit.body_sha256,
        )
        for unit in reading.plan.retired
    ]
    yield "\n## Differences\n\n"
    yield table(("change", "address", "kind", "heading", "body sha256"), rows[:ROWS_MAX])
    if len(rows) > ROWS_MAX:
        yield f"\n{len(rows) - ROWS_MAX} more; the manifest root covers every one of them.\n"
    yield from _texts(reading)
    if reading.plan.kept:
        yield f"\n{reading.plan.kept} units stay as they are in force.\n"
    yield "\n## Excluded\n\n"
    yield table(
        ("address", "status", "reason"),
        [(u.address, u.status, u.reason) for u in marked.excluded[:ROWS_MAX]],
    )


def escalation_sheet(context: RunContext, decision: str) -> str:
    """Return the sheet for a request at SG_3: where the run stands, and what would become of it."""
    run = context.history.header
    stop = context.stop
    rows = [
        ("state", context.state.value),
        ("stop", "none" if stop is None else stop.code),
        ("fact", "none" if stop is None else stop.fact),
        ("decision asked for", decision),
    ]
    question = {
        "retry": "May this run be tried again from the phase that failed?",
        "void": "Is this run to be ended, and its drafts withdrawn?",
    }[decision]
    return f"# {inert(f'SG_3: {run.document_id}')}\n\n{question}\n\n{table(('', ''), rows)}"


def _texts(reading: Reading) -> Iterator[str]:
    """Yield the text of every created and changed unit, line by line, up to a limit of bytes."""
    written = [unit for unit in reading.plan.units if unit.change is not Change.KEPT]
    yield "\n## Texts\n"
    left = TEXT_BYTES_MAX
    for shown, unit in enumerate(written):
        body = reading.body(unit.own_spans)
        if len(body) > left:
            yield f"\n{len(written) - shown} more texts; the digests above cover them.\n"
            return
        left -= len(body)
        lines = body.decode("utf-8", "replace").split("\n")
        yield f"\n### {inert(unit.address)}\n\n"
        yield "".join(f"> {inert(line)}\n" for line in lines)
