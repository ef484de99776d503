"""The API, version 1: its routes below /api/v1 and its description."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter
from fastapi.openapi.utils import get_openapi

from cutter_agent.web.api import deployment, reviews, runs, session
from cutter_agent.web.api.answers import PROBLEM_SCHEMA

if TYPE_CHECKING:
    from fastapi import FastAPI

PREFIX: Final = "/api/v1"
_DESCRIPTION: Final = (
    "Cuts laws, charters and policies into information units. Sign in by signing a challenge with an "
    "enrolled SSH key; send the bearer with every request. Every refusal is a problem document whose "
    "`code` is a stop code of the command line, or the server's own."
)

router = APIRouter(prefix=PREFIX)
for part in (session, runs, reviews, deployment):
    router.include_router(part.router)


def description(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of the app."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, description=_DESCRIPTION, routes=app.routes
        )
        parts = made["components"]
        parts["schemas"]["ProblemDocument"] = PROBLEM_SCHEMA
        for unused in ("HTTPValidationError", "ValidationError"):
            parts["schemas"].pop(unused, None)
        parts["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        for path, operations in made["paths"].items():
            for operation in operations.values():
                open_to_all = path in {f"{PREFIX}/challenges", f"{PREFIX}/sessions"}
                operation["security"] = [] if open_to_all else [{"bearer": []}]
        app.openapi_schema = made
    return app.openapi_schema
