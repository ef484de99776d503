"""A middleman between a client and the server's socket, who can lose the answer to a COMMIT."""

from __future__ import annotations

import os
import pwd
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cutter_agent.orchestrator.grants import ROLE_EXEC, ROLE_VERIFY

if TYPE_CHECKING:
    from cutter_agent.bootstrap.torture.place import Place
    from cutter_agent.postgres.embedded import Server

SOCKET_BYTES: Final = 65_536
COMMITTED: Final = b"C\x00\x00\x00\x0bCOMMIT\x00"
"""CommandComplete of a COMMIT, as the server sends it."""


class Middleman:
    """Passes on what both sides say; only the commits of executor and verifier count."""

    def __init__(self, behind: Path, front: Path, lose: int) -> None:
        """Listen in front; lose the answer of that number, counted from one, or none."""
        self.commits = 0
        self._behind = str(behind)
        self._lose = lose
        self._guard = threading.Lock()
        self._open: list[socket.socket] = []
        self._front = socket.socket(socket.AF_UNIX)
        self._front.bind(str(front))
        self._front.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Nothing passes any more."""
        for each in (self._front, *self._open):
            _hang_up(each)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._front.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._behind)
                self._open += [client, server]
                threading.Thread(target=self._pass, args=(client, server), daemon=True).start()

    def _pass(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            hello = client.recv(SOCKET_BYTES)
            server.sendall(hello)
            writes = ROLE_EXEC.encode() in hello or ROLE_VERIFY.encode() in hello
            threading.Thread(target=_forward, args=(client, server), daemon=True).start()
            while data := server.recv(SOCKET_BYTES):
                if writes and COMMITTED in data and self._loses():
                    break
                client.sendall(data)
        _hang_up(client)
        _hang_up(server)

    def _loses(self) -> bool:
        with self._guard:
            self.commits += 1
            return self.commits == self._lose


@contextmanager
def between(server: Server, place: Place, lose: int) -> Iterator[tuple[Place, Middleman]]:
    """The place as it is reached through a middleman, and him."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    front = place.home.root.parent / "front"
    front.mkdir()
    name = f".s.PGSQL.{server.port}"
    parts = conninfo_to_dict(place.url)
    parts["host"] = str(front)
    # Our connection strings also ask who is at the other end: it is us, not the server.
    parts["requirepeer"] = pwd.getpwuid(os.geteuid()).pw_name
    middleman = Middleman(server.socket_dir / name, front / name, lose)
    try:
        yield replace(place, url=make_conninfo("", **parts)), middleman
    finally:
        middleman.close()


def _forward(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(SOCKET_BYTES):
            target.sendall(data)
    _hang_up(target)


def _hang_up(each: socket.socket) -> None:
    """The socket is closed, and whoever waits at it is told."""
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
