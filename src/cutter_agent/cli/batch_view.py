"""How a batch is shown: its lines for people, its documents for programs, its pages in the runs folder."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cutter_agent.bootstrap.standing import standing
from cutter_agent.cli.output import Output, aligned, seen
from cutter_agent.orchestrator.batch_exits import way_out
from cutter_agent.orchestrator.batch_status import BatchStatus, ItemStanding, status_json

if TYPE_CHECKING:
    from cutter_agent.bootstrap import Desk
    from cutter_agent.evidence.canonical import Json
    from cutter_agent.orchestrator.batch_queue import Queue


def who_waits(desk: Desk, now: BatchStatus) -> dict[str, Sequence[str]]:
    """Return, for each run that waits, the persons who may still sign."""
    return {
        item.context.run_id: standing(desk, item.context).may_sign
        for item in now.items
        if item.context is not None and item.waits_for is not None
    }


def put_report(desk: Desk, read: Queue, now: BatchStatus, file: Path) -> Path:
    """The batch's pages say where it stands now; returns where the first lies."""
    from cutter_agent.bootstrap.batches import batch_book
    from cutter_agent.orchestrator.batch_html import batch_html
    from cutter_agent.orchestrator.batch_report import BatchPage, batch_page
    from cutter_agent.orchestrator.clock import utc_text

    page = BatchPage(
        queue=read,
        status=now,
        who=who_waits(desk, now),
        at_utc=utc_text(desk.store().now_utc()),
        file=shlex.quote(str(file)),
    )
    return batch_book(desk, read).put_report(batch_page(page), batch_html(page))


def show(desk: Desk, read: Queue, now: BatchStatus, file: Path, out: Output) -> int:
    """Write where the batch stands; return the exit status that says so."""
    report = desk.runs_dir / "batches" / f"{read.batch_id}.md"
    document = {**batch_document(now, file), "report": str(report)}
    end = f"Report {seen(str(report))}"
    out.data(document, lambda: [*lines_of(now, who_waits(desk, now), file, out), end])
    return now.exit_status


def batch_document(now: BatchStatus, file: Path) -> dict[str, Json]:
    """Return `cutter.batch/1`, and with it each document's way out."""
    document = status_json(now)
    queue = shlex.quote(str(file))
    items: list[Json] = []
    for row, item in zip(_rows(document), now.items, strict=True):
        out = way_out(item, now.mode, queue)
        items.append({**row, "way_out": list(out.commands), "turn": out.by})
    return {**document, "items": items}


def lines_of(
    now: BatchStatus, who: Mapping[str, Sequence[str]], file: Path, out: Output
) -> list[str]:
    """Return the batch for people: a head, a line a document, and why some were set aside."""
    rows = [
        (
            seen(item.document_id),
            "–" if item.context is None else item.context.run_id,
            stands(item),
            ", ".join(who.get("" if item.context is None else item.context.run_id, ())) or "–",
        )
        for item in now.items
    ]
    lines = [
        f"Batch  {now.batch_id}  {now.state.value} ({now.mode.value})",
        f"       {counted(now)}",
    ]
    lines += aligned(("document", "run", "stands", "who"), rows, out.columns)
    queue = shlex.quote(str(file))
    for item in now.items:
        if item.queue is not None:
            steps = "; ".join(way_out(item, now.mode, queue).commands)
            lines.append(f"  {seen(item.document_id)}: {seen(item.sentence)}  Next   {seen(steps)}")
    return lines


def counted(now: BatchStatus) -> str:
    """Return how many documents stand where, in one line."""
    return ", ".join(f"{number} {name}" for name, number in now.counts.items())


def stands(item: ItemStanding) -> str:
    """Return in a word or two where a document stands."""
    if item.queue is not None:
        return f"in {item.queue.value}"
    return item.state.value if item.waits_for is None else f"waits for {item.waits_for}"


def _rows(document: Mapping[str, Json]) -> list[dict[str, Json]]:
    items = document["items"]
    assert isinstance(items, list)
    return [dict(row) for row in items if isinstance(row, Mapping)]
