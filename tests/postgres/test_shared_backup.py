"""One backup for the documents of a batch: each has its own rehearsal, and none is given what no longer counts."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from shutil import disk_usage

import psycopg
import pytest
from tests.live import STARTER, Deployed, accept_policy, approve, cut_live, deploy, settle

from clusters.databases import Database
from cutter_agent.bootstrap.approvals import waiting
from cutter_agent.bootstrap.batches import DeskLanes, batch_runner
from cutter_agent.bootstrap.live import HomeVault
from cutter_agent.errors import StopBackupFailed
from cutter_agent.orchestrator import Mode, Queue, QueueItem
from cutter_agent.orchestrator.batch_status import BatchStatus
from cutter_agent.orchestrator.clock import parse_utc, run_id_of, utc_text
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.phases.cutplan import CutPlanned
from cutter_agent.orchestrator.phases.pre_write_backup import BACKUP_LIFE_S, BackupTaken
from cutter_agent.orchestrator.states import GATE_TTL_S, Gate
from cutter_agent.orchestrator.world import Moment
from cutter_agent.postgres.restore import MEMORY_FREE_BYTES_MIN, memory_folder
from cutter_agent.postgres.shared_backup import SHARE_S, SharedBackups

CODES = ("LAW-1", "LAW-2", "LAW-3", "LAW-4")
MOMENT = Moment("2026-01-01T00:00:00Z")
QUEUE = Queue(
    batch_id="night-1",
    created_by=STARTER,
    created_utc="2026-01-31T12:00:00Z",
    default_scope="enacted_only",
    default_actor=STARTER,
    items=tuple(QueueItem(code) for code in CODES),
)


def text(units: int) -> bytes:
    parts = "".join(f"## Part {n}\n\nText {n}.\n\n" for n in range(units))
    return f"# Law\n\nA law of {units} parts.\n\n{parts}".encode()


@pytest.fixture
def deployed(database: Database, tmp_path: Path) -> Deployed:
    """Four documents of one, two, three and four parts; backups are restored."""
    made = deploy(database, tmp_path)
    settle(made.home, database, backup_level_min=None)
    for units, code in enumerate(CODES, 1):
        made.add(text(units), code, "markdown")
    return made


@pytest.fixture
def shared(deployed: Deployed) -> Iterator[Callable[..., SharedBackups]]:
    """Makes shared backups of the deployment; each is closed afterwards."""
    made: list[SharedBackups] = []
    with deployed.desk() as desk:
        vault = HomeVault(desk.home, desk.access, None).live_vault

        def make(**options: float) -> SharedBackups:
            made.append(SharedBackups(vault, "night-1", CODES, **options))
            return made[-1]

        yield make
        for each in made:
            each.close()


def drive(deployed: Deployed, lanes: int = 3) -> BatchStatus:
    with (
        deployed.desk() as desk,
        closing(DeskLanes(deployed.environ, lanes, share=QUEUE)) as at_once,
    ):
        return batch_runner(desk, QUEUE, Mode.LIVE, lanes=at_once).run()


def files(deployed: Deployed) -> list[str]:
    return sorted(path.name for path in deployed.home.backups.iterdir())


def header(code: str, number: int) -> RunHeader:
    at = parse_utc("2026-01-31T12:00:00Z")
    assert at is not None
    moment = at + timedelta(seconds=number)
    return RunHeader(
        run_id_of(moment, f"{number:032x}"), code, Mode.LIVE, STARTER, utc_text(moment), 9
    )


def test_a_batch_takes_one_backup_and_rehearses_each_document_by_itself(
    deployed: Deployed,
) -> None:
    planned = drive(deployed)
    assert [item.waits_for for item in planned.items] == ["SG_1"] * 4, planned.items
    assert files(deployed) == ["night-1-1.dump.age"]
    copies = set()
    for units, item in enumerate(planned.items, 1):
        assert item.context is not None
        backup, plan = item.context.get(BackupTaken), item.context.get(CutPlanned)
        assert backup is not None
        assert plan is not None
        assert backup.rehearsed is not None
        assert backup.rehearsed.root_sha256 == plan.manifest_root
        # A heading and its parts; the lifecycle log tells of each twice.
        assert f"iu.lifecycle_log={2 * (units + 1)}," in backup.rehearsed.enacted
        assert f"iu.unit_version={units + 1}" in backup.rehearsed.enacted
        asked = waiting(item.context).body.decode()
        assert f"rehearsal_root: {plan.manifest_root}\n" in asked
        assert f"rehearsal_counts: {backup.rehearsed.enacted}\n" in asked
        copies.add(backup.rehearsed.database)
    assert len(copies) == 4
    for item in planned.items:
        assert item.context is not None
        with deployed.runner() as runner:
            approve(deployed, runner, item.context.run_id)
            assert approve(deployed, runner, item.context.run_id).context.over
    assert files(deployed) == ["night-1-1.dump.age"]


def test_many_at_once_wait_for_one_backup_and_each_begins_with_its_rows(
    deployed: Deployed, shared: Callable[..., SharedBackups]
) -> None:
    backups = shared()

    def play(number: int) -> tuple[str, str]:
        with backups.take(header(CODES[number % 4], number), MOMENT) as kept:
            assert kept.copy is not None
            return kept.receipt.sha256, kept.copy.database

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(play, range(8)))
    assert len({sha256 for sha256, _ in found}) == 1
    assert len({database for _, database in found}) == 8
    assert len(files(deployed)) == 1


def another_document(deployed: Deployed) -> None:
    cut_live(deployed, "LAW-2")


def its_own_source(deployed: Deployed) -> None:
    deployed.add(text(9), "LAW-1", "markdown")


def its_own_units(deployed: Deployed) -> None:
    cut_live(deployed, "LAW-1")


def the_policy(deployed: Deployed) -> None:
    with deployed.desk() as desk:
        accept_policy(desk, dict.fromkeys(Gate, (("alice",), 1)))


def the_switch(deployed: Deployed) -> None:
    deployed.arm(armed=False)


def a_function(deployed: Deployed) -> None:
    with psycopg.connect(deployed.database.conninfo(), autocommit=True) as connection:
        connection.execute("SET cutter.migration = 'on'")
        connection.execute("ALTER FUNCTION cutter_governance.database_text() COST 7")


@pytest.mark.parametrize(
    ("change", "taken"),
    [
        (another_document, 1),
        (its_own_source, 2),
        (its_own_units, 2),
        (the_policy, 2),
        (the_switch, 2),
        (a_function, 2),
    ],
)
def test_a_backup_is_given_while_it_holds_what_a_new_one_would(
    deployed: Deployed,
    shared: Callable[..., SharedBackups],
    change: Callable[[Deployed], None],
    taken: int,
) -> None:
    settle(deployed.home, deployed.database)  # the cuts in between restore nothing
    backups = shared()
    ours = "night-1-*.dump.age"
    with backups.take(header("LAW-1", 1), MOMENT) as first:
        # The next one is opened while the first is still in use, which stays as it was.
        change(deployed)
        with backups.take(header("LAW-1", 2), MOMENT) as second:
            assert first.copy is not None
            assert second.copy is not None
            assert first.copy.now_utc() <= second.copy.now_utc()
    assert len(list(deployed.home.backups.glob(ours))) == taken
    assert (first.receipt.sha256 == second.receipt.sha256) is (taken == 1)
    now = backups.document_rows_sha256("LAW-1")
    assert second.receipt.document_rows_sha256 == now


def test_a_backup_is_shared_no_longer_than_its_requests_can_bear(
    deployed: Deployed, shared: Callable[..., SharedBackups]
) -> None:
    assert SHARE_S + GATE_TTL_S[Gate.SG_1] < BACKUP_LIFE_S
    backups = shared(share_s=0.0)
    for number in (1, 2):
        with backups.take(header("LAW-1", number), MOMENT):
            pass
    assert len(files(deployed)) == 2


def test_a_document_that_shares_nothing_is_refused(
    deployed: Deployed, shared: Callable[..., SharedBackups]
) -> None:
    backups = shared()
    with (
        pytest.raises(StopBackupFailed, match="LAW-9 is none of the documents"),
        backups.take(header("LAW-9", 1), MOMENT),
    ):
        pass
    assert files(deployed) == []


def test_a_copy_lies_in_memory_only_where_plenty_of_it_is_left(tmp_path: Path) -> None:
    roomy = disk_usage(tmp_path).free > MEMORY_FREE_BYTES_MIN
    assert memory_folder(0, tmp_path) == (tmp_path if roomy else None)
    assert memory_folder(2**60, tmp_path) is None
    assert memory_folder(0, tmp_path / "none") is None
