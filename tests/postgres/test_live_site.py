"""The live site: claims, steps and histories, each step one transaction that others see or do not."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from clusters.databases import Database
from cutter_agent.crypto.machine_keys import MachineKey
from cutter_agent.errors import (
    ProductionExecutionNotAuthorized,
    StopDatabaseAway,
    StopEvidenceMismatch,
    StopLockBusy,
    StopReplayConflict,
    StopRunUnknown,
)
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.orchestrator.clock import utc_text
from cutter_agent.orchestrator.discover import LiveReadOnlyDiscoverer
from cutter_agent.orchestrator.history import EventKind, RunDocument, RunEvent, RunHeader
from cutter_agent.orchestrator.ports import (
    BackupVault,
    ExecutorSigner,
    Ledger,
    Site,
    Verifier,
    VerifierSigner,
    Writer,
)
from cutter_agent.orchestrator.states import Gate, Mode, Role
from cutter_agent.orchestrator.vault import KeptBackup, Tally
from cutter_agent.orchestrator.warrant import RehearsalWarrant
from cutter_agent.orchestrator.world import Moment
from cutter_agent.postgres import history
from cutter_agent.postgres.live_site import Equipment, LiveSite, Logins
from postgres.acts import (
    CODE,
    LINES,
    STARTER,
    add_source,
    line,
    login,
    one,
    open_cut,
    session,
    turn_switch,
)

NOW = utc_text(datetime.now(UTC))
TEXT = "# 01-source-pin\nĐiều 1\n"
DOCUMENT = RunDocument("01-source-pin-2026-01-01.md", sha256_hex(TEXT.encode()), TEXT)


class NoVault:
    """A vault that nobody asks."""

    def take(self, run: RunHeader, moment: Moment) -> AbstractContextManager[KeptBackup]:
        raise NotImplementedError(run.run_id)

    def document_rows_sha256(self, document_id: str) -> str:
        raise NotImplementedError(document_id)


def site_of(database: Database, projected: list[object] | None = None) -> LiveSite:
    kept = [] if projected is None else projected
    return LiveSite(
        Logins(
            reader=login(database, "cutter_reader"),
            executor=login(database, "cutter_exec"),
            verifier=login(database, "cutter_verify"),
        ),
        Equipment(
            facts_over=LiveReadOnlyDiscoverer,
            vault=NoVault(),
            executor_signer=MachineKey.in_memory(),
            verifier_signer=MachineKey.in_memory(),
            project=lambda run, view: kept.append((run, view)),
        ),
    )


@pytest.fixture
def site(database: Database) -> Iterator[LiveSite]:
    made = site_of(database)
    yield made
    made.close()


def header(number: int = 1, document: str = CODE) -> RunHeader:
    run_id = f"ictr-20260101T000000Z-{number:08x}"
    return RunHeader(run_id, document, Mode.LIVE, STARTER, "2026-01-01T00:00:00Z", 60)


def opened(site: LiveSite, number: int = 1, document: str = CODE) -> str | None:
    return site.open_run(
        header(number, document), RunEvent(1, EventKind.OPENED, NOW, {"by": "operator"})
    )


def event(seq: int, phase: str = "mark") -> RunEvent:
    return RunEvent(seq, EventKind.PHASE, NOW, {"phase": phase, "n": [1, None, "Đ\x7f"]})


def test_a_history_reads_back_as_it_was_written(site: LiveSite):
    assert opened(site) is None
    with site.claim(header().run_id) as claim:
        with site.step(claim, Role.EXECUTOR, None) as step:
            step.append(event(2), [DOCUMENT])
        with site.step(claim, Role.VERIFIER, None) as step:
            step.append(event(3, "write_verify"), [])
    loaded = site.load(header().run_id)
    assert loaded.header == header()
    assert loaded.events == (
        RunEvent(1, EventKind.OPENED, NOW, {"by": "operator"}),
        event(2),
        event(3, "write_verify"),
    )
    assert loaded.documents == (DOCUMENT,)
    assert loaded.fence == claim.fence == 1
    assert site.knows(header().run_id)
    assert not site.knows("ictr-20260101T000000Z-0000000f")
    with pytest.raises(StopRunUnknown), site.claim("ictr-20260101T000000Z-0000000f"):
        pass


def test_a_step_that_fails_leaves_nothing(database: Database, site: LiveSite):
    opened(site)

    def fail() -> None:
        with site.claim(header().run_id) as claim, site.step(claim, Role.EXECUTOR, None) as step:
            step.append(event(2), [DOCUMENT])
            raise StopEvidenceMismatch("the gate did not hold")

    with pytest.raises(StopEvidenceMismatch):
        fail()
    assert len(site.load(header().run_id).events) == 1
    with session(database) as connection:
        assert one(connection, "SELECT count(*) FROM cutter_governance.run_document") == 0


def test_one_run_holds_a_document_and_the_next_hears_which(site: LiveSite):
    assert opened(site, 1) is None
    assert opened(site, 1) is None
    assert opened(site, 2) == header(1).run_id
    assert site.holder(CODE, header(2).run_id) == header(1).run_id
    assert opened(site, 3, "ICX-OTHER") is None
    with site.claim(header(1).run_id) as claim:
        site.end(claim, RunEvent(2, EventKind.STOP, NOW, {}), [DOCUMENT])
    assert site.holder(CODE, header(2).run_id) is None
    assert site.holder(CODE, header(1).run_id) == header(2).run_id


def test_another_run_under_a_known_id_is_a_conflict(site: LiveSite):
    opened(site)
    with pytest.raises(StopReplayConflict):
        site.open_run(header(), RunEvent(1, EventKind.OPENED, NOW, {"by": "somebody"}))


def test_one_process_drives_a_run_at_a_time(database: Database, site: LiveSite):
    opened(site)
    other = site_of(database)
    with (
        site.claim(header().run_id),
        pytest.raises(StopLockBusy, match="drives this run"),
        other.claim(header().run_id),
    ):
        pass
    with other.claim(header().run_id) as claim:
        assert claim.fence == 2
    other.close()


def hold_until_killed(database: Database, ready: object) -> None:
    with site_of(database).claim(header().run_id):
        ready.send(True)
        signal.pause()


def test_a_killed_process_frees_its_document_at_once(database: Database, site: LiveSite):
    opened(site)
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe()
    process = context.Process(target=hold_until_killed, args=(database, there))
    process.start()
    there.close()
    assert here.poll(20)
    with pytest.raises(StopLockBusy), site.claim(header().run_id):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    for _ in range(200):
        try:
            with site.claim(header().run_id) as claim:
                assert claim.fence == 2
            break
        except StopLockBusy:
            continue
    else:
        pytest.fail("the document stays locked")


def test_an_old_claim_commits_nothing(site: LiveSite):
    opened(site)
    with site.claim(header().run_id) as claim:
        late = replace(claim, fence=claim.fence - 1)
        with pytest.raises(StopLockBusy), site.step(late, Role.EXECUTOR, None) as step:
            step.append(event(2), [])
    with pytest.raises(StopDatabaseAway), site.step(claim, Role.EXECUTOR, None):
        pass


def test_the_same_event_again_is_no_second_one_and_another_is_a_conflict(site: LiveSite):
    opened(site)
    with site.claim(header().run_id) as claim:
        for _ in range(2):
            with site.step(claim, Role.EXECUTOR, None) as step:
                step.append(event(2), [DOCUMENT])
        for wrong in (event(2, "cutplan"), event(4)):
            with pytest.raises(StopReplayConflict), site.step(claim, Role.EXECUTOR, None) as step:
                step.append(wrong, [])
        other = RunDocument(DOCUMENT.name, sha256_hex(b"other"), "other")
        with pytest.raises(StopReplayConflict), site.step(claim, Role.EXECUTOR, None) as step:
            step.append(event(3), [other])
    assert len(site.load(header().run_id).events) == 2


@pytest.mark.parametrize(
    "edit",
    [
        'UPDATE cutter_governance.run_event SET payload = \'{"at_utc":"","body":{}}\' WHERE seq = 2',
        "DELETE FROM cutter_governance.run_event WHERE seq = 2",
        "DELETE FROM cutter_governance.run_event WHERE seq = 1",
        "UPDATE cutter_governance.run_event SET kind = 'stop' WHERE seq = 2",
    ],
)
def test_an_edited_history_is_not_read(database: Database, site: LiveSite, edit: str):
    opened(site)
    with site.claim(header().run_id) as claim:
        for seq in (2, 3):
            with site.step(claim, Role.EXECUTOR, None) as step:
                step.append(event(seq), [])
    with session(database) as connection:
        # Only who tears the walls down first can edit at all.
        connection.execute("SET cutter.migration = 'on'; SET session_replication_role = replica")
        connection.execute("ALTER TABLE cutter_governance.run_event DISABLE TRIGGER rows_stay")
        connection.execute(edit)
    with pytest.raises(StopEvidenceMismatch, match="does not follow"):
        site.load(header().run_id)


def test_a_step_carries_the_ports_of_its_role_and_warrant(database: Database, site: LiveSite):
    cut = open_cut(database, LINES)
    with site.claim(cut.run_id) as claim:
        with site.step(claim, Role.EXECUTOR, None) as step:
            assert set(step.ports) == {BackupVault, Ledger, Tally, ExecutorSigner}
        with site.step(claim, Role.EXECUTOR, cut.warrant()) as step:
            assert set(step.ports) == {BackupVault, Ledger, Tally, ExecutorSigner, Writer}
        with site.step(claim, Role.VERIFIER, cut.warrant()) as step:
            assert set(step.ports) == {BackupVault, Ledger, Tally, Verifier, VerifierSigner}
            assert step.ports[Verifier].role == "cutter_verify"
        with (
            pytest.raises(ProductionExecutionNotAuthorized),
            site.step(claim, Role.EXECUTOR, RehearsalWarrant(cut.run_id)),
        ):
            pass


def test_a_step_sees_its_own_rows_and_others_do_not(database: Database, site: LiveSite):
    cut = open_cut(database, LINES)
    with site.claim(cut.run_id) as claim:
        driven = replace(cut, fence=claim.fence)
        with site.step(claim, Role.EXECUTOR, cut.warrant()) as step:
            vault, writer = step.ports[BackupVault], step.ports[Writer]
            before = vault.document_rows_sha256(CODE)
            step.consume(driven.consumption(Gate.SG_1, driven.request(Gate.SG_1)))
            writer.mint_change_set(driven.change_set())
            writer.create_drafts(driven.change_set(), driven.drafts())
            assert vault.document_rows_sha256(CODE) != before
            assert step.facts.census(CODE).draft == len(LINES)
            assert site.facts.census(CODE).draft == 0
        assert site.facts.census(CODE).draft == len(LINES)


def test_no_source_appears_between_a_runs_look_and_its_commit(database: Database, site: LiveSite):
    cut = open_cut(database, LINES)
    with site.claim(cut.run_id) as claim, site.step(claim, Role.EXECUTOR, cut.warrant()):
        with session(database, "cutter_admin") as connection:
            connection.execute("SET lock_timeout = '50ms'")
            with pytest.raises(Exception, match="lock timeout"):
                connection.execute(
                    "SELECT iu.fn_source_add(%s, 't', gen_random_uuid(), 'x', 'text/plain', NULL, 'p', 'p')",
                    (CODE,),
                )
        turn_switch(database, armed=False)
        turn_switch(database, armed=True)
    add_source(database, [line(1)])


def test_a_run_ends_with_its_decision_spent_and_its_drafts_withdrawn(
    database: Database, site: LiveSite
):
    cut = open_cut(database, LINES)
    cut.draft()
    with site.claim(cut.run_id) as claim:
        driven = replace(cut, fence=claim.fence)
        consumption = driven.consumption(Gate.SG_3, driven.request(Gate.SG_3))
        site.end(claim, RunEvent(2, EventKind.DECISION, NOW, {}), [], consumption)
    assert site.consumed_by(consumption.request_sha256) == cut.run_id
    assert site.consumed_by("00" * 32) is None
    assert site.facts.census(CODE).draft == 0
    with session(database) as connection:
        assert one(connection, "SELECT outcome FROM cutter_governance.run") == "voided"


def test_closing_happens_with_the_step_or_not_at_all(site: LiveSite):
    opened(site)
    with site.claim(header().run_id) as claim:

        def close_and_fail() -> None:
            with site.step(claim, Role.EXECUTOR, None) as step:
                step.close()
                raise StopReplayConflict("a later thing failed")

        with pytest.raises(StopReplayConflict):
            close_and_fail()
        with site.step(claim, Role.EXECUTOR, None) as step:
            step.append(event(2, "closeout"), [])
            step.close()
    with site.claim(header().run_id) as claim:
        assert claim.fence == 1
        with (
            pytest.raises(StopLockBusy, match="over"),
            site.step(claim, Role.EXECUTOR, None) as step,
        ):
            step.append(event(3), [])


def test_the_site_says_who_enacted_a_version_and_which_time_it_is(
    database: Database, site: LiveSite
):
    cut = open_cut(database, LINES)
    assert site.enacted_by(cut.source_version_id) is None
    cut.through()
    assert site.enacted_by(cut.source_version_id) == cut.run_id
    assert abs(site.now_utc() - datetime.now(UTC)) < timedelta(seconds=30)
    assert len(site.nonce()) == 32
    assert site.nonce() != site.nonce()


def test_a_lost_connection_is_a_stop_and_the_next_call_works(database: Database, site: LiveSite):
    opened(site)
    kill = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    site.now_utc()
    with session(database) as connection:
        connection.execute(kill)
    with pytest.raises(StopDatabaseAway):
        site.now_utc()
    assert site.now_utc()

    def lose() -> None:
        with site.claim(header().run_id) as claim, site.step(claim, Role.EXECUTOR, None) as step:
            with session(database) as connection:
                connection.execute(kill)
            step.append(event(2), [])

    with pytest.raises(StopDatabaseAway):
        lose()
    with pytest.raises(StopDatabaseAway):
        site.load(header().run_id)
    assert len(site.load(header().run_id).events) == 1


def test_the_sidecar_is_projected_by_what_the_deployment_gives(database: Database):
    projected: list[object] = []
    site = site_of(database, projected)
    opened(site)
    run = site.load(header().run_id)
    site.project(run, {"state": "pending"})
    assert projected == [(run, {"state": "pending"})]
    assert (site.mode, site.replays_effects) == (Mode.LIVE, False)
    assert set(site.ports(run.header, None)) == {BackupVault}
    site.close()


def test_the_tables_hash_is_the_readers_hash(database: Database, site: LiveSite):
    opened(site)
    with session(database) as connection:
        rows = connection.execute(
            "SELECT prev_sha256, run_id, seq, kind, payload, sha256 FROM cutter_governance.run_event"
        ).fetchall()
    for before, run_id, seq, kind, payload, sha256 in rows:
        assert history.event_sha256(before, run_id, seq, kind, payload) == sha256


def protocol(site: Site) -> Site:
    """The checker's proof that the live site is a site."""
    return site


def test_the_live_site_is_a_site(site: LiveSite):
    assert protocol(site).mode is Mode.LIVE
