"""`cutter policy`: who may approve what; proposed, signed by persons, accepted by the database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cutter_agent.bootstrap.standing import context_of
from cutter_agent.cli.main import SuggestingGroup
from cutter_agent.cli.output import Output, seen, speaks, wrapped
from cutter_agent.cli.policy_view import policy_document, policy_lines
from cutter_agent.cli.session import opened
from cutter_agent.errors import StopRefusedInput
from cutter_agent.orchestrator.clock import utc_text
from cutter_agent.orchestrator.states import Gate

if TYPE_CHECKING:
    from cutter_agent.bootstrap import Desk
    from cutter_agent.bootstrap.trust import Proposal
    from cutter_agent.evidence.sshsig import PublicKey
    from cutter_agent.orchestrator.policy import TrustPolicy
    from cutter_agent.orchestrator.policy_explain import Deciders

_RUN_PREFIX = "ictr-"


@click.group(cls=SuggestingGroup)
def command() -> None:
    """Say who may approve."""


@command.command()
@click.option(
    "--person",
    "persons",
    multiple=True,
    metavar="NAME=PUBKEYFILE",
    help="A person and a public key; once for each key.",
)
@click.option(
    "--gate",
    "gates",
    multiple=True,
    metavar="GATE=NAME,NAME:K",
    help="K of these persons decide at SG_1, SG_2 or SG_3. Default: 1 of all, or as it is.",
)
@click.option("--without", multiple=True, metavar="NAME", help="A person who is no longer in it.")
@click.option(
    "--revoke",
    multiple=True,
    metavar="NAME[=KEY]",
    help="A person's keys, or the one with this fingerprint or in this file, count no more.",
)
@click.option("--valid-from", multiple=True, metavar="NAME=UTC", help="Their keys count from then.")
@click.option(
    "--valid-until", multiple=True, metavar="NAME=UTC", help="Until then; none: without an end."
)
@click.option(
    "--same-approver/--another-approver",
    default=None,
    help="May one person approve both SG_1 and SG_2 of a run? Default: another, or as it is.",
)
@speaks()
def propose(
    *,
    persons: tuple[str, ...],
    gates: tuple[str, ...],
    without: tuple[str, ...],
    revoke: tuple[str, ...],
    valid_from: tuple[str, ...],
    valid_until: tuple[str, ...],
    same_approver: bool | None,
    out: Output,
) -> None:
    """Propose the next trust policy.

    The first is signed by all its persons. A later one begins from the one that counts, and needs
    the signatures that every gate of the old one and of the new one asks for. A later proposal
    takes the place of one that was not accepted. A key that is revoked stays in the policy with the
    time of its revocation, so that what it signed before can still be checked.

    Example: cutter policy propose --person alice=alice.pub --person bob=bob.pub --gate SG_1=alice:1

    Example: cutter policy propose --revoke bob --valid-until alice=2027-12-31T23:59:59Z
    """
    from cutter_agent.bootstrap import people, trust

    keys = [_person_key(each) for each in persons]
    rules = dict(_gate_rule(each) for each in gates)
    changes = people.KeyChanges(
        revoke=[_revoked(each) for each in revoke],
        valid_from=dict(_moment(each, "--valid-from") for each in valid_from),
        valid_until=dict(_moment(each, "--valid-until") for each in valid_until),
    )
    if not (keys or rules or without or changes or same_approver is not None):
        raise click.UsageError("Nothing is proposed: give --person, --gate, --without or --revoke.")
    with opened(out) as desk:
        proposed = people.next_policy(
            desk.policy(),
            database=desk.facts().database_identity().text,
            keys=keys,
            gates=rules,
            without=without,
            same_approver=same_approver,
            changes=changes,
            now_utc=utc_text(desk.now_utc()),
        )
        _answer(desk, trust.propose(desk, proposed), out)


@command.command()
@click.option("--person", help="Who signs. Without: see whether the signatures there suffice.")
@click.option("--key", type=click.Path(path_type=Path), help="Default: the key made here for them.")
@speaks()
def sign(*, person: str | None, key: Path | None, out: Output) -> None:
    """Sign the proposed trust policy.

    With the last signature that it needs, the database accepts it and it counts. Signatures that
    were made with ssh-keygen lie beside the proposal already; `cutter policy sign` alone takes them.

    Example: cutter policy sign --person alice --key ~/.ssh/id_ed25519
    """
    from cutter_agent.bootstrap import people, trust
    from cutter_agent.bootstrap.approvals import person_signer
    from cutter_agent.cli.signing import passphrase_asked
    from cutter_agent.evidence.sshsig import POLICY_NAMESPACE

    with opened(out) as desk:
        if person is None:
            _answer(desk, trust.settle(desk), out)
            return
        people.check_person(person)
        waiting = trust.proposal(desk)
        if waiting is None:
            raise trust.nothing_waits()
        signer = person_signer(desk.home, person, key, lambda _name: passphrase_asked(out))
        armor = signer.sign_request(waiting.policy.canonical, POLICY_NAMESPACE)
        _answer(desk, trust.add_signature(desk, person, armor), out)


@command.command()
@speaks()
def show(*, out: Output) -> None:
    """Show the trust policy that counts, and the one that waits.

    Example: cutter policy show
    """
    from cutter_agent.bootstrap import trust

    with opened(out) as desk:
        _answer(desk, trust.proposal(desk), out)


@command.command()
@click.argument("run_or_gate")
@click.option("--proposed", is_flag=True, help="By the policy that waits, not the one that counts.")
@speaks()
def explain(run_or_gate: str, *, proposed: bool, out: Output) -> None:
    """Explain who could decide at a gate, or in a run that waits.

    Names everybody of the policy: who may, and why each of the others may not.

    Example: cutter policy explain SG_1 --proposed
    """
    from cutter_agent.orchestrator.policy_explain import deciders, deciders_of_run

    with opened(out) as desk:
        policy = _waiting_policy(desk) if proposed else desk.policy()
        if policy is None:
            raise StopRefusedInput(
                "this deployment has no trust policy, so nobody can decide",
                expected="a trust policy",
                remedy="cutter policy propose --person NAME=PUBKEYFILE",
            )
        now = desk.now_utc()
        if run_or_gate.startswith(_RUN_PREFIX):
            found = deciders_of_run(policy, context_of(desk, run_or_gate), now)
        else:
            found = deciders(policy, _gate(run_or_gate), desk.settings.operator, now)
    document = {
        "schema": "cutter.policy-explained/1",
        "gate": found.gate.value,
        "threshold": found.threshold,
        "may": list(found.may),
        "may_not": [{"person": name, "because": why} for name, why in found.may_not],
        "run_id": found.run_id,
    }
    out.data(document, lambda: _explained(found, policy, out))


def _explained(found: Deciders, policy: TrustPolicy, out: Output) -> list[str]:
    where = f"{found.gate}" + (f" of {found.run_id}" if found.run_id else "")
    lines = wrapped(
        f"{where}: {found.threshold} of {len(found.may)} who may decide, by policy {policy.version}",
        out.columns,
    )
    lines += [f"  may      {name}" for name in found.may]
    lines += [f"  may not  {name}: {seen(why)}" for name, why in found.may_not]
    if len(found.may) < found.threshold:
        lines.append("Too few are left: nobody can bring this gate to an end.")
        lines.append("Next   cutter policy propose --person NAME=PUBKEYFILE")
    return lines


def _answer(desk: Desk, waiting: Proposal | None, out: Output) -> None:
    current = desk.policy()
    if waiting is not None and current is not None and waiting.policy.sha256 == current.sha256:
        waiting = None
    document = policy_document(current, waiting)
    out.data(document, lambda: policy_lines(current, waiting, out))


def _person_key(text: str) -> tuple[str, PublicKey]:
    from cutter_agent.bootstrap import people

    name, equals, path = text.partition("=")
    if not (name and equals and path):
        raise click.BadParameter("is not NAME=PUBKEYFILE", param_hint="--person")
    return people.check_person(name), people.read_public_key(Path(path).expanduser())


def _waiting_policy(desk: Desk) -> TrustPolicy:
    from cutter_agent.bootstrap import trust

    waiting = trust.proposal(desk)
    if waiting is None:
        raise trust.nothing_waits()
    return waiting.policy


def _revoked(text: str) -> tuple[str, str | None]:
    """Return the person, and the fingerprint of the key if one is named."""
    from cutter_agent.bootstrap import people

    name, equals, key = text.partition("=")
    if equals and key and not key.startswith("SHA256:"):
        key = people.read_public_key(Path(key).expanduser()).fingerprint
    return people.check_person(name), key or None


def _moment(text: str, option: str) -> tuple[str, str | None]:
    name, equals, moment = text.partition("=")
    if not (name and equals and moment):
        raise click.BadParameter("is not NAME=UTC", param_hint=option)
    return name, None if moment == "none" else moment


def _gate_rule(text: str) -> tuple[Gate, tuple[tuple[str, ...], int]]:
    name, equals, rest = text.partition("=")
    people, colon, count = rest.partition(":")
    names = tuple(each.strip() for each in people.split(",") if each.strip())
    if not (equals and names and (count.isdecimal() or not colon)):
        raise click.BadParameter("is not GATE=NAME,NAME:K", param_hint="--gate")
    return _gate(name), (names, int(count or "1"))


def _gate(name: str) -> Gate:
    """Return the gate that is named in full or by its number: SG_1."""
    for gate in Gate:
        if name.upper() in {gate.value.upper(), gate.name}:
            return gate
    raise StopRefusedInput(
        f"{name[:80]!a} is neither a run nor a gate",
        expected=f"a run's id or one of {', '.join(gate.name for gate in Gate)}",
        remedy="cutter policy explain SG_1",
    )
