"""The app: pages, API, events and health of one deployment behind one shield."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from cutter_agent.bootstrap.console.missing import NothingThereError
from cutter_agent.errors import Stop, StopRefusedInput, StopUnexpected
from cutter_agent.web import actions, api, events, metrics, pages, sign_in
from cutter_agent.web.access import API, SignInNeeded, sign_in_url
from cutter_agent.web.bodies import BodyTooLongError
from cutter_agent.web.console import Console
from cutter_agent.web.logs import Journal
from cutter_agent.web.options import ServerOptions
from cutter_agent.web.problems import (
    MEDIA_TYPE,
    Problem,
    Refused,
    problem_json,
    problem_of_stop,
)
from cutter_agent.web.render import stop_page
from cutter_agent.web.shield import Shield

if TYPE_CHECKING:
    from cutter_agent.bootstrap.console.desks import Desks

_LOG: Final = logging.getLogger("cutter.web")


def create_app(desks: Desks, options: ServerOptions | None = None) -> FastAPI:
    """The app of this deployment; it opens desks when it is asked and closes them at its end."""
    options = options or ServerOptions()
    console = Console(desks, options)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        del app
        await run_in_threadpool(console.start)
        try:
            yield
        finally:
            await run_in_threadpool(console.close)

    app = FastAPI(
        title="iu-cutter",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        lifespan=lifespan,
    )
    app.state.console = console
    app.include_router(sign_in.router)
    app.include_router(actions.router)
    app.include_router(metrics.router)
    app.include_router(events.router)
    app.include_router(api.router)
    app.openapi = lambda: api.description(app)  # type: ignore[method-assign]
    app.include_router(pages.router)
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    app.add_middleware(Journal)
    app.add_middleware(Shield, names=options.allowed_names, secure=options.secure)
    return app


def answer_of(request: Request, problem: Problem) -> Response:
    """The refusal as a page for a browser, as a document for a program."""
    wants_page = "text/html" in request.headers.get("accept", "")
    if wants_page and not request.url.path.startswith(API):
        return stop_page(request, problem, problem.status)
    body = json.dumps(problem_json(problem), ensure_ascii=False)
    return Response(body, status_code=problem.status, media_type=MEDIA_TYPE)


def _on_stop(request: Request, error: Exception) -> Response:
    assert isinstance(error, Stop)
    return answer_of(request, problem_of_stop(error))


def _on_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    response = answer_of(request, error.problem)
    if error.problem.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = 'Bearer realm="cutter"'
    return response


def _on_sign_in(request: Request, error: Exception) -> Response:
    del error
    return RedirectResponse(sign_in_url(request), status_code=HTTPStatus.SEE_OTHER)


def _on_input(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = tuple(
        f"{'.'.join(str(part) for part in each['loc'])}: {each['msg']}" for each in error.errors()
    )
    stop = StopRefusedInput(
        "the request does not have the form that is asked for",
        expected="the form in /api/v1/openapi.json",
        findings=faults,
        remedy="cutter serve --help",
    )
    return answer_of(request, problem_of_stop(stop))


def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    if status is HTTPStatus.BAD_REQUEST:
        return _on_input(request, RequestValidationError([]))
    fact, expected = "", ""
    if status is HTTPStatus.NOT_FOUND:
        fact = f"there is nothing at {request.url.path[:200]}"
        expected = "an address that a page or /api/v1/openapi.json names"
    problem = Problem(int(status), status.name, status.phrase, fact, expected, "", None)
    response = answer_of(request, problem)
    response.headers.update(error.headers or {})
    return response


def _on_nothing(request: Request, error: Exception) -> Response:
    assert isinstance(error, NothingThereError)
    status = HTTPStatus.NOT_FOUND
    problem = Problem(
        int(status),
        error.code,
        status.phrase,
        str(error),
        error.expected,
        error.remedy,
        None,
        error.run_id,
    )
    return answer_of(request, problem)


def _on_long_body(request: Request, error: Exception) -> Response:
    del error
    return answer_of(request, Problem(413, "BODY_TOO_LONG", "Content Too Large", "", "", "", None))


def _on_bug(request: Request, error: Exception) -> Response:
    _LOG.error("unexpected", exc_info=error)
    stop = StopUnexpected(type(error).__name__, remedy="cutter doctor")
    return answer_of(request, problem_of_stop(stop))


_HANDLERS: Final[dict[type[Exception], Callable[[Request, Exception], Response]]] = {
    Stop: _on_stop,
    Refused: _on_refused,
    SignInNeeded: _on_sign_in,
    RequestValidationError: _on_input,
    HTTPException: _on_http,
    BodyTooLongError: _on_long_body,
    NothingThereError: _on_nothing,
    Exception: _on_bug,
}
