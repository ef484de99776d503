"""Approvals as a deployment makes them: a person's signature beside a request, a rehearsal's pretence."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cutter_agent.errors import StopApprovalInvalid, StopEvidenceMismatch, StopRefusedInput
from cutter_agent.evidence.sshsig import APPROVAL_NAMESPACE, REJECT_NAMESPACE
from cutter_agent.orchestrator.clock import utc_text
from cutter_agent.orchestrator.pauses.sg_1_cut import AuthorizationRequested
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import Mode
from cutter_agent.orchestrator.waiting import waiting_request

if TYPE_CHECKING:
    from cutter_agent.bootstrap.desk import Desk
    from cutter_agent.bootstrap.home import Home
    from cutter_agent.crypto.person_keys import PassphraseProvider, PersonSigner
    from cutter_agent.orchestrator.policy import TrustPolicy

SIMULATED_SCOPE: Final = "enacted_only"
ARMOR_BYTES_MAX: Final = 8 * 1024
SIGNATURE_MODE: Final = 0o644
"""A signature is for everybody to check; whether they reach it, the folders above it decide."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """The request that a run waits at, and the exact bytes that approvers sign."""

    request: AuthorizationRequested
    body: bytes

    @property
    def reference(self) -> str:
        """How `resume` names it: approval_kb_id."""
        return f"sha256:{self.request.request_sha256}"


def waiting(context: RunContext) -> Waiting:
    """The request that the run waits at.

    Raises:
        StopRefusedInput: it waits at none.
    """
    request = waiting_request(context)
    for document in context.history.documents:
        if request is not None and document.sha256 == request.request_sha256:
            return Waiting(request, document.text.encode())
    raise StopRefusedInput(
        f"the run is at {context.state} and waits for no approval",
        expected="a run that waits at a gate",
        run_id=context.run_id,
        remedy="cutter runs show {run}",
    )


def simulated_approval(context: RunContext, now_utc: datetime) -> str:
    """The text of an approval that says yes to a dry run's request and to nothing else.

    Raises:
        StopApprovalInvalid: the run is live; nothing stands in for a person there.
    """
    if context.history.header.mode is not Mode.DRYRUN:
        raise StopApprovalInvalid(
            "a live run takes signatures only", expected="cutter approve", run_id=context.run_id
        )
    request = waiting(context).request
    lines = [
        "# A simulated approval: it is worth nothing outside of this dry run.",
        f"gate: {request.gate.value}",
        f"run_id: {context.run_id}",
        f"signed_utc: {utc_text(now_utc)}",
        "allowance: explicit",
        f"payload_sha256: {request.request_sha256}",
        f"scope: {SIMULATED_SCOPE}",
    ]
    if request.review_decision_id is not None:
        lines.append(f"review_decision_id: {request.review_decision_id}")
    return "\n".join(lines) + "\n"


def person_signer(
    home: Home, person: str, key: Path | None = None, passphrase: PassphraseProvider | None = None
) -> PersonSigner:
    """The signer of this person's key: the named file, else the one that `cutter keys new` made.

    Raises:
        StopRefusedInput: there is no such key, or it cannot be opened.
    """
    from cutter_agent.crypto.person_keys import load_person_key

    path = key or home.person_key(person)
    if not path.exists():
        raise StopRefusedInput(
            f"there is no key of {person} in {path}",
            expected="an OpenSSH private key",
            remedy=f"cutter keys new {person} (or name a file: --key FILE)",
        )
    return load_person_key(path, passphrase or _nobody_answers)


def sign_request(
    runs_dir: Path, context: RunContext, *, person: str, signer: PersonSigner, reject: bool = False
) -> Path:
    """The person's signature lies beside the request that the run waits at; none is ever replaced.

    Signed are the bytes of the history; that the folder shows the same ones is checked first.

    Raises:
        StopRefusedInput: the run waits for nothing, or another signature of this person lies there.
        StopEvidenceMismatch: the file in the folder is not the request.
        StopStorage: the file could not be written durably.
    """
    asked = waiting(context)
    path = _request_file(runs_dir, context, asked)
    namespace = REJECT_NAMESPACE if reject else APPROVAL_NAMESPACE
    armor = signer.sign_request(asked.body, namespace).encode("ascii")
    return _lay(path, context.run_id, person, armor, reject=reject)


def submit_signature(
    desk: Desk,
    context: RunContext,
    *,
    person: str,
    armor: bytes,
    reason: str | None = None,
) -> Path:
    """What the person signed elsewhere lies beside the request, if it could count.

    Args:
        desk: the deployment.
        context: the run that waits.
        person: who hands the signature in; it must be by a key of theirs.
        armor: the signature, as `ssh-keygen -Y sign` writes it.
        reason: why it is refused, for a refusal; None for an approval.

    Raises:
        StopApprovalExpired: the request's life is over.
        StopApprovalInvalid: the signature is not by this person over this request, or cannot count.
        StopDrift, StopGrantDelta: it approves, and a fact has changed since the request was written.
        StopRefusedInput: the run waits for nothing, or another signature of this person lies there.
        StopStorage: the file could not be written durably.
    """
    from cutter_agent.bootstrap.offers import offer
    from cutter_agent.evidence.sshsig import verify
    from cutter_agent.orchestrator.ask import asked_of
    from cutter_agent.orchestrator.authorize import check_signer

    asked, rejects, run_id = waiting(context), reason is not None, context.run_id
    policy = desk.policy()
    if policy is None:
        raise no_policy(run_id)
    if len(armor) > ARMOR_BYTES_MAX:
        raise StopApprovalInvalid("the signature is too long", run_id=run_id)
    armor = armor.replace(b"\r\n", b"\n").strip(b" \t\n") + b"\n"
    try:
        signature = verify(
            armor, asked.body, namespace=REJECT_NAMESPACE if rejects else APPROVAL_NAMESPACE
        )
        owner = check_signer(
            signature.public_key,
            asked_of(context, asked.request),
            policy,
            desk.now_utc(),
            rejects=rejects,
        )
    except StopApprovalInvalid as stop:
        stop.run_id = run_id
        raise
    if owner.name != person:
        raise StopApprovalInvalid(
            f"the key is {owner.name}'s", expected=f"a key of {person}", run_id=run_id
        )
    if signature.public_key.hardware and not signature.user_present:
        raise StopApprovalInvalid("the key signed without its owner's touch", run_id=run_id)
    if not rejects and asked.request.decision != "void":
        _refuse_drift(desk, context, policy)
    path = _request_file(desk.runs_dir, context, asked)
    target = _lay(path, run_id, person, armor, reject=rejects)
    offer(desk, context, target)
    if reason:
        reason_file(path.parent, asked.request.document, person, reason)
    return target


def _refuse_drift(desk: Desk, context: RunContext, policy: TrustPolicy) -> None:
    """An approval for facts that are no more is taken nowhere; ending the run needs none of them."""
    from cutter_agent.bootstrap.facts_now import drift_stop

    stop = drift_stop(desk, context, policy)
    if stop is not None:
        raise type(stop)(
            stop.fact,
            expected=stop.expected,
            run_id=context.run_id,
            document_id=context.document_id,
            differences=stop.differences,
            remedy="cutter resume {run}",
        )


def no_policy(run_id: str) -> StopApprovalInvalid:
    """The stop that says that nobody can sign here."""
    return StopApprovalInvalid(
        "this deployment has no trust policy, so nobody can sign",
        expected="a trust policy: cutter policy propose, cutter policy sign",
        run_id=run_id,
        remedy="cutter policy propose",
    )


def reason_file(folder: Path, request_name: str, person: str, reason: str) -> str:
    """The reason of a refusal lies beside its signature; returns the file's name.

    Raises:
        StopStorage: it could not be written.
    """
    from cutter_agent.files.durable import Folder

    name = f"{request_name}.{person}.reject.txt"
    place = Folder(folder)
    with place.writing(name):
        place.replace(name, reason.encode() + b"\n")
    return name


def _request_file(runs_dir: Path, context: RunContext, asked: Waiting) -> Path:
    """The request's file in the run's folder, put there if it is missing.

    Raises:
        StopEvidenceMismatch: the file is not the request.
    """
    from cutter_agent.files.kb_reporter import FolderReporter

    run_id, name = context.run_id, asked.request.document
    reporter = FolderReporter(runs_dir)
    path = Path(reporter.location(run_id)) / name
    if not path.exists():
        reporter.put(run_id, name, asked.body.decode())
    if not reporter.holds(run_id, name, asked.request.request_sha256):
        raise StopEvidenceMismatch(
            f"{name} in the run's folder is not the request that the history holds",
            expected=asked.reference,
            run_id=run_id,
            remedy=f"rm {path}; cutter approve {{run}}",
        )
    return path


def _lay(path: Path, run_id: str, person: str, armor: bytes, *, reject: bool) -> Path:
    """The signature lies beside the request, unless another one of this person does."""
    from cutter_agent.crypto.private_file import new_private_file

    target = path.with_name(f"{path.name}.{person}{'.reject' if reject else ''}.sig")
    try:
        with new_private_file(target) as file:
            file.write(armor)
        target.chmod(SIGNATURE_MODE)
    except FileExistsError as error:
        if target.read_bytes() != armor:
            raise StopRefusedInput(
                f"another signature of {person} lies there already",
                expected="one signature a person",
                run_id=run_id,
                remedy=f"ls -l {target}",
            ) from error
    return target


def _nobody_answers(name: str) -> bytes | None:
    del name
    return None
