"""Pages: templates into HTML, every value escaped, nothing left undefined."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse

from cutter_agent.evidence.citation import Citation, inert_json
from cutter_agent.web import drawn, fact_words
from cutter_agent.web.access import csrf_token, visitor
from cutter_agent.web.statics import static_bytes
from cutter_agent.web.words import LANGUAGES, Words, chosen

if TYPE_CHECKING:
    from starlette.requests import Request

    from cutter_agent.errors import Stop
    from cutter_agent.web.problems import Problem

LANGUAGE_COOKIE: Final = "cutter_language"
LANGUAGE_LIFE_S: Final = int(timedelta(days=365).total_seconds())
_MINUTE_S: Final = 60
_HOUR_S: Final = 60 * 60
_KIB: Final = 1024


def page(
    request: Request,
    name: str,
    *,
    title: str,
    twin: str,
    status_code: int = 200,
    **values: object,
) -> HTMLResponse:
    """The page of this template.

    Args:
        request: whose language, person and place the page shows.
        name: the template.
        title: English; the page says it in its own language.
        twin: the command that shows the same on a terminal.
        status_code: of the answer.
        values: what the template asks for beside the shell.
    """
    words = words_of(request)
    html = _environment().get_template(name)
    body = html.render(
        t=words,
        title=title,
        twin=twin,
        visitor=visitor(request),
        csrf=csrf_token(request),
        path=request.url.path,
        languages=LANGUAGES,
        spoken={code: request.url.include_query_params(lang=code).query for code in LANGUAGES},
        asset=asset,
        **values,
    )
    answer = HTMLResponse(body, status_code=status_code)
    answer.headers["Vary"] = "Cookie, Accept-Language, HX-Request"
    asked = request.query_params.get("lang")
    if asked in LANGUAGES:
        answer.set_cookie(
            LANGUAGE_COOKIE, str(asked), max_age=LANGUAGE_LIFE_S, samesite="lax", httponly=True
        )
    return answer


def stop_page(request: Request, stop: Stop | Problem, status_code: int) -> HTMLResponse:
    """The page of a stop: the fact, the expected fact, and the command that goes on."""
    return page(
        request,
        "stop.html",
        title="It stops here",
        twin=stop.remedy,
        status_code=status_code,
        stop=stop,
    )


def words_of(request: Request) -> Words:
    """The words in the language of this request."""
    return Words(
        chosen(
            request.query_params.get("lang"),
            request.cookies.get(LANGUAGE_COOKIE),
            request.headers.get("accept-language", ""),
        )
    )


def asset(name: str) -> str:
    """The address of a static file, which changes with its bytes."""
    return f"/static/{name}?{_asset_sha256(name)[:16]}"


def left(words: Words, seconds: float | None) -> str:
    """A span of time in the two largest of its units."""
    if seconds is None:
        return ""
    if seconds <= 0:
        return words("expired")
    if seconds < _HOUR_S:
        minutes, rest = divmod(int(seconds), _MINUTE_S)
        return f"{minutes} min {rest:02} s"
    hours, rest = divmod(int(seconds), _HOUR_S)
    return f"{hours} h {rest // _MINUTE_S:02} min"


def moment(utc: str | None) -> str:
    """A time as people read it: date, hour and minute, in UTC."""
    return "" if not utc else f"{utc[:10]} {utc[11:16]}"


def size(count: int) -> str:
    """A number of bytes as people read it."""
    if count < _KIB:
        return f"{count} B"
    return f"{count / _KIB:.1f} KiB" if count < _KIB * _KIB else f"{count / _KIB / _KIB:.1f} MiB"


def as_json(citation: Citation) -> Markup:
    """The citation as JSON inside of a page: a parser of HTML finds nothing in it to act on."""
    return Markup(inert_json(citation))  # noqa: S704 - every character that HTML knows is escaped


@cache
def _asset_sha256(name: str) -> str:
    return hashlib.sha256(static_bytes(name)).hexdigest()


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("cutter_agent.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        drawn=drawn.drawn,
        seen=drawn.isolated,
        short=drawn.short,
        moment=moment,
        size=size,
        as_json=as_json,
        readable=fact_words.readable,
    )
    made.globals.update(
        fact_label=fact_words.fact_label,
        fact_meaning=fact_words.fact_meaning,
        line_label=fact_words.line_label,
    )
    made.globals["left"] = left
    return made
