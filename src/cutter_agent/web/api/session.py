"""Sessions of API clients: the same challenge as in a browser, answered for a bearer."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from cutter_agent.bootstrap.people import check_person
from cutter_agent.web.access import Visitor, actor, known_visitor, reader, slowed
from cutter_agent.web.api.answers import refusals
from cutter_agent.web.api.models import (
    ChallengeGiven,
    ChallengeShown,
    Me,
    SessionGiven,
    SessionShown,
)
from cutter_agent.web.challenges import NAMESPACE
from cutter_agent.web.console import console_of
from cutter_agent.web.problems import Refused
from cutter_agent.web.sessions import IDLE_S, LIFE_S
from cutter_agent.web.sign_in import answered

router = APIRouter(tags=["session"])


@router.post(
    "/challenges",
    status_code=HTTPStatus.CREATED,
    responses=refusals(429),
    dependencies=[Depends(slowed)],
)
def challenge(request: Request, given: ChallengeGiven) -> ChallengeShown:
    """A fresh line to sign; it counts once, for five minutes, for this client at this host."""
    console = console_of(request)
    session_id = console.sessions.new_id()
    host = request.headers.get("host", "").lower()
    made = console.challenges.new(check_person(given.person), host, session_id)
    return ChallengeShown(
        challenge_id=made.challenge_id,
        binding=console.sessions.sealed(session_id),
        namespace=NAMESPACE,
        text=made.text,
        command=made.command,
        expires_utc=made.expires_utc,
    )


@router.post(
    "/sessions",
    status_code=HTTPStatus.CREATED,
    responses=refusals(429),
    dependencies=[Depends(slowed)],
)
def begin(request: Request, given: SessionGiven) -> SessionShown:
    """Whoever answered the challenge is signed in; the bearer ends with the session."""
    console = console_of(request)
    bound = console.sessions.opened(given.binding)
    if bound is None:
        raise Refused(
            HTTPStatus.UNAUTHORIZED, "SIGN_IN_REQUIRED", "the binding is none of this server's"
        )
    session_id = answered(request, given.challenge_id, given.signature.encode(), bound)
    request.state.session = (session_id, True)
    who = known_visitor(request)
    return SessionShown(
        person=who.person or "",
        roles=sorted(who.roles),
        bearer=console.sessions.sealed(session_id),
        idle_s=IDLE_S,
        life_s=LIFE_S,
    )


@router.delete("/sessions/current", status_code=HTTPStatus.NO_CONTENT, responses=refusals(403))
def end(request: Request, who: Annotated[Visitor, Depends(actor())]) -> Response:
    """The session is over, for whoever holds a copy of it too."""
    console_of(request).sessions.end(who.session_id)
    return Response(status_code=HTTPStatus.NO_CONTENT)


@router.get("/me", responses=refusals())
def me(who: Annotated[Visitor, Depends(reader)]) -> Me:
    """Who sends the request, and what they may do."""
    return Me(person=who.person or "", roles=sorted(who.roles))
