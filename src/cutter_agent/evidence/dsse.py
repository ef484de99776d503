"""Machine signatures: DSSE envelopes signed with Ed25519, in canonical bytes.

Source: the DSSE protocol and envelope specifications, version 1.0.2. A signature covers the payload's
type and length as well as its bytes, so no payload can be read as another kind of statement.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn, Protocol

from cutter_agent.errors import StopEvidenceMismatch, StopRefusedInput
from cutter_agent.evidence.canonical import Json, canonical_bytes, parse_canonical
from cutter_agent.evidence.ed25519 import SIGNATURE_BYTES, key_id, signature_fits

IN_TOTO_PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
ENVELOPE_BYTES_MAX: Final = 1024 * 1024
SIGNATURES_MAX: Final = 16

_PREAMBLE: Final = b"DSSEv1"


class EnvelopeSigner(Protocol):
    """A machine's key: signs bytes, and says by its id which key it is."""

    @property
    def key_id(self) -> str:
        """The id that `ed25519.key_id` gives the public half."""

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of an Ed25519 signature over the message."""


@dataclass(frozen=True, slots=True)
class EnvelopeSignature:
    """One signature in an envelope, under the id of the key that claims it."""

    key_id: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload, its type and the signatures over both; nothing here is verified yet."""

    payload_type: str
    payload: bytes
    signatures: tuple[EnvelopeSignature, ...]

    def encode(self) -> bytes:
        """The envelope as canonical JSON: the bytes that are stored and digested."""
        signatures: list[Json] = [
            {"keyid": each.key_id, "sig": _encode(each.signature)} for each in self.signatures
        ]
        return canonical_bytes(
            {
                "payload": _encode(self.payload),
                "payloadType": self.payload_type,
                "signatures": signatures,
            }
        )


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed for a payload (pre-authentication encoding)."""
    kind = payload_type.encode("utf-8")
    return b" ".join(
        (_PREAMBLE, str(len(kind)).encode(), kind, str(len(payload)).encode(), payload)
    )


def seal(payload_type: str, payload: bytes, signers: Sequence[EnvelopeSigner]) -> Envelope:
    """The payload stands in an envelope that each signer has signed."""
    message = pae(payload_type, payload)
    signatures = tuple(EnvelopeSignature(each.key_id, each.sign(message)) for each in signers)
    return Envelope(payload_type, payload, signatures)


def parse_envelope(data: bytes) -> Envelope:
    """The envelope that these canonical bytes hold; it is not verified yet.

    Raises:
        StopRefusedInput: the bytes are not JSON of the profile.
        StopEvidenceMismatch: they are not exactly one envelope with 1 to 16 signatures.
    """
    value = parse_canonical(data, size_bytes_max=ENVELOPE_BYTES_MAX)
    if not isinstance(value, Mapping) or set(value) != {"payload", "payloadType", "signatures"}:
        _mismatch("not a DSSE envelope with payload, payloadType and signatures")
    payload, payload_type, listed = value["payload"], value["payloadType"], value["signatures"]
    if not isinstance(payload, str) or not isinstance(payload_type, str):
        _mismatch("payload and payloadType of an envelope are texts")
    if not isinstance(listed, list) or not 0 < len(listed) <= SIGNATURES_MAX:
        _mismatch(f"an envelope has 1 to {SIGNATURES_MAX} signatures")
    signatures = tuple(_parse_signature(each) for each in listed)
    return Envelope(payload_type, _decode(payload, "payload"), signatures)


def verify_envelope(data: bytes, *, payload_type: str, keys: Collection[bytes]) -> bytes:
    """The payload of an envelope of this type, signed by trusted keys and by nobody else.

    Args:
        data: the envelope's canonical bytes.
        payload_type: the only type that is accepted.
        keys: the trusted raw Ed25519 keys, 32 bytes each.

    Raises:
        StopRefusedInput: the bytes are not JSON of the profile, or a trusted key is unusable.
        StopEvidenceMismatch: another type, an unknown key, a key twice, a signature that fails.
    """
    envelope = parse_envelope(data)
    if envelope.payload_type != payload_type:
        _mismatch(f"an envelope of type {envelope.payload_type[:80]!a}, not {payload_type!a}")
    trusted = {key_id(raw): raw for raw in keys}
    message = pae(payload_type, envelope.payload)
    seen: set[str] = set()
    for each in envelope.signatures:
        if each.key_id not in trusted:
            _mismatch(f"an envelope signed by the unknown key {each.key_id[:64]!a}")
        if each.key_id in seen:
            _mismatch(f"an envelope signed twice by the key {each.key_id}")
        if not signature_fits(trusted[each.key_id], each.signature, message):
            _mismatch(f"the signature of key {each.key_id} does not fit the envelope")
        seen.add(each.key_id)
    return envelope.payload


def _parse_signature(value: Json) -> EnvelopeSignature:
    if not isinstance(value, Mapping) or set(value) != {"keyid", "sig"}:
        _mismatch("a signature of an envelope has keyid and sig")
    name, signature = value["keyid"], value["sig"]
    if not isinstance(name, str) or not isinstance(signature, str):
        _mismatch("keyid and sig of an envelope are texts")
    raw = _decode(signature, "sig")
    if len(raw) != SIGNATURE_BYTES:
        _mismatch(f"an Ed25519 signature of {len(raw)} bytes, not {SIGNATURE_BYTES}")
    return EnvelopeSignature(name, raw)


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decode(text: str, what: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise StopRefusedInput(f"the {what} of an envelope is not base64") from None
    if _encode(data) != text:
        _mismatch(f"the {what} of an envelope is not in canonical base64")
    return data


def _mismatch(fact: str) -> NoReturn:
    raise StopEvidenceMismatch(fact)
