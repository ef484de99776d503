"""Envelopes: what is signed, what is refused, and what openssl and securesystemslib say to it."""

import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from securesystemslib.dsse import Envelope as OutsideEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import CryptoSigner, SSlibKey

from cutter_agent.errors import Stop, StopEvidenceMismatch, StopRefusedInput
from cutter_agent.evidence.canonical import canonical_bytes
from cutter_agent.evidence.dsse import (
    IN_TOTO_PAYLOAD_TYPE,
    Envelope,
    EnvelopeSignature,
    pae,
    parse_envelope,
    seal,
    verify_envelope,
)
from cutter_agent.evidence.ed25519 import key_id, spki_pem
from forge.approvals import malleated


class Key:
    """A signer made of a plain private key."""

    def __init__(self, number: int) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        self.raw = self.private.public_key().public_bytes_raw()
        self.key_id = key_id(self.raw)

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message)


EXECUTOR, VERIFIER, STRANGER = Key(1), Key(2), Key(3)
PAYLOAD = canonical_bytes({"_type": "statement", "title": "Điều 1"})
DATA = seal(IN_TOTO_PAYLOAD_TYPE, PAYLOAD, [EXECUTOR]).encode()


def printf_pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding, as a shell's printf would put it together."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def opened(data: bytes, *keys: Key, payload_type: str = IN_TOTO_PAYLOAD_TYPE) -> bytes:
    raws = [key.raw for key in keys or (EXECUTOR,)]
    return verify_envelope(data, payload_type=payload_type, keys=raws)


@pytest.mark.parametrize("payload", [b"", b"hello world", b" \n\x00", PAYLOAD])
@pytest.mark.parametrize("kind", ["http://example.com/HelloWorld", "", "đ", "a b"])
def test_the_signed_bytes_are_those_of_the_specification(kind: str, payload: bytes):
    assert pae(kind, payload) == printf_pae(kind, payload)


def test_the_specifications_own_example():
    example = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert pae("http://example.com/HelloWorld", b"hello world") == example


def test_the_specifications_own_signature_fits_our_bytes():
    """It is of ECDSA, which no envelope here may carry; the bytes that it signs are of every kind."""
    x = 46950820868899156662930047687818585632848591499744589407958293238635476079160
    y = 5640078356564379163099075877009565129882514886557779369047442380624545832820
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    made = base64.b64decode(
        "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="
    )
    signature = encode_dss_signature(int.from_bytes(made[:32]), int.from_bytes(made[32:]))
    signed = pae("http://example.com/HelloWorld", b"hello world")
    key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
    with pytest.raises(InvalidSignature):
        key.verify(signature, signed + b" ", ec.ECDSA(hashes.SHA256()))


def test_an_envelope_opens_for_the_key_that_sealed_it():
    assert opened(DATA) == PAYLOAD
    assert opened(DATA, VERIFIER, EXECUTOR) == PAYLOAD
    assert parse_envelope(DATA).encode() == DATA


def test_several_signers_must_all_be_trusted():
    both = seal(IN_TOTO_PAYLOAD_TYPE, PAYLOAD, [EXECUTOR, VERIFIER]).encode()
    assert opened(both, EXECUTOR, VERIFIER) == PAYLOAD
    with pytest.raises(StopEvidenceMismatch, match="unknown key"):
        opened(both, EXECUTOR)


def test_an_executors_envelope_is_not_a_verifiers():
    with pytest.raises(StopEvidenceMismatch, match="unknown key"):
        opened(DATA, VERIFIER)


def test_a_stranger_under_a_trusted_name_is_refused():
    posing = EnvelopeSignature(EXECUTOR.key_id, STRANGER.sign(pae(IN_TOTO_PAYLOAD_TYPE, PAYLOAD)))
    with pytest.raises(StopEvidenceMismatch, match="does not fit"):
        opened(Envelope(IN_TOTO_PAYLOAD_TYPE, PAYLOAD, (posing,)).encode())


def test_another_type_is_refused_even_when_it_is_signed():
    other = seal("application/json", PAYLOAD, [EXECUTOR]).encode()
    assert opened(other, payload_type="application/json") == PAYLOAD
    with pytest.raises(StopEvidenceMismatch, match="application/json"):
        opened(other)


def test_the_type_is_signed_with_the_payload():
    retyped = Envelope("application/json", PAYLOAD, parse_envelope(DATA).signatures).encode()
    with pytest.raises(StopEvidenceMismatch, match="does not fit"):
        opened(retyped, payload_type="application/json")


