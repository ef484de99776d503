"""Tables of contents: their labels come again in the text, so they begin no units there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from cutter_agent.document.choice import Choice
from cutter_agent.document.grammar import Profile, Rule
from cutter_agent.document.scan import Mark
from cutter_agent.document.weights import Weigher

_CONTENTS_STEP_MAX: Final = 250
"""Characters between two labels of a table of contents, on average."""
_HEADERS_ABOVE_MAX: Final = 6
_THROUGH: Final = ("document", "auto")


def without_contents(
    weigher: Weigher, marks: list[Mark], profile: Profile, choice: Choice
) -> list[Mark]:
    """The marks without those of a table of contents: up to the first number that comes again."""
    rules = profile.rules
    at = next((i for i, mark in enumerate(marks) if rules[mark.rule].role == "contents"), -1)
    if at < 0:
        return marks
    rest = [mark for mark in marks if rules[mark.rule].role != "contents" or mark is marks[at]]
    for mark in marks[at + 1 :]:
        if rules[mark.rule].role == "contents":
            choice.refuse(mark, "a second heading of a table of contents")
    keyword = [i for i in range(at + 1, len(rest)) if rules[rest[i].rule].keyword]
    again = _first_again(weigher, rest, at, keyword, rules)
    if again < 0:
        choice.refuse(marks[at], "no label behind it comes again, so no table stands here")
        return [mark for mark in rest if mark is not marks[at]]
    choice.accept(marks[at])
    for mark in rest[at + 1 : again]:
        choice.refuse(mark, "in the table of contents")
    return rest[:at] + rest[again:]


def _first_again(
    weigher: Weigher,
    marks: list[Mark],
    start: int,
    keyword: list[int],
    rules: Sequence[Rule],
) -> int:
    """Where the text behind a table of contents begins: its first label stands there again.

    Between the two the labels stand close together, as lines of a table do.
    """
    through = [i for i in keyword if rules[marks[i].rule].chain in _THROUGH]
    top = min((rules[marks[i].rule].level for i in keyword), default=0)
    bare = [i for i, mark in enumerate(marks) if i > start and not rules[mark.rule].keyword]
    pools = [through, [i for i in keyword if rules[marks[i].rule].level == top]]
    if bare and (not keyword or bare[0] < keyword[0]):
        pools.append([i for i in bare if marks[i].rule == marks[bare[0]].rule])
    for pool in pools:
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
                return _back(marks, keyword, keyword.index(i)) if pool[0] in keyword else i
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
