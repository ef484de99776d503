"""Ed25519 by the vectors of RFC 8032, and the keys and signatures that libraries disagree about."""

import hashlib
import shutil
import subprocess
from functools import cache
from itertools import product
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from cutter_agent.errors import StopRefusedInput
from cutter_agent.evidence.ed25519 import (
    FIELD_PRIME,
    GROUP_ORDER,
    check_public_key,
    key_id,
    parse_spki_pem,
    signature_fits,
    signature_is_reduced,
    spki_der,
    spki_pem,
)
from forge.approvals import malleated

# RFC 8032 §7.1: secret key, public key, message, signature; the last message is SHA-512 of "abc".
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
    (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        hashlib.sha512(b"abc").hexdigest(),
        (
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
            "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"
        ),
    ),
]

KEY = Ed25519PrivateKey.generate()
RAW = KEY.public_key().public_bytes_raw()

P = FIELD_PRIME
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]
IDENTITY: Point = (0, 1)


def added(a: Point, b: Point) -> Point:
    """The group law of the curve -x^2 + y^2 = 1 + d x^2 y^2 (RFC 8032 §5.1)."""
    twist = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + b[0] * a[1]) * pow(1 + twist, -1, P) % P
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - twist, -1, P) % P
    return x, y


def times(count: int, point: Point) -> Point:
    result = IDENTITY
    while count:
        if count & 1:
            result = added(result, point)
        point, count = added(point, point), count >> 1
    return result


def square_root(a: int) -> int | None:
    root = pow(a, (P + 3) // 8, P)
    if root * root % P != a % P:
        root = root * pow(2, (P - 1) // 4, P) % P
    return root if root * root % P == a % P else None


def point_with(y: int) -> Point | None:
    x = square_root((y * y - 1) * pow(D * y * y + 1, -1, P) % P)
    return None if x is None else (x, y)


@cache
def low_order_points() -> frozenset[Point]:
    """The eight points that a multiple of the group order leaves over of any point of full order."""
    for y in range(2, 200):
        point = point_with(y)
        if point is not None:
            torsion = times(GROUP_ORDER, point)
            found = frozenset(times(k, torsion) for k in range(8))
            if len(found) == 8:
                return found
    pytest.fail("no point of full order was met")


def low_order_encodings() -> list[bytes]:
    """Each y of a low-order point, reduced or not where 255 bits allow it, with either sign bit."""
    ys = {y for _, y in low_order_points()}
    ys |= {y + P for y in ys if y + P < 2**255}
    return [(y | sign << 255).to_bytes(32, "little") for y, sign in product(sorted(ys), (0, 1))]


@pytest.mark.parametrize(("secret", "public", "message", "signature"), VECTORS)
def test_vectors_of_rfc_8032(secret: str, public: str, message: str, signature: str):
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))
    assert private.public_key().public_bytes_raw().hex() == public
    assert private.sign(bytes.fromhex(message)).hex() == signature
    raw, data, made = (bytes.fromhex(each) for each in (public, message, signature))
    assert signature_fits(raw, made, data)
    assert not signature_fits(raw, made, data + b"\x00")
    assert not signature_fits(raw, malleated(made), data)


def test_there_are_fourteen_encodings_of_low_order():
    assert len(low_order_points()) == 8
    assert len(set(low_order_encodings())) == 14


@pytest.mark.parametrize("raw", low_order_encodings())
def test_a_key_of_low_order_is_refused(raw: bytes):
    with pytest.raises(StopRefusedInput, match="low order"):
        check_public_key(raw)
    assert not signature_fits(raw, b"\x01" + bytes(63), b"any message")


def test_the_library_alone_would_take_a_key_of_low_order():
    """The attack: one signature that fits every message under the identity as a key."""
    identity, signature = b"\x01" + bytes(31), b"\x01" + bytes(63)
    for message in (b"yes", b"no"):
        Ed25519PublicKey.from_public_bytes(identity).verify(signature, message)
        assert not signature_fits(identity, signature, message)


@pytest.mark.parametrize("y", [P + 2, P + 3, 2**255 - 1])
def test_a_key_outside_the_field_is_refused(y: int):
    with pytest.raises(StopRefusedInput, match="canonical"):
        check_public_key(y.to_bytes(32, "little"))


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_key_has_32_bytes(length: int):
    with pytest.raises(StopRefusedInput, match="32 bytes"):
        check_public_key(RAW[:1] * length)


@pytest.mark.parametrize("length", [0, 32, 63, 65, 128])
def test_a_signature_has_64_bytes(length: int):
    signature = KEY.sign(b"message")
    assert not signature_fits(RAW, (signature * 2)[:length], b"message")


def test_a_signature_is_reduced_below_the_groups_order_exactly():
    for scalar, reduced in ((0, True), (GROUP_ORDER - 1, True), (GROUP_ORDER, False)):
        signature = bytes(32) + scalar.to_bytes(32, "little")
        assert signature_is_reduced(signature) is reduced
    for length in (0, 63, 65):
        assert not signature_is_reduced(bytes(length))


def test_a_key_that_is_on_no_curve_fits_nothing():
    y = next(y for y in range(2, 100) if point_with(y) is None)
    assert not signature_fits(y.to_bytes(32, "little"), KEY.sign(b"x"), b"x")


def test_a_key_file_for_openssl_reads_back():
    assert parse_spki_pem(spki_pem(RAW)) == RAW
    for text in ("", spki_pem(RAW)[:-1], spki_pem(RAW) + "\n", spki_pem(RAW).replace("M", "N", 1)):
        with pytest.raises(StopRefusedInput):
            parse_spki_pem(text)


def test_openssl_gives_the_same_key_id(tmp_path: Path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    (tmp_path / "key.pem").write_text(spki_pem(RAW))
    run = subprocess.run(
        ["openssl", "pkey", "-pubin", "-in", "key.pem", "-outform", "DER", "-out", "key.der"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    assert run.stderr == b""
    assert (tmp_path / "key.der").read_bytes() == spki_der(RAW)
    digest = subprocess.run(
        ["sha256sum", "key.der"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert digest.stdout.split()[0] == key_id(RAW)
