"""Bodies of requests: bounded, and off the wire before an answer lets the connection go."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from fastapi import HTTPException
from starlette.datastructures import Headers

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope

BODY_BYTES_MAX: Final = 256 * 1024
DISCARDED_BYTES_MAX: Final = 16 * BODY_BYTES_MAX
DISCARDED_S_MAX: Final = 5.0
"""How much of a body that nobody wants is taken off the wire, and for how long."""


class BodyTooLongError(HTTPException):
    """A body without a length turned out to be over the limit.

    An HTTPException, since FastAPI takes any other error while it reads a body for a body that it cannot parse.
    """

    def __init__(self) -> None:
        super().__init__(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)


class Body:
    """The body of one request, as the app receives it."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        """Bind what the client said of the body, and where its bytes come from."""
        headers = Headers(scope=scope)
        self._receive = receive
        self._waits = "expect" in headers
        self._ended = (
            "transfer-encoding" not in headers and headers.get("content-length", "0") == "0"
        )
        self._size = 0

    async def received(self) -> Message:
        """Return the next piece.

        Raises:
            BodyTooLongError: the pieces together are over the limit.
        """
        message = await self._next()
        if self._size > BODY_BYTES_MAX:
            raise BodyTooLongError
        return message

    async def discarded(self) -> bool:
        """Say whether the body's end was reached, after taking what is left of it off the wire within limits.

        A socket that is closed with unread bytes resets the connection, and the reset can overtake the answer
        (RFC 9112 §9.6); and one that is kept lets the client send for ever.
        """
        if self._waits:
            return self._ended  # it sends nothing before it is told to go on
        with suppress(TimeoutError):
            async with asyncio.timeout(DISCARDED_S_MAX):
                while not self._ended and self._size < DISCARDED_BYTES_MAX:
                    await self._next()
        return self._ended

    async def _next(self) -> Message:
        message = await self._receive()
        self._size += len(message.get("body", b""))
        self._ended = self._ended or not message.get("more_body")
        return message
