"""A bundle shows how its trust policy came to count: each version signed as the one before it asks."""

from dataclasses import replace

import pytest

from cutter_agent.bootstrap.evidence import check_bundle
from cutter_agent.evidence.archive import pack, unpack
from cutter_agent.evidence.bundle import (
    BundleContents,
    EarlierPolicy,
    bundle_files,
    read_bundle,
    write_bundle,
)
from cutter_agent.evidence.bundle_check import BundleCheck
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.orchestrator.policy import (
    POLICY_SCHEMA,
    EnrolledKey,
    GateRule,
    Person,
    TrustPolicy,
)
from cutter_agent.orchestrator.states import Gate
from forge.approvals import FileKey
from forge.bundles import DATA, GOOD, policy_signed

KEYS = {name: FileKey(name.encode().ljust(32, b"\0")) for name in ("anna", "binh", "chi", "dung")}
FIRST, SECOND, THIRD = "2029-01-01T00:00:00Z", "2029-02-01T00:00:00Z", "2029-03-01T00:00:00Z"
FILES_BEFORE_THE_CHAIN = "18359c3ea968db6bcdc28c4c2587af015a1a5f16d5b57324eaa7caeb3d4f7667"
"""SHA-256 of the digests file of the forged bundle, as it was made before bundles carried the chain."""


def policy(version: int, threshold: int, *persons: str, until: str | None = None) -> TrustPolicy:
    """The persons, `threshold` of them at every gate; the last one's key counts until then."""
    windows = dict.fromkeys(persons) | {persons[-1]: until}
    return TrustPolicy(
        schema=POLICY_SCHEMA,
        version=version,
        deployment="1:2",
        persons=tuple(
            Person(name, (EnrolledKey(KEYS[name].line, None, windows[name], None),))
            for name in persons
        ),
        gates=tuple(GateRule(gate, threshold, persons, False) for gate in Gate),
        sg1_approver_may_approve_sg2=False,
    )


def step(made: TrustPolicy, accepted_utc: str, *signers: str) -> EarlierPolicy:
    keys = {name: KEYS.get(name) or FileKey() for name in signers}
    return EarlierPolicy(made.canonical, policy_signed(made.canonical, **keys), accepted_utc)


ONE = step(policy(1, 2, "anna", "binh"), FIRST, "anna", "binh")
TWO = step(policy(2, 1, "anna", "chi"), SECOND, "anna", "binh")
THREE = step(policy(3, 1, "chi", "dung"), THIRD, "chi")


def bundle(*steps: EarlierPolicy) -> BundleContents:
    """A bundle whose run began under the last of these policies."""
    *earlier, own = steps
    return replace(
        GOOD,
        policy=own.body,
        policy_signatures=own.signatures,
        policy_accepted_utc=own.accepted_utc,
        earlier_policies=tuple(earlier),
    )


def chain(contents: BundleContents | bytes) -> BundleCheck:
    data = contents if isinstance(contents, bytes) else write_bundle(contents)
    (found,) = (check for check in check_bundle(data) if check.id == "policy_chain_is_signed")
    return found


@pytest.mark.parametrize("steps", [(ONE,), (ONE, TWO), (ONE, TWO, THREE)])
def test_a_chain_that_was_signed_holds_and_reads_back(steps: tuple[EarlierPolicy, ...]) -> None:
    contents = bundle(*steps)
    found = chain(contents)
    assert (found.held, found.because.startswith(f"versions 1 to {len(steps)} ")) == (True, True)
    assert read_bundle(write_bundle(contents)) == contents


CHEATS = {
    "a link is missing": ((ONE, THREE), "is version 3"),
    "the first is missing": ((TWO, THREE), "is version 2"),
    "all earlier ones are missing": ((THREE,), "is version 3"),
    "an older version came back": (
        (ONE, TWO, THREE, replace(TWO, accepted_utc=THIRD)),
        "is version 2",
    ),
    "a version comes twice": ((ONE, ONE), "is version 1"),
    "the first lacks one of its persons": (
        (step(policy(1, 1, "anna", "binh"), FIRST, "anna"), TWO),
        "binh has not signed",
    ),
    "the second is signed by its own persons alone": (
        (ONE, step(policy(2, 1, "anna", "chi"), SECOND, "anna", "chi"), THREE),
        "of version 1 has 1 of 2",
    ),
    "the third is signed by its own new person alone": (
        (ONE, TWO, step(policy(3, 1, "chi", "dung"), THIRD, "dung")),
        "of version 2 has 0 of 1",
    ),
    "the third is signed by persons of the second alone": (
        (ONE, TWO, step(policy(3, 1, "chi", "dung"), THIRD, "anna")),
        "of version 3 has 0 of 1",
    ),
    "a version is signed by nobody": ((ONE, replace(TWO, signatures=()), THREE), "lacks"),
    "a version carries the signatures of another": (
        (ONE, replace(TWO, signatures=ONE.signatures), THREE),
        "",
    ),
    "a stranger signed too": (
        (ONE, step(policy(2, 1, "anna", "chi"), SECOND, "anna", "binh", "eva"), THREE),
        "is nobody's",
    ),
    "a key was over when the next version was accepted": (
        (step(policy(1, 2, "anna", "binh", until=FIRST), FIRST, "anna", "binh"), TWO),
        "is nobody's",
    ),
    "a later version was accepted earlier": (
        (replace(ONE, accepted_utc=THIRD), TWO),
        f"accepted at {SECOND}",
    ),
    "a version was accepted at no time": ((replace(ONE, accepted_utc="once"), TWO), "at once"),
    "a version is no policy": ((replace(ONE, body=b"{}"), TWO), ""),
}


@pytest.mark.parametrize("name", CHEATS)
def test_a_chain_with_a_fault_fails_in_its_own_check(name: str) -> None:
    steps, because = CHEATS[name]
    found = chain(bundle(*steps))
    assert not found.held
    assert because in found.because


def test_a_bundle_from_before_the_chain_has_the_same_bytes_and_says_what_it_does_not_show() -> None:
    files = bundle_files(GOOD)
    assert sha256_hex(files["MANIFEST.sha256"]) == FILES_BEFORE_THE_CHAIN
    assert b"polic" not in files["bundle.json"].replace(b"policy_signers", b"")
    found = chain(DATA)
    assert found.held
    assert found.because.startswith("weaker: the bundle has the run's policy alone")


def test_an_earlier_policy_cannot_be_left_out_of_the_archive_or_changed_in_it() -> None:
    data = write_bundle(bundle(ONE, TWO, THREE))
    for name in ("trust/policy-1.json", "trust/policy-2.json.binh.sig"):
        for change in (None, b"{}"):
            files = unpack(data)
            del files[name]
            if change is not None:
                files[name] = change
            checks = check_bundle(pack(files))
            assert [(check.id, check.held) for check in checks] == [("bundle_whole", False)]
