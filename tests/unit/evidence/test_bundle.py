"""A bundle convinces a stranger: its own README's commands, and a cheat for every check."""

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cutter_agent.errors import StopEvidenceMismatch, StopRefusedInput
from cutter_agent.evidence.archive import pack, unpack
from cutter_agent.evidence.bundle import (
    BundleContents,
    bundle_files,
    read_bundle,
    write_bundle,
)
from cutter_agent.evidence.bundle_check import BundleCheck, KnownKeys, request_header, verify_bundle
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.evidence.statement import (
    ApprovalUse,
    CheckResult,
    ExecutorClaim,
)
from forge.approvals import FileKey
from forge.bundles import (
    ANNA,
    BINH,
    CLAIM,
    DATA,
    EXECUTOR,
    GOOD,
    POLICY,
    REQUEST,
    REQUEST_NAME,
    ROOT,
    RUN,
    STRANGER,
    UNITS,
    VERIFIER,
    executed,
    log_entries,
    log_growth,
    log_note,
    log_tree,
    policy_signed,
    request_body,
    signed,
    signer,
    verified,
)


def resealed(claim: ExecutorClaim, **changed: object) -> BundleContents:
    """The bundle of an executor who claims something else, with a verifier who agrees."""
    envelope = executed(claim)
    return replace(
        GOOD, executor_envelope=envelope, verifier_envelope=verified(envelope, **changed)
    )


def failed(contents: BundleContents | bytes, **known: object) -> set[str]:
    data = contents if isinstance(contents, bytes) else write_bundle(contents)
    return {check.id for check in verify_bundle(data, **known) if not check.held}


def test_a_good_bundle_holds_in_every_check():
    checks = verify_bundle(DATA)
    assert [check for check in checks if not check.held] == []
    assert len(checks) == 13
    assert (
        BundleCheck(
            "units_are_the_manifests", True, f"7 unit records have the signed root {ROOT[:16]}"
        )
        in checks
    )


def test_the_same_contents_give_the_same_bytes_and_read_back():
    assert write_bundle(replace(GOOD)) == DATA
    assert read_bundle(DATA) == GOOD


def simulated_bundle() -> BundleContents:
    claim = replace(CLAIM, approvals=(ApprovalUse("SG_1_cut_authz", "07" * 32, ("simulated",)),))
    envelope = executed(claim, simulated=True)
    sealed = verified(envelope, simulated=True)
    return replace(
        GOOD,
        simulated=True,
        executor_envelope=envelope,
        verifier_envelope=sealed,
        requests=(replace(REQUEST, signatures=()),),
        signers=(),
        log_key=None,
        log_entries=(),
        log_growth=(),
        policy_signatures=(),
    )


def test_a_simulated_bundle_holds_and_says_what_it_is():
    contents = simulated_bundle()
    assert failed(contents) == set()
    readme = bundle_files(contents)["README.md"].decode()
    assert "SIMULATED" in readme
    assert "Nobody signed" in readme
    assert "SIMULATED" not in bundle_files(GOOD)["README.md"].decode()


