"""The log of a deployment's database: its key, its signed heads, and proofs that a run's entries stand in it.

The database appends each entry in the transaction of what it tells. A head is signed here, by a key
that the database does not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cutter_agent.errors import StopEvidenceMismatch
from cutter_agent.evidence.bundle import LogEntry, LogGrowth, SignedRequest
from cutter_agent.evidence.bundle_check import request_header
from cutter_agent.evidence.checkpoint import (
    Checkpoint,
    GrowthProof,
    InclusionProof,
    NoteKey,
    head_text,
    parse_inclusion_proof,
    sign_checkpoint,
    verify_checkpoint,
)
from cutter_agent.evidence.merkle import Tree, leaf_hash
from cutter_agent.orchestrator.grants import ROLE_READER

if TYPE_CHECKING:
    from cutter_agent.bootstrap.desk import Desk
    from cutter_agent.crypto.machine_keys import MachineKey


def origin_of(desk: Desk) -> str:
    """The log's name: it says which database it is of."""
    return f"iu-cutter/log/{desk.facts().database_identity().text}"


def log_note_key(desk: Desk) -> NoteKey:
    """The public half of the log's key, under the log's name."""
    return NoteKey(origin_of(desk), _key(desk).public_raw)


def signed_head(desk: Desk, tree: Tree, size: int) -> bytes:
    """The signed head of the first `size` entries; the same entries always give the same bytes."""
    return sign_checkpoint(Checkpoint(origin_of(desk), size, tree.root(size)), _key(desk))


def entries_of(desk: Desk, run_id: str, policy_sha256: str) -> tuple[LogEntry, ...]:
    """The run's entries, each with its proof under the head that its last entry made.

    Raises:
        StopEvidenceMismatch: the log has lost or changed one of them.
    """
    from cutter_agent.postgres.deployment import log_leaves
    from cutter_agent.postgres.run_proof import log_records

    records = log_records(desk.select(ROLE_READER), run_id, policy_sha256)
    leaves = log_leaves(desk.access.login(ROLE_READER))
    tree = Tree(leaves)
    size = 1 + max((each.seq for each in records), default=-1)
    if not 0 < size <= len(leaves):
        raise StopEvidenceMismatch("the log has lost the entries of the run", run_id=run_id)
    head = signed_head(desk, tree, size)
    for each in records:
        if leaves[each.seq] != leaf_hash(each.payload):
            raise StopEvidenceMismatch(f"entry {each.seq} of the log was changed", run_id=run_id)
    return tuple(
        LogEntry(
            f"{each.seq:08d}-{each.kind}",
            each.payload,
            InclusionProof(each.seq, tree.inclusion_proof(each.seq, size), head).encode(),
        )
        for each in records
    )


def growth_of(
    desk: Desk, requests: Sequence[SignedRequest], entries: Sequence[LogEntry]
) -> tuple[LogGrowth, ...]:
    """The head that each request names, signed, and the proof that the log only grew since.

    Raises:
        StopEvidenceMismatch: the log is not the one that an approver saw.
    """
    from cutter_agent.postgres.deployment import log_leaves

    tree = Tree(log_leaves(desk.access.login(ROLE_READER)))
    newest = parse_inclusion_proof(entries[-1].proof).checkpoint
    size = verify_checkpoint(newest, log_note_key(desk)).size
    grown = []
    for request in requests:
        named = request_header(request.body).get("log_checkpoint", "")
        old = int(named.partition(":")[0]) if named.partition(":")[0].isdecimal() else size + 1
        if old > size or named != head_text(old, tree.root(old)):
            raise StopEvidenceMismatch(
                f"the log is not the one that {request.name} names", expected=named[:80]
            )
        proof = tree.consistency_proof(old, size) if old else ()
        note = GrowthProof(old, proof, newest).encode()
        grown.append(LogGrowth(request.name, signed_head(desk, tree, old), note))
    return tuple(grown)


def _key(desk: Desk) -> MachineKey:
    """The log's key; a deployment that has none yet gets one."""
    from cutter_agent.crypto.machine_keys import ensure_machine_key

    return ensure_machine_key(desk.home.log_key)
