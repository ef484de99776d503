"""Approvals against stock ssh-keygen, both ways, and every difference between its reader and ours."""

import base64
import itertools
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cutter_agent.errors import StopApprovalInvalid, StopRefusedInput
from cutter_agent.evidence.sshsig import (
    APPROVAL_NAMESPACE,
    REJECT_NAMESPACE,
    allowed_signers_line,
    armor,
    parse_public_key,
    signed_data,
    verify,
)
from forge.approvals import BEGIN, END, Fields, Forger, TokenKey, armored, malleated

pytestmark = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed"
)

PERSON = "anna@office"
DIFFERENTIAL_MUTANTS = int(os.environ.get("DIFFERENTIAL_MUTANTS") or 1000)
"""Besides the systematic ones, drawn with a fixed seed."""

TEXT_AFTER = "text after the armour"
ROWS = "line ends or row lengths"
RESERVED = "reserved field filled"
SCALAR = "scalar not reduced"
VERSION = "version 0"
NAMESPACE_NUL = "NUL after the namespace"
DIFFERENCES = {
    TEXT_AFTER: "what stands after END is signed by nobody, and would be read as if it were",
    ROWS: "one signature has one text; a second text of it is no second signature",
    RESERVED: "PROTOCOL.sshsig: reserved bytes are empty; nobody can say what they would mean",
    SCALAR: "RFC 8032 5.1.7: S is below the group order; S + L is the same yes in other bytes",
    VERSION: "PROTOCOL.sshsig: the version is 1",
    NAMESPACE_NUL: "a C string ends at NUL; the namespace that was signed does not",
}
"""Everything that ssh-keygen lets pass and we refuse, and why we do; there is nothing the other way."""


class Stock:
    """ssh-keygen in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.signers = folder / "allowed_signers"
        self.numbers = itertools.count()

    def allow(self, *lines: str) -> None:
        self.signers.write_text("".join(line + "\n" for line in lines))

    def run(self, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["ssh-keygen", *words],
            cwd=self.folder,
            input=given,
            capture_output=True,
            check=False,
            timeout=30,
        )

    def new_key(self, name: str = "key") -> str:
        made = self.run("-q", "-t", "ed25519", "-N", "", "-C", PERSON, "-f", name)
        assert made.returncode == 0, made.stderr
        return (self.folder / f"{name}.pub").read_text()

    def sign(self, message: bytes, *options: str, name: str = "key") -> bytes:
        words = ("-Y", "sign", "-q", "-f", name, "-n", APPROVAL_NAMESPACE, *options)
        signed = self.run(*words, given=message)
        assert signed.returncode == 0, signed.stderr
        return signed.stdout

    def accepts(
        self, text: bytes, message: bytes, *options: str, namespace: str = APPROVAL_NAMESPACE
    ) -> bool:
        # A file of its own each time, so that several can be asked about at once.
        name = f"signature.{next(self.numbers)}"
        (self.folder / name).write_bytes(text)
        words = ("-Y", "verify", "-f", "allowed_signers", "-I", PERSON, "-n", namespace)
        return self.run(*words, "-s", name, *options, given=message).returncode == 0


@pytest.fixture
def stock(tmp_path: Path) -> Stock:
    return Stock(tmp_path)


@pytest.mark.parametrize("message", [b"", b"gate: SG_1\n", b"\x00\r\n\xff" * 1000])
def test_what_ssh_keygen_signs_verifies_here(stock: Stock, message: bytes):
    key = parse_public_key(stock.new_key())
    assert verify(stock.sign(message), message, namespace=APPROVAL_NAMESPACE).public_key == key
    sha256 = verify(
        stock.sign(message, "-O", "hashalg=sha256"), message, namespace=APPROVAL_NAMESPACE
    )
    assert (sha256.public_key, sha256.hash_algorithm) == (key, "sha256")


def test_fingerprints_are_those_of_ssh_keygen(stock: Stock):
    line = stock.new_key()
    assert parse_public_key(line).fingerprint in stock.run("-l", "-f", "key.pub").stdout.decode()


def test_what_is_signed_here_verifies_with_ssh_keygen(stock: Stock):
    forger = Forger(seed=1)
    key = parse_public_key(forger.key.line)
    stock.allow(allowed_signers_line(PERSON, key, [APPROVAL_NAMESPACE]))
    text = armor(
        key,
        forger.key.private.sign(signed_data(forger.message, APPROVAL_NAMESPACE)),
        APPROVAL_NAMESPACE,
    ).encode()
    assert stock.accepts(text, forger.message)
    assert not stock.accepts(text, forger.message + b"\n")
    assert not stock.accepts(text, forger.message, namespace=REJECT_NAMESPACE)


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_what_another_kind_of_key_signed_verifies_with_ssh_keygen_and_not_here(
    stock: Stock, kind: str
):
    stock.run("-q", "-t", kind, "-N", "", "-C", PERSON, "-f", "other")
    line = (stock.folder / "other.pub").read_text()
    stock.allow(f"{PERSON} {line.strip()}")
    text = stock.sign(b"request", name="other")
    assert stock.accepts(text, b"request")
    with pytest.raises(StopApprovalInvalid, match="key type"):
        verify(text, b"request", namespace=APPROVAL_NAMESPACE)
    with pytest.raises(StopRefusedInput, match="key type"):
        parse_public_key(line)


def test_an_allowed_namespace_does_not_allow_another(stock: Stock):
    forger = Forger(seed=1)
    refusal = forger.key.sign(forger.message, namespace=REJECT_NAMESPACE).armor
    key = parse_public_key(forger.key.line)
    stock.allow(allowed_signers_line(PERSON, key, [APPROVAL_NAMESPACE]))
    assert not stock.accepts(refusal, forger.message, namespace=REJECT_NAMESPACE)
    stock.allow(allowed_signers_line(PERSON, key, [APPROVAL_NAMESPACE, REJECT_NAMESPACE]))
    assert stock.accepts(refusal, forger.message, namespace=REJECT_NAMESPACE)


def test_ssh_keygen_reads_our_validity_times_in_utc(stock: Stock, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", "Asia/Ho_Chi_Minh")
    forger = Forger(seed=1)
    window = {
        "valid_after": datetime(2030, 1, 1, tzinfo=UTC),
        "valid_before": datetime(2030, 1, 2, tzinfo=UTC),
    }
    key = parse_public_key(forger.key.line)
    stock.allow(allowed_signers_line(PERSON, key, [APPROVAL_NAMESPACE], **window))
    text = forger.good[0].armor
    for moment, inside in (
        ("20291231235959Z", False),
        ("20300101000001Z", True),
        ("20300101235959Z", True),
        ("20300102000001Z", False),
    ):
        assert stock.accepts(text, forger.message, f"-Overify-time={moment}") is inside


def test_a_tokens_signature_verifies_with_ssh_keygen_even_untouched(stock: Stock):
    """Why the flags are the policy's business: stock ssh-keygen does not ask for a touch."""
    token = TokenKey()
    key = parse_public_key(token.line)
    stock.allow(allowed_signers_line(PERSON, key, [APPROVAL_NAMESPACE]))
    for flags in (0, 1, 5):
        text = token.sign(b"request", flags=flags).armor
        assert stock.accepts(text, b"request")
        assert verify(text, b"request", namespace=APPROVAL_NAMESPACE).flags == flags


