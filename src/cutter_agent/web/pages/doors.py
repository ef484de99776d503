"""The door and what lies in the open: sign-in and static files."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from cutter_agent.web.access import give_cookie, safe_next, session_id_of
from cutter_agent.web.console import console_of
from cutter_agent.web.pages.shell import Word
from cutter_agent.web.render import page
from cutter_agent.web.sign_in import new_challenge, people_who_may_sign_in

router = APIRouter(include_in_schema=False)

_STATIC: Final = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "evidence.js": "text/javascript; charset=utf-8",
    "bundle.js": "text/javascript; charset=utf-8",
    "bundle_checks.js": "text/javascript; charset=utf-8",
    "bundle_forms.js": "text/javascript; charset=utf-8",
    "bundle_policy.js": "text/javascript; charset=utf-8",
    "htmx.min.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_CITATION_SCRIPT: Final = "citation.js"
_A_YEAR: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"


@router.get("/sign-in")
def sign_in_page(request: Request, person: Word = "", wanted: Word = "") -> Response:
    """Who may sign in; for one of them, the line to sign."""
    onward = safe_next(wanted or request.query_params.get("next", "/"))
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
    )
    give_cookie(request, answer, session_id_of(request)[0])
    return answer


@router.get("/static/{name}")
def static_file(request: Request, name: str) -> Response:
    """A file of the console's own; nothing else is ever read."""
    if name != _CITATION_SCRIPT and name not in _STATIC:
        raise HTTPException(404)
    kept = _A_YEAR if request.url.query else _ASK_AGAIN
    media_type = _STATIC.get(name, "text/javascript; charset=utf-8")
    return Response(_static(name), media_type=media_type, headers={"Cache-Control": kept})


@cache
def _static(name: str) -> bytes:
    if name == _CITATION_SCRIPT:
        # The checks have one home: the page that a citation carries and the console's run the same.
        return files("cutter_agent.evidence").joinpath(name).read_bytes()
    return files("cutter_agent.web").joinpath("static", name).read_bytes()
