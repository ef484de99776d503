"""`cutter batch`: the documents of a queue, planned, driven, shown, retried and put aside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cutter_agent.cli.batch_view import put_report, show
from cutter_agent.cli.main import SuggestingGroup
from cutter_agent.cli.output import Output, aligned, seen, speaks
from cutter_agent.cli.session import opened
from cutter_agent.errors import (
    EXIT_BATCH_QUARANTINED,
    EXIT_DONE,
    EXIT_INTERRUPTED,
    StopRefusedInput,
)
from cutter_agent.orchestrator.states import Mode

if TYPE_CHECKING:
    from cutter_agent.bootstrap import Desk
    from cutter_agent.evidence.canonical import Json
    from cutter_agent.orchestrator.batch import BatchRunner
    from cutter_agent.orchestrator.batch_lanes import LaneAnswer
    from cutter_agent.orchestrator.batch_queue import Queue
    from cutter_agent.orchestrator.batch_status import BatchStatus

LANES: Final = 4
LANES_MAX: Final = 64
REASON_CHARS_MAX: Final = 2_000
_QUEUE = click.argument("queue", type=click.Path(path_type=Path))
_CODES = click.argument("codes", nargs=-1)
_LANES = click.option(
    "--max-concurrent",
    type=click.IntRange(1, LANES_MAX),
    default=LANES,
    show_default=True,
    help="Documents at once.",
)


@click.group(cls=SuggestingGroup)
def command() -> None:
    """Take many documents along the line.

    Example: cutter batch plan queue.yaml
    """


@command.command()
@_QUEUE
@_LANES
@speaks(long=True)
def plan(queue: Path, *, max_concurrent: int, out: Output) -> int:
    """Show what a batch would change.

    Each document gets a dry run on the facts as they are now. Nothing is written to the database.

    Example: cutter batch plan queue.yaml
    """
    with _at_desk(queue, out) as (desk, read):
        with _driven(desk, read, Mode.DRYRUN, max_concurrent, out) as batch:
            answers = batch.plan()
        rows = [_planned(desk, answer) for answer in answers]
    document: dict[str, Json] = {
        "schema": "cutter.batch-plan/1",
        "batch_id": read.batch_id,
        "items": [dict(row) for row in rows],
    }
    head = ("document", "create", "change", "retire", "keep", "stop")
    cells = [tuple(seen(str(row[name])) for name in ("document_id", *head[1:])) for row in rows]
    out.data(document, lambda: aligned(head, cells, out.columns))
    return EXIT_BATCH_QUARANTINED if any(answer.failed for answer in answers) else EXIT_DONE


@command.command()
@_QUEUE
@click.option("--live", is_flag=True, help="Write into the database. Default: dry runs.")
@_LANES
@click.option("--stop-on-first-failure", is_flag=True, help="Begin nothing more after a failure.")
@click.option("--resume", is_flag=True, help="Go on after such a stop.")
@click.option("--workers", is_flag=True, help="With --live: leave the documents to workers.")
@speaks(long=True)
def run(
    queue: Path,
    *,
    live: bool,
    max_concurrent: int,
    stop_on_first_failure: bool,
    resume: bool,
    workers: bool,
    out: Output,
) -> int:
    """Take every document to its next pause.

    What is approved goes on from its pause; what was begun goes on where it stood; nothing is done
    twice. Exits with 10 while some wait, and with 21 when only what was set aside is left. With
    --workers this command only begins the runs and hands on what was approved: whichever
    `cutter worker` is free drives them.

    Example: cutter batch run queue.yaml --live
    """
    if workers and not live:
        raise click.UsageError("--workers goes with --live.")
    mode = Mode.LIVE if live else Mode.DRYRUN
    with _at_desk(queue, out) as (desk, read):
        lanes = 0 if workers else max_concurrent
        with _driven(desk, read, mode, lanes, out) as batch:
            try:
                status = batch.run(stop_on_first_failure=stop_on_first_failure, resume=resume)
            finally:
                put_report(desk, read, batch.status(), queue)
        return show(desk, read, status, queue, out)


@command.command()
@_QUEUE
@click.option("--watch", is_flag=True, help="Show it again whenever it changes, until it rests.")
@speaks(long=True)
def status(queue: Path, *, watch: bool, out: Output) -> int:
    """Show where every document stands.

    With --watch the lanes are drawn as they move, until all documents rest; Ctrl-C leaves the watch,
    and the batch goes on.

    Example: cutter batch status queue.yaml --json

    Example: cutter batch status queue.yaml --watch --ndjson
    """
    from cutter_agent.bootstrap.batches import batch_book
    from cutter_agent.cli import batch_watch

    with _at_desk(queue, out) as (desk, read):
        left = False
        if watch:
            book = batch_book(desk, read)
            now, left = batch_watch.watch(
                lambda: _batch(desk, read).status(), lambda: book.driven, out
            )
        else:
            now = _batch(desk, read).status()
        show(desk, read, now, queue, out)
    return EXIT_INTERRUPTED if left else EXIT_DONE


@command.command()
@_QUEUE
@_CODES
@speaks()
def retry(queue: Path, *, codes: tuple[str, ...], out: Output) -> int:
    """Let what was set aside be tried again.

    All of it, or the documents that are named. A failed live run needs a signed decision first.

    Example: cutter batch retry queue.yaml ICX-CONST
    """
    with _at_desk(queue, out) as (desk, read), _alone(desk, read):
        batch = _batch(desk, read)
        answers = batch.retry(codes)
        put_report(desk, read, batch.status(), queue)
    items: list[Json] = [
        {
            "document_id": answer.document_id,
            "run_id": answer.run_id,
            "stop_code": answer.stop_code,
            "sentence": answer.sentence,
            "remedy": answer.remedy,
        }
        for answer in answers
    ]
    lines = [
        f"{seen(each.document_id)}: {seen(each.sentence)}"
        + (f"  Next   {seen(each.remedy)}" if each.remedy else "")
        for each in answers
    ]
    out.data(
        {"schema": "cutter.batch-retry/1", "batch_id": read.batch_id, "items": items},
        lambda: lines or ["Nothing is set aside."],
    )
    return 10 if any(answer.stop_code is not None for answer in answers) else EXIT_DONE


@command.command()
@_QUEUE
@_CODES
@click.option("--reason", required=True, help="Why, for those who come after.")
@speaks()
def quarantine(queue: Path, *, codes: tuple[str, ...], reason: str, out: Output) -> int:
    """Put documents aside.

    They stay where they are until `cutter batch retry` takes them back.

    Example: cutter batch quarantine queue.yaml ICX-CONST --reason "Its annex is missing"
    """
    said = reason.strip()
    if not codes or not said or len(said) > REASON_CHARS_MAX or not said.isprintable():
        raise StopRefusedInput(
            "documents are put aside by name, and with a reason of one line",
            expected=f"at least one CODE, and 1 to {REASON_CHARS_MAX} printable characters",
            remedy="cutter batch quarantine QUEUE CODE --reason TEXT",
        )
    with _at_desk(queue, out) as (desk, read):
        batch = _batch(desk, read)
        batch.quarantine(codes, said)
        now = batch.status()
        put_report(desk, read, now, queue)
        show(desk, read, now, queue, out)
    return EXIT_DONE


def batch_status(desk: Desk, read: Queue) -> BatchStatus:
    """Return where the batch stands in the mode that it was last driven in."""
    return _batch(desk, read).status()


def read_queue_at(desk: Desk, path: Path) -> Queue:
    """Return the queue of the file, within the limits of the deployment's settings."""
    from cutter_agent.files.queue_file import read_queue

    return read_queue(path, documents_max=desk.settings.batch_documents)


