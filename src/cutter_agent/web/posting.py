"""Posting to an address that somebody wrote into the settings: no redirect, no inner network, no second look-up."""

from __future__ import annotations

import http.client
import socket
import ssl
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from cutter_agent.bootstrap.webhooks import is_own_machine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cutter_agent.bootstrap.webhooks import Webhook

TIMEOUT_S: Final = 10.0
_PORTS: Final = {"https": 443, "http": 80}


class NotDeliveredError(Exception):
    """The receiver did not take it; the sentence may be shown."""


def post(webhook: Webhook, body: bytes, headers: Mapping[str, str]) -> None:
    """The receiver has answered that it took the body.

    Raises:
        NotDeliveredError: it did not, or its address is none that may be spoken to.
    """
    parts = urlsplit(webhook.url)
    host = parts.hostname or ""
    port = parts.port or _PORTS[parts.scheme]
    address = _allowed(webhook, host, port)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        with socket.create_connection((address, port), timeout=TIMEOUT_S) as plain:
            connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
            # The address that was judged is the one that is spoken to, whatever the name says by now.
            connection.sock = (
                plain
                if parts.scheme == "http"
                else ssl.create_default_context().wrap_socket(plain, server_hostname=host)
            )
            connection.request("POST", path, body=body, headers=dict(headers))
            status = connection.getresponse().status
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise NotDeliveredError(type(error).__name__) from error
    if not 200 <= status < 300:  # noqa: PLR2004 - what HTTP calls success
        raise NotDeliveredError(f"it answered {status}")


def _allowed(webhook: Webhook, host: str, port: int) -> str:
    """The first address of the host, if every one of them may be spoken to."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise NotDeliveredError("the host has no address") from error
    addresses = [ip_address(str(each[4][0]).partition("%")[0]) for each in found]
    own = is_own_machine(host)
    for address in addresses:
        if not may_be_spoken_to(address, private=webhook.private, own=own):
            raise NotDeliveredError("the host has an address that is not spoken to")
    if not addresses:
        raise NotDeliveredError("the host has no address")
    return str(addresses[0])


def may_be_spoken_to(
    address: IPv4Address | IPv6Address, *, private: bool = False, own: bool = False
) -> bool:
    """Say whether a webhook may go there.

    Args:
        address: where.
        private: whether private networks were allowed.
        own: whether this very machine was named.
    """
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_loopback:
        return own
    if address.is_link_local or address.is_multicast or address.is_unspecified:
        return False
    return address.is_global or (private and address.is_private)
