"""A log's head, signed, and proofs that hang on it: C2SP checkpoints and tlog-proofs.

Sources: c2sp.org/signed-note, c2sp.org/tlog-checkpoint, c2sp.org/tlog-proof, and for growth the body
of add-checkpoint in c2sp.org/tlog-witness. Ours is a narrower reader: no extension lines, one way to write each number and each base64, Ed25519 signatures.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NoReturn, Protocol

from cutter_agent.errors import StopEvidenceMismatch, StopRefusedInput
from cutter_agent.evidence.ed25519 import SIGNATURE_BYTES, check_public_key, signature_fits
from cutter_agent.evidence.merkle import (
    EMPTY_ROOT,
    HASH_BYTES,
    PROOF_HASHES_MAX,
    leaf_hash,
    verify_consistency,
    verify_inclusion,
)

NOTE_BYTES_MAX: Final = 64 * 1024
NOTE_SIGNATURES_MAX: Final = 64
ORIGIN_CHARS_MAX: Final = 255

_PROOF_HEADER: Final = "c2sp.org/tlog-proof@v1"
_ED25519_NOTE: Final = b"\x01"
_KEY_HASH_BYTES: Final = 4
_SIGNATURE_MARK: Final = "\u2014 "
_SIZE_LIMIT: Final = 2**63


class NoteSigner(Protocol):
    """A log's key."""

    @property
    def public_raw(self) -> bytes:
        """The 32 bytes of the public half."""

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of an Ed25519 signature over the message."""


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A key that signs notes, under its name; the name of a log's key is the log's origin."""

    name: str
    raw: bytes

    def __post_init__(self) -> None:
        """Refuse a name that a note's syntax could misread, and a weak key."""
        if not _is_plain_name(self.name):
            _refuse(f"the log name {self.name[:60]!a} has blanks, a plus or other odd characters")
        check_public_key(self.raw)

    @property
    def hash(self) -> bytes:
        """The four bytes by which a note says which key signed it."""
        named = self.name.encode("utf-8") + b"\n" + _ED25519_NOTE + self.raw
        return hashlib.sha256(named).digest()[:_KEY_HASH_BYTES]

    @property
    def line(self) -> str:
        """The key as one line: name, hash and key, joined by plus signs."""
        return f"{self.name}+{self.hash.hex()}+{_encode(_ED25519_NOTE + self.raw)}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: which log, how many leaves, which root."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        """Refuse what has no unambiguous text."""
        if not _is_plain_name(self.origin):
            _refuse(f"the log origin {self.origin[:60]!a} has odd characters")
        if not 0 <= self.size < _SIZE_LIMIT or len(self.root) != HASH_BYTES:
            _refuse(f"a checkpoint of size {self.size} with a root of {len(self.root)} bytes")
        if self.size == 0 and self.root != EMPTY_ROOT:
            _refuse("a checkpoint of an empty log with another root than the empty tree's")

    @property
    def text(self) -> bytes:
        """The bytes that are signed."""
        return f"{self.origin}\n{self.size}\n{_encode(self.root)}\n".encode()


def head_text(size: int, root: bytes) -> str:
    """A tree head in one word, as an approval request names it: `<size>:<root in hexadecimal>`."""
    return f"{size}:{root.hex()}"


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """A record's place in a log and the signed head that it leads to.

    Attributes:
        index: the record's place, from 0.
        hashes: siblings from the leaf upwards.
        checkpoint: the signed note, verbatim.
        extra: what the maker added; it is not authenticated.
    """

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def encode(self) -> bytes:
        """The proof as the text of c2sp.org/tlog-proof."""
        lines = [_PROOF_HEADER]
        if self.extra is not None:
            lines.append(f"extra {_encode(self.extra)}")
        lines.append(f"index {self.index}")
        lines.extend(_encode(each) for each in self.hashes)
        return "\n".join([*lines, "", ""]).encode() + self.checkpoint


