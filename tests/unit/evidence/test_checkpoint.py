"""Signed heads of a log and proofs that hang on them: the one form, and every way out of it."""

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cutter_agent.errors import Stop, StopEvidenceMismatch, StopRefusedInput
from cutter_agent.evidence.checkpoint import (
    Checkpoint,
    GrowthProof,
    InclusionProof,
    NoteKey,
    parse_growth_proof,
    parse_inclusion_proof,
    parse_note_key,
    sign_checkpoint,
    verify_checkpoint,
    verify_growth,
    verify_newer,
    verify_record,
)
from cutter_agent.evidence.merkle import EMPTY_ROOT, Tree, leaf_hash

ORIGIN = "iu-cutter.example/log/7300000000000000001"
RECORDS = [b"entry %d" % number for number in range(60)]
TREE = Tree([leaf_hash(record) for record in RECORDS])


class LogKey:
    """A log's signer made of a plain private key."""

    def __init__(self, number: int) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        self.public_raw = self.private.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message)


SIGNER, STRANGER = LogKey(1), LogKey(2)
KEY = NoteKey(ORIGIN, SIGNER.public_raw)
HEAD = Checkpoint(ORIGIN, 60, TREE.root())
NOTE = sign_checkpoint(HEAD, SIGNER)
PROOF = InclusionProof(7, TREE.inclusion_proof(7), NOTE)


def line_of(name: str, raw: bytes, signature: bytes, kind: bytes = b"\x01") -> bytes:
    """A signature line, written from the note specification."""
    hashed = hashlib.sha256(name.encode() + b"\n" + kind + raw).digest()[:4]
    return f"\u2014 {name} {base64.b64encode(hashed + signature).decode()}\n".encode()


OTHERS_LINE = line_of("other.example", STRANGER.public_raw, b"\x00" * 72, b"\x04")


def test_a_checkpoint_is_written_as_the_specification_says():
    root = base64.b64encode(TREE.root()).decode()
    text = f"{ORIGIN}\n60\n{root}\n".encode()
    assert HEAD.text == text
    assert text + b"\n" + line_of(ORIGIN, SIGNER.public_raw, SIGNER.sign(text)) == NOTE
    assert verify_checkpoint(NOTE, KEY) == HEAD


def test_an_empty_log_has_a_checkpoint_with_the_empty_root_only():
    empty = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    assert verify_checkpoint(sign_checkpoint(empty, SIGNER), KEY) == empty
    with pytest.raises(StopRefusedInput):
        Checkpoint(ORIGIN, 0, TREE.root())


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [
        ("", 1, EMPTY_ROOT),
        ("a b", 1, EMPTY_ROOT),
        ("a+b", 1, EMPTY_ROOT),
        ("a\nb", 1, EMPTY_ROOT),
        ("đ", 1, EMPTY_ROOT),
        ("a" * 256, 1, EMPTY_ROOT),
        (ORIGIN, -1, EMPTY_ROOT),
        (ORIGIN, 2**63, EMPTY_ROOT),
        (ORIGIN, 1, EMPTY_ROOT[:31]),
    ],
)
def test_a_head_without_an_unambiguous_text_is_refused(origin: str, size: int, root: bytes):
    with pytest.raises(StopRefusedInput):
        Checkpoint(origin, size, root)


def test_others_may_sign_too():
    assert verify_checkpoint(NOTE + OTHERS_LINE * 16, KEY) == HEAD
    first = HEAD.text + b"\n" + OTHERS_LINE + NOTE.removeprefix(HEAD.text + b"\n")
    assert verify_checkpoint(first, KEY) == HEAD


