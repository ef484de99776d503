"""Hints: the queue says `drive run R`, and nothing else. A hint that is lost or comes twice does no harm."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException

QUEUE: Final = "cutter"
TASK: Final = "drive_run"
POLL_S: Final = 30.0
"""How often the queue is looked at although it said nothing; the run table is looked at far more often."""
AGAIN_S: Final = 2.0
CONNECTIONS: Final = 3
_QUIET: Final = ("procrastinate", "psycopg.pool")


async def listen(conninfo: str, take: Callable[[str], Awaitable[None]], lanes: int) -> None:
    """Every hint is taken, until this is cancelled; where the database is away, it is tried again.

    Args:
        conninfo: how a session reaches the queue.
        take: drives the run, or finds that there is nothing to do.
        lanes: how many hints are taken at once.
    """
    # What goes wrong here is said by the next look at the run table, in our own words.
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    while True:
        try:
            await _work(conninfo, take, lanes)
        except (ConnectorException, OSError):
            # Cancelled while the database was away, the engine ends with its own error instead.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                return
            await asyncio.sleep(AGAIN_S)


async def _work(conninfo: str, take: Callable[[str], Awaitable[None]], lanes: int) -> None:
    connector = PsycopgConnector(
        conninfo=conninfo,
        min_size=1,
        max_size=CONNECTIONS,
        timeout=10.0,
        reconnect_timeout=10.0,
    )
    app = App(connector=connector)

    @app.task(name=TASK, queue=QUEUE)
    async def drive_run(run_id: str) -> None:
        await take(run_id)

    async with app.open_async():
        await app.run_worker_async(
            queues=[QUEUE],
            concurrency=lanes,
            install_signal_handlers=False,
            delete_jobs="always",
            fetch_job_polling_interval=POLL_S,
            abort_job_polling_interval=POLL_S,
        )
