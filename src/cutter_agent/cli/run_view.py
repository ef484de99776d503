"""A run on one screen: the plan, the facts and their proof, the rail of gates, what comes next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cutter_agent.bootstrap.standing import any_of, time_left, without_policy
from cutter_agent.cli.output import Output, aligned, cells, seen, wrapped
from cutter_agent.orchestrator.history import EventKind
from cutter_agent.orchestrator.line import LINE, Pause, Phase
from cutter_agent.orchestrator.phases.cutplan import CutPlanned
from cutter_agent.orchestrator.phases.lifecycle_enact import LifecycleEnacted
from cutter_agent.orchestrator.phases.mark import Marked
from cutter_agent.orchestrator.phases.source_pin import SourcePinned
from cutter_agent.orchestrator.result import RunResult
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import Gate, Mode

if TYPE_CHECKING:
    from cutter_agent.bootstrap.standing import Standing

DONE: Final = "✓"
WAITING: Final = "●"
FAILED: Final = "✗"
AHEAD: Final = "·"
DIGEST_DIGITS: Final = 16
_COLOURS: Final = {DONE: "green", WAITING: "yellow", FAILED: "red"}
_MARGIN: Final = 7
_SHORT: Final = {
    "pre_write_backup": "backup",
    "grant_probe": "grants",
    "cut_leg_a": "write",
    "structural_verify": "structure",
    "leg_b_record": "record",
    "write_verify": "verify",
    "lifecycle_enact": "enact",
}
_PAUSED: Final = "STOP_APPROVAL_REQUIRED"


def run_lines(result: RunResult, standing: Standing, out: Output) -> list[str]:
    """Return the run for people, no line wider than the terminal."""
    context = result.context
    header = context.history.header
    simulated = (
        "  SIMULATED, nothing is written to a database" if header.mode is Mode.DRYRUN else ""
    )
    lines = _part(
        "Run", f"{result.run_id}  {seen(result.document_id)}  {result.mode}{simulated}", out
    )
    lines += _plan(context, out)
    lines += _rail(context, standing, out)
    lines += _part("State", f"{result.state}{_ended(result)}", out)
    if result.stop_code is not None and result.stop_code != _PAUSED:
        lines += _part("Stop", f"{result.stop_code}: {seen(result.sentence)}", out)
        lines += _then_and_now(context, out)
    elif result.stop_code is None:
        lines += _part("", seen(result.sentence), out)
    lines.append(f"Files  {seen(result.location)}")
    paused = result.stop_code == _PAUSED
    if paused and standing.request is not None and not standing.threshold:
        lines += _part("", "Nobody can sign yet: this deployment has no trust policy.", out)
        return [*lines, f"Next   {seen(without_policy(context))}"]
    return lines + next_lines(result.remedy, standing, out, waits=paused)


def next_lines(remedy: str, standing: Standing, out: Output, *, waits: bool = True) -> list[str]:
    """Return who runs which command next; the command stands whole on a line of its own if need be."""
    if not remedy:
        return []
    command = remedy
    who = ""
    if waits and standing.request is not None:
        if standing.complete:
            command = f"cutter resume {standing.request.run_id}"
        elif standing.may_sign:
            verb = "runs" if len(standing.may_sign) == 1 else "run"
            who = f"{any_of(standing.may_sign)} {verb}:"
    if not who:
        return [f"Next   {seen(command)}"]
    if _MARGIN + cells(who) + 2 + cells(command) <= out.columns:
        return [f"Next   {who}  {seen(command)}"]
    return [*_part("Next", who, out), f"         {seen(command)}"]


def _waiting(name: str, standing: Standing) -> list[str]:
    """Return how many have signed, who, and how long the request lives, as pieces of the rail."""
    if standing.request is None:
        return [f"{WAITING} {name}"]
    asked = f"{len(standing.signed)}/{standing.threshold}" if standing.threshold else "for approval"
    pieces = [f"{WAITING} {name} waiting {asked}"]
    if standing.signed:
        pieces.append(f"({', '.join(standing.signed)} signed)")
    if standing.rejected:
        pieces.append(f"({', '.join(standing.rejected)} refused)")
    return [*pieces, time_left(standing.left_s)]


def _plan(context: RunContext, out: Output) -> list[str]:
    source, marked, plan = context.get(SourcePinned), context.get(Marked), context.get(CutPlanned)
    if source is None:
        return []
    version = "no version" if source.version_no is None else f"v{source.version_no}"
    head = f"{seen(context.document_id)}  {version}"
    if marked is not None:
        head += f" → {marked.candidate_count} units"
    if plan is not None:
        head += f"  manifest sha256:{plan.manifest_root[:DIGEST_DIGITS]}… ({plan.tree_size} leaves)"
    lines = _part("Plan", head, out)
    if plan is not None and marked is not None:
        counts = (
            f"+ {plan.created} create  ~ {plan.changed} change  - {plan.retired} retire  "
            f"= {plan.kept} keep  {marked.excluded_count} excluded  "
            f"{marked.unaccounted_bytes} bytes unaccounted"
        )
        lines += _part("", counts, out)
    facts = f"Facts {_pinned_at(context)}"
    level = _proof(context)
    if level:
        facts += f" · proof {level}"
    if marked is not None:
        facts += f" · {marked.findings} finding{'' if marked.findings == 1 else 's'}"
    lines += _part("", facts, out)
    enacted = context.get(LifecycleEnacted)
    if enacted is not None:
        lines += _part("", f"{enacted.enacted} enacted, {enacted.in_force} in force", out)
    return lines


def _rail(context: RunContext, standing: Standing, out: Output) -> list[str]:
    """Return the rail, wrapped between steps and never inside one."""
    done = set(context.steps_done)
    failed = None if context.stop is None else context.stop.phase
    pieces: list[str] = []
    for step in LINE:
        name = _SHORT.get(step.name, step.name)
        if isinstance(step, Pause):
            passed = step in done and context.state is not step.reaches
            here = context.state is step.reaches and not context.over and context.terminal is None
            glyph = DONE if passed else WAITING if here else AHEAD
            pieces += _waiting(name, standing) if here else [f"{glyph} {name}"]
        else:
            broken = step.name == failed and context.terminal is not None
            glyph = DONE if step in done else FAILED if broken else AHEAD
            pieces.append(f"{glyph} {name}")
    if standing.request is not None and standing.request.gate is Gate.SG_3:
        pieces += _waiting(f"SG_3 {standing.request.decision}", standing)
    lines, line = [], "Gates  "
    for piece in pieces:
        if cells(line) > _MARGIN and cells(line) + cells(piece) > out.columns:
            lines.append(line.rstrip())
            line = " " * _MARGIN
        line += f"{piece}  "
    return [_coloured(each, out) for each in (*lines, line.rstrip())]


def _coloured(line: str, out: Output) -> str:
    for glyph, colour in _COLOURS.items():
        line = line.replace(glyph, out.styled(glyph, colour))
    return line


def _then_and_now(context: RunContext, out: Output) -> list[str]:
    record = context.stop
    if record is None:
        return []
    lines: list[str] = []
    if record.expected:
        lines += _part("", f"Expected: {seen(record.expected)}", out)
    if record.differences:
        rows = [tuple(map(seen, row)) for row in record.differences]
        table = aligned(("fact", "then", "now"), rows, out.columns - _MARGIN)
        lines += [f"{' ' * _MARGIN}{line}".rstrip() for line in table]
    for finding in record.findings:
        if not finding.held:
            lines += _part("", f"{FAILED} {finding.id}: {seen(finding.sentence)}", out)
    return lines


def _part(label: str, text: str, out: Output) -> list[str]:
    return wrapped(text, out.columns, first=label.ljust(_MARGIN))


def _ended(result: RunResult) -> str:
    return "" if result.terminal is None else f" ({result.terminal})"


def _pinned_at(context: RunContext) -> str:
    first = next((step for step in LINE if isinstance(step, Phase)), None)
    for event in context.history.events:
        if first is not None and event.kind is EventKind.PHASE:
            return event.at_utc.partition("T")[2] or event.at_utc
    return "not pinned"


def _proof(context: RunContext) -> str:
    proofs = [event for event in context.history.events if event.kind is EventKind.PROOF]
    return str(proofs[-1].body.get("level", "")) if proofs else ""
