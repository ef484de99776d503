"""Quoted stretches: text that one document quotes from another is content, never its own units.

A stretch opens where a candidate stands behind an opening mark at the start of its line, and it
closes where as many marks have closed as have opened since. All closings are found in one pass.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from cutter_agent.document.scan import Mark


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
        row = bisect_right(self._starts, position) - 1
        return row >= 0 and position < self._rows[row][1]

    def until(self, walls: Sequence[int]) -> Stretches:
        """The same stretches, each ended by the first of the ascending walls inside it."""
        rows: list[tuple[int, int]] = []
        for start, end in self._rows:
            wall = bisect_right(walls, start)
            rows.append((start, min(end, walls[wall]) if wall < len(walls) else end))
        return Stretches(rows)


def quoted_stretches(
    shadow: str, marks: Sequence[Mark], quotes: Sequence[tuple[str, str]]
) -> list[tuple[int, int]]:
    """Where quoted text stands, as ascending stretches that do not overlap.

    Args:
        shadow: the text as patterns see it.
        marks: the candidates; those with a quotation mark in front open a stretch.
        quotes: pairs of opening and closing marks.
    """
    openers = [mark for mark in marks if mark.quote]
    if not openers:
        return []
    closings = {
        opening: _closings(shadow, opening, closing)
        for opening, closing in quotes
        if any(mark.quote[0] == opening for mark in openers)
    }
    stretches: list[tuple[int, int]] = []
    end = 0
    for mark in openers:
        if mark.start < end or mark.quote[0] not in closings:
            continue
        places, ends = closings[mark.quote[0]]
        row = bisect_left(places, mark.start)
        if row < len(places) and places[row] < mark.label_end and ends[row] > 0:
            end = ends[row]
            stretches.append((mark.start, end))
    return stretches


def _closings(shadow: str, opening: str, closing: str) -> tuple[list[int], list[int]]:
    """The place of every opening mark and the place behind the mark that closes it, or 0."""
    if opening == closing:
        return _straight(shadow, opening)
    places: list[int] = []
    ends: list[int] = []
    waiting: list[int] = []
    for found in re.finditer(f"[{re.escape(opening + closing)}]", shadow):
        if found[0] == opening:
            waiting.append(len(places))
            places.append(found.start())
            ends.append(0)
        elif waiting:
            ends[waiting.pop()] = found.end()
    return places, ends


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
