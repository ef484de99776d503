"""The trust policy of a deployment: proposed in a file, signed beside it, accepted by the database.

`trust/policy.json` is the version that the database accepted last, byte for byte. A proposal lies in
`trust/policy.proposed.json`; its signatures beside it as `<file>.<person>.sig`, made by `cutter policy
sign` or `ssh-keygen -Y sign -f KEY -n policy@iu-cutter.v1 < FILE > FILE.<person>.sig`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from cutter_agent.bootstrap.home import POLICY, PROPOSAL
from cutter_agent.errors import StopApprovalInvalid, StopEvidenceMismatch, StopRefusedInput
from cutter_agent.evidence.allowed_signers import AllowedSigner, allowed_signers_text
from cutter_agent.evidence.sshsig import (
    APPROVAL_NAMESPACE,
    POLICY_NAMESPACE,
    REJECT_NAMESPACE,
    parse_public_key,
)
from cutter_agent.orchestrator.clock import parse_utc
from cutter_agent.orchestrator.grants import ROLE_ADMIN
from cutter_agent.orchestrator.orders import OfferedSignature
from cutter_agent.orchestrator.policy import EnrolledKey, TrustPolicy, parse_policy
from cutter_agent.orchestrator.policy_change import PolicyVerdict, judge_policy

if TYPE_CHECKING:
    from cutter_agent.bootstrap.desk import Desk
    from cutter_agent.files.durable import Folder

POLICY_BYTES_MAX: Final = 1024 * 1024
SIGNATURE_BYTES_MAX: Final = 8 * 1024
ALLOWED_SIGNERS: Final = "allowed_signers"
"""Beside the policy: the same persons and keys as `ssh-keygen -Y verify` reads them."""
_SIGNATURE: Final = re.compile(re.escape(PROPOSAL) + r"\.([A-Za-z0-9_]+)\.sig")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A trust policy that waits, and how far it has come."""

    policy: TrustPolicy
    verdict: PolicyVerdict


def accepted_policy(desk: Desk) -> TrustPolicy | None:
    """The trust policy that counts, or None where none was ever accepted.

    Raises:
        StopEvidenceMismatch: the file is not what the database accepted last.
    """
    from cutter_agent.postgres.deployment import policy_read

    folder = _folder(desk)
    data = folder.read(POLICY, size_bytes_max=POLICY_BYTES_MAX)
    newest = policy_read(desk.reads)
    if newest is None and data is None:
        return None
    if newest is not None and data != newest.body:
        # Accepted a moment ago by somebody who did not come to the renaming.
        if folder.read(PROPOSAL, size_bytes_max=POLICY_BYTES_MAX) == newest.body:
            _promote(folder, newest.body)
            return parse_policy(newest.body)
        raise StopEvidenceMismatch(
            "the trust policy in the file is not the one that the database accepted last"
            if data is not None
            else "the file of the trust policy is gone",
            expected=f"version {newest.version}, sha256:{newest.sha256}",
            remedy=f"mv {desk.home.policy} {desk.home.policy}.doubtful; cutter init"
            if data is not None
            else "cutter init",
        )
    if newest is None or data is None:
        raise StopEvidenceMismatch(
            "a trust policy lies in the file, and the database has accepted none",
            expected="no file, or the version that was accepted",
            remedy=f"mv {desk.home.policy} {desk.home.policy}.doubtful",
        )
    return parse_policy(data)


def propose(desk: Desk, policy: TrustPolicy) -> Proposal:
    """The policy waits for its signatures; those of an earlier proposal are gone.

    Raises:
        StopRefusedInput: it is not sound, or not the next version.
    """
    body = policy.canonical
    try:
        judge_policy(parse_policy(body), accepted_policy(desk), (), desk.now_utc())
    except StopRefusedInput as stop:
        stop.use_remedy("cutter policy propose --help")
        raise
    folder = _folder(desk)
    with folder.writing(PROPOSAL):
        if folder.read(PROPOSAL, size_bytes_max=POLICY_BYTES_MAX) != body:
            _forget_signatures(desk)
            folder.replace(PROPOSAL, body)
    waiting = proposal(desk)
    if waiting is None:
        raise nothing_waits()
    return waiting


def proposal(desk: Desk) -> Proposal | None:
    """The policy that waits for signatures, with those that lie beside it; None if none waits.

    Raises:
        StopApprovalInvalid: a signature beside it does not count; the remedy names its file.
        StopRefusedInput: the file holds no sound policy of the next version.
    """
    current = accepted_policy(desk)
    folder = _folder(desk)
    data = folder.read(PROPOSAL, size_bytes_max=POLICY_BYTES_MAX)
    if data is None:
        return None
    now = desk.now_utc()
    try:
        policy = parse_policy(data)
        judge_policy(policy, current, (), now)
    except StopRefusedInput as stop:
        stop.use_remedy(f"rm {desk.home.proposal}; cutter policy propose --help")
        raise
    offered: list[OfferedSignature] = []
    for name in folder.names():
        match = _SIGNATURE.fullmatch(name)
        if match is None:
            continue
        armor = folder.read(name, size_bytes_max=SIGNATURE_BYTES_MAX) or b""
        offered.append(OfferedSignature(match[1], rejects=False, armor=armor))
        try:
            judge_policy(policy, current, offered[-1:], now)
        except StopApprovalInvalid as stop:
            stop.use_remedy(f"rm {desk.home.trust / name}")
            raise
    return Proposal(policy, judge_policy(policy, current, offered, now))