def test_a_signature_counts_once():
    [signature] = parse_envelope(DATA).signatures
    twice = Envelope(IN_TOTO_PAYLOAD_TYPE, PAYLOAD, (signature, signature)).encode()
    with pytest.raises(StopEvidenceMismatch, match="twice"):
        opened(twice)


def test_a_malleated_signature_is_refused():
    [signature] = parse_envelope(DATA).signatures
    changed = EnvelopeSignature(signature.key_id, malleated(signature.signature))
    with pytest.raises(StopEvidenceMismatch, match="does not fit"):
        opened(Envelope(IN_TOTO_PAYLOAD_TYPE, PAYLOAD, (changed,)).encode())


def test_an_envelope_needs_a_signature_and_no_more_than_sixteen():
    [signature] = parse_envelope(DATA).signatures
    for count in (0, 17):
        with pytest.raises(StopEvidenceMismatch, match="1 to 16"):
            opened(Envelope(IN_TOTO_PAYLOAD_TYPE, PAYLOAD, (signature,) * count).encode())


def edited(change: Callable[[dict[str, object]], None]) -> bytes:
    value = json.loads(DATA)
    change(value)
    return canonical_bytes(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"null",
        edited(lambda value: value.pop("payload")),
        edited(lambda value: value.update(extra=1)),
        edited(lambda value: value.update(payload=1)),
        edited(lambda value: value.update(payloadType=None)),
        edited(lambda value: value.update(payload="e")),
        edited(lambda value: value.update(payload="e31\n")),
        edited(lambda value: value.update(payload="e31=")),
        edited(lambda value: value.update(signatures={})),
        edited(lambda value: value.update(signatures=["x"])),
        edited(lambda value: value.update(signatures=[1])),
        edited(lambda value: value.update(signatures={"keyid": 1})),
        edited(lambda value: value["signatures"][0].pop("keyid")),
        edited(lambda value: value["signatures"][0].update(keyid=1)),
        edited(lambda value: value["signatures"][0].update(cert="x")),
        edited(lambda value: value["signatures"][0].update(sig="AAAA")),
        edited(lambda value: value["signatures"][0].update(sig="!")),
        edited(lambda value: value["signatures"][0].update(sig=1)),
        DATA + b"\n",
        DATA.replace(b'{"payload"', b'{"payload":"e30=","payload"', 1),
        json.dumps(json.loads(DATA), indent=1).encode(),
    ],
)
def test_anything_but_one_canonical_envelope_is_refused(data: bytes):
    with pytest.raises((StopEvidenceMismatch, StopRefusedInput)):
        parse_envelope(data)


def test_every_bit_of_an_envelope_counts():
    for place in range(len(DATA)):
        for bit in (1, 0x20):
            changed = DATA[:place] + bytes([DATA[place] ^ bit]) + DATA[place + 1 :]
            with pytest.raises(Stop):
                opened(changed)


def test_openssl_verifies_the_signature_over_a_pae_that_it_did_not_get_from_us(tmp_path: Path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    value = json.loads(DATA)
    payload = base64.b64decode(value["payload"])
    (tmp_path / "pae").write_bytes(printf_pae(value["payloadType"], payload))
    (tmp_path / "sig").write_bytes(base64.b64decode(value["signatures"][0]["sig"]))
    (tmp_path / "executor.pem").write_text(spki_pem(EXECUTOR.raw))
    (tmp_path / "verifier.pem").write_text(spki_pem(VERIFIER.raw))
    for key, status in (("executor.pem", 0), ("verifier.pem", 1)):
        words = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", key]
        run = subprocess.run(
            [*words, "-sigfile", "sig", "-in", "pae"],
            cwd=tmp_path,
            check=False,
            capture_output=True,
        )
        assert run.returncode == status


def outside_key(key: Key) -> SSlibKey:
    return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(key.raw), key.key_id)


def test_securesystemslib_opens_what_is_sealed_here():
    envelope = OutsideEnvelope.from_dict(json.loads(DATA))
    assert envelope.payload == PAYLOAD
    assert set(envelope.verify([outside_key(EXECUTOR)], 1)) == {EXECUTOR.key_id}
    with pytest.raises(VerificationError):
        envelope.verify([outside_key(VERIFIER)], 1)


def test_what_securesystemslib_seals_opens_here():
    envelope = OutsideEnvelope(PAYLOAD, IN_TOTO_PAYLOAD_TYPE, {})
    envelope.sign(CryptoSigner(EXECUTOR.private, outside_key(EXECUTOR)))
    assert opened(canonical_bytes(envelope.to_dict())) == PAYLOAD
