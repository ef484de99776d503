"""The source around a unit: numbered lines, with the unit's own bytes lit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

AROUND_BYTES: Final = 1_500
"""How much of the source is shown before and behind a unit."""
SHOWN_BYTES_MAX: Final = 48_000
_NEWLINE: Final = b"\n"
_CONTINUES: Final = 0b1000_0000
_CONTINUES_MASK: Final = 0b1100_0000

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a line, lit or not."""

    text: str
    lit: bool


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One line of the source with its number from 1."""

    number: int
    stretches: tuple[Stretch, ...]

    @property
    def lit(self) -> bool:
        """True if anything of the line is lit."""
        return any(stretch.lit for stretch in self.stretches)


@dataclass(frozen=True, slots=True)
class SourceView:
    """The lines around a unit.

    Attributes:
        lines: the lines, in order.
        start: first byte that is shown.
        end: byte after the last one that is shown.
        size: length of the whole source in bytes.
        whole: True if every byte of the unit is among them.
    """

    lines: tuple[SourceLine, ...]
    start: int
    end: int
    size: int
    whole: bool


def source_view(source: bytes, spans: Sequence[Span]) -> SourceView:
    """The source around these spans, whole lines where they are not endless."""
    first, last = spans[0][0], spans[-1][1]
    start = _line_start(source, max(0, first - AROUND_BYTES))
    wanted = _line_end(source, min(len(source), last + AROUND_BYTES))
    end = min(wanted, _boundary(source, start + SHOWN_BYTES_MAX))
    number = source.count(_NEWLINE, 0, start) + 1
    lines = tuple(_lines(source, start, end, spans, number))
    return SourceView(lines, start, end, len(source), whole=end >= last)


def _lines(
    source: bytes, start: int, end: int, spans: Sequence[Span], number: int
) -> Iterator[SourceLine]:
    at = start
    while at < end:
        stop = source.find(_NEWLINE, at, end)
        line_end = end if stop < 0 else stop
        yield SourceLine(number, tuple(_stretches(source, at, line_end, spans)))
        number += 1
        at = line_end + 1


def _stretches(source: bytes, start: int, end: int, spans: Sequence[Span]) -> Iterator[Stretch]:
    at = start
    for first, last in spans:
        low, high = max(first, at), min(last, end)
        if low >= high:
            continue
        if at < low:
            yield Stretch(source[at:low].decode("utf-8", "replace"), lit=False)
        yield Stretch(source[low:high].decode("utf-8", "replace"), lit=True)
        at = high
    if at < end:
        yield Stretch(source[at:end].decode("utf-8", "replace"), lit=False)


def _line_start(source: bytes, byte: int) -> int:
    """The start of the line that the byte is in, or a character near it where lines are endless."""
    found = source.rfind(_NEWLINE, 0, byte) + 1
    return found if byte - found <= AROUND_BYTES else _boundary(source, byte)


def _line_end(source: bytes, byte: int) -> int:
    found = source.find(_NEWLINE, byte)
    end = len(source) if found < 0 else found
    return end if end - byte <= AROUND_BYTES else _boundary(source, byte)


def _boundary(source: bytes, byte: int) -> int:
    """The first byte from here on that begins a character."""
    while byte < len(source) and source[byte] & _CONTINUES_MASK == _CONTINUES:
        byte += 1
    return min(byte, len(source))
