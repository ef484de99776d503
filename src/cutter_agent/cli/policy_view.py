"""A trust policy for people and for programs: who is in it, what they decide, what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cutter_agent.cli.output import Output, aligned, seen, wrapped

if TYPE_CHECKING:
    from cutter_agent.bootstrap.trust import Proposal
    from cutter_agent.evidence.canonical import Json
    from cutter_agent.orchestrator.policy import EnrolledKey, TrustPolicy


def policy_document(current: TrustPolicy | None, waiting: Proposal | None) -> dict[str, Json]:
    """Return `cutter.policy/1`: the policy that counts and the one that waits, each or neither."""
    return {
        "schema": "cutter.policy/1",
        "accepted": None if current is None else _json(current),
        "proposed": None
        if waiting is None
        else {
            **_json(waiting.policy),
            "signed": [each.person for each in waiting.verdict.signed],
            "missing": list(waiting.verdict.missing),
        },
    }


def policy_lines(current: TrustPolicy | None, waiting: Proposal | None, out: Output) -> list[str]:
    """Return the same for people."""
    lines: list[str] = []
    if current is not None:
        lines += [f"Policy {current.version} counts", *_people(current, out)]
    elif waiting is None:
        lines.append("No trust policy: nobody can approve a live run.")
        lines.append("Next   cutter policy propose --person NAME=PUBKEYFILE ...")
    if waiting is not None:
        if lines:
            lines.append("")
        lines += [f"Policy {waiting.policy.version} is proposed", *_people(waiting.policy, out)]
        signed = ", ".join(sorted({each.person for each in waiting.verdict.signed})) or "nobody yet"
        lines += wrapped(f"signed by {signed}", out.columns, first="  ")
        for sentence in waiting.verdict.missing:
            lines += wrapped(seen(sentence), out.columns, first="  - ")
        lines.append("Next   cutter policy sign --person NAME")
    return lines


def _json(policy: TrustPolicy) -> dict[str, Json]:
    return {
        "version": policy.version,
        "sha256": policy.sha256,
        "deployment": policy.deployment,
        "persons": [
            {"name": person.name, "keys": [_fingerprint(key) for key in person.keys]}
            for person in policy.persons
        ],
        "gates": [
            {"gate": rule.gate.value, "threshold": rule.threshold, "persons": list(rule.persons)}
            for rule in policy.gates
        ],
        "sg1_approver_may_approve_sg2": policy.sg1_approver_may_approve_sg2,
    }


def _people(policy: TrustPolicy, out: Output) -> list[str]:
    persons = [
        (person.name, ", ".join(_fingerprint(key) for key in person.keys))
        for person in policy.persons
    ]
    gates = [
        (rule.gate.value, f"{rule.threshold} of", ", ".join(rule.persons)) for rule in policy.gates
    ]
    lines = [f"  sha256:{policy.sha256}", ""]
    lines += [f"  {line}" for line in aligned(("person", "keys"), persons, out.columns - 2)]
    lines += ["", *(f"  {line}" for line in aligned(("gate", "", "who"), gates, out.columns - 2))]
    same = "may" if policy.sg1_approver_may_approve_sg2 else "may not"
    return [*lines, "", f"  Who approved SG_1 {same} approve SG_2 of the same run."]


def _fingerprint(key: EnrolledKey) -> str:
    from cutter_agent.evidence.sshsig import parse_public_key

    text = parse_public_key(key.public_key).fingerprint
    said = [
        f"{word} {moment}"
        for word, moment in (
            ("from", key.valid_from),
            ("until", key.valid_until),
            ("revoked", key.revoked_utc),
        )
        if moment is not None
    ]
    return f"{text} ({', '.join(said)})" if said else text
