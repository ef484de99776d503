"""What the server says of itself: routes as patterns, and no secret."""

import asyncio
import json
import logging
from pathlib import Path

import httpx
import pytest
from prometheus_client import generate_latest

from cutter_agent.bootstrap.console.desks import Desks
from cutter_agent.web.app import create_app
from cutter_agent.web.logs import JsonLines


def test_requests_are_counted_by_pattern_and_never_by_address(tmp_path: Path) -> None:
    app = create_app(Desks({"CUTTER_HOME": str(tmp_path / "none")}))

    async def ask() -> None:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            for path in ("/api/v1/runs/abc/log", "/runs/abc", "/nowhere/abc"):
                await client.get(path)

    asyncio.run(ask())
    told = generate_latest(app.state.console.counts.registry).decode()
    assert 'route="/api/v1/runs/{run_id}/log",status="401"' in told
    assert 'route="/runs/{run_id}",status="303"' in told
    assert 'route="unknown",status="404"' in told
    assert "abc" not in told


@pytest.mark.parametrize("name", ["password", "cookie", "authorization", "signature", "csrf"])
def test_a_log_line_holds_no_secret_and_no_text_of_an_exception(name: str) -> None:
    record = logging.makeLogRecord({"msg": "request", name: "hidden", "status": 200})
    try:
        int("hidden")
    except ValueError as error:
        record.exc_info = (ValueError, error, error.__traceback__)
    line = JsonLines().format(record)
    assert "hidden" not in line
    told = json.loads(line)
    assert (told["status"], told["error"]) == (200, "ValueError")
    assert told["where"].startswith("test_journal.py:")
