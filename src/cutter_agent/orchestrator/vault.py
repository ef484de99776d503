"""The backup proven: what a vault hands over, the restored copy, and who rehearses the line on it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.orders import BackupReceipt, Consumption, Rehearsed
from cutter_agent.orchestrator.states import Role


class Tally(Protocol):
    """Counts what a document has in the database, as the open transaction sees it."""

    def rows(self, document_id: str) -> str:
        """Return the document's rows by table, as `Rehearsed` writes them."""
        ...

    def digests(self, document_id: str) -> str:
        """Return a digest of the document's rows for each table, as `Rehearsed` writes them.

        Empty in memory, where nothing is restored and nothing can be compared.
        """
        ...

    def manifest_root(self, envelope_id: str) -> str:
        """Return the manifest's root, recomputed from the units' rows as they are now."""
        ...


class RestoredCopy(Protocol):
    """A database that was restored from a backup into a throwaway cluster, and dies with it."""

    @property
    def database(self) -> str:
        """System identifier and oid of the copy: never those of the database it is a copy of."""
        ...

    @property
    def functions_sha256(self) -> str:
        """The digest of the copy's functions, as fact sheets have it."""
        ...

    def now_utc(self) -> datetime:
        """Return the time by the copy's clock."""
        ...

    def log_head(self) -> str:
        """Return the head of the copy's log, as requests name it."""
        ...

    def step(
        self, acts_as: Role, consumption: Consumption | None
    ) -> AbstractContextManager[Mapping[type, object]]:
        """Open a transaction of the copy, spend the stand-in approval, and give the effect ports."""
        ...


@dataclass(frozen=True, slots=True)
class KeptBackup:
    """A backup that lies sealed, and its restored copy while the vault keeps it open.

    Attributes:
        receipt: what is known of the backup.
        copy: None where nothing was restored, or the copy is not equal.
    """

    receipt: BackupReceipt
    copy: RestoredCopy | None


class DressRehearsal(Protocol):
    """Plays the phases that write on a restored copy, before anybody is asked to approve them."""

    def play(self, copy: RestoredCopy, run: RunHeader, earlier: Mapping[type, object]) -> Rehearsed:
        """Return what the phases did to the copy; each passed its gate there.

        Raises:
            StopInvariantFailed: one of them stopped, or a gate did not hold.
        """
        ...
