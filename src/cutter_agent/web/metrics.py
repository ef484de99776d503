"""Metrics and health: what machines that watch the server ask for."""

from __future__ import annotations

from fastapi import APIRouter, Request
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, Response

from cutter_agent.errors import Stop
from cutter_agent.web.access import reader
from cutter_agent.web.console import console_of
from cutter_agent.web.options import is_loopback

router = APIRouter(include_in_schema=False)


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """The numbers, for whoever reaches a server of this machine alone; elsewhere for who is signed in."""
    console = console_of(request)
    if not is_loopback(console.options.host) or console.options.behind_tls:
        reader(request)
    return Response(generate_latest(console.counts.registry), media_type=CONTENT_TYPE_LATEST)


@router.get("/healthz")
def healthz(request: Request) -> Response:
    """200 while the deployment can be worked at, else 503; nothing else is told."""
    try:
        with console_of(request).desks.one() as desk:
            desk.now_utc()
    except Stop as stop:
        return JSONResponse({"ok": False, "code": stop.code}, status_code=503)
    return JSONResponse({"ok": True})
