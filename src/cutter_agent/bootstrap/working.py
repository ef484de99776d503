"""What a worker does in a deployment: find runs that can go on, drive one, hand one over to the workers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from importlib import metadata, util
from typing import TYPE_CHECKING, Final

from cutter_agent.bootstrap.desk import Desk, open_desk
from cutter_agent.errors import Stop, StopRefusedInput
from cutter_agent.orchestrator.batch_lanes import LaneAnswer, LaneOrder, drive_order, stopped_at
from cutter_agent.orchestrator.grants import ROLE_EXEC, ROLE_READER
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import Gate, Mode
from cutter_agent.orchestrator.waiting import waiting_request

if TYPE_CHECKING:
    from cutter_agent.bootstrap.access import Access
    from cutter_agent.postgres.connect import Select
    from cutter_agent.postgres.shared_backup import SharedBackups
    from cutter_agent.postgres.work import Candidate

ENGINE: Final = "procrastinate"
CLAIMS_MAX: Final = 3
"""Claims in a row that came to nothing; after that something about the run kills its driver."""
WAITING_MAX: Final = 10_000
SHARING_MAX: Final = 5_000
"""Documents whose rows are hashed in the snapshot of a worker's shared backup."""
RETRIED: Final = frozenset(
    {"STOP_LOCK_BUSY", "STOP_DATABASE_AWAY", "STOP_STORAGE", "STOP_KB_UPLOAD_FAILED"}
)
"""Stops of what is around a run: it is tried again without anybody's word."""


def engine_installed() -> bool:
    """Say whether the extra `worker` is there."""
    return util.find_spec(ENGINE) is not None


def engine_name() -> str:
    """The queue's engine as the database names it.

    Raises:
        StopRefusedInput: it is not installed.
    """
    if not engine_installed():
        raise StopRefusedInput(
            "what carries hints between workers is not installed",
            expected="the extra `worker`",
            remedy="pip install 'iu-cutter[worker]'",
        )
    return f"{ENGINE} {metadata.version(ENGINE)}"


def install_queue(access: Access) -> bool:
    """The database has the queue of hints of the engine that is installed here; true if it was made now."""
    from procrastinate.schema import SchemaManager

    from cutter_agent.postgres.work import ensure_queue

    return ensure_queue(access.admin(), engine_name(), SchemaManager.get_schema())


class Lookout:
    """Looks for runs that can go on, over one connection that is opened again when it was lost."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Name the deployment; nothing is opened yet."""
        self._environ = environ
        self._closing = ExitStack()
        self._desk: Desk | None = None
        self._reads: Select | None = None
        self._seen: dict[str, int] = {}

    @property
    def desk(self) -> Desk:
        """The open deployment."""
        if self._desk is None:
            self._desk = self._closing.enter_context(open_desk(self._environ))
        return self._desk

    def ready(self) -> str:
        """The deployment can be worked in; returns how a session reaches its queue of hints.

        Raises:
            StopRefusedInput: the engine or its queue is missing, or a pooler stands between.
            StopDatabaseAway: the server does not answer.
        """
        from cutter_agent.postgres.work import (
            check_direct,
            forget_dead_hints,
            queue_conninfo,
            queue_version,
        )

        engine, executor = engine_name(), self.desk.access.login(ROLE_EXEC)
        check_direct(executor)
        found = queue_version(self._select())
        if found != engine:
            raise StopRefusedInput(
                "the database has no queue of hints"
                if found is None
                else f"the database's queue of hints is of {found}",
                expected=f"the queue of {engine}",
                remedy="cutter init",
            )
        forget_dead_hints(executor)
        return queue_conninfo(executor)

    def look(self, *, salt: int, limit: int) -> tuple[Sequence[Candidate], int]:
        """Runs that can go on and that nobody drives, and how many workers look for them.

        Raises:
            StopDatabaseAway: the server does not answer.
        """
        from cutter_agent.postgres.work import drivable_runs, worker_count

        select = self._select()
        found = drivable_runs(
            select, salt=salt, limit=limit, claims_max=CLAIMS_MAX, retried=RETRIED
        )
        return found, worker_count(select)

    def more_to_come(self) -> bool:
        """Say whether a run was opened a moment ago, which a look does not find yet.

        Raises:
            StopDatabaseAway: the server does not answer.
        """
        from cutter_agent.postgres.work import any_just_opened

        return any_just_opened(self._select())

    def signed_here(self) -> Sequence[str]:
        """Waiting runs whose folder on this machine has changed since the last look: somebody may have signed."""
        from cutter_agent.postgres.work import waiting_runs

        changed = []
        for run_id in waiting_runs(self._select(), limit=WAITING_MAX):
            try:
                at_ns = os.stat(self.desk.runs_dir / run_id).st_mtime_ns  # noqa: PTH116 - thousands of them
            except OSError:
                continue
            if self._seen.get(run_id) != at_ns and self._has_signature(run_id):
                changed.append(run_id)
            self._seen[run_id] = at_ns
        return changed

    def close(self) -> None:
        """Nothing is open; the next look opens it again."""
        self._closing.close()
        self._closing = ExitStack()
        self._desk = None
        self._reads = None

    def _has_signature(self, run_id: str) -> bool:
        return any(name.endswith(".sig") for name in os.listdir(self.desk.runs_dir / run_id))  # noqa: PTH208

    def _select(self) -> Select:
        if self._reads is None:
            from cutter_agent.postgres.work import LOOKOUT

            self._reads = self.desk.select(ROLE_READER, application=LOOKOUT)
        return self._reads


