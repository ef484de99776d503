"""Stop a dry run at every effect in turn; resumed, it must end exactly as an undisturbed one.

The folder is the whole of a dry run's memory, so a copy of it, taken at an effect, is what a process
killed there leaves behind.
"""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.runs import CODE, unsigned_approval

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

ROUNDS_MAX = 12
TEXT = "# Terms\n\nWords mean what they say.\n\n## Use\n\nUse them well.\n"


class Photographer:
    """Keeps a copy of the folder at every effect that finds it changed: what a kill would leave."""

    def __init__(self, folder: Path, album: Path) -> None:
        self.folder = folder
        self.album = album
        self.names: list[str] = []
        self.effects = 0
        self._last: dict[str, bytes] | None = None

    def __call__(self, name: str) -> None:
        self.effects += 1
        found = sorted(path for path in self.folder.rglob("*") if path.is_file())
        now = {str(path.relative_to(self.folder)): path.read_bytes() for path in found}
        if now != self._last:
            self._last = now
            self.names.append(name)
            shutil.copytree(self.folder, self.album / str(len(self.names)))


def ignore(name: str) -> None:
    """An effect like any other."""
    del name


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
        fresh = runner(folder, hook)
        run_id = the_run(folder)
        result = fresh.cut(document_id=CODE) if run_id is None else step_on(fresh, folder, run_id)
        if result.state is OrchestratorState.CLOSEOUT_REPORTED:
            return result
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


def test_every_single_crash_point(tmp_path: Path) -> None:
    folder, album = tmp_path / "undisturbed", tmp_path / "album"
    folder.mkdir()
    album.mkdir()
    hook = Photographer(folder, album)
    expected = outcome(folder, run_to_end(folder, hook))
    assert hook.effects > 300
    assert len(hook.names) > 90
    bad = []
    for point, name in enumerate(hook.names, 1):
        left = album / str(point)
        try:
            if outcome(left, run_to_end(left, ignore)) != expected:
                bad.append((point, name, "another outcome"))
        except (AssertionError, Stop) as error:
            bad.append((point, name, str(error)[:200]))
        shutil.rmtree(left)
    assert bad == []
