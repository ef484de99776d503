"""The runs and documents that a home's folder names: enough to offer names, without a database."""

from __future__ import annotations

from typing import Final, NamedTuple

from cutter_agent.bootstrap.home import Home

INDEX_BYTES_MAX: Final = 1 << 20
"""How much of the index's end is read: some thousand runs."""
_FIELDS_MIN: Final = 3


class IndexedRun(NamedTuple):
    """A run by its id; document and mode are empty until it has a line in the index."""

    run_id: str
    document_id: str = ""
    mode: str = ""


def indexed_runs(home: Home) -> list[IndexedRun]:
    """Return the runs of this home, newest first.

    Raises:
        OSError: the folder cannot be read.
    """
    from cutter_agent.files.kb_reporter import INDEX
    from cutter_agent.files.state_store import RUN_ID

    if not home.runs.is_dir():
        return []
    found = {
        path.stem: IndexedRun(path.stem)
        for path in home.runs.glob("ictr-*.json")
        if RUN_ID.fullmatch(path.stem)
    }
    index = home.runs / INDEX
    if index.is_file():
        with index.open("rb") as file:
            file.seek(max(0, index.stat().st_size - INDEX_BYTES_MAX))
            lines = file.read(INDEX_BYTES_MAX).decode("utf-8", "replace").splitlines()
        for line in lines:
            cells = line.removeprefix("- ").split(" · ")
            if line.startswith("- ictr-") and len(cells) >= _FIELDS_MIN:
                found[cells[0]] = IndexedRun(cells[0], cells[1], cells[2])
    return [found[run_id] for run_id in sorted(found, reverse=True)]
