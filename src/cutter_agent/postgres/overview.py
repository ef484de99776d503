"""What the console lists over all runs: rows read by the role that may do nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from cutter_agent.postgres.connect import Select
from cutter_agent.postgres.statements import statement


def run_stamps(select: Select, *, limit: int) -> Mapping[str, tuple[int, str]]:
    """The newest live runs, each with the place and digest of its newest event."""
    rows = select(statement("run_stamps").decode(), {"limit": limit})
    return {str(row["run_id"]): (int(str(row["seq"])), str(row["sha256"])) for row in rows}
