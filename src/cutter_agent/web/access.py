"""Access: who sends a request, what they may do, and whether a form is one of their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request

from cutter_agent.bootstrap.console.roles import AUDITOR, roles_of
from cutter_agent.errors import Stop
from cutter_agent.web.console import console_of
from cutter_agent.web.problems import Refused

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection
    from starlette.responses import Response

    from cutter_agent.bootstrap.console.recall import ConsoleDesk

COOKIE: Final = "cutter_session"
SECURE_COOKIE: Final = "__Host-cutter_session"
CSRF_FIELD: Final = "csrf"
CSRF_HEADER: Final = "x-csrf-token"
COOKIE_LIFE_S: Final = 8 * 60 * 60
API: Final = "/api/"
SIGN_IN: Final = "/sign-in"
_BEARER: Final = "bearer "
_FORM_FIELDS_MAX: Final = 20
_FORM_PART_BYTES_MAX: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who sends a request.

    Attributes:
        person: their name in the trust policy; None for nobody who is known.
        roles: what they may do.
        session_id: their session, or the one that they may sign in with.
        bearer: true if the session came in a header, which no other site can make a browser send.
    """

    person: str | None
    roles: frozenset[str]
    session_id: str
    bearer: bool = False

    def may(self, role: str) -> bool:
        """Say whether they have the role."""
        return role in self.roles


class SignInNeeded(Exception):
    """A page was asked for by nobody who is known; they are sent to sign in."""


def desk(request: Request) -> Iterator[ConsoleDesk]:
    """Yield an open desk for the time of this request."""
    with console_of(request).desks.one() as opened:
        yield opened


def visitor(request: Request) -> Visitor:
    """Who sends this request; nobody, where the trust policy cannot be read."""
    try:
        return known_visitor(request)
    except Stop:
        return Visitor(None, frozenset(), session_id_of(request)[0])


def known_visitor(request: HTTPConnection) -> Visitor:
    """Who sends this request.

    Raises:
        Stop: the trust policy cannot be read.
    """
    kept = getattr(request.state, "visitor", None)
    if isinstance(kept, Visitor):
        return kept
    console = console_of(request)
    session_id, bearer = session_id_of(request)
    person = console.sessions.person(session_id)
    found = Visitor(None, frozenset(), session_id, bearer)
    if person is not None:
        policy, settings = console.trust()
        roles = frozenset[str]() if policy is None else roles_of(person, policy, settings)
        if roles:
            found = Visitor(person, roles, session_id, bearer)
        else:
            console.sessions.end(session_id)
    request.state.visitor = found
    return found


def signed_in(request: Request) -> bool:
    """Say whether somebody who is known sends this request."""
    return visitor(request).person is not None


def session_id_of(request: HTTPConnection) -> tuple[str, bool]:
    """The session of the request, a new one where it has none, and whether a header carries it."""
    kept = getattr(request.state, "session", None)
    if isinstance(kept, tuple):
        return str(kept[0]), kept[1] is True
    console = console_of(request)
    header = request.headers.get("authorization", "")
    bearer = header.lower().startswith(_BEARER)
    value = header[len(_BEARER) :].strip() if bearer else request.cookies.get(cookie_name(request))
    session_id = None if not value else console.sessions.opened(value)
    request.state.session = (session_id or console.sessions.new_id(), bearer)
    return request.state.session[0], bearer


def cookie_name(request: HTTPConnection) -> str:
    """The session cookie's name; under TLS one that only this very host can have set."""
    return SECURE_COOKIE if console_of(request).options.secure else COOKIE


def give_cookie(request: HTTPConnection, response: Response, session_id: str) -> None:
    """The browser has this session from now on."""
    console = console_of(request)
    response.set_cookie(
        cookie_name(request),
        console.sessions.sealed(session_id),
        max_age=COOKIE_LIFE_S,
        path="/",
        secure=console.options.secure,
        httponly=True,
        samesite="strict",
    )


def csrf_token(request: HTTPConnection) -> str:
    """What this session's forms carry in the field `csrf`."""
    return console_of(request).sessions.csrf(session_id_of(request)[0])


def reader(request: Request) -> Visitor:
    """The person who reads, known and in the trust policy.

    Raises:
        SignInNeeded: nobody who is known asks for a page.
        Refused: nobody who is known asks for anything else.
    """
    found = known_visitor(request)
    if found.person is None or not found.may(AUDITOR):
        if request.method in {"GET", "HEAD"} and not request.url.path.startswith(API):
            raise SignInNeeded
        raise Refused(
            HTTPStatus.UNAUTHORIZED,
            "SIGN_IN_REQUIRED",
            "nobody is signed in, or the session is over",
            remedy="sign in",
        )
    return found


async def own_form(request: Request) -> None:
    """Return only if the request cannot come from another site.

    Raises:
        Refused: it carries no token of this session, or says that it is from elsewhere.
    """
    session_id, bearer = session_id_of(request)
    origin = request.headers.get("origin")
    elsewhere = origin is not None and urlsplit(origin).netloc != request.headers.get("host", "")
    if elsewhere or request.headers.get("sec-fetch-site", "same-origin") == "cross-site":
        raise _forged("the request comes from another site")
    if bearer:
        return
    given = request.headers.get(CSRF_HEADER)
    if given is None and "form" in request.headers.get("content-type", ""):
        form = await request.form(
            max_files=2, max_fields=_FORM_FIELDS_MAX, max_part_size=_FORM_PART_BYTES_MAX
        )
        field = form.get(CSRF_FIELD)
        given = field if isinstance(field, str) else None
    if given is None or not console_of(request).sessions.csrf_holds(session_id, given):
        raise _forged("the form carries no token of this session")


def actor(*roles: str) -> Callable[..., Awaitable[Visitor]]:
    """A dependency: the person who acts, with one of the roles, by a form of their own.

    Without roles any person of the trust policy may act; what they may decide, the desk judges.
    """

    async def acting(request: Request, who: Annotated[Visitor, Depends(reader)]) -> Visitor:
        await own_form(request)
        if roles and not who.roles.intersection(roles):
            raise Refused(
                HTTPStatus.FORBIDDEN,
                "ROLE_REQUIRED",
                f"{who.person} has not the role that this takes: {' or '.join(roles)}",
                remedy="cutter policy show",
            )
        return who

    acting.roles = roles  # type: ignore[attr-defined]
    return acting


def sign_in_url(request: Request) -> str:
    """Where somebody signs in who wanted this page."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return SIGN_IN if wanted == "/" else f"{SIGN_IN}?next={quote(wanted, safe='/')}"


def safe_next(wanted: str) -> str:
    """The wanted page if it is one of this server's, else the inbox."""
    parts = urlsplit(wanted)
    own = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    plain = wanted.isprintable() and wanted.isascii() and len(wanted) <= 500  # noqa: PLR2004 - a link's length
    return wanted if own and plain and not parts.netloc and not parts.scheme else "/"


def _forged(fact: str) -> Refused:
    return Refused(
        HTTPStatus.FORBIDDEN,
        "FORM_NOT_OWN",
        fact,
        remedy="load the page again and send it from there",
    )


def slowed(request: Request) -> None:
    """Return only if this address may try to sign in now.

    Raises:
        Refused: it tried too often within the last minute.
    """
    place = "" if request.client is None else request.client.host
    wait_s = console_of(request).tries.once_more(place)
    if wait_s:
        raise Refused(
            HTTPStatus.TOO_MANY_REQUESTS,
            "TRIED_TOO_OFTEN",
            f"too many tries to sign in; the next one counts in {int(wait_s) + 1} s",
            remedy="wait a minute",
        )
