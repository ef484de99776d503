"""`cutter demo`: the whole line in a minute, on a deployment of its own."""

from __future__ import annotations

import os
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

import click

from cutter_agent.cli.output import Output, cells, seen, speaks, wrapped

if TYPE_CHECKING:
    from cutter_agent.bootstrap.demo import Played
    from cutter_agent.cli.progress import OnStep
    from cutter_agent.evidence.canonical import Json
    from cutter_agent.orchestrator.result import RunResult

_MARGIN: Final = 7


@click.command()
@speaks(long=True)
def command(*, out: Output) -> None:
    """Cut the sample charter, dry and live.

    Makes a deployment of its own in CUTTER_HOME: an embedded PostgreSQL, three throw-away people, a
    signed trust policy. Cuts the charter that ships with the program, first as a dry run that
    changes nothing, then live with two signed approvals. An earlier demo there is thrown away; a
    real deployment is never touched.

    Example: cutter demo
    """
    from cutter_agent.bootstrap.demo import play

    with Stage(out) as stage:
        played = play(os.environ, stage)
    out.data(_document(played), lambda: _closing(played, out))


class Stage:
    """Shows the demo as it goes: scenes and steps as talk, each run's outcome as data."""

    def __init__(self, out: Output) -> None:
        """Bind the voice; nothing is drawn yet."""
        self._out = out
        self._on_step: OnStep | None = None
        # What is drawn and redrawn ends before a line is written, for it draws over other streams.
        self._drawn = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._still()

    def scene(self, sentence: str) -> None:
        """Say that a new part begins."""
        self._still()
        self._out.event("scene", sentence=sentence)
        for line in wrapped(seen(sentence), self._out.columns, first="* "):
            self._out.say(line)

    def step(self, name: str) -> None:
        """Show a step."""
        if self._on_step is None:
            self._on_step = self._drawn.enter_context(self._out.steps())
        self._on_step(name)

    def finished(self, result: RunResult) -> None:
        """Write the run as it ended."""
        self._still()
        if self._out.form == "text":
            for line in outcome(result, self._out):
                self._out.line(line)
            self._out.line()

    def _still(self) -> None:
        self._drawn.close()
        self._on_step = None


def outcome(result: RunResult, out: Output) -> list[str]:
    """Return a run that was closed out: rail of states, counts, proof, folder."""
    from cutter_agent.orchestrator.approval import Approved
    from cutter_agent.orchestrator.line import LINE
    from cutter_agent.orchestrator.result import run_json
    from cutter_agent.orchestrator.states import Mode, OrchestratorState

    pins = result.context.context_pins
    reached = {OrchestratorState.PENDING, *(step.reaches for step in result.context.steps_done)}
    states = (OrchestratorState.PENDING, *(step.reaches for step in LINE))
    rail = [f"{'✓' if state in reached else '·'} {state}" for state in states]
    kind = "dry run, SIMULATED" if result.mode is Mode.DRYRUN else "live"
    lines = [
        f"Run    {result.run_id}  {seen(result.document_id)}  {kind}",
        *_rail(rail, out),
        *wrapped(
            f"candidate_count {pins.get('candidate_count')} · excluded {pins.get('excluded_count')}"
            f" · {pins.get('unaccounted_bytes')} bytes unaccounted"
            f" · enacted {pins.get('lifecycle_enacted_count')}",
            out.columns,
            first="Counts ",
        ),
        *wrapped(
            f"manifest sha256:{pins.get('manifest_digest')}", out.columns, first=" " * _MARGIN
        ),
    ]
    proof = run_json(result)["non_mutation"]
    if result.mode is Mode.DRYRUN and isinstance(proof, dict):
        lines += wrapped(f"non-mutation: {proof['level']}", out.columns, first="Proof  ")
    signed = [
        f"{record.gate} by {', '.join(record.persons)}"
        for record in result.context.all_records
        if isinstance(record, Approved)
    ]
    lines += wrapped("; ".join(signed), out.columns, first="Signed ")
    return [*lines, f"State  {result.state}", f"Files  {seen(result.location)}"]


def _rail(pieces: list[str], out: Output) -> list[str]:
    """Return the rail, broken between states and never inside one."""
    lines, line = [], "States "
    for piece in pieces:
        if cells(line) > _MARGIN and cells(line) + cells(piece) > out.columns:
            lines.append(line.rstrip())
            line = " " * _MARGIN
        line += f"{piece}  "
    return [*lines, line.rstrip()]


def _document(played: Played) -> dict[str, Json]:
    from cutter_agent.orchestrator.result import run_json

    return {
        "schema": "cutter.demo/1",
        "home": str(played.home.root),
        "policy_sha256": played.policy.sha256,
        "switch_armed": played.switch_armed,
        "dry_run": run_json(played.dry),
        "live_run": run_json(played.live),
        "next": list(_next(played)),
    }


def _closing(played: Played, out: Output) -> list[str]:
    where = seen(str(played.home.runs))
    switch = "armed" if played.switch_armed else "disarmed"
    said = f"The switch is {switch}. Documents and index of both runs lie in {where}"
    following = [f"{'' if n else 'Next':<6} {line}" for n, line in enumerate(_next(played))]
    return [*wrapped(said, out.columns), "", *following]


def _next(played: Played) -> tuple[str, ...]:
    from cutter_agent.bootstrap.sample import CHARTER_CODE, CHARTER_NEXT, sample_path

    return (
        "cutter runs list",
        f"cutter runs show {played.live.run_id}",
        f"cutter verify {played.live.run_id}",
        "cutter serve",
        "cutter policy explain SG_1",
        "cutter doctor",
        f"cutter source add {sample_path(CHARTER_NEXT)} --code {CHARTER_CODE}",
    )
