"""The evidence of a run: the chain from the source to what is in force, and one record's way to the root."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cutter_agent.bootstrap.console.documents import path_of
from cutter_agent.bootstrap.console.merkle_path import MerklePath, merkle_path
from cutter_agent.bootstrap.console.missing import no_such_unit
from cutter_agent.bootstrap.console.paging import Part, part
from cutter_agent.bootstrap.console.plan import plan_book
from cutter_agent.errors import Stop
from cutter_agent.evidence.merkle import Tree
from cutter_agent.orchestrator.approval import Approved, CutApproved, LifecycleApproved
from cutter_agent.orchestrator.phases.cutplan import CutPlanned
from cutter_agent.orchestrator.phases.leg_b_record import LegBRecorded
from cutter_agent.orchestrator.phases.lifecycle_enact import LifecycleEnacted
from cutter_agent.orchestrator.phases.pre_write_backup import BackupTaken
from cutter_agent.orchestrator.phases.source_pin import SourcePinned
from cutter_agent.orchestrator.phases.write_verify import WriteVerified
from cutter_agent.orchestrator.states import Mode, OrchestratorState

if TYPE_CHECKING:
    from cutter_agent.bootstrap.desk import Desk
    from cutter_agent.evidence.citation import Citation
    from cutter_agent.orchestrator.run_context import RunContext

LEAVES_A_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain: what is known, its digest, and who stands for it.

    Attributes:
        known: true once the run has made it.
        sha256: its digest or root, or an empty text.
        by: persons, keys or roles that stand for it.
        said: what it is tied to, in a sentence.
    """

    name: str
    known: bool
    sha256: str
    by: tuple[str, ...]
    said: str


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """The evidence of one run, as far as it has come.

    Attributes:
        complete: true once the run is closed out and its bundle can be had.
        leaves: a page of the addresses whose records are the leaves, in order.
        path: the way of the chosen record, or None before there is a plan.
        citation: of the chosen unit, where this run brought it in force; else None.
        known: what the run's history and this deployment have for the run, which its bundle must agree
            with: run_id, executor, verifier (ids of keys), policy (digest), log (the key's line).
    """

    run_id: str
    document_id: str
    mode: str
    state: str
    complete: bool
    chain: tuple[Link, ...]
    leaves: Part[str]
    selected: str
    path: MerklePath | None
    citation: Citation | None
    known: dict[str, str]


def evidence_view(desk: Desk, context: RunContext, unit: str | None, number: int) -> EvidenceView:
    """The evidence of the run; the way of this unit's record, else of the first one's.

    Raises:
        NothingThereError: the plan has no such unit.
        StopEvidenceMismatch: the plan cannot be made again from the source.
    """
    addresses: tuple[str, ...] = ()
    selected, path = "", None
    if context.get(CutPlanned) is not None:
        reading = plan_book(desk, context).reading
        units = reading.plan.units
        addresses = tuple(each.address for each in units)
        if unit is not None and unit not in addresses:
            raise no_such_unit(unit, context.run_id)
        at = 0 if unit is None else addresses.index(unit)
        selected = addresses[at]
        proof = Tree(reading.leaf_hashes).inclusion_proof(at)
        path = merkle_path(units[at].leaf, at, len(units), proof)
    citation = _citation(desk, context, selected)
    return EvidenceView(
        run_id=context.run_id,
        document_id=context.document_id,
        mode=context.history.header.mode.value,
        state=context.state.value,
        complete=context.state is OrchestratorState.CLOSEOUT_REPORTED,
        chain=tuple(_chain(context)),
        leaves=part(addresses, number, LEAVES_A_PAGE),
        selected=selected,
        path=path if citation is None else path_of(citation),
        citation=citation,
        known=_known(desk, context),
    )


def _known(desk: Desk, context: RunContext) -> dict[str, str]:
    """What a bundle of this run must have, as the history has it; the empty text where nothing is known."""
    from cutter_agent.bootstrap.log import log_note_key

    pinned, recorded = context.get(SourcePinned), context.get(LegBRecorded)
    verified = context.get(WriteVerified)
    live = context.history.header.mode is Mode.LIVE
    return {
        "run_id": context.run_id,
        "executor": "" if recorded is None else recorded.executor_key_id,
        "verifier": "" if verified is None else verified.verifier_key_id,
        "policy": "" if pinned is None else pinned.facts.policy_sha256,
        "log": log_note_key(desk).line if live and verified is not None else "",
    }


def _citation(desk: Desk, context: RunContext, address: str) -> Citation | None:
    """The citation of the unit, if it was this run that brought it in force."""
    from cutter_agent.bootstrap.citing import cite

    enacted = context.get(LifecycleEnacted)
    if enacted is None or context.history.header.mode is not Mode.LIVE:
        return None
    try:
        found = cite(desk, address)
    except Stop:
        return None
    return found if found.run_id == context.run_id else None


def _chain(context: RunContext) -> Iterator[Link]:
    pinned, planned = context.get(SourcePinned), context.get(CutPlanned)
    yield Link(
        "source bytes",
        pinned is not None,
        "" if pinned is None else pinned.region_sha256,
        (),
        "" if pinned is None else f"version {pinned.version_no}, {pinned.byte_len} bytes",
    )
    yield Link(
        "plan",
        planned is not None,
        "" if planned is None else planned.plan_sha256,
        (),
        "made twice from the source, digest for digest" if planned else "",
    )
    yield Link(
        "manifest root",
        planned is not None,
        "" if planned is None else planned.manifest_root,
        (),
        "" if planned is None else f"over {planned.tree_size} unit records",
    )
    yield _backup(context)
    yield _approval("SG_1: may be written", context.get(CutApproved))
    recorded, verified = context.get(LegBRecorded), context.get(WriteVerified)
    yield Link(
        "executor's statement",
        recorded is not None,
        "" if recorded is None else recorded.envelope_sha256,
        () if recorded is None else (recorded.executor_key_id,),
        "" if recorded is None else "signs the root that it wrote",
    )
    yield Link(
        "verifier's statement",
        verified is not None,
        "" if verified is None else verified.verifier_envelope_sha256,
        () if verified is None else (verified.verifier_key_id,),
        "found the same root in the source bytes and in the database" if verified else "",
    )
    yield _approval("SG_2: may be in force", context.get(LifecycleApproved))
    enacted = context.get(LifecycleEnacted)
    yield Link(
        "in force",
        enacted is not None,
        "" if enacted is None else enacted.root_in_database,
        (),
        "" if enacted is None else f"{enacted.in_force} units, the rows still give the root",
    )


def _backup(context: RunContext) -> Link:
    backup = context.get(BackupTaken)
    if backup is None:
        return Link("backup", known=False, sha256="", by=(), said="")
    rehearsed = backup.rehearsed is not None
    said = "restored, and the cut rehearsed on the copy" if rehearsed else backup.level.value
    return Link("backup", known=True, sha256=backup.backup_sha256, by=(), said=said)


def _approval(name: str, approved: Approved | None) -> Link:
    if approved is None:
        return Link(name, known=False, sha256="", by=(), said="")
    said = "SIMULATED: nobody signed" if approved.simulated else f"used {approved.consumed_utc}"
    return Link(name, known=True, sha256=approved.request_sha256, by=approved.persons, said=said)
