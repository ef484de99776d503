"""Cut units against gold units: what was found, what was right, what was missed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gold_trees import Rendered

from cutter_agent.document.units import MarkedText

GOALS: Final = {
    "article": 0.999,
    "paragraph": 0.995,
    "point": 0.99,
    "container": 0.99,
    "parent": 0.995,
}
CLASSES: Final = {
    "article": "article",
    "principle": "article",
    "paragraph": "paragraph",
    "point": "point",
    "indent": "point",
    "recital": "paragraph",
}


class Miss(NamedTuple):
    """One unit that is not in the gold (+), not in the cut (-), or below another parent (^)."""

    sign: str
    kind: str
    start: int


@dataclass(slots=True)
class Score:
    """Counts of one corpus, rendering and class."""

    found: int = 0
    gold: int = 0
    right: int = 0

    @property
    def precision(self) -> float:
        """How many of the units that were found are right."""
        return self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """How many of the gold's units were found."""
        return self.right / self.gold if self.gold else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    def row(self, corpus: str, rendering: str, kind: str, goal: float) -> dict[str, object]:
        """The counts as a row of build/accuracy.json."""
        return {
            "corpus": corpus,
            "rendering": rendering,
            "kind": kind,
            "precision": round(self.precision, 5),
            "recall": round(self.recall, 5),
            "f1": round(self.f1, 5),
            "goal": goal,
            "met": min(self.precision, self.recall) >= goal,
            "units": self.gold,
        }


@dataclass(slots=True)
class Scores:
    """The scores of one corpus and rendering, by class."""

    classes: tuple[str, ...]
    by_kind: dict[str, Score] = field(default_factory=dict)

    def add(self, gold: Rendered, marked: MarkedText) -> list[Miss]:
        """This text counts too; returns what differs."""
        found = self._found(marked, gold.silent)
        misses: list[Miss] = []
        for kind in self.classes:
            mine = {key for key in found if key[0] == kind}
            theirs = {key for key in gold.starts if key[0] == kind}
            score = self.by_kind.setdefault(kind, Score())
            score.found += len(mine)
            score.gold += len(theirs)
            score.right += len(mine & theirs)
            misses += [Miss("+", *key) for key in mine - theirs]
            misses += [Miss("-", *key) for key in theirs - mine]
        both = [key for key in found.keys() & gold.starts.keys() if key[0] in self.classes]
        wrong = [key for key in both if found[key] != gold.starts[key]]
        score = self.by_kind.setdefault("parent", Score())
        score.found += len(both)
        score.gold += len(both)
        score.right += len(both) - len(wrong)
        return sorted(misses + [Miss("^", *key) for key in wrong], key=lambda miss: miss.start)

    def _found(self, marked: MarkedText, silent: int) -> dict[tuple[str, int], int]:
        """(class, start) of each unit of the cut, with the start of its parent or -1."""
        by_address = {unit.address: unit for unit in marked.candidates}
        return {
            (CLASSES.get(unit.kind, "container"), unit.start): (
                by_address[unit.parent].start if unit.parent else -1
            )
            for unit in marked.candidates
            if ("container" in self.classes if unit.kind == "annex" else unit.start < silent)
        }
