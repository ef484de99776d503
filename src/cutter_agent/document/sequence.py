"""Which candidates are units: the best consistent sequences, with the reason for every refusal.

Words come first (Part, Chapter, Article: the spine), each counted through its region or its
parent; then the bare numbers between two marks of the spine, from the outermost way of counting to
the innermost. Every choice is a best path, so one lost or false number costs one unit, not all.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import Final

from cutter_agent.document.choice import Choice
from cutter_agent.document.grammar import SPINE_LEVEL_MAX, Profile, Rule
from cutter_agent.document.numbering import NO_RANK, SUB_MAX, roman_value
from cutter_agent.document.path import Costs, best_path
from cutter_agent.document.quotation import Stretches, quoted_stretches
from cutter_agent.document.scan import Mark, Ranges
from cutter_agent.document.weights import Weigher

_WORDS: Final = {"rare": Costs(0.3, 2.5, 1.5), "usual": Costs(0.02, 0.3, 0.1)}
_BARE: Final = {"rare": Costs(1.2, 4.0, 2.5), "usual": Costs(0.3, 1.0, 1.0)}
_ROMAN_TURN: Final = 1.6
"""What speaks against reading (i) as a letter when (ii) comes next."""
_CONTENTS_STEP_MAX: Final = 250
"""Characters between two labels of a table of contents, on average."""
_HEADERS_ABOVE_MAX: Final = 6
_THROUGH: Final = ("document", "auto")
START: Final = attrgetter("start")
_NOT_BETWEEN: Final = ("before", "alone")
_CHAIN_ORDER: Final = {"document": 0, "parent": 1, "none": 1, "auto": 2}
_RESTART_RATIO: Final = 1.2
_ALONE_MIN: Final = 3
_QUOTED: Final = -1.9
"""What speaks against a label inside a quotation; a headed one outweighs it."""
REGION_WEIGHT_MIN: Final = 0.5

Option = tuple[int, int]
"""A way to read a mark: its rule and its rank under that rule."""


def choose(
    shadow: str, marks: Sequence[Mark], profile: Profile, closed: Ranges, begin: int
) -> Choice:
    """The candidates that count, from shadow position `begin` on.

    Args:
        shadow: the text as patterns see it.
        marks: all candidates, in order of the text.
        profile: the profile that found them.
        closed: where none may count: code and comments.
        begin: the shadow position where the text begins.
    """
    choice = Choice()
    weigher = Weigher(shadow)
    quoted = Stretches(quoted_stretches(shadow, profile.quotes))
    free: list[Mark] = []
    for mark in marks:
        reason = _outside(mark, profile, closed, begin)
        if reason:
            choice.refuse(mark, reason)
        else:
            free.append(mark)
    free = _without_tail(weigher, free, profile, choice)
    free = _without_contents(weigher, free, profile, choice)
    for region in _regions(weigher, free, profile, choice):
        _Region(shadow, weigher, profile, region, choice, quoted).run()
    choice.settle(profile)
    return choice


def _outside(mark: Mark, profile: Profile, closed: Ranges, begin: int) -> str:
    if mark.start < begin:
        return "before the text begins"
    if mark.quote and (profile.quotes or not profile.rules[mark.rule].headed):
        return "stands behind a quotation mark"
    return closed.reason_at(mark.start)


def _without_tail(
    weigher: Weigher, marks: list[Mark], profile: Profile, choice: Choice
) -> list[Mark]:
    """The marks up to the first zone that ends the content wherever it stands."""
    for index, mark in enumerate(marks):
        rule = profile.rules[mark.rule]
        ends = rule.role == "zone" and rule.place == "anywhere"
        if ends and weigher(mark, rule) > 0:
            choice.accept(mark)
            for later in marks[index + 1 :]:
                choice.refuse(later, "behind the end of the content")
            return marks[:index]
    return marks


def _without_contents(
    weigher: Weigher, marks: list[Mark], profile: Profile, choice: Choice
) -> list[Mark]:
    """The marks without those of a table of contents: up to the first number that comes again."""
    rules = profile.rules
    at = next((i for i, mark in enumerate(marks) if rules[mark.rule].role == "contents"), -1)
    if at < 0:
        return marks
    rest = [mark for mark in marks if rules[mark.rule].role != "contents" or mark is marks[at]]
    keyword = [i for i in range(at + 1, len(rest)) if rules[rest[i].rule].keyword]
    again = _first_again(weigher, rest, keyword, rules)
    if again < 0:
        return [mark for mark in rest if mark is not marks[at]]
    choice.accept(marks[at])
    for mark in rest[at + 1 : again]:
        choice.refuse(mark, "in the table of contents")
    return rest[:at] + rest[again:]


def _first_again(
    weigher: Weigher, marks: list[Mark], keyword: list[int], rules: Sequence[Rule]
) -> int:
    """Where the text behind a table of contents begins: its first label stands there again.

    Between the two the labels stand close together, as lines of a table do.
    """
    through = [i for i in keyword if rules[marks[i].rule].chain in _THROUGH]
    top = min((rules[marks[i].rule].level for i in keyword), default=0)
    for pool in (through, [i for i in keyword if rules[marks[i].rule].level == top]):
        if not pool:
            continue
        first = marks[pool[0]]
        for place, i in enumerate(pool[1:], 1):
            mark = marks[i]
            if (mark.rule, mark.rank) != (first.rule, first.rank):
                continue
            if mark.start - first.start > _CONTENTS_STEP_MAX * place:
                break
            if weigher(mark, rules[mark.rule]) > 0:
                return _back(marks, keyword, keyword.index(i))
    return -1


def _back(marks: list[Mark], keyword: list[int], place: int) -> int:
    """From the first repeated number back over the headers above it that are repeated too."""
    repeated = marks[keyword[place]]
    for _ in range(_HEADERS_ABOVE_MAX):
        if place == 0:
            break
        before = marks[keyword[place - 1]]
        earlier = (marks[i] for i in keyword[: place - 1])
        if before.rule == repeated.rule or not any(
            (mark.rule, mark.num) == (before.rule, before.num) for mark in earlier
        ):
            break
        place -= 1
    return keyword[place]


def _regions(
    weigher: Weigher, marks: list[Mark], profile: Profile, choice: Choice
) -> Iterable[list[Mark]]:
    """The marks, split where an attached text begins whose numbers start anew."""
    region: list[Mark] = []
    for mark in marks:
        rule = profile.rules[mark.rule]
        if rule.region == "all":
            if weigher(mark, rule) < REGION_WEIGHT_MIN:
                choice.refuse(mark, "a reference to an attached text, not its beginning")
                continue
            yield region
            region = []
            choice.accept(mark)
            continue
        region.append(mark)
    yield region


class _Region:
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
        order = sorted(through, key=lambda i: (_CHAIN_ORDER[rules[i].chain], rules[i].level))
        for index in order:
            self._words(index, through[index])
        if not any(rules[mark.rule].kind == "article" for mark in self._spine):
            self._alone()
        self._spine.sort(key=START)
        end = self._behind(behind)
        self._bare(end)

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
        walls = sorted(mark.start for mark in self._spine if mark.level < rule.level)
        if rule.chain == "parent" or (rule.chain == "auto" and self._restarts(marks, walls, rule)):
            groups = _split(marks, walls)
            if rule.chain == "auto":
                self._choice.scoped.add(index)
        for group in groups:
            weights = [self._weigh(mark, rule) for mark in group]
            path = best_path([mark.rank for mark in group], weights, _WORDS[rule.gaps])
            chosen = [group[i] for i in path]
            self._spine += chosen
            self._choice.take(group, weights, path, rule)

    def _path(self, marks: Sequence[Mark], rule: Rule) -> list[int]:
        weights = [self._weigh(mark, rule) for mark in marks]
        return best_path([mark.rank for mark in marks], weights, _WORDS[rule.gaps])

    def _restarts(self, marks: list[Mark], walls: list[int], rule: Rule) -> bool:
        """True if far more numbers follow one another within parents than through the region."""
        if not walls:
            return False
        through = len(self._path(marks, rule))
        within = sum(len(self._path(group, rule)) for group in _split(marks, walls))
        return within > through * _RESTART_RATIO + 1

    def _alone(self) -> None:
        """Takes bare numbers for articles where the text has none by any word."""
        best: list[Mark] = []
        for index, rule in enumerate(self._rules):
            if rule.place != "alone":
                continue
            readings = self._profile.readings
            like = [m for m in self._left if m.rule == index or index in readings[m.rule]]
            ranked = [
                mark._replace(rule=index, rank=rank, level=rule.level)
                for mark in like
                if (rank := rule.numbering.rank_of(mark.num)) != NO_RANK
            ]
            chosen = [ranked[i] for i in self._path(ranked, rule)] if ranked else []
            if len(chosen) >= max(_ALONE_MIN, len(best) + 1):
                best = chosen
        if best:
            taken = {mark.start for mark in best}
            self._left = [mark for mark in self._left if mark.start not in taken]
            self._spine += best
            for mark in best:
                self._choice.accept(mark)

    def _weigh(self, mark: Mark, rule: Rule) -> float:
        """The mark's weight; a quotation around it speaks against it, for quotes may be lost."""
        weight = self._weigher(mark, rule)
        if self._quoted and self._quoted.holds(mark.start):
            weight += _QUOTED
        return weight

    def _behind(self, marks: list[Mark]) -> int:
        """Accepts signatures and annexes behind the last word mark; where the first one begins."""
        last = self._spine[-1].start if self._spine else -1
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
        quoted = self._quoted.until(walls)
        inside = [mark for mark in self._left if mark.start < end]
        for mark in self._left[len(inside) :]:
            self._choice.refuse(mark, "behind the end of the content")
        self._refuse((mark for mark in inside if quoted.holds(mark.start)), "inside a quotation")
        inside = [mark for mark in inside if not quoted.holds(mark.start)]
        if not walls:
            self._refuse(inside, "a bare number with nothing above it")
            return
        first = bisect_left([mark.start for mark in inside], walls[0])
        self._before(inside[:first])
        for group in _split(inside[first:], walls):
            _Descent(self._weigher, self._profile, self._choice).run(group)

    def _before(self, marks: list[Mark]) -> None:
        """Chooses recitals: bare numbers before the first word mark."""
        rules = self._rules
        early = [index for index, rule in enumerate(rules) if rule.place == "before"]
        ranked: list[tuple[Mark, int]] = []
        index = early[0] if early else -1
        for mark in marks:
            like = mark.rule == index or index in self._profile.readings[mark.rule]
            rank = rules[index].numbering.rank_of(mark.num) if early and like else NO_RANK
            if rank == NO_RANK:
                self._choice.refuse(mark, "a bare number with nothing above it")
            else:
                ranked.append((mark, rank))
        if not ranked:
            return
        weights = [self._weigher(mark, rules[index]) for mark, _ in ranked]
        path = best_path([rank for _, rank in ranked], weights, _BARE[rules[index].gaps])
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


