"""What executor and verifier say: two statements that cannot stand for each other or for a dry run."""

import json
from dataclasses import replace

import pytest

from cutter_agent.errors import StopEvidenceMismatch, StopRefusedInput
from cutter_agent.evidence.canonical import canonical_bytes
from cutter_agent.evidence.statement import (
    AffectedRows,
    ApprovalUse,
    CheckResult,
    ExecutorClaim,
    PredicateType,
    VerifierClaim,
    executor_statement,
    parse_executor_statement,
    parse_verifier_statement,
    verifier_statement,
)

ROOT, OTHER_ROOT = "ab" * 32, "cd" * 32

EXECUTED = ExecutorClaim(
    run_id="ictr-20260101T000000Z-00000001",
    document_id="ICX-CONST",
    source_version_id="sv-1",
    source_sha256="01" * 32,
    plan_sha256="02" * 32,
    manifest_root=ROOT,
    tree_size=60,
    change_set_id="cs-1",
    facts_sha256="03" * 32,
    policy_sha256="04" * 32,
    database="7300000000000000001:16384",
    approvals=(ApprovalUse("SG_1_cut_authz", "05" * 32, ("anna", "binh")),),
    affected_rows=(AffectedRows("information_unit", 60), AffectedRows("unit_version", 60)),
)
VERIFIED = VerifierClaim(
    run_id=EXECUTED.run_id,
    document_id=EXECUTED.document_id,
    executor_envelope_sha256="06" * 32,
    root_from_database=ROOT,
    root_from_source=ROOT,
    tree_size=60,
    checks=(CheckResult("all_draft", held=True),),
)


@pytest.mark.parametrize("simulated", [False, True])
def test_statements_are_read_back_as_their_claims(*, simulated: bool):
    executed = executor_statement(EXECUTED, simulated=simulated)
    verified = verifier_statement(VERIFIED, simulated=simulated)
    assert parse_executor_statement(executed, simulated=simulated) == EXECUTED
    assert parse_verifier_statement(verified, simulated=simulated) == VERIFIED
    for data in (executed, verified):
        assert canonical_bytes(json.loads(data)) == data


def test_nothing_simulated_passes_for_live_nor_live_for_simulated():
    for said, asked in ((True, False), (False, True)):
        with pytest.raises(StopEvidenceMismatch):
            parse_executor_statement(executor_statement(EXECUTED, simulated=said), simulated=asked)
        with pytest.raises(StopEvidenceMismatch):
            parse_verifier_statement(verifier_statement(VERIFIED, simulated=said), simulated=asked)


def test_an_executors_statement_is_not_a_verifiers():
    with pytest.raises(StopEvidenceMismatch):
        parse_verifier_statement(executor_statement(EXECUTED, simulated=False), simulated=False)
    with pytest.raises(StopEvidenceMismatch):
        parse_executor_statement(verifier_statement(VERIFIED, simulated=False), simulated=False)


def test_the_four_kinds_have_four_uris():
    kinds = {
        json.loads(data)["predicateType"]
        for simulated in (False, True)
        for data in (
            executor_statement(EXECUTED, simulated=simulated),
            verifier_statement(VERIFIED, simulated=simulated),
        )
    }
    assert kinds == {kind.value for kind in PredicateType}
    assert len(kinds) == 4


def test_the_executors_subject_is_the_manifest():
    statement = json.loads(executor_statement(EXECUTED, simulated=False))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"] == [
        {
            "name": "manifest:ICX-CONST",
            "digest": {"rfc9162-sha256": ROOT},
            "annotations": {"leaves": 60},
        }
    ]


def test_the_verifiers_subjects_are_the_envelope_and_its_own_root():
    statement = json.loads(verifier_statement(VERIFIED, simulated=False))
    assert [subject["digest"] for subject in statement["subject"]] == [
        {"sha256": "06" * 32},
        {"rfc9162-sha256": ROOT},
    ]
    assert statement["predicate"]["verdict"] == "pass"


@pytest.mark.parametrize(
    "claim",
    [
        replace(VERIFIED, root_from_database=OTHER_ROOT),
        replace(VERIFIED, root_from_source=OTHER_ROOT),
        replace(VERIFIED, checks=(*VERIFIED.checks, CheckResult("parents_resolve", held=False))),
        replace(VERIFIED, checks=()),
    ],
)
def test_a_verdict_follows_from_what_was_found(claim: VerifierClaim):
    data = verifier_statement(claim, simulated=False)
    assert not claim.passed
    assert json.loads(data)["predicate"]["verdict"] == "fail"
    assert not parse_verifier_statement(data, simulated=False).passed


def edited(data: bytes, *path: str | int, value: object) -> bytes:
    statement = json.loads(data)
    place = statement
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return canonical_bytes(statement)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("_type",), "https://in-toto.io/Statement/v0.1"),
        (("predicateType",), "https://example.com/other"),
        (("predicate",), 1),
        (("predicate", "verdict"), "fail"),
        (("predicate", "tree_size"), 61),
        (("predicate", "tree_size"), "60"),
        (("predicate", "root_from_source"), OTHER_ROOT),
        (("predicate", "note"), "more"),
        (("subject", 0, "digest", "sha256"), "07" * 32),
        (("subject", 1, "annotations", "leaves"), 61),
        (("subject", 1, "name"), "manifest:OTHER"),
        (("subject",), []),
        (("extra",), 1),
    ],
)
def test_a_statement_that_contradicts_itself_is_refused(path: tuple[str | int, ...], value: object):
    good = verifier_statement(VERIFIED, simulated=False)
    with pytest.raises(StopEvidenceMismatch):
        parse_verifier_statement(edited(good, *path, value=value), simulated=False)


@pytest.mark.parametrize("data", [b"", b"{", b'{"predicate":1.5}'])
def test_what_is_no_canonical_json_is_refused(data: bytes):
    with pytest.raises(StopRefusedInput):
        parse_executor_statement(data, simulated=False)


@pytest.mark.parametrize("data", [b"[]", b"{}", b'"x"', b'{"predicate":[]}'])
def test_what_is_no_statement_is_refused(data: bytes):
    with pytest.raises(StopEvidenceMismatch):
        parse_executor_statement(data, simulated=False)
