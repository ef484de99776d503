"""The page of a batch: every document, where it stands, what waits for whom, and the way out (Contract 10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cutter_agent.evidence.render import visible
from cutter_agent.orchestrator.batch_exits import QUEUE, way_out
from cutter_agent.orchestrator.batch_queue import Queue
from cutter_agent.orchestrator.batch_status import BatchStatus, ItemStanding


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPage:
    """What the page of a batch tells, whatever it is written in.

    Attributes:
        queue: what was asked for.
        status: where it stands.
        who: for each run that waits, the persons who may still sign.
        at_utc: when it stood so.
        file: the queue's file, as commands name it.
    """

    queue: Queue
    status: BatchStatus
    who: Mapping[str, Sequence[str]]
    at_utc: str
    file: str = QUEUE

    @property
    def counted(self) -> str:
        """How many documents there are, and how many of them stand where."""
        return ", ".join(f"{number} {name}" for name, number in self.status.counts.items())

    @property
    def waiting(self) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
        """Each person who may sign, with the documents and gates that wait for them."""
        found: dict[str, list[tuple[str, str]]] = {}
        for item in self.status.items:
            for person in self.persons(item):
                found.setdefault(person, []).append((item.document_id, item.waits_for or ""))
        return tuple((person, tuple(rows)) for person, rows in sorted(found.items()))

    @property
    def aside(self) -> tuple[ItemStanding, ...]:
        """The documents that do not go on with the rest."""
        return tuple(item for item in self.status.items if item.queue is not None)

    def persons(self, item: ItemStanding) -> Sequence[str]:
        """The persons who may still sign what the document waits for."""
        return () if item.context is None else self.who.get(item.context.run_id, ())

    def way_out(self, item: ItemStanding) -> tuple[str, ...]:
        """The commands that get the document on."""
        return way_out(item, self.status.mode, self.file).commands


def batch_page(page: BatchPage) -> str:
    """Return the page as Markdown."""
    return "\n".join(_lines(page)) + "\n"


def _lines(page: BatchPage) -> Iterator[str]:
    queue, status = page.queue, page.status
    yield f"# Batch {_cell(queue.batch_id)}"
    yield ""
    yield f"- state: {status.state.value} ({status.mode.value}), at {page.at_utc}"
    yield f"- queue: by {_cell(queue.created_by)} at {_cell(queue.created_utc)}"
    yield f"- scope: {_cell(queue.default_scope)}; on behalf of {_cell(queue.default_actor)}"
    yield f"- documents: {page.counted}"
    yield ""
    yield "| document | run | state | waits for | who | queue | stop |"
    yield "|---|---|---|---|---|---|---|"
    for item in status.items:
        yield f"| {' | '.join(_row(page, item))} |"
    if page.waiting:
        yield from ("", "## What waits for whom", "")
    for person, rows in page.waiting:
        listed = ", ".join(f"{_cell(document_id)} ({gate})" for document_id, gate in rows)
        yield f"- {_cell(person)}: {listed}"
    if page.aside:
        yield from ("", "## Set aside", "")
    for item in page.aside:
        steps = " then ".join(f"`{_cell(command)}`" for command in page.way_out(item))
        yield f"- {_cell(item.document_id)}: {_cell(item.sentence)} Way out: {steps}"


def _row(page: BatchPage, item: ItemStanding) -> tuple[str, ...]:
    run_id = None if item.context is None else item.context.run_id
    return (
        _cell(item.document_id),
        "" if run_id is None else f"[{run_id}](../{run_id}/)",
        item.state.value,
        item.waits_for or "",
        ", ".join(_cell(name) for name in page.persons(item)),
        "" if item.queue is None else item.queue.value,
        "" if item.queue is None else item.stop_code or "",
    )


def _cell(text: str) -> str:
    return visible(text).replace("\n", " ").replace("|", "\\|")
