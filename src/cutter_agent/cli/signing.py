"""Whose key signs: a file that is named, a person's key in the home, or what an ssh-agent holds."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cutter_agent.cli.output import Output, plain
from cutter_agent.errors import (
    Stop,
    StopApprovalInvalid,
    StopRefusedInput,
)

if TYPE_CHECKING:
    from datetime import datetime

    from cutter_agent.bootstrap import Desk
    from cutter_agent.crypto.person_keys import PersonSigner
    from cutter_agent.evidence.ssh_key import PublicKey
    from cutter_agent.orchestrator.authorize import Asked
    from cutter_agent.orchestrator.policy import TrustPolicy
    from cutter_agent.orchestrator.run_context import RunContext

UNLOCK_VARIABLE: Final = "CUTTER_KEY_PASSPHRASE_FILE"
AGENT_VARIABLE: Final = "SSH_AUTH_SOCK"


@dataclass(frozen=True, slots=True)
class Sheet:
    """What one person is about to decide on, checked against the run's history."""

    context: RunContext
    asked: Asked
    policy: TrustPolicy
    now_utc: datetime
    rejects: bool

    def check(self, key: PublicKey) -> str:
        """Return the owner of the key, if their decision could count.

        Raises:
            StopApprovalInvalid, StopApprovalExpired, StopClock: it could not, and why.
        """
        from cutter_agent.orchestrator.authorize import check_signer

        return check_signer(key, self.asked, self.policy, self.now_utc, rejects=self.rejects).name


def sheet_of(desk: Desk, context: RunContext, *, rejects: bool) -> Sheet:
    """Return the sheet of the request that waits, as the run's history holds it.

    Raises:
        StopRefusedInput: the run waits for nothing.
        StopApprovalInvalid: the deployment has no trust policy.
    """
    from cutter_agent.bootstrap.approvals import no_policy, waiting
    from cutter_agent.orchestrator.ask import asked_of

    request = waiting(context).request
    asked = asked_of(context, request)
    policy = desk.policy()
    if policy is None:
        raise no_policy(context.run_id)
    return Sheet(context, asked, policy, desk.now_utc(), rejects)


def signer_for(
    desk: Desk, out: Output, sheet: Sheet, *, key: Path | None, person: str | None
) -> tuple[str, PersonSigner]:
    """Return the person who decides, by the trust policy, and the signer of their key.

    Raises:
        StopRefusedInput: no key is found, or several could sign and none was named.
        StopApprovalInvalid, StopApprovalExpired: the key's owner cannot decide here.
    """
    if key is not None:
        signer = _from_file(key, out)
        return _owner(sheet, signer, person), signer
    if person is not None and desk.home.person_key(person).exists():
        signer = _from_file(desk.home.person_key(person), out)
        return _owner(sheet, signer, person), signer
    return _only_one(desk, out, sheet, person)


def agreed(question: str, told: Sequence[str | None], out: Output) -> bool:
    """Return the person's answer, said when it is no: nobody signs without having been asked.

    Args:
        question: what is signed, and as whom.
        told: the words that were called, for the command that needs no answer.
        out: asks.

    Raises:
        StopRefusedInput: nobody can be asked here.
    """
    if not out.asks:
        raise StopRefusedInput(
            "nobody can be asked here, and --yes was not given; nothing was signed",
            expected="--yes, or a terminal without --json and --no-input",
            remedy=shlex.join(["cutter", *(word for word in told if word), "--yes"]),
        )
    said = out.confirm(question)
    if not said:
        out.say("Nothing was signed.")
    return said


def passphrase_asked(out: Output) -> bytes | None:
    """Return the passphrase from the file that the environment names, or as a person types it."""
    named = os.environ.get(UNLOCK_VARIABLE)
    if named:
        from cutter_agent.crypto.private_file import read_private_file

        return read_private_file(Path(named)).rstrip(b"\r\n")
    if not out.asks:
        return None
    typed: str = click.prompt(
        plain("Passphrase of the key", out.talk), hide_input=True, err=True, default=""
    )
    return typed.encode()


def _from_file(path: Path, out: Output) -> PersonSigner:
    from cutter_agent.crypto.person_keys import load_person_key

    return load_person_key(path, lambda name: _passphrase_of(name, out))


def _passphrase_of(name: str, out: Output) -> bytes | None:
    out.say(f"The key {name} is encrypted.")
    return passphrase_asked(out)


def _owner(sheet: Sheet, signer: PersonSigner, person: str | None) -> str:
    owner = sheet.check(signer.public_key)
    if person is not None and owner != person:
        raise StopApprovalInvalid(
            f"the key {signer.public_key.fingerprint} is {owner}'s",
            expected=f"a key of {person}",
            run_id=sheet.context.run_id,
        )
    return owner


def _only_one(
    desk: Desk, out: Output, sheet: Sheet, person: str | None
) -> tuple[str, PersonSigner]:
    """Return the one person whose key is at hand and could decide."""
    able: dict[str, PersonSigner | Path] = {}
    refusals: list[str] = []
    for name, public_key, source in _at_hand(desk, refusals):
        try:
            owner = sheet.check(public_key)
        except Stop as stop:
            refusals.append(f"{name}: {stop.fact}")
            continue
        if person in {None, owner}:
            able.setdefault(owner, source)
    if len(able) == 1:
        owner, source = next(iter(able.items()))
        return owner, _from_file(source, out) if isinstance(source, Path) else source
    verb = "reject" if sheet.rejects else "approve"
    if not able:
        raise StopRefusedInput(
            f"no key{'' if person is None else f' of {person}'} that could sign is at hand",
            expected="a key file (--key FILE), or an ssh-agent that holds the key",
            run_id=sheet.context.run_id,
            findings=refusals,
            remedy=f"cutter {verb} {{run}} --key FILE",
        )
    raise StopRefusedInput(
        f"the keys of {', '.join(sorted(able))} are at hand, and each could sign",
        expected="the name of one person",
        run_id=sheet.context.run_id,
        remedy=f"cutter {verb} {{run}} --person {min(able)}",
    )


def _at_hand(
    desk: Desk, refusals: list[str]
) -> Sequence[tuple[str, PublicKey, PersonSigner | Path]]:
    """Return every key of the home and of the ssh-agent: a name for it, its public half, its signer."""
    from cutter_agent.bootstrap.people import key_files

    found: list[tuple[str, PublicKey, PersonSigner | Path]] = [
        (file.person, file.public_key, file.path)
        for file in key_files(desk.home)
        if file.public_key is not None
    ]
    if os.environ.get(AGENT_VARIABLE):
        from cutter_agent.crypto.agent_keys import agent_signers

        try:
            found += [(s.comment, s.public_key, s) for s in agent_signers()]
        except StopRefusedInput as stop:
            refusals.append(stop.fact)
    return found
