"""Serving: one process, one socket, until somebody ends it; what is driven comes to rest first."""

from __future__ import annotations

import errno
import signal
import socket
import threading
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Final

import uvicorn

from cutter_agent.bootstrap.console.desks import Desks
from cutter_agent.errors import StopRefusedInput
from cutter_agent.web.app import create_app
from cutter_agent.web.logs import log_to_stderr
from cutter_agent.web.options import ServerOptions, check_options

BACKLOG: Final = 128
GRACE_S: Final = 20


def serve(
    options: ServerOptions,
    environ: Mapping[str, str],
    *,
    on_ready: Callable[[str], None],
    open_browser: bool = False,
) -> None:
    """The deployment is served until the process is told to end.

    Args:
        options: how it is reached.
        environ: which deployment.
        on_ready: told the address once it can be reached.
        open_browser: whether the person's browser is shown the address.

    Raises:
        StopRefusedInput: the address cannot be bound, or not so.
        Stop: the deployment cannot be opened.
    """
    check_options(options)
    desks = Desks(environ)
    with desks.one():
        pass  # a deployment that cannot be opened is told of before anything listens
    listening = listening_at(options)
    app = create_app(desks, options)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_S,
        ssl_certfile=None if options.certificate is None else str(options.certificate),
        ssl_keyfile=None if options.key is None else str(options.key),
    )
    log_to_stderr()
    url = address(options, listening.getsockname()[1])
    on_ready(url)
    if open_browser:
        webbrowser.open(url)
    with listening:
        _Server(config, on_end=app.state.console.hub.end).run(sockets=[listening])


class _Server(uvicorn.Server):
    """A server whose end by a signal is a good end: uvicorn's own would raise the signal once more."""

    def __init__(self, config: uvicorn.Config, *, on_end: Callable[[], None]) -> None:
        """Bind what ends the streams, which would otherwise last as long as their clients."""
        super().__init__(config)
        self._on_end = on_end

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The server ends, its streams first."""
        self._on_end()
        super().handle_exit(sig, frame)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Inside the context, an interruption or a request to end ends the server in order."""
        ends = (signal.SIGINT, signal.SIGTERM)
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {each: signal.signal(each, self.handle_exit) for each in ends}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


def address(options: ServerOptions, port: int) -> str:
    """The address that a person opens."""
    scheme = "https" if options.tls else "http"
    name = options.names[0] if options.names and options.tls else options.host
    return f"{scheme}://{f'[{name}]' if ':' in name else name}:{port}/"


def listening_at(options: ServerOptions) -> socket.socket:
    """The socket listens at the address of these options; answers on its connections leave at once.

    Raises:
        StopRefusedInput: the address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
    try:
        bound = socket.create_server((options.host, options.port), family=family, backlog=BACKLOG)
        # Connections inherit it; the event loop would set it only for sockets whose protocol is named.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        busy = error.errno == errno.EADDRINUSE
        raise StopRefusedInput(
            f"{options.host}:{options.port} cannot be bound: "
            + ("something listens there already" if busy else str(error.strerror)),
            expected="a free port",
            remedy="cutter serve --port 0",
        ) from error
    return bound
