"""Bare numbers between two words of the law, from the outermost way of counting to the innermost."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from cutter_agent.document.choice import Choice
from cutter_agent.document.grammar import SPINE_LEVEL_MAX, Profile, Rule
from cutter_agent.document.numbering import NO_RANK, SUB_MAX, roman_value
from cutter_agent.document.path import Costs, best_path
from cutter_agent.document.scan import Mark, read_as
from cutter_agent.document.weights import Weigher

BARE_COSTS: Final = {"rare": Costs(1.2, 4.0, 0.9, 2.5), "usual": Costs(0.3, 1.0, 0.3, 1.0)}
_LEVEL: Final = SPINE_LEVEL_MAX + 1
_new: Final = tuple.__new__
_HELD_MIN: Final = 2
_ALONE_FROM: Final = 2
"""A first number may stand alone; a later one does not."""
_BEGINS_MIN: Final = 3
"""So often a rule must start anew to stand below one whose own first number is missing."""
_AGAIN_MIN: Final = 2
_BETWEEN: Final = 0.4
"""The share of its new beginnings with a number of the other before them."""
_RISING: Final = 0.8
_ROMAN_TURN: Final = 1.6
"""What speaks against reading (i) as a letter when (ii) comes next."""
_NOT_BETWEEN: Final = ("before", "alone", "above")


class Descent:
    """The bare numbers between two marks of the spine, chosen way by way."""

    def __init__(self, weigher: Weigher, profile: Profile, choice: Choice) -> None:
        self._weigher = weigher
        self._profile = profile
        self._choice = choice
        self._plain = _plain_rules(profile)
        self._known: dict[tuple[int, str], dict[int, int]] = {}

    def run(self, marks: list[Mark]) -> None:
        """Accepts or refuses every mark of the stretch."""
        if self._runs_alone(marks):
            return
        options = [self._options(mark) for mark in marks]
        self._descend(marks, options, frozenset(), _LEVEL)

    def _runs_alone(self, marks: list[Mark]) -> bool:
        """Accepts all marks where they count 1, 2, 3… in one way and none can be read in another."""
        index = marks[0].rule
        if index not in self._plain:
            return False
        expected = SUB_MAX
        for mark in marks:
            if mark.rule != index or mark.rank != expected:
                return False
            expected += SUB_MAX
        rule = self._profile.rules[index]
        if not all(self._weigher(mark, rule) > 0 for mark in marks):
            return False
        accepted = self._choice.accepted
        for start, end, _, num, rank, _, quote, headed in marks:
            accepted.append(_new(Mark, (start, end, index, num, rank, _LEVEL, quote, headed)))
        return True

    def _options(self, mark: Mark) -> dict[int, int]:
        """Every way to read the mark: rule to rank."""
        key = mark.rule, mark.num
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._read(mark)
        return known

    def _read(self, mark: Mark) -> dict[int, int]:
        result = {mark.rule: mark.rank}
        if self._profile.rules[mark.rule].place in _NOT_BETWEEN:
            result = {}
        for index in self._profile.readings[mark.rule]:
            if self._profile.rules[index].place in _NOT_BETWEEN:
                continue
            rank = read_as(self._profile.rules[index], mark, self._profile.rules)
            if rank != NO_RANK:
                result[index] = rank
        return result

    def _descend(
        self,
        marks: list[Mark],
        options: list[dict[int, int]],
        used: frozenset[int],
        level: int,
        above: int = -1,
    ) -> None:
        """Chooses the outermost way of counting, then goes on between its marks."""
        accepted = self._choice.accepted
        while marks:
            index = self._outermost(options, used)
            if index < 0:
                index = self._again(marks, options, used - {above})
            if index < 0:
                for mark in marks:
                    self._choice.refuse(mark, "its number does not follow")
                return
            used |= {index}
            rule = self._profile.rules[index]
            among = [i for i, option in enumerate(options) if index in option]
            ranks = [options[i][index] for i in among]
            weights = [self._weight(marks, i, rule) for i in among]
            path = [among[i] for i in best_path(ranks, weights, BARE_COSTS[rule.gaps])]
            if not path:
                continue
            if len(path) == 1 and self._stands_alone(
                marks[path[0]], ranks[among.index(path[0])], rule
            ):
                continue
            for i in path:
                start, end, _, num, _, _, quote, headed = marks[i]
                rank = options[i][index]
                accepted.append(_new(Mark, (start, end, index, num, rank, level, quote, headed)))
            edges = [-1, *path, len(marks)]
            for left, right in pairwise(edges):
                if right - left > 1:
                    self._descend(
                        marks[left + 1 : right],
                        options[left + 1 : right],
                        used,
                        level + 1,
                        index if left >= 0 else above,
                    )
            return

    def _stands_alone(self, mark: Mark, rank: int, rule: Rule) -> bool:
        """Say whether the only number of its kind is none of the first, where numbers are hardly ever missing.

        It is the number of a title in the margin, or of a sentence that runs on; a reader is told of it.
        """
        number = rank // SUB_MAX
        if rule.gaps != "rare" or number < _ALONE_FROM or not mark.num.isdecimal():
            return False
        self._choice.tell(
            "NUMBER_ALONE",
            mark.start,
            f"this line begins like {rule.alias} {mark.num}, and no number of its kind stands before"
            " or behind it, so it is no unit",
        )
        return True

    def _again(self, marks: list[Mark], options: list[dict[int, int]], used: frozenset[int]) -> int:
        """A way of counting that stands higher up too, where all marks count 1, 2, 3… in it; or -1."""
        if len(marks) < _AGAIN_MIN:
            return -1
        for index in options[0]:
            if index in used and all(
                option.get(index) == place * SUB_MAX for place, option in enumerate(options, 1)
            ):
                rule = self._profile.rules[index]
                # Then the best path takes them all, and nothing of them is left.
                if all(self._weight(marks, i, rule) > 0 for i in range(len(marks))):
                    return index
        return -1

    def _outermost(self, options: list[dict[int, int]], used: frozenset[int]) -> int:
        """The rule of the lowest level; among equals the one whose first number comes first.

        A rule that starts anew between the numbers of another stands below it, whatever its level.
        """
        rules = self._profile.rules
        best, best_key = -1, (SPINE_LEVEL_MAX + 1, 2, 0)
        for place, option in enumerate(options):
            for index, rank in option.items():
                if index not in used:
                    key = (rules[index].level, int(rank // SUB_MAX > 1), place)
                    if key < best_key:
                        best, best_key = index, key
        return self._holder(best, options, used)

    def _holder(self, best: int, options: list[dict[int, int]], used: frozenset[int]) -> int:
        """Another rule instead, where the one of the lowest level starts anew between its marks."""
        begins = [place for place, option in enumerate(options) if option.get(best) == SUB_MAX]
        if len(begins) <= 1:
            return best
        for index in {index: None for option in options for index in option if index not in used}:
            rows = [
                (place, option[index])
                for place, option in enumerate(options)
                if index in option and best not in option
            ]
            if len(rows) < _HELD_MIN or (rows[0][0] and len(begins) < _BEGINS_MIN):
                continue
            places = [place for place, _ in rows]
            rising = sum(one < other for (_, one), (_, other) in pairwise(rows))
            between = sum(
                bisect_left(places, left) < bisect_left(places, right)
                for left, right in pairwise(begins)
            )
            if between >= _BETWEEN * (len(begins) - 1) and rising >= _RISING * (len(rows) - 1):
                return index
        return best

    def _weight(self, marks: list[Mark], i: int, rule: Rule) -> float:
        """The mark's weight, less if the next mark continues it in Roman numerals."""
        weight = self._weigher(marks[i], rule)
        if rule.numbering.name.startswith("letter") and i + 1 < len(marks):
            value, following = roman_value(marks[i].num), roman_value(marks[i + 1].num)
            if value > 0 and following == value + 1 and len(marks[i + 1].num) > 1:
                weight -= _ROMAN_TURN
        return weight


def _plain_rules(profile: Profile) -> frozenset[int]:
    """The rules between words whose numbers can be read in one way only, and whose weight is plain."""
    rules = profile.rules
    return frozenset(
        index
        for index, rule in enumerate(rules)
        if rule.place not in _NOT_BETWEEN
        and not rule.numbering.name.startswith("letter")
        and all(rules[other].place in _NOT_BETWEEN for other in profile.readings[index])
    )


def split_at(marks: Sequence[Mark], walls: Sequence[int]) -> list[list[Mark]]:
    """The marks in groups, one for each stretch between two walls that holds any."""
    groups: list[list[Mark]] = []
    last = -1
    for mark in marks:
        stretch = bisect_left(walls, mark.start)
        if stretch != last or not groups:
            groups.append([])
            last = stretch
        groups[-1].append(mark)
    return groups
