"""Keys that an ssh-agent holds, hardware keys among them: the private half never comes here.

Source: the SSH agent protocol (draft-ietf-sshm-ssh-agent), of which only two requests are used.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from typing import Final

from cutter_agent.crypto.person_keys import checked_armor
from cutter_agent.errors import Stop, StopRefusedInput
from cutter_agent.evidence.ssh_key import (
    PublicKey,
    public_key_from_blob,
    take_string,
    take_uint32,
    wire_string,
)
from cutter_agent.evidence.sshsig import signed_data

SOCKET_VARIABLE: Final = "SSH_AUTH_SOCK"
AGENT_TIMEOUT_S: Final = 60.0
"""How long a person has to touch a token or to answer the agent's question."""
REPLY_BYTES_MAX: Final = 256 * 1024
KEYS_MAX: Final = 2048
COMMENT_BYTES_MAX: Final = 256

_REQUEST_IDENTITIES: Final = 11
_IDENTITIES_ANSWER: Final = 12
_SIGN_REQUEST: Final = 13
_SIGN_RESPONSE: Final = 14


@dataclass(frozen=True, slots=True)
class AgentSigner:
    """One of an agent's keys."""

    public_key: PublicKey
    comment: str
    socket_path: str
    timeout_s: float = AGENT_TIMEOUT_S

    def sign_request(self, message: bytes, namespace: str) -> str:
        data = signed_data(message, namespace)
        request = wire_string(self.public_key.blob) + wire_string(data) + b"\x00" * 4
        reply = _ask(self.socket_path, _SIGN_REQUEST, request, self.timeout_s)
        blob, rest = take_string(_expect(reply, _SIGN_RESPONSE, "refused to sign"))
        algorithm, tail = take_string(blob)
        signature, token_tail = take_string(tail)
        if rest or algorithm != self.public_key.algorithm.encode("ascii"):
            raise StopRefusedInput("the ssh-agent answered with another kind of signature")
        return checked_armor(self.public_key, signature + token_tail, message, namespace)


def agent_signers(
    socket_path: str | None = None, *, timeout_s: float = AGENT_TIMEOUT_S
) -> tuple[AgentSigner, ...]:
    """The keys of the agent that could be enrolled; keys of other algorithms are passed over.

    Args:
        socket_path: the agent's socket; None means the one that SSH_AUTH_SOCK names.
        timeout_s: how long each question to the agent may take.

    Raises:
        StopRefusedInput: there is no agent, it does not answer, or it answers nonsense.
    """
    path = os.environ.get(SOCKET_VARIABLE, "") if socket_path is None else socket_path
    if not path:
        raise StopRefusedInput(
            f"there is no ssh-agent: {SOCKET_VARIABLE} is not set", remedy='eval "$(ssh-agent)"'
        )
    reply = _ask(path, _REQUEST_IDENTITIES, b"", timeout_s)
    count, rest = take_uint32(_expect(reply, _IDENTITIES_ANSWER, "did not list its keys"))
    if count > KEYS_MAX:
        raise StopRefusedInput(f"the ssh-agent lists {count} keys, limit {KEYS_MAX}")
    signers: list[AgentSigner] = []
    for _ in range(count):
        blob, rest = take_string(rest)
        comment, rest = take_string(rest)
        try:
            key = public_key_from_blob(blob)
        except Stop:
            continue
        signers.append(AgentSigner(key, _shown(comment), path, timeout_s))
    return tuple(signers)


def _shown(comment: bytes) -> str:
    """The comment as a terminal may show it: no control and no direction characters."""
    text = comment[:COMMENT_BYTES_MAX].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def _ask(path: str, kind: int, body: bytes, timeout_s: float) -> bytes:
    """Send one request over a connection of its own and return the whole reply."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as agent:
            agent.settimeout(timeout_s)
            agent.connect(path)
            agent.sendall(wire_string(bytes([kind]) + body))
            length = int.from_bytes(_receive(agent, 4), "big")
            if not 0 < length <= REPLY_BYTES_MAX:
                raise StopRefusedInput(f"the ssh-agent announces a reply of {length} bytes")
            return _receive(agent, length)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StopRefusedInput(
            f"the ssh-agent at {path} does not answer: {reason}", remedy="ssh-add -l"
        ) from error


def _receive(agent: socket.socket, length: int) -> bytes:
    parts: list[bytes] = []
    missing = length
    while missing:
        part = agent.recv(missing)
        if not part:
            raise StopRefusedInput("the ssh-agent broke off its reply")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _expect(reply: bytes, kind: int, failure: str) -> bytes:
    if reply[0] != kind:
        raise StopRefusedInput(f"the ssh-agent {failure}")
    return reply[1:]
