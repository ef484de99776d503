"""What a batch remembers that no run's history holds: which runs are its own, attempts, what was put aside."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from cutter_agent.orchestrator.states import Mode


class LedgerKind(StrEnum):
    """Every kind of entry that a batch's ledger knows."""

    OPENED = "opened"
    """The batch began; `text` says whose queue it is."""
    ATTEMPT = "attempt"
    """A lane is about to drive the document; written before it does."""
    RUN = "run"
    """The document's run of this batch has this id."""
    SETTLED = "settled"
    """The attempt came to a pause or to the end of the line."""
    STOPPED = "stopped"
    """The attempt came to a stop: `code` and its sentence."""
    QUARANTINED = "quarantined"
    """The document is put aside, for the reason in `text`."""
    RELEASED = "released"
    """The document may be tried again; what stood in its way was dealt with."""
    ANEW = "anew"
    """The same, with a new run: the last one is over."""
    HALTED = "halted"
    """The batch stopped at a failure because it was told to."""
    CONTINUED = "continued"
    """It goes on after that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """One entry; an empty text where a kind has nothing to say."""

    kind: LedgerKind
    mode: Mode
    at_utc: str
    document_id: str = ""
    run_id: str = ""
    code: str = ""
    text: str = ""


class BatchBook(Protocol):
    """Where a batch's ledger is kept. An entry that `append` returned from survives a crash."""

    def entries(self) -> Sequence[LedgerEntry]:
        """Every entry, oldest first."""
        ...

    def append(self, *entries: LedgerEntry) -> None:
        """The ledger ends with these entries, durably: all of them or none.

        Raises:
            StopStorage: it could not be written.
        """
        ...


@dataclass(slots=True)
class DocumentLedger:
    """What the ledger says of one document in one mode.

    Attributes:
        run_id: the run that counts now, or None.
        attempts: how many attempts in a row came to no pause and no end.
        open_since_utc: when an attempt began of which no outcome is recorded, or None.
        stop: code and sentence of the last attempt, if a stop ended it.
        quarantine: why it was put aside, or None.
    """

    run_id: str | None = None
    attempts: int = 0
    open_since_utc: str | None = None
    stop: tuple[str, str] | None = None
    quarantine: str | None = None

    def take(self, entry: LedgerEntry) -> None:
        """The entry counts, too."""
        match entry.kind:
            case LedgerKind.ATTEMPT:
                self.attempts += 1
                self.open_since_utc, self.stop = entry.at_utc, None
            case LedgerKind.RUN:
                self.run_id = entry.run_id
            case LedgerKind.SETTLED:
                self.attempts, self.open_since_utc = 0, None
            case LedgerKind.STOPPED:
                self.open_since_utc, self.stop = None, (entry.code, entry.text)
            case LedgerKind.QUARANTINED:
                self.quarantine = entry.text
            case LedgerKind.RELEASED | LedgerKind.ANEW:
                self.attempts, self.stop, self.quarantine = 0, None, None
                if entry.kind is LedgerKind.ANEW:
                    self.run_id = None
            case LedgerKind.OPENED | LedgerKind.HALTED | LedgerKind.CONTINUED:
                pass


def by_document(entries: Iterable[LedgerEntry], mode: Mode) -> Mapping[str, DocumentLedger]:
    """Return what the entries say of each document in this mode; of another they say nothing."""
    found: defaultdict[str, DocumentLedger] = defaultdict(DocumentLedger)
    for entry in entries:
        if entry.mode is mode:
            found[entry.document_id].take(entry)
    return found


def of_document(entries: Iterable[LedgerEntry], document_id: str, mode: Mode) -> DocumentLedger:
    """Return what the entries say of the document in this mode."""
    found = DocumentLedger()
    for entry in entries:
        if entry.document_id == document_id and entry.mode is mode:
            found.take(entry)
    return found


def is_halted(entries: Iterable[LedgerEntry], mode: Mode) -> bool:
    """Say whether the batch stopped at a failure and was not told to go on since."""
    halted = False
    for entry in entries:
        if entry.mode is mode and entry.kind in {LedgerKind.HALTED, LedgerKind.CONTINUED}:
            halted = entry.kind is LedgerKind.HALTED
    return halted


def newest_mode(entries: Sequence[LedgerEntry]) -> Mode:
    """Return the mode that the batch was last driven in; a dry run before it began."""
    return entries[-1].mode if entries else Mode.DRYRUN