CHEATS: list[tuple[str, BundleContents, set[str]]] = [
    (
        "a dry run shown as live",
        replace(simulated_bundle(), simulated=False),
        {
            "executor_signed",
            "verifier_signed",
            "verifier_passed",
            "units_are_the_manifests",
            "plan_is_the_signed_one",
            "policy_is_the_signed_one",
            "policy_was_signed",
            "requests_are_this_runs",
            "approvals_are_there",
        },
    ),
    (
        "one letter of a unit edited",
        replace(GOOD, unit_records=(UNITS[0].replace(b"DIEU-1", b"DIEU-9"), *UNITS[1:])),
        {"units_are_the_manifests"},
    ),
    ("a unit dropped", replace(GOOD, unit_records=UNITS[:-1]), {"units_are_the_manifests"}),
    (
        "units in another order",
        replace(GOOD, unit_records=(UNITS[1], UNITS[0], *UNITS[2:])),
        {"units_are_the_manifests"},
    ),
    ("the plan swapped", replace(GOOD, plan=b"other"), {"plan_is_the_signed_one"}),
    (
        "the policy edited",
        replace(GOOD, policy=POLICY + b" "),
        {"policy_is_the_signed_one", "policy_was_signed"},
    ),
    (
        "a policy that nobody signed",
        replace(GOOD, policy_signatures=()),
        {"policy_was_signed"},
    ),
    (
        "a policy signed by strangers alone",
        replace(GOOD, policy_signatures=policy_signed(chi=FileKey())),
        {"policy_was_signed"},
    ),
    (
        "a policy signed with another key under a person's name",
        replace(GOOD, policy_signatures=policy_signed(anna=FileKey(), binh=BINH)),
        {"policy_was_signed"},
    ),
    (
        "one key for both machines",
        replace(
            GOOD,
            verifier_key=EXECUTOR.public_raw,
            verifier_envelope=verified(executed(), by=EXECUTOR),
        ),
        {"verifier_signed"},
    ),
    (
        "another executor's envelope verified",
        replace(GOOD, verifier_envelope=verified(executed(by=STRANGER))),
        {"verifier_passed"},
    ),
    (
        "a failed verification",
        replace(
            GOOD, verifier_envelope=verified(executed(), checks=(CheckResult("all_draft", False),))
        ),
        {"verifier_passed"},
    ),
    (
        "a verifier who saw another root",
        replace(
            GOOD,
            verifier_envelope=verified(
                executed(), root_from_source="ab" * 32, root_from_database="ab" * 32
            ),
        ),
        {"verifier_passed"},
    ),
    (
        "a verifier of another run",
        replace(
            GOOD, verifier_envelope=verified(executed(), run_id="ictr-20300101T000000Z-00000002")
        ),
        {"verifier_signed"},
    ),
    (
        "another run's bundle",
        replace(GOOD, run_id="ictr-x"),
        {"executor_signed", "verifier_signed"},
    ),
    ("another document's bundle", replace(GOOD, document_id="X"), {"executor_signed"}),
    (
        "an envelope under a stranger's key",
        replace(GOOD, executor_key=STRANGER.public_raw),
        {
            "executor_signed",
            "verifier_passed",
            "units_are_the_manifests",
            "plan_is_the_signed_one",
            "policy_is_the_signed_one",
            "requests_are_this_runs",
            "approvals_are_there",
        },
    ),
    (
        "a signature over another request",
        replace(GOOD, requests=(replace(REQUEST, body=request_body(scope="more")),)),
        {"signatures_verify", "approvals_are_there"},
    ),
    (
        "a signature of a key that nobody enrolled",
        replace(GOOD, requests=(signed(request_body(), anna=FileKey(), binh=BINH),)),
        {"signatures_verify", "approvals_are_there"},
    ),
    (
        "one person's key under another's name",
        replace(GOOD, requests=(signed(request_body(), anna=ANNA, binh=ANNA),)),
        {"signatures_verify", "approvals_are_there"},
    ),
    (
        "a key that was over when the request was issued",
        replace(GOOD, signers=(signer("anna", ANNA, until=2030), signer("binh", BINH))),
        {"signatures_verify", "approvals_are_there"},
    ),
    (
        "one of two approvers missing",
        replace(GOOD, requests=(replace(REQUEST, signatures=REQUEST.signatures[:1]),)),
        {"approvals_are_there"},
    ),
    (
        "a refusal shown as an approval",
        replace(GOOD, requests=(signed(request_body(), refused=True, anna=ANNA, binh=BINH),)),
        {"approvals_are_there"},
    ),
    ("no request at all", replace(GOOD, requests=()), {"approvals_are_there"}),
    (
        "a live run that names no approval",
        resealed(replace(CLAIM, approvals=())),
        {"approvals_are_there"},
    ),
    (
        "an approval by nobody",
        resealed(replace(CLAIM, approvals=(replace(CLAIM.approvals[0], persons=()),))),
        {"approvals_are_there"},
    ),
    (
        "an approval of another gate",
        resealed(
            replace(CLAIM, approvals=(replace(CLAIM.approvals[0], gate="SG_2_lifecycle_authz"),))
        ),
        {"approvals_are_there"},
    ),
    (
        "a request of another run",
        replace(
            GOOD,
            requests=(
                REQUEST,
                replace(signed(request_body(run_id="ictr-x"), anna=ANNA), name="SG2.md"),
            ),
        ),
        {"requests_are_this_runs"},
    ),
    (
        "a request for another root",
        replace(
            GOOD,
            requests=(
                REQUEST,
                replace(signed(request_body(manifest_root="00"), anna=ANNA), name="SG2.md"),
            ),
        ),
        {"requests_are_this_runs"},
    ),
    (
        "a log head that the log did not sign",
        replace(GOOD, log_entries=log_entries(by=STRANGER)),
        {"log_holds_the_entries"},
    ),
    (
        "a log entry edited",
        replace(GOOD, log_entries=(replace(GOOD.log_entries[0], record=b"{}"),)),
        {"log_holds_the_entries"},
    ),
    (
        "a log without its key",
        replace(GOOD, log_key=None),
        {"log_holds_the_entries", "log_only_grew"},
    ),
    (
        "a log rewritten since the request",
        replace(GOOD, log_growth=log_growth(log_note(3), log_tree(first=b"edited"))),
        {"log_only_grew"},
    ),
    (
        "an older head that the log did not sign",
        replace(GOOD, log_growth=log_growth(log_note(3, by=STRANGER))),
        {"log_only_grew"},
    ),
]


