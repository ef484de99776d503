"""One backup for several documents: taken, sealed, restored once, and given to each whose rows it still holds.

A batch, or a worker, asks for a backup for each of its documents within minutes. What makes one shared backup count for
a document is what makes any count: the document's rows now are those of the snapshot, what writes rest on
beside them is unchanged, and it is younger than a request may find it. Where one of these does not hold, the
next backup is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from typing import Final

from cutter_agent.errors import StopBackupFailed
from cutter_agent.orchestrator.clock import parse_utc
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.states import PHASE_SOFT_CAP_S
from cutter_agent.orchestrator.vault import KeptBackup
from cutter_agent.orchestrator.world import Moment
from cutter_agent.postgres.backup import (
    LiveVault,
    OpenedBackup,
    failing,
    ground_sha256,
    rows_sha256,
)
from cutter_agent.postgres.connect import connected, select_on, snapshot
from cutter_agent.postgres.restore import of_the_copy

SHARE_S: Final = PHASE_SOFT_CAP_S * 4 // 5
"""How old a shared backup may be when a document is given it. A request outlives its backup by the soft cap
of a phase at most, so a document gets a younger one than that."""


@dataclass(slots=True)
class _Shelf:
    """A backup that is open, and by how many runs it is in use."""

    opened: OpenedBackup
    closing: ExitStack
    users: int = field(default=0)


class SharedBackups:
    """The backups of one batch or worker; a context that ends closes what is open.

    Safe for several threads: one takes a backup while the others wait for it.
    """

    def __init__(
        self,
        vault_of: Callable[[], LiveVault],
        name: str,
        document_ids: Sequence[str],
        *,
        share_s: float = SHARE_S,
        due: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        """Name what is shared; nothing is taken before a document needs it.

        Args:
            vault_of: makes the vault when the first backup is taken.
            name: what the files' names begin with.
            document_ids: the documents that may share.
            share_s: how old a backup may be when a document is given it.
            due: asked, when a backup is taken, for further documents that will soon need one; where it
                is given, any document may share.
        """
        self._vault_of = vault_of
        self._name = name
        self._document_ids = tuple(document_ids)
        self._share_s = share_s
        self._due = due
        self._lock = Lock()
        self._vault: LiveVault | None = None
        self._shelf: _Shelf | None = None

    @contextmanager
    def take(self, run: RunHeader, moment: Moment) -> Iterator[KeptBackup]:
        """Give the batch's backup to the run, with a restored copy of its own where there is one.

        Raises:
            StopBackupFailed: it could not be taken, not be restored, or not be copied.
        """
        del moment  # the database dates its own snapshot
        with ExitStack() as stack:
            with failing(run):
                shelf = stack.enter_context(self._held(run))
                house = shelf.opened.playhouse
                with of_the_copy():
                    copy = (
                        None if house is None else stack.enter_context(house.stage_of_its_own(run))
                    )
                kept = KeptBackup(shelf.opened.receipt(run.document_id), copy)
            yield kept

    def document_rows_sha256(self, document_id: str) -> str:
        """The digest of the document's rows as they are now."""
        return self._live_vault().document_rows_sha256(document_id)

    def close(self) -> None:
        """What is open and in nobody's hands is closed."""
        with self._lock:
            retired, self._shelf = self._shelf, None
        if retired is not None and retired.users == 0:
            retired.closing.close()

    @contextmanager
    def _held(self, run: RunHeader) -> Iterator[_Shelf]:
        """Hold a backup that counts for the run's document: the one that is open, or a new one."""
        if self._due is None and run.document_id not in self._document_ids:
            raise StopBackupFailed(
                f"{run.document_id} is none of the documents that share the backups of {self._name}",
                expected=", ".join(self._document_ids[:10]),
            )
        with self._lock:
            shelf, retired = self._shelf, None
            if shelf is None or not self._counts(shelf.opened, run.document_id):
                retired, self._shelf = shelf, None
                shelf = self._shelf = self._taken(run.document_id)
            shelf.users += 1
        if retired is not None and retired.users == 0:
            retired.closing.close()
        try:
            yield shelf
        finally:
            with self._lock:
                shelf.users -= 1
                last = shelf.users == 0 and shelf is not self._shelf
            if last:
                shelf.closing.close()

    def _taken(self, document_id: str) -> _Shelf:
        closing = ExitStack()
        due = () if self._due is None else self._due()
        document_ids = tuple(dict.fromkeys((*self._document_ids, document_id, *due)))
        opened = self._live_vault().opened(self._name, document_ids)
        return _Shelf(closing.enter_context(opened), closing)

    def _counts(self, opened: OpenedBackup, document_id: str) -> bool:
        """Say whether the backup holds for the document what a new one would hold."""
        taken = parse_utc(opened.common.taken_utc)
        with (
            connected(self._live_vault().reader, application="cutter backup") as connection,
            snapshot(connection),
        ):
            row = connection.execute("SELECT clock_timestamp()").fetchone()
            select = select_on(connection)
            return (
                taken is not None
                and row is not None
                and row[0] - taken <= timedelta(seconds=self._share_s)
                and opened.rows_sha256.get(document_id) == rows_sha256(select, document_id)
                and ground_sha256(select) == opened.ground_sha256
            )

    def _live_vault(self) -> LiveVault:
        if self._vault is None:
            self._vault = self._vault_of()
        return self._vault
