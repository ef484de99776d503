"""Proofs and citations: how large they are, and what it costs to check one."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from ratios import Row, compare

from cutter_agent.document.cutplan import leaf_record
from cutter_agent.evidence.canonical import canonical_bytes, sha256_hex
from cutter_agent.evidence.checkpoint import Checkpoint, InclusionProof, sign_checkpoint
from cutter_agent.evidence.citation import (
    CITATION_SCHEMA,
    Citation,
    InForce,
    Sealed,
    TreePlace,
    verify_citation,
)
from cutter_agent.evidence.codec import to_json
from cutter_agent.evidence.dsse import IN_TOTO_PAYLOAD_TYPE, pae, parse_envelope, seal
from cutter_agent.evidence.ed25519 import key_id
from cutter_agent.evidence.merkle import Tree, leaf_hash
from cutter_agent.evidence.statement import (
    ExecutorClaim,
    VerifierClaim,
    executor_statement,
    verifier_statement,
)
from cutter_agent.orchestrator.phases.write_verify import CHECKS, CheckResult

SMALL, LARGE = 60, 1_000_000
CHECKED = 200
"""Citations checked in one measured round."""


class Machine:
    """A key from a number."""

    def __init__(self, number: int) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        self.public_raw = self.private.public_key().public_bytes_raw()
        self.key_id = key_id(self.public_raw)

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message)


EXECUTOR, VERIFIER, LOG = (Machine(number) for number in (1, 2, 3))
TEXT = "Điều 7. Whoever answers for a rule keeps a record of it, and shows it to whoever asks.\n"


def record(number: int) -> bytes:
    """A unit as a leaf of the manifest."""
    return leaf_record(
        address=f"BENCH/DIEU-{number}",
        kind="article",
        parent=None,
        ordinal=number + 1,
        body_sha256=sha256_hex(TEXT.encode()),
        attributes=(("alias", "Điều"), ("heading", ""), ("num", str(number))),
    )


def cited(tree: Tree, index: int) -> Citation:
    """The unit at this place, with its proof and both seals."""
    root = tree.root().hex()
    facts = dict.fromkeys(("source_sha256", "plan_sha256", "facts_sha256"), "01" * 32)
    claim = ExecutorClaim(
        run_id="ictr-20260101T000000Z-00000001",
        document_id="BENCH",
        source_version_id="sv-1",
        manifest_root=root,
        tree_size=len(tree),
        change_set_id="cs-1",
        policy_sha256="02" * 32,
        database="1/2",
        approvals=(),
        affected_rows=(),
        **facts,
    )
    executed = seal(IN_TOTO_PAYLOAD_TYPE, executor_statement(claim, simulated=False), [EXECUTOR])
    found = VerifierClaim(
        claim.run_id,
        claim.document_id,
        sha256_hex(executed.encode()),
        root,
        root,
        len(tree),
        tuple(CheckResult(name, held=True) for name in CHECKS),
    )
    verified = seal(IN_TOTO_PAYLOAD_TYPE, verifier_statement(found, simulated=False), [VERIFIER])
    return Citation(
        schema=CITATION_SCHEMA,
        address=f"BENCH/DIEU-{index}",
        document_id="BENCH",
        run_id=claim.run_id,
        source_version_id="sv-1",
        in_force=InForce("2026-01-01", None),
        text=TEXT,
        record=record(index).decode(),
        proof=TreePlace(index, len(tree), tuple(h.hex() for h in tree.inclusion_proof(index))),
        root=root,
        executor=Sealed(executed.encode().decode(), EXECUTOR.public_raw.hex()),
        verifier=Sealed(verified.encode().decode(), VERIFIER.public_raw.hex()),
    )


def bare_check(citation: Citation) -> None:
    """The cryptography alone that no check can do without: two signatures, the text, the way to the root."""
    for sealed, key in ((citation.executor, EXECUTOR), (citation.verifier, VERIFIER)):
        envelope = parse_envelope(sealed.envelope.encode())
        message = pae(envelope.payload_type, envelope.payload)
        Ed25519PublicKey.from_public_bytes(key.public_raw).verify(
            envelope.signatures[0].signature, message
        )
    node = hashlib.sha256(b"\x00" + citation.record.encode()).digest()
    hashlib.sha256(citation.text.encode()).digest()
    for step in citation.proof.hashes:
        node = hashlib.sha256(b"\x01" + node + bytes.fromhex(step)).digest()


def sizes(tree: Tree, index: int) -> Iterator[Row]:
    """Bytes of a proof in the log's form and of a whole citation, against the bytes of the unit itself."""
    note = sign_checkpoint(Checkpoint("iu-cutter/bench", len(tree), tree.root()), LOG)
    proof = len(InclusionProof(index, tree.inclusion_proof(index), note).encode())
    whole = len(canonical_bytes(to_json(cited(tree, index))))
    unit = len(record(index))
    for name, size, goal in (("proof", proof, 2_000), ("citation", whole, 8_000)):
        yield Row(
            work=f"{name} of one of {len(tree):,} units",
            against=f"a goal in bytes; the unit's record has {unit}",
            ratio=size,
            goal=goal,
            bound="at most",
            work_s=0.0,
            peer_s=0.0,
            unit="B",
        )


def rows() -> Iterator[Row]:
    """Sizes at 60 and at a million units, and the check of a citation against its bare cryptography."""
    small = Tree([leaf_hash(record(number)) for number in range(SMALL)])
    yield from sizes(small, 7)
    yield from sizes(Tree([leaf_hash(record(number)) for number in range(LARGE)]), 777_777)
    citation = cited(small, 7)
    assert all(check.held for check in verify_citation(citation))
    forged = replace(citation, text=citation.text + "x")
    assert not all(check.held for check in verify_citation(forged))
    yield compare(
        f"check of {CHECKED} citations",
        lambda: [verify_citation(citation) for _ in range(CHECKED)],
        against="two bare Ed25519 checks and the hashes, of the same citations",
        peer=lambda: [bare_check(citation) for _ in range(CHECKED)],
        at_most=3.0,
    )
