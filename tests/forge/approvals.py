"""Forged approvals: an encoder of SSHSIG with every field free, and endless mutants of good ones.

The encoder is written from PROTOCOL.sshsig and PROTOCOL.u2f alone and shares nothing with the code
under test. Run as a program it counts how many of any number of mutants are accepted:

    PYTHONPATH=src:tests python -m forge.approvals --count 1000000 --seed 1
"""

import argparse
import base64
import hashlib
import random
import struct
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cutter_agent.errors import Stop, StopApprovalInvalid
from cutter_agent.evidence.sshsig import PublicKey, verify

NAMESPACE = "approval@iu-cutter.v1"
FILE_TYPE = b"ssh-ed25519"
TOKEN_TYPE = b"sk-ssh-ed25519@openssh.com"
APPLICATION = b"ssh:"
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493
BEGIN = b"-----BEGIN SSH SIGNATURE-----"
END = b"-----END SSH SIGNATURE-----"


def string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def armored(blob: bytes, columns: int = 70, newline: bytes = b"\n") -> bytes:
    text = base64.b64encode(blob)
    rows = [text[i : i + columns] for i in range(0, len(text), columns)]
    return newline.join([BEGIN, *rows, END, b""])


@dataclass(frozen=True)
class Fields:
    """Every field of a signature blob, each free to be wrong."""

    key: bytes
    raw: bytes
    magic: bytes = b"SSHSIG"
    version: int = 1
    namespace: bytes = NAMESPACE.encode()
    reserved: bytes = b""
    hash_name: bytes = b"sha512"
    inner_type: bytes = FILE_TYPE
    inner_tail: bytes = b""
    tail: bytes = b""

    @property
    def blob(self) -> bytes:
        inner = string(self.inner_type) + string(self.raw) + self.inner_tail
        middle = (self.key, self.namespace, self.reserved, self.hash_name, inner)
        head = self.magic + struct.pack(">I", self.version)
        return head + b"".join(string(field) for field in middle) + self.tail

    @property
    def armor(self) -> bytes:
        return armored(self.blob)


def to_sign(message: bytes, namespace: str = NAMESPACE, hash_name: str = "sha512") -> bytes:
    digest = hashlib.new(hash_name, message).digest()
    parts = (namespace.encode(), b"", hash_name.encode(), digest)
    return b"SSHSIG" + b"".join(string(part) for part in parts)


def private_key(secret: bytes | None) -> Ed25519PrivateKey:
    """The key of this secret, or a new one."""
    if secret is None:
        return Ed25519PrivateKey.generate()
    return Ed25519PrivateKey.from_private_bytes(secret)


class FileKey:
    """A key in a file."""

    def __init__(self, secret: bytes | None = None) -> None:
        self.private = private_key(secret)
        self.raw = self.private.public_key().public_bytes_raw()
        self.blob = string(FILE_TYPE) + string(self.raw)
        self.line = f"{FILE_TYPE.decode()} {base64.b64encode(self.blob).decode()}"

    def sign(self, message: bytes, namespace: str = NAMESPACE, hash_name: str = "sha512") -> Fields:
        signature = self.private.sign(to_sign(message, namespace, hash_name))
        return Fields(
            self.blob, signature, namespace=namespace.encode(), hash_name=hash_name.encode()
        )


class TokenKey:
    """A hardware token in software: it signs what a FIDO token signs, with any flags wanted."""

    def __init__(self, application: bytes = APPLICATION, secret: bytes | None = None) -> None:
        self.private = private_key(secret)
        self.application = application
        self.raw = self.private.public_key().public_bytes_raw()
        self.blob = string(TOKEN_TYPE) + string(self.raw) + string(application)
        self.line = f"{TOKEN_TYPE.decode()} {base64.b64encode(self.blob).decode()}"

    def sign(self, message: bytes, *, flags: int = 5, counter: int = 7) -> Fields:
        tail = struct.pack(">BI", flags, counter)
        hashed = hashlib.sha256(to_sign(message)).digest()
        signature = self.private.sign(hashlib.sha256(self.application).digest() + tail + hashed)
        return Fields(self.blob, signature, inner_type=TOKEN_TYPE, inner_tail=tail)


