"""One stretch of the text in which numbers run through: its words, then its bare numbers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Final

from cutter_agent.document.choice import Choice
from cutter_agent.document.descent import BARE_COSTS, Descent, split_at
from cutter_agent.document.grammar import Profile, Rule
from cutter_agent.document.nesting import headers_here, levels_here
from cutter_agent.document.numbering import NO_RANK, SUB_MAX
from cutter_agent.document.path import Costs, best_path
from cutter_agent.document.quotation import Stretches
from cutter_agent.document.scan import Mark, read_as
from cutter_agent.document.weights import Weigher

_WORDS: Final = {
    "rare": Costs(0.3, 2.5, 0.3, 1.5),
    "usual": Costs(0.02, 0.3, 0.02, 0.1),
    "any": Costs(0.0, 0.0, 0.0, 0.0),
}
_RESTART_RATIO: Final = 1.2
_ALONE_MIN: Final = 3
_ALONE_RATIO: Final = 3
_GOING_ON_MIN: Final = 3
_BODY: Final = 0.0001
_BODY_MAX: Final = 0.1
"""A line of a table of contents has no text behind it; of two equals the one with text counts."""
_QUOTED: Final = -1.9
"""What speaks against a label inside a quotation; a headed one outweighs it."""
_START: Final = attrgetter("start")


class Region:
    """One stretch of the text in which numbers run through."""

    def __init__(
        self,
        shadow: str,
        weigher: Weigher,
        profile: Profile,
        marks: list[Mark],
        choice: Choice,
        quoted: Stretches,
    ) -> None:
        self._shadow = shadow
        self._weigher = weigher
        self._quoted = quoted
        self._profile = profile
        self._rules = profile.rules
        self._marks = marks
        self._choice = choice
        self._spine: list[Mark] = []
        self._left: list[Mark] = []
        self._levels: dict[int, int] = {}

    def run(self) -> None:
        """Accepts or refuses every mark of the region."""
        rules = self._rules
        through: dict[int, list[Mark]] = {}
        behind: list[Mark] = []
        for mark in self._marks:
            rule = rules[mark.rule]
            if rule.region == "nothing" or rule.place == "behind":
                behind.append(mark)
            elif rule.gaps == "any" or mark.rank == NO_RANK:
                self._keep(mark, mark.headed or self._weigher(mark, rule) > 0)
            elif rule.keyword:
                through.setdefault(mark.rule, []).append(mark)
            else:
                self._left.append(mark)
        for index, (header, read) in headers_here(through, self._profile).items():
            del through[index]
            through[header] = read
        self._levels = levels_here(through, rules, self._weigher)
        for index, level in self._levels.items():
            through[index] = [mark._replace(level=level) for mark in through[index]]
        order = sorted(through, key=lambda i: (rules[i].chain != "document", self._level(i)))
        for index in order:
            self._words(index, through[index])
        self._alone()
        self._spine.sort(key=_START)
        end = self._behind(behind)
        self._bare(end)

    def _level(self, index: int) -> int:
        """The rule's level in this region."""
        return self._levels.get(index, self._rules[index].level)

    def _keep(self, mark: Mark, good: bool) -> None:  # noqa: FBT001 -- the verdict itself
        if good:
            self._spine.append(mark)
            self._choice.accept(mark)
        else:
            self._choice.refuse(mark, "the line before it runs on")

    def _words(self, index: int, marks: list[Mark]) -> None:
        """Chooses the marks of one keyword rule, through the region or within each parent."""
        rule = self._rules[index]
        groups = [marks]
        level = self._level(index)
        walls = sorted(mark.start for mark in self._spine if mark.level < level)
        if rule.chain == "parent":
            groups = split_at(marks, walls)
        elif rule.chain == "auto" and walls:
            weights, path = self._path(marks, rule)
            within = split_at(marks, walls)
            if len(path) == len(marks) or not self._restarts(len(path), within, rule):
                self._spine += self._choice.take(marks, weights, path, rule)
                return
            groups = within
            self._choice.scoped.add(index)
        for group in groups:
            weights, path = self._path(group, rule)
            self._spine += self._choice.take(group, weights, path, rule)

    def _weights(self, marks: Sequence[Mark], rule: Rule) -> list[float]:
        """The marks' weights; a little more for those with text behind them."""
        ends = [*(mark.start for mark in marks[1:]), len(self._shadow)]
        weights = [
            self._weigh(mark, rule) + min(_BODY_MAX, (end - mark.start) * _BODY)
            for mark, end in zip(marks, ends, strict=True)
        ]
        if self._quoted:
            for place in self._going_on(marks):
                weights[place] -= _QUOTED
        return weights

    def _going_on(self, marks: Sequence[Mark]) -> list[int]:
        """Marks inside a quotation that go on counting from before it: its end was lost."""
        result: list[int] = []
        run: list[int] = []
        within, expected, outer = -1, 0, 0
        for place, mark in enumerate(marks):
            row, number = self._quoted.row_of(mark.start), mark.rank // SUB_MAX
            if row != within:
                if row < 0 and number == outer:
                    run = []  # behind the quotation the counting goes on as if it were not there
                result += run if len(run) >= _GOING_ON_MIN else []
                expected = expected if len(run) >= _GOING_ON_MIN else outer
                run, within, outer = [], row, expected
            if row < 0:
                expected = outer = number + 1
            elif number == expected:
                run.append(place)
                expected += 1
        return result + (run if len(run) >= _GOING_ON_MIN else [])

    def _path(self, marks: Sequence[Mark], rule: Rule) -> tuple[list[float], list[int]]:
        """The marks' weights, and the best path through them."""
        weights = self._weights(marks, rule)
        return weights, best_path([mark.rank for mark in marks], weights, _WORDS[rule.gaps])

    def _restarts(self, through: int, within: Sequence[Sequence[Mark]], rule: Rule) -> bool:
        """True if far more numbers follow one another within parents than through the region."""
        inside = sum(len(self._path(group, rule)[1]) for group in within)
        return inside > through * _RESTART_RATIO + 1

    def _alone(self) -> None:
        """Takes bare numbers for articles where the text has none, or next to none, by a word."""
        rules, readings = self._rules, self._profile.readings
        worded = [mark for mark in self._spine if rules[mark.rule].kind == "article"]
        best: list[Mark] = []
        for index, rule in enumerate(rules):
            if rule.place != "alone":
                continue
            pool = self._left if not rule.keyword else self._spine
            ranked = [
                mark._replace(rule=index, rank=rank, level=rule.level)
                for mark in pool
                if (mark.rule == index or index in readings[mark.rule])
                and (rank := read_as(rule, mark, rules)) != NO_RANK
            ]
            # A path ascends, so it is no longer than there are numbers.
            longest = len({mark.rank for mark in ranked})
            if longest < max(_ALONE_MIN, len(best) + 1) or longest <= _ALONE_RATIO * len(worded):
                continue
            chosen = [ranked[i] for i in self._path(ranked, rule)[1]]
            if len(chosen) >= max(_ALONE_MIN, len(best) + 1):
                best = chosen
        if len(best) <= _ALONE_RATIO * len(worded):
            return
        taken = {mark.start for mark in best}
        gone = taken.union(mark.start for mark in worded)
        self._left = [mark for mark in self._left if mark.start not in taken]
        self._spine = [mark for mark in self._spine if mark.start not in gone] + best
        self._refuse(
            (mark for mark in worded if mark.start not in taken),
            "nearly all articles of the text have bare numbers",
        )
        self._choice.replace(gone, best)

    def _weigh(self, mark: Mark, rule: Rule) -> float:
        """The mark's weight; a quotation around it speaks against it, for quotes may be lost."""
        weight = self._weigher(mark, rule)
        if self._quoted and self._quoted.holds(mark.start):
            weight += _QUOTED
        return weight

    def _behind(self, marks: list[Mark]) -> int:
        """Accepts signatures and annexes behind the last word mark; where the first one begins."""
        begun = [mark for mark in self._spine if self._rules[mark.rule].kind == "article"]
        last = (begun or self._spine)[-1].start if self._spine else -1
        end = len(self._shadow) + 1
        annexes: list[Mark] = []
        for mark in marks:
            rule = self._rules[mark.rule]
            good = mark.start > last and self._weigher(mark, rule) > 0
            if good and rule.role == "zone" and end > len(self._shadow):
                self._choice.accept(mark)
            elif good and rule.role != "zone":
                annexes.append(mark)
            else:
                self._choice.refuse(mark, "the text goes on counting behind it")
                continue
            end = min(end, mark.start)
        inside = {mark.start for mark in self._spine if mark.start > end}
        if inside:
            self._refuse(
                (mark for mark in self._spine if mark.start in inside), "inside an attached text"
            )
            self._spine = [mark for mark in self._spine if mark.start not in inside]
            self._choice.replace(inside, ())
        self._choice.forget_doubts(end, self._marks[-1].start + 1 if self._marks else 0)
        weights = [1.0] * len(annexes)
        ranks = [max(mark.rank, 0) for mark in annexes]
        path = best_path(ranks, weights, _WORDS["usual"])
        for i in path:
            self._choice.accept(annexes[i])
        for i in sorted(set(range(len(annexes))).difference(path)):
            self._choice.refuse(annexes[i], "an annex of this number stands before it")
        return end

    def _bare(self, end: int) -> None:
        """Chooses bare numbers between two marks of the spine."""
        walls = [mark.start for mark in self._spine]
        quoted = self._quoted.until(walls) if self._quoted else self._quoted
        inside = [mark for mark in self._left if mark.start < end]
        for mark in self._left[len(inside) :]:
            self._choice.refuse(mark, "behind the end of the content")
        inside = self._without_citations(inside)
        if quoted:
            self._refuse(
                (mark for mark in inside if quoted.holds(mark.start)), "inside a quotation"
            )
            inside = [mark for mark in inside if not quoted.holds(mark.start)]
        if not walls:
            self._refuse(inside, "a bare number with nothing above it")
            return
        first = bisect_left([mark.start for mark in inside], walls[0])
        self._before(inside[:first])
        descent = Descent(self._weigher, self._profile, self._choice)
        for group in split_at(inside[first:], walls):
            descent.run(group)

    def _without_citations(self, marks: list[Mark]) -> list[Mark]:
        """The marks without those behind a word label that is a reference: `Section 5 (b) of`."""
        begun = {mark.start for mark in self._spine}
        cited = {mark.start for mark in self._marks if self._rules[mark.rule].keyword} - begun
        if not cited:
            return marks
        kept: list[Mark] = []
        for mark in marks:
            line = self._shadow.rfind("\n", 0, mark.start) + 1
            if line != mark.start and line in cited:
                self._choice.refuse(mark, "part of a reference")
            else:
                kept.append(mark)
        return kept

    def _before(self, marks: list[Mark]) -> None:
        """Chooses recitals: bare numbers before the first word mark."""
        rules = self._rules
        early = [index for index, rule in enumerate(rules) if rule.place == "before"]
        ranked: list[tuple[Mark, int]] = []
        index = early[0] if early else -1
        for mark in marks:
            like = mark.rule == index or index in self._profile.readings[mark.rule]
            rank = read_as(rules[index], mark, rules) if early and like else NO_RANK
            if rank == NO_RANK:
                self._choice.refuse(mark, "a bare number with nothing above it")
            else:
                ranked.append((mark, rank))
        if not ranked:
            return
        weights = [self._weigher(mark, rules[index]) for mark, _ in ranked]
        path = best_path([rank for _, rank in ranked], weights, BARE_COSTS[rules[index].gaps])
        chosen = set(path)
        for place, (mark, rank) in enumerate(ranked):
            if place in chosen:
                level = rules[index].level
                self._choice.accept(mark._replace(rule=index, rank=rank, level=level))
            else:
                self._choice.refuse(mark, "its number does not follow")

    def _refuse(self, marks: Iterable[Mark], reason: str) -> None:
        for mark in marks:
            self._choice.refuse(mark, reason)
