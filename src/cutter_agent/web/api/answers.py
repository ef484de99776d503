"""Answers of the API: documents with an entity tag, and the refusals that every route may give."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from fastapi import Request
from pydantic import BaseModel
from starlette.responses import Response

from cutter_agent.web.api.models import ProblemDocument
from cutter_agent.web.problems import MEDIA_TYPE

_PROBLEM: Final[dict[str, Any]] = {
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
}
_WORDS: Final = {
    401: "Nobody is signed in.",
    403: "The person has not the role, or a lock of live work is closed.",
    404: "There is no such thing.",
    409: "The run's own state forbids it; the stop's code says why.",
    410: "The life of the approval is over.",
    413: "The body is too long.",
    414: "The address is too long.",
    421: "The request is for a host that the server does not go by.",
    422: "The input is refused.",
    429: "Too many tries; the next one counts in a minute.",
    503: "The database or the storage does not answer; to try again is safe.",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The refusals of a route, for its description."""
    common = {401, 413, 414, 421, 422, 503}
    return {
        status: {"description": _WORDS[status], **_PROBLEM}
        for status in sorted(common.union(statuses))
    }


def tagged(request: Request, document: BaseModel) -> Response:
    """The document with its entity tag; 304 without a body where the client has it already."""
    body = document.model_dump_json(by_alias=True).encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


PROBLEM_SCHEMA: Final = ProblemDocument.model_json_schema()
