"""Sessions: who is signed in, kept in this process alone and signed into a cookie or a bearer.

A restart signs everybody out. A session ends by itself, by signing out, and with the person's place in
the trust policy.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final

from itsdangerous import BadSignature, Signer

IDLE_S: Final = 30 * 60
LIFE_S: Final = 8 * 60 * 60
SESSIONS_MAX: Final = 10_000
_ID_BYTES: Final = 24
_VALUE_CHARS_MAX: Final = 200


@dataclass(slots=True)
class Session:
    """One person's time at the console; times by the monotonic clock."""

    person: str
    began_s: float
    seen_s: float


class Sessions:
    """The sessions of one server."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Nobody is signed in; what was signed by an earlier process counts no more."""
        self._clock = clock
        self._lock = Lock()
        self._open: dict[str, Session] = {}
        secret = secrets.token_bytes(32)
        self._ids = Signer(secret, salt="cutter session", digest_method=hashlib.sha256)
        self._tells = Signer(secret, salt="cutter told", digest_method=hashlib.sha256)
        self._marks = Signer(secret, salt="cutter csrf", digest_method=hashlib.sha256)

    def new_id(self) -> str:
        """An id that nobody has had."""
        return secrets.token_urlsafe(_ID_BYTES)

    def begin(self, person: str) -> str:
        """The person is signed in under a new id."""
        session_id, now = self.new_id(), self._clock()
        with self._lock:
            self._drop_over(now)
            while len(self._open) >= SESSIONS_MAX:
                del self._open[min(self._open, key=lambda each: self._open[each].seen_s)]
            self._open[session_id] = Session(person, now, now)
        return session_id

    def person(self, session_id: str) -> str | None:
        """Who is signed in under this id; None if nobody is, any more or ever."""
        now = self._clock()
        with self._lock:
            session = self._open.get(session_id)
            if session is None or self._over(session, now):
                self._open.pop(session_id, None)
                return None
            session.seen_s = now
            return session.person

    def lasts(self, session_id: str) -> bool:
        """Say whether somebody is signed in under this id; asking does not make it last longer."""
        with self._lock:
            session = self._open.get(session_id)
            return session is not None and not self._over(session, self._clock())

    def end(self, session_id: str) -> None:
        """Nobody is signed in under this id any more, whoever still holds its cookie."""
        with self._lock:
            self._open.pop(session_id, None)

    def sealed(self, session_id: str) -> str:
        """The id as a cookie or a bearer carries it."""
        return self._ids.sign(session_id.encode()).decode()

    def opened(self, value: str) -> str | None:
        """The id that this process sealed, or None."""
        if len(value) > _VALUE_CHARS_MAX or not value.isascii():
            return None
        try:
            return self._ids.unsign(value.encode()).decode()
        except BadSignature:
            return None

    def csrf(self, session_id: str) -> str:
        """What a form of this session carries and no other site can know."""
        return self._marks.get_signature(session_id.encode()).decode()

    def told(self, session_id: str, word: str, place: str) -> str:
        """A word about a place, as the next page's address carries it; nobody else can write it."""
        mark = self._tells.get_signature(f"{session_id} {word} {place}".encode()).decode()
        return f"{word}.{mark}"

    def heard(self, session_id: str, given: str, place: str) -> str:
        """The word about this place that this server told this session; an empty text for any other."""
        word = given.partition(".")[0]
        whole = given.isascii() and secrets.compare_digest(
            self.told(session_id, word, place), given
        )
        return word if whole else ""

    def csrf_holds(self, session_id: str, given: str) -> bool:
        """Say whether the form is one of this session's own."""
        return given.isascii() and secrets.compare_digest(self.csrf(session_id), given)

    def __len__(self) -> int:
        """How many sessions are open."""
        with self._lock:
            self._drop_over(self._clock())
            return len(self._open)

    def _drop_over(self, now: float) -> None:
        for session_id in [key for key, each in self._open.items() if self._over(each, now)]:
            del self._open[session_id]

    @staticmethod
    def _over(session: Session, now: float) -> bool:
        return now - session.seen_s > IDLE_S or now - session.began_s > LIFE_S
