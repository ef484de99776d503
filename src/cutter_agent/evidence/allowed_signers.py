"""The file by which `ssh-keygen -Y verify` knows persons and their keys, written and read strictly.

Source: the ALLOWED SIGNERS section of ssh-keygen(1). Times carry Z, because ssh-keygen reads a time
without it as local.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cutter_agent.errors import StopRefusedInput
from cutter_agent.evidence.ssh_key import (
    PublicKey,
    check_person,
    namespace_bytes,
    parse_public_key,
)

LINES_MAX: Final = 1_000

_STAMP: Final = "%Y%m%d%H%M%SZ"
_LINE: Final = re.compile(
    r'(?P<person>[^ "]+) namespaces="(?P<namespaces>[^ "]+)"'
    r'(,valid-after="(?P<after>[0-9]{14}Z)")?(,valid-before="(?P<before>[0-9]{14}Z)")? '
    r"(?P<key>[^ ]+ [^ ]+)"
)


@dataclass(frozen=True, slots=True)
class AllowedSigner:
    """A person's key, what kinds of statement it may sign, and when.

    Times are in UTC and rounded to whole seconds so that the window never grows.
    """

    person: str
    key: PublicKey
    namespaces: tuple[str, ...]
    valid_after: datetime | None = None
    valid_before: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse what the file's syntax could misread, and a key that may sign anything."""
        check_person(self.person)
        if not self.namespaces:
            raise StopRefusedInput("a key without a namespace would be allowed to sign anything")
        for namespace in self.namespaces:
            namespace_bytes(namespace)
        object.__setattr__(self, "valid_after", _whole_seconds(self.valid_after, up=True))
        object.__setattr__(self, "valid_before", _whole_seconds(self.valid_before, up=False))

    @property
    def line(self) -> str:
        """The signer's line, without a line end."""
        options = [f'namespaces="{",".join(self.namespaces)}"']
        if self.valid_after is not None:
            options.append(f'valid-after="{self.valid_after.strftime(_STAMP)}"')
        if self.valid_before is not None:
            options.append(f'valid-before="{self.valid_before.strftime(_STAMP)}"')
        return f"{self.person} {','.join(options)} {self.key.line}"

    def may_sign(self, namespace: str, moment: datetime) -> bool:
        """Whether the key was good for such a statement at that moment."""
        begun = self.valid_after is None or self.valid_after <= moment
        over = self.valid_before is not None and self.valid_before <= moment
        return namespace in self.namespaces and begun and not over


def allowed_signers_line(
    person: str,
    key: PublicKey,
    namespaces: Sequence[str],
    *,
    valid_after: datetime | None = None,
    valid_before: datetime | None = None,
) -> str:
    """The line by which `ssh-keygen -Y verify` knows this person's key; no line end.

    Raises:
        StopRefusedInput: a person or namespace that the file's syntax could misread, no namespace,
            or a time without a time zone.
    """
    return AllowedSigner(person, key, tuple(namespaces), valid_after, valid_before).line


def allowed_signers_text(signers: Iterable[AllowedSigner]) -> str:
    """The whole file: one line a signer, each with its line end."""
    return "".join(f"{signer.line}\n" for signer in signers)


def parse_allowed_signers(text: str) -> tuple[AllowedSigner, ...]:
    """The signers of a file exactly as `allowed_signers_text` writes it.

    Raises:
        StopRefusedInput: any other line: patterns, other options, comments, a time without Z.
    """
    if not text:
        return ()
    lines = text.removesuffix("\n").split("\n")
    if len(lines) > LINES_MAX:
        raise StopRefusedInput(f"{len(lines)} lines of allowed signers, limit {LINES_MAX}")
    signers = tuple(_parse_line(line, number) for number, line in enumerate(lines, start=1))
    if allowed_signers_text(signers) != text:
        raise StopRefusedInput("the allowed signers are not written in their one form")
    return signers


def _parse_line(line: str, number: int) -> AllowedSigner:
    found = _LINE.fullmatch(line)
    if found is None:
        raise StopRefusedInput(
            f"line {number} of the allowed signers has another form",
            expected='person namespaces="…",valid-after="…Z",valid-before="…Z" type base64',
        )
    return AllowedSigner(
        found["person"],
        parse_public_key(found["key"]),
        tuple(found["namespaces"].split(",")),
        _moment(found["after"], number),
        _moment(found["before"], number),
    )


def _moment(stamp: str | None, number: int) -> datetime | None:
    if stamp is None:
        return None
    try:
        return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        raise StopRefusedInput(
            f"line {number} of the allowed signers has the time {stamp}"
        ) from None


def _whole_seconds(moment: datetime | None, *, up: bool) -> datetime | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise StopRefusedInput("a validity time without a time zone")
    utc = moment.astimezone(UTC)
    whole = utc.replace(microsecond=0)
    return whole + timedelta(seconds=1) if up and utc.microsecond else whole
