"""The given names and numbers, typed here once more by hand, so that a slip in the code's tables is seen."""

import pytest

from cutter_agent.errors import STOPS
from cutter_agent.orchestrator.line import LINE, PHASES
from cutter_agent.orchestrator.policy import SECRET_KEYS, USER_REFUSED_ARGS
from cutter_agent.orchestrator.states import (
    GATE_TTL_S,
    RUN_HARD_CAP_S,
    Gate,
    Mode,
    OrchestratorState,
)

STATES = [
    "pending",
    "source_pinned",
    "marked",
    "cutplan_ok",
    "pre_write_backup_taken",
    "grants_probed",
    "awaiting_cut_authorization",
    "cut_leg_a_committed",
    "structural_verified",
    "leg_b_recorded",
    "write_verified",
    "awaiting_lifecycle_authorization",
    "lifecycle_enacted",
    "closeout_reported",
]

DOCUMENTS = [
    "01-source-pin",
    "02-mark",
    "03-cutplan",
    "04-pre-write-backup",
    "05-grant-probe",
    "SG1-cut-authz-request",
    "06-cut-leg-a",
    "07-structural-verify",
    "08-leg-b-record",
    "09-write-verify",
    "SG2-lifecycle-authz-request",
    "10-lifecycle-enact",
    "11-final-orchestrator-report",
]

INVARIANTS = {
    "IG_SOURCE_PIN": "source_document_row_exists source_version_pinned source_checksum_present document_not_in_flight",
    "IG_MARK": "region_sha_matches_source candidate_count_in_bounds coverage_closed addresses_unique",
    "IG_CUTPLAN": "writer_digest_reproduced idempotency_keys_unique vocab_covered body_hash_equals_span",
    "IG_BACKUP": "backup_sha_pinned backup_scope_complete backup_encrypted backup_fresh",
    "IG_GRANT_PROBE": "exec_may_execute_canonical_functions verify_may_select_and_insert_verify_result"
    " reviewer_may_select_review_decision no_public_execute_leak",
    "IG_CUT_LEG_A": "sg1_approval_recorded change_set_minted created_equals_candidates anchors_set",
    "IG_STRUCTURAL_VERIFY": "cardinality_matches body_hash_all_match no_excluded_leak lifecycle_uniform_draft",
    "IG_LEG_B": "envelope_recorded executor_signature_recorded affected_rows_equal",
    "IG_WRITE_VERIFY": "verify_once verifier_signature_distinct verdict_pass",
    "IG_LIFECYCLE_ENACT": "sg2_approval_recorded review_decision_fresh enacted_equals_candidates"
    " enacted_log_rows_equal",
    "IG_CLOSEOUT": "all_phases_passed all_docs_uploaded runs_index_appended",
}

OWN_STOPS = {
    "source_document_row_exists": "STOP_DOCUMENT_UNKNOWN",
    "document_not_in_flight": "STOP_LOCK_BUSY",
    "candidate_count_in_bounds": "STOP_OVER_SIZE",
    "all_docs_uploaded": "STOP_KB_UPLOAD_FAILED",
}
GATE_STOPS = {"IG_GRANT_PROBE": "STOP_GRANT_DELTA", "IG_BACKUP": "STOP_BACKUP_FAILED"}

EXITS = {
    10: "STOP_APPROVAL_REQUIRED",
    11: "STOP_APPROVAL_INVALID STOP_APPROVAL_EXPIRED STOP_APPROVAL_CONSUMED",
    12: "STOP_DRIFT STOP_REPLAY_CONFLICT",
    13: "STOP_INVARIANT_FAILED",
    14: "STOP_LOCK_BUSY",
    15: "STOP_EXECUTION_NOT_AUTHORIZED",
    16: "STOP_EVIDENCE_MISMATCH",
    17: "STOP_DOCUMENT_UNKNOWN STOP_RUN_UNKNOWN",
    18: "STOP_GRANT_DELTA",
    19: "STOP_REJECTED",
    22: "STOP_REFUSED_INPUT STOP_SOURCE_UNREADABLE STOP_OVER_SIZE",
    23: "STOP_BACKUP_FAILED STOP_KB_UPLOAD_FAILED STOP_STORAGE",
    24: "STOP_OVER_TIME STOP_CLOCK",
    75: "STOP_DATABASE_AWAY",
    1: "STOP_UNEXPECTED",
}


def test_fourteen_states_in_their_order() -> None:
    assert list(OrchestratorState) == STATES
    assert [step.reaches for step in LINE] == STATES[1:]


def test_thirteen_documents_in_their_order() -> None:
    assert [step.document for step in LINE] == DOCUMENTS


def test_eleven_gates_keep_every_given_invariant() -> None:
    assert [phase.gate for phase in PHASES] == list(INVARIANTS)
    assert sum(len(names.split()) for names in INVARIANTS.values()) == 41
    kept = {phase.gate: {one.name for one in phase.yields.invariants} for phase in PHASES}
    gone = {gate: set(names.split()) - kept[gate] for gate, names in INVARIANTS.items()}
    assert not any(gone.values()), gone


@pytest.mark.parametrize("gate", INVARIANTS)
def test_every_given_invariant_names_its_stop_and_says_a_sentence(gate: str) -> None:
    (phase,) = (phase for phase in PHASES if phase.gate == gate)
    for one in phase.yields.invariants:
        if one.name in INVARIANTS[gate].split():
            expected = OWN_STOPS.get(one.name) or GATE_STOPS.get(gate) or "STOP_INVARIANT_FAILED"
            assert one.stop.code == expected, one.name
        assert one.sentence.endswith("."), one.name


def test_every_stop_has_its_exit_status() -> None:
    assert {stop.code: stop.exit_status for stop in STOPS} == {
        name: status for status, names in EXITS.items() for name in names.split()
    }


def test_sovereign_gates_and_the_life_of_their_requests() -> None:
    assert [(gate.value, life // 3600) for gate, life in GATE_TTL_S.items()] == [
        ("SG_1_cut_authz", 24),
        ("SG_2_lifecycle_authz", 12),
        ("SG_3_failure_escalation", 12),
    ]
    assert set(Gate) == set(GATE_TTL_S)
    assert RUN_HARD_CAP_S == 3600


def test_modes_and_refusals() -> None:
    assert list(Mode) == ["dryrun", "live"]
    assert len(set(USER_REFUSED_ARGS)) == len(USER_REFUSED_ARGS) == 20
    assert {"password", "dsn", "token", "manifest_path", "out_dir"} <= set(USER_REFUSED_ARGS)
    assert len(SECRET_KEYS) == 13
