"""What a bundle proves, check by check, without a database and without a network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from cutter_agent.errors import Stop, StopEvidenceMismatch
from cutter_agent.evidence.allowed_signers import AllowedSigner
from cutter_agent.evidence.bundle import BundleContents, SignedRequest, read_bundle
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.evidence.checkpoint import verify_checkpoint, verify_newer, verify_record
from cutter_agent.evidence.dsse import IN_TOTO_PAYLOAD_TYPE, verify_envelope
from cutter_agent.evidence.ed25519 import key_id
from cutter_agent.evidence.merkle import leaf_hash, tree_root
from cutter_agent.evidence.sshsig import (
    APPROVAL_NAMESPACE,
    POLICY_NAMESPACE,
    REJECT_NAMESPACE,
    verify,
)
from cutter_agent.evidence.statement import (
    ExecutorClaim,
    VerifierClaim,
    parse_executor_statement,
    parse_verifier_statement,
)

HEADER_RULE: Final = b"\n---\n"
HEADER_LINES_MAX: Final = 100
CHECK_NOT_MADE: Final = "the check could not be made: "
"""How the finding of a check begins that broke on what stands in the bundle: it did not hold."""
NOT_YET: Final = "none"
"""What a header says of a fact that the run did not have when it asked."""


@dataclass(frozen=True, slots=True)
class BundleCheck:
    """One thing that was looked at: whether it held, and what was found."""

    id: str
    held: bool
    because: str


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """What the reader knows from elsewhere; None where the reader knows nothing.

    Without them a bundle can only agree with itself: whoever makes keys can make a whole bundle.
    """

    executor_key_id: str | None = None
    verifier_key_id: str | None = None
    policy_sha256: str | None = None
    log_key: str | None = None


SignersOf = Callable[[bytes], tuple[AllowedSigner, ...]]
"""Makes the allowed signers out of a trust policy's bytes."""


def verify_bundle(
    data: bytes, *, known: KnownKeys | None = None, signers_of: SignersOf | None = None
) -> tuple[BundleCheck, ...]:
    """Every check of the bundle with its result; never an exception for what stands in the bundle.

    Args:
        data: the archive.
        known: keys and policy that the reader trusts; given, they must be the bundle's.
        signers_of: makes allowed signers of a policy; given, the bundle's must be the policy's.
    """
    try:
        contents = read_bundle(data)
    except Stop as stop:
        return (BundleCheck("bundle_whole", held=False, because=stop.fact),)
    checks = [BundleCheck("bundle_whole", held=True, because="every file is as it was written")]
    for name, check in _CHECKS:
        checks.append(check_result(name, partial(check, contents)))
    if signers_of is not None:
        agree = partial(_signers_agree, contents, signers_of)
        checks.append(check_result("signers_are_the_policys", agree))
    if known is not None:
        checks.append(check_result("keys_are_the_known_ones", partial(_known, contents, known)))
    return tuple(checks)


def request_header(body: bytes) -> dict[str, str]:
    """The `key: value` lines before the rule of a request.

    Raises:
        StopEvidenceMismatch: there is no rule, a line of another form, or a key twice.
    """
    head, rule, _ = body.partition(HEADER_RULE)
    lines = head.removesuffix(b"\n").split(b"\n")
    if not rule or len(lines) > HEADER_LINES_MAX:
        raise StopEvidenceMismatch("a request has no header of key: value lines above its rule")
    header: dict[str, str] = {}
    for line in lines:
        key, colon, value = line.decode("utf-8", "replace").partition(": ")
        if not colon or key in header:
            raise StopEvidenceMismatch(f"a request's header has the line {line[:60]!r}")
        header[key] = value
    return header


def check_result(name: str, check: Callable[[], str]) -> BundleCheck:
    """The result of one check; whatever a bundle can make it raise is a check that did not hold."""
    try:
        return BundleCheck(name, held=True, because=check())
    except Stop as stop:
        return BundleCheck(name, held=False, because=stop.fact)
    except Exception as error:  # noqa: BLE001 - a check that cannot be made has not held
        because = f"{CHECK_NOT_MADE}{type(error).__name__}: {error}"
        return BundleCheck(name, held=False, because=because)


def _executor(contents: BundleContents) -> ExecutorClaim:
    payload = verify_envelope(
        contents.executor_envelope,
        payload_type=IN_TOTO_PAYLOAD_TYPE,
        keys=[contents.executor_key],
    )
    return parse_executor_statement(payload, simulated=contents.simulated)


