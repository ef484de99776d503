"""Who must be able to do what in the database: the one table, and the probe that reads the matrix by it.

The SQL files grant exactly this; a test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from cutter_agent.evidence.canonical import canonical_bytes, sha256_hex
from cutter_agent.orchestrator.facts import FunctionFingerprint, GrantEntry

ROLE_OWNER: Final = "cutter_owner"
ROLE_ADMIN: Final = "cutter_admin"
ROLE_READER: Final = "cutter_reader"
ROLE_EXEC: Final = "cutter_exec"
ROLE_VERIFY: Final = "cutter_verify"
ROLE_REVIEW: Final = "cutter_review"
LOGIN_ROLES: Final = (ROLE_READER, ROLE_EXEC, ROLE_VERIFY, ROLE_REVIEW, ROLE_ADMIN)

CANONICAL_FUNCTIONS: Final[dict[str, tuple[str, ...]]] = {
    "iu.fn_source_add": (ROLE_ADMIN,),
    "iu.fn_iu_create": (ROLE_EXEC,),
    "iu.fn_iu_create_set": (ROLE_EXEC,),
    "iu.fn_iu_apply_edit_draft": (ROLE_EXEC,),
    "iu.fn_iu_enact": (ROLE_EXEC,),
    "cutter_governance.fn_switch_arm": (ROLE_ADMIN,),
    "cutter_governance.fn_policy_accept": (ROLE_ADMIN,),
    "cutter_governance.fn_run_open": (ROLE_EXEC,),
    "cutter_governance.fn_run_hold": (ROLE_EXEC,),
    "cutter_governance.fn_run_claim": (ROLE_EXEC,),
    "cutter_governance.fn_run_wake": (ROLE_EXEC,),
    "cutter_governance.fn_run_append": (ROLE_EXEC, ROLE_VERIFY),
    "cutter_governance.fn_run_end": (ROLE_EXEC,),
    "cutter_governance.fn_approval_consume": (ROLE_EXEC,),
    "cutter_governance.fn_refusal_record": (ROLE_EXEC,),
    "cutter_governance.fn_change_set_mint": (ROLE_EXEC,),
    "cutter_governance.fn_manifest_record": (ROLE_EXEC,),
    "cutter_governance.fn_verify_record": (ROLE_VERIFY,),
    "cutter_governance.fn_signature_offer": (ROLE_REVIEW,),
}
"""Function names and the roles that may execute them; PUBLIC may execute none."""

VERIFIER_REACH: Final = tuple(
    sorted(name for name, roles in CANONICAL_FUNCTIONS.items() if ROLE_VERIFY in roles)
)
"""All that the verifier's login may do besides reading."""

DML: Final = frozenset({"INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"})


def grants_sha256(entries: Iterable[GrantEntry]) -> str:
    """Return the digest of the matrix, whatever the order in which it was read."""
    return _rows_sha256(
        tuple(sorted((e.kind, e.object, e.grantee, e.privilege, e.detail) for e in entries))
    )


def functions_sha256(functions: Iterable[FunctionFingerprint]) -> str:
    """Return the digest of all function fingerprints, whatever the order they were read in."""
    return _rows_sha256(tuple(sorted((f.signature, f.sha256) for f in functions)))


@lru_cache(maxsize=8)
def _rows_sha256(rows: tuple[tuple[str, ...], ...]) -> str:
    """Return the digest of the rows. A run asks some twenty times, and the answer rarely changes."""
    return sha256_hex(canonical_bytes([list(row) for row in rows]))


def _may(entries: Sequence[GrantEntry], kind: str, name: str, role: str, privilege: str) -> bool:
    return any(
        e.kind == kind
        and e.object.partition("(")[0] == name
        and e.grantee == role
        and e.privilege == privilege
        for e in entries
    )


def exec_missing(entries: Sequence[GrantEntry]) -> tuple[str, ...]:
    """Return the canonical functions that the executor may not execute but must."""
    return tuple(
        name
        for name, roles in CANONICAL_FUNCTIONS.items()
        if ROLE_EXEC in roles and not _may(entries, "function", name, ROLE_EXEC, "EXECUTE")
    )


def verify_missing(entries: Sequence[GrantEntry]) -> tuple[str, ...]:
    """Return what the verifier lacks to read and to record its result."""
    wanted = (
        ("function", "cutter_governance.fn_verify_record", "EXECUTE"),
        ("relation", "cutter_governance.verify_result", "SELECT"),
    )
    return tuple(
        f"{privilege} {name}"
        for kind, name, privilege in wanted
        if not _may(entries, kind, name, ROLE_VERIFY, privilege)
    )


def review_missing(entries: Sequence[GrantEntry]) -> tuple[str, ...]:
    """Return what the reviewer lacks to read decisions."""
    name = "cutter_governance.review_decision"
    return () if _may(entries, "relation", name, ROLE_REVIEW, "SELECT") else (f"SELECT {name}",)


def public_leaks(entries: Sequence[GrantEntry]) -> tuple[str, ...]:
    """Return the functions of our schemas that PUBLIC may execute."""
    return tuple(
        sorted({e.object for e in entries if e.kind == "function" and e.grantee == "PUBLIC"})
    )


def dml_leaks(entries: Sequence[GrantEntry]) -> tuple[str, ...]:
    """Return every right to change a table of ours that a login role or PUBLIC holds."""
    return tuple(
        sorted(
            {
                f"{e.grantee} {e.privilege} {e.object}"
                for e in entries
                if e.kind in {"relation", "column"}
                and e.privilege in DML
                and e.grantee != ROLE_OWNER
            }
        )
    )
