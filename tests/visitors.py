"""Visitors of the console in tests: a real server on loopback, and persons who sign in with their keys."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import uvicorn
from fastapi import FastAPI

from cutter_agent.bootstrap.console.desks import Desks
from cutter_agent.web.app import create_app
from cutter_agent.web.challenges import NAMESPACE
from cutter_agent.web.console import Console
from cutter_agent.web.options import ServerOptions
from people import signature

START_S = 60
ANSWER_S = 120
COOKIE = "cutter_session"


@dataclass
class Served:
    """A server on loopback, and who visits it."""

    app: FastAPI
    port: int
    browsers: list[httpx.Client] = field(default_factory=list)

    @property
    def console(self) -> Console:
        """What the server keeps in its memory."""
        console = self.app.state.console
        assert isinstance(console, Console)
        return console

    @property
    def host(self) -> str:
        """The name and port that browsers reach it by."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{self.host}"

    def browser(self, headers: Mapping[str, str] | None = None) -> httpx.Client:
        """A browser that nobody has signed in with."""
        made = httpx.Client(base_url=self.url, timeout=ANSWER_S, headers=dict(headers or {}))
        self.browsers.append(made)
        return made

    def signed_in(self, person: str) -> httpx.Client:
        """A browser that this person has signed in with; its requests carry the form's token."""
        browser, session = self.stranger()
        challenge = self.console.challenges.new(person, self.host, session)
        armor = signature(person, challenge.message, NAMESPACE).decode()
        answered = browser.post(
            "/sign-in", data={"challenge": challenge.challenge_id, "signature": armor}
        )
        assert answered.status_code == 303, answered.text
        browser.headers["X-CSRF-Token"] = self.csrf(browser)
        return browser

    def stranger(self) -> tuple[httpx.Client, str]:
        """A browser with a session that nobody has signed in with, and the session's id."""
        browser, session = self.browser(), self.console.sessions.new_id()
        browser.cookies.set(COOKIE, self.console.sessions.sealed(session), domain="127.0.0.1")
        browser.headers["X-CSRF-Token"] = self.console.sessions.csrf(session)
        return browser, session

    def session(self, browser: httpx.Client) -> str:
        """The id of the browser's session."""
        session = self.console.sessions.opened(browser.cookies[COOKIE])
        assert session is not None
        return session

    def csrf(self, browser: httpx.Client) -> str:
        """The token of the browser's session."""
        return self.console.sessions.csrf(self.session(browser))


@contextmanager
def served(environ: Mapping[str, str], options: ServerOptions | None = None) -> Iterator[Served]:
    """The deployment is served on a free port of loopback; the server has ended afterwards."""
    app = create_app(Desks(environ), options)
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    at = Served(app, listening.getsockname()[1])
    try:
        deadline = time.monotonic() + START_S
        while not server.started and thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert server.started, "the server did not come up"
        yield at
    finally:
        for browser in at.browsers:
            browser.close()
        server.should_exit = True
        thread.join(START_S)
        listening.close()
        assert not thread.is_alive(), "the server did not end"
