"""People of a deployment: keys that are made here, and the trust policy that names their owners."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cutter_agent.errors import StopRefusedInput
from cutter_agent.evidence.sshsig import PublicKey, parse_public_key
from cutter_agent.orchestrator.clock import parse_utc
from cutter_agent.orchestrator.policy import (
    POLICY_SCHEMA,
    EnrolledKey,
    GateRule,
    Person,
    TrustPolicy,
)
from cutter_agent.orchestrator.states import Gate

if TYPE_CHECKING:
    from cutter_agent.bootstrap.home import Home

PERSON: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
PUBLIC_KEY_BYTES_MAX: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A person's key that lies in the home."""

    person: str
    path: Path
    public_key: PublicKey | None
    """None where the public file is missing or holds no key that can be enrolled."""


@dataclass(frozen=True, slots=True)
class KeyChanges:
    """What becomes of keys that are enrolled, besides new ones.

    Attributes:
        revoke: persons, and the fingerprint of the one key that is revoked; None for all of theirs.
        valid_from: from when each person's keys count; None for always.
        valid_until: until when; None for always.
    """

    revoke: Sequence[tuple[str, str | None]] = ()
    valid_from: Mapping[str, str | None] = field(default_factory=dict)
    valid_until: Mapping[str, str | None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Return whether anything changes."""
        return bool(self.revoke or self.valid_from or self.valid_until)


def check_person(name: str) -> str:
    """The name can be a person's: in a policy, in a file's name, in an allowed-signers line.

    Raises:
        StopRefusedInput: it cannot.
    """
    if not PERSON.fullmatch(name):
        raise StopRefusedInput(
            f"{name[:80]!a} cannot name a person",
            expected="up to 64 letters, digits and _, not beginning with a digit",
            remedy="cutter keys new PERSON",
        )
    return name


def new_key(home: Home, person: str, passphrase: bytes | None) -> PublicKey:
    """The person has a new key in the home: persons/<name>/id_ed25519 and its public line beside it.

    Raises:
        StopRefusedInput: there is one already, or the name cannot be a person's.
        StopStorage: it could not be written durably.
    """
    from cutter_agent.crypto.person_keys import new_person_key
    from cutter_agent.files.durable import make_folder

    path = home.person_key(check_person(person))
    make_folder(path.parent)
    return new_person_key(path, passphrase, comment=person)


def key_files(home: Home) -> tuple[KeyFile, ...]:
    """Every person's key that lies in the home, by name."""
    found = sorted(home.persons.glob("*/id_ed25519")) if home.persons.is_dir() else []
    return tuple(KeyFile(path.parent.name, path, _public_half(path)) for path in found)


def read_public_key(path: Path) -> PublicKey:
    """The key in a public key file: one OpenSSH line, a comment after it or not.

    Raises:
        StopRefusedInput: the file cannot be read or holds no key that may be enrolled.
    """
    from cutter_agent.files.durable import reason_of

    try:
        with path.open("rb") as file:
            text = file.read(PUBLIC_KEY_BYTES_MAX).decode("ascii")
    except OSError as error:
        raise StopRefusedInput(
            f"the public key {path} cannot be read: {reason_of(error)}", remedy=f"ls -l {path}"
        ) from error
    except UnicodeDecodeError as error:
        raise StopRefusedInput(
            f"the file {path} is no public key", remedy=f"ssh-keygen -l -f {path}"
        ) from error
    if "PRIVATE KEY" in text:
        raise StopRefusedInput(
            f"the file {path} is a private key",
            expected="its public half",
            remedy=f"cutter policy propose --person NAME={path}.pub",
        )
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) != 1:
        raise StopRefusedInput(
            f"the file {path} has {len(lines)} lines",
            expected="one public key",
            remedy=f"ssh-keygen -l -f {path}",
        )
    try:
        # The comment is the owner's own note; it may hold anything and says nothing.
        return parse_public_key(" ".join(lines[0].split()[:2]))
    except StopRefusedInput as stop:
        stop.use_remedy(f"ssh-keygen -l -f {path}")
        raise


