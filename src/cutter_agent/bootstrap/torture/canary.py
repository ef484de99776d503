"""The canary: a writer as one writes it at first, which commits and then says so in a file. It must be caught."""

from __future__ import annotations

import json
from typing import Final

from cutter_agent.bootstrap.torture.audits import Rows as AuditedRows
from cutter_agent.bootstrap.torture.audits import Units, planned, row_faults
from cutter_agent.bootstrap.torture.crashes import Played
from cutter_agent.bootstrap.torture.machine import CODE, PROFILE, RUNS, TEXT
from cutter_agent.files.durable import Folder
from cutter_agent.orchestrator.effects import Effects, Hook
from cutter_agent.rehearsal.memory_disk import Content, MemoryDisk

BASE: Final = "database"
STEPS: Final = ("units", "manifests", "results", "enacted")
SIZE_MAX: Final = 1_000_000

Tables = dict[str, list[list[str]]]


class NaiveWriter:
    """Each step: commit its rows, whatever is there already, then note in a sidecar that it was done."""

    def __init__(self, disk: MemoryDisk, hook: Hook, units: Units) -> None:
        """Bind disk, hook and the units that it writes."""
        self._folder = Folder(RUNS, on_effect=hook, disk=disk)
        self._effects = Effects(hook)
        self._units = [list(unit) for unit in units]

    def go_on(self) -> None:
        """Every step that the sidecar does not know yet is done and noted."""
        for step in STEPS[self._done() :]:
            with self._effects.one("read"):
                tables = self.tables()
            with self._effects.one(step):
                tables[step] = tables.get(step, []) + self._rows(step)
            with self._effects.one("commit"):
                self._write(BASE, tables)
            with self._effects.one("sidecar"):
                self._write("sidecar.json", [*STEPS[: STEPS.index(step) + 1]])

    def tables(self) -> Tables:
        """What is committed."""
        data = self._folder.read(BASE, size_bytes_max=SIZE_MAX)
        read: Tables = {} if data is None else json.loads(data)
        return read

    def _rows(self, step: str) -> list[list[str]]:
        return self._units if step in {"units", "enacted"} else [["change set"]]

    def _done(self) -> int:
        data = self._folder.read("sidecar.json", size_bytes_max=SIZE_MAX)
        return 0 if data is None else len(json.loads(data))

    def _write(self, name: str, value: object) -> None:
        with self._folder.writing(name):
            self._folder.replace(name, json.dumps(value).encode())


def play_naive(content: Content, hook: Hook) -> Played:
    """The naive writer goes on from this content to its end; the same audit judges it."""
    expected = planned(TEXT.encode(), CODE, PROFILE)
    writer = NaiveWriter(MemoryDisk(content), hook, expected)
    writer.go_on()
    tables = writer.tables()
    rows = AuditedRows(
        units=_pairs(tables["units"]),
        enacted=_pairs(tables["enacted"]),
        manifests=tuple(row[0] for row in tables["manifests"]),
        results=tuple(row[0] for row in tables["results"]),
        spent=(),
    )
    return Played(
        over=True, outcome="done", fault="; ".join(row_faults(rows, expected, closed=True))
    )


def _pairs(rows: list[list[str]]) -> Units:
    return tuple(sorted((address, sha256) for address, sha256 in rows))
