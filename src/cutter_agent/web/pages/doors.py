"""The door and what lies in the open: sign-in and static files."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from cutter_agent.errors import StopApprovalInvalid
from cutter_agent.web.access import (
    SIGN_IN,
    give_cookie,
    own_form,
    safe_next,
    session_id_of,
    slowed,
)
from cutter_agent.web.challenges import SIGNATURE_BYTES_MAX
from cutter_agent.web.console import console_of
from cutter_agent.web.pages.shell import Word
from cutter_agent.web.render import page
from cutter_agent.web.sign_in import answered, new_challenge, people_who_may_sign_in, signature_of
from cutter_agent.web.statics import CITATION_SCRIPT, static_bytes

router = APIRouter(include_in_schema=False)

_STATIC: Final = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "evidence.js": "text/javascript; charset=utf-8",
    "bundle.js": "text/javascript; charset=utf-8",
    "bundle_checks.js": "text/javascript; charset=utf-8",
    "bundle_forms.js": "text/javascript; charset=utf-8",
    "bundle_policy.js": "text/javascript; charset=utf-8",
    "bundle_readme.js": "text/javascript; charset=utf-8",
    "readme_texts.js": "text/javascript; charset=utf-8",
    "htmx.min.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_A_YEAR: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"


@router.get("/sign-in")
def sign_in_page(request: Request, person: Word = "", wanted: Word = "") -> Response:
    """Who may sign in; for one of them, the line to sign."""
    return door(request, person, safe_next(wanted or request.query_params.get("next", "/")))


def door(request: Request, person: str, onward: str, fault: str = "") -> Response:
    """The page of the door: a fresh challenge for this person, or everybody who may sign in.

    Args:
        request: whose session the challenge is for.
        person: who wants to sign in; empty where nobody was named.
        onward: where they are led then.
        fault: why the answer before did not hold.
    """
    challenge = new_challenge(request, person) if person else None
    with console_of(request).desks.one() as at:
        people = people_who_may_sign_in(at)
    answer = page(
        request,
        "sign_in.html",
        title="Sign in",
        twin="",
        challenge=challenge,
        people=people,
        onward=onward,
        fault=fault,
        status_code=HTTPStatus.UNPROCESSABLE_ENTITY if fault else HTTPStatus.OK,
    )
    give_cookie(request, answer, session_id_of(request)[0])
    return answer


@router.post(SIGN_IN, dependencies=[Depends(own_form), Depends(slowed)])
async def sign_in(
    request: Request,
    challenge: Annotated[str, Form(max_length=64)] = "",
    person: Annotated[str, Form(max_length=200)] = "",
    signature: Annotated[str, Form(max_length=SIGNATURE_BYTES_MAX)] = "",
    signature_file: Annotated[UploadFile | None, File()] = None,
    wanted: Annotated[str, Form(alias="next", max_length=500)] = "/",
) -> Response:
    """The person is signed in under a new session, or the challenge is spent."""
    armor = await signature_of(signature, signature_file)
    try:
        session_id = await run_in_threadpool(
            answered, request, challenge, armor, session_id_of(request)[0]
        )
    except StopApprovalInvalid as stop:
        if "text/html" not in request.headers.get("accept", ""):
            raise
        return await run_in_threadpool(door, request, person, safe_next(wanted), stop.fact)
    response = RedirectResponse(safe_next(wanted), status_code=HTTPStatus.SEE_OTHER)
    give_cookie(request, response, session_id)
    return response


@router.get("/static/{name}")
def static_file(request: Request, name: str) -> Response:
    """A file of the console's own; nothing else is ever read."""
    if name != CITATION_SCRIPT and name not in _STATIC:
        raise HTTPException(404)
    kept = _A_YEAR if request.url.query else _ASK_AGAIN
    media_type = _STATIC.get(name, "text/javascript; charset=utf-8")
    return Response(static_bytes(name), media_type=media_type, headers={"Cache-Control": kept})
