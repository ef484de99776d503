"""Every invariant has an example that holds and one that does not: taken from a real run, then broken."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.runs import dry_run_to_closeout

from cutter_agent.evidence.invariant import Evidence
from cutter_agent.orchestrator.facts import NonMutationLevel
from cutter_agent.orchestrator.gates import judge
from cutter_agent.orchestrator.line import PHASES
from cutter_agent.orchestrator.phases.structural_verify import StructuralProbe
from cutter_agent.orchestrator.run_context import RunContext

OTHER = "0" * 64
BREAKS: dict[str, dict[str, Any]] = {
    "IG_SOURCE_PIN.source_document_row_exists": {"title": None},
    "IG_SOURCE_PIN.source_version_pinned": {"source_version_id": None},
    "IG_SOURCE_PIN.source_checksum_present": {"stored_sha256": OTHER},
    "IG_SOURCE_PIN.document_not_in_flight": {"held_by": "ictr-20260101T000000Z-00000000"},
    "IG_MARK.region_sha_matches_source": {"region_sha256": OTHER},
    "IG_MARK.candidate_count_in_bounds": {"candidate_count": 1_001},
    "IG_MARK.coverage_closed": {"unaccounted_bytes": 1},
    "IG_MARK.addresses_unique": {"duplicate_count": 1},
    "IG_CUTPLAN.writer_digest_reproduced": {"plan_again_sha256": OTHER},
    "IG_CUTPLAN.idempotency_keys_unique": {"distinct_keys": 59},
    "IG_CUTPLAN.vocab_covered": {"vocab_kinds": ("article",)},
    "IG_CUTPLAN.body_hash_equals_span": {"body_mismatches": 1},
    "IG_BACKUP.backup_sha_pinned": {"byte_len": 0},
    "IG_BACKUP.backup_scope_complete": {"tables": ("iu.text_blob",)},
    "IG_BACKUP.backup_encrypted": {"encrypted": False},
    "IG_BACKUP.backup_fresh": {"document_rows_now_sha256": OTHER},
    "IG_GRANT_PROBE.exec_may_execute_canonical_functions": {"exec_missing": ("iu.fn_iu_enact",)},
    "IG_GRANT_PROBE.verify_may_select_and_insert_verify_result": {"verify_missing": ("SELECT",)},
    "IG_GRANT_PROBE.reviewer_may_select_review_decision": {"review_missing": ("SELECT",)},
    "IG_GRANT_PROBE.no_public_execute_leak": {"public_execute": ("iu.fn_iu_enact",)},
    "IG_GRANT_PROBE.no_role_holds_dml": {"dml_held": ("cutter_exec INSERT iu.unit_version",)},
    "IG_GRANT_PROBE.grants_are_the_pinned_ones": {"grants_sha256": OTHER},
    "IG_CUT_LEG_A.sg1_approval_recorded": {"request_sha256": OTHER},
    "IG_CUT_LEG_A.change_set_minted": {"change_set_id": "another"},
    "IG_CUT_LEG_A.created_equals_candidates": {"drafts_held": 59},
    "IG_CUT_LEG_A.anchors_set": {"anchored": 59},
    "IG_CUT_LEG_A.backup_fresh": {"document_rows_sha256": OTHER},
    "IG_STRUCTURAL_VERIFY.cardinality_matches": {"drafts_held": 61},
    "IG_STRUCTURAL_VERIFY.body_hash_all_match": {"body_mismatches": 1},
    "IG_STRUCTURAL_VERIFY.no_excluded_leak": {"excluded_leaks": 1},
    "IG_STRUCTURAL_VERIFY.lifecycle_uniform_draft": {"not_draft": 1},
    "IG_LEG_B.envelope_recorded": {"blocks": 59},
    "IG_LEG_B.executor_signature_recorded": {"signature_verifies": False},
    "IG_LEG_B.affected_rows_equal": {"affected_rows": 59},
    "IG_WRITE_VERIFY.verify_once": {"results": 2},
    "IG_WRITE_VERIFY.verifier_signature_distinct": {"verifier_role": "cutter_exec"},
    "IG_WRITE_VERIFY.verdict_pass": {"root_in_database": OTHER},
    "IG_LIFECYCLE_ENACT.sg2_approval_recorded": {"request_sha256": OTHER},
    "IG_LIFECYCLE_ENACT.review_decision_fresh": {"review_decision_id": ""},
    "IG_LIFECYCLE_ENACT.enacted_equals_candidates": {"enacted": 59},
    "IG_LIFECYCLE_ENACT.enacted_log_rows_equal": {"log_rows": 59},
    "IG_CLOSEOUT.all_phases_passed": {"phases_passed": 9},
    "IG_CLOSEOUT.all_docs_uploaded": {"documents_missing": ("02-mark.md",)},
    "IG_CLOSEOUT.runs_index_appended": {"index_appended": False},
    "IG_CLOSEOUT.nothing_was_mutated_in_a_dry_run": {"non_mutation": NonMutationLevel.NOT_PROVEN},
}
_PROBE = "IG_STRUCTURAL_VERIFY.structural_probe_holds"
ALL = [(step.gate, i.name) for step in PHASES for i in step.yields.invariants]


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Mapping[type, Evidence]:
    folder: Path = tmp_path_factory.mktemp("invariants")
    return RunContext(dry_run_to_closeout(folder)).evidence


def test_the_table_is_whole() -> None:
    assert set(BREAKS) | {_PROBE} == {f"{gate}.{name}" for gate, name in ALL}


def test_in_a_real_run_every_invariant_holds(evidence: Mapping[type, Evidence]) -> None:
    for step in PHASES:
        verdict = judge(evidence[step.yields], evidence)
        assert verdict.passed, [f for f in verdict.findings if not f.held]


@pytest.mark.parametrize("broken", sorted(BREAKS))
def test_each_invariant_finds_what_it_is_for(
    broken: str, evidence: Mapping[type, Evidence]
) -> None:
    gate, name = broken.split(".")
    step = next(step for step in PHASES if step.gate == gate)
    wrong: Any = replace(evidence[step.yields], **BREAKS[broken])  # type: ignore[type-var]
    found = {f.id: f for f in judge(wrong, evidence).findings}
    assert not found[name].held
    assert found[name].because


@pytest.mark.parametrize("answer", list(StructuralProbe.__dataclass_fields__))
def test_each_answer_of_the_structural_probe_counts(
    answer: str, evidence: Mapping[type, Evidence]
) -> None:
    step = next(step for step in PHASES if step.gate == "IG_STRUCTURAL_VERIFY")
    right: Any = evidence[step.yields]
    wrong = replace(right, probe=replace(right.probe, **{answer: False}))
    found = {f.id: f for f in judge(wrong, evidence).findings}
    assert not found["structural_probe_holds"].held


def test_a_check_that_cannot_be_made_is_not_passed(evidence: Mapping[type, Evidence]) -> None:
    step = next(step for step in PHASES if step.gate == "IG_WRITE_VERIFY")
    verdict = judge(evidence[step.yields], earlier={})
    assert not verdict.passed
    assert all("could not be made" in f.because for f in verdict.findings)


@dataclass(frozen=True)
class Nothing(Evidence):
    """Evidence with no invariant."""


def test_a_gate_without_invariants_never_passes() -> None:
    assert not judge(Nothing(), {}).passed
