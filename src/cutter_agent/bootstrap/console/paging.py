"""One page of a long list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """The rows of one page of a list.

    Attributes:
        rows: what the page shows.
        number: the page, from 1.
        count: how many pages there are, at least 1.
        total: how many rows the list has.
        first: place of the page's first row in the list, from 1; 0 where the list is empty.
    """

    rows: tuple[T, ...]
    number: int
    count: int
    total: int
    first: int

    @property
    def last(self) -> int:
        """Place of the page's last row in the list."""
        return self.first + len(self.rows) - 1 if self.rows else 0


def part(rows: Sequence[T], number: int, size: int) -> Part[T]:
    """The page with this number, or the nearest that there is."""
    count = max(1, -(-len(rows) // size))
    shown = min(max(number, 1), count)
    start = (shown - 1) * size
    return Part(
        rows=tuple(rows[start : start + size]),
        number=shown,
        count=count,
        total=len(rows),
        first=start + 1 if rows else 0,
    )


def page_of(place: int, size: int) -> int:
    """The number of the page that the row at this place (from 0) is on."""
    return place // size + 1
