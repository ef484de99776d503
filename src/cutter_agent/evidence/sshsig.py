"""Human approvals as detached SSH signatures, in the format that `ssh-keygen -Y` makes and checks.

Source: PROTOCOL.sshsig of OpenSSH. Ours is the stricter reader: one armour, line feeds only, nothing
before or after it, Ed25519 keys only, and what re-encodes differently is refused. So a signature has
one text, and the same approval cannot come back in another dress.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass
from typing import Final, NoReturn

from cutter_agent.errors import Stop, StopApprovalInvalid, StopRefusedInput
from cutter_agent.evidence.allowed_signers import allowed_signers_line
from cutter_agent.evidence.ed25519 import SIGNATURE_BYTES, signature_fits
from cutter_agent.evidence.ssh_key import (
    PublicKey,
    ascii_field,
    ed25519_public_key,
    namespace_bytes,
    parse_public_key,
    public_key_from_blob,
    strict_base64,
    take_string,
    take_uint32,
    wire_string,
)

__all__ = [
    "APPROVAL_NAMESPACE",
    "POLICY_NAMESPACE",
    "REJECT_NAMESPACE",
    "PublicKey",
    "Signature",
    "allowed_signers_line",
    "armor",
    "ed25519_public_key",
    "encode_armor",
    "parse_armor",
    "parse_public_key",
    "signed_data",
    "verify",
]

APPROVAL_NAMESPACE: Final = "approval@iu-cutter.v1"
REJECT_NAMESPACE: Final = "reject@iu-cutter.v1"
POLICY_NAMESPACE: Final = "policy@iu-cutter.v1"

ARMOR_BYTES_MAX: Final = 8 * 1024
FLAG_USER_PRESENT: Final = 0x01
FLAG_USER_VERIFIED: Final = 0x04

_MAGIC: Final = b"SSHSIG"
_VERSION: Final = 1
_HASHES: Final = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}
_SIGNING_HASH: Final = "sha512"
_BEGIN: Final = "-----BEGIN SSH SIGNATURE-----\n"
_END: Final = "-----END SSH SIGNATURE-----\n"
_ARMOR_COLUMNS: Final = 70
_TOKEN_TAIL: Final = struct.Struct(">BI")
"""What a hardware token appends to its signature: flags and counter."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What one armoured signature says; nothing here is verified yet.

    Attributes:
        public_key: the key that claims to have signed.
        namespace: what kind of statement was signed.
        hash_algorithm: the digest that the message was reduced with.
        raw: the 64 bytes of the Ed25519 signature.
        flags: what the hardware token attests; None for a key in a file.
        counter: how often the token signed; None for a key in a file.
    """

    public_key: PublicKey
    namespace: str
    hash_algorithm: str
    raw: bytes
    flags: int | None = None
    counter: int | None = None

    def __post_init__(self) -> None:
        """Refuse a signature that its key could not have made."""
        if len(self.raw) != SIGNATURE_BYTES:
            _refuse(f"an Ed25519 signature of {len(self.raw)} bytes, not {SIGNATURE_BYTES}")
        for attested in (self.flags, self.counter):
            if (attested is not None) != self.public_key.hardware:
                _refuse(f"token flags and counter do not belong to {self.public_key.algorithm}")

    @property
    def user_present(self) -> bool:
        """Whether a hardware token attests that somebody touched it."""
        return self.flags is not None and bool(self.flags & FLAG_USER_PRESENT)

    @property
    def user_verified(self) -> bool:
        """Whether a hardware token attests that it knew its owner (PIN or finger)."""
        return self.flags is not None and bool(self.flags & FLAG_USER_VERIFIED)


def signed_data(message: bytes, namespace: str, hash_algorithm: str = _SIGNING_HASH) -> bytes:
    """The bytes that an SSH signature over the message is made of (PROTOCOL.sshsig §2)."""
    if hash_algorithm not in _HASHES:
        _refuse(f"hash algorithm {hash_algorithm[:20]!a} is not one of {', '.join(_HASHES)}")
    return b"".join(
        (
            _MAGIC,
            wire_string(namespace_bytes(namespace)),
            wire_string(b""),
            wire_string(hash_algorithm.encode("ascii")),
            wire_string(_HASHES[hash_algorithm](message).digest()),
        )
    )


def armor(public_key: PublicKey, signature: bytes, namespace: str) -> str:
    """The armoured text of a signature over `signed_data`, equal to what ssh-keygen writes.

    Args:
        public_key: the signer's key.
        signature: 64 bytes for a key in a file; for a hardware key these and then one byte of
            flags and four of counter, as a token returns them.
        namespace: the namespace that was signed.
    """
    tail = signature[SIGNATURE_BYTES:]
    flags, counter = None, None
    if public_key.hardware and len(tail) == _TOKEN_TAIL.size:
        flags, counter = _TOKEN_TAIL.unpack(tail)
    elif tail:
        _refuse(f"a signature of {len(signature)} bytes for {public_key.algorithm}")
    raw = signature[:SIGNATURE_BYTES]
    return encode_armor(Signature(public_key, namespace, _SIGNING_HASH, raw, flags, counter))


def encode_armor(signature: Signature) -> str:
    """The one text that stands for this signature."""
    algorithm = signature.public_key.algorithm.encode("ascii")
    inner = wire_string(algorithm) + wire_string(signature.raw)
    if signature.flags is not None and signature.counter is not None:
        inner += _TOKEN_TAIL.pack(signature.flags, signature.counter)
    blob = b"".join(
        (
            _MAGIC,
            struct.pack(">I", _VERSION),
            wire_string(signature.public_key.blob),
            wire_string(namespace_bytes(signature.namespace)),
            wire_string(b""),
            wire_string(signature.hash_algorithm.encode("ascii")),
            wire_string(inner),
        )
    )
    encoded = base64.b64encode(blob).decode("ascii")
    rows = (encoded[i : i + _ARMOR_COLUMNS] for i in range(0, len(encoded), _ARMOR_COLUMNS))
    return _BEGIN + "\n".join(rows) + "\n" + _END


def parse_armor(text: bytes) -> Signature:
    """The signature that exactly this one armour holds; it is not verified yet.

    Raises:
        StopApprovalInvalid: anything else stands in the text, or it is not in its one form.
    """
    if len(text) > ARMOR_BYTES_MAX:
        _invalid(f"a signature file of {len(text)} bytes, limit {ARMOR_BYTES_MAX}")
    try:
        armored = text.decode("ascii")
    except UnicodeDecodeError as error:
        _invalid(f"the signature file is not ASCII at byte {error.start}")
    if not armored.startswith(_BEGIN) or not armored.endswith(_END):
        _invalid("the signature file is not exactly one SSH signature armour with line feeds")
    body = armored[len(_BEGIN) : -len(_END)].replace("\n", "")
    try:
        signature = _decode_blob(strict_base64(body, "signature"))
        canonical = encode_armor(signature) == armored
    except StopApprovalInvalid:
        raise
    except Stop as stop:
        raise StopApprovalInvalid(stop.fact) from stop
    if not canonical:
        _invalid("the signature is not written in the one form that ssh-keygen writes")
    return signature


def verify(armored: bytes, message: bytes, *, namespace: str) -> Signature:
    """The armour holds a signature that its own key made over this message in this namespace.

    Whose key it is, whether that person may approve and whether a hardware token was touched are
    questions of the trust policy, not answered here.

    Raises:
        StopApprovalInvalid: it does not.
    """
    signature = parse_armor(armored)
    if signature.namespace != namespace:
        _invalid(f"signed in the namespace {signature.namespace!a}, not {namespace!a}")
    data = signed_data(message, namespace, signature.hash_algorithm)
    if signature.public_key.hardware:
        data = _token_data(signature, data)
    if not signature_fits(signature.public_key.raw, signature.raw, data):
        _invalid(f"the signature of {signature.public_key.fingerprint} does not fit the request")
    return signature


def _token_data(signature: Signature, data: bytes) -> bytes:
    """What a hardware token signs in place of the data (PROTOCOL.u2f of OpenSSH)."""
    application = signature.public_key.application.encode("ascii")
    tail = _TOKEN_TAIL.pack(signature.flags, signature.counter)
    return hashlib.sha256(application).digest() + tail + hashlib.sha256(data).digest()


def _decode_blob(blob: bytes) -> Signature:
    """Read the fields of a signature blob in their order; every byte is accounted for."""
    if not blob.startswith(_MAGIC):
        _invalid("the armour holds no SSHSIG")
    version, rest = take_uint32(blob[len(_MAGIC) :])
    if version != _VERSION:
        _invalid(f"SSHSIG version {version}, not {_VERSION}")
    key_blob, rest = take_string(rest)
    namespace, rest = take_string(rest)
    reserved, rest = take_string(rest)
    hash_name, rest = take_string(rest)
    inner, rest = take_string(rest)
    if rest:
        _invalid(f"{len(rest)} bytes after the signature")
    if reserved:
        _invalid("the reserved field of the signature is not empty")
    key = public_key_from_blob(key_blob)
    hash_algorithm = ascii_field(hash_name, "hash algorithm")
    if hash_algorithm not in _HASHES:
        _invalid(f"hash algorithm {hash_algorithm[:20]!a} is not one of {', '.join(_HASHES)}")
    raw, flags, counter = _decode_inner(inner, key)
    return Signature(key, ascii_field(namespace, "namespace"), hash_algorithm, raw, flags, counter)


def _decode_inner(inner: bytes, key: PublicKey) -> tuple[bytes, int | None, int | None]:
    algorithm, rest = take_string(inner)
    if algorithm != key.algorithm.encode("ascii"):
        _invalid("the signature's algorithm differs from its key's")
    raw, rest = take_string(rest)
    if key.hardware and len(rest) == _TOKEN_TAIL.size:
        flags, counter = _TOKEN_TAIL.unpack(rest)
        return raw, flags, counter
    if key.hardware or rest:
        _invalid(f"{len(rest)} bytes after the signature for {key.algorithm}")
    return raw, None, None


def _refuse(fact: str) -> NoReturn:
    raise StopRefusedInput(fact) from None


def _invalid(fact: str) -> NoReturn:
    raise StopApprovalInvalid(fact) from None
