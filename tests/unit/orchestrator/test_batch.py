"""A batch in memory: the sound documents close out, the bad ones lie where they belong, kills cost nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from lxml import etree
from tests.runs import unsigned_approval

from cutter_agent.errors import (
    ProductionExecutionNotAuthorized,
    StopEvidenceMismatch,
    StopLockBusy,
    StopRefusedInput,
)
from cutter_agent.files.batch_book import FolderBook
from cutter_agent.orchestrator import (
    BatchRunner,
    DryRunReporter,
    InMemoryDiscoverer,
    Mode,
    OrchestratorRunner,
    Queue,
    QueueItem,
    RunContext,
    StateStore,
)
from cutter_agent.orchestrator.batch import Surroundings
from cutter_agent.orchestrator.batch_html import batch_html
from cutter_agent.orchestrator.batch_ledger import LedgerKind
from cutter_agent.orchestrator.batch_report import BatchPage, batch_page
from cutter_agent.orchestrator.batch_status import (
    BatchState,
    BatchStatus,
    SetAside,
    policy_of,
    status_json,
)
from cutter_agent.orchestrator.history import EventKind
from cutter_agent.orchestrator.runner import Deployment
from cutter_agent.orchestrator.states import Terminal
from cutter_agent.orchestrator.waiting import pause_request

CODES = ("D-1", "D-BIG", "D-2", "D-RAW", "D-3", "D-TWICE")
TEXT = "# One\n\nFirst.\n\n## Two\n\nSecond.\n"
QUEUE = Queue(
    batch_id="night-1",
    created_by="carol",
    created_utc="2026-01-31T12:00:00Z",
    default_scope="enacted_only",
    default_actor="carol",
    items=tuple(QueueItem(code) for code in CODES),
)


class KilledError(BaseException):
    """What a test ends a process with: no handler of ours is for it."""


def documents() -> InMemoryDiscoverer:
    """Three sound documents, one over the cap, one that is no text, one with an address that comes twice."""
    facts = InMemoryDiscoverer()
    for code in ("D-1", "D-2", "D-3"):
        facts.add_version(code, f"{TEXT}\nOf {code}.\n", "markdown")
    many = "".join(f"## Part {n}\n\nText {n}.\n\n" for n in range(40))
    facts.add_version("D-BIG", f"# Big\n\n{many}", "markdown")
    facts.add_version("D-RAW", b"\xff\xfe\x00no text at all", "markdown")
    twice = b"## \xc4\x90I\xe1\xbb\x80U 1. A\n\nText.\n\n## \xc4\x90I\xe1\xbb\x80U 1. B\n\nText.\n"
    facts.add_version("D-TWICE", twice, "vn-charter")
    return facts


class Night:
    """One process that drives the batch: everything but the facts and the folder is its own."""

    def __init__(self, folder: Path, facts: InMemoryDiscoverer, *, signs: bool = True) -> None:
        store = StateStore(folder)
        self._folder, self._signs = folder, signs
        self.killed_at = ""
        self.steps: list[str] = []
        self.runner = OrchestratorRunner(
            store=store,
            kb=DryRunReporter(folder),
            discoverer=facts,
            deployment=Deployment(candidate_cap=20, on_step=self._on_step),
        )
        self.book = FolderBook(folder, QUEUE.batch_id)
        self.store = store

    def batch(self, queue: Queue = QUEUE) -> BatchRunner:
        return BatchRunner(self.runner, queue, self.book, around(self))

    def _on_step(self, name: str) -> None:
        self.steps.append(name)
        if name == self.killed_at:
            raise KilledError

    def approval(self, context: RunContext) -> str | None:
        request = pause_request(context)
        if request is None or not self._signs:
            return None
        return str(unsigned_approval(self._folder, context.run_id, request.gate))


def around(night: Night) -> Surroundings:
    return Surroundings(
        run_ids=lambda: tuple(reversed(night.store.run_ids())),
        now_utc=lambda: datetime.now(UTC),
        approval=night.approval,
    )


@pytest.fixture
def nights(tmp_path: Path) -> Callable[..., Night]:
    facts = documents()
    return lambda **options: Night(tmp_path, facts, **options)


def run_ids(night: Night) -> list[str]:
    return list(night.store.run_ids())


def page_of(queue: Queue, status: BatchStatus) -> BatchPage:
    """The page of where the batch stands, with a person who may sign all that waits."""
    who = {
        item.context.run_id: ("alice <x>",)
        for item in status.items
        if item.context is not None and item.waits_for
    }
    return BatchPage(queue=queue, status=status, who=who, at_utc="2026-01-31T12:00:00Z")


def drive(night: Night, times: int) -> None:
    for _ in range(times):
        night.batch().run()


def test_the_sound_documents_close_out_and_the_bad_ones_lie_in_their_queues(
    nights: Callable[..., Night], tmp_path: Path
) -> None:
    planned = nights(signs=False).batch().run()
    assert planned.state is BatchState.AWAITING_CUT_AUTHZ_SET
    assert planned.exit_status == 10
    assert nights().batch().run().state is BatchState.AWAITING_LIFECYCLE_AUTHZ_SET
    status = nights().batch().run()
    assert status.state is BatchState.CLOSEOUT
    assert status.exit_status == 21
    found = {item.document_id: (item.stop_code, item.queue) for item in status.items}
    assert found == {
        **dict.fromkeys(("D-1", "D-2", "D-3"), (None, None)),
        "D-BIG": ("STOP_OVER_SIZE", SetAside.QUARANTINE),
        "D-RAW": ("STOP_SOURCE_UNREADABLE", SetAside.QUARANTINE),
        "D-TWICE": ("STOP_INVARIANT_FAILED", SetAside.HUMAN_REVIEW),
    }
    for item in status.items:
        assert item.context is not None
        stops = list((tmp_path / item.context.run_id).glob(f"STOP-{item.stop_code}-*.md"))
        assert len(stops) == (0 if item.closed else 1), item.document_id
    assert status_json(status)["counts"] == {
        "documents": 6,
        "closed": 3,
        "waiting": 0,
        "error": 0,
        "quarantine": 2,
        "human_review": 1,
    }
    assert len(run_ids(nights())) == 6


def test_a_plan_is_of_the_facts_as_they_are_now(tmp_path: Path) -> None:
    facts = documents()
    first = Night(tmp_path, facts).batch().plan()
    assert [each.document_id for each in first] == list(CODES)
    assert [each.failed for each in first] == [False, True, False, True, False, True]
    assert Night(tmp_path, facts).batch().status().state is BatchState.PENDING
    facts.add_version("D-1", TEXT + "\n## Three\n\nNew.\n", "markdown")
    second = Night(tmp_path, facts).batch().plan()
    runs = [Night(tmp_path, facts).runner.show(str(each[0].run_id)) for each in (first, second)]
    assert runs[0].terminal is Terminal.VOIDED
    assert [run.context.context_pins["candidate_count"] for run in runs] == [2, 3]


def test_a_plan_renews_the_batchs_own_dry_run_and_leaves_what_is_further_on(
    nights: Callable[..., Night],
) -> None:
    begun = nights(signs=False).batch().run().items[0].context
    planned = nights().batch().plan()[0]
    assert begun is not None
    assert planned.run_id != begun.run_id
    written = nights().batch().run()
    assert written.state is BatchState.AWAITING_LIFECYCLE_AUTHZ_SET
    again = nights().batch().plan()[0]
    assert again.run_id == planned.run_id
    assert nights().batch().run().state is BatchState.CLOSEOUT


@pytest.mark.parametrize("step", ["mark", "grant_probe", "leg_b_record", "lifecycle_enact"])
def test_a_kill_in_the_middle_does_nothing_twice(nights: Callable[..., Night], step: str) -> None:
    killed = nights()
    killed.killed_at = step
    with pytest.raises(KilledError):
        drive(killed, times=3)
    for _ in range(3):
        status = nights().batch().run()
    assert status.state is BatchState.CLOSEOUT
    assert len(run_ids(nights())) == len(CODES)
    for item in status.items:
        assert item.context is not None
        events = item.context.history.events
        phases = [e.body["phase"] for e in events if e.kind is EventKind.PHASE]
        spent = [e.body["consumed"] for e in events if "consumed" in e.body]
        assert len(phases) == len(set(phases)), item.document_id
        assert len(spent) == len(set(spent)) == (2 if item.closed else 0)


def test_what_kills_its_lane_again_and_again_is_put_aside(nights: Callable[..., Night]) -> None:
    queue = replace(QUEUE, items=(QueueItem("D-1"), QueueItem("D-2")))
    for _ in range(3):
        killed = nights(signs=False)
        killed.killed_at = "cutplan"
        with pytest.raises(KilledError):
            killed.batch(queue).run()
    status = nights(signs=False).batch(queue).run()
    poisoned, sound = status.items
    assert poisoned.queue is SetAside.QUARANTINE
    assert poisoned.sentence == "3 attempts in a row came to nothing"
    assert sound.waits_for == "SG_1"
    nights().batch(queue).retry(("D-1",))
    assert nights(signs=False).batch(queue).run().items[0].waits_for == "SG_1"


def test_the_first_failure_stops_the_batch_if_it_was_told_to(nights: Callable[..., Night]) -> None:
    status = nights(signs=False).batch().run(stop_on_first_failure=True)
    assert status.state is BatchState.STOPPED
    assert [item.context is not None for item in status.items] == [True, True, *[False] * 4]
    with pytest.raises(StopRefusedInput, match="stopped at a failure"):
        nights().batch().run()
    resumed = nights(signs=False).batch().run(resume=True)
    assert resumed.state is BatchState.AWAITING_CUT_AUTHZ_SET
    assert len(run_ids(nights())) == 6


def test_a_document_that_was_mended_is_tried_again(tmp_path: Path) -> None:
    facts = documents()
    Night(tmp_path, facts, signs=False).batch().run()
    facts.add_version("D-RAW", TEXT, "markdown")
    facts.add_version("D-TWICE", TEXT, "markdown")
    answers = Night(tmp_path, facts).batch().retry(("D-RAW", "D-TWICE"))
    assert [each.failed for each in answers] == [False, False]
    status = Night(tmp_path, facts, signs=False).batch().run()
    standing = {item.document_id: item for item in status.items}
    assert standing["D-RAW"].waits_for == "SG_1"
    # Its failed run pinned the text of before: that is drift, and a person lets go of the run.
    assert standing["D-TWICE"].stop_code == "STOP_DRIFT"
    Night(tmp_path, facts).batch().retry(("D-TWICE",))
    assert Night(tmp_path, facts, signs=False).batch().run().items[-1].waits_for == "SG_1"


def test_a_person_puts_a_document_aside_and_takes_it_back(nights: Callable[..., Night]) -> None:
    nights().batch().quarantine(("D-1",), "its annex is missing")
    status = nights(signs=False).batch().run()
    assert (status.items[0].queue, status.items[0].context) == (SetAside.QUARANTINE, None)
    assert status.items[0].sentence == "its annex is missing"
    nights().batch().retry(("D-1",))
    assert nights(signs=False).batch().run().items[0].waits_for == "SG_1"
    with pytest.raises(StopRefusedInput, match="is not set aside"):
        nights().batch().retry(("D-1",))
    for act in (lambda b: b.retry(("X",)), lambda b: b.quarantine(("X",), "why")):
        with pytest.raises(StopRefusedInput, match="X is not a document"):
            act(nights().batch())


def test_a_name_of_another_batch_is_refused(nights: Callable[..., Night]) -> None:
    nights(signs=False).batch().run()
    with pytest.raises(StopRefusedInput, match="belongs to a queue of carol at 2026-01-31"):
        nights().batch(replace(QUEUE, created_by="mallory")).run()


def test_the_ledger_is_whole_or_refused_and_driven_by_one(
    nights: Callable[..., Night], tmp_path: Path
) -> None:
    night = nights(signs=False)
    night.batch().run()
    kinds = [entry.kind for entry in FolderBook(tmp_path, QUEUE.batch_id).entries()]
    assert kinds[:4] == [
        *(LedgerKind.OPENED, LedgerKind.ATTEMPT, LedgerKind.RUN, LedgerKind.SETTLED)
    ]
    with night.book.driving(), pytest.raises(StopLockBusy), nights().book.driving():
        pass
    path = tmp_path / "batches" / "night-1.json"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(StopEvidenceMismatch, match="torn or edited"):
        nights().batch().status()


def test_what_is_around_the_documents_stops_the_batch_and_is_tried_again(
    nights: Callable[..., Night],
) -> None:
    night = nights(signs=False)
    live = BatchRunner(night.runner, QUEUE, night.book, around(night), mode=Mode.LIVE)
    with pytest.raises(ProductionExecutionNotAuthorized):
        live.run()
    status = live.status()
    assert [item.queue for item in status.items] == [SetAside.ERROR, *[None] * 5]
    assert run_ids(night) == []
    with pytest.raises(ProductionExecutionNotAuthorized):
        live.run()
    assert live.status().items[0].ledger.attempts == 2


def test_a_request_that_nobody_answered_in_time_is_written_again(
    nights: Callable[..., Night],
) -> None:
    queue = replace(QUEUE, items=(QueueItem("D-1"),))
    night = nights(signs=False)
    night.batch(queue).run()
    later = replace(around(night), now_utc=lambda: datetime.now(UTC) + timedelta(hours=25))
    assert night.batch(queue).run().items[0].ledger.attempts == 0
    drives = [entry.kind for entry in night.book.entries()].count(LedgerKind.ATTEMPT)
    BatchRunner(night.runner, queue, night.book, later).run()
    again = [entry.kind for entry in night.book.entries()].count(LedgerKind.ATTEMPT)
    assert (drives, again) == (1, 2)


def test_the_page_of_a_batch_names_every_document_and_draws_what_is_hidden(
    nights: Callable[..., Night],
) -> None:
    queue = replace(QUEUE, created_by="carol | \u202emallory")
    status = nights(signs=False).batch(queue).run()
    page = batch_page(page_of(queue, status))
    assert [code for code in CODES if f"| {code} |" not in page] == []
    assert "\u202e" not in page
    assert "carol \\|" in page
    assert page.count("\n- D-") == 3
    assert "- alice <x>: D-1 (SG_1), D-2 (SG_1), D-3 (SG_1)\n" in page
    assert "Way out: `cutter batch retry QUEUE D-BIG` then `cutter batch run QUEUE`" in page


def test_the_page_in_html_escapes_fetches_nothing_and_leads_to_every_document(
    nights: Callable[..., Night], tmp_path: Path
) -> None:
    hostile = 'carol <script>alert(1)</script> \u202e" onload=x'
    queue = replace(QUEUE, created_by=hostile, default_scope="a & b")
    status = nights(signs=False).batch(queue).run()
    html = batch_html(page_of(queue, status))
    parsed = etree.fromstring(html.removeprefix("<!doctype html>"), etree.HTMLParser())
    tags = {element.tag for element in parsed.iter()}
    assert not tags & {"script", "img", "iframe", "link", "object", "form"}
    named = {name for element in parsed.iter() for name in element.attrib}
    assert not {name for name in named if name.startswith("on") or name == "src"}
    assert "\u202e" not in html
    assert "alert(1)" in "".join(parsed.itertext())
    assert "alice <x>" in "".join(parsed.itertext())
    assert "prefers-color-scheme: dark" in html
    assert "default-src 'none'" in html
    book = FolderBook(tmp_path, QUEUE.batch_id)
    folder = book.put_report("# The page\n", html).parent
    assert (folder / "night-1.html").read_text() == html
    leads = [str(a.get("href")) for a in parsed.iter("a")]
    for item in status.items:
        assert f"#document-{item.document_id}" in [f"#{e.get('id')}" for e in parsed.iter("span")]
        assert item.context is not None
        for document in item.context.history.documents:
            assert f"../{item.context.run_id}/{document.name}" in leads
    for lead in leads:
        assert lead.startswith("#") or (folder / lead).exists(), lead


def test_every_stop_has_a_policy_and_every_policy_a_queue() -> None:
    assert policy_of("STOP_DATABASE_AWAY").queue is SetAside.ERROR
    assert policy_of("STOP_OVER_SIZE").queue is SetAside.QUARANTINE
    assert policy_of("STOP_EVIDENCE_MISMATCH").queue is SetAside.HUMAN_REVIEW


def test_two_processes_write_into_one_ledger_and_neither_loses_a_line(
    nights: Callable[..., Night], tmp_path: Path
) -> None:
    night = nights(signs=False)
    night.batch().run()
    beside = FolderBook(tmp_path, QUEUE.batch_id)
    before = len(beside.entries())
    nights().batch().quarantine(("D-1",), "from beside")
    night.batch().quarantine(("D-2",), "by the first")
    beside.append(*night.book.entries()[-1:])
    whole = FolderBook(tmp_path, QUEUE.batch_id).entries()
    assert [entry.text for entry in whole[before:]] == ["from beside", *["by the first"] * 2]
    assert list(beside.entries()) == list(whole)
    path = tmp_path / "batches" / "night-1.json"
    path.write_bytes(path.read_bytes().replace(b"opened", b"opend", 1))
    with pytest.raises(StopEvidenceMismatch, match="torn or edited"):
        beside.append(whole[-1])
