"""The shield: what holds for every answer, and what is refused before anybody looks at it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers, MutableHeaders

from cutter_agent.web.bodies import BODY_BYTES_MAX, Body
from cutter_agent.web.problems import MEDIA_TYPE, Problem, problem_json

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATH_CHARS_MAX: Final = 2_000
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""No script, style or frame but our own files: text from documents stays text."""
HEADERS: Final = (
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
)
STRICT_TRANSPORT: Final = ("strict-transport-security", "max-age=31536000")


class Shield:
    """ASGI middleware: names, sizes, and the headers of every answer."""

    def __init__(self, app: ASGIApp, *, names: frozenset[str], secure: bool) -> None:
        """Put the shield in front of the app.

        Args:
            app: what answers.
            names: the hosts that requests may be for.
            secure: whether browsers reach it by TLS.
        """
        self._app = app
        self._names = names
        self._headers = (*HEADERS, STRICT_TRANSPORT) if secure else HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        body = Body(scope, receive)

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers:
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
                if not await body.discarded():
                    headers["connection"] = "close"
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await _refuse(refusal, sent)
            return
        await self._app(scope, body.received, sent)

    def _refusal(self, scope: Scope) -> Problem | None:
        headers = Headers(scope=scope)
        if _name(headers.get("host", "")) not in self._names:
            fact = "the request is for a host that this server does not go by"
            return Problem(421, "HOST_UNKNOWN", "Misdirected Request", fact, "", "", None)
        if len(scope["path"]) + len(scope["query_string"]) > PATH_CHARS_MAX:
            return Problem(414, "ADDRESS_TOO_LONG", "URI Too Long", "", "", "", None)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > BODY_BYTES_MAX:
            fact = f"the body is over {BODY_BYTES_MAX} bytes"
            return Problem(413, "BODY_TOO_LONG", "Content Too Large", fact, "", "", None)
        return None


async def _refuse(problem: Problem, send: Send) -> None:
    body = json.dumps(problem_json(problem)).encode()
    await send(
        {
            "type": "http.response.start",
            "status": problem.status,
            "headers": [
                (b"content-type", MEDIA_TYPE.encode()),
                (b"content-length", str(len(body)).encode()),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})


def _name(host: str) -> str:
    """The name in a Host header, in lower case, without its port."""
    if host.startswith("["):
        return host.lower().partition("]")[0] + "]"
    return host.lower().partition(":")[0]
