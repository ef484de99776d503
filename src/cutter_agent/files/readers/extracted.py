"""What a reader hands over: the text of a document, and where in the document each line of it is.

The map tiles the text: every place begins where the one before ends, and the last one ends with
the text. It is kept as the bytes of `SourceMap.encoded`, so its digest names it.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from cutter_agent.errors import StopEvidenceMismatch, StopOverSize, StopSourceUnreadable
from cutter_agent.evidence.canonical import Json, canonical_bytes, sha256_hex

Trust = Literal["exact", "derived", "low"]
"""exact: the text is the source's own characters, all of them, in their order; derived: its
characters, laid out by markup; low: guessed from a page's picture of the text.
"""
PlaceKind = Literal["bytes", "element", "page"]
SpansOf = Callable[[Sequence[str], Sequence[str]], Sequence[tuple[int, int]] | None]
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
        spans: the bytes of the source that each place is, where the reader can tell; else none.
    """

    kind: PlaceKind
    starts: tuple[int, ...]
    places: tuple[str, ...]
    spans: tuple[tuple[int, int], ...] = ()

    def place_of(self, offset: int) -> str:
        """Return the place that the byte at this offset of the text comes from."""
        return self.places[max(0, bisect_right(self.starts, offset) - 1)]

    def source_span(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the bytes of the source that [start, end) of the text comes from, if they are known."""
        if not self.spans:
            return None
        first = max(0, bisect_right(self.starts, start) - 1)
        last = max(first, bisect_left(self.starts, end) - 1)
        under = self.spans[first : last + 1]
        return min(begin for begin, _ in under), max(over for _, over in under)

    def encoded(self) -> bytes:
        """Return the map as bytes; each place gives only what differs from the one before."""
        rows: list[Json] = []
        before = ""
        for start, place in zip(self.starts, self.places, strict=True):
            kept = _shared(before, place)
            rows.append([start, kept, place[kept:]])
            before = place
        document: dict[str, Json] = {"schema": MAP_SCHEMA, "kind": self.kind, "places": rows}
        if self.spans:
            document["bytes"] = [[start, end - start] for start, end in self.spans]
        return canonical_bytes(document)


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
        spans = tuple((int(at), int(at) + int(size)) for at, size in document.get("bytes", ()))
        source_map = SourceMap(document["kind"], tuple(starts), tuple(places), spans)
        sound = document["schema"] == MAP_SCHEMA and source_map.encoded() == encoded
        sound = sound and len(spans) in {0, len(starts)}
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
    """Text being laid out line by line, each with its place: the element that all of it is from.

    Places that are no paths of elements name where the line begins.
    """

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
        fresh = not self._pieces and not self._held
        self._place = place if fresh else _around(self._place, place)
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

    def close_with(self, text: str, where: str) -> None:
        """The text ends the last line that has any."""
        self.release()
        for index in range(len(self._rows) - 1, -1, -1):
            line, place = self._rows[index]
            if line:
                self._rows[index] = (line + text, _around(place, where))
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

    def extracted(
        self,
        source: bytes,
        media_type: str,
        kind: PlaceKind,
        trust: Trust,
        spans_of: SpansOf | None = None,
    ) -> Extracted:
        """Return what was written, as the text of this source.

        Args:
            source: the bytes of the document.
            media_type: its format.
            kind: what the places are.
            trust: how far the text can be trusted.
            spans_of: tells the source bytes of places, each given with the first line from there.

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
        firsts: list[str] = []
        at = 0
        encoded = [f"{line}\n".encode() for line, _ in self._rows]
        for line, (row, place) in zip(encoded, self._rows, strict=True):
            if not places or places[-1] != place:
                starts.append(at)
                places.append(place)
                firsts.append(row)
            at += len(line)
        spans = spans_of(places, firsts) if spans_of is not None else None
        return finished(
            b"".join(encoded),
            source,
            media_type,
            trust,
            SourceMap(kind, tuple(starts), tuple(places), tuple(spans or ())),
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


def _around(one: str, two: str) -> str:
    """The innermost element that holds both; the first place where they are no paths."""
    if not (one.startswith("/") and two.startswith("/")):
        return one
    while one and two != one and not two.startswith(f"{one}/"):
        one = one.rpartition("/")[0]
    return one or two


def _shared(one: str, two: str) -> int:
    """How many characters two places begin with alike."""
    count = 0
    for left, right in zip(one, two, strict=False):
        if left != right:
            break
        count += 1
    return count
