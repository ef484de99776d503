"""Two texts as stretches that stayed, went and came, word by word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import Final

WORDS_MAX: Final = 4_000
"""Longer texts are compared line by line: words take time that grows with their square."""
LINES_MAX: Final = 4_000
_WORD: Final = re.compile(r"\w+|\s+|[^\w\s]")


class Fate(StrEnum):
    """What became of a stretch of text."""

    SAME = "same"
    GONE = "gone"
    CAME = "came"


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text and what became of it."""

    fate: Fate
    text: str


def pieces(before: str, after: str) -> tuple[Piece, ...]:
    """The stretches of both texts in reading order; without CAME they are `before`, without GONE `after`."""
    if before == after:
        return (Piece(Fate.SAME, after),) if after else ()
    if not before or not after:
        only = Piece(Fate.CAME, after) if after else Piece(Fate.GONE, before)
        return (only,)
    return tuple(_compared(before, after))


def _compared(before: str, after: str) -> Iterator[Piece]:
    old, new = _cut(before, after)
    if len(old) + len(new) > 2 * LINES_MAX:
        yield Piece(Fate.GONE, before)
        yield Piece(Fate.CAME, after)
        return
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    for tag, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            yield Piece(Fate.SAME, "".join(new[new_start:new_end]))
            continue
        if old_end > old_start:
            yield Piece(Fate.GONE, "".join(old[old_start:old_end]))
        if new_end > new_start:
            yield Piece(Fate.CAME, "".join(new[new_start:new_end]))


def _cut(before: str, after: str) -> tuple[list[str], list[str]]:
    old, new = _WORD.findall(before), _WORD.findall(after)
    if len(old) + len(new) <= WORDS_MAX:
        return old, new
    return before.splitlines(keepends=True), after.splitlines(keepends=True)
