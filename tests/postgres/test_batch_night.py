"""A night of sixteen lanes: every fifth document is bad in a way of its own, and no other hears of it."""

import os
import signal
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from uuid import UUID

import pytest
from tests.audit import PHASES, rows
from tests.live import APPROVERS, STARTER, Deployed, deploy, sql_as_owner

from clusters.databases import Database
from cutter_agent.bootstrap.batches import DeskLanes, batch_runner
from cutter_agent.bootstrap.cutting import CuttingProcesses
from cutter_agent.bootstrap.settings import DatabaseSettings, ServerKind, Settings, write_settings
from cutter_agent.document.profiles import shipped
from cutter_agent.orchestrator import Mode, Queue, QueueItem
from cutter_agent.orchestrator.batch_status import BatchStatus, SetAside
from cutter_agent.orchestrator.grants import ROLE_ADMIN
from cutter_agent.orchestrator.history import EventKind
from cutter_agent.orchestrator.orders import BackupLevel
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import GATE_TTL_S, Gate
from cutter_agent.orchestrator.waiting import pause_request
from cutter_agent.postgres.deployment import NewSource, add_source

LANES = 16
CAP = 30
BYTES_MIN = 3_000
"""Texts of this length are cut in other processes; the sound ones are shorter."""
SOUND = "# Law\n\nOf {code}.\n\n## One\n\nFirst.\n\n## Two\n\nSecond.\n"
TWICE = "## ĐIỀU 1. A\n\nText.\n\n## ĐIỀU 1. B\n\nText.\n"
MANY = "# Law\n\n" + "".join(f"## Part {n}\n\nText.\n\n" for n in range(CAP + 5))
LONG = "# Law\n\n" + "A long text. " * 400 + "\n"
BAD: Mapping[str, tuple[bytes, str] | None] = {
    "RAW": (b"# Law\n\n\xff\xfe is no UTF-8\n", "markdown"),
    "BLANK": (b"\n \n", "markdown"),
    "TWICE": (TWICE.encode(), "vn-charter"),
    "NONE": ("Lời nói đầu, không có điều nào.\n".encode(), "vn-charter"),
    "BIG": (MANY.encode(), "markdown"),
    "MISSING": None,
    "PROFILE": (b"# Law\n\nText.\n", "of a later cutter"),
    "DRIFTS": (SOUND.encode(), "markdown"),
    "GRANT": (SOUND.encode(), "markdown"),
    "EXPIRED": (SOUND.encode(), "markdown"),
    "REJECTED": (SOUND.encode(), "markdown"),
    "POISON": (LONG.encode(), "markdown"),
}
"""What each bad document's source is; some turn bad on the way."""
CODES = tuple(
    code for bad in BAD for code in (*(f"LAW-{bad}-{number}" for number in range(1, 5)), bad)
)
QUEUE = Queue(
    batch_id="night-16",
    created_by=STARTER,
    created_utc="2026-01-31T12:00:00Z",
    default_scope="enacted_only",
    default_actor=STARTER,
    items=tuple(QueueItem(code) for code in CODES),
)
ENDS: Mapping[str, tuple[str, SetAside, str]] = {
    "RAW": ("STOP_SOURCE_UNREADABLE", SetAside.QUARANTINE, "mark"),
    "BLANK": ("STOP_SOURCE_UNREADABLE", SetAside.QUARANTINE, "mark"),
    "TWICE": ("STOP_INVARIANT_FAILED", SetAside.HUMAN_REVIEW, "mark"),
    "NONE": ("STOP_OVER_SIZE", SetAside.QUARANTINE, "mark"),
    "BIG": ("STOP_OVER_SIZE", SetAside.QUARANTINE, "mark"),
    "MISSING": ("STOP_DOCUMENT_UNKNOWN", SetAside.QUARANTINE, "source_pin"),
    "PROFILE": ("STOP_REFUSED_INPUT", SetAside.QUARANTINE, "mark"),
    "DRIFTS": ("STOP_DRIFT", SetAside.HUMAN_REVIEW, "SG_1"),
    "GRANT": ("STOP_GRANT_DELTA", SetAside.HUMAN_REVIEW, "SG_2"),
    "REJECTED": ("STOP_REJECTED", SetAside.HUMAN_REVIEW, "SG_1"),
    "POISON": ("STOP_PROCESS_LOST", SetAside.QUARANTINE, "mark"),
}
"""Where each bad document lies in the morning, and at which step it stopped."""


def store(deployed: Deployed, number: int, code: str) -> None:
    """The document's source lies in the database, past every check of `cutter source add`."""
    source = BAD[code] if code in BAD else (SOUND.format(code=code).encode(), "markdown")
    if source is None:
        return
    body, profile = source
    known = profile in {"markdown", "vn-charter"}
    toml = shipped(profile) if known else b'schema = "cutter.profile/99"\n'
    new = NewSource(
        document_id=code,
        title=code,
        source_version_id=str(UUID(int=number)),
        body=body,
        media_type="text/markdown",
        effective_date=None,
        profile_name=profile if known else "later",
        profile_toml=toml,
    )
    with deployed.desk() as desk:
        add_source(desk.access.login(ROLE_ADMIN), new)


