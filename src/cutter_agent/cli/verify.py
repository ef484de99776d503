"""`cutter verify`: read a run's units back, and hold them against the source bytes and the evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from cutter_agent.bootstrap.standing import context_of
from cutter_agent.cli.names import run_argument
from cutter_agent.cli.output import Output, aligned, seen, speaks, wrapped
from cutter_agent.cli.run_view import DONE, FAILED
from cutter_agent.cli.session import opened
from cutter_agent.errors import EXIT_DONE, StopEvidenceMismatch, StopRefusedInput

if TYPE_CHECKING:
    from cutter_agent.evidence.canonical import Json
    from cutter_agent.orchestrator.run_context import RunContext
    from cutter_agent.postgres.read_back import HeldRun, HeldUnit

MISSING = "is not in the database"
OTHER = "is not what the source says"
SURPLUS = "is not in the source"
UNRECORDED = "is not the leaf that was recorded"
NOT_IN_FORCE = "is a draft or withdrawn, though the run enacted it"
_NEVER_ENACTED = frozenset({"draft", "withdrawn"})


@dataclass(frozen=True, slots=True)
class Check:
    """One question and its answer."""

    id: str
    held: bool
    because: str


@dataclass(frozen=True, slots=True)
class Fault:
    """One unit that is not as it should be."""

    address: str
    because: str


@click.command()
@run_argument()
@speaks()
def verify(run: str, *, out: Output) -> int:
    """Read a run's units back.

    As the verifier's role: the units as they stand now, the roots recomputed from the pinned source
    bytes and from the rows, both against the recorded evidence. Exits with 16 and names every unit
    that differs.

    Example: cutter verify RUN
    """
    from cutter_agent.orchestrator.phases.leg_b_record import LegBRecorded
    from cutter_agent.orchestrator.phases.source_pin import SourcePinned
    from cutter_agent.orchestrator.states import Mode, Role
    from cutter_agent.postgres.read_back import read_back

    with opened(out) as desk:
        context = context_of(desk, run)
        pinned, recorded = context.get(SourcePinned), context.get(LegBRecorded)
        if pinned is None or pinned.source_version_id is None:
            raise StopRefusedInput(
                "the run has pinned no source yet",
                expected="a run that has passed source_pin",
                run_id=run,
                remedy="cutter why {run}",
            )
        live = context.history.header.mode is Mode.LIVE
        held = read_back(
            desk.access.login(Role.VERIFIER),
            source_version_id=pinned.source_version_id,
            envelope_id=recorded.manifest_envelope_id if live and recorded is not None else None,
        )
    checks, faults = judge(context, held)
    ok = all(check.held for check in checks)
    document: dict[str, Json] = {
        "schema": "cutter.verify/1",
        "run_id": context.run_id,
        "document_id": context.document_id,
        "ok": ok,
        "checks": [{"id": c.id, "held": c.held, "because": c.because} for c in checks],
        "differing": [{"address": f.address, "because": f.because} for f in faults],
        "exit_status": EXIT_DONE if ok else StopEvidenceMismatch.exit_status,
    }
    out.data(document, lambda: _lines(context, checks, faults, out))
    return EXIT_DONE if ok else StopEvidenceMismatch.exit_status


def judge(context: RunContext, held: HeldRun) -> tuple[list[Check], list[Fault]]:
    """Return every check and every unit that differs; nothing stops at the first."""
    from cutter_agent.document.cutplan import unit_leaf
    from cutter_agent.document.grammar import parse_profile
    from cutter_agent.document.marks import mark_text
    from cutter_agent.evidence.canonical import sha256_hex
    from cutter_agent.evidence.merkle import leaf_hash, tree_root
    from cutter_agent.orchestrator.phases.cutplan import CutPlanned
    from cutter_agent.orchestrator.phases.leg_b_record import LegBRecorded
    from cutter_agent.orchestrator.phases.lifecycle_enact import LifecycleEnacted
    from cutter_agent.orchestrator.phases.source_pin import SourcePinned
    from cutter_agent.orchestrator.phases.write_verify import WriteVerified
    from cutter_agent.orchestrator.states import Mode

    pinned, plan = context.get(SourcePinned), context.get(CutPlanned)
    source = held.source
    marked = mark_text(source.body, parse_profile(source.profile_toml), code=source.document_id)
    expected = {u.address: leaf_hash(unit_leaf(u)).hex() for u in marked.candidates}
    root = tree_root([bytes.fromhex(leaf) for leaf in expected.values()]).hex()
    checks = [
        _equal(
            "source_is_the_pinned_one",
            sha256_hex(source.body),
            None if pinned is None else pinned.facts.source_sha256,
        ),
        _equal(
            "profile_is_the_pinned_one",
            sha256_hex(source.profile_toml),
            None if pinned is None else pinned.facts.profile_sha256,
        ),
        _equal("root_from_source_is_planned", root, None if plan is None else plan.manifest_root),
    ]
    recorded = context.get(LegBRecorded)
    if context.history.header.mode is Mode.DRYRUN or recorded is None:
        checks.append(Check("nothing_was_written", not held.units, "no rows to read back"))
        return checks, []
    verified, enacted = context.get(WriteVerified), context.get(LifecycleEnacted)
    faults = unit_faults(expected, held.units, enacted=enacted is not None)
    stored = [bytes.fromhex(u.leaf_sha256) for u in held.units if u.leaf_sha256 is not None]
    checks += [
        _equal("root_in_database_is_recorded", tree_root(stored).hex(), recorded.manifest_root),
        _equal("tree_size_is_recorded", str(len(held.units)), str(recorded.tree_size)),
        Check("every_unit_equal", not faults, f"{len(faults)} of {len(expected)} units differ"),
    ]
    if verified is not None:
        checks.append(
            _equal("root_is_the_verified_one", root, verified.root_from_source),
        )
    return checks, faults


def unit_faults(
    expected: dict[str, str], units: tuple[HeldUnit, ...], *, enacted: bool
) -> list[Fault]:
    """Return every unit that is missing, surplus, other than the source says, or in a wrong state.

    Args:
        expected: the leaf of each unit by its address, from the source bytes.
        units: what the database holds.
        enacted: whether the run put its units in force.
    """
    faults: list[Fault] = []
    found: set[str] = set()
    for place, unit in enumerate(units):
        address = unit.address or f"unit {place} of the manifest"
        found.add(address)
        if unit.leaf_sha256 is None:
            faults.append(Fault(address, MISSING))
        elif address not in expected:
            faults.append(Fault(address, SURPLUS))
        elif unit.leaf_sha256 != expected[address]:
            faults.append(Fault(address, OTHER))
        elif unit.leaf_sha256 != unit.recorded_sha256:
            faults.append(Fault(address, UNRECORDED))
        elif enacted and unit.state in _NEVER_ENACTED:
            faults.append(Fault(address, NOT_IN_FORCE))
    faults += [Fault(address, MISSING) for address in expected if address not in found]
    return faults


def _equal(name: str, now: str, then: str | None) -> Check:
    because = now if now == then else f"{now}, recorded was {then or 'nothing'}"
    return Check(name, now == then, because)


def _lines(context: RunContext, checks: list[Check], faults: list[Fault], out: Output) -> list[str]:
    lines = [f"{context.run_id}  {seen(context.document_id)}"]
    for check in checks:
        mark = out.styled(DONE, "green") if check.held else out.styled(FAILED, "red")
        lines += wrapped(f"{mark} {check.id}: {seen(check.because)}", out.columns, later="  ")
    if faults:
        rows = [(seen(fault.address), fault.because) for fault in faults]
        lines += ["", *aligned(("unit", "what"), rows, out.columns)]
        lines += ["", f"{StopEvidenceMismatch.code}: {len(faults)} units differ"]
    return lines
