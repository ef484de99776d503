"""The page of a batch: every document, where it stands, what it waits for, and who can go on (Contract 10)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cutter_agent.evidence.render import visible
from cutter_agent.orchestrator.batch_queue import Queue
from cutter_agent.orchestrator.batch_status import BatchStatus, ItemStanding


def batch_page(
    queue: Queue, status: BatchStatus, who: Mapping[str, Sequence[str]], at_utc: str
) -> str:
    """Return the page as Markdown.

    Args:
        queue: what was asked for.
        status: where it stands.
        who: for each run that waits, the persons who may still sign.
        at_utc: when it stood so.
    """
    return "\n".join(_lines(queue, status, who, at_utc)) + "\n"


def _lines(
    queue: Queue, status: BatchStatus, who: Mapping[str, Sequence[str]], at_utc: str
) -> Iterator[str]:
    counted = ", ".join(f"{number} {name}" for name, number in status.counts.items())
    yield f"# Batch {_cell(queue.batch_id)}"
    yield ""
    yield f"- state: {status.state.value} ({status.mode.value}), at {at_utc}"
    yield f"- queue: by {_cell(queue.created_by)} at {_cell(queue.created_utc)}"
    yield f"- scope: {_cell(queue.default_scope)}; on behalf of {_cell(queue.default_actor)}"
    yield f"- documents: {counted}"
    yield ""
    yield "| document | run | state | waits for | who | queue | stop |"
    yield "|---|---|---|---|---|---|---|"
    for item in status.items:
        yield f"| {' | '.join(_row(item, who))} |"
    aside = [item for item in status.items if item.queue is not None]
    if aside:
        yield ""
        yield "## Set aside"
        yield ""
    for item in aside:
        following = f" Next: `{_cell(item.remedy)}`" if item.remedy else ""
        yield f"- {_cell(item.document_id)}: {_cell(item.sentence)}{following}"


def _row(item: ItemStanding, who: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    run_id = None if item.context is None else item.context.run_id
    return (
        _cell(item.document_id),
        "" if run_id is None else f"[{run_id}](../{run_id}/)",
        item.state.value,
        item.waits_for or "",
        ", ".join(_cell(name) for name in who.get(run_id or "", ())),
        "" if item.queue is None else item.queue.value,
        "" if item.queue is None else item.stop_code or "",
    )


def _cell(text: str) -> str:
    return visible(text).replace("\n", " ").replace("|", "\\|")