@pytest.fixture
def deployed(database: Database, tmp_path: Path) -> Deployed:
    """Sixty documents and a cap on their units; EXPIRED was asked for before, and nobody answered in time."""
    made = deploy(database, tmp_path)
    write_settings(
        made.home,
        Settings(
            operator=STARTER,
            execution_enabled=True,
            candidate_cap=CAP,
            backup_level_min=BackupLevel.DUMPED_AND_ENCRYPTED,
            database=DatabaseSettings(ServerKind.OUTSIDE, database.name),
        ),
    )
    for number, code in enumerate(CODES, 1):
        store(made, number, code)
    with pytest.MonkeyPatch.context() as patch, made.runner() as runner:
        patch.setitem(GATE_TTL_S, Gate.SG_1, 0)
        run = runner.cut(document_id="EXPIRED", mode=Mode.LIVE)
    made.sign(run.run_id, APPROVERS[0])
    return made


class Night:
    """The batch, driven from a new process each time as far as its lanes and desks go."""

    def __init__(self, deployed: Deployed) -> None:
        self._deployed = deployed
        self.struck: list[int] = []

    def drive(self) -> BatchStatus:
        cutting = CuttingProcesses(2, bytes_min=BYTES_MIN, on_order=self._strike)
        lanes = DeskLanes(self._deployed.environ, LANES, share=QUEUE, cutting=cutting)
        with self._deployed.desk() as desk, closing(lanes):
            return batch_runner(desk, QUEUE, Mode.LIVE, lanes=lanes).run()

    def sign(self, status: BatchStatus, person: str, without: tuple[str, ...] = ()) -> None:
        """The person signs all that waits but for those that are struck out."""
        for item in status.items:
            if item.waits_for is not None and item.document_id not in without:
                assert item.context is not None
                self._deployed.sign(item.context.run_id, person)

    def _strike(self, code: str, pid: int) -> None:
        """Whatever cuts POISON dies of it."""
        assert code == "POISON"
        self.struck.append(pid)
        os.kill(pid, signal.SIGKILL)


def test_the_rest_close_out_and_the_bad_lie_where_they_belong(deployed: Deployed) -> None:
    night = Night(deployed)
    planned = night.drive()
    run_of = {item.document_id: item.context for item in planned.items}
    rejected = run_of["REJECTED"]
    assert rejected is not None
    deployed.sign(rejected.run_id, APPROVERS[0], reject=True)
    night.sign(planned, APPROVERS[0], without=("REJECTED", "EXPIRED"))
    deployed.add(SOUND.encode() + b"\nOne more line.\n", "DRIFTS", "markdown")
    written = night.drive()
    night.sign(written, APPROVERS[1], without=("GRANT", "EXPIRED"))
    night.drive()
    # By now GRANT alone is left to be enacted; a grant is everybody's, so it goes last.
    sql_as_owner(deployed.database, revoked(deployed))
    grant = run_of["GRANT"]
    assert grant is not None
    deployed.sign(grant.run_id, APPROVERS[1])
    morning = night.drive()

    standing = {item.document_id: item for item in morning.items}
    sound = [code for code in CODES if code not in BAD]
    assert [code for code in sound if not standing[code].closed] == []
    found = {
        code: (item.stop_code, item.queue, stopped_in(item.context))
        for code, item in standing.items()
        if code in ENDS
    }
    assert found == ENDS
    for code in ENDS:
        context = standing[code].context
        assert context is not None
        pages = [page.name for page in (deployed.home.runs / context.run_id).glob("STOP-*")]
        assert any(ENDS[code][0] in page for page in pages), (code, pages)
    # Nobody answered the first request in time: it is asked anew, and the old yes counts for nothing.
    expired = standing["EXPIRED"].context
    assert expired is not None
    request = pause_request(expired)
    assert request is not None
    assert (standing["EXPIRED"].waits_for, request.number) == ("SG_1", 2)
    # Every approval that was given was used, once: two for each that closed out, and GRANT's first.
    used = rows(deployed, "SELECT run_id, gate FROM cutter_governance.approval_use")
    assert (len(used), len(set(used))) == (2 * 48 + 1, 2 * 48 + 1)
    for code in sound:
        context = standing[code].context
        assert context is not None
        events = context.history.events
        phases = [event.body["phase"] for event in events if event.kind is EventKind.PHASE]
        assert sorted(phases) == sorted(PHASES), code
    assert len(night.struck) == 3
    assert standing["POISON"].sentence == "3 attempts in a row came to nothing"
    assert morning.exit_status == 10
    assert morning.counts == {
        "documents": 60,
        "closed": 48,
        "waiting": 1,
        "error": 0,
        "quarantine": 7,
        "human_review": 4,
    }


def stopped_in(context: RunContext | None) -> str | None:
    """The step at which the run stopped last."""
    return None if context is None or context.stop is None else context.stop.phase


def revoked(deployed: Deployed) -> str:
    """A statement that takes away a grant, in the words of the function as it is now."""
    with deployed.database.connect() as connection:
        row = connection.execute(
            "SELECT format('REVOKE EXECUTE ON FUNCTION %s FROM cutter_verify', p.oid::regprocedure)"
            " FROM pg_proc AS p WHERE p.proname = 'fn_verify_record'"
        ).fetchone()
    assert row is not None
    return str(row[0])
