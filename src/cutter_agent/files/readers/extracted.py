"""What a reader hands over: the text of a document, and where in the document each line of it is.

The map tiles the text: every place begins where the one before ends, and the last one ends with
the text. It is kept as the bytes of `SourceMap.encoded`, so its digest names it.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from cutter_agent.errors import StopEvidenceMismatch, StopOverSize, StopSourceUnreadable
from cutter_agent.evidence.canonical import canonical_bytes, sha256_hex

Trust = Literal["exact", "derived", "low"]
"""exact: the text is the source's own characters, all of them, in their order; derived: its
characters, laid out by markup; low: guessed from a page's picture of the text.
"""
PlaceKind = Literal["bytes", "element", "page"]
MAP_SCHEMA: Final = "cutter.map/1"
TEXT_BYTES_MAX: Final = 128 * 1024 * 1024
LABEL: Final = re.compile(
    r"[(\[]?[0-9A-Za-zÀ-ɏ]{1,6}(?:[.)\]]{1,2}|°|º)|[—–•·-]|§+ ?[0-9]+\w{0,3}\.?"
)
"""A line that is nothing but a number: what follows belongs to it."""
_NO_BREAK: Final = "\u00a0"
_BLANKS: Final = re.compile(r"[ \t\r\n\f\v]+")


@dataclass(frozen=True, slots=True)
class SourceMap:
    """Where each stretch of a text comes from.

    Attributes:
        kind: what a place is: a span of source bytes, the path of an element, page and line.
        starts: the first byte of each stretch, ascending from 0.
        places: the place of each stretch.
    """

    kind: PlaceKind
    starts: tuple[int, ...]
    places: tuple[str, ...]

    def place_of(self, offset: int) -> str:
        """Return the place that the byte at this offset of the text comes from."""
        return self.places[max(0, bisect_right(self.starts, offset) - 1)]

    def encoded(self) -> bytes:
        """Return the map as bytes; each place gives only what differs from the one before."""
        rows: list[list[int | str]] = []
        before = ""
        for start, place in zip(self.starts, self.places, strict=True):
            kept = _shared(before, place)
            rows.append([start, kept, place[kept:]])
            before = place
        return canonical_bytes({"schema": MAP_SCHEMA, "kind": self.kind, "places": rows})


def parse_map(encoded: bytes) -> SourceMap:
    """Return the map that these bytes are.

    Raises:
        StopEvidenceMismatch: they are none.
    """
    try:
        document = json.loads(encoded)
        starts: list[int] = []
        places: list[str] = []
        before = ""
        for start, kept, tail in document["places"]:
            before = before[:kept] + tail
            starts.append(int(start))
            places.append(before)
        source_map = SourceMap(document["kind"], tuple(starts), tuple(places))
        sound = document["schema"] == MAP_SCHEMA and source_map.encoded() == encoded
    except (ValueError, KeyError, TypeError) as error:
        raise StopEvidenceMismatch(f"the map of a text is none: {error}") from error
    if not sound or starts[:1] != [0] or any(one >= two for one, two in pairwise(starts)):
        raise StopEvidenceMismatch("the map of a text is not the one that its reader wrote")
    return source_map


@dataclass(frozen=True, slots=True)
class Extracted:
    """The text of a document, and what is known about how it was read.

    Attributes:
        text: the text, in UTF-8; marks count its bytes.
        media_type: the format of the source.
        source_sha256: digest of the source bytes.
        text_sha256: digest of the text.
        trust: how far the text can be trusted to be the source's own.
        spans: the way back.
        left_out: what of the source is not in the text, and how often.
    """

    text: bytes
    media_type: str
    source_sha256: str
    text_sha256: str
    trust: Trust
    spans: SourceMap
    left_out: tuple[tuple[str, int], ...] = ()

    @property
    def map_sha256(self) -> str:
        """Digest of the encoded map."""
        return sha256_hex(self.spans.encoded())


class Lines:
    """Text being laid out line by line, each line with the place where it begins."""

    def __init__(self) -> None:
        self.left_out: Counter[str] = Counter()
        self._rows: list[tuple[str, str]] = []
        self._pieces: list[str] = []
        self._place = ""
        self._held = ""
        self._size = 0

    def write(self, text: str, place: str) -> None:
        """The text stands at the end of the line that is being written."""
        if not text:
            return
        if not self._pieces and not self._held:
            self._place = place
        self._pieces.append(text)

    def end(self, prefix: str = "") -> None:
        """The line that was being written is over; one without text leaves nothing."""
        line = self.taken()
        if line:
            self._row(f"{prefix}{self._held}{line}", self._place)
            self._held = ""

    def hold(self, *, apart: bool = True) -> None:
        """What was being written begins the next line that has text, a space apart from it."""
        line = self.taken()
        if line:
            self._held += f"{line.rstrip(_NO_BREAK)} " if apart else line

    def hold_label(self) -> None:
        """The line is over, unless it is nothing but a number: then the next text joins it."""
        if LABEL.fullmatch(_BLANKS.sub(" ", "".join(self._pieces)).strip(" ")):
            self.hold()
        self.end()

    def release(self, prefix: str = "") -> None:
        """What was held back stands as a line of its own if nothing followed it."""
        self.end(prefix)
        if self._held:
            self._row(f"{prefix}{self._held.rstrip(' ')}", self._place)
            self._held = ""

    def verbatim(self, text: str, place: str) -> None:
        """The lines of the text stand as they are."""
        self.release()
        for line in text.split("\n"):
            self._row(line.rstrip("\r"), place)

    def blank(self) -> None:
        """The next line stands apart from this one, unless this one waits for it."""
        self.end()
        if not self._held and self._rows and self._rows[-1][0]:
            self._row("", self._rows[-1][1])

    def close_with(self, text: str) -> None:
        """The text ends the last line that has any."""
        self.release()
        for index in range(len(self._rows) - 1, -1, -1):
            line, place = self._rows[index]
            if line:
                self._rows[index] = (line + text, place)
                return

    def taken(self) -> str:
        """Return the line that was being written, and write it no more."""
        line = _BLANKS.sub(" ", "".join(self._pieces)).strip(" ")
        self._pieces.clear()
        return line

    @property
    def waits(self) -> bool:
        """True while a line with text is being written."""
        return any(piece.strip() for piece in self._pieces)

    def extracted(self, source: bytes, media_type: str, kind: PlaceKind, trust: Trust) -> Extracted:
        """Return what was written, as the text of this source.

        Raises:
            StopSourceUnreadable: nothing was written.
        """
        self.release()
        while self._rows and not self._rows[-1][0]:
            self._rows.pop()
        if not any(line.strip() for line, _ in self._rows):
            raise StopSourceUnreadable("there is no text in it", expected="a text with content")
        starts: list[int] = []
        places: list[str] = []
        at = 0
        encoded = [f"{line}\n".encode() for line, _ in self._rows]
        for line, (_, place) in zip(encoded, self._rows, strict=True):
            if not places or places[-1] != place:
                starts.append(at)
                places.append(place)
            at += len(line)
        return finished(
            b"".join(encoded),
            source,
            media_type,
            trust,
            SourceMap(kind, tuple(starts), tuple(places)),
            self.left_out,
        )

    def _row(self, line: str, place: str) -> None:
        self._size += len(line) + 1
        if self._size > TEXT_BYTES_MAX:
            raise StopOverSize(
                f"over {TEXT_BYTES_MAX} characters of text", expected="a smaller document"
            )
        self._rows.append((line, place))


def finished(
    text: bytes,
    source: bytes,
    media_type: str,
    trust: Trust,
    spans: SourceMap,
    left_out: Counter[str],
) -> Extracted:
    """Return the record, its digests computed."""
    return Extracted(
        text=text,
        media_type=media_type,
        source_sha256=sha256_hex(source),
        text_sha256=sha256_hex(text),
        trust=trust,
        spans=spans,
        left_out=tuple(sorted(left_out.items())),
    )


def _shared(one: str, two: str) -> int:
    """How many characters two places begin with alike."""
    count = 0
    for left, right in zip(one, two, strict=False):
        if left != right:
            break
        count += 1
    return count
