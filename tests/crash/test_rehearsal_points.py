"""Stop a dry run at every effect in turn; resumed, it must end exactly as an undisturbed one."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cutter_agent.errors import Stop, StopApprovalRequired
from cutter_agent.orchestrator import (
    DryRunReporter,
    InMemoryDiscoverer,
    OrchestratorRunner,
    OrchestratorState,
    StateStore,
)
from cutter_agent.orchestrator.history import EventKind
from cutter_agent.orchestrator.result import RunResult
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import Gate
from tests.runs import CODE, unsigned_approval

ROUNDS_MAX = 12
TEXT = "# Terms\n\nWords mean what they say.\n\n## Use\n\nUse them well.\n"


class Crash(BaseException):
    """The process is gone; not an Exception, so that no handler under test can survive it."""


class Countdown:
    """Counts effects, and crashes at the chosen one."""

    def __init__(self, crash_at: int = 0) -> None:
        self.crash_at = crash_at
        self.names: list[str] = []

    def __call__(self, name: str) -> None:
        self.names.append(name)
        if len(self.names) == self.crash_at:
            raise Crash(name)


def runner(folder: Path, hook: Callable[[str], None]) -> OrchestratorRunner:
    discoverer = InMemoryDiscoverer(on_effect=hook)
    discoverer.add_version(CODE, TEXT, profile="markdown")
    return OrchestratorRunner(
        store=StateStore(folder, on_effect=hook),
        kb=DryRunReporter(folder, on_effect=hook),
        discoverer=discoverer,
    )


def run_to_end(folder: Path, hook: Callable[[str], None]) -> RunResult:
    """Drive one document to its closeout, beginning again after each crash as a new process would."""
    for _ in range(ROUNDS_MAX):
        try:
            fresh = runner(folder, hook)
            run_id = the_run(folder)
            result = fresh.cut(document_id=CODE) if run_id is None else step_on(fresh, folder, run_id)
            if result.state is OrchestratorState.CLOSEOUT_REPORTED:
                return result
        except Crash:
            continue
    raise AssertionError("the run never came to its end")


def the_run(folder: Path) -> str | None:
    found = StateStore(folder).run_ids()
    assert len(found) <= 1
    return found[0] if found else None


def step_on(fresh: OrchestratorRunner, folder: Path, run_id: str) -> RunResult:
    """Resume without an approval, and with one where the run waits for it."""
    try:
        return fresh.resume(run_id)
    except StopApprovalRequired:
        context = RunContext(StateStore(folder).load(run_id))
        waiting = {
            OrchestratorState.AWAITING_CUT_AUTHORIZATION: Gate.SG_1,
            OrchestratorState.AWAITING_LIFECYCLE_AUTHORIZATION: Gate.SG_2,
        }[context.state]
        return fresh.resume(run_id, approval_kb_id=unsigned_approval(folder, run_id, waiting))


VOLATILE = re.compile(
    r"ictr-[0-9TZ]+-[0-9a-f]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]+Z|[0-9a-f]{64}|"
    r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{32}"
)
SAME_IN_EVERY_RUN = ("facts", "plan_sha256", "manifest_root", "region_sha256", "findings_sha256")


def outcome(folder: Path, result: RunResult) -> object:
    """Return everything about the finished run that must not depend on when it ran."""
    context = result.context
    evidence = []
    for event in context.history.events:
        if event.kind is EventKind.PHASE:
            body = {k: v for k, v in event.body.items() if not k.endswith("_utc")}
            evidence.append(VOLATILE.sub("*", json.dumps(body, sort_keys=True)))
    pins = {k: v for k, v in context.context_pins.items() if not k.endswith("_id")}
    return evidence, pins, audit(folder, result)


def audit(folder: Path, result: RunResult) -> object:
    """Return what must be true of the folder, whatever happened on the way."""
    context, run_id = result.context, result.run_id
    phases = [e.body["phase"] for e in context.history.events if e.kind is EventKind.PHASE]
    assert len(phases) == len(set(phases)) == 11
    spent = [e.body["consumed"] for e in context.history.events if "consumed" in e.body]
    assert len(spent) == len(set(spent)) == 2
    files = {path.name: path.read_text("utf-8") for path in (folder / run_id).iterdir()}
    assert files == {d.name: d.text for d in context.history.documents}
    named = [name for name in files if not name.startswith("STOP-")]
    assert len(named) == 13
    index = (folder / "runs-index.md").read_text("utf-8").splitlines()
    assert [run_id in line for line in index].count(True) == 1
    litter = [p.name for p in folder.rglob("*") if "tmp" in p.name]
    assert litter == []
    return sorted(re.sub(r"-[0-9-]+\.md$", "", name) for name in named)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, list[str]]:
    folder = tmp_path_factory.mktemp("undisturbed")
    hook = Countdown()
    return outcome(folder, run_to_end(folder, hook)), hook.names


def test_every_single_crash_point(
    undisturbed: tuple[object, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    expected, names = undisturbed
    assert len(names) > 200
    bad = []
    for point in range(1, len(names) + 1):
        folder = tmp_path_factory.mktemp(f"point-{point}")
        try:
            if outcome(folder, run_to_end(folder, Countdown(point))) != expected:
                bad.append((point, names[point - 1], "another outcome"))
        except (AssertionError, Stop) as error:
            bad.append((point, names[point - 1], str(error)[:200]))
    assert bad == []