@pytest.mark.parametrize(
    ("note", "reason"),
    [
        (HEAD.text + b"\n" + OTHERS_LINE, "not signed by the log's key"),
        (sign_checkpoint(HEAD, STRANGER), "not signed by the log's key"),
        (NOTE + line_of(ORIGIN, SIGNER.public_raw, bytes(64)), "does not fit"),
        (HEAD.text + b"\n" + line_of(ORIGIN, SIGNER.public_raw, b"short"), "does not fit"),
        (NOTE.replace(b"\n60\n", b"\n61\n"), "does not fit"),
        (sign_checkpoint(Checkpoint("elsewhere", 60, TREE.root()), SIGNER), "elsewhere"),
    ],
)
def test_a_note_that_the_log_did_not_sign_is_a_mismatch(note: bytes, reason: str):
    with pytest.raises(StopEvidenceMismatch, match=reason):
        verify_checkpoint(note, KEY)


ROOT_LINE = base64.b64encode(TREE.root()) + b"\n"


@pytest.mark.parametrize(
    "note",
    [
        b"",
        HEAD.text,
        HEAD.text + b"\n",
        NOTE[:-1],
        NOTE + b"\n",
        b"\n" + NOTE,
        NOTE.replace(b"\n", b"\r\n"),
        NOTE.replace(b"\n60\n", b"\n060\n"),
        NOTE.replace(b"\n60\n", b"\n+60\n"),
        NOTE.replace(b"\n60\n", b"\n-60\n"),
        NOTE.replace(b"\n60\n", b"\n6_0\n"),
        NOTE.replace(b"\n60\n", "\n\u0666\u0660\n".encode()),
        NOTE.replace(b"\n60\n", b"\n" + b"9" * 30 + b"\n"),
        NOTE.replace(b"\n60\n", b"\n" + b"9" * 5000 + b"\n"),
        NOTE.replace(b"\n60\n", "\n\u00b2\n".encode()),
        NOTE + b"other AAAAAAAA\n",
        NOTE + "\u2014 other AAAAAA==\n".encode(),
        NOTE + "\u2014 other\t AAAAAAAA\n".encode(),
        NOTE.replace(ROOT_LINE, ROOT_LINE + b"extension\n"),
        NOTE.replace(ROOT_LINE, b""),
        NOTE.replace(ROOT_LINE, ROOT_LINE[:-2] + b"\n"),
        NOTE.replace(ROOT_LINE, b"x" + ROOT_LINE),
        NOTE.replace("\u2014 ".encode(), b"- "),
        NOTE.replace("\u2014 ".encode(), "\u2014\u00a0".encode()),
        NOTE + "\u2014 other AAAA\n".encode(),
        NOTE + "\u2014 other !\n".encode(),
        NOTE + "\u2014 other\n".encode(),
        NOTE + "\u2014  AAAAAAAA\n".encode(),
        NOTE + b"\xff\n",
        NOTE + OTHERS_LINE * 64,
        NOTE + b"x" * 65_536,
    ],
)
def test_a_note_in_another_form_is_refused(note: bytes):
    with pytest.raises(StopRefusedInput):
        verify_checkpoint(note, KEY)


def test_limits_of_a_note_are_met_from_both_sides():
    largest = Checkpoint(ORIGIN, 2**63 - 1, TREE.root())
    assert verify_checkpoint(sign_checkpoint(largest, SIGNER), KEY) == largest
    assert verify_checkpoint(NOTE + OTHERS_LINE * 63, KEY) == HEAD
    for count, reason in ((65_536, "three lines"), (65_537, "limit 65536")):
        with pytest.raises(StopRefusedInput, match=reason):
            verify_checkpoint(b"x" * count, KEY)
    hashes = (EMPTY_ROOT,) * 64
    assert parse_growth_proof(GrowthProof(1, hashes, NOTE).encode()).hashes == hashes


def test_a_key_with_an_odd_name_is_refused():
    for name in ("", "a b", "a+b", "a\nb"):
        with pytest.raises(StopRefusedInput, match="log name"):
            NoteKey(name, SIGNER.public_raw)


class ShortSigner(LogKey):
    """A signer that answers badly."""

    def sign(self, message: bytes) -> bytes:
        return super().sign(message)[:-1]


def test_a_short_signature_makes_no_checkpoint():
    with pytest.raises(StopRefusedInput, match="63 bytes"):
        sign_checkpoint(HEAD, ShortSigner(1))


