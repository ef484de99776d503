"""SSH public keys of the one family that may be enrolled: Ed25519, in a file or in a hardware token.

Sources: RFC 4253 §6.6, RFC 8709, PROTOCOL.u2f of OpenSSH. The small readers of SSH's wire form are shared with the signatures.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import struct
from dataclasses import dataclass
from typing import Final, NoReturn

from cutter_agent.errors import StopRefusedInput
from cutter_agent.evidence.ed25519 import check_public_key

ED25519: Final = "ssh-ed25519"
SK_ED25519: Final = "sk-ssh-ed25519@openssh.com"
ALGORITHMS: Final = (ED25519, SK_ED25519)
"""A key in a file, and a key in a hardware token (FIDO)."""

KEY_LINE_CHARS_MAX: Final = 4 * 1024
PERSON_CHARS_MAX: Final = 128

_UINT32_BYTES: Final = 4
_APPLICATION_PREFIX: Final = "ssh:"
_APPLICATION_CHARS_MAX: Final = 256
_PERSON_MARKS: Final = frozenset("@._+-")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 key that may be enrolled: well formed, canonical, not of low order.

    Attributes:
        algorithm: one of `ALGORITHMS`.
        blob: the key in SSH wire form, which the fingerprint is taken of.
    """

    algorithm: str
    blob: bytes

    def __post_init__(self) -> None:
        """Refuse a blob that is not exactly one key of the algorithm."""
        _key_fields(self.algorithm, self.blob)

    @property
    def raw(self) -> bytes:
        """The 32 bytes of the Ed25519 key."""
        return _key_fields(self.algorithm, self.blob)[0]

    @property
    def application(self) -> str:
        """What a hardware token binds its signatures to; empty for a key in a file."""
        return _key_fields(self.algorithm, self.blob)[1]

    @property
    def hardware(self) -> bool:
        """Whether the private half lives in a hardware token."""
        return self.algorithm == SK_ED25519

    @property
    def fingerprint(self) -> str:
        """The key's name as `ssh-keygen -l` prints it: SHA256 and unpadded base64."""
        digest = hashlib.sha256(self.blob).digest()
        return "SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=")

    @property
    def line(self) -> str:
        """The key as one OpenSSH line without a comment and without a line end."""
        return f"{self.algorithm} {base64.b64encode(self.blob).decode('ascii')}"


def ed25519_public_key(raw: bytes) -> PublicKey:
    """The SSH form of a plain Ed25519 key."""
    return PublicKey(ED25519, wire_string(ED25519.encode("ascii")) + wire_string(raw))


def public_key_from_blob(blob: bytes) -> PublicKey:
    """The key that the wire form holds; its algorithm is the blob's own first field."""
    name, _ = take_string(blob)
    return PublicKey(ascii_field(name, "key type"), blob)


def parse_public_key(line: str) -> PublicKey:
    """The key of one OpenSSH line: type, base64, perhaps a comment, perhaps a line feed.

    Raises:
        StopRefusedInput: options before the type, another algorithm, a type that differs from the
            blob's, base64 that re-encodes differently, a weak key, more than one line.
    """
    text = line.removesuffix("\n")
    if len(text) > KEY_LINE_CHARS_MAX or not text.isprintable():
        _refuse("a public key is one printable line of at most 4096 characters")
    fields = text.split(" ", 2)
    if len(fields) == 1:
        _refuse("a public key line has a type and a base64 field")
    algorithm, encoded = fields[0], fields[1]
    key = PublicKey(algorithm, strict_base64(encoded, "public key"))
    if text != key.line and not text.startswith(key.line + " "):
        _refuse("the public key's base64 is not in its canonical form")
    return key


def check_person(person: str) -> None:
    """The name is one that ssh-keygen takes literally: letters, digits and @ . _ + - only."""
    plain = person.isascii() and all(c.isalnum() or c in _PERSON_MARKS for c in person)
    if not plain or not 0 < len(person) <= PERSON_CHARS_MAX or person[0] in "@.+-":
        _refuse(
            f"the person name {person[:60]!a} has characters that allowed_signers could misread"
        )


def namespace_bytes(namespace: str) -> bytes:
    """The namespace as it is signed: one ASCII word of letters, digits and @ . _ + - only."""
    plain = namespace.isascii() and all(c.isalnum() or c in _PERSON_MARKS for c in namespace)
    if not plain or not namespace:
        _refuse(f"the namespace {namespace[:60]!a} is not one plain ASCII word")
    return namespace.encode("ascii")


def wire_string(data: bytes) -> bytes:
    """The bytes with their length before them (RFC 4251 §5, string)."""
    return struct.pack(">I", len(data)) + data


def take_uint32(data: bytes) -> tuple[int, bytes]:
    """The number at the front, and the rest."""
    if len(data) < _UINT32_BYTES:
        _refuse("a field is cut off")
    return int.from_bytes(data[:_UINT32_BYTES], "big"), data[_UINT32_BYTES:]


def take_string(data: bytes) -> tuple[bytes, bytes]:
    """The string at the front without its length, and the rest."""
    length, rest = take_uint32(data)
    if length > len(rest):
        _refuse("a field is cut off")
    return rest[:length], rest[length:]


def ascii_field(field: bytes, what: str) -> str:
    """The field as text, if it is ASCII."""
    if not field.isascii():
        _refuse(f"the {what} is not ASCII")
    return field.decode("ascii")


def strict_base64(text: str, what: str) -> bytes:
    """The bytes behind a base64 text without blanks or other characters."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        _refuse(f"the {what} is not base64")


def _key_fields(algorithm: str, blob: bytes) -> tuple[bytes, str]:
    """The raw key and the application of a key blob; refused unless it re-encodes to itself."""
    if algorithm not in ALGORITHMS:
        _refuse(f"key type {algorithm[:60]!a} is not one of {', '.join(ALGORITHMS)}")
    name, rest = take_string(blob)
    if name != algorithm.encode("ascii"):
        _refuse("the key's type differs from the type inside its blob")
    raw, rest = take_string(rest)
    check_public_key(raw)
    application = ""
    if algorithm == SK_ED25519:
        field, rest = take_string(rest)
        application = ascii_field(field, "application")
        if not application.startswith(_APPLICATION_PREFIX):
            _refuse("a hardware key's application does not begin with ssh:")
        if len(application) > _APPLICATION_CHARS_MAX:
            _refuse(f"a hardware key's application of {len(application)} characters")
    if rest:
        _refuse(f"{len(rest)} bytes after the public key")
    return raw, application


def _refuse(fact: str) -> NoReturn:
    raise StopRefusedInput(fact) from None
