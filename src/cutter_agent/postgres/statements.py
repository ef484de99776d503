"""The adapter's own SQL texts, by the name of their file."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def statement(name: str) -> bytes:
    """Return the text of queries/<name>.sql, as the driver takes it."""
    return files("cutter_agent.postgres").joinpath("queries", f"{name}.sql").read_bytes()