def add_signature(desk: Desk, person: str, armor: str) -> Proposal:
    """The person's signature lies beside the proposal; where nothing is missing, it is accepted.

    Raises:
        StopApprovalInvalid: the signature does not count, or is somebody else's.
        StopRefusedInput: nothing waits for a signature.
    """
    waiting = proposal(desk)
    if waiting is None:
        raise nothing_waits()
    data = armor.encode("ascii")
    other_key = f"cutter policy sign --person {person} --key FILE"
    offered = OfferedSignature(person, rejects=False, armor=data)
    try:
        alone = judge_policy(waiting.policy, accepted_policy(desk), [offered], desk.now_utc())
    except StopApprovalInvalid as stop:
        stop.use_remedy(other_key)
        raise
    if owners := {each.person for each in alone.signed} - {person}:
        raise StopApprovalInvalid(
            f"the key is {', '.join(sorted(owners))}'s",
            expected=f"a key of {person}",
            remedy=other_key,
        )
    folder = _folder(desk)
    name = f"{PROPOSAL}.{person}.sig"
    with folder.writing(name):
        folder.replace(name, data)
    return settle(desk)


def settle(desk: Desk) -> Proposal:
    """The proposal is accepted if its signatures suffice; returns how far it has come.

    Raises:
        StopRefusedInput: nothing waits for a signature.
        StopApprovalInvalid: a signature beside it does not count.
    """
    waiting = proposal(desk)
    if waiting is None:
        raise nothing_waits()
    if waiting.verdict.counts:
        accept(desk, waiting)
    return waiting


def nothing_waits() -> StopRefusedInput:
    """The stop that says so."""
    return StopRefusedInput(
        "no trust policy waits for a signature",
        expected="a proposed policy",
        remedy="cutter policy propose --person NAME=PUBKEYFILE",
    )


def accept(desk: Desk, waiting: Proposal) -> None:
    """The database's newest trust policy is this one, and so is the file.

    Raises:
        StopRefusedInput: it was made for another database.
        StopReplayConflict: another version was accepted meanwhile.
    """
    from cutter_agent.postgres.deployment import PolicySignature, accept_policy

    here = desk.facts().database_identity().text
    if waiting.policy.deployment != here:
        raise StopRefusedInput(
            f"the policy was made for database {waiting.policy.deployment}",
            expected=here,
            remedy="cutter policy propose --help",
        )
    body = waiting.policy.canonical
    accept_policy(
        desk.access.login(ROLE_ADMIN),
        version=waiting.policy.version,
        body=body,
        signatures=[
            PolicySignature(each.person, each.key_id, each.armor) for each in waiting.verdict.signed
        ],
    )
    _promote(_folder(desk), body)


def policy_signers(policy: TrustPolicy) -> tuple[AllowedSigner, ...]:
    """The policy's persons and keys with what each may sign and when.

    A revoked key counts only for what was signed before, as far as a verifier asks for a time; and
    never beyond its own end.
    """
    return tuple(
        AllowedSigner(
            person.name,
            parse_public_key(key.public_key),
            (APPROVAL_NAMESPACE, REJECT_NAMESPACE, POLICY_NAMESPACE),
            valid_after=parse_utc(key.valid_from or ""),
            valid_before=_last_moment(key),
        )
        for person in policy.persons
        for key in person.keys
    )


def _last_moment(key: EnrolledKey) -> datetime | None:
    """The earlier of the key's own end and its revocation."""
    ends = (parse_utc(stated) for stated in (key.valid_until, key.revoked_utc) if stated)
    return min((end for end in ends if end is not None), default=None)


def allowed_signers(policy: TrustPolicy) -> str:
    """The policy's persons and keys as a file for `ssh-keygen -Y verify`, one key a line."""
    return allowed_signers_text(policy_signers(policy))


def _promote(folder: Folder, body: bytes) -> None:
    """The proposal becomes the policy: its signatures are copied, its own files go last."""
    for name in folder.names():
        if match := _SIGNATURE.fullmatch(name):
            data = folder.read(name, size_bytes_max=SIGNATURE_BYTES_MAX) or b""
            target = f"{POLICY}.{match[1]}.sig"
            with folder.writing(target):
                folder.replace(target, data)
    with folder.writing(ALLOWED_SIGNERS):
        folder.replace(ALLOWED_SIGNERS, allowed_signers(parse_policy(body)).encode("ascii"))
    with folder.writing(POLICY):
        folder.replace(POLICY, body)
    for name in folder.names():
        if name == PROPOSAL or _SIGNATURE.fullmatch(name):
            (folder.path / name).unlink(missing_ok=True)


def _forget_signatures(desk: Desk) -> None:
    for path in desk.home.trust.glob(f"{PROPOSAL}.*.sig"):
        path.unlink(missing_ok=True)


def _folder(desk: Desk) -> Folder:
    from cutter_agent.files.durable import Folder

    return Folder(desk.home.trust)
