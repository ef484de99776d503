"""Backups are encrypted while they are written: age to offline recipients, streamed, digested.

The ciphertext's SHA-256 is what an approver signs; it is taken from the bytes on their way to the
file. `pyrage` is the age implementation (the format is age-encryption.org/v1).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, NoReturn, Protocol

from cutter_agent.crypto.private_file import new_private_file
from cutter_agent.errors import StopBackupFailed, StopRefusedInput

if TYPE_CHECKING:
    from pyrage import x25519  # type: ignore[import-untyped]  # it ships no types

RECIPIENTS_MAX: Final = 64

_COMMENT: Final = "#"


class ByteSource(Protocol):
    """Something to read bytes from: a file or a program's output."""

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes, at most `size` of them; empty at the end."""


class ByteSink(Protocol):
    """Something to write bytes to: a file or a program's input."""

    def write(self, data: bytes, /) -> int | None:
        """The bytes are taken; how many, or None for all."""

    def flush(self) -> None:
        """What was taken is handed on."""


@dataclass(frozen=True, slots=True)
class Digested:
    """How many bytes went by, and their SHA-256."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class EncryptedBackup:
    """A finished ciphertext: where it lies, what it is, and what went into it."""

    path: Path
    ciphertext: Digested
    plaintext: Digested


class EphemeralIdentity:
    """An age key that lives in this process alone, to prove that what was written can be read."""

    __slots__ = ("_identity", "recipient")

    def __init__(self) -> None:
        from pyrage import x25519

        self._identity = x25519.Identity.generate()
        self.recipient: str = str(self._identity.to_public())
        """The public half, to encrypt to."""

    def opener(self) -> x25519.Identity:
        """The private half, for `decrypt_backup` alone."""
        return self._identity

    def __repr__(self) -> str:
        return f"EphemeralIdentity({self.recipient})"

    def __reduce__(self) -> NoReturn:
        raise StopRefusedInput("an ephemeral identity is not copied or serialised")


def parse_recipients(text: str) -> tuple[str, ...]:
    """The age recipients of a file: one a line, blank lines and lines with # left out.

    Raises:
        StopRefusedInput: none, too many, one twice, a private key, or not an X25519 recipient.
    """
    recipients: list[str] = []
    for number, raw_line in enumerate(text.splitlines(), start=1):
        line = raw_line.strip()
        if not line or line.startswith(_COMMENT):
            continue
        if line.upper().startswith("AGE-SECRET-KEY"):
            raise StopRefusedInput(
                f"line {number} of the recipients is a private key",
                expected="age1..., its public half",
            )
        _recipient(line, f"line {number} of the recipients")
        if line in recipients:
            raise StopRefusedInput(f"line {number} of the recipients repeats one")
        recipients.append(line)
    if not 0 < len(recipients) <= RECIPIENTS_MAX:
        raise StopRefusedInput(
            f"{len(recipients)} age recipients", expected=f"1 to {RECIPIENTS_MAX}"
        )
    return tuple(recipients)


def encrypt_backup(
    source: ByteSource,
    path: Path,
    recipients: Sequence[str],
    *,
    before_commit: Callable[[], None] | None = None,
) -> EncryptedBackup:
    """The source's bytes lie encrypted in a new durable file (0600), or there is no file at all.

    Args:
        source: read to its end.
        path: the new file; one of that name is never replaced.
        recipients: `age1...` keys, each of which can open the file.
        before_commit: called when the source is read to its end and before the file gets its name;
            what it raises undoes the file. Here the caller checks that its dump program ended well.

    Raises:
        StopRefusedInput: no recipient, or one that is not an X25519 recipient.
        StopBackupFailed: the source or the encryption failed, or the file exists.
        StopStorage: the file could not be written durably.
    """
    import pyrage

    keys = [_recipient(each, "a recipient") for each in recipients]
    if not keys:
        raise StopRefusedInput("a backup for nobody", expected="at least one age recipient")
    reader = _DigestingSource(source)
    try:
        with new_private_file(path) as file:
            writer = _DigestingSink(file)
            try:
                pyrage.encrypt_io(reader, writer, keys)
            except (OSError, pyrage.EncryptError) as error:
                raise StopBackupFailed(f"{path.name} could not be encrypted: {error}") from error
            if before_commit is not None:
                before_commit()
    except FileExistsError as error:
        raise StopBackupFailed(f"there is a backup {path} already") from error
    return EncryptedBackup(path, writer.digested(), reader.digested())


def decrypt_backup(
    backup: EncryptedBackup, target: ByteSink, identity: EphemeralIdentity
) -> Digested:
    """The very ciphertext was read back, opened, and gave the plaintext that went in.

    The target has received the plaintext; it is to be trusted only after this returned.

    Raises:
        StopBackupFailed: the file is gone, differs from what was written, or does not open.
    """
    import pyrage

    writer = _DigestingSink(target)
    try:
        with backup.path.open("rb") as file:
            reader = _DigestingSource(file)
            pyrage.decrypt_io(reader, writer, [identity.opener()])
            rest = reader.read(1)
    except (OSError, pyrage.DecryptError) as error:
        raise StopBackupFailed(f"{backup.path.name} cannot be opened again: {error}") from error
    if rest or reader.digested() != backup.ciphertext:
        raise StopBackupFailed(
            f"{backup.path.name} is not the file that was written",
            expected=f"SHA-256 {backup.ciphertext.sha256}",
        )
    if writer.digested() != backup.plaintext:
        raise StopBackupFailed(f"{backup.path.name} opens to other bytes than went in")
    return writer.digested()


def digest_file(file: BinaryIO) -> Digested:
    """Size and SHA-256 of the rest of an open file."""
    reader = _DigestingSource(file)
    while reader.read(1024 * 1024):
        pass
    return reader.digested()


class _DigestingSource:
    """Hands bytes on and digests them."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        self._size_bytes = 0

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self._hash.update(data)
        self._size_bytes += len(data)
        return data

    def digested(self) -> Digested:
        return Digested(self._size_bytes, self._hash.hexdigest())


class _DigestingSink:
    """Takes bytes, digests them, and writes every one of them."""

    def __init__(self, sink: ByteSink) -> None:
        self._sink = sink
        self._hash = hashlib.sha256()
        self._size_bytes = 0

    def write(self, data: bytes) -> int:
        rest = data
        while rest:
            taken = self._sink.write(rest)
            if taken is None or taken == len(rest):
                break
            rest = rest[taken:]
        self._hash.update(data)
        self._size_bytes += len(data)
        return len(data)

    def flush(self) -> None:
        self._sink.flush()

    def digested(self) -> Digested:
        return Digested(self._size_bytes, self._hash.hexdigest())


def _recipient(text: str, where: str) -> x25519.Recipient:
    from pyrage import RecipientError, x25519

    try:
        return x25519.Recipient.from_str(text)
    except RecipientError as error:
        raise StopRefusedInput(
            f"{where} is not an age X25519 recipient: {error}", expected="age1..."
        ) from None