class _Descent:
    """The bare numbers between two marks of the spine, from the outermost way to the innermost."""

    def __init__(self, weigher: Weigher, profile: Profile, choice: Choice) -> None:
        self._weigher = weigher
        self._profile = profile
        self._choice = choice

    def run(self, marks: list[Mark]) -> None:
        """Accepts or refuses every mark of the stretch."""
        options = [self._options(mark) for mark in marks]
        self._descend(marks, options, frozenset(), SPINE_LEVEL_MAX + 1)

    def _options(self, mark: Mark) -> dict[int, int]:
        """Every way to read the mark: rule to rank."""
        result = {mark.rule: mark.rank}
        if self._profile.rules[mark.rule].place in _NOT_BETWEEN:
            result = {}
        for index in self._profile.readings[mark.rule]:
            if self._profile.rules[index].place in _NOT_BETWEEN:
                continue
            rank = self._profile.rules[index].numbering.rank_of(mark.num)
            if rank != NO_RANK:
                result[index] = rank
        return result

    def _descend(
        self,
        marks: list[Mark],
        options: list[dict[int, int]],
        used: frozenset[int],
        level: int,
    ) -> None:
        """Chooses the outermost way of counting, then goes on between its marks."""
        while marks:
            index = self._outermost(options, used)
            if index < 0:
                for mark in marks:
                    self._choice.refuse(mark, "its number does not follow")
                return
            used |= {index}
            rule = self._profile.rules[index]
            among = [i for i, option in enumerate(options) if index in option]
            ranks = [options[i][index] for i in among]
            weights = [self._weight(marks, i, rule) for i in among]
            path = [among[i] for i in best_path(ranks, weights, _BARE[rule.gaps])]
            if not path:
                continue
            for i in path:
                mark = marks[i]._replace(rule=index, rank=options[i][index], level=level)
                self._choice.accept(mark)
            edges = [-1, *path, len(marks)]
            for left, right in pairwise(edges):
                if right - left > 1:
                    self._descend(
                        marks[left + 1 : right], options[left + 1 : right], used, level + 1
                    )
            return

    def _outermost(self, options: list[dict[int, int]], used: frozenset[int]) -> int:
        """The rule of the lowest level; among equals the one whose first number comes first."""
        rules = self._profile.rules
        best, best_key = -1, (SPINE_LEVEL_MAX + 1, 2, 0)
        for place, option in enumerate(options):
            for index, rank in option.items():
                if index not in used:
                    key = (rules[index].level, int(rank // SUB_MAX > 1), place)
                    if key < best_key:
                        best, best_key = index, key
        return best

    def _weight(self, marks: list[Mark], i: int, rule: Rule) -> float:
        """The mark's weight, less if the next mark continues it in Roman numerals."""
        weight = self._weigher(marks[i], rule)
        if rule.numbering.name.startswith("letter") and i + 1 < len(marks):
            value, following = roman_value(marks[i].num), roman_value(marks[i + 1].num)
            if value > 0 and following == value + 1 and len(marks[i + 1].num) > 1:
                weight -= _ROMAN_TURN
        return weight


def _split(marks: Sequence[Mark], walls: Sequence[int]) -> list[list[Mark]]:
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
