"""Listening: the ids of runs that moved, as the database tells them at each commit."""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

from cutter_agent.postgres.connect import Login, connect, translated

CHANNEL: Final = "cutter_run"
BREATH_S: Final = 1.0


def told_runs(reader: Login) -> Generator[str | None]:
    """Yield the id of each run that moves, and None at least once a second, for as long as the connection lasts.

    Raises:
        StopDatabaseAway: the connection was lost; whatever was told meanwhile is not told again.
    """
    connection = connect(reader, application="cutter listen")
    try:
        with translated():
            connection.execute(f"LISTEN {CHANNEL}".encode())
            yield None
            while True:
                for heard in connection.notifies(timeout=BREATH_S, stop_after=100):
                    yield heard.payload
                yield None
    finally:
        connection.close()
