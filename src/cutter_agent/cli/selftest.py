"""`cutter selftest`: does this installation do what it says? Without a database or a deployment."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cutter_agent.cli.output import Output, seen, speaks, wrapped
from cutter_agent.cli.run_view import DONE, FAILED
from cutter_agent.errors import EXIT_DONE, StopInvariantFailed

if TYPE_CHECKING:
    from cutter_agent.evidence.canonical import Json

STATES: Final = 14
GATES: Final = 11
INVARIANTS_AT_LEAST: Final = 41


@dataclass(frozen=True, slots=True)
class Outcome:
    """One check of the installation."""

    id: str
    held: bool
    because: str


@click.command()
@speaks()
def selftest(*, out: Output) -> int:
    """Check this installation.

    The line and its gates, the shipped profiles, hashes and signatures, and the sample charter cut
    in memory through both gates to its closeout. Exits with 13 if anything does not hold.

    Example: cutter selftest
    """
    outcomes: list[Outcome] = []
    with out.steps() as on_step:
        for name, check in CHECKS.items():
            on_step(name)
            outcomes.append(held(name, check))
    ok = all(outcome.held for outcome in outcomes)
    document: dict[str, Json] = {
        "schema": "cutter.selftest/1",
        "ok": ok,
        "checks": [{"id": o.id, "held": o.held, "because": o.because} for o in outcomes],
    }
    out.data(document, lambda: list(_lines(outcomes, out)))
    return EXIT_DONE if ok else StopInvariantFailed.exit_status


def held(name: str, check: Callable[[], str]) -> Outcome:
    """Return the outcome of one check; one that cannot be made is one that did not hold."""
    try:
        return Outcome(name, held=True, because=check())
    except Exception as error:  # noqa: BLE001 - a broken installation can raise anything
        return Outcome(name, held=False, because=f"{type(error).__name__}: {error}"[:300])


def line_holds() -> str:
    """The line has its states in their order and every gate can judge."""
    from cutter_agent.orchestrator.line import LINE, PHASES, check_line
    from cutter_agent.orchestrator.states import OrchestratorState

    check_line(LINE)
    invariants = sum(len(phase.yields.invariants) for phase in PHASES)
    _demand(len(OrchestratorState) == STATES, f"{len(OrchestratorState)} states")
    _demand(len({phase.gate for phase in PHASES}) == GATES, f"{len(PHASES)} gates")
    _demand(invariants >= INVARIANTS_AT_LEAST, f"{invariants} invariants")
    return f"{STATES} states, {GATES} gates, {invariants} invariants"


def locks_are_closed() -> str:
    """The constant that would enable live execution stands at no."""
    from cutter_agent.orchestrator import execution_enabled

    _demand(not execution_enabled(), "live execution is enabled in the source")
    return "live execution is off in the source"


def profiles_hold() -> str:
    """Every shipped profile passes its lint."""
    from cutter_agent.document.grammar import parse_profile
    from cutter_agent.document.profiles import shipped, shipped_names

    for name in shipped_names():
        _demand(parse_profile(shipped(name)).name == name, f"profile {name} has another name")
    return ", ".join(shipped_names())


def signatures_hold() -> str:
    """A signature verifies, and not over another message."""
    from cutter_agent.crypto.machine_keys import MachineKey
    from cutter_agent.evidence.ed25519 import signature_fits

    key = MachineKey.in_memory()
    signature = key.sign(b"iu-cutter")
    _demand(signature_fits(key.public_raw, signature, b"iu-cutter"), "a good signature is refused")
    _demand(not signature_fits(key.public_raw, signature, b"iu-Cutter"), "a bad one is taken")
    return "Ed25519 signs and verifies"


def trees_hold() -> str:
    """A tree proves that a leaf is in it, and that no other is."""
    from cutter_agent.evidence.merkle import Tree, leaf_hash, verify_inclusion

    leaves = [leaf_hash(bytes([number])) for number in range(7)]
    tree = Tree(leaves)
    proof = tree.inclusion_proof(4, 7)
    root = tree.root(7)
    _demand(verify_inclusion(leaves[4], 4, 7, proof, root), "a good proof is refused")
    _demand(not verify_inclusion(leaves[3], 4, 7, proof, root), "a bad one is taken")
    return "inclusion proofs verify"


def sample_cuts() -> str:
    """The sample charter goes through both gates in memory, and its dry run closes out."""
    from cutter_agent.bootstrap.approvals import simulated_approval
    from cutter_agent.bootstrap.sample import CHARTER, CHARTER_CODE, CHARTER_PROFILE, sample_path
    from cutter_agent.files.kb_reporter import DryRunReporter
    from cutter_agent.files.state_store import StateStore
    from cutter_agent.orchestrator.runner import OrchestratorRunner
    from cutter_agent.orchestrator.states import OrchestratorState
    from cutter_agent.rehearsal import InMemoryDiscoverer

    facts = InMemoryDiscoverer.from_text(
        CHARTER_CODE, sample_path(CHARTER).read_bytes(), CHARTER_PROFILE
    )
    with tempfile.TemporaryDirectory(prefix="cutter-selftest-") as folder:
        runs_dir = Path(folder).resolve() / "runs"
        store = StateStore(runs_dir)
        runner = OrchestratorRunner(store=store, kb=DryRunReporter(runs_dir), discoverer=facts)
        result = runner.cut(CHARTER_CODE)
        for state in (
            OrchestratorState.AWAITING_CUT_AUTHORIZATION,
            OrchestratorState.AWAITING_LIFECYCLE_AUTHORIZATION,
        ):
            _demand(result.state is state, f"{result.state}: {result.sentence}")
            approval = simulated_approval(result.context, store.now_utc())
            result = runner.resume(result.run_id, approval)
    _demand(result.state is OrchestratorState.CLOSEOUT_REPORTED, result.sentence)
    pins = result.context.context_pins
    return (
        f"{pins['candidate_count_confirmed']} units, {pins['excluded_count']} excluded, "
        f"{pins['unaccounted_bytes']} bytes unaccounted, {result.state}"
    )


CHECKS: Final[dict[str, Callable[[], str]]] = {
    "line": line_holds,
    "locks": locks_are_closed,
    "profiles": profiles_hold,
    "signatures": signatures_hold,
    "trees": trees_hold,
    "sample": sample_cuts,
}
"""Every check by its name."""


def _demand(condition: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as an assertion
    if not condition:
        raise StopInvariantFailed(otherwise)


def _lines(outcomes: list[Outcome], out: Output) -> Iterator[str]:
    for outcome in outcomes:
        mark = out.styled(DONE, "green") if outcome.held else out.styled(FAILED, "red")
        text = f"{mark} {outcome.id}: {seen(outcome.because)}"
        yield from wrapped(text, out.columns, later="  ")
