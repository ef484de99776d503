"""Every invariant has an example that holds and one that does not: taken from a real run, then broken."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pytest
from tests.runs import dry_run_to_closeout

from cutter_agent.evidence.invariant import Evidence
from cutter_agent.orchestrator.facts import NonMutationLevel
from cutter_agent.orchestrator.gates import judge
from cutter_agent.orchestrator.line import PHASES
from cutter_agent.orchestrator.orders import BackupLevel, Rehearsed
from cutter_agent.orchestrator.phases.leg_b_record import LegBRecorded
from cutter_agent.orchestrator.phases.pre_write_backup import BackupTaken
from cutter_agent.orchestrator.phases.source_pin import SourcePinned
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
    "IG_BACKUP.backup_restores": {"level_min": BackupLevel.RESTORED_AND_EQUAL},
    "IG_BACKUP.backup_rehearsed": {"restored": True},
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
    "IG_WRITE_VERIFY.verifier_changes_nothing_else": {"verifier_reach": ("iu.fn_iu_enact",)},
    "IG_WRITE_VERIFY.verdict_pass": {"root_in_database": OTHER},
    "IG_LIFECYCLE_ENACT.sg2_approval_recorded": {"request_sha256": OTHER},
    "IG_LIFECYCLE_ENACT.review_decision_fresh": {"review_decision_id": ""},
    "IG_LIFECYCLE_ENACT.enacted_equals_candidates": {"enacted": 59},
    "IG_LIFECYCLE_ENACT.enacted_log_rows_equal": {"log_rows": 59},
    "IG_LIFECYCLE_ENACT.enacted_root_is_verified": {"root_in_database": OTHER},
    "IG_CLOSEOUT.all_phases_passed": {"phases_passed": 9},
    "IG_CLOSEOUT.all_docs_uploaded": {"documents_missing": ("02-mark.md",)},
    "IG_CLOSEOUT.runs_index_appended": {"index_appended": False},
    "IG_CLOSEOUT.nothing_was_mutated_in_a_dry_run": {"non_mutation": NonMutationLevel.NOT_PROVEN},
}
OTHERWISE = "iu.unit_version=59"
REHEARSED = {"IG_CUT_LEG_A": "leg_a", "IG_LEG_B": "leg_b", "IG_LIFECYCLE_ENACT": "enacted"}
"""The gates that compare with the rehearsal, and what each of them looks at."""
_PROBE = "IG_STRUCTURAL_VERIFY.structural_probe_holds"
ALL = [(step.gate, i.name) for step in PHASES for i in step.yields.invariants]


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Mapping[type, Evidence]:
    folder: Path = tmp_path_factory.mktemp("invariants")
    return RunContext(dry_run_to_closeout(folder)).evidence


def test_the_table_is_whole() -> None:
    compared = {f"{gate}.equals_rehearsal" for gate in REHEARSED}
    assert set(BREAKS) | compared | {_PROBE} == {f"{gate}.{name}" for gate, name in ALL}


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


def rehearsed(evidence: Mapping[type, Evidence], **otherwise: Any) -> Mapping[type, Evidence]:
    """The same run, had its backup been restored and its write been rehearsed there, or otherwise."""
    backup: Any = evidence[BackupTaken]
    at: dict[str, Any] = dict.fromkeys(REHEARSED.values())
    for step in PHASES:
        if step.gate in REHEARSED:
            at[REHEARSED[step.gate]] = vars_of(evidence[step.yields])["tally"]
    root = vars_of(evidence[LegBRecorded])["manifest_root"]
    functions = vars_of(evidence[SourcePinned])["facts"].functions_sha256
    what = Rehearsed(
        **{
            **at,
            "root_sha256": root,
            "functions_sha256": functions,
            "database": "1/1",
            "took_ms": 1,
            **otherwise,
        }
    )
    restored = replace(
        backup,
        level=BackupLevel.RESTORED_AND_EQUAL,
        level_min=BackupLevel.RESTORED_AND_EQUAL,
        restored=True,
        restored_sha256=backup.snapshot_sha256,
        rehearsed=what,
    )
    return {**evidence, BackupTaken: restored}


def vars_of(record: Evidence) -> dict[str, Any]:
    """The record's fields."""
    return {field.name: getattr(record, field.name) for field in fields(record)}  # type: ignore[arg-type]


