"""The names and numbers that others rely on, held against the code. Typed here once, on purpose."""

import runpy
from pathlib import Path

import pytest

from cutter_agent.errors import STOPS, StopInvariantFailed, StopUnexpected
from cutter_agent.orchestrator.line import LINE, PAUSES, PHASES, check_line
from cutter_agent.orchestrator.policy import SECRET_KEYS, USER_REFUSED_ARGS
from cutter_agent.orchestrator.states import (
    CANDIDATE_CAP,
    GATE_TTL_S,
    RUN_HARD_CAP_S,
    Gate,
    Mode,
    OrchestratorState,
)

ROOT = Path(__file__).parents[2]

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

INVARIANTS = {
    "IG_SOURCE_PIN": "source_document_row_exists source_version_pinned source_checksum_present "
    "document_not_in_flight",
    "IG_MARK": "region_sha_matches_source candidate_count_in_bounds coverage_closed "
    "addresses_unique",
    "IG_CUTPLAN": "writer_digest_reproduced idempotency_keys_unique vocab_covered "
    "body_hash_equals_span",
    "IG_BACKUP": "backup_sha_pinned backup_scope_complete backup_encrypted backup_fresh",
    "IG_GRANT_PROBE": "exec_may_execute_canonical_functions "
    "verify_may_select_and_insert_verify_result reviewer_may_select_review_decision "
    "no_public_execute_leak",
    "IG_CUT_LEG_A": "sg1_approval_recorded change_set_minted created_equals_candidates anchors_set",
    "IG_STRUCTURAL_VERIFY": "cardinality_matches body_hash_all_match no_excluded_leak "
    "lifecycle_uniform_draft",
    "IG_LEG_B": "envelope_recorded executor_signature_recorded affected_rows_equal",
    "IG_WRITE_VERIFY": "verify_once verifier_signature_distinct verdict_pass",
    "IG_LIFECYCLE_ENACT": "sg2_approval_recorded review_decision_fresh enacted_equals_candidates "
    "enacted_log_rows_equal",
    "IG_CLOSEOUT": "all_phases_passed all_docs_uploaded runs_index_appended",
}

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
    75: "STOP_DATABASE_AWAY STOP_PROCESS_LOST",
    1: "STOP_UNEXPECTED",
}

STOP_OF = {
    "document_not_in_flight": "STOP_LOCK_BUSY",
    "source_document_row_exists": "STOP_DOCUMENT_UNKNOWN",
    "candidate_count_in_bounds": "STOP_OVER_SIZE",
    "all_docs_uploaded": "STOP_KB_UPLOAD_FAILED",
}


def test_the_line_has_fourteen_states_in_their_order() -> None:
    assert [state.value for state in OrchestratorState] == STATES
    assert [step.reaches.value for step in LINE] == STATES[1:]
    assert (len(LINE), len(PHASES), len(PAUSES)) == (13, 11, 2)


def test_all_forty_one_invariants_stand_at_their_gates() -> None:
    held = {step.gate: [i.name for i in step.yields.invariants] for step in PHASES}
    assert list(held) == list(INVARIANTS)
    assert sum(len(names.split()) for names in INVARIANTS.values()) == 41
    for gate, names in INVARIANTS.items():
        assert set(names.split()) <= set(held[gate]), gate


def test_every_invariant_has_a_sentence_and_the_stop_that_the_contract_gives_it() -> None:
    for step in PHASES:
        for invariant in step.yields.invariants:
            assert invariant.sentence.endswith("."), invariant.name
            if step.gate == "IG_GRANT_PROBE":
                expected = "STOP_GRANT_DELTA"
            elif invariant.name.startswith("backup_"):
                expected = "STOP_BACKUP_FAILED"
            else:
                expected = STOP_OF.get(invariant.name, "STOP_INVARIANT_FAILED")
            assert invariant.stop.code == expected, invariant.name


def test_stop_codes_have_the_exit_statuses_of_the_contract() -> None:
    expected = {code: status for status, codes in EXITS.items() for code in codes.split()}
    assert {stop.code: stop.exit_status for stop in STOPS} == expected
    assert issubclass(StopUnexpected, StopInvariantFailed)


def test_every_stop_says_what_it_means_and_what_to_run_next() -> None:
    for stop in STOPS:
        made = stop("a fact", run_id="ictr-20260101T000000Z-00000000", document_id="ICX-CONST")
        assert made.sentence.endswith("a fact")
        assert made.remedy.startswith("cutter ")
        assert "{" not in made.remedy


def test_documents_are_named_as_the_contract_names_them() -> None:
    assert [step.document for step in LINE] == [
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


def test_refused_arguments_and_secret_names_are_the_given_ones() -> None:
    assert len(USER_REFUSED_ARGS) == len(set(USER_REFUSED_ARGS)) == 20
    assert {"manifest_digest", "review_decision_id", "dsn", "token"} <= set(USER_REFUSED_ARGS)
    assert len(SECRET_KEYS) == 13


def test_lives_caps_and_modes() -> None:
    assert GATE_TTL_S == {Gate.SG_1: 86_400, Gate.SG_2: 43_200, Gate.SG_3: 43_200}
    assert (CANDIDATE_CAP, RUN_HARD_CAP_S) == (1_000, 3_600)
    assert [mode.value for mode in Mode] == ["dryrun", "live"]
    assert [gate.value for gate in Gate] == [
        "SG_1_cut_authz",
        "SG_2_lifecycle_authz",
        "SG_3_failure_escalation",
    ]


def test_a_step_that_asks_too_early_is_refused() -> None:
    with pytest.raises(TypeError, match="no earlier step makes"):
        check_line((LINE[1], LINE[0]))


def test_a_line_that_skips_a_state_is_refused() -> None:
    with pytest.raises(TypeError, match="not the states in their order"):
        check_line((*LINE[:4], LINE[5]))


GENERATED = runpy.run_path(str(ROOT / "docs" / "generate.py"))["PAGES"]


@pytest.mark.parametrize("page", GENERATED)
def test_a_reference_page_is_what_the_code_says(page) -> None:  # noqa: ANN001 - a name
    assert (ROOT / "docs" / "reference" / page).read_text("utf-8") == GENERATED[page]()
