"""The evidence of one run, gathered from its history, the database and the home's keys.

Nothing is gathered that was not recorded: a live run's envelopes and signatures come from the database,
a dry run's envelopes are made again by the rehearsal's public keys, and every one of them must have
the digest that the run's history names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from cutter_agent.bootstrap.log import entries_of, growth_of, log_note_key
from cutter_agent.bootstrap.trust import policy_signers
from cutter_agent.document.plan_rows import plan_bytes
from cutter_agent.errors import StopEvidenceMismatch, StopRefusedInput
from cutter_agent.evidence.allowed_signers import AllowedSigner
from cutter_agent.evidence.bundle import (
    BundleContents,
    EarlierPolicy,
    SignatureFile,
    SignedRequest,
    read_bundle,
    write_bundle,
)
from cutter_agent.evidence.bundle_check import BundleCheck, KnownKeys, check_result, verify_bundle
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.evidence.dsse import IN_TOTO_PAYLOAD_TYPE, seal
from cutter_agent.evidence.ed25519 import key_id
from cutter_agent.evidence.statement import executor_statement, verifier_statement
from cutter_agent.orchestrator.approval import REFUSAL, CutApproved
from cutter_agent.orchestrator.grants import ROLE_READER
from cutter_agent.orchestrator.log_tells import log_tells
from cutter_agent.orchestrator.pauses.sg_1_cut import (
    AuthorizationRequested,
    CutAuthorizationRequested,
)
from cutter_agent.orchestrator.pauses.sg_2_lifecycle import LifecycleAuthorizationRequested
from cutter_agent.orchestrator.phases.cut_leg_a import LegACut
from cutter_agent.orchestrator.phases.cutplan import CutPlanned
from cutter_agent.orchestrator.phases.leg_b_record import LegBRecorded, executor_claim
from cutter_agent.orchestrator.phases.source_pin import SourcePinned
from cutter_agent.orchestrator.phases.write_verify import WriteVerified, verifier_claim
from cutter_agent.orchestrator.policy import NO_POLICY, parse_policy
from cutter_agent.orchestrator.policy_chain import policy_chain
from cutter_agent.orchestrator.policy_followed import policy_followed
from cutter_agent.orchestrator.reading import Reading
from cutter_agent.orchestrator.run_context import E, RunContext
from cutter_agent.orchestrator.states import Mode, OrchestratorState

EXECUTOR: Final = "executor"
VERIFIER: Final = "verifier"

if TYPE_CHECKING:
    from cutter_agent.bootstrap.desk import Desk
    from cutter_agent.document.cutplan import InForceUnit
    from cutter_agent.postgres.run_proof import AcceptedPolicyBytes, UsedApproval


def export_run(desk: Desk, context: RunContext) -> bytes:
    """The bundle of a run that is closed out: the same bytes every time.

    Raises:
        StopRefusedInput: the run is not closed out, or began without a trust policy.
        StopEvidenceMismatch: what is kept does not agree with what the run recorded.
    """
    contents = gather(desk, context)
    data = write_bundle(contents)
    odd = [check for check in check_bundle(data) if not check.held]
    if odd:
        raise StopEvidenceMismatch(
            f"the run's evidence does not agree: {odd[0].id}: {odd[0].because}",
            run_id=context.run_id,
        )
    return data


def check_bundle(data: bytes, known: KnownKeys | None = None) -> tuple[BundleCheck, ...]:
    """Every check of a bundle, with those that need the trust policy's rules.

    Args:
        data: the archive.
        known: what the reader trusts from elsewhere, or None.
    """
    checks = verify_bundle(data, known=known, signers_of=_signers_of)
    if not checks[0].held:
        return checks
    return (*checks, *_judged(data))


def _judged(data: bytes) -> Iterator[BundleCheck]:
    """The checks that need the trust policy's rules and the run's own words."""
    contents = read_bundle(data)
    for name, judge in _JUDGES:
        yield check_result(name, partial(judge, contents))


_JUDGES: Final = (
    ("policy_chain_is_signed", policy_chain),
    ("policy_was_followed", policy_followed),
    ("log_tells_of_it", log_tells),
)


def known_here(desk: Desk) -> KnownKeys:
    """What readers of this deployment's bundles may trust: its machines' keys and its newest policy."""
    from cutter_agent.crypto.machine_keys import load_machine_key

    policy = desk.policy()
    return KnownKeys(
        log_key=log_note_key(desk).line,
        executor_key_id=load_machine_key(desk.home.executor_key).key_id,
        verifier_key_id=load_machine_key(desk.home.verifier_key).key_id,
        policy_sha256=None if policy is None else policy.sha256,
    )


def gather(desk: Desk, context: RunContext) -> BundleContents:
    """What the bundle of the run is made of.

    Raises:
        StopRefusedInput: the run is not closed out, or began without a trust policy.
        StopEvidenceMismatch: what is kept does not agree with what the run recorded.
    """
    from cutter_agent.postgres import run_proof

    if context.state is not OrchestratorState.CLOSEOUT_REPORTED:
        raise StopRefusedInput(
            f"the run is at {context.state} and has not all its evidence yet",
            expected="a run that is closed out",
            run_id=context.run_id,
            remedy="cutter why {run}",
        )
    simulated = context.history.header.mode is Mode.DRYRUN
    pinned, recorded = _evidence(context, SourcePinned), _evidence(context, LegBRecorded)
    if pinned.facts.policy_sha256 == NO_POLICY:
        raise StopRefusedInput(
            "the run began without a trust policy: nobody's signature can be judged",
            expected="a run that began under a trust policy",
            run_id=context.run_id,
            remedy="cutter policy propose --help",
        )
    select = desk.select(ROLE_READER)
    *earlier, policy = run_proof.policies_to(select, pinned.facts.policy_sha256)
    reading = planned_reading(desk, context)
    answers = (
        ()
        if simulated
        else (
            *run_proof.used_approvals(select, context.run_id),
            *run_proof.refusals(select, context.run_id),
        )
    )
    executor, verifier = _simulated_seals(context) if simulated else _live_seals(desk, context)
    requests = _asked(context) if simulated else tuple(_answered(context, answers))
    policy_sha256 = pinned.facts.policy_sha256
    entries = () if simulated else entries_of(desk, context.run_id, policy_sha256)
    return BundleContents(
        run_id=context.run_id,
        document_id=context.document_id,
        simulated=simulated,
        requests=requests,
        executor_envelope=executor,
        executor_key=bytes.fromhex(recorded.executor_public_hex),
        verifier_envelope=verifier,
        verifier_key=verifier_key(desk, context),
        unit_records=tuple(unit.leaf for unit in reading.plan.units),
        plan=plan_bytes(reading.plan),
        policy=policy.body,
        signers=_signers_of(policy.body),
        documents={each.name: each.text.encode() for each in context.history.documents},
        log_key=None if simulated else log_note_key(desk),
        log_entries=entries,
        log_growth=growth_of(desk, requests, entries) if entries else (),
        policy_signatures=_signature_files(policy),
        policy_accepted_utc=policy.accepted_utc,
        earlier_policies=tuple(
            EarlierPolicy(each.body, _signature_files(each), each.accepted_utc) for each in earlier
        ),
    )


def _signature_files(policy: AcceptedPolicyBytes) -> tuple[SignatureFile, ...]:
    return tuple(SignatureFile(each.person, each.armor) for each in policy.signatures)


def _signers_of(policy: bytes) -> tuple[AllowedSigner, ...]:
    return policy_signers(parse_policy(policy))


def planned_reading(desk: Desk, context: RunContext) -> Reading:
    """The reading that the run planned, found again from the source and the units of its time.

    Raises:
        StopEvidenceMismatch: no state of the database that is still known gives its plan.
    """
    from cutter_agent.postgres.run_proof import source_version

    pinned, planned = _evidence(context, SourcePinned), _evidence(context, CutPlanned)
    source = source_version(desk.select(ROLE_READER), pinned.source_version_id or "")
    for units in _in_force_then(desk, context):
        reading = Reading(version=source.version, source=source.body, in_force=units)
        if reading.plan.plan_sha256 == planned.plan_sha256:
            return reading
    raise StopEvidenceMismatch(
        "the run's plan cannot be made again from the source and the units of its time",
        expected=f"writer digest {planned.plan_sha256}",
        run_id=context.run_id,
        document_id=context.document_id,
        remedy="cutter verify {run}",
    )


def _in_force_then(desk: Desk, context: RunContext) -> Iterator[Sequence[InForceUnit]]:
    """The units that may have been in force when the run made its plan."""
    from cutter_agent.postgres.run_proof import enacted_change_sets, in_force_before

    select = desk.select(ROLE_READER)
    if context.history.header.mode is Mode.LIVE:
        cut = context.get(LegACut)
        if cut is not None:
            yield in_force_before(select, cut.change_set_id)
        # Until this run enacts anything, the units of its time are the ones of now.
        yield desk.facts().in_force(context.document_id)
        return
    # A rehearsal of the version in force sets its units aside; later cuts may have changed them.
    yield ()
    yield desk.facts().in_force(context.document_id)
    for change_set_id in enacted_change_sets(select, context.document_id):
        yield in_force_before(select, change_set_id)


def _live_seals(desk: Desk, context: RunContext) -> tuple[bytes, bytes]:
    from cutter_agent.postgres.run_proof import seals

    recorded = _evidence(context, LegBRecorded)
    executor, verifier = seals(desk.select(ROLE_READER), recorded.manifest_envelope_id)
    return _as_recorded(context, executor, verifier)


def _simulated_seals(context: RunContext) -> tuple[bytes, bytes]:
    """The envelopes of a dry run, made again: its keys are known to everybody."""
    from cutter_agent.rehearsal.signers import RehearsalSigner

    run, plan = context.history.header, _evidence(context, CutPlanned)
    recorded, verified = _evidence(context, LegBRecorded), _evidence(context, WriteVerified)
    executed = executor_claim(
        run,
        _evidence(context, SourcePinned),
        plan,
        _evidence(context, CutApproved),
        _evidence(context, LegACut),
        recorded.manifest_root,
        recorded.tree_size,
    )
    found = verifier_claim(
        run,
        executor_envelope_sha256=verified.executor_envelope_sha256,
        root_from_database=verified.root_in_database,
        root_from_source=verified.root_from_source,
        tree_size=verified.tree_size,
        held=(True, True, True),
    )
    envelopes = [
        seal(IN_TOTO_PAYLOAD_TYPE, statement, [RehearsalSigner(role)]).encode()
        for role, statement in (
            (EXECUTOR, executor_statement(executed, simulated=True)),
            (VERIFIER, verifier_statement(found, simulated=True)),
        )
    ]
    return _as_recorded(context, envelopes[0], envelopes[1])


def _as_recorded(context: RunContext, executor: bytes, verifier: bytes) -> tuple[bytes, bytes]:
    recorded, verified = _evidence(context, LegBRecorded), _evidence(context, WriteVerified)
    for party, found, expected in (
        ("executor", executor, recorded.envelope_sha256),
        ("verifier", verifier, verified.verifier_envelope_sha256),
    ):
        if sha256_hex(found) != expected:
            raise StopEvidenceMismatch(
                f"the {party}'s envelope is not the one that the run recorded",
                expected=f"sha256:{expected}",
                run_id=context.run_id,
            )
    return executor, verifier


def verifier_key(desk: Desk, context: RunContext) -> bytes:
    """The raw public key that the run names as its verifier's, whatever key the home has now.

    Raises:
        StopEvidenceMismatch: the run recorded no key, and the home's is another one.
    """
    from cutter_agent.crypto.machine_keys import load_machine_key
    from cutter_agent.rehearsal.signers import RehearsalSigner

    verified = _evidence(context, WriteVerified)
    if verified.verifier_public_hex:
        raw = bytes.fromhex(verified.verifier_public_hex)
    elif context.history.header.mode is Mode.DRYRUN:
        raw = RehearsalSigner(VERIFIER).public_raw
    else:
        raw = load_machine_key(desk.home.verifier_key).public_raw
    if key_id(raw) != verified.verifier_key_id:
        raise StopEvidenceMismatch(
            "the verifier's key in this home is not the one that sealed the run",
            expected=f"key {verified.verifier_key_id}",
            run_id=context.run_id,
            remedy=f"ls -l {desk.home.verifier_key}",
        )
    return raw


def _asked(context: RunContext) -> tuple[SignedRequest, ...]:
    """The requests of a dry run as it wrote them: there is nobody's signature to show."""
    asked: list[AuthorizationRequested] = [
        _evidence(context, CutAuthorizationRequested),
        _evidence(context, LifecycleAuthorizationRequested),
    ]
    texts = {document.sha256: document.text.encode() for document in context.history.documents}
    return tuple(SignedRequest(one.document, texts[one.request_sha256], ()) for one in asked)


def _answered(context: RunContext, answers: Sequence[UsedApproval]) -> Iterator[SignedRequest]:
    """The requests that persons answered, with their signatures: approvals, decisions, refusals."""
    for answer in answers:
        signatures = tuple(SignatureFile(s.person, s.armor) for s in answer.signatures)
        refused = answer.decision == REFUSAL
        yield SignedRequest(_name(context, answer), answer.request, signatures, refused=refused)


def _name(context: RunContext, approval: UsedApproval) -> str:
    for document in context.history.documents:
        if document.sha256 == approval.request_sha256:
            return document.name
    raise StopEvidenceMismatch(
        f"an approval of {approval.gate} is for a request that the run never wrote",
        run_id=context.run_id,
    )


def _evidence(context: RunContext, kind: type[E]) -> E:
    found = context.get(kind)
    if found is None:
        raise StopEvidenceMismatch(
            f"the run's history holds no {kind.__name__}", run_id=context.run_id
        )
    return found
