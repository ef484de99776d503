"""The list of runs, newest first, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cutter_agent.bootstrap.console.paging import Part, part
from cutter_agent.bootstrap.console.recall import RunRow, recall_of

if TYPE_CHECKING:
    from cutter_agent.bootstrap.desk import Desk

ROWS_A_PAGE: Final = 50


def runs(
    desk: Desk,
    *,
    number: int = 1,
    size: int = ROWS_A_PAGE,
    document: str = "",
    state: str = "",
    mode: str = "",
) -> Part[RunRow]:
    """The page of the runs that fit.

    Args:
        desk: the deployment.
        number: the page, from 1.
        size: rows a page.
        document: only runs of this document.
        state: only runs in this state, or with this terminal category or stop.
        mode: only dry runs or only live ones.
    """
    found = [
        row
        for row in recall_of(desk).rows(desk)
        if document in {"", row.document_id}
        and mode in {"", row.mode}
        and state in {"", row.state, row.terminal, row.stop_code}
    ]
    return part(found, number, size)
