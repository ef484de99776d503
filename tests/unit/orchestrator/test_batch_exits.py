"""Every state that a document of a batch can be left in has a way out: shown, and walked where it can be."""

import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click
import pytest
from tests.unit.orchestrator.test_batch import QUEUE, TEXT, Night, around, documents

from cutter_agent.cli.main import cutter
from cutter_agent.errors import STOPS, Category, Stop
from cutter_agent.orchestrator import BatchRunner, Mode, QueueItem
from cutter_agent.orchestrator.batch_exits import way_out
from cutter_agent.orchestrator.batch_ledger import DocumentLedger
from cutter_agent.orchestrator.batch_status import ItemStanding, SetAside


def is_a_command(words: str) -> bool:
    """Whether the command line is one of ours, with arguments that it takes."""
    program, *rest = shlex.split(words)
    assert program == "cutter"
    group: click.Command = cutter
    context = click.Context(group, info_name="cutter")
    while isinstance(group, click.Group):
        name, found, rest = group.resolve_command(context, rest)
        assert found is not None, name
        group, context = found, click.Context(found, parent=context, info_name=name)
    group.parse_args(context, rest)
    return True


def standing(stop: type[Stop] | None, ledger: DocumentLedger | None = None) -> ItemStanding:
    code = None if stop is None else stop.code
    return ItemStanding("D-1", ledger or DocumentLedger(), None, code, "A sentence.", "")


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("stop", [None, *STOPS], ids=lambda stop: getattr(stop, "code", "none"))
def test_every_stop_has_a_way_out_that_the_command_line_knows(
    stop: type[Stop] | None, mode: Mode
) -> None:
    item = standing(stop)
    out = way_out(item, mode, "queue.yaml")
    assert out.commands
    assert out.by in {"the operator", "an approver"}
    assert all(is_a_command(words.removesuffix(" --reason TEXT")) for words in out.commands)
    live = " --live" if mode is Mode.LIVE else ""
    assert out.commands[-1] == f"cutter batch run queue.yaml{live}"
    retried = "cutter batch retry queue.yaml D-1" in out.commands
    assert retried is (item.queue in {SetAside.QUARANTINE, SetAside.HUMAN_REVIEW})


def test_a_document_that_a_person_or_the_guard_put_aside_has_one() -> None:
    item = standing(None, DocumentLedger(quarantine="its annex is missing"))
    assert way_out(item, Mode.DRYRUN).commands == (
        "cutter batch retry QUEUE D-1",
        "cutter batch run QUEUE",
    )


Walk = Callable[[Path], tuple[Night, ItemStanding]]


def one(folder: Path, code: str, night: Night, **options: bool) -> ItemStanding:
    queue = replace(QUEUE, items=(QueueItem(code),))
    return night.batch(queue).run(**options).items[0]


def follow(night: Night, item: ItemStanding, mended: Callable[[], None]) -> ItemStanding:
    """What is wrong is mended, and the commands of the way out are given, one after the other."""
    queue = replace(QUEUE, items=(QueueItem(item.document_id),))
    mended()
    for words in way_out(item, Mode.DRYRUN, "queue.yaml").commands:
        assert is_a_command(words)
        if words.startswith("cutter batch retry"):
            night.batch(queue).retry((item.document_id,))
        elif words.startswith("cutter batch run"):
            night.batch(queue).run()
    return night.batch(queue).status().items[0]


@pytest.mark.parametrize(
    ("code", "queue", "category"),
    [
        ("D-BIG", SetAside.QUARANTINE, Category.ENDED),
        ("D-RAW", SetAside.QUARANTINE, Category.ENDED),
        ("D-TWICE", SetAside.HUMAN_REVIEW, Category.FAILED),
        ("D-NEW", SetAside.QUARANTINE, Category.ENDED),
    ],
)
def test_a_mended_document_gets_on_by_its_way_out(
    tmp_path: Path, code: str, queue: SetAside, category: Category
) -> None:
    facts = documents()
    night = Night(tmp_path, facts, signs=False)
    item = one(tmp_path, code, night)
    assert item.queue is queue
    assert item.context is not None
    assert item.context.stop is not None
    assert item.context.stop.category is category
    after = follow(night, item, lambda: facts.add_version(code, TEXT, "markdown"))
    if after.stop_code == "STOP_DRIFT":
        # The failed run had pinned the text of before; that it drifted has a way out, too.
        after = follow(night, after, lambda: None)
    assert (after.queue, after.waits_for) == (None, "SG_1")


def test_what_waits_gets_on_by_a_signature(tmp_path: Path) -> None:
    facts = documents()
    item = one(tmp_path, "D-1", Night(tmp_path, facts, signs=False))
    out = way_out(item, Mode.LIVE, "queue.yaml")
    assert (out.by, out.commands[0]) == ("an approver", "cutter approve --batch queue.yaml")
    signing = Night(tmp_path, facts)
    assert follow(signing, item, lambda: None).waits_for == "SG_2"
    closed = one(tmp_path, "D-1", signing)
    assert closed.closed
    assert way_out(closed, Mode.LIVE).commands == ()


def test_what_only_the_surroundings_stopped_is_driven_again(tmp_path: Path) -> None:
    night = Night(tmp_path, documents())
    live = BatchRunner(night.runner, QUEUE, night.book, around(night), mode=Mode.LIVE)
    with pytest.raises(Stop, match="execution"):
        live.run()
    item = live.status().items[0]
    assert item.queue is SetAside.ERROR
    assert way_out(item, Mode.LIVE).commands == (
        "cutter switch show",
        "cutter batch run QUEUE --live",
    )


def test_the_commands_of_the_page_about_batches_are_ours() -> None:
    page = (Path(__file__).parents[3] / "docs" / "howto" / "batches.md").read_text("utf-8")
    found = [line for line in page.splitlines() if line.startswith("cutter ")]
    assert len(found) >= 7
    assert all(is_a_command(words) for words in found)
