"""Ed25519 verification with the doubts removed (RFC 8032 §5.1.7).

Libraries differ on keys of low order, on encodings that are not canonical and on signatures whose
scalar was not reduced. Here each of them is refused, so one request has one signature a key.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from cutter_agent.errors import StopRefusedInput

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
FIELD_PRIME: Final = 2**255 - 19
GROUP_ORDER: Final = 2**252 + 27742317777372353535851937790883648493

_ORDER_8_Y: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SIGN_BIT: Final = 1 << 255
_LOW_ORDER_Y: Final = frozenset(
    {0, 1, _ORDER_8_Y, FIELD_PRIME - _ORDER_8_Y, FIELD_PRIME - 1, FIELD_PRIME, FIELD_PRIME + 1}
)
"""The y of all points whose order divides 8; with either sign bit these are 14 encodings."""
_SPKI_PREFIX: Final = bytes.fromhex("302a300506032b6570032100")
"""What stands before the 32 key bytes in a SubjectPublicKeyInfo of Ed25519 (RFC 8410 §4)."""


def check_public_key(raw: bytes) -> None:
    """The 32 bytes are the one encoding of a key that no signature fits by accident.

    Raises:
        StopRefusedInput: wrong length, a coordinate outside the field, or a point of low order.
    """
    if len(raw) != KEY_BYTES:
        raise StopRefusedInput(f"an Ed25519 key of {len(raw)} bytes", expected="32 bytes")
    y = int.from_bytes(raw, "little") & (_SIGN_BIT - 1)
    if y in _LOW_ORDER_Y:
        raise StopRefusedInput(
            "an Ed25519 key of low order, which every message can be made to fit",
            expected="a key made by ssh-keygen or this program",
        )
    if y >= FIELD_PRIME:
        raise StopRefusedInput("an Ed25519 key that is not canonically encoded")


def signature_is_reduced(signature: bytes) -> bool:
    """Whether the signature has its length and the least of the scalars that would fit.

    OpenSSL asks the same; other libraries that `cryptography` can be built on need not.
    """
    scalar = int.from_bytes(signature[KEY_BYTES:], "little")
    return len(signature) == SIGNATURE_BYTES and scalar < GROUP_ORDER


def signature_fits(raw_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether the key made the signature over the message; any doubt about either is a no."""
    try:
        check_public_key(raw_key)
    except StopRefusedInput:
        return False
    if not signature_is_reduced(signature):
        return False
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(raw_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def spki_der(raw: bytes) -> bytes:
    """The key as a DER SubjectPublicKeyInfo, as `openssl pkey -pubin -outform DER` writes it."""
    check_public_key(raw)
    return _SPKI_PREFIX + raw


def spki_pem(raw: bytes) -> str:
    """The key as a PEM file that `openssl pkeyutl -verify -pubin` reads."""
    body = base64.b64encode(spki_der(raw)).decode("ascii")
    return f"-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"


def parse_spki_pem(text: str) -> bytes:
    """The 32 key bytes of a PEM text exactly as `spki_pem` writes it."""
    lines = text.split("\n")
    try:
        der = base64.b64decode(lines[1], validate=True)
        raw = der[len(_SPKI_PREFIX) :]
        if spki_pem(raw) == text:
            return raw
    except (IndexError, ValueError):
        pass
    raise StopRefusedInput("not the PEM text of one Ed25519 public key")


def key_id(raw: bytes) -> str:
    """The key's name: SHA-256 of its SubjectPublicKeyInfo, 64 hexadecimal digits.

    A stranger gets the same with `openssl pkey -pubin -in KEY.pem -outform DER | sha256sum`.
    """
    return hashlib.sha256(spki_der(raw)).hexdigest()