@pytest.mark.parametrize(
    ("contents", "expected"), [row[1:] for row in CHEATS], ids=[row[0] for row in CHEATS]
)
def test_a_cheat_fails_in_the_check_that_is_for_it(contents: BundleContents, expected: set[str]):
    assert failed(contents) == expected


def test_a_whole_bundle_under_other_keys_agrees_with_itself_and_fails_against_known_keys():
    known = KnownKeys(EXECUTOR.key_id, VERIFIER.key_id, sha256_hex(POLICY), GOOD.log_key.line)
    assert failed(GOOD, known=known) == set()
    forged = replace(
        GOOD,
        executor_envelope=executed(by=STRANGER),
        executor_key=STRANGER.public_raw,
        verifier_envelope=verified(executed(by=STRANGER)),
    )
    assert failed(forged) == set()
    assert failed(forged, known=known) == {"keys_are_the_known_ones"}
    for name in ("verifier_key_id", "policy_sha256", "log_key"):
        assert failed(GOOD, known=KnownKeys(**{name: "other"})) == {"keys_are_the_known_ones"}
    assert failed(GOOD, known=KnownKeys()) == {"keys_are_the_known_ones"}


def test_the_allowed_signers_are_held_against_the_policy():
    assert failed(GOOD, signers_of=lambda policy: GOOD.signers if policy == POLICY else ()) == set()
    assert failed(GOOD, signers_of=lambda _: GOOD.signers[:1]) == {"signers_are_the_policys"}


FileChange = Callable[[dict[str, bytes]], object]
CHANGES: list[tuple[str, FileChange]] = [
    ("a file added", lambda files: files.update({"note.txt": b"x"})),
    (
        "a document edited",
        lambda files: files.update({"documents/01-source-pin-2030-01-01.md": b""}),
    ),
    ("a document lost", lambda files: files.pop("documents/01-source-pin-2030-01-01.md")),
    ("the README edited", lambda files: files.update({"README.md": b"all is well\n"})),
    ("the digests lost", lambda files: files.pop("MANIFEST.sha256")),
    ("a payload edited", lambda files: files.update({"statements/executor.json": b"{}"})),
    (
        "signed bytes swapped",
        lambda files: files.update({"statements/executor.pae": files["statements/verifier.pae"]}),
    ),
    ("a signature lost", lambda files: files.pop(f"requests/{REQUEST_NAME}.anna.sig")),
    ("a key lost", lambda files: files.pop("keys/executor.pem")),
    ("a key that is none", lambda files: files.update({"keys/executor.pem": b"\xff"})),
    (
        "an envelope that is none",
        lambda files: files.update({"statements/executor.dsse.json": b"{}"}),
    ),
    (
        "units without a last line end",
        lambda files: files.update({"units.jsonl": files["units.jsonl"][:-1]}),
    ),
    ("the index lost", lambda files: files.pop("bundle.json")),
    (
        "another schema",
        lambda files: files.update(
            {"bundle.json": files["bundle.json"].replace(b"bundle/1", b"bundle/2")}
        ),
    ),
    ("a log key that is none", lambda files: files.update({"keys/log.vkey": b"x\n"})),
    (
        "signers that are none",
        lambda files: files.update({"trust/allowed_signers": b"* ssh-ed25519 A\n"}),
    ),
]