def malleated(raw: bytes) -> bytes:
    """The same signature with the group's order added to its scalar: it fits the equation too."""
    scalar = int.from_bytes(raw[32:], "little") + GROUP_ORDER
    return raw[:32] + scalar.to_bytes(32, "little")


def one_bit_off(chance: random.Random, data: bytes) -> bytes:
    place, bit = chance.randrange(len(data)), 1 << chance.randrange(8)
    return data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]


def one_byte_more(chance: random.Random, data: bytes) -> bytes:
    place = chance.randrange(len(data) + 1)
    return data[:place] + chance.randbytes(1) + data[place:]


def one_byte_less(chance: random.Random, data: bytes) -> bytes:
    place = chance.randrange(len(data))
    return data[:place] + data[place + 1 :]


def cut_short(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.randrange(len(data))]


def random_run(chance: random.Random, data: bytes) -> bytes:
    start = chance.randrange(len(data))
    stop = min(len(data), start + chance.randrange(1, 33))
    return data[:start] + chance.randbytes(stop - start) + data[stop:]


BYTE_CHANGES = (one_bit_off, one_byte_more, one_byte_less, cut_short, random_run)


class Forger:
    """Draws mutants of good approvals; each differs from every good one it was made from."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - the same forgeries again
        self.message = b"gate: SG_1_cut_authz\nrun_id: ictr-20260101T000000Z-00000001\n\nsheet\n"
        self.key, self.stranger = (FileKey(self.chance.randbytes(32)) for _ in range(2))
        self.token = TokenKey(secret=self.chance.randbytes(32))
        self.good = (self.key.sign(self.message), self.token.sign(self.message))
        self.enrolled = frozenset((self.key.blob, self.token.blob))
        self.kinds: tuple[Callable[[Fields], tuple[bytes, bytes]], ...] = (
            self.changed_blob,
            self.changed_blob,
            self.changed_text,
            self.changed_message,
            self.changed_field,
            self.changed_field,
            self.changed_raw,
            self.redressed,
            self.by_a_stranger,
        )

    def mutants(self, count: int) -> Iterator[tuple[str, bytes, bytes]]:
        """Triples of kind, armoured text and message."""
        while count > 0:
            kind = self.chance.choice(self.kinds)
            fields = self.chance.choice(self.good)
            text, message = kind(fields)
            if text == fields.armor and message == self.message:
                continue
            yield kind.__name__, text, message
            count -= 1

    def changed_blob(self, fields: Fields) -> tuple[bytes, bytes]:
        blob = fields.blob
        for _ in range(self.chance.randrange(1, 4)):
            blob = self.chance.choice(BYTE_CHANGES)(self.chance, blob or b"\x00")
        return armored(blob), self.message

    def changed_text(self, fields: Fields) -> tuple[bytes, bytes]:
        text = fields.armor
        for _ in range(self.chance.randrange(1, 3)):
            text = self.chance.choice(BYTE_CHANGES)(self.chance, text or b"\x00")
        return text, self.message

    def changed_message(self, fields: Fields) -> tuple[bytes, bytes]:
        return fields.armor, self.chance.choice(BYTE_CHANGES)(self.chance, self.message)

    def changed_raw(self, fields: Fields) -> tuple[bytes, bytes]:
        raw = self.chance.choice(
            (
                malleated(fields.raw),
                one_bit_off(self.chance, fields.raw),
                fields.raw[32:] + fields.raw[:32],
                bytes(64),
                fields.raw[:32] + bytes(32),
                b"\x01" + bytes(63),
            )
        )
        return replace(fields, raw=raw).armor, self.message

    def changed_field(self, fields: Fields) -> tuple[bytes, bytes]:
        other = self.good[0] if fields is self.good[1] else self.good[1]
        change: dict[str, object] = self.chance.choice(
            (
                {"namespace": b"reject@iu-cutter.v1"},
                {"namespace": b""},
                {"namespace": fields.namespace + b"\x00"},
                {"reserved": self.chance.randbytes(self.chance.randrange(1, 9))},
                {"hash_name": b"sha256"},
                {"hash_name": b"sha1"},
                {"version": self.chance.choice((0, 2, 3, 2**31, 2**32 - 1))},
                {"magic": b"SSHSIG\x00"},
                {"key": other.key},
                {"key": self.stranger.blob},
                {"inner_type": other.inner_type},
                {"inner_tail": other.inner_tail},
                {"inner_tail": self.chance.randbytes(5)},
                {"inner_tail": fields.inner_tail + b"\x00"},
                {"raw": fields.raw + b"\x00"},
                {"raw": fields.raw[:-1]},
                {"key": fields.key + b"\x00"},
                {"key": string(FILE_TYPE) + string(b"\x01" + bytes(31))},
                {"tail": self.chance.randbytes(self.chance.randrange(1, 9))},
            )
        )
        return replace(fields, **change).armor, self.message

    def redressed(self, fields: Fields) -> tuple[bytes, bytes]:
        """The very signature in another text."""
        text, blob = fields.armor, fields.blob
        redressed = self.chance.choice(
            (
                text.rstrip(b"\n"),
                text + b"\n",
                b"\n" + text,
                b" " + text,
                text + b"approved\n",
                b"approved\n" + text,
                text + text,
                text.replace(b"\n", b"\r\n"),
                text.replace(b"\n", b"\r"),
                b"\xef\xbb\xbf" + text,
                armored(blob, columns=76),
                armored(blob, columns=len(blob) * 2),
                armored(blob, columns=64),
                text.replace(b"U1NI", b"U1 NI", 1),
                text.replace(b"U1NI", b"U1\nNI", 1),
                text.replace(b"SSH SIGNATURE", b"SSH signature"),
                text + b"\x00",
                text.replace(b"\n-----END", b"=\n-----END"),
            )
        )
        return redressed, self.message

    def by_a_stranger(self, fields: Fields) -> tuple[bytes, bytes]:
        signed = self.stranger.sign(self.message)
        if self.chance.random() < 0.5:
            signed = replace(signed, key=fields.key, inner_type=fields.inner_type)
        return signed.armor, self.message

    def accepts(self, text: bytes, message: bytes) -> bool:
        """Whether the code under test takes this for an approval of an enrolled key."""
        try:
            signature = verify(text, message, namespace=NAMESPACE)
        except StopApprovalInvalid:
            return False
        return is_enrolled(signature.public_key, self.enrolled)


def is_enrolled(key: PublicKey, enrolled: frozenset[bytes]) -> bool:
    return key.blob in enrolled


def main() -> int:
    """Count the mutants that are accepted or that end in anything but a clean refusal."""
    reader = argparse.ArgumentParser(description=main.__doc__)
    reader.add_argument("--count", type=int, default=100_000)
    reader.add_argument("--seed", type=int, default=1)
    asked = reader.parse_args()
    forger = Forger(asked.seed)
    drawn: Counter[str] = Counter()
    accepted: Counter[str] = Counter()
    for kind, text, message in forger.mutants(asked.count):
        drawn[kind] += 1
        try:
            accepted[kind] += forger.accepts(text, message)
        except Stop as stop:
            sys.exit(
                f"{kind}: refused with {stop.code} in place of STOP_APPROVAL_INVALID: {text!r}"
            )
    for kind, count in sorted(drawn.items()):
        sys.stdout.write(f"{kind:20} {count:9,} mutants, {accepted[kind]} accepted\n")
    sys.stdout.write(f"{'all':20} {drawn.total():9,} mutants, {accepted.total()} accepted\n")
    return 1 if accepted.total() else 0


if __name__ == "__main__":
    sys.exit(main())
