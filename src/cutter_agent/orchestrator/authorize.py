"""authorize: is this an approval of that request, by persons who may, in time, and never used before?

The checks run in one order, each with its own refusal: size and encoding, already consumed, schema and
header, run, gate and nonce, then for each signature (refusals first) the signature itself, the key's owner,
the gate, the key's time and flags, separation of duties; then distinct persons, life. A signature that does
not count is passed over and named, so that whoever can lay a file there cannot hold the run up. The facts,
the trust policy among them, are read again by the runner afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cutter_agent.errors import (
    ApprovalConsumedAlready,
    StopApprovalExpired,
    StopApprovalInvalid,
    StopApprovalRequired,
    StopClock,
    StopRefusedInput,
    StopRejected,
)
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.evidence.sshsig import (
    APPROVAL_NAMESPACE,
    REJECT_NAMESPACE,
    PublicKey,
    verify,
)
from cutter_agent.orchestrator.approval import (
    CLOCK_SKEW_S,
    REQUEST_BYTES_MAX,
    REQUEST_SCHEMA,
    ApprovalRequest,
    parse_request,
    validate_approval_text,
)
from cutter_agent.orchestrator.clock import parse_utc
from cutter_agent.orchestrator.orders import Consumption, OfferedSignature, Refusal
from cutter_agent.orchestrator.pauses.sg_1_cut import AuthorizationRequested
from cutter_agent.orchestrator.policy import Person, TrustPolicy
from cutter_agent.orchestrator.ports import KBReporter, Site
from cutter_agent.orchestrator.signers import check_dates, check_presence, enrolled
from cutter_agent.orchestrator.states import Gate, Mode


@dataclass(frozen=True, slots=True)
class Answer:
    """An approval that holds: what to consume, and who gave it."""

    consumption: Consumption
    simulated: bool
    review_decision_id: str | None
    ignored: tuple[str, ...] = ()
    """Findings: each signature that lay there and does not count, and why."""


class Refused(StopRejected):
    """A person of the gate said no; carries what they signed, so that it is recorded with the stop."""

    def __init__(self, refusal: Refusal) -> None:
        """Name who said no, and to what."""
        super().__init__(
            f"{refusal.person} signed a refusal of {refusal.gate}", run_id=refusal.run_id
        )
        self.refusal = refusal


def refusal_of(stop: BaseException | None) -> Refusal | None:
    """Return the refusal that the stop, or what it came from, carries."""
    while stop is not None and not isinstance(stop, Refused):
        stop = stop.__cause__
    return None if stop is None else stop.refusal


@dataclass(frozen=True, slots=True)
class Asked:
    """The request that waits, and what is known around it."""

    request: AuthorizationRequested
    request_bytes: bytes
    mode: Mode
    starter: str
    sg1_persons: tuple[str, ...]
    sg1_decision: str | None
    earlier: Mapping[str, int]
    """Digests of superseded requests of this pause, and their numbers."""


def authorize(
    reference: str | None,
    asked: Asked,
    *,
    site: Site,
    kb: KBReporter,
    policy: TrustPolicy | None,
    now_utc: datetime,
) -> Answer:
    """Return the answer that holds for the request that waits.

    Args:
        reference: `sha256:<digest of the request>`, a path, or the text of an approval.
        asked: the waiting request.
        site: answers whether an approval was consumed.
        kb: finds files and signatures.
        policy: who may approve; None where the deployment has no trust policy.
        now_utc: the deciding clock's time.

    Raises:
        StopApprovalRequired: nothing was offered, or persons are missing.
        ApprovalConsumedAlready: it was used before.
        StopApprovalInvalid: it does not approve this request.
        StopApprovalExpired: its life is over.
        StopRejected: a person of the gate signed a refusal.
    """
    run_id = asked.request.run_id
    try:
        data = _resolve(reference, asked, site, kb)
        digest = sha256_hex(data)
        _refuse_consumed(digest, site, run_id)
        if not data.startswith(f"schema: {REQUEST_SCHEMA}\n".encode()):
            return _simulated(data, digest, asked, now_utc)
    except StopRefusedInput as refused:
        raise StopApprovalInvalid(
            refused.fact, expected=refused.expected, run_id=run_id
        ) from refused
    header = parse_request(data)
    _check_same_request(header, digest, asked)
    if policy is None:
        raise StopApprovalInvalid(
            "this deployment has no trust policy, so nobody can sign",
            expected="a trust policy: cutter policy propose, cutter policy sign",
            run_id=run_id,
        )
    offered = kb.signatures(run_id, asked.request.document)
    counted, ignored = _judge_signatures(offered, data, asked, policy, now_utc)
    _check_life(asked.request, now_utc)
    persons = tuple(sorted(counted))
    return Answer(
        Consumption(
            request_sha256=digest,
            gate=asked.request.gate,
            run_id=run_id,
            request=data,
            signatures=tuple(counted[name][1] for name in persons),
            persons=persons,
            key_ids=tuple(counted[name][0] for name in persons),
        ),
        simulated=False,
        review_decision_id=asked.request.review_decision_id,
        ignored=ignored,
    )


def _resolve(reference: str | None, asked: Asked, site: Site, kb: KBReporter) -> bytes:
    run_id = asked.request.run_id
    if not reference:
        raise StopApprovalRequired(f"{asked.request.gate} waits for its approval", run_id=run_id)
    if reference.startswith("sha256:"):
        digest = reference.removeprefix("sha256:")
        if digest == asked.request.request_sha256:
            return asked.request_bytes
        _refuse_consumed(digest, site, run_id)
        if digest in asked.earlier:
            raise StopApprovalExpired(
                f"request {asked.earlier[digest]} was replaced by request {asked.request.number}",
                expected=f"sha256:{asked.request.request_sha256}",
                run_id=run_id,
            )
        raise StopApprovalInvalid(
            "no request of this run has this digest",
            expected=f"sha256:{asked.request.request_sha256}",
            run_id=run_id,
        )
    if "\n" in reference:
        return reference.encode("utf-8", "surrogatepass")
    found = kb.fetch_text(reference)
    if found is None:
        raise StopApprovalRequired("the approval file that was named does not exist", run_id=run_id)
    if len(found) > REQUEST_BYTES_MAX:
        raise StopApprovalInvalid("the approval file is too long", run_id=run_id)
    return found


def _refuse_consumed(digest: str, site: Site, run_id: str) -> None:
    spent_by = site.consumed_by(digest)
    if spent_by is not None:
        raise ApprovalConsumedAlready(
            f"run {spent_by} has used sha256:{digest[:16]}…",
            expected="an approval of the request that waits now",
            run_id=run_id,
        )


def _simulated(data: bytes, digest: str, asked: Asked, now_utc: datetime) -> Answer:
    run_id = asked.request.run_id
    if asked.mode is not Mode.DRYRUN:
        raise StopApprovalInvalid(
            "a live run takes only its own request, signed",
            expected=f"sha256:{asked.request.request_sha256}",
            run_id=run_id,
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise StopApprovalInvalid("the approval file is not UTF-8", run_id=run_id) from error
    record = validate_approval_text(
        text,
        gate=asked.request.gate,
        run_id=run_id,
        now_utc=now_utc,
        payload_sha256=asked.request.request_sha256,
    )
    if record.review_decision_id is not None and record.review_decision_id == asked.sg1_decision:
        raise StopApprovalInvalid(
            "review_decision_id is the one of SG_1", expected="a fresh decision", run_id=run_id
        )
    return Answer(
        Consumption(digest, asked.request.gate, run_id, data, (), ("simulated",), ()),
        simulated=True,
        review_decision_id=record.review_decision_id,
    )


def _check_same_request(header: ApprovalRequest, digest: str, asked: Asked) -> None:
    request = asked.request
    for name, found, expected in (
        ("gate", header.gate, request.gate.value),
        ("run_id", header.run_id, request.run_id),
        ("nonce", header.nonce, request.nonce),
        ("mode", header.mode, asked.mode.value),
        ("digest", digest, request.request_sha256),
    ):
        if found != expected:
            raise StopApprovalInvalid(
                f"the {name} of the offered request is {found}",
                expected=expected,
                run_id=request.run_id,
            )


def _check_life(request: AuthorizationRequested, now_utc: datetime) -> None:
    issued, expires = parse_utc(request.issued_utc), parse_utc(request.expires_utc)
    if issued is None or expires is None:
        raise StopApprovalInvalid("the request has no life", run_id=request.run_id)
    if (issued - now_utc).total_seconds() > CLOCK_SKEW_S:
        raise StopClock(
            f"the request was issued at {request.issued_utc}, later than now",
            expected=f"a time after {request.issued_utc}",
            run_id=request.run_id,
        )
    if now_utc > expires:
        raise StopApprovalExpired(
            f"the request expired at {request.expires_utc}",
            expected="a signature on the request that waits now",
            run_id=request.run_id,
        )


def _judge_signatures(
    offered: Sequence[OfferedSignature],
    data: bytes,
    asked: Asked,
    policy: TrustPolicy,
    now_utc: datetime,
) -> tuple[dict[str, tuple[str, OfferedSignature]], tuple[str, ...]]:
    """Return who approves, with key and signature; and a finding for each file that does not count."""
    request = asked.request
    rule = policy.rule(request.gate)
    counted: dict[str, tuple[str, OfferedSignature]] = {}
    faults: list[StopApprovalInvalid] = []
    ignored: list[str] = []
    for signature in sorted(offered, key=lambda each: not each.rejects):
        try:
            person, key_id = _judge(signature, data, asked, policy, now_utc)
        except StopApprovalInvalid as fault:
            faults.append(fault)
            file = f"{signature.person}{'.reject' if signature.rejects else ''}.sig"
            ignored.append(f"signature_ignored: {file} does not count: {fault.fact}")
        else:
            counted.setdefault(person, (key_id, signature))
    if faults and not counted:
        raise faults[0]
    if len(counted) < rule.threshold:
        waiting = ", ".join(sorted(set(rule.persons) - set(counted)))
        raise StopApprovalRequired(
            f"{request.gate} has {len(counted)} of {rule.threshold} signatures",
            expected=f"{rule.threshold - len(counted)} more of {waiting}",
            run_id=request.run_id,
            findings=ignored,
        )
    return counted, tuple(ignored)


def _judge(
    signature: OfferedSignature,
    data: bytes,
    asked: Asked,
    policy: TrustPolicy,
    now_utc: datetime,
) -> tuple[str, str]:
    """Return the person and the key of a signature that counts for the request.

    Raises:
        StopApprovalInvalid: it does not count.
        Refused: it counts, and it says no.
    """
    request, rule = asked.request, policy.rule(asked.request.gate)
    namespace = REJECT_NAMESPACE if signature.rejects else APPROVAL_NAMESPACE
    verified = verify(signature.armor, data, namespace=namespace)
    person, key = enrolled(verified.public_key, policy, rule, request.run_id)
    check_dates(person, key, request, now_utc)
    check_presence(person, verified, rule, request)
    key_id = verified.public_key.fingerprint
    if signature.rejects:
        no = (request.request_sha256, request.gate, request.run_id, data, person.name, key_id)
        raise Refused(Refusal(*no, signature.armor))
    _check_separation((person.name,), asked, policy)
    return person.name, key_id


def check_signer(
    key: PublicKey, asked: Asked, policy: TrustPolicy, now_utc: datetime, *, rejects: bool = False
) -> Person:
    """Return the person whose key this is, if a signature by it could count for the request now.

    A refusal needs no separation of duties: whoever may decide at the gate may say no.

    Raises:
        StopApprovalInvalid: it belongs to nobody, to somebody who may not decide here or not twice,
            it does not count at issue and now, or the request is of another trust policy.
        StopApprovalExpired: the request's life is over.
        StopClock: the request was issued in the future.
    """
    request = asked.request
    person, enrolment = enrolled(key, policy, policy.rule(request.gate), request.run_id)
    check_dates(person, enrolment, request, now_utc)
    if not rejects:
        _check_separation((person.name,), asked, policy)
    _check_life(request, now_utc)
    written_under = parse_request(asked.request_bytes).policy_sha256
    if not rejects and written_under != policy.sha256:
        raise StopApprovalInvalid(
            f"the request was written under another trust policy, sha256:{written_under[:16]}…",
            expected=f"a request under the policy in force, sha256:{policy.sha256[:16]}…",
            run_id=request.run_id,
            remedy="cutter runs void {run}",
        )
    return person


def _check_separation(persons: Sequence[str], asked: Asked, policy: TrustPolicy) -> None:
    run_id = asked.request.run_id
    if asked.starter in persons:
        raise StopApprovalInvalid(
            f"{asked.starter} started the run and signed it",
            expected="somebody else's signature",
            run_id=run_id,
        )
    twice = sorted(set(persons) & set(asked.sg1_persons))
    if asked.request.gate is Gate.SG_2 and twice and not policy.sg1_approver_may_approve_sg2:
        raise StopApprovalInvalid(
            f"{', '.join(twice)} signed SG_1 already",
            expected="another person at SG_2",
            run_id=run_id,
        )