def failing(evidence: Mapping[type, Evidence]) -> set[str]:
    """Every invariant that does not hold."""
    return {
        f"{step.gate}.{finding.id}"
        for step in PHASES
        for finding in judge(evidence[step.yields], evidence).findings
        if not finding.held
    }


def test_a_run_that_was_rehearsed_equals_its_rehearsal(evidence: Mapping[type, Evidence]) -> None:
    assert failing(rehearsed(evidence)) == set()


@pytest.mark.parametrize("gate", sorted(REHEARSED))
def test_rows_other_than_the_rehearsed_ones_are_found(
    gate: str, evidence: Mapping[type, Evidence]
) -> None:
    other = rehearsed(evidence, **{REHEARSED[gate]: OTHERWISE})
    assert failing(other) == {f"{gate}.equals_rehearsal"}


def test_content_other_than_the_rehearsed_is_found_though_the_counts_are_equal(
    evidence: Mapping[type, Evidence],
) -> None:
    other = rehearsed(evidence, digests=f"iu.unit_version={OTHER}")
    assert failing(other) == {"IG_LIFECYCLE_ENACT.equals_rehearsal"}


def test_a_root_other_than_the_rehearsed_one_is_found(evidence: Mapping[type, Evidence]) -> None:
    found = failing(rehearsed(evidence, root_sha256=OTHER))
    assert found == {
        "IG_BACKUP.backup_rehearsed",
        "IG_LEG_B.equals_rehearsal",
        "IG_LIFECYCLE_ENACT.equals_rehearsal",
    }


def test_functions_other_than_the_pinned_ones_rehearse_nothing(
    evidence: Mapping[type, Evidence],
) -> None:
    assert failing(rehearsed(evidence, functions_sha256=OTHER)) == {"IG_BACKUP.backup_rehearsed"}


@pytest.mark.parametrize(
    ("level", "level_min", "restored_sha256", "missing"),
    [
        # What was restored is equal or it is no backup, whatever the deployment settles for.
        ("RESTORED_AND_EQUAL", "DUMPED_AND_ENCRYPTED", OTHER, {"backup_restores"}),
        ("DUMPED_AND_ENCRYPTED", "DUMPED_AND_ENCRYPTED", OTHER, {"backup_restores"}),
        # A level that nobody reached is not one to claim.
        ("RESTORED_AND_EQUAL", "RESTORED_AND_EQUAL", "", {"backup_restores"}),
        ("DUMPED_AND_ENCRYPTED", "RESTORED_AND_EQUAL", "", {"backup_restores"}),
        ("SIMULATED", "DUMPED_AND_ENCRYPTED", "", {"backup_restores"}),
        ("DUMPED_AND_ENCRYPTED", "DUMPED_AND_ENCRYPTED", "", set()),
    ],
)
def test_a_backup_counts_for_what_was_proven_of_it(
    level: str,
    level_min: str,
    restored_sha256: str,
    missing: set[str],
    evidence: Mapping[type, Evidence],
) -> None:
    backup: Any = rehearsed(evidence)[BackupTaken]
    claimed = replace(
        backup,
        level=BackupLevel(level),
        level_min=BackupLevel(level_min),
        restored=bool(restored_sha256),
        restored_sha256=restored_sha256,
        rehearsed=backup.rehearsed if restored_sha256 else None,
    )
    every = {**evidence, BackupTaken: claimed}
    held = {name.partition(".")[2] for name in failing(every) if name.startswith("IG_BACKUP")}
    assert held == missing
    assert claimed.may_go_unrehearsed == (not missing or level == level_min != "RESTORED_AND_EQUAL")


def test_a_check_that_cannot_be_made_is_not_passed(evidence: Mapping[type, Evidence]) -> None:
    step = next(step for step in PHASES if step.gate == "IG_WRITE_VERIFY")
    verdict = judge(evidence[step.yields], earlier={})
    assert not verdict.passed
    asking = {each.name for each in step.yields.invariants if each.reads}
    unmade = {f.id for f in verdict.findings if "could not be made" in f.because}
    assert unmade == asking == {f.id for f in verdict.findings if not f.held}


@dataclass(frozen=True)
class Nothing(Evidence):
    """Evidence with no invariant."""


def test_a_gate_without_invariants_never_passes() -> None:
    assert not judge(Nothing(), {}).passed
