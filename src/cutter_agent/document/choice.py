"""The outcome of choosing: accepted marks, refused ones with their reasons, doubts as findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import pairwise
from operator import attrgetter
from typing import Final

from cutter_agent.document.grammar import Profile, Rule
from cutter_agent.document.numbering import SUB_MAX
from cutter_agent.document.scan import Mark

STRONG_WEIGHT_MIN: Final = 1.3
"""A refused candidate with this weight looks so much like a unit that a reader must know."""
GAP_NUMBERS_SHOWN_MAX: Final = 6


_start: Final = attrgetter("start")


@dataclass(frozen=True, slots=True)
class Doubt:
    """A decision that a reader should know, at a shadow position."""

    code: str
    severity: str
    start: int
    sentence: str


@dataclass(slots=True)
class Choice:
    """The candidates that count, and why the others do not.

    Attributes:
        accepted: the marks of units, group headers and zones, in order of the text once settled.
        refused: refused marks with the reason.
        doubts: what a reader should know about the decisions.
        scoped: rules whose numbers were found to start anew in each parent.
    """

    accepted: list[Mark] = field(default_factory=list)
    refused: list[tuple[Mark, str]] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    scoped: set[int] = field(default_factory=set)

    def forget_doubts(self, start: int, end: int) -> None:
        """Doubts between these places are settled: what begins there is no unit anyway."""
        self.doubts = [doubt for doubt in self.doubts if not start <= doubt.start < end]

    @property
    def reasons(self) -> Counter[str]:
        """How often each reason was given."""
        return Counter(reason for _, reason in self.refused)

    def accept(self, mark: Mark) -> None:
        """The mark counts."""
        self.accepted.append(mark)

    def refuse(self, mark: Mark, reason: str) -> None:
        """The mark does not count, for this reason."""
        self.refused.append((mark, reason))

    def tell(self, code: str, start: int, sentence: str) -> None:
        """A reader is told, as a warning."""
        self.doubts.append(Doubt(code, "warning", start, sentence))

    def replace(self, gone: AbstractSet[int], marks: Sequence[Mark]) -> None:
        """The accepted marks that start there give way to these."""
        self.accepted = [mark for mark in self.accepted if mark.start not in gone]
        self.accepted += marks

    def take(
        self, marks: Sequence[Mark], weights: Sequence[float], path: Sequence[int], rule: Rule
    ) -> list[Mark]:
        """The marks on the path count; the others do not, and strong ones become doubts.

        Returns:
            The marks that count, with the numbers under which they do.
        """
        if len(path) == len(marks):
            self.accepted += marks
            self._gaps(marks, rule)
            return list(marks)
        marks, path = self._misread(marks, weights, path, rule)
        chosen = set(path)
        ranks = {marks[i].rank for i in path}
        last = 0
        for i, mark in enumerate(marks):
            if i in chosen:
                self.accepted.append(mark)
                self._gap(last, mark, rule)
                last = mark.rank // SUB_MAX
                continue
            self.refused.append((mark, "its number does not follow"))
            if weights[i] < STRONG_WEIGHT_MIN:
                continue
            if mark.rank in ranks:
                self.doubts.append(
                    Doubt(
                        "ADDRESS_DUPLICATE",
                        "error",
                        mark.start,
                        f"{rule.alias} {mark.num} begins here a second time in one sequence",
                    )
                )
            else:
                self.doubts.append(
                    Doubt(
                        "NUMBER_OUT_OF_ORDER",
                        "warning",
                        mark.start,
                        f"this line begins like {rule.alias} {mark.num}, which does not follow in"
                        " the sequence, so it is no unit",
                    )
                )
        return [marks[i] for i in path]

    def settle(self, profile: Profile) -> None:
        """Brings the accepted marks into order, leaves out headers inside units, and tells of missing numbers."""
        self.accepted.sort(key=_start)
        self._leave_out_headers(profile)
        self._gaps_within(profile)

    def _leave_out_headers(self, profile: Profile) -> None:
        rules = profile.rules
        if not any(rule.role == "group" for rule in rules):
            return
        kept: list[Mark] = []
        stack: list[Mark] = []
        for mark in self.accepted:
            while stack and stack[-1].level >= mark.level:
                stack.pop()
            within = any(rules[above.rule].role == "unit" for above in stack)
            if within and rules[mark.rule].role == "group":
                self.refuse(mark, "a header inside a unit belongs to the unit")
                continue
            stack.append(mark)
            kept.append(mark)
        self.accepted = kept

    def _gaps_within(self, profile: Profile) -> None:
        """Missing numbers among siblings, or in the document, where nobody looked for them while the sequence was chosen.

        Where a law leaves numbers out as a habit, that is worth knowing and no reason to doubt.
        """
        rules = profile.rules
        told = [_looked_for(rule) or rule.gaps == "any" for rule in rules]
        through = [
            rule.chain in ("document", "auto") and index not in self.scoped
            for index, rule in enumerate(rules)
        ]
        whole: dict[int, int] = {}
        stack: list[tuple[int, dict[int, int]]] = [(-1, {})]
        for mark in self.accepted:
            while stack[-1][0] >= mark.level:
                stack.pop()
            known = whole if through[mark.rule] else stack[-1][1]
            number = mark.rank // SUB_MAX
            last = known.get(mark.rule, 0)
            if number > last + 1 and not told[mark.rule] and mark.num.isdecimal():
                rule = rules[mark.rule]
                self._tell_gap(last, mark, rule, "warning" if rule.gaps == "rare" else "info")
            known[mark.rule] = number
            stack.append((mark.level, {}))

    def _misread(
        self, marks: Sequence[Mark], weights: Sequence[float], path: Sequence[int], rule: Rule
    ) -> tuple[Sequence[Mark], Sequence[int]]:
        """Where one number is missing and one strong candidate stands there, it is that number."""
        fixed, places = list(marks), set(path)
        for left, right in pairwise(path):
            before, behind = marks[left], marks[right]
            missing = before.rank // SUB_MAX + 1
            if behind.rank // SUB_MAX != missing + 1 or rule.gaps != "rare":
                continue
            strong = [i for i in range(left + 1, right) if weights[i] >= STRONG_WEIGHT_MIN]
            if len(strong) != 1 or not marks[strong[0]].num.isdecimal():
                continue
            place = strong[0]
            printed = marks[place].num
            fixed[place] = marks[place]._replace(num=str(missing), rank=missing * SUB_MAX)
            places.add(place)
            self.doubts.append(
                Doubt(
                    "NUMBER_MISREAD",
                    "warning",
                    marks[place].start,
                    f"printed {printed}, read as {rule.alias} {missing}: it stands between"
                    f" {before.num} and {behind.num}",
                )
            )
        return fixed, sorted(places)

    def _gaps(self, marks: Sequence[Mark], rule: Rule) -> None:
        last = 0
        for mark in marks:
            number = mark.rank // SUB_MAX
            if number - last > 1:
                self._gap(last, mark, rule)
            last = number

    def _gap(self, last: int, mark: Mark, rule: Rule) -> None:
        if _looked_for(rule) and mark.rank // SUB_MAX > last + 1:
            self._tell_gap(last, mark, rule, "warning")

    def _tell_gap(self, last: int, mark: Mark, rule: Rule, severity: str) -> None:
        missing = mark.rank // SUB_MAX - last - 1
        until = last + 1 + min(missing, GAP_NUMBERS_SHOWN_MAX)
        shown = ", ".join(map(str, range(last + 1, until)))
        more = "" if missing <= GAP_NUMBERS_SHOWN_MAX else " …"
        self.doubts.append(
            Doubt(
                "NUMBER_GAP",
                severity,
                mark.start,
                f"{rule.alias} {mark.num} follows {last or 'nothing'}: {shown}{more} missing",
            )
        )


def _looked_for(rule: Rule) -> bool:
    """True if missing numbers of the rule are told of while its sequence is chosen."""
    return rule.gaps == "rare" and rule.chain in ("document", "auto")
