"""The units of a marked text as a tree whose leaves are stretches of the text, in its order."""

from __future__ import annotations

from dataclasses import dataclass, field

from cutter_agent.document.units import MarkedText, Unit


@dataclass(slots=True)
class Branch:
    """A unit, and in the order of the text its own stretches and the units in it."""

    unit: Unit
    parts: list[tuple[int, int] | Branch] = field(default_factory=list)

    @property
    def has_units(self) -> bool:
        """True if other units are in it."""
        return any(isinstance(part, Branch) for part in self.parts)


def outline(marked: MarkedText) -> list[Branch]:
    """Return the units at the top, each with everything in it; together they are the whole text."""
    top: list[Branch] = []
    open_branches: list[Branch] = []
    order = sorted(marked.units, key=lambda unit: (unit.start, -unit.end, unit.level))
    for unit in order:
        while open_branches and not _holds(open_branches[-1].unit, unit):
            open_branches.pop()
        branch = Branch(unit)
        (open_branches[-1].parts if open_branches else top).append(branch)
        open_branches.append(branch)
        branch.parts.extend(unit.own_spans)
    _sort(top)
    return top


def _holds(outer: Unit, inner: Unit) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end and inner.level > outer.level


def _sort(top: list[Branch]) -> None:
    waiting = [*top]
    while waiting:
        branch = waiting.pop()
        branch.parts.sort(key=_start)
        waiting += [part for part in branch.parts if isinstance(part, Branch)]


def _start(part: tuple[int, int] | Branch) -> int:
    return part.unit.start if isinstance(part, Branch) else part[0]