def test_every_bit_of_a_checkpoint_counts():
    for place in range(len(NOTE)):
        changed = NOTE[:place] + bytes([NOTE[place] ^ 1]) + NOTE[place + 1 :]
        with pytest.raises(Stop):
            verify_checkpoint(changed, KEY)


def test_a_key_is_one_line_that_reads_back():
    name, hashed, encoded = KEY.line.split("+", 2)
    assert name == ORIGIN
    expected = hashlib.sha256(ORIGIN.encode() + b"\n\x01" + SIGNER.public_raw).hexdigest()[:8]
    assert hashed == expected
    assert base64.b64decode(encoded) == b"\x01" + SIGNER.public_raw
    assert parse_note_key(KEY.line) == KEY


@pytest.mark.parametrize(
    "line",
    [
        "",
        ORIGIN,
        KEY.line + "=",
        KEY.line + "\n",
        KEY.line.replace("log", "lag", 1),
        KEY.line.replace("+AY", "+BY"),
        NoteKey("a", SIGNER.public_raw).line.upper(),
    ],
)
def test_a_key_line_that_does_not_agree_with_itself_is_refused(line: str):
    with pytest.raises(StopRefusedInput):
        parse_note_key(line)


def test_growth_is_shown_by_a_proof_and_by_nothing_else():
    old = Checkpoint(ORIGIN, 13, TREE.root(13))
    proof = TREE.consistency_proof(13)
    assert verify_growth(old, HEAD, proof)
    assert verify_growth(HEAD, HEAD, ())
    assert not verify_growth(old, HEAD, ())
    assert not verify_growth(HEAD, old, proof)
    assert not verify_growth(HEAD, old, ())
    assert not verify_growth(old, Checkpoint("elsewhere", 60, TREE.root()), proof)
    assert not verify_growth(Checkpoint(ORIGIN, 13, TREE.root(12)), HEAD, proof)


def test_out_of_the_empty_log_every_log_grows_without_a_proof():
    empty = Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    assert verify_growth(empty, HEAD, ())
    assert not verify_growth(empty, HEAD, TREE.consistency_proof(13))
    assert not verify_growth(HEAD, empty, ())


GROWTH = GrowthProof(13, TREE.consistency_proof(13), NOTE).encode()
OLD = Checkpoint(ORIGIN, 13, TREE.root(13))


@pytest.mark.parametrize("old", [1, 2, 13, 32, 59, 60])
def test_a_proof_of_growth_leads_to_the_newer_head(old: int):
    proof = GrowthProof(old, TREE.consistency_proof(old), NOTE)
    assert parse_growth_proof(proof.encode()) == proof
    assert verify_newer(Checkpoint(ORIGIN, old, TREE.root(old)), proof.encode(), KEY) == HEAD


def test_a_proof_of_growth_is_written_as_the_specification_says():
    hashes = [base64.b64encode(each) for each in TREE.consistency_proof(13)]
    assert b"\n".join([b"old 13", *hashes, b"", NOTE]) == GROWTH
    assert GrowthProof(60, (), NOTE).encode() == b"old 60\n\n" + NOTE


def test_a_log_that_was_rewritten_cut_or_swapped_is_found():
    edited = Tree([leaf_hash(b"edited"), *(leaf_hash(record) for record in RECORDS[1:])])
    note = sign_checkpoint(Checkpoint(ORIGIN, 60, edited.root()), SIGNER)
    rewritten = GrowthProof(13, edited.consistency_proof(13), note).encode()
    with pytest.raises(StopEvidenceMismatch, match="does not extend"):
        verify_newer(OLD, rewritten, KEY)
    shorter = sign_checkpoint(OLD, SIGNER)
    with pytest.raises(StopEvidenceMismatch, match="does not extend"):
        verify_newer(HEAD, GrowthProof(60, (), shorter).encode(), KEY)
    with pytest.raises(StopEvidenceMismatch, match="not signed"):
        verify_newer(OLD, GROWTH, NoteKey(ORIGIN, STRANGER.public_raw))


