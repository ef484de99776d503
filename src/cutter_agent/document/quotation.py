"""Quoted stretches: text that one document quotes from another is content, never its own units.

A stretch opens where a line begins with an opening mark, and it closes where as many marks have
closed as have opened since. All closings are found in one pass.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import Final

QUOTATION_CHARACTERS_MAX: Final = 1_000_000
"""A closing mark further away than this closes something else: an amending law may quote a whole code."""
STRAIGHT_CHARACTERS_MAX: Final = 50_000
"""The same for marks that open and close alike, where one that was lost turns all behind it around."""
_TAIL_CHARACTERS_MAX: Final = 16
"""Behind the mark that closes several lines stand a stop and hardly a word."""
_LABEL_RE: Final = re.compile(
    r"[*_]{0,3}(?:[0-9]{1,3}[a-zđ]?[.),]|[a-zđ]{1,2}[.)]|\(\w{1,4}\)|[^\W\d_]{2,10} [0-9IVX]{1,4})"
)
"""What quoted provisions begin with: `2.`, `a)`, `(1)`, `Điều 24`."""
_BEFORE_QUOTE: Final = " \t*_#>"


class Stretches:
    """Ascending stretches that do not overlap, asked for the place of one position."""

    def __init__(self, rows: Sequence[tuple[int, int]]) -> None:
        """Holds the rows."""
        self._rows = list(rows)
        self._starts = [start for start, _ in rows]

    def __bool__(self) -> bool:
        """True if there is any stretch."""
        return bool(self._rows)

    def holds(self, position: int) -> bool:
        """True if the position stands inside a stretch."""
        return self.row_of(position) >= 0

    def row_of(self, position: int) -> int:
        """The index of the stretch that holds the position, or -1."""
        row = bisect_right(self._starts, position) - 1
        return row if row >= 0 and position < self._rows[row][1] else -1

    def until(self, walls: Sequence[int]) -> Stretches:
        """The same stretches, each ended by the first of the ascending walls inside it."""
        rows: list[tuple[int, int]] = []
        for start, end in self._rows:
            wall = bisect_right(walls, start)
            rows.append((start, min(end, walls[wall]) if wall < len(walls) else end))
        return Stretches(rows)


def quoted_stretches(shadow: str, quotes: Sequence[tuple[str, str]]) -> list[tuple[int, int]]:
    """Where quoted text of more than a line stands, as ascending stretches that do not overlap.

    Args:
        shadow: the text as patterns see it.
        quotes: pairs of opening and closing marks.
    """
    found: list[tuple[int, int]] = []
    for opening, closing in quotes:
        if opening not in shadow:
            continue
        places, ends = _closings(shadow, opening, closing)
        longest = STRAIGHT_CHARACTERS_MAX if opening == closing else QUOTATION_CHARACTERS_MAX
        found += [
            (place, end)
            for place, end in zip(places, ends, strict=True)
            if 0 < end <= place + longest
            and _begins_line(shadow, place)
            and shadow.find("\n", place, end) >= 0
            and (opening != closing or _is_announced(shadow, place))
        ]
    stretches: list[tuple[int, int]] = []
    last = 0
    for start, end in sorted(found):
        if start >= last:
            stretches.append((start, end))
            last = end
    return stretches


def _is_announced(shadow: str, place: int) -> bool:
    """True if a label follows, or the text above ends as before a quotation."""
    if _LABEL_RE.match(shadow, place + 1):
        return True
    while place > 1 and shadow[place - 1] in " \t\n*_#>":
        place -= 1
    return shadow[place - 1] in ":—–-"


def _begins_line(shadow: str, place: int) -> bool:
    """True if only spaces and Markdown stand before the place on its line."""
    place -= 1
    while shadow[place] in _BEFORE_QUOTE:
        place -= 1
    return shadow[place] == "\n"


def _closings(shadow: str, opening: str, closing: str) -> tuple[list[int], list[int]]:
    """The place of every opening mark and the place behind the mark that closes it, or 0.

    An opening mark at a line's start inside a quotation that its line does not close is either
    repeated before each quoted paragraph, as some laws do, or the closing mark before it was lost.
    """
    if opening == closing:
        return _straight(shadow, opening)
    places: list[int] = []
    ends: list[int] = []
    lines: list[int] = []
    waiting: list[list[int]] = []
    line = last = 0
    for found in re.finditer(f"[{re.escape(opening + closing)}]", shadow):
        place = found.start()
        line += shadow.count("\n", last, place)
        last = place
        if found[0] == "’" and _is_apostrophe(shadow, place):
            continue
        if found[0] == opening:
            if waiting and _begins_line(shadow, place) and _stays_open(shadow, place, closing):
                if _line_above_begins(shadow, place, opening):
                    waiting[-1].append(len(places))
                else:
                    waiting.append([len(places)])
            else:
                waiting.append([len(places)])
            places.append(place)
            lines.append(line)
            ends.append(0)
        elif waiting and (lines[waiting[-1][0]] == line or _ends_line(shadow, place)):
            for row in waiting.pop():
                ends[row] = found.end()
    return places, ends


def _ends_line(shadow: str, place: int) -> bool:
    """True if hardly anything follows on the line: a mark here may close several lines."""
    stop = shadow.find("\n", place, place + _TAIL_CHARACTERS_MAX + 1)
    return stop >= 0 or place + _TAIL_CHARACTERS_MAX >= len(shadow)


def _is_apostrophe(shadow: str, place: int) -> bool:
    """True if letters stand on both sides."""
    return shadow[place - 1].isalpha() and shadow[place + 1 : place + 2].isalpha()


def _stays_open(shadow: str, place: int, closing: str) -> bool:
    """True if the line does not close as many quotations as it opens from here on."""
    stop = shadow.find("\n", place)
    stop = len(shadow) if stop < 0 else stop
    return shadow.count(shadow[place], place, stop) > shadow.count(closing, place, stop)


def _line_above_begins(shadow: str, place: int, opening: str) -> bool:
    """True if the last line with text above this place begins with an opening mark."""
    stop = shadow.rfind("\n", 0, place)
    while stop > 0 and shadow[stop - 1] in " \t\n":
        stop -= 1
    start = shadow.rfind("\n", 0, stop) + 1
    return shadow[start:stop].lstrip(_BEFORE_QUOTE)[:1] == opening


def _straight(shadow: str, mark: str) -> tuple[list[int], list[int]]:
    """The same for marks that open and close alike.

    A line with an odd number of them opens or closes; what closes stands at its line's end.
    """
    lines = list(_odd_lines(shadow, mark))
    places = [first for first, _, _ in lines]
    ends = [0] * len(lines)
    following = 0
    for row in range(len(lines) - 1, -1, -1):
        ends[row] = following
        _, last, closes = lines[row]
        if closes:
            following = last + 1
    return places, ends


def _odd_lines(shadow: str, mark: str) -> Iterable[tuple[int, int, bool]]:
    """Of every line with an odd number of marks: the first, the last, and whether it closes."""
    place = shadow.find(mark)
    while place >= 0:
        stop = shadow.find("\n", place)
        stop = len(shadow) if stop < 0 else stop
        if shadow.count(mark, place, stop) % 2:
            last = shadow.rfind(mark, place, stop)
            tail = shadow[last + 1 : stop].strip(" \t.;,:*_)")
            yield place, last, not tail
        place = shadow.find(mark, stop)