@contextmanager
def _at_desk(path: Path, out: Output) -> Iterator[tuple[Desk, Queue]]:
    with opened(out) as desk:
        yield desk, read_queue_at(desk, path)


def _batch(desk: Desk, read: Queue) -> BatchRunner:
    from cutter_agent.bootstrap.batches import batch_book, batch_runner
    from cutter_agent.orchestrator.batch_ledger import newest_mode

    return batch_runner(desk, read, newest_mode(batch_book(desk, read).entries()))


@contextmanager
def _alone(desk: Desk, read: Queue) -> Iterator[None]:
    """The batch is driven by this process alone."""
    from cutter_agent.bootstrap.batches import batch_book

    with batch_book(desk, read).driving():
        yield


@contextmanager
def _driven(desk: Desk, read: Queue, mode: Mode, lanes: int, out: Output) -> Iterator[BatchRunner]:
    """Yield the batch with its lanes; they are closed, and finish their step, when the block ends.

    With no lane of its own, what there is to do is left to workers.
    """
    from cutter_agent.bootstrap.batches import DeskLanes, batch_runner
    from cutter_agent.bootstrap.working import WorkerLanes

    if lanes == 0:
        with _alone(desk, read):
            yield batch_runner(desk, read, mode, lanes=WorkerLanes(desk))
        return
    with (
        _alone(desk, read),
        out.steps() as on_step,
        closing(DeskLanes(os.environ, lanes, on_step=on_step, share=read)) as at_once,
    ):
        yield batch_runner(desk, read, mode, lanes=at_once)


def _planned(desk: Desk, answer: LaneAnswer) -> dict[str, Json]:
    from cutter_agent.bootstrap.standing import context_of
    from cutter_agent.orchestrator.phases.cutplan import CutPlanned

    found = None if answer.run_id is None else context_of(desk, answer.run_id).get(CutPlanned)
    return {
        "document_id": answer.document_id,
        "run_id": answer.run_id,
        "create": "–" if found is None else found.created,
        "change": "–" if found is None else found.changed,
        "retire": "–" if found is None else found.retired,
        "keep": "–" if found is None else found.kept,
        "stop": f"{answer.stop_code}: {answer.fact}" if answer.failed else "",
        "stop_code": answer.stop_code if answer.failed else None,
    }
