"""Finding labels: one pass over line starts, and behind each only the forms that can begin there.

What stands before a label (indentation, Markdown's marks, a quotation mark) is matched once a line;
the character behind it decides which forms are tried, as one alternation in the profile's order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from cutter_agent.document.ordinals import begins_with_ordinal
from cutter_agent.document.pattern import first_characters

_LEADING: Final = "-•·'’`ˆ^~_.,°#* \t\"“”„«»‘『「"
"""What stands before labels; a form that begins so competes with it for the character."""
_NEVER: Final = "(?!)"


class Arm(NamedTuple):
    """One form of one rule.

    Attributes:
        pattern: matches it; its number, if it has one, is the only group.
        rule: index of its rule.
        numbered: True if it has a number.
        headed: True if only a Markdown heading can begin with it.
        counting: True if it begins with a word that counts; it is tried after all others.
    """

    pattern: str
    rule: int
    numbered: bool
    headed: bool
    counting: bool = False


class Found(NamedTuple):
    """One label: where its line and itself end, what stands before it, what it is."""

    start: int
    end: int
    hashes: str | None
    quote: str
    rule: int
    num: str


class Matcher:
    """All forms of a profile, ready to be looked for at the beginnings of lines."""

    def __init__(self, lead: str, arms: Sequence[Arm]) -> None:
        """Sorts the forms by the characters with which they can begin.

        Args:
            lead: matches a line's end and what stands before a label; group 1 holds the number signs
                of a heading, group 2 the quotation mark.
            arms: the forms, in the order in which they are tried.
        """
        self._arms = tuple(arms)
        self._counting: tuple[re.Pattern[str], tuple[Arm | None, ...]] | None = None
        counting = [arm for arm in arms if arm.counting]
        if counting:
            joined = re.compile("|".join(f"{arm.pattern}()" for arm in counting))
            self._counting = joined, _by_group(counting, 0)
        firsts = [first_characters(arm.pattern) for arm in arms]
        known = [re.compile(f"[{first}]") for first in firsts if first]
        self._firsts = known if len(known) == len(arms) else []
        if any(first.match(mark) for first in known for mark in _LEADING):
            self._firsts = []
        ahead = f"(?=[{''.join(first for first in firsts if first)}])" if self._firsts else ""
        self._lead = re.compile(lead + ahead)
        self._joined: dict[tuple[int, ...], tuple[re.Pattern[str], tuple[Arm | None, ...]]] = {}
        self._by_first: dict[
            tuple[str, bool], tuple[re.Pattern[str], tuple[Arm | None, ...]] | None
        ] = {}
        self._whole = re.compile(self._combined(lead)) if not self._firsts else None

    def finds(self, shadow: str) -> Iterator[Found]:
        """Every label that begins a line, in order of the text; at most one a line."""
        if self._whole is not None:
            yield from self._finds_whole(self._whole, shadow)
            return
        by_first, counting = self._by_first, self._counting
        for line in self._lead.finditer(shadow):
            place = line.end()
            hashes = line[1]
            key = shadow[place], bool(hashes)
            try:
                forms = by_first[key]
            except KeyError:
                forms = by_first[key] = self._beginning_with(*key)
            found = forms[0].match(shadow, place) if forms is not None else None
            if found is None and counting is not None and begins_with_ordinal(shadow, place):
                forms = counting
                found = forms[0].match(shadow, place)
            if found is None or forms is None:
                continue
            last = found.lastindex or 0
            arm = forms[1][last]
            if arm is not None:
                num = found[last - 1] if arm.numbered else ""
                yield Found(line.start() + 1, found.end(), hashes, line[2], arm.rule, num)

    def _finds_whole(self, whole: re.Pattern[str], shadow: str) -> Iterator[Found]:
        """The same where forms may begin with anything: every form is tried at every line."""
        arms = _by_group(self._arms, 2)
        for found in whole.finditer(shadow):
            last = found.lastindex or 0
            arm = arms[last]
            if arm is not None:
                num = found[last - 1] if arm.numbered else ""
                yield Found(found.start() + 1, found.end(), found[1], found[2], arm.rule, num)

    def _combined(self, lead: str) -> str:
        parts = [
            f"(?(1){arm.pattern}()|{_NEVER})" if arm.headed else f"{arm.pattern}()"
            for arm in self._arms
        ]
        return f"{lead}(?:{'|'.join(parts) or _NEVER})"

    def _beginning_with(
        self,
        mark: str,
        headed: bool,  # noqa: FBT001 -- one half of a key
    ) -> tuple[re.Pattern[str], tuple[Arm | None, ...]] | None:
        """The forms that can begin with this character, as one pattern."""
        chosen = tuple(
            index
            for index, (arm, first) in enumerate(zip(self._arms, self._firsts, strict=True))
            if first.match(mark) and not arm.counting and (headed or not arm.headed)
        )
        if not chosen:
            return None
        if chosen not in self._joined:
            arms = [self._arms[index] for index in chosen]
            pattern = re.compile("|".join(f"{arm.pattern}()" for arm in arms))
            self._joined[chosen] = pattern, _by_group(arms, 0)
        return self._joined[chosen]


def _by_group(arms: Sequence[Arm], before: int) -> tuple[Arm | None, ...]:
    """For each group of a pattern the arm that it ends, or None."""
    groups: list[Arm | None] = [None] * (before + 1)
    for arm in arms:
        groups += [None, arm] if arm.numbered else [arm]
    return tuple(groups)