def _verifier(contents: BundleContents) -> VerifierClaim:
    payload = verify_envelope(
        contents.verifier_envelope,
        payload_type=IN_TOTO_PAYLOAD_TYPE,
        keys=[contents.verifier_key],
    )
    return parse_verifier_statement(payload, simulated=contents.simulated)


def _executor_signed(contents: BundleContents) -> str:
    claim = _executor(contents)
    _equal("run of the executor's statement", claim.run_id, contents.run_id)
    _equal("document of the executor's statement", claim.document_id, contents.document_id)
    return f"the executor's key {key_id(contents.executor_key)[:16]} signed its statement"


def _verifier_signed(contents: BundleContents) -> str:
    claim = _verifier(contents)
    _equal("run of the verifier's statement", claim.run_id, contents.run_id)
    if contents.verifier_key == contents.executor_key:
        raise StopEvidenceMismatch("executor and verifier have one key")
    return f"the verifier's key {key_id(contents.verifier_key)[:16]} signed its statement"


def _verifier_passed(contents: BundleContents) -> str:
    executed, verified = _executor(contents), _verifier(contents)
    envelope = sha256_hex(contents.executor_envelope)
    _equal("envelope that was verified", verified.executor_envelope_sha256, envelope)
    _equal("root that was verified", verified.root_from_source, executed.manifest_root)
    _equal("tree size that was verified", str(verified.tree_size), str(executed.tree_size))
    if not verified.passed:
        failed = [check.name for check in verified.checks if not check.held]
        raise StopEvidenceMismatch(f"the verifier's verdict is fail: {', '.join(failed)}")
    return f"the verifier found the same root from the source bytes; {len(verified.checks)} checks"


def _units_are_the_manifests(contents: BundleContents) -> str:
    claim = _executor(contents)
    root = tree_root([leaf_hash(record) for record in contents.unit_records]).hex()
    _equal("number of unit records", str(len(contents.unit_records)), str(claim.tree_size))
    _equal("root of the unit records", root, claim.manifest_root)
    return f"{claim.tree_size} unit records have the signed root {root[:16]}"


def _plan_is_the_signed_one(contents: BundleContents) -> str:
    _equal("digest of the plan", sha256_hex(contents.plan), _executor(contents).plan_sha256)
    return "the plan has the digest that was signed"


def _policy_is_the_signed_one(contents: BundleContents) -> str:
    digest = sha256_hex(contents.policy)
    _equal("digest of the trust policy", digest, _executor(contents).policy_sha256)
    return "the trust policy has the digest that was signed"


def _policy_was_signed(contents: BundleContents) -> str:
    """Who brought the policy in; a person of the policy before may not be one of it any more."""
    enrolled: list[str] = []
    others: list[str] = []
    for each in contents.policy_signatures:
        key = verify(each.armor, contents.policy, namespace=POLICY_NAMESPACE).public_key
        theirs = [one.key for one in contents.signers if one.person == each.person]
        if theirs and key not in theirs:
            raise StopEvidenceMismatch(f"{key.fingerprint} is not a key of {each.person}")
        (enrolled if theirs else others).append(each.person)
    if not enrolled and not contents.simulated:
        raise StopEvidenceMismatch("nobody whom the trust policy names has signed it")
    earlier = f", of an earlier one {', '.join(others)}" if others else ""
    return f"signed by {', '.join(enrolled) or 'nobody'}{earlier}"


def _requests_are_this_runs(contents: BundleContents) -> str:
    claim = _executor(contents)
    for request in contents.requests:
        header = request_header(request.body)
        # A run that failed early was decided on before it had a plan; what it names must be true.
        early = "decision" in header
        for field, expected in (
            ("run_id", claim.run_id),
            ("document_id", claim.document_id),
            ("plan_sha256", claim.plan_sha256),
            ("manifest_root", claim.manifest_root),
            ("tree_size", str(claim.tree_size)),
            ("policy_sha256", claim.policy_sha256),
        ):
            found = header.get(field, "missing")
            if not (early and found == NOT_YET):
                _equal(f"{field} of {request.name}", found, expected)
    return f"{len(contents.requests)} requests name this run, its plan, its root and its policy"


def _signatures_verify(contents: BundleContents) -> str:
    count = sum(len(_signers(contents, request)) for request in contents.requests)
    return f"{count} signatures of persons fit their requests"