def test_a_proof_of_growth_from_another_size_is_refused():
    with pytest.raises(StopEvidenceMismatch, match="not from 12"):
        verify_newer(Checkpoint(ORIGIN, 12, TREE.root(12)), GROWTH, KEY)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        NOTE,
        GROWTH.replace(b"old 13", b"13"),
        GROWTH.replace(b"old 13", b"old 013"),
        GROWTH.replace(b"old 13", b"old  13"),
        GROWTH.replace(b"old 13", b"new 13"),
        GROWTH.replace(b"old 13\n", b"old 13\nAAAA=\n"),
        GROWTH.replace(b"old 13\n", b"old 13\n" + (b"A" * 43 + b"=\n") * 65),
        GROWTH.replace(b"\n", b"\r\n"),
        b"old 13",
    ],
)
def test_a_proof_of_growth_in_another_form_is_refused(text: bytes):
    with pytest.raises(StopRefusedInput):
        parse_growth_proof(text)


@pytest.mark.parametrize("extra", [None, b"", b"unit ICX-CONST/DIEU-1"])
def test_a_proof_is_read_back(extra: bytes | None):
    proof = InclusionProof(7, TREE.inclusion_proof(7), NOTE, extra)
    assert parse_inclusion_proof(proof.encode()) == proof


@pytest.mark.parametrize("index", range(60))
def test_a_record_verifies_at_its_place(index: int):
    proof = InclusionProof(index, TREE.inclusion_proof(index), NOTE).encode()
    assert verify_record(RECORDS[index], proof, KEY) == HEAD
    with pytest.raises(StopEvidenceMismatch):
        verify_record(RECORDS[index] + b" ", proof, KEY)


def test_a_log_of_one_record_has_a_proof_without_hashes():
    note = sign_checkpoint(Checkpoint(ORIGIN, 1, leaf_hash(b"only")), SIGNER)
    proof = InclusionProof(0, (), note).encode()
    assert proof == b"c2sp.org/tlog-proof@v1\nindex 0\n\n" + note
    assert verify_record(b"only", proof, KEY).size == 1


def test_a_proof_under_another_logs_head_is_refused():
    note = sign_checkpoint(HEAD, STRANGER)
    proof = InclusionProof(7, TREE.inclusion_proof(7), note).encode()
    with pytest.raises(StopEvidenceMismatch, match="not signed"):
        verify_record(RECORDS[7], proof, KEY)


TEXT = PROOF.encode()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n" + TEXT,
        TEXT.replace(b"@v1", b"@v2"),
        TEXT.replace(b"index 7", b"7"),
        b"c2sp.org/tlog-proof@v1\n\n" + NOTE,
        b"c2sp.org/tlog-proof@v1\nextra AAAA\n\n" + NOTE,
        b"c2sp.org/tlog-proof@v1\nindex 7",
        TEXT.replace(b"index 7", b"index 07"),
        TEXT.replace(b"index 7", b"index -7"),
        TEXT.replace(b"index 7", b"index  7"),
        TEXT.replace(b"index 7\n", b""),
        TEXT.replace(b"index 7", b"extra AAAA"),
        TEXT.replace(b"index 7", b"extra !\nindex 7"),
        TEXT.replace(b"index 7", b"extra AAB=\nindex 7"),
        TEXT.replace(b"index 7", b"index 7\nextra AAAA"),
        TEXT.replace(b"index 7\n", b"index 7\n" + (b"A" * 43 + b"=\n") * 65),
        TEXT.replace(b"\n", b"\r\n"),
        TEXT[:60],
    ],
)
def test_a_proof_in_another_form_is_refused(text: bytes):
    with pytest.raises(StopRefusedInput):
        parse_inclusion_proof(text)


def test_every_bit_of_a_proof_counts():
    for place in range(len(TEXT)):
        changed = TEXT[:place] + bytes([TEXT[place] ^ 1]) + TEXT[place + 1 :]
        with pytest.raises(Stop):
            verify_record(RECORDS[7], changed, KEY)
