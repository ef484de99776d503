"""Whether the log's entries in a bundle tell of this very run: its approvals, its enactment, its policy."""

from __future__ import annotations

from collections.abc import Mapping

from cutter_agent.errors import StopEvidenceMismatch
from cutter_agent.evidence.bundle import BundleContents, SignedRequest
from cutter_agent.evidence.bundle_check import request_header
from cutter_agent.evidence.canonical import Json, parse_canonical, sha256_hex
from cutter_agent.evidence.checkpoint import head_text, note_head
from cutter_agent.evidence.merkle import leaf_hash, tree_root


def log_tells(contents: BundleContents) -> str:
    """Return how many entries tell of the run; that they stand in the log is checked elsewhere.

    Raises:
        StopEvidenceMismatch: an approval, the enactment or the policy is not in the log.
        StopRefusedInput: an entry is no canonical JSON, or an older head is no note.
    """
    if contents.simulated:
        return "a simulated run leaves nothing in a log"
    entries = [_entry(entry.record) for entry in contents.log_entries]
    root = tree_root([leaf_hash(record) for record in contents.unit_records]).hex()
    wanted: list[dict[str, Json]] = [
        {
            "kind": "enactment",
            "run_id": contents.run_id,
            "document_id": contents.document_id,
            "root_sha256": root,
            "tree_size": len(contents.unit_records),
        },
        {"kind": "trust_policy", "sha256": sha256_hex(contents.policy)},
    ]
    wanted += [
        {"kind": "trust_policy", "sha256": sha256_hex(earlier.body), "version": version}
        for version, earlier in enumerate(contents.earlier_policies, 1)
    ]
    wanted += [
        {
            "run_id": contents.run_id,
            "request_sha256": sha256_hex(request.body),
            **_answer(request),
        }
        for request in contents.requests
    ]
    for each in wanted:
        if not any(each.items() <= entry.items() for entry in entries):
            raise StopEvidenceMismatch(f"the log's entries tell of no such {each['kind']}")
    shown = [sha256_hex(request.body) for request in contents.requests]
    for entry in entries:
        digest = entry.get("request_sha256")
        if entry.get("run_id") == contents.run_id and digest not in (None, *shown):
            raise StopEvidenceMismatch(f"the log tells of an answer that is not here: {digest}")
    stated = (note_head(growth.older) for growth in contents.log_growth)
    heads = {head_text(head.size, head.root) for head in stated}
    for request in contents.requests:
        named = request_header(request.body).get("log_checkpoint", "")
        if named not in heads:
            raise StopEvidenceMismatch(f"no signed head of the log is the one of {request.name}")
    return f"{len(wanted)} entries of the log tell of this run, its approvals and its policy"


def _answer(request: SignedRequest) -> dict[str, Json]:
    if request.refused:
        return {"kind": "refusal"}
    decision = request_header(request.body).get("decision", "approve")
    return {"kind": "approval_use", "decision": decision}


def _entry(record: bytes) -> dict[str, Json]:
    value = parse_canonical(record)
    if not isinstance(value, Mapping):
        raise StopEvidenceMismatch("an entry of the log is no object")
    return dict(value)
