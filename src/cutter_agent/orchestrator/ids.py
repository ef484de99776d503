"""Identities that a run mints: the same run and plan always mint the same ones.

Unit and version ids are UUIDs of version 8 (RFC 9562 §5.8): 48 bits of the run's time in
milliseconds, 24 bits of position, then bits of a SHA-256. They sort by run and position, which keeps
index pages warm, and no two of them depend on a random number.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime

_POSITIONS = 1 << 24


def _digest(*parts: str) -> bytes:
    return hashlib.sha256("\x1f".join(parts).encode()).digest()


def _uuid8(head: bytes, tail: bytes) -> str:
    raw = bytearray((head + tail)[:16])
    raw[6] = 0x80 | (raw[6] & 0x0F)
    raw[8] = 0x80 | (raw[8] & 0x3F)
    return str(uuid.UUID(bytes=bytes(raw)))


def _run_time(run_id: str) -> bytes:
    stamp = datetime.strptime(run_id.split("-")[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return (int(stamp.timestamp()) * 1000).to_bytes(6, "big")


def source_version_id(document_id: str, version_no: int, *facts: str) -> str:
    """Return the id of a document's version with this number and these facts: digests and date."""
    return _uuid8(
        version_no.to_bytes(6, "big"), _digest("source", document_id, str(version_no), *facts)
    )


def change_set_id(run_id: str, plan_sha256: str) -> str:
    """Return the id of the change set of this run and plan."""
    return _uuid8(_run_time(run_id), _digest("change-set", run_id, plan_sha256))


def envelope_id(change_set: str, root_sha256: str) -> str:
    """Return the id of the manifest envelope of this change set and root."""
    return _uuid8(uuid.UUID(change_set).bytes[:6], _digest("envelope", change_set, root_sha256))


def verify_result_id(envelope: str) -> str:
    """Return the id of the one verify result that a manifest can have."""
    return _uuid8(uuid.UUID(envelope).bytes[:6], _digest("verify", envelope))


def review_decision_id(run_id: str, nonce: str) -> str:
    """Return a fresh decision id for one SG_2 request."""
    return _uuid8(_run_time(run_id), _digest("decision", run_id, nonce))


class UnitIds:
    """Mints the ids of one change set's units and versions."""

    def __init__(self, *, document_id: str, change_set: str) -> None:
        """Prepare the part that all ids of the change set share."""
        self._time = uuid.UUID(change_set).bytes[:6]
        self._seed = f"{document_id}\x1f{change_set}\x1f".encode()
        self._shared = hashlib.sha256(self._seed).digest()

    def _mint(self, label: bytes, position: int, leaf: bytes) -> str:
        raw = bytearray(16)
        raw[:6] = self._time
        place = (position % _POSITIONS).to_bytes(3, "big")
        tail = hashlib.sha256(label + self._seed + place + leaf).digest()
        # Position lies in octets 7, 9 and 10; the odd bits between are the change set's own, so that
        # ids sort by position.
        raw[6], raw[8] = 0x80 | (self._shared[0] & 0x0F), 0x80 | (self._shared[1] & 0x3F)
        raw[7], raw[9], raw[10] = place
        raw[11:] = tail[:5]
        return str(uuid.UUID(bytes=bytes(raw)))

    def unit_id(self, position: int, leaf: bytes) -> str:
        """Return the permanent id of a unit whose first draft has this leaf record."""
        return self._mint(b"unit\x1f", position, leaf)

    def version_id(self, position: int, leaf: bytes) -> str:
        """Return the id of the version with this leaf record."""
        return self._mint(b"version\x1f", position, leaf)
