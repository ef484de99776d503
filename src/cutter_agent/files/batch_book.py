"""The ledger of a batch: `<runs dir>/batches/<batch_id>.json`, one entry a line, whole or refused."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from cutter_agent.errors import StopEvidenceMismatch, StopLockBusy, StopRefusedInput, StopStorage
from cutter_agent.evidence.canonical import canonical_bytes, parse_canonical
from cutter_agent.evidence.codec import from_json, to_json
from cutter_agent.files.durable import Folder
from cutter_agent.orchestrator.batch_ledger import LedgerEntry
from cutter_agent.orchestrator.effects import Hook, no_effect

BATCHES: Final = "batches"
PROBE_S: Final = 0.5
LEDGER_BYTES_MAX: Final = 16 * 1024 * 1024


class FolderBook:
    """One batch's ledger and report in the folder of batches."""

    def __init__(self, runs_dir: Path, batch_id: str, *, on_effect: Hook = no_effect) -> None:
        """Name the files; nothing is made before the first entry."""
        self._folder = Folder(runs_dir.resolve(), on_effect=on_effect).inner(BATCHES)
        self._batch_id = batch_id
        self._known: tuple[LedgerEntry, ...] | None = None
        self._seen = b""

    @property
    def name(self) -> str:
        """The ledger's file name."""
        return f"{self._batch_id}.json"

    def entries(self) -> Sequence[LedgerEntry]:
        if self._known is None:
            self._known = self._read()
        return self._known

    def append(self, *entries: LedgerEntry) -> None:
        with self._folder.writing(self.name):
            # Another process may have written since: `quarantine` beside a batch that runs.
            before = self._read()
            rows = (canonical_bytes(to_json(each)) + b"\n" for each in entries)
            data = b"".join((self._seen, *rows))
            if len(data) > LEDGER_BYTES_MAX:
                raise StopStorage(f"the ledger of {self._batch_id} would be over its limit")
            self._folder.replace(self.name, data)
            self._known, self._seen = (*before, *entries), data

    def driving(self) -> AbstractContextManager[None]:
        """The batch is driven by this process alone while the block lasts; its death frees it.

        Raises:
            StopLockBusy: another process drives it.
        """
        # A moment's wait: `driven` holds the lock for as long as it takes to see that it is free.
        return self._folder.lock(f"{self._batch_id}.run", wait_s=PROBE_S)

    @property
    def driven(self) -> bool:
        """True while some process drives the batch."""
        try:
            with self._folder.lock(f"{self._batch_id}.run"):
                return False
        except StopLockBusy:
            return True

    def put_report(self, markdown: str, html: str) -> Path:
        """The batch's report is this text, in two forms; returns where the first lies."""
        for suffix, text in (("html", html), ("md", markdown)):
            name = f"{self._batch_id}.{suffix}"
            with self._folder.writing(name):
                self._folder.replace(name, text.encode())
        return self._folder.path / f"{self._batch_id}.md"

    def _read(self) -> tuple[LedgerEntry, ...]:
        data = self._folder.read(self.name, size_bytes_max=LEDGER_BYTES_MAX) or b""
        if data == self._seen and self._known is not None:
            return self._known
        if len(data) > LEDGER_BYTES_MAX or (data and not data.endswith(b"\n")):
            raise self._torn("it has no end")
        # What was read once and stands there still is not read again: a ledger only grows.
        old = self._known if self._known is not None and data.startswith(self._seen) else None
        rows = data.splitlines() if old is None else data[len(self._seen) :].splitlines()
        try:
            fresh = tuple(from_json(LedgerEntry, parse_canonical(row)) for row in rows)
        except (StopRefusedInput, StopEvidenceMismatch, ValueError) as error:
            raise self._torn(str(getattr(error, "fact", error))) from error
        self._seen = data
        return (*(old or ()), *fresh)

    def _torn(self, why: str) -> StopEvidenceMismatch:
        return StopEvidenceMismatch(
            f"the ledger {BATCHES}/{self.name} is torn or edited: {why}",
            expected="one entry a line, as it was written",
            remedy="cutter runs list",
        )
