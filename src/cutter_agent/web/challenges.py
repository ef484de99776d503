"""Challenges: one line that a person signs to sign in; used once, for one session at one host."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Final

from cutter_agent.errors import StopApprovalInvalid
from cutter_agent.evidence.sshsig import verify
from cutter_agent.orchestrator.clock import utc_text
from cutter_agent.orchestrator.policy import TrustPolicy, key_fault

NAMESPACE: Final = "signin@iu-cutter.v1"
"""Of no other statement: what signs somebody in can never be shown as an approval."""
LIFE_S: Final = 5 * 60
CHALLENGES_MAX: Final = 10_000
SIGNATURE_BYTES_MAX: Final = 8 * 1024
_AGAIN: Final = "take a new challenge and sign that"


@dataclass(frozen=True, slots=True)
class Challenge:
    """What one person signs to show who they are.

    Attributes:
        challenge_id: how the answer names it.
        person: who would be signed in.
        text: the line to sign, without its line feed.
        command: what signs it with the person's own key.
        expires_utc: when it counts no more.
    """

    challenge_id: str
    person: str
    text: str
    command: str
    expires_utc: str

    @property
    def message(self) -> bytes:
        """The exact bytes to sign."""
        return f"{self.text}\n".encode("ascii")


class Challenges:
    """The challenges of one server that nobody has answered yet."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Nobody was challenged."""
        self._clock = clock
        self._lock = Lock()
        self._open: OrderedDict[str, tuple[float, str, str, Challenge]] = OrderedDict()

    def new(self, person: str, host: str, session_id: str) -> Challenge:
        """A challenge for this person in this session at this host."""
        nonce = secrets.token_hex(16)
        expires = utc_text(datetime.now(UTC) + timedelta(seconds=LIFE_S))
        session = hashlib.sha256(session_id.encode()).hexdigest()[:16]
        text = (
            f"cutter-sign-in/1 host={host} person={person} session={session} nonce={nonce} "
            f"expires={expires}"
        )
        command = f"echo '{text}' | ssh-keygen -Y sign -f ~/.ssh/id_ed25519 -n {NAMESPACE}"
        made = Challenge(nonce, person, text, command, expires)
        with self._lock:
            self._open[nonce] = (self._clock() + LIFE_S, host, session_id, made)
            while len(self._open) > CHALLENGES_MAX:
                self._open.popitem(last=False)
        return made

    def answer(
        self,
        challenge_id: str,
        armor: bytes,
        *,
        host: str,
        session_id: str,
        policy: TrustPolicy | None,
    ) -> str:
        """Who answered; the challenge is spent, whether the answer holds or not.

        Raises:
            StopApprovalInvalid: it is unknown, spent, too old, of another host or session, or the
                signature is not by a key of that person that counts now.
        """
        with self._lock:
            found = self._open.pop(challenge_id, None)
        if found is None or self._clock() > found[0]:
            raise _refused("the challenge is unknown, was answered before, or is too old")
        _, host_then, session_then, challenge = found
        if (host, session_id) != (host_then, session_then):
            raise _refused("the challenge was given to another browser or for another host")
        if len(armor) > SIGNATURE_BYTES_MAX:
            raise _refused("the signature is too long")
        # A terminal or a form may end lines its own way; the armour's bytes are otherwise exact.
        armor = armor.replace(b"\r\n", b"\n").strip(b" \t\n") + b"\n"
        signature = verify(armor, challenge.message, namespace=NAMESPACE)
        owner = None if policy is None else policy.owner_of(signature.public_key)
        if owner is None or owner[0].name != challenge.person:
            raise _refused("the key is not enrolled for this person")
        now = datetime.now(UTC)
        if fault := key_fault(owner[1], now, now):
            raise _refused(f"the key {fault}")
        if signature.public_key.hardware and not signature.user_present:
            raise _refused("the key signed without its owner's touch")
        return owner[0].name


def _refused(fact: str) -> StopApprovalInvalid:
    return StopApprovalInvalid(fact, expected="a signature over a fresh challenge", remedy=_AGAIN)
