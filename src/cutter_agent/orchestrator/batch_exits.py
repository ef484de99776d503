"""How a document of a batch gets on from where it stands: every state but the last has a way out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cutter_agent.errors import STOP_BY_CODE, ProductionExecutionNotAuthorized, StopClock
from cutter_agent.orchestrator.batch_status import ItemStanding, SetAside
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import Gate, Mode, Terminal

QUEUE: Final = "QUEUE"
"""What commands call the queue's file where its name is not known."""

_FIRST: Final = frozenset({ProductionExecutionNotAuthorized.code, StopClock.code})
"""Stops whose own remedy comes before the batch is driven again."""


@dataclass(frozen=True, slots=True)
class WayOut:
    """What gets a document on.

    Attributes:
        commands: to be given in this order; none where nothing is left to be done.
        by: whose turn it is: nobody's, the operator's, an approver's.
    """

    commands: tuple[str, ...]
    by: str


def way_out(item: ItemStanding, mode: Mode, queue: str = QUEUE) -> WayOut:
    """Return the way out of where the document stands.

    Args:
        item: where it stands.
        mode: dry runs or live ones.
        queue: the queue's file, as commands name it.
    """
    run = f"cutter batch run {queue}" + (" --live" if mode is Mode.LIVE else "")
    retry = f"cutter batch retry {queue} {item.document_id}"
    approve = "" if item.context is None else f"cutter approve {item.context.run_id}"
    if item.closed:
        found = WayOut((), "nobody")
    elif item.ledger.quarantine is not None:
        found = WayOut((retry, run), "the operator")
    elif item.waits_for == Gate.SG_3.name:
        found = WayOut((approve, retry, run), "an approver")
    elif item.waits_for is not None:
        found = WayOut((f"cutter approve --batch {queue}", run), "an approver")
    elif item.queue is None or item.queue is SetAside.ERROR:
        first = (STOP_BY_CODE[item.stop_code or ""]().remedy,) if item.stop_code in _FIRST else ()
        found = WayOut((*first, run), "the operator")
    elif mode is Mode.LIVE and item.context is not None and _failed(item.context):
        # The retry asks for a decision; once it is signed, the same retry carries it out.
        found = WayOut((retry, approve, retry, run), "the operator, then an approver")
    else:
        found = WayOut((retry, run), "the operator")
    return found


def _failed(context: RunContext) -> bool:
    return context.terminal is Terminal.FAILED and not context.over
