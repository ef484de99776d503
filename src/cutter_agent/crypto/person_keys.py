"""Keys of persons: OpenSSH files, with or without a passphrase, and keys that an agent holds.

Both kinds of signer give the armoured text that `ssh-keygen -Y sign` would give, and each checks its
own signature before it hands it out.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, Protocol

from cutter_agent.crypto.private_file import new_private_file, read_private_file
from cutter_agent.errors import StopRefusedInput
from cutter_agent.evidence.ssh_key import PublicKey, ed25519_public_key
from cutter_agent.evidence.sshsig import armor, signed_data, verify

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PassphraseProvider = Callable[[str], bytes | None]
"""Asked with the key file's name when a key is encrypted; None means that nobody answers."""

_TRY_AGAIN: Final = "cutter approve {run} --key FILE"
_OPENSSH_HEADER: Final = b"-----BEGIN OPENSSH PRIVATE KEY-----"


class PersonSigner(Protocol):
    """Somebody's key, wherever it lies."""

    @property
    def public_key(self) -> PublicKey:
        """The public half, as it is enrolled."""

    def sign_request(self, message: bytes, namespace: str) -> str:
        """The armoured signature over these bytes in this namespace."""


class FileSigner:
    """A key read from a person's own file. Its text form shows its fingerprint and nothing more."""

    __slots__ = ("_private", "public_key")

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public_key: PublicKey = ed25519_public_key(private.public_key().public_bytes_raw())
        """The public half, as it is enrolled."""

    def sign_request(self, message: bytes, namespace: str) -> str:
        signature = self._private.sign(signed_data(message, namespace))
        return checked_armor(self.public_key, signature, message, namespace)

    def __repr__(self) -> str:
        return f"FileSigner({self.public_key.fingerprint})"

    def __reduce__(self) -> NoReturn:
        raise StopRefusedInput("a person's key is not copied or serialised")


def checked_armor(key: PublicKey, signature: bytes, message: bytes, namespace: str) -> str:
    """The armoured signature, after it has been verified as an approver's would be.

    Raises:
        StopApprovalInvalid: the signer returned something that does not fit.
    """
    text = armor(key, signature, namespace)
    verify(text.encode("ascii"), message, namespace=namespace)
    return text


def load_person_key(path: Path, passphrase_provider: PassphraseProvider) -> FileSigner:
    """The key in an OpenSSH private key file.

    Raises:
        StopRefusedInput: the file is missing or readable by others, is no OpenSSH key, holds
            another algorithm, or its passphrase was not given or not right.
    """
    data = read_private_file(path, through_links=True)
    if not data.startswith(_OPENSSH_HEADER):
        raise StopRefusedInput(
            f"the file {path} is not an OpenSSH private key",
            remedy=f"ssh-keygen -t ed25519 -f {path}",
        )
    private = _open(path, data, None)
    if private is None:
        passphrase = passphrase_provider(path.name)
        if not passphrase:
            raise StopRefusedInput(
                f"the key {path} is encrypted and no passphrase was given", remedy=_TRY_AGAIN
            )
        private = _open(path, data, passphrase)
    if private is None:
        raise StopRefusedInput(f"the passphrase does not open the key {path}", remedy=_TRY_AGAIN)
    return FileSigner(private)


def new_person_key(path: Path, passphrase: bytes | None, *, comment: str = "") -> PublicKey:
    """A new Ed25519 key lies in the file (0600) and its public line beside it in `.pub`.

    Raises:
        StopRefusedInput: there is a file of either name already, or the passphrase is empty.
        StopStorage: a file could not be written durably.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    if passphrase is not None and not passphrase:
        raise StopRefusedInput("the passphrase is empty", expected="one, or none on purpose")
    if not comment.isprintable():
        raise StopRefusedInput("the key's comment is not printable")
    private = Ed25519PrivateKey.generate()
    seal = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
    public = ed25519_public_key(private.public_key().public_bytes_raw())
    public_path = path.with_name(path.name + ".pub")
    already = StopRefusedInput(f"there is a key {path} already", remedy=f"ls -l {path}*")
    if public_path.is_symlink() or public_path.exists():
        raise already
    try:
        with new_private_file(path) as file:
            file.write(private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, seal))
        with new_private_file(public_path) as file:
            file.write(f"{public.line} {comment}".rstrip().encode() + b"\n")
    except FileExistsError as error:
        raise already from error
    return public


def _open(path: Path, data: bytes, passphrase: bytes | None) -> Ed25519PrivateKey | None:
    """The key, or None when it wants a passphrase (none given) or another one (one given)."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    try:
        private = load_ssh_private_key(data, passphrase)
    except TypeError:
        return None
    except ValueError:
        if passphrase is not None:
            return None
        private = None
    except UnsupportedAlgorithm:
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise StopRefusedInput(
            f"the key {path} cannot sign here",
            expected="an Ed25519 key; a hardware key signs through ssh-agent or ssh-keygen",
            remedy="ssh-keygen -t ed25519",
        )
    return private