def _approvals_are_there(contents: BundleContents) -> str:
    claim = _executor(contents)
    if contents.simulated:
        return "a simulated run needs nobody's signature"
    if not claim.approvals:
        raise StopEvidenceMismatch("a live run without an approval")
    by_digest = {sha256_hex(each.body): each for each in contents.requests if not each.refused}
    for approval in claim.approvals:
        request = by_digest.get(approval.request_sha256)
        if request is None:
            raise StopEvidenceMismatch(f"no request with the approved digest of {approval.gate}")
        _equal("gate of the approval", request_header(request.body).get("gate", ""), approval.gate)
        absent = sorted(set(approval.persons) - set(_signers(contents, request)))
        if absent or not approval.persons:
            raise StopEvidenceMismatch(f"no signature of {', '.join(absent) or 'anybody'}")
    return f"{len(claim.approvals)} approvals are signed by the persons that the run names"


def _log_holds_the_entries(contents: BundleContents) -> str:
    if not contents.log_entries:
        return "the bundle has no entries of a log"
    if contents.log_key is None:
        raise StopEvidenceMismatch("entries of a log without the log's key")
    for entry in contents.log_entries:
        verify_record(entry.record, entry.proof, contents.log_key)
    return f"{len(contents.log_entries)} entries stand under signed heads of the log"


def _log_only_grew(contents: BundleContents) -> str:
    if not contents.log_growth:
        return "the bundle has no older heads of a log"
    if contents.log_key is None:
        raise StopEvidenceMismatch("heads of a log without the log's key")
    for growth in contents.log_growth:
        older = verify_checkpoint(growth.older, contents.log_key)
        verify_newer(older, growth.proof, contents.log_key)
    return f"{len(contents.log_growth)} older heads of the log were only added to"


_CHECKS: Final[tuple[tuple[str, Callable[[BundleContents], str]], ...]] = (
    ("executor_signed", _executor_signed),
    ("verifier_signed", _verifier_signed),
    ("verifier_passed", _verifier_passed),
    ("units_are_the_manifests", _units_are_the_manifests),
    ("plan_is_the_signed_one", _plan_is_the_signed_one),
    ("policy_is_the_signed_one", _policy_is_the_signed_one),
    ("policy_was_signed", _policy_was_signed),
    ("requests_are_this_runs", _requests_are_this_runs),
    ("signatures_verify", _signatures_verify),
    ("approvals_are_there", _approvals_are_there),
    ("log_holds_the_entries", _log_holds_the_entries),
    ("log_only_grew", _log_only_grew),
)


def _signers(contents: BundleContents, request: SignedRequest) -> list[str]:
    """The persons whose signatures fit the request and whose keys were good when it was issued."""
    namespace = REJECT_NAMESPACE if request.refused else APPROVAL_NAMESPACE
    issued = _issued(request)
    persons = []
    for each in request.signatures:
        key = verify(each.armor, request.body, namespace=namespace).public_key
        allowed = [one for one in contents.signers if (one.person, one.key) == (each.person, key)]
        if not any(one.may_sign(namespace, issued) for one in allowed):
            raise StopEvidenceMismatch(
                f"{key.fingerprint} was not a key of {each.person} when {request.name} was issued"
            )
        persons.append(each.person)
    return persons


def _issued(request: SignedRequest) -> datetime:
    stated = request_header(request.body).get("issued_utc", "")
    try:
        if stated.endswith("Z"):
            return datetime.fromisoformat(stated)
    except ValueError:
        pass
    raise StopEvidenceMismatch(f"{request.name} does not say in UTC when it was issued")


def _signers_agree(contents: BundleContents, signers_of: SignersOf) -> str:
    if signers_of(contents.policy) != contents.signers:
        raise StopEvidenceMismatch("the allowed signers are not those of the trust policy")
    return "the allowed signers are those of the trust policy"


def _known(contents: BundleContents, known: KnownKeys) -> str:
    found: Mapping[str, tuple[str | None, str]] = {
        "executor's key": (known.executor_key_id, key_id(contents.executor_key)),
        "verifier's key": (known.verifier_key_id, key_id(contents.verifier_key)),
        "trust policy": (known.policy_sha256, sha256_hex(contents.policy)),
        "log's key": (known.log_key, contents.log_key.line if contents.log_key else "none"),
    }
    compared = {name: pair for name, pair in found.items() if pair[0] is not None}
    if not compared:
        raise StopEvidenceMismatch("no key is known from elsewhere, so nothing can be compared")
    for name, (expected, actual) in compared.items():
        _equal(name, actual, expected or "")
    return f"known from elsewhere and equal: {', '.join(compared)}"


def _equal(what: str, found: str, expected: str) -> None:
    if found != expected:
        raise StopEvidenceMismatch(f"the {what} is {found[:80]}", expected=expected)
