"""Events: server-sent, of one run its history line by line, of all runs the ids of those that move."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from cutter_agent.bootstrap.standing import context_of, event_json
from cutter_agent.errors import Stop
from cutter_agent.web.access import Visitor, reader
from cutter_agent.web.console import console_of
from cutter_agent.web.hub import EVERYTHING
from cutter_agent.web.problems import Refused

if TYPE_CHECKING:
    from cutter_agent.evidence.canonical import Json
    from cutter_agent.web.console import Console
    from cutter_agent.web.hub import Stream

router = APIRouter(include_in_schema=False)
PING_S: Final = 15.0
AGAIN_MS: Final = 3_000
"""So long a browser waits before it connects again."""


@router.get("/events")
async def events(
    request: Request,
    who: Annotated[Visitor, Depends(reader)],
    run: Annotated[str, Query(max_length=100)] = "",
    last_event_id: Annotated[str, Header(max_length=100)] = "",
) -> Response:
    """A stream that lasts until the client leaves, the session ends or the server does."""
    console = console_of(request)
    if run:
        await run_in_threadpool(_lines, console, run, 0)  # a run that is unknown is no stream
    stream = console.hub.open()
    if stream is None:
        raise Refused(
            HTTPStatus.SERVICE_UNAVAILABLE, "TOO_MANY_STREAMS", "too many pages are watching"
        )
    told = (
        _of_run(console, stream, run, last_event_id)
        if run
        else _of_all(console, stream, last_event_id)
    )
    return StreamingResponse(
        _while_signed_in(console, stream, who.session_id, told),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no"},
    )


async def _while_signed_in(
    console: Console, stream: Stream, session_id: str, told: AsyncIterator[str]
) -> AsyncIterator[str]:
    try:
        yield f"retry: {AGAIN_MS}\n\n"
        async for each in told:
            if not console.sessions.lasts(session_id):
                return
            yield each
    finally:
        console.hub.leave(stream)


async def _of_run(
    console: Console, stream: Stream, run_id: str, last_event_id: str
) -> AsyncIterator[str]:
    seq = int(last_event_id) if last_event_id.isdecimal() else 0
    while True:
        for line in await run_in_threadpool(_lines, console, run_id, seq):
            seq = int(str(line["seq"]))
            yield _event("run", str(seq), {"run_id": run_id, **line})
        yield _event("standing", str(seq), {"run_id": run_id, "seq": seq})
        while True:
            try:
                moved = await stream.next(PING_S)
            except TimeoutError:
                yield ": still here\n\n"
                continue
            if moved is None:
                return
            if moved in {run_id, EVERYTHING}:
                break


async def _of_all(console: Console, stream: Stream, last_event_id: str) -> AsyncIterator[str]:
    position = console.hub.position
    if last_event_id and last_event_id != position:
        yield _event("change", position, {"run_id": EVERYTHING})
    while True:
        try:
            moved = await stream.next(PING_S)
        except TimeoutError:
            yield ": still here\n\n"
            continue
        if moved is None:
            return
        yield _event("change", console.hub.position, {"run_id": moved})


def _lines(console: Console, run_id: str, after: int) -> list[dict[str, Json]]:
    """The run's history after this entry; nothing while the database does not answer."""
    try:
        with console.desks.one() as desk:
            context = context_of(desk, run_id)
    except Stop:
        if after:
            return []
        raise
    return [event_json(event) for event in context.history.events if event.seq > after]


def _event(kind: str, name: str, data: dict[str, Json]) -> str:
    return f"event: {kind}\nid: {name}\ndata: {json.dumps(data, ensure_ascii=True)}\n\n"