@pytest.mark.parametrize("change", [row[1] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_a_changed_file_is_found_even_when_the_archive_is_made_anew(change: FileChange):
    files = unpack(DATA)
    change(files)
    checks = verify_bundle(pack(files))
    assert [(check.id, check.held) for check in checks] == [("bundle_whole", False)]


def test_a_bundle_of_another_schema_says_so():
    files = unpack(DATA)
    files["bundle.json"] = files["bundle.json"].replace(b"bundle/1", b"bundle/2")
    [check] = verify_bundle(pack(files))
    assert "cutter.evidence-bundle/2" in check.because


def test_no_bit_of_a_bundle_can_be_changed():
    for place in range(0, len(DATA), 97):
        changed = DATA[:place] + bytes([DATA[place] ^ 1]) + DATA[place + 1 :]
        assert failed(changed) == {"bundle_whole"}


@pytest.mark.parametrize(
    "contents",
    [
        replace(GOOD, unit_records=(b"two\nlines",)),
        replace(GOOD, documents={"../evil": b""}),
        replace(GOOD, requests=(REQUEST, replace(REQUEST, body=b"other"))),
    ],
)
def test_contents_that_have_no_bundle_are_refused(contents: BundleContents):
    with pytest.raises(StopRefusedInput):
        write_bundle(contents)


def test_a_request_header_is_strict():
    assert request_header(request_body())["run_id"] == RUN
    for body in (
        b"",
        b"run_id: x\n",
        b"run_id\n\n---\n",
        b"a: 1\na: 2\n\n---\n",
        b"a: 1\n" * 200 + b"\n---\n",
    ):
        with pytest.raises(StopEvidenceMismatch):
            request_header(body)


def test_a_request_header_has_at_most_a_hundred_lines():
    lines = [f"key_{number}: value\n" for number in range(101)]
    assert len(request_header("".join([*lines[:100], "\n---\n"]).encode())) == 100
    with pytest.raises(StopEvidenceMismatch, match="above its rule"):
        request_header("".join([*lines, "\n---\n"]).encode())


def readme_blocks(readme: str) -> list[str]:
    return re.findall(r"```sh\n(.*?)```", readme, re.DOTALL)


@pytest.fixture
def stranger(tmp_path: Path) -> Callable[[BundleContents], list[int]]:
    """Unpacks a bundle and runs every block of its README; the exit status of each."""
    for tool in ("bash", "ssh-keygen", "openssl", "sha256sum"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")

    def run(contents: BundleContents) -> list[int]:
        files = bundle_files(contents)
        for name, body in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)
        return [
            subprocess.run(
                ["bash", "-euo", "pipefail", "-c", block],
                cwd=tmp_path,
                capture_output=True,
                check=False,
                timeout=60,
            ).returncode
            for block in readme_blocks(files["README.md"].decode())
        ]

    return run


def test_a_stranger_can_check_with_the_readme_alone(
    stranger: Callable[[BundleContents], list[int]],
):
    assert stranger(GOOD) == [0] * 9


@pytest.mark.parametrize(
    ("contents", "block"),
    [
        (replace(GOOD, requests=(replace(REQUEST, body=request_body(scope="x")),)), 1),
        (replace(GOOD, signers=(signer("anna", ANNA, until=2030), signer("binh", BINH))), 1),
        (replace(GOOD, executor_key=STRANGER.public_raw), 3),
        (replace(GOOD, verifier_envelope=verified(executed(by=STRANGER))), 4),
        (replace(GOOD, unit_records=UNITS[:-1]), 5),
        (replace(GOOD, plan=b"other"), 6),
        (replace(GOOD, policy=b"other", policy_signatures=policy_signed(b"other", anna=ANNA)), 6),
        (replace(GOOD, policy_signatures=policy_signed(b"other", anna=ANNA)), 8),
    ],
)
def test_the_readmes_commands_fail_where_the_evidence_fails(
    stranger: Callable[[BundleContents], list[int]], contents: BundleContents, block: int
):
    status = stranger(contents)
    assert status[block] != 0
    assert [place for place, code in enumerate(status) if code] == [block]
