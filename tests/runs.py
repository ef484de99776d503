"""Whole runs for tests: the sample charter, in memory, through both gates."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cutter_agent.orchestrator import (
    DryRunReporter,
    InMemoryDiscoverer,
    Mode,
    OrchestratorRunner,
    StateStore,
)
from cutter_agent.orchestrator.clock import utc_text
from cutter_agent.orchestrator.history import RunHistory
from cutter_agent.orchestrator.runner import Deployment
from cutter_agent.orchestrator.states import Gate

CODE = "ICX-CONST"
CHARTER = (Path(__file__).parents[1] / "examples" / "icx-const-v1.md").read_bytes()
CHARTER_2 = (Path(__file__).parents[1] / "examples" / "icx-const-v2.md").read_bytes()


def charter_facts(source: bytes = CHARTER) -> InMemoryDiscoverer:
    """Return in-memory facts that hold the sample charter."""
    return InMemoryDiscoverer.from_text(CODE, source, profile="vn-charter")


def dry_runner(
    folder: Path,
    discoverer: InMemoryDiscoverer | None = None,
    deployment: Deployment | None = None,
) -> OrchestratorRunner:
    """Return a runner over a folder and facts, as a library user would make it."""
    return OrchestratorRunner(
        store=StateStore(folder),
        kb=DryRunReporter(folder),
        discoverer=discoverer or charter_facts(),
        deployment=deployment,
    )


def unsigned_approval(
    folder: Path, run_id: str, gate: Gate, *, signed: datetime | None = None, **extra: str
) -> Path:
    """Write an unsigned approval file of a dry run and return its path."""
    lines = {
        "gate": gate.value,
        "run_id": run_id,
        "signed_utc": utc_text(signed or datetime.now(UTC)),
        "allowance": "explicit",
        **({"review_decision_id": "decision-of-the-test"} if gate is Gate.SG_2 else {}),
        **extra,
    }
    path = folder / f"{gate.name}-{run_id}.txt"
    path.write_text("".join(f"{key}: {value}\n" for key, value in lines.items()))
    return path


def dry_run_to_closeout(
    folder: Path,
    discoverer: InMemoryDiscoverer | None = None,
    each: Callable[[OrchestratorRunner, str], None] = lambda _runner, _run: None,
) -> RunHistory:
    """Take the charter through both gates and return the run's history."""
    runner = dry_runner(folder, discoverer)
    run_id = runner.cut(document_id=CODE, mode=Mode.DRYRUN).run_id
    for gate in (Gate.SG_1, Gate.SG_2):
        each(runner, run_id)
        runner.resume(run_id, approval_kb_id=str(unsigned_approval(folder, run_id, gate)))
    return StateStore(folder).load(run_id)
