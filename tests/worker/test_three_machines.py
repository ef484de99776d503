"""Three machines with addresses of their own work for one server; one is cut off, one is killed, in the middle of a write."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.audit import in_force, planned, rows
from tests.live import Deployed, settle
from tests.own_server import own_home, up

from cutter_agent.bootstrap.home import DATABASE_VARIABLE, HOME_VARIABLE
from cutter_agent.bootstrap.outfit import outfit
from cutter_agent.bootstrap.working import hand_over
from cutter_agent.orchestrator.grants import ROLE_READER
from cutter_agent.postgres.cluster import cluster_root
from cutter_agent.postgres.embedded import await_stopped
from worker.fleet import (
    PROFILE,
    add_laws,
    audit_fleet,
    await_halt,
    closed,
    end,
    go_on,
    halting_worker,
    sign_all,
    small_law,
    start_worker,
    until,
)
from worker.netns import Listening, Network, listening, network

LAWS = dict(small_law(number) for number in (1, 2))


@dataclass(frozen=True)
class Site:
    """A deployment whose server other machines reach, and a home for each of them."""

    deployed: Deployed
    network: Network
    homes: tuple[dict[str, str], ...]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with network(3) as made, own_home(tmp_path) as home:
        with up(home) as before, before.desk() as desk:
            add_laws(desk, LAWS)
            server = desk.access._lease.server  # type: ignore[union-attr]
            name = desk.access.database
        root = cluster_root(home.root)
        await_stopped(root)
        with listening(
            server.data_dir, server.binaries, name, server.password_file, made.hub
        ) as database:
            settle(home, database)
            deployed = Deployed(home, database)
            yield Site(deployed, made, tuple(homes(deployed, database, tmp_path)))


def homes(deployed: Deployed, database: Listening, folder: Path) -> Iterator[dict[str, str]]:
    """What a worker on each machine finds in its environment."""
    for number in range(3):
        place = folder / f"machine{number}"
        with deployed.desk() as desk:
            outfit(desk, place)
        yield {HOME_VARIABLE: str(place), DATABASE_VARIABLE: database.url}


def fence_of(deployed: Deployed, run_id: str) -> int:
    """How often the run was claimed."""
    ((fence,),) = rows(
        deployed, "SELECT fence FROM cutter_governance.run WHERE run_id = %s", run_id
    )
    return int(fence)


def test_a_machine_that_is_cut_off_or_killed_in_a_write_is_replaced_and_writes_nothing(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """How long it took is printed; the goals are 30 s after a silent cut and 1 s after a kill."""
    deployed = site.deployed
    with ExitStack() as stack:
        desk = stack.enter_context(deployed.desk())
        reader = desk.select(ROLE_READER)

        def halted(number: int, effect: str) -> tuple[str, int]:
            """A new run that this machine drives into this effect; its id and its fence then."""
            run_id, _ = hand_over(desk, list(LAWS)[number])
            workers[number] = halting_worker(
                site.homes[number], effect, prefix=site.network.machines[number].prefix
            )
            stack.callback(end, workers[number])
            until("it waits", lambda: sign_all(desk, reader) == 1)
            await_halt(workers[number])
            return run_id, fence_of(deployed, run_id)

        workers = {}
        first, first_fence = halted(0, "before create_drafts")
        third = start_worker(site.homes[2], prefix=site.network.machines[2].prefix)
        stack.callback(end, third)
        site.network.cut(0)
        go_on(workers[0])
        cut_s = until("it is taken over", lambda: fence_of(deployed, first) > first_fence)
        until("it waits", lambda: sign_all(desk, reader) == 1)
        until("it is closed out", lambda: closed(deployed) == 1)
        third.terminate()
        assert third.wait(60) == 0
        second, second_fence = halted(1, "before create_drafts")
        last = start_worker(site.homes[2], prefix=site.network.machines[2].prefix)
        stack.callback(end, last)
        until("the other one looks", lambda: len(lookouts(deployed)) >= 2)
        workers[1].kill()
        kill_s = until("it is taken over", lambda: fence_of(deployed, second) > second_fence)
        site.network.mend(0)
        until("it waits", lambda: sign_all(desk, reader) == 1)
        until("both are closed out", lambda: closed(deployed) == 2)
        for process in (workers[0], last):
            process.terminate()
            assert process.wait(60) == 0
    with capsys.disabled():
        sys.stdout.write(
            f"\ntaken over {cut_s:.1f} s after a silent cut, {kill_s:.2f} s after a kill\n"
        )
    audit_fleet(deployed, list(LAWS))
    for code, body in LAWS.items():
        assert in_force(deployed, code) == planned(body, code, PROFILE)


def lookouts(deployed: Deployed) -> list[tuple[object, ...]]:
    """The addresses that workers look from."""
    return rows(
        deployed,
        "SELECT client_addr FROM pg_stat_activity WHERE application_name = 'cutter work'",
    )