def systematic(forger: Forger) -> Iterator[tuple[str, bytes, bytes]]:
    """Each byte of a signature changed, each cut, and each leniency that is known."""
    good, message = forger.good[0], forger.message
    blob = good.blob
    for place in range(len(blob)):
        changed = blob[:place] + bytes([blob[place] ^ 1 << place % 8]) + blob[place + 1 :]
        yield "one bit off", armored(changed), message
    for length in range(0, len(blob), 9):
        yield "cut short", armored(blob[:length]), message
    yield TEXT_AFTER, good.armor + b"I approve.\n", message
    yield TEXT_AFTER, good.armor + good.armor, message
    yield ROWS, good.armor.rstrip(b"\n"), message
    yield ROWS, armored(blob, 10_000), message
    yield RESERVED, replace(good, reserved=b"x").armor, message
    yield SCALAR, replace(good, raw=malleated(good.raw)).armor, message
    token: Fields = replace(forger.good[1], raw=malleated(forger.good[1].raw))
    yield SCALAR, token.armor, message
    yield VERSION, replace(good, version=0).armor, message
    yield NAMESPACE_NUL, replace(good, namespace=good.namespace + b"\x00").armor, message
    yield "CRLF", good.armor.replace(b"\n", b"\r\n"), message
    yield "text before", b"I approve.\n" + good.armor, message


def explanations(text: bytes, good: tuple[Fields, ...]) -> set[str]:
    """What ssh-keygen passed over in a text that it took for one of these signatures."""
    body, _, after = text.partition(END)
    found = {TEXT_AFTER} if after.strip() else set()
    blob = base64.b64decode(b"".join(body.removeprefix(BEGIN).split()), validate=True)
    if body + END + b"\n" != armored(blob) or (after != b"\n" and not after.strip()):
        found.add(ROWS)
    for fields in good:
        changes = {
            "": fields,
            VERSION: replace(fields, version=0),
            SCALAR: replace(fields, raw=malleated(fields.raw)),
            NAMESPACE_NUL: replace(fields, namespace=fields.namespace + b"\x00"),
        }
        found |= {name for name, changed in changes.items() if changed.blob == blob}
        start = fields.blob.index(fields.namespace) + len(fields.namespace) + 4
        for length in range(1, 16):
            filled = replace(fields, reserved=blob[start : start + length])
            found |= {RESERVED} if filled.blob == blob else set()
    return found - {""} or {"unexplained"}


def test_every_difference_from_ssh_keygen_is_known_and_ours_is_the_stricter(stock: Stock):
    forger = Forger(seed=7)
    keys = [parse_public_key(line) for line in (forger.key.line, forger.token.line)]
    stock.allow(*(allowed_signers_line(PERSON, key, [APPROVAL_NAMESPACE]) for key in keys))
    assert all(stock.accepts(fields.armor, forger.message) for fields in forger.good)
    assert all(forger.accepts(fields.armor, forger.message) for fields in forger.good)
    mutants = [*systematic(forger), *forger.mutants(DIFFERENTIAL_MUTANTS)]
    assert len(mutants) >= DIFFERENTIAL_MUTANTS + 150
    found: Counter[str] = Counter()
    laxer = []
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as asking:
        stock_says = asking.map(lambda mutant: stock.accepts(mutant[1], mutant[2]), mutants)
        answers = list(zip(mutants, stock_says, strict=True))
    for (kind, text, message), theirs in answers:
        ours = forger.accepts(text, message)
        if ours and not theirs:
            laxer.append((kind, text))
        if theirs and not ours:
            found.update(explanations(text, forger.good))
    assert laxer == []
    assert set(found) == set(DIFFERENCES)