@dataclass(frozen=True, slots=True)
class GrowthProof:
    """That a log grew from an older size to a signed head.

    Attributes:
        old_size: how many leaves the older head had.
        hashes: the consistency proof; empty from size 0 and between equal sizes.
        checkpoint: the newer signed note, verbatim.
    """

    old_size: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes

    def encode(self) -> bytes:
        """The proof as the text that logs are asked for cosignatures with."""
        lines = [f"old {self.old_size}", *(_encode(each) for each in self.hashes)]
        return "\n".join([*lines, "", ""]).encode() + self.checkpoint


def parse_note_key(line: str) -> NoteKey:
    """The key of a line as `NoteKey.line` writes it; a wrong hash is refused."""
    name, _, rest = line.partition("+")
    _, _, encoded = rest.partition("+")
    key = NoteKey(name, _decode(encoded, "log key")[1:])
    if key.line != line:
        _refuse("the log key's hash, kind or base64 is not what its key gives")
    return key


def sign_checkpoint(checkpoint: Checkpoint, signer: NoteSigner) -> bytes:
    """The checkpoint as a note signed under the log's own name."""
    key = NoteKey(checkpoint.origin, signer.public_raw)
    return checkpoint.text + b"\n" + _signature_line(key, signer.sign(checkpoint.text))


def verify_checkpoint(note: bytes, key: NoteKey) -> Checkpoint:
    """The head in a note that this log's key has signed.

    Signatures under other names or hashes are another's and are passed over, as the note format
    asks; one under this key that does not fit spoils the note.

    Raises:
        StopRefusedInput: the note is not in the one form.
        StopEvidenceMismatch: another log's, not signed by the key, or a signature that fails.
    """
    checkpoint, signatures = _parse_note(note)
    if checkpoint.origin != key.name:
        _mismatch(f"a checkpoint of the log {checkpoint.origin!a}, not {key.name!a}")
    mine = [each[_KEY_HASH_BYTES:] for name, each in signatures if _is_by(key, name, each)]
    if not mine:
        _mismatch(f"the checkpoint is not signed by the log's key {key.hash.hex()}")
    if not all(signature_fits(key.raw, each, checkpoint.text) for each in mine):
        _mismatch(f"the signature of the log's key {key.hash.hex()} does not fit the checkpoint")
    return checkpoint


def note_head(note: bytes) -> Checkpoint:
    """The head that a note states; whether anybody signed it is not looked at.

    Raises:
        StopRefusedInput: the note is not in the one form.
    """
    return _parse_note(note)[0]


