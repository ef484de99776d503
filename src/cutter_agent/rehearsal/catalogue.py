"""What the catalogue of a healthy database says: made from the table of who must be able to do what."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from cutter_agent.evidence.canonical import canonical_bytes, sha256_hex
from cutter_agent.orchestrator.facts import FunctionFingerprint, GrantEntry, VocabSnapshot
from cutter_agent.orchestrator.grants import (
    CANONICAL_FUNCTIONS,
    LOGIN_ROLES,
    ROLE_OWNER,
    ROLE_REVIEW,
    ROLE_VERIFY,
)

DETAIL = f"by {ROLE_OWNER}"


def healthy_grants() -> Iterator[GrantEntry]:
    """Every entry of the grant matrix of a database that our own SQL has just set up."""
    for name, roles in CANONICAL_FUNCTIONS.items():
        yield GrantEntry("owner", f"{name}()", "", ROLE_OWNER, "")
        for role in (ROLE_OWNER, *roles):
            yield GrantEntry("function", f"{name}()", role, "EXECUTE", DETAIL)
    for table, role in (("verify_result", ROLE_VERIFY), ("review_decision", ROLE_REVIEW)):
        yield GrantEntry("relation", f"cutter_governance.{table}", role, "SELECT", DETAIL)
    for role in LOGIN_ROLES:
        yield GrantEntry("role", role, "", "login", "true")


def fingerprint(name: str, text: str) -> FunctionFingerprint:
    """The fingerprint of a function in memory: `text` stands for definition, owner and access list."""
    return FunctionFingerprint(
        signature=f"{name}()",
        sha256=sha256_hex(f"{name}\n{text}".encode()),
        prosrc_md5=hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
    )


def healthy_functions() -> Iterator[FunctionFingerprint]:
    """A fingerprint of every canonical function."""
    for name in CANONICAL_FUNCTIONS:
        yield fingerprint(name, "as shipped")


def vocab_of(kinds: frozenset[str]) -> VocabSnapshot:
    """The snapshot of these kinds, digested as the database digests them."""
    ordered = tuple(sorted(kinds))
    return VocabSnapshot(ordered, sha256_hex(canonical_bytes(ordered)))
