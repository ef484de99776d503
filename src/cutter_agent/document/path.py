"""The best path through numbered candidates: the numbers ascend, gaps cost, junk is left out.

score(i) = weight(i) + max over j before i with a smaller number of score(j) - gap(j, i), where the
gap grows with the missing numbers up to a limit. Two prefix maxima over the numbers (Fenwick
trees), one for the growing part and one for the limit, make it O(n log n).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cutter_agent.document.numbering import SUB_MAX

_NOTHING: Final = float("-inf")


@dataclass(frozen=True, slots=True)
class Costs:
    """What a path pays.

    Attributes:
        gap: for each missing number.
        gap_max: at most, for one gap.
        start: for each number missing before the first.
        start_max: at most, for numbers missing before the first.
    """

    gap: float
    gap_max: float
    start: float
    start_max: float


class _PrefixMax:
    """The greatest score among the keys below a key, and whose it is."""

    def __init__(self, size: int) -> None:
        self._rows: list[tuple[float, int]] = [(_NOTHING, -1)] * (size + 1)

    def put(self, key: int, score: float, index: int) -> None:
        place = key + 1
        rows = self._rows
        while place < len(rows):
            if score > rows[place][0]:
                rows[place] = (score, index)
            place += place & -place

    def best_below(self, key: int) -> tuple[float, int]:
        best = (_NOTHING, -1)
        rows = self._rows
        place = key
        while place > 0:
            if rows[place][0] > best[0]:
                best = rows[place]
            place &= place - 1
        return best


def best_path(ranks: Sequence[int], weights: Sequence[float], costs: Costs) -> list[int]:
    """The indexes of the candidates on the best path, ascending; empty if none is worth it.

    Args:
        ranks: the candidates' numbers, in steps of SUB_MAX, in order of the text.
        weights: what speaks for each candidate.
        costs: what gaps cost.
    """
    if _runs(ranks, weights):
        return list(range(len(ranks)))
    keys = sorted(set(ranks))
    linear, limited = _PrefixMax(len(keys)), _PrefixMax(len(keys))
    scores: list[float] = []
    before: list[int] = []
    for index, (rank, weight) in enumerate(zip(ranks, weights, strict=True)):
        key = bisect_left(keys, rank)
        main = rank // SUB_MAX
        score, source = -min(costs.start * max(0, main - 1), costs.start_max), -1
        for _, other in (linear.best_below(key), limited.best_below(key)):
            if other >= 0:
                missing = max(0, main - ranks[other] // SUB_MAX - 1)
                reached = scores[other] - min(costs.gap * missing, costs.gap_max)
                if reached > score:
                    score, source = reached, other
        scores.append(score + weight)
        before.append(source)
        linear.put(key, scores[index] + costs.gap * main, index)
        limited.put(key, scores[index], index)
    best = max(range(len(scores)), key=scores.__getitem__, default=-1)
    if best < 0 or scores[best] <= 0:
        return []
    path: list[int] = []
    while best >= 0:
        path.append(best)
        best = before[best]
    return path[::-1]


def _runs(ranks: Sequence[int], weights: Sequence[float]) -> bool:
    """True where the numbers run 1, 2, 3… and nothing speaks against any: no search is needed."""
    if not ranks or ranks[0] // SUB_MAX > 1 or min(weights) <= 0:
        return False
    last = ranks[0]
    for rank in ranks[1:]:
        step = rank - last
        if step <= 0 or rank // SUB_MAX - last // SUB_MAX > 1:
            return False
        last = rank
    return True