def next_policy(
    current: TrustPolicy | None,
    *,
    database: str,
    keys: Sequence[tuple[str, PublicKey]],
    gates: Mapping[Gate, tuple[tuple[str, ...], int]],
    without: Sequence[str] = (),
    same_approver: bool | None = None,
    changes: KeyChanges | None = None,
    now_utc: str = "",
) -> TrustPolicy:
    """The policy that would follow the current one; nothing is accepted by making it.

    Args:
        current: the version that counts now, or None before the first.
        database: the database that it is for.
        keys: persons and the keys that they are enrolled with from now on; several of one person
            are all theirs, and replace those they had.
        gates: for each gate given, its persons and how many of them must sign. A gate that is not
            given keeps its rule; in the first version, one signature of any person.
        without: persons who are no longer in it.
        same_approver: whether one person may approve SG_1 and SG_2 of a run; None keeps it.
        changes: keys that are revoked, and from when and until when persons' keys count.
        now_utc: the time of a revocation, as the deciding clock has it.

    Raises:
        StopRefusedInput: somebody or a key is named whom the policy does not have, or a time is none.
    """
    people = {person.name: person for person in (() if current is None else current.persons)}
    renewed: dict[str, list[EnrolledKey]] = {}
    for name, key in keys:
        enrolled = EnrolledKey(key.line, valid_from=None, valid_until=None, revoked_utc=None)
        renewed.setdefault(check_person(name), []).append(enrolled)
    people |= {name: Person(name, tuple(enrolled)) for name, enrolled in renewed.items()}
    for name in without:
        if people.pop(name, None) is None:
            raise StopRefusedInput(
                f"{name[:80]!a} is not in the policy", remedy="cutter policy show"
            )
    if changes:
        people = _changed(people, changes, now_utc)
    rules = []
    for gate in Gate:
        rule = _rule(gate, current, tuple(people), without, gates.get(gate))
        if rule is not None:
            rules.append(rule)
    kept = current is not None and current.sg1_approver_may_approve_sg2
    return TrustPolicy(
        schema=POLICY_SCHEMA,
        version=1 if current is None else current.version + 1,
        deployment=database,
        persons=tuple(people[name] for name in sorted(people)),
        gates=tuple(rules),
        sg1_approver_may_approve_sg2=kept if same_approver is None else same_approver,
    )


def _changed(people: Mapping[str, Person], changes: KeyChanges, now_utc: str) -> dict[str, Person]:
    """Return the persons with their keys as the changes say; keys that are revoked stay, and say so."""
    named = {name for name, _ in changes.revoke} | {*changes.valid_from, *changes.valid_until}
    if unknown := sorted(named - people.keys()):
        raise StopRefusedInput(
            f"{', '.join(unknown)[:200]!a} is not in the policy", remedy="cutter policy show"
        )
    revoked = set(changes.revoke)
    for name, wanted in revoked:
        owned = {_fingerprint(key) for key in people[name].keys}
        if wanted is not None and wanted not in owned:
            raise StopRefusedInput(
                f"{wanted[:80]!a} is no key of {name}",
                expected=", ".join(sorted(owned)),
                remedy="cutter policy show",
            )
    changed = dict(people)
    for name in sorted(named):
        keys = []
        for key in people[name].keys:
            window = replace(
                key,
                valid_from=changes.valid_from.get(name, key.valid_from),
                valid_until=changes.valid_until.get(name, key.valid_until),
            )
            gone = bool({(name, None), (name, _fingerprint(key))} & revoked)
            # The first revocation is the true one: a later one must not make a key good in between.
            keys.append(replace(window, revoked_utc=key.revoked_utc or now_utc) if gone else window)
            _check_window(name, keys[-1])
        changed[name] = Person(name, tuple(keys))
    return changed


def _check_window(name: str, key: EnrolledKey) -> None:
    moments = [parse_utc(text) for text in (key.valid_from, key.valid_until) if text is not None]
    ordered = [moment for moment in moments if moment is not None]
    if len(ordered) < len(moments) or ordered != sorted(set(ordered)):
        raise StopRefusedInput(
            f"keys of {name} cannot count from {key.valid_from} until {key.valid_until}",
            expected="UTC times such as 2027-01-31T00:00:00Z, the first before the second",
            remedy="cutter policy propose --help",
        )


def _fingerprint(key: EnrolledKey) -> str:
    return parse_public_key(key.public_key).fingerprint


def _rule(
    gate: Gate,
    current: TrustPolicy | None,
    people: tuple[str, ...],
    without: Sequence[str],
    given: tuple[tuple[str, ...], int] | None,
) -> GateRule | None:
    if given is not None:
        persons, threshold = given
        if unknown := sorted(set(persons) - set(people)):
            raise StopRefusedInput(
                f"{gate} names {', '.join(unknown)}, whom the policy does not have",
                expected=", ".join(sorted(people)),
                remedy="cutter policy propose --person NAME=PUBKEYFILE",
            )
        return GateRule(
            gate, threshold, tuple(sorted(set(persons))), require_user_verification=False
        )
    if current is None:
        return GateRule(gate, 1, tuple(sorted(people)), require_user_verification=False)
    for rule in current.gates:
        if rule.gate is gate:
            return replace(rule, persons=tuple(p for p in rule.persons if p not in without))
    return None


def _public_half(path: Path) -> PublicKey | None:
    try:
        return read_public_key(path.with_name(path.name + ".pub"))
    except StopRefusedInput:
        return None
