"""The words of the line: states, modes, gates, roles, ids (Contract 1, 2, 3)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class OrchestratorState(StrEnum):
    """How far a run has come; derived from its evidence, never assigned (Contract 2)."""

    PENDING = "pending"
    SOURCE_PINNED = "source_pinned"
    MARKED = "marked"
    CUTPLAN_OK = "cutplan_ok"
    PRE_WRITE_BACKUP_TAKEN = "pre_write_backup_taken"
    GRANTS_PROBED = "grants_probed"
    AWAITING_CUT_AUTHORIZATION = "awaiting_cut_authorization"
    CUT_LEG_A_COMMITTED = "cut_leg_a_committed"
    STRUCTURAL_VERIFIED = "structural_verified"
    LEG_B_RECORDED = "leg_b_recorded"
    WRITE_VERIFIED = "write_verified"
    AWAITING_LIFECYCLE_AUTHORIZATION = "awaiting_lifecycle_authorization"
    LIFECYCLE_ENACTED = "lifecycle_enacted"
    CLOSEOUT_REPORTED = "closeout_reported"


class Terminal(StrEnum):
    """Why a run does not move by itself (Contract 2)."""

    FAILED = "failed"
    STOPPED = "stopped"
    VOIDED = "voided"


class Mode(StrEnum):
    """Whether a run writes into the rehearsal world or into the database."""

    DRYRUN = "dryrun"
    LIVE = "live"


class Gate(StrEnum):
    """The three sovereign gates, by the names that approvals carry."""

    SG_1 = "SG_1_cut_authz"
    SG_2 = "SG_2_lifecycle_authz"
    SG_3 = "SG_3_failure_escalation"


class Role(StrEnum):
    """On whose authority a step touches the world; each is a database role of its own."""

    EXECUTOR = "cutter_exec"
    VERIFIER = "cutter_verify"


GATE_TTL_S: Final[dict[Gate, int]] = {
    Gate.SG_1: 24 * 3600,
    Gate.SG_2: 12 * 3600,
    Gate.SG_3: 12 * 3600,
}
"""Life of an approval request in seconds, from issued_utc (Contract 6)."""

PHASE_SOFT_CAP_S: Final = 5 * 60
CUT_LEG_A_SOFT_CAP_S: Final = 20 * 60
RUN_HARD_CAP_S: Final = 60 * 60
CANDIDATE_CAP: Final = 1_000
"""Units a document may have unless the deployment's settings say otherwise (Contract 5)."""

EVIDENCE_BYTES_MAX: Final = 64 * 1024
