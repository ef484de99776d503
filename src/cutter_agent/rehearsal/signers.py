"""Keys of rehearsals: known to everybody, so that their signatures prove nothing and repeat exactly."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import TYPE_CHECKING, Final

from cutter_agent.evidence.ed25519 import key_id

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_SEED: Final = b"iu-cutter rehearsal key, public on purpose: "


class RehearsalSigner:
    """An ed25519 key derived from a public sentence and a role."""

    simulated: Final = True

    def __init__(self, role: str) -> None:
        """Name the role; the key is made when it is first needed."""
        self.role = role

    @cached_property
    def public_raw(self) -> bytes:
        return self._private().public_key().public_bytes_raw()

    @property
    def key_id(self) -> str:
        return key_id(self.public_raw)

    def sign(self, message: bytes) -> bytes:
        return self._private().sign(message)

    def _private(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - heavy, and only signing pays

        seed = hashlib.sha256(_SEED + self.role.encode()).digest()
        return Ed25519PrivateKey.from_private_bytes(seed)
