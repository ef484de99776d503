"""How the server is reached: address, names, TLS; anything but loopback takes TLS."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cutter_agent.errors import StopRefusedInput

LOOPBACK: Final = "127.0.0.1"
PORT: Final = 8450
NAMES_OF_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How the server is reached.

    Attributes:
        host: the address that it listens at.
        port: the port; 0 takes a free one.
        names: the names that browsers reach it by, beside the ones of loopback; a request for any
            other name is refused.
        certificate: the TLS certificate with its chain, or None.
        key: the certificate's private key, or None.
        behind_tls: true if a proxy in front of it speaks TLS: cookies are for TLS alone.
    """

    host: str = LOOPBACK
    port: int = PORT
    names: tuple[str, ...] = ()
    certificate: Path | None = None
    key: Path | None = None
    behind_tls: bool = False

    @property
    def tls(self) -> bool:
        """True if the server itself speaks TLS."""
        return self.certificate is not None and self.key is not None

    @property
    def secure(self) -> bool:
        """True if browsers speak TLS with it or with the proxy in front."""
        return self.tls or self.behind_tls

    @property
    def allowed_names(self) -> frozenset[str]:
        """Every name that a request may be for, in lower case, without a port."""
        own = {self.host.lower(), f"[{self.host.lower()}]"}
        return NAMES_OF_LOOPBACK | own | {name.lower() for name in self.names}


def check_options(options: ServerOptions) -> ServerOptions:
    """The options, if a server may be bound so.

    Raises:
        StopRefusedInput: half of the TLS settings, a file that is not there, or another address than
            loopback without TLS.
    """
    again = "cutter serve --tls-cert FILE --tls-key FILE"
    if (options.certificate is None) != (options.key is None):
        raise StopRefusedInput(
            "one half of the TLS settings is missing",
            expected="a certificate and its key",
            remedy=again,
        )
    for path in (options.certificate, options.key):
        if path is not None and not path.is_file():
            raise StopRefusedInput(
                f"there is no file {path}", expected="a PEM file", remedy=f"ls -l {path}"
            )
    if not is_loopback(options.host) and not options.tls:
        raise StopRefusedInput(
            f"{options.host[:80]!a} is not a loopback address, and no TLS settings were given",
            expected="127.0.0.1, or a certificate and its key",
            remedy=f"{again} --host {options.host}" if options.host.isprintable() else again,
        )
    return options


def is_loopback(host: str) -> bool:
    """Say whether only this machine reaches the address."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
