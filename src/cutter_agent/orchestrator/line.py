"""The line: every step of a run in order. This table is the state machine; nothing else is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, get_type_hints

from cutter_agent.evidence.invariant import Evidence
from cutter_agent.orchestrator.approval import Approved, CutApproved, LifecycleApproved
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.pauses.sg_1_cut import (
    AuthorizationRequested,
    CutAuthorizationRequested,
)
from cutter_agent.orchestrator.pauses.sg_2_lifecycle import LifecycleAuthorizationRequested
from cutter_agent.orchestrator.pauses.sg_3_escalation import (
    EscalationApproved,
    EscalationRequested,
)
from cutter_agent.orchestrator.phases.closeout import closeout
from cutter_agent.orchestrator.phases.cut_leg_a import cut_leg_a
from cutter_agent.orchestrator.phases.cutplan import cutplan
from cutter_agent.orchestrator.phases.grant_probe import grant_probe
from cutter_agent.orchestrator.phases.leg_b_record import leg_b_record
from cutter_agent.orchestrator.phases.lifecycle_enact import lifecycle_enact
from cutter_agent.orchestrator.phases.mark import mark
from cutter_agent.orchestrator.phases.pre_write_backup import pre_write_backup
from cutter_agent.orchestrator.phases.source_pin import source_pin
from cutter_agent.orchestrator.phases.structural_verify import structural_verify
from cutter_agent.orchestrator.phases.write_verify import write_verify
from cutter_agent.orchestrator.ports import (
    BackupVault,
    ExecutorSigner,
    Facts,
    KBReporter,
    Ledger,
    Verifier,
    VerifierSigner,
    Writer,
)
from cutter_agent.orchestrator.reading import Reading
from cutter_agent.orchestrator.states import (
    CUT_LEG_A_SOFT_CAP_S,
    PHASE_SOFT_CAP_S,
    Gate,
    OrchestratorState,
    Role,
)
from cutter_agent.orchestrator.vault import DressRehearsal, Tally
from cutter_agent.orchestrator.world import CallBegan, Holding, Moment, PolicyInForce, Progress

Body = Callable[..., Evidence]


@dataclass(frozen=True, slots=True)
class Phase:
    """A step that a machine takes: a plain function from earlier evidence and ports to evidence.

    Attributes:
        body: the function.
        reaches: the state of a run that has this phase's evidence.
        gate: the internal gate's name.
        document: the stem of the phase's document.
        acts_as: the role whose transaction records the evidence.
        in_step: True if the body touches the world and so runs inside that transaction.
        soft_cap_s: a phase that takes longer carries a note.
    """

    body: Body
    reaches: OrchestratorState
    gate: str
    document: str
    acts_as: Role = Role.EXECUTOR
    in_step: bool = False
    soft_cap_s: int = PHASE_SOFT_CAP_S

    @property
    def name(self) -> str:
        """The phase's name in the command line, the evidence and the documents."""
        return self.body.__name__

    @property
    def yields(self) -> type[Evidence]:
        """The evidence type that the body returns."""
        return _evidence_of(self.body)

    @property
    def needs(self) -> tuple[type, ...]:
        """The evidence, ports and values that the body asks for, in parameter order."""
        hints: dict[str, Any] = get_type_hints(self.body)
        return tuple(hint for name, hint in hints.items() if name != "return")


@dataclass(frozen=True, slots=True)
class Pause:
    """A step that a human takes: the run waits until the request is approved."""

    gate: Gate
    yields: type[AuthorizationRequested]
    approves: type[Approved]
    reaches: OrchestratorState
    document: str

    @property
    def name(self) -> str:
        """The gate's short name: SG_1 or SG_2."""
        return self.gate.name


@cache
def _evidence_of(body: Body) -> type[Evidence]:
    """Return the evidence type of a phase's body; annotations are read once, not at each look at a run."""
    kind = get_type_hints(body)["return"]
    if not (isinstance(kind, type) and issubclass(kind, Evidence)):
        raise TypeError(f"{body.__name__} returns no evidence")
    return kind


