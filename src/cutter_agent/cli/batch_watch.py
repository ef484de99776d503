"""Watching a batch: lanes that are redrawn on a terminal, a line a change elsewhere, events for programs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeAlias

from cutter_agent.cli.batch_view import counted, stands
from cutter_agent.cli.output import Output, seen
from cutter_agent.orchestrator.clock import parse_utc

if TYPE_CHECKING:
    from rich.console import RenderableType

    from cutter_agent.evidence.canonical import Json
    from cutter_agent.orchestrator.batch_status import BatchStatus, ItemStanding

POLL_S: Final = 1.0
RECENT: Final = 8
"""Documents that left their lanes last, shown below the lanes."""

Tell: TypeAlias = "Callable[[BatchStatus], None]"


def watch(
    look: Callable[[], BatchStatus], driven: Callable[[], bool], out: Output
) -> tuple[BatchStatus, bool]:
    """Show the batch whenever it changes, until it rests or somebody has seen enough.

    Args:
        look: tells where the batch stands now.
        driven: tells whether a process drives it now.
        out: where it is shown.

    Returns:
        Where it stood last, and whether somebody left before it rested.
    """
    now = look()
    try:
        with _shown(now, out) as tell:
            while True:
                tell(now)
                # Asked in this order: whoever drives it writes down first, and lets go then.
                if not driven() and rests(now := look()):
                    tell(now)
                    return now, False
                time.sleep(POLL_S)
                now = look()
    except KeyboardInterrupt:
        # Leaving a watch ends no work: the batch is another process's.
        return now, True


def rests(now: BatchStatus) -> bool:
    """Say whether nothing moves: each document is closed out, waits for a person or lies aside."""
    return all(item.closed or item.waits_for or item.queue is not None for item in now.items)


def in_lanes(now: BatchStatus) -> tuple[ItemStanding, ...]:
    """Return the documents that lanes drive, or drove when their process died."""
    return tuple(item for item in now.items if item.ledger.open_since_utc is not None)


@contextmanager
def _shown(first: BatchStatus, out: Output) -> Iterator[Tell]:
    """Yield what shows the batch; what was drawn stays as it was drawn last."""
    if not out.lively:
        yield _teller(out)
        return
    from rich.console import Console
    from rich.live import Live

    recent: list[str] = []
    known: dict[str, str] = {item.document_id: stands(item) for item in first.items}

    def tell(now: BatchStatus) -> None:
        recent.extend(_changes(known, now))
        del recent[:-RECENT]
        live.update(_drawn(now, recent), refresh=True)

    console = Console(stderr=True)
    live = Live(_drawn(first, recent), console=console, auto_refresh=False)
    try:
        # Not by `with`: an interruption while the first picture is drawn would leave the terminal to it.
        live.start(refresh=True)
        yield tell
    finally:
        live.stop()


def _teller(out: Output) -> Tell:
    """Return what writes an event for every document that stands elsewhere than before, and a line."""
    known: dict[str, str] = {}

    def tell(now: BatchStatus) -> None:
        beginning = not known
        changes = list(_changes(known, now))
        if beginning:
            out.event("batch", batch_id=now.batch_id, state=now.state.value, counts=now.counts)
            out.say(f"{now.batch_id}  {now.state.value}  {counted(now)}")
            return
        for item in now.items:
            line = f"{seen(item.document_id)}  {stands(item)}"
            if line in changes:
                out.event("document", **_event(item))
                out.say(line)
        if changes:
            out.event("batch", batch_id=now.batch_id, state=now.state.value, counts=now.counts)

    return tell


def _changes(known: dict[str, str], now: BatchStatus) -> Iterator[str]:
    """Yield a line for each document that stands elsewhere than known, which is then known."""
    for item in now.items:
        here = stands(item)
        if known.get(item.document_id) != here:
            known[item.document_id] = here
            yield f"{seen(item.document_id)}  {here}"


def _event(item: ItemStanding) -> dict[str, Json]:
    return {
        "document_id": item.document_id,
        "run_id": None if item.context is None else item.context.run_id,
        "state": item.state.value,
        "stop_code": item.stop_code,
        "queue": None if item.queue is None else item.queue.value,
        "waits_for": item.waits_for,
    }


def _drawn(now: BatchStatus, recent: list[str]) -> RenderableType:
    """Return the batch as a terminal shows it: how far it is, its lanes, what came out of them last."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    lanes = Table(box=None, pad_edge=False, show_header=True, header_style="bold")
    for name in ("lane", "document", "at", "for"):
        lanes.add_column(name, overflow="ellipsis", no_wrap=True)
    for number, item in enumerate(in_lanes(now), 1):
        since = parse_utc(item.ledger.open_since_utc or "")
        lanes.add_row(str(number), Text(seen(item.document_id)), item.state.value, _lasting(since))
    moving = [item for item in now.items if not (item.closed or item.waits_for or item.queue)]
    done = len(now.items) - len(moving)
    return Group(
        Text(f"Batch {now.batch_id}  {now.state.value} ({now.mode.value})", style="bold"),
        Text(counted(now)),
        Padding(ProgressBar(total=max(1, len(now.items)), completed=done, width=60), (0, 0, 1, 0)),
        lanes if lanes.row_count else Text("no lane is at work"),
        *(Text(line, style="dim") for line in recent),
    )


def _lasting(since: datetime | None) -> str:
    if since is None:
        return ""
    return f"{max(0.0, (datetime.now(since.tzinfo) - since).total_seconds()):.0f} s"
