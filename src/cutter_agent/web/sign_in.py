"""Signing in and out: a person signs a fresh challenge with a key that the trust policy names."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Depends, Request, UploadFile
from starlette.responses import RedirectResponse, Response

from cutter_agent.bootstrap.console.roles import people_who_may_sign_in
from cutter_agent.bootstrap.people import check_person
from cutter_agent.web.access import (
    SIGN_IN,
    cookie_name,
    own_form,
    session_id_of,
)
from cutter_agent.web.challenges import SIGNATURE_BYTES_MAX, Challenge
from cutter_agent.web.console import console_of

__all__ = ["Challenge", "new_challenge", "people_who_may_sign_in", "router"]

router = APIRouter(include_in_schema=False)


def new_challenge(request: Request, person: str) -> Challenge:
    """A fresh challenge for this person in the session of this request.

    Raises:
        StopRefusedInput: the name cannot be a person's.
    """
    console = console_of(request)
    host = request.headers.get("host", "").lower()
    return console.challenges.new(check_person(person), host, session_id_of(request)[0])


async def signature_of(text: str, file: UploadFile | None) -> bytes:
    """The armour that was pasted or uploaded; the uploaded one if both were."""
    if file is not None and file.size:
        return await file.read(SIGNATURE_BYTES_MAX + 1)
    return text.encode("utf-8", "replace")[: SIGNATURE_BYTES_MAX + 1]


@router.post("/sign-out", dependencies=[Depends(own_form)])
async def sign_out(request: Request) -> Response:
    """The session is over, here and for whoever holds a copy of its cookie."""
    console_of(request).sessions.end(session_id_of(request)[0])
    response = RedirectResponse(SIGN_IN, status_code=HTTPStatus.SEE_OTHER)
    response.delete_cookie(cookie_name(request), path="/")
    return response


def answered(request: Request, challenge_id: str, armor: bytes, session_id: str) -> str:
    """The id of the new session of whoever answered the challenge.

    Raises:
        StopApprovalInvalid: the answer does not hold.
    """
    console = console_of(request)
    policy, _ = console.trust()
    person = console.challenges.answer(
        challenge_id,
        armor,
        host=request.headers.get("host", "").lower(),
        session_id=session_id,
        policy=policy,
    )
    console.sessions.end(session_id)
    return console.sessions.begin(person)
