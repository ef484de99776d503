"""Source bytes as text: strictly decoded, with a shadow for matching and a way back to bytes.

The shadow is what patterns see: NFC, line ends as newlines, spaces as spaces, look-alike Đ folded,
invisible characters gone. The bytes themselves are never changed; every shadow position maps back
to the byte where its character starts.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from cutter_agent.document.scripts import FOLDED
from cutter_agent.errors import StopSourceUnreadable

INVISIBLE: Final = (
    "\ufeff\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069"
)
"""Zero-width and bidirectional characters: kept in the bytes, absent from the shadow."""
BIDIRECTIONAL: Final = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_LINE_ENDS_ASCII: Final = "\x0b\x0c\x1c\x1d\x1e"
_LINE_ENDS: Final = _LINE_ENDS_ASCII + "\x85\u2028\u2029"
_SPACES: Final = (
    "\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
)
_LOOKALIKES: Final = (
    ("\u00d0", "\u0110"),
    ("\u0189", "\u0110"),
    ("\u00f0", "\u0111"),
    ("\u0256", "\u0111"),
)
"""Eth and African D, printed like the Vietnamese Đ and often typed in its place."""
_INVISIBLE_RE: Final = re.compile(f"[{INVISIBLE}]")
_STRANGE: Final = "".join(
    {*INVISIBLE, *_LINE_ENDS[5:], *_SPACES, *(mark for mark, _ in _LOOKALIKES), *FOLDED}
)
_STRANGE_RE: Final = re.compile(f"[{re.escape(''.join(sorted(_STRANGE)))}]")
_CONTROLS: Final = bytes([*range(1, 9), *range(14, 28), 31, 127])
_MAGIC: Final = (
    (b"%PDF-", "a PDF file"),
    (b"PK\x03\x04", "a ZIP or DOCX file"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
    (b"\x89PNG", "a PNG image"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\xd0\xcf\x11\xe0", "an old Office file"),
)
CONTROL_SHARE_MAX: Final = 0.01
"""More control characters than this and the bytes are taken for binary data."""
STACKED_MARKS_MAX: Final = 1_000
_PILE_RE: Final = re.compile(rf"[^\w\s\x00-\x7f]{{{STACKED_MARKS_MAX},}}")
_HANGUL_JAMO: Final = ("\u1160", "\u11ff")


@dataclass(frozen=True, slots=True)
class SourceText:
    """A decoded source and its shadow.

    Attributes:
        source: the bytes, exactly as given.
        text: the decoded text, exactly; "" where it is ASCII, for then a character is a byte.
        shadow: a newline and then the text as patterns see it.
        shadow_lines: start of each shadow line, or () while shadow and text run in step.
        text_lines: start of each line of the text, in step with shadow_lines.
        strange: True if it holds any character that the shadow folds or a reader could mistake.
    """

    source: bytes
    text: str
    shadow: str
    shadow_lines: tuple[int, ...]
    text_lines: tuple[int, ...]
    strange: bool

    def byte_offsets(self, positions: Sequence[int]) -> list[int]:
        """The byte where each shadow position's character starts; positions ascend."""
        places = self._text_positions(positions)
        if not self.text:
            return places
        offsets: list[int] = []
        last = done = 0
        text = self.text
        for place in places:
            done += len(text[last:place].encode())
            last = place
            offsets.append(done)
        return offsets

    def _text_positions(self, positions: Sequence[int]) -> list[int]:
        if not self.shadow_lines:
            return [max(0, position - 1) for position in positions]
        places: list[int] = []
        lines = self.shadow_lines
        for position in positions:
            row = bisect_right(lines, position) - 1
            if row < 0:
                places.append(0)
                continue
            start = self.text_lines[row]
            within = position - lines[row]
            places.append(start + self._within(row, within) if within else start)
        return places

    def _within(self, row: int, folded: int) -> int:
        """How many characters of this line of the text stand before its folded-th shadow one."""
        stop = self.text_lines[row + 1] if row + 1 < len(self.text_lines) else len(self.text)
        line = self.text[self.text_lines[row] : stop]
        count = 0
        cuts = [*_cluster_starts(line), len(line)]
        for begin, end in pairwise(cuts):
            if count >= folded:
                return begin
            count += len(_fold_line(line[begin:end]))
        return len(line)


