"""Keys of machines: executor, verifier, log. Ed25519 in a PKCS#8 PEM file that only we can read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from cutter_agent.crypto.private_file import new_private_file, read_private_file
from cutter_agent.errors import StopRefusedInput
from cutter_agent.evidence.ed25519 import key_id, spki_pem

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class MachineKey:
    """A key that signs for a machine. Its text form shows its public id and nothing more."""

    __slots__ = ("_private", "public_raw")

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public_raw: bytes = private.public_key().public_bytes_raw()
        """The 32 bytes of the public half."""

    @classmethod
    def in_memory(cls) -> MachineKey:
        """A new key that is never written anywhere: for rehearsals and tests."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return cls(Ed25519PrivateKey.generate())

    @property
    def key_id(self) -> str:
        """The public half's name: SHA-256 of its SubjectPublicKeyInfo, in hexadecimal."""
        return key_id(self.public_raw)

    @property
    def public_pem(self) -> str:
        """The public half as a PEM file for openssl."""
        return spki_pem(self.public_raw)

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the Ed25519 signature over the message."""
        return self._private.sign(message)

    def __repr__(self) -> str:
        return f"MachineKey({self.key_id[:16]})"

    def __reduce__(self) -> NoReturn:
        raise StopRefusedInput("a machine's key is not copied or serialised")


def load_machine_key(path: Path) -> MachineKey:
    """The key in the file.

    Raises:
        StopRefusedInput: the file is missing, not private (mode, owner, link), or holds no Ed25519
            key in PKCS#8 PEM without a passphrase.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = read_private_file(path)
    try:
        private = load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = None
    if not isinstance(private, Ed25519PrivateKey):
        raise StopRefusedInput(
            f"the file {path} holds no machine key", expected="one Ed25519 key in PKCS#8 PEM"
        )
    return MachineKey(private)


def ensure_machine_key(path: Path) -> MachineKey:
    """The key in the file; made first if there is none. Of two makers at once, one wins for both.

    Raises:
        StopRefusedInput: there is a file, and it is not a machine key that we may use.
        StopStorage: the new file could not be written durably.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    if not path.is_symlink() and not path.exists():
        private = Ed25519PrivateKey.generate()
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        try:
            with new_private_file(path) as file:
                file.write(pem)
        except FileExistsError:
            return load_machine_key(path)
    return load_machine_key(path)