_S = OrchestratorState
LINE: Final[tuple[Phase | Pause, ...]] = (
    Phase(source_pin, _S.SOURCE_PINNED, "IG_SOURCE_PIN", "01-source-pin"),
    Phase(mark, _S.MARKED, "IG_MARK", "02-mark"),
    Phase(cutplan, _S.CUTPLAN_OK, "IG_CUTPLAN", "03-cutplan"),
    Phase(pre_write_backup, _S.PRE_WRITE_BACKUP_TAKEN, "IG_BACKUP", "04-pre-write-backup"),
    Phase(grant_probe, _S.GRANTS_PROBED, "IG_GRANT_PROBE", "05-grant-probe"),
    Pause(
        Gate.SG_1,
        CutAuthorizationRequested,
        CutApproved,
        _S.AWAITING_CUT_AUTHORIZATION,
        "SG1-cut-authz-request",
    ),
    Phase(
        cut_leg_a,
        _S.CUT_LEG_A_COMMITTED,
        "IG_CUT_LEG_A",
        "06-cut-leg-a",
        in_step=True,
        soft_cap_s=CUT_LEG_A_SOFT_CAP_S,
    ),
    Phase(
        structural_verify,
        _S.STRUCTURAL_VERIFIED,
        "IG_STRUCTURAL_VERIFY",
        "07-structural-verify",
        in_step=True,
    ),
    Phase(leg_b_record, _S.LEG_B_RECORDED, "IG_LEG_B", "08-leg-b-record", in_step=True),
    Phase(
        write_verify,
        _S.WRITE_VERIFIED,
        "IG_WRITE_VERIFY",
        "09-write-verify",
        acts_as=Role.VERIFIER,
        in_step=True,
    ),
    Pause(
        Gate.SG_2,
        LifecycleAuthorizationRequested,
        LifecycleApproved,
        _S.AWAITING_LIFECYCLE_AUTHORIZATION,
        "SG2-lifecycle-authz-request",
    ),
    Phase(
        lifecycle_enact,
        _S.LIFECYCLE_ENACTED,
        "IG_LIFECYCLE_ENACT",
        "10-lifecycle-enact",
        in_step=True,
    ),
    Phase(closeout, _S.CLOSEOUT_REPORTED, "IG_CLOSEOUT", "11-final-orchestrator-report"),
)
"""All 13 steps; the k-th reaches the state after the k-th (Contract 2)."""

OUTSIDE: Final[frozenset[type]] = frozenset(
    {
        RunHeader,
        Reading,
        Facts,
        KBReporter,
        BackupVault,
        DressRehearsal,
        Ledger,
        Tally,
        Writer,
        Verifier,
        ExecutorSigner,
        VerifierSigner,
        Holding,
        PolicyInForce,
        Moment,
        CallBegan,
        Progress,
    }
)
"""Everything a phase may ask for beside earlier evidence."""


def check_line(line: Sequence[Phase | Pause]) -> None:
    """Return only if every step asks for what is known before it and every gate can judge.

    Raises:
        TypeError: a step asks too early, a phase has no invariant, or states are out of order.
    """
    known: set[type] = set(OUTSIDE)
    for step in line:
        if isinstance(step, Pause):
            known |= {step.yields, step.approves}
            continue
        reads = {kind for invariant in step.yields.invariants for kind in invariant.reads}
        if missing := {*step.needs, *reads} - known:
            names = ", ".join(sorted(kind.__name__ for kind in missing))
            raise TypeError(f"{step.name} asks for {names}, which no earlier step makes")
        if not step.yields.invariants:
            raise TypeError(f"{step.name} has no invariant: its gate could never pass")
        known.add(step.yields)
    reached = [step.reaches for step in line]
    if reached != list(OrchestratorState)[1 : len(reached) + 1]:
        raise TypeError("the line's states are not the states in their order")


check_line(LINE)

BACKUP: Final = next(
    step for step in LINE if isinstance(step, Phase) and step.body is pre_write_backup
)
"""The phase that is repeated when SG_1's request has outlived its life, and its backup with it."""
PHASES: Final = tuple(step for step in LINE if isinstance(step, Phase))
PAUSES: Final = tuple(step for step in LINE if isinstance(step, Pause))
EVIDENCE_TYPES: Final[dict[str, type[Evidence]]] = {
    kind.__name__: kind
    for step in LINE
    for kind in ((step.yields,) if isinstance(step, Phase) else (step.yields, step.approves))
} | {kind.__name__: kind for kind in (EscalationRequested, EscalationApproved)}
"""Every evidence type by its name, as histories carry it."""