def read_source(source: bytes) -> SourceText:
    """The source as text, or the stop that says why it is none.

    Raises:
        StopSourceUnreadable: empty, binary, a NUL byte, or bytes that are not UTF-8 (lone
            surrogates included).
    """
    text = _decode(source)
    if text.isascii():
        return SourceText(
            source, "", "\n" + _fold_in_step(text, strange=False), (), (), strange=False
        )
    strange = _STRANGE_RE.search(text) is not None
    even = _fold_in_step(text, strange=strange)
    if unicodedata.is_normalized("NFC", even) and not (
        strange and any(mark in even for mark in INVISIBLE)
    ):
        return SourceText(source, text, "\n" + even, (), (), strange)
    _refuse_piles(even)
    shadow_lines: list[int] = []
    text_lines: list[int] = []
    folded: list[str] = [""]
    at_shadow, at_text = 1, 0
    for line in even.split("\n"):
        clean = _fold_line(line)
        folded.append(clean)
        shadow_lines.append(at_shadow)
        text_lines.append(at_text)
        at_shadow += len(clean) + 1
        at_text += len(line) + 1
    return SourceText(
        source, text, "\n".join(folded), tuple(shadow_lines), tuple(text_lines), strange
    )


def count_invisible(text: str, which: Iterable[str]) -> tuple[int, int]:
    """How many of these characters the text holds, and where the first one is (-1 for none)."""
    places = [(text.count(mark), text.find(mark)) for mark in which if mark in text]
    if not places:
        return 0, -1
    return sum(count for count, _ in places), min(first for _, first in places)


def control_characters(source: bytes) -> tuple[int, int]:
    """How many control characters the bytes hold, and where the first one is (-1 for none)."""
    count = len(source) - len(source.translate(None, _CONTROLS))
    if not count:
        return 0, -1
    return count, min(place for mark in _CONTROLS if (place := source.find(mark)) >= 0)


def _decode(source: bytes) -> str:
    for magic, name in _MAGIC:
        if source.startswith(magic):
            raise StopSourceUnreadable(
                f"the bytes are {name}", expected="text in UTF-8", remedy="cutter mark FILE"
            )
    nul = source.find(b"\0")
    if nul >= 0:
        raise StopSourceUnreadable(f"a NUL byte at offset {nul}", expected="text in UTF-8")
    try:
        text = source.decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        raise StopSourceUnreadable(
            f"the bytes at offset {error.start} are not UTF-8 ({error.reason})",
            expected="text in UTF-8",
        ) from error
    if not text.strip(INVISIBLE + " \t\r\n\x0b\x0c\x85\xa0\u2028\u2029"):
        raise StopSourceUnreadable("the source is empty", expected="a text with content")
    controls, first = control_characters(source)
    if controls > CONTROL_SHARE_MAX * len(source):
        raise StopSourceUnreadable(
            f"{controls} control characters, the first at byte {first}: binary data",
            expected="text in UTF-8",
        )
    return text


def _fold_in_step(text: str, *, strange: bool) -> str:
    """The text with everything folded that keeps its length: line ends, spaces, look-alikes."""
    if "\r" in text:
        text = text.replace("\r\n", " \n").replace("\r", "\n")
    for mark in _LINE_ENDS if strange else _LINE_ENDS_ASCII:
        if mark in text:
            text = text.replace(mark, "\n")
    if not strange:
        return text
    for mark in _SPACES:
        if mark in text:
            text = text.replace(mark, " ")
    for mark, letter in _LOOKALIKES:
        if mark in text:
            text = text.replace(mark, letter)
    return text


def _fold_line(line: str) -> str:
    """One line as the shadow shows it: no invisible characters, composed."""
    if line.isascii():
        return line
    return unicodedata.normalize("NFC", _INVISIBLE_RE.sub("", line))


def _refuse_piles(text: str) -> None:
    """Return only if no letter carries so many marks that putting them in order takes long.

    Raises:
        StopSourceUnreadable: one does.
    """
    for found in _PILE_RE.finditer(text):
        marks = sum(1 for mark in found[0] if unicodedata.combining(mark))
        if marks > STACKED_MARKS_MAX:
            raise StopSourceUnreadable(
                f"{marks} characters that combine with one letter",
                expected=f"at most {STACKED_MARKS_MAX}",
            )


def _cluster_starts(line: str) -> list[int]:
    """Where a character starts that does not combine with the one before it."""
    low, high = _HANGUL_JAMO
    return [
        place
        for place, mark in enumerate(line)
        if not unicodedata.combining(mark) and not (low <= mark <= high)
    ]
