"""Locks and drift: who drives which document, and which pinned facts are no longer so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cutter_agent.bootstrap.console.paging import Part, part
from cutter_agent.bootstrap.console.recall import reading_of, recall_of
from cutter_agent.bootstrap.drifting import drift_of

if TYPE_CHECKING:
    from cutter_agent.bootstrap.desk import Desk

LANES_A_PAGE: Final = 50
LANES_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Lane:
    """One document that is or was driven.

    Attributes:
        driver: the process that claimed it, as it names itself.
        driven: true while that process holds the run's lock.
        state: where its run stands; empty where the run cannot be read.
        over: true if its run is over, and the document free.
    """

    document_id: str
    run_id: str
    driver: str
    fence: int
    claimed_utc: str
    driven: bool
    state: str
    over: bool


@dataclass(frozen=True, slots=True)
class DriftRow:
    """One fact, then and now; `own` is true where the run changed it itself by enacting."""

    name: str
    then: str
    now: str
    own: bool

    @property
    def changed(self) -> bool:
        """True if it is another one now, and not by the run itself."""
        return self.then != self.now and not self.own


@dataclass(frozen=True, slots=True)
class DriftView:
    """A document's facts as its newest run pinned them, and as they are."""

    document_id: str
    run_id: str
    rows: tuple[DriftRow, ...]

    @property
    def changed(self) -> int:
        """How many facts have changed."""
        return sum(row.changed for row in self.rows)


def locks(desk: Desk, *, number: int = 1, size: int = LANES_A_PAGE) -> Part[Lane]:
    """Who drove each document last, those first that are driven now."""
    from cutter_agent.postgres.overview import lanes

    runs = {row.run_id: row for row in recall_of(desk).rows(desk)}
    found: list[Lane] = []
    for lane in lanes(reading_of(desk), limit=LANES_MAX):
        row = runs.get(lane.run_id)
        found.append(
            Lane(
                document_id=lane.document_id,
                run_id=lane.run_id,
                driver=lane.driver,
                fence=lane.fence,
                claimed_utc=lane.claimed_utc,
                driven=lane.driven,
                state="" if row is None else row.state,
                over=row is not None and row.over,
            )
        )
    return part(found, number, size)


def drift_view(desk: Desk, code: str) -> DriftView:
    """The document's facts, then and now.

    Raises:
        StopDocumentUnknown: there is no such document.
        StopRunUnknown: no run of it has pinned facts.
    """
    found = drift_of(desk, code)
    return DriftView(
        found.document_id,
        found.run_id,
        tuple(
            DriftRow(
                name,
                str(getattr(found.then, name)),
                str(getattr(found.now, name)),
                name == found.own,
            )
            for name in found.names
        ),
    )