def worker_backups(desk: Desk, name: str) -> SharedBackups:
    """Backups that all runs of one worker share while they count for each of them.

    Args:
        desk: the open deployment; it stays open as long as these are used.
        name: what the files' names begin with.
    """
    from cutter_agent.bootstrap.live import HomeVault
    from cutter_agent.postgres.shared_backup import SharedBackups
    from cutter_agent.postgres.work import documents_before_a_backup

    vault = HomeVault(desk.home, desk.access, desk.settings.backup_level_min)
    reader = desk.access.login(ROLE_READER)
    return SharedBackups(
        vault.live_vault,
        name,
        (),
        due=lambda: documents_before_a_backup(reader, limit=SHARING_MAX),
    )


def drive_run(desk: Desk, run_id: str, on_step: Callable[[str], None]) -> LaneAnswer | None:
    """Where the run came to; None if it waits for people and nothing was done.

    Args:
        desk: the open deployment; nobody else uses it meanwhile.
        run_id: the run.
        on_step: told each step as it begins.
    """
    try:
        context = RunContext(desk.load(run_id))
        if context.over:
            return None
        request = waiting_request(context)
        reference = None
        if request is not None:
            if not enough(desk, context):
                return None
            if request.gate is Gate.SG_3:
                return _decided(desk, context, request.decision or "")
            reference = f"sha256:{request.request_sha256}"
        order = LaneOrder(context.document_id, Mode.LIVE, run_id, reference)
    except Stop as stop:
        return stopped_at(stop.document_id or "", run_id, stop)
    return drive_order(desk.runner(on_step), order)


def enough(desk: Desk, context: RunContext) -> bool:
    """Say whether as many signatures, or one refusal, lie beside the request as could be enough.

    Who signed is not judged here: the runner judges every signature before it acts.
    """
    request = waiting_request(context)
    policy = desk.policy()
    if request is None or policy is None:
        return False
    offered = desk.reporter().signatures(context.run_id, request.document)
    if any(each.rejects for each in offered):
        return True
    return len({each.person for each in offered}) >= policy.rule(request.gate).threshold


def hand_over(desk: Desk, document_id: str) -> tuple[str, bool]:
    """A live run of the document is open and waits for workers; returns its id, and whether they were told.

    Raises:
        Stop: no run came to be.
    """
    result = desk.runner().hand_over(document_id)
    return result.run_id, not result.context.over and tell_workers(desk, result.run_id)


def tell_workers(desk: Desk, run_id: str) -> bool:
    """Workers are told to look at the run; false where there is no queue to tell them."""
    from cutter_agent.postgres.work import wake

    return wake(desk.access.login(ROLE_EXEC), run_id)


class WorkerLanes:
    """Lanes that are somebody else's: each order is handed to the workers, and nothing waits for it."""

    def __init__(self, desk: Desk) -> None:
        """Bind the deployment."""
        self._desk = desk

    def drive(self, orders: Iterator[LaneOrder]) -> Iterator[LaneAnswer]:
        """Yield where each order stands once workers know of it."""
        for order in orders:
            try:
                run_id = order.run_id
                if run_id is None:
                    run_id, _ = hand_over(self._desk, order.document_id)
                else:
                    tell_workers(self._desk, run_id)
            except Stop as stop:
                yield stopped_at(order.document_id, order.run_id or stop.run_id, stop)
            else:
                yield LaneAnswer(order.document_id, run_id, sentence="left to workers")


def _decided(desk: Desk, context: RunContext, decision: str) -> LaneAnswer:
    try:
        result = desk.runner().escalate(context.run_id, decision)
    except Stop as stop:
        return stopped_at(context.document_id, context.run_id, stop)
    return LaneAnswer(context.document_id, context.run_id, sentence=result.sentence)
