"""The way from one record to the root of its tree, as boxes and lines to draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cutter_agent.evidence.merkle import leaf_hash, node_hash

BOX_WIDTH: Final = 150
BOX_HEIGHT: Final = 30
STEP: Final = 62
MARGIN: Final = 12
WIDTH: Final = 470
_DIGITS: Final = 14


@dataclass(frozen=True, slots=True)
class PathBox:
    """A hash of the tree; `way` is true on the way from the record to the root."""

    x: int
    y: int
    text: str
    way: bool


@dataclass(frozen=True, slots=True)
class PathLine:
    """From a hash to the one above it."""

    x1: int
    y1: int
    x2: int
    y2: int
    way: bool


@dataclass(frozen=True, slots=True)
class MerklePath:
    """The drawing: the root at the top, the record's leaf at the bottom, beside each step its sibling."""

    width: int
    height: int
    box_width: int
    box_height: int
    boxes: tuple[PathBox, ...]
    lines: tuple[PathLine, ...]
    index: int
    tree_size: int
    root: str

    @property
    def steps(self) -> int:
        """How many hashes lead from the leaf to the root."""
        return len(self.boxes) // 2


def merkle_path(record: bytes, index: int, tree_size: int, siblings: Sequence[bytes]) -> MerklePath:
    """The way that these siblings lead from the record upwards (RFC 9162 §2.1.3.2); nothing is judged here."""
    height = MARGIN * 2 + BOX_HEIGHT + STEP * len(siblings)
    left, right = MARGIN, WIDTH - MARGIN - BOX_WIDTH
    boxes: list[PathBox] = []
    lines: list[PathLine] = []
    node, place, last = leaf_hash(record), index, tree_size - 1
    y = height - MARGIN - BOX_HEIGHT
    for sibling in siblings:
        on_right = place % 2 == 1 or place == last
        own_x, other_x = (right, left) if on_right else (left, right)
        boxes += [
            PathBox(own_x, y, _words(node), way=True),
            PathBox(other_x, y, _words(sibling), way=False),
        ]
        node = node_hash(sibling, node) if on_right else node_hash(node, sibling)
        if on_right:
            while place % 2 == 0 and place != 0:
                place, last = place // 2, last // 2
        place, last = place // 2, last // 2
        above = _above(place, last, left, right, top=len(boxes) == 2 * len(siblings))
        lines += [_line(own_x, y, above, way=True), _line(other_x, y, above, way=False)]
        y -= STEP
    boxes.append(PathBox((WIDTH - BOX_WIDTH) // 2 if siblings else left, y, _words(node), way=True))
    return MerklePath(
        width=WIDTH,
        height=height,
        box_width=BOX_WIDTH,
        box_height=BOX_HEIGHT,
        boxes=tuple(boxes),
        lines=tuple(lines),
        index=index,
        tree_size=tree_size,
        root=node.hex(),
    )


def _above(place: int, last: int, left: int, right: int, *, top: bool) -> int:
    """Where the box of the next step begins."""
    if top:
        return (WIDTH - BOX_WIDTH) // 2
    return right if place % 2 == 1 or place == last else left


def _line(x: int, y: int, above: int, *, way: bool) -> PathLine:
    half = BOX_WIDTH // 2
    return PathLine(x + half, y, above + half, y - STEP + BOX_HEIGHT, way)


def _words(node: bytes) -> str:
    return f"{node.hex()[:_DIGITS]}…"
