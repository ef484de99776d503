"""`cutter serve`: the console and the API of the deployment, over HTTP."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import click

from cutter_agent.cli.output import Output, speaks
from cutter_agent.errors import StopRefusedInput

PORT: Final = 8450
_NEEDED: Final = ("fastapi", "itsdangerous", "jinja2", "multipart", "prometheus_client", "uvicorn")
_FILE = click.Path(path_type=Path)


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=PORT,
    show_default=True,
    help="0 takes a free one.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Elsewhere only with TLS.")
@click.option("--name", "names", multiple=True, help="A name that browsers reach it by.")
@click.option("--tls-cert", type=_FILE, help="A PEM file: the certificate and its chain.")
@click.option("--tls-key", type=_FILE, help="A PEM file: the certificate's private key.")
@click.option("--behind-tls", is_flag=True, help="A proxy in front of it speaks TLS.")
@click.option("--open", "open_browser", is_flag=True, help="Show it in your browser.")
@speaks()
def serve(
    *,
    port: int,
    host: str,
    names: tuple[str, ...],
    tls_cert: Path | None,
    tls_key: Path | None,
    behind_tls: bool,
    open_browser: bool,
    out: Output,
) -> int:
    """Serve the console and the API.

    People sign in with the SSH key that the trust policy names for them; no private key comes to
    the server. It listens at this machine alone unless it is given TLS. Ctrl-C ends it.

    Example: cutter serve --port 8450
    """
    if any(find_spec(name) is None for name in _NEEDED):
        raise StopRefusedInput(
            "what the server stands on is not installed",
            expected="the extra `web`",
            remedy="pip install 'iu-cutter[web]'",
        )
    # By name: the entry points know nothing of one another, and this one only starts the other.
    web: Any = import_module("cutter_agent.web.serve")
    options: Any = import_module("cutter_agent.web.options").ServerOptions(
        host=host,
        port=port,
        names=names,
        certificate=tls_cert,
        key=tls_key,
        behind_tls=behind_tls,
    )

    def ready(url: str) -> None:
        out.data({"schema": "cutter.serve/1", "url": url}, lambda: [url])
        out.say("Ctrl-C ends it.")

    web.serve(options, os.environ, on_ready=ready, open_browser=open_browser)
    return 0
