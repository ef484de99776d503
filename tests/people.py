"""Persons of the tests: ed25519 keys made from their names, so that every run has the same ones."""

import hashlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cutter_agent.evidence.sshsig import armor, ed25519_public_key, signed_data


def private_key(person: str) -> Ed25519PrivateKey:
    """Return the person's key."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(person.encode()).digest())


def public_raw(person: str) -> bytes:
    """Return the 32 bytes of the person's public key."""
    return private_key(person).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def public_line(person: str) -> str:
    """Return the person's public key as one line of OpenSSH."""
    return ed25519_public_key(public_raw(person)).line


def signature(person: str, message: bytes, namespace: str) -> bytes:
    """Return the armoured signature that the person makes over the message."""
    raw = private_key(person).sign(signed_data(message, namespace))
    return armor(ed25519_public_key(public_raw(person)), raw, namespace).encode()