def verify_growth(old: Checkpoint, new: Checkpoint, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the new head's log is the old one's, only grown.

    Every log grows out of the empty one: then there is nothing to prove, and no proof is taken.
    """
    if old.origin != new.origin:
        return False
    if old.size == 0:
        return not proof
    return verify_consistency(old.size, new.size, old.root, new.root, proof)


def parse_growth_proof(data: bytes) -> GrowthProof:
    """The proof of growth that exactly this text holds; it is not verified yet."""
    head, blank, note = _text(data).partition("\n\n")
    first, *rest = head.split("\n")
    if not blank or not first.startswith("old "):
        _refuse("not a proof of growth that begins with the old size")
    return GrowthProof(_number(first.removeprefix("old ")), _hashes(rest), note.encode())


def verify_newer(old: Checkpoint, proof: bytes, key: NoteKey) -> Checkpoint:
    """The newer signed head, after it was shown to be the older one's log, only grown.

    Raises:
        StopRefusedInput: proof or note is not in its one form.
        StopEvidenceMismatch: the head is not the log's, or the log was rewritten or cut.
    """
    parsed = parse_growth_proof(proof)
    new = verify_checkpoint(parsed.checkpoint, key)
    if parsed.old_size != old.size:
        _mismatch(f"a proof of growth from size {parsed.old_size}, not from {old.size}")
    if not verify_growth(old, new, parsed.hashes):
        _mismatch(f"the log of size {new.size} does not extend the one of size {old.size}")
    return new


def parse_inclusion_proof(data: bytes) -> InclusionProof:
    """The proof that exactly this text holds; it is not verified yet."""
    head, blank, note = _text(data).partition("\n\n")
    lines = head.split("\n")
    if not blank or lines.pop(0) != _PROOF_HEADER:
        _refuse("not a proof that begins with c2sp.org/tlog-proof@v1")
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = _decode(lines.pop(0).removeprefix("extra "), "extra data")
    if not lines or not lines[0].startswith("index "):
        _refuse("the proof has no index line")
    index = _number(lines.pop(0).removeprefix("index "))
    return InclusionProof(index, _hashes(lines), note.encode(), extra)


def verify_record(record: bytes, proof: bytes, key: NoteKey) -> Checkpoint:
    """The signed head under which this record stands at the proof's index.

    Raises:
        StopRefusedInput: proof or note is not in its one form.
        StopEvidenceMismatch: the head is not the log's, or the record is not under it.
    """
    parsed = parse_inclusion_proof(proof)
    head = verify_checkpoint(parsed.checkpoint, key)
    leaf = leaf_hash(record)
    if not verify_inclusion(leaf, parsed.index, head.size, parsed.hashes, head.root):
        _mismatch(f"the record is not leaf {parsed.index} of {head.size} under the signed root")
    return head


def _parse_note(note: bytes) -> tuple[Checkpoint, list[tuple[str, bytes]]]:
    """The head and the signature lines (name, hash and signature) of a note."""
    text, _, block = _text(note).partition("\n\n")
    lines = text.split("\n")
    if len(lines) != 3:  # noqa: PLR2004 - origin, size, root
        _refuse("a checkpoint has three lines, a blank one and signatures")
    origin, size, root = lines
    if not block.endswith("\n"):
        _refuse("the checkpoint has no signature that ends with a line feed")
    rows = block.removesuffix("\n").split("\n")
    if len(rows) > NOTE_SIGNATURES_MAX:
        _refuse(f"a checkpoint with {len(rows)} signatures, limit {NOTE_SIGNATURES_MAX}")
    checkpoint = Checkpoint(origin, _number(size), _decode(root, "root"))
    return checkpoint, [_parse_signature(row) for row in rows]


def _parse_signature(row: str) -> tuple[str, bytes]:
    name, _, encoded = row.removeprefix(_SIGNATURE_MARK).partition(" ")
    if not row.startswith(_SIGNATURE_MARK) or not _is_plain_name(name):
        _refuse("a signature line of the checkpoint is not: em dash, name, base64")
    signature = _decode(encoded, "checkpoint signature")
    if len(signature) <= _KEY_HASH_BYTES:
        _refuse("a checkpoint signature is cut off")
    return name, signature


def _is_by(key: NoteKey, name: str, signature: bytes) -> bool:
    return name == key.name and signature[:_KEY_HASH_BYTES] == key.hash


def _signature_line(key: NoteKey, signature: bytes) -> bytes:
    if len(signature) != SIGNATURE_BYTES:
        _refuse(f"an Ed25519 signature of {len(signature)} bytes, not {SIGNATURE_BYTES}")
    return f"{_SIGNATURE_MARK}{key.name} {_encode(key.hash + signature)}\n".encode()


def _is_plain_name(name: str) -> bool:
    """One printable ASCII word without plus: what every reader of notes takes the same way."""
    short = 0 < len(name) <= ORIGIN_CHARS_MAX
    return short and name.isascii() and name.isprintable() and not set(name) & {" ", "+"}


def _text(data: bytes) -> str:
    if len(data) > NOTE_BYTES_MAX:
        _refuse(f"a note of {len(data)} bytes, limit {NOTE_BYTES_MAX}")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(f"the note is not UTF-8 at byte {error.start}")


def _hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    if len(lines) > PROOF_HASHES_MAX:
        _refuse(f"a proof of {len(lines)} hashes, limit {PROOF_HASHES_MAX}")
    return tuple(_decode(line, "proof hash") for line in lines)


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > len(str(_SIZE_LIMIT)):
        _refuse(f"{text[:40]!a} is not a number without a sign")
    if str(int(text)) != text:
        _refuse(f"the number {text} is written with leading zeroes")
    return int(text)


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decode(text: str, what: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        _refuse(f"the {what} is not base64")
    if _encode(data) != text:
        _refuse(f"the {what} is not in canonical base64")
    return data


def _refuse(fact: str) -> NoReturn:
    raise StopRefusedInput(fact) from None


def _mismatch(fact: str) -> NoReturn:
    raise StopEvidenceMismatch(fact)
