"""Logs: one JSON object a line on stderr; names of persons and runs, never a secret or a body."""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from cutter_agent.orchestrator.policy import SECRET_KEYS

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOGGER: Final = "cutter.web"
_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_HIDDEN: Final = SECRET_KEYS | {"cookie", "authorization", "signature", "csrf", "armor", "body"}
_TEXT_CHARS_MAX: Final = 500
_API: Final = "/api/v1"


class JsonLines(logging.Formatter):
    """A record as one line of JSON; of an exception its type alone, for its text may hold anything."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        shown: dict[str, Any] = {
            "at_utc": datetime.fromtimestamp(record.created, UTC).isoformat(
                timespec="milliseconds"
            ),
            "level": record.levelname.lower(),
            "event": record.getMessage()[:_TEXT_CHARS_MAX],
        }
        for name, value in vars(record).items():
            if name not in _OWN and name.lower() not in _HIDDEN:
                shown[name] = (
                    value if isinstance(value, (int, float)) else str(value)[:_TEXT_CHARS_MAX]
                )
        if record.exc_info and record.exc_info[0] is not None:
            shown["error"] = record.exc_info[0].__name__
            shown["where"] = _where(record)
        return json.dumps(shown, ensure_ascii=True)


def log_to_stderr() -> None:
    """What the server and its libraries say goes to stderr, a line of JSON each."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    for name in (LOGGER, "uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False
        logger.setLevel(logging.INFO if name == LOGGER else logging.WARNING)


def _where(record: logging.LogRecord) -> str:
    """The file and line where the exception was raised."""
    trace = None if record.exc_info is None else record.exc_info[2]
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    return f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"


def _route(scope: Scope) -> str:
    """The pattern of the route that answered: never an address, which holds names."""
    pattern: str = getattr(scope.get("route"), "path", "") or "unknown"
    # The framework's own route leaves out the prefix of the router that it was included in.
    inner = scope["path"].startswith(f"{_API}/") and not pattern.startswith(_API)
    return f"{_API}{pattern}" if inner and pattern != "unknown" else pattern


class Journal:
    """ASGI middleware: one line a request, with its route and never its query, and a count for metrics."""

    def __init__(self, app: ASGIApp) -> None:
        """Put the journal in front of the app."""
        self._app = app
        self._log = logging.getLogger(LOGGER)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request and write it down."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            route = _route(scope)
            seconds = time.monotonic() - began
            visitor = scope.get("state", {}).get("visitor")
            self._log.info(
                "request",
                extra={
                    "method": scope["method"] if scope["method"].isalpha() else "?",
                    "route": route,
                    "status": status,
                    "ms": round(seconds * 1000, 1),
                    "person": getattr(visitor, "person", None) or "",
                },
            )
            console = getattr(scope["app"].state, "console", None) if "app" in scope else None
            if console is not None:
                console.counts.request(route, scope["method"], status, seconds)
