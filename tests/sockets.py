"""Two ends of a connection, for tests that stand in the middle of one."""

import socket
from contextlib import suppress

SOCKET_BYTES = 65_536


def forward(source: socket.socket, target: socket.socket) -> None:
    """What one side says reaches the other, until it says no more."""
    with suppress(OSError):
        while data := source.recv(SOCKET_BYTES):
            target.sendall(data)
    hang_up(target)


def hang_up(each: socket.socket) -> None:
    """The socket is closed, and whoever waits at it is told."""
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
