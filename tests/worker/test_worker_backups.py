"""Backups of a worker's runs: each its own, or one for all that come within minutes, where that is asked for."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.audit import in_force, planned
from tests.live import Deployed, deploy, settle

from clusters.databases import Database
from cutter_agent.bootstrap.working import hand_over, install_queue
from cutter_agent.orchestrator.grants import ROLE_READER
from cutter_agent.orchestrator.phases.pre_write_backup import BackupTaken
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.postgres.work import documents_before_a_backup
from cutter_agent.worker.loop import Worker
from worker.fleet import PROFILE, add_laws, audit_fleet, sign_all, small_law

LAWS = dict(small_law(number) for number in (1, 2, 3))
LATER = dict([small_law(4)])


@pytest.fixture
def deployed(database: Database, tmp_path: Path) -> Deployed:
    """A deployment with a queue of hints."""
    made = deploy(database, tmp_path)
    with made.desk() as desk:
        install_queue(desk.access)
        add_laws(desk, LAWS | LATER)
    return made


@pytest.fixture
def drained(deployed: Deployed) -> Callable[..., None]:
    """Hands documents over, and lets a worker bring on whatever can go on."""

    def drain(*codes: str, share: bool) -> None:
        with deployed.desk() as desk:
            for code in codes:
                hand_over(desk, code)
            sign_all(desk, desk.select(ROLE_READER))
        Worker(
            deployed.environ, 2, lambda kind, fields: None, drain=True, share_backups=share
        ).run()

    return drain


def taken(deployed: Deployed) -> dict[str, BackupTaken]:
    """The backup that each run's request rests on, by document."""
    contexts = [deployed.context(run_id) for run_id in deployed.run_ids()]
    return {context.document_id: backup_of(context) for context in contexts}


def backup_of(context: RunContext) -> BackupTaken:
    backup = context.get(BackupTaken)
    assert backup is not None, context.history.events[-3:]
    return backup


def test_runs_of_one_worker_share_a_backup_where_that_is_asked_for(
    deployed: Deployed, database: Database, drained: Callable[..., None]
) -> None:
    settle(deployed.home, database, backup_level_min=None)  # each is restored, and rehearsed on
    drained(*LAWS, share=True)
    assert len(list(deployed.home.backups.iterdir())) == 1
    backups = taken(deployed)
    assert len({each.backup_sha256 for each in backups.values()}) == 1
    rehearsed = [each.rehearsed for each in backups.values()]
    assert len({each.database for each in rehearsed if each is not None}) == len(LAWS)
    drained(share=True)
    drained(share=True)
    audit_fleet(deployed, list(LAWS))
    for code, body in LAWS.items():
        assert in_force(deployed, code) == planned(body, code, PROFILE)


def test_otherwise_each_run_has_a_backup_of_its_own(
    deployed: Deployed, drained: Callable[..., None]
) -> None:
    drained(*LAWS, share=False)
    assert len({each.backup_sha256 for each in taken(deployed).values()}) == len(LAWS)


def test_the_documents_before_a_backup_are_those_that_have_asked_nothing(
    deployed: Deployed, drained: Callable[..., None]
) -> None:
    with deployed.desk() as desk:
        reader = desk.access.login(ROLE_READER)
        assert documents_before_a_backup(reader, limit=9) == []
        drained(*LAWS, share=False)
        assert documents_before_a_backup(reader, limit=9) == []
        for code in LATER:
            hand_over(desk, code)
        assert documents_before_a_backup(reader, limit=9) == list(LATER)
        assert documents_before_a_backup(reader, limit=0) == []


def test_a_worker_that_drains_waits_for_a_run_that_was_opened_a_moment_ago(
    deployed: Deployed,
) -> None:
    (code,) = LATER
    with deployed.desk() as desk:
        desk.runner().hand_over(code)  # and nobody is told
    tally = Worker(deployed.environ, 1, lambda kind, fields: None, drain=True).run()
    assert (tally.driven, tally.stops) == (1, {})
