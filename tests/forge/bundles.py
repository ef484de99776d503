"""A bundle made of keys from numbers: what the tests of bundles start from."""

from dataclasses import replace
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cutter_agent.evidence.allowed_signers import AllowedSigner
from cutter_agent.evidence.bundle import (
    BundleContents,
    LogEntry,
    LogGrowth,
    SignatureFile,
    SignedRequest,
    write_bundle,
)
from cutter_agent.evidence.canonical import canonical_bytes, sha256_hex
from cutter_agent.evidence.checkpoint import (
    Checkpoint,
    GrowthProof,
    InclusionProof,
    NoteKey,
    sign_checkpoint,
)
from cutter_agent.evidence.dsse import IN_TOTO_PAYLOAD_TYPE, seal
from cutter_agent.evidence.ed25519 import key_id
from cutter_agent.evidence.merkle import Tree, leaf_hash, tree_root
from cutter_agent.evidence.ssh_key import parse_public_key
from cutter_agent.evidence.sshsig import (
    APPROVAL_NAMESPACE,
    POLICY_NAMESPACE,
    REJECT_NAMESPACE,
)
from cutter_agent.evidence.statement import (
    AffectedRows,
    ApprovalUse,
    CheckResult,
    ExecutorClaim,
    VerifierClaim,
    executor_statement,
    verifier_statement,
)
from forge.approvals import FileKey

RUN = "ictr-20300101T000000Z-00000001"
REQUEST_NAME = "SG1-cut-authz-request-2030-01-01.md"
ISSUED = "2030-01-01T00:00:01Z"
ORIGIN = "iu-cutter.example/log/1"


class Machine:
    """A machine's key from a number."""

    def __init__(self, number: int) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)
        self.public_raw = self.private.public_key().public_bytes_raw()
        self.key_id = key_id(self.public_raw)

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message)


EXECUTOR, VERIFIER, LOG, STRANGER = (Machine(number) for number in range(1, 5))
ANNA, BINH = FileKey(b"\x11" * 32), FileKey(b"\x12" * 32)
UNITS = tuple(canonical_bytes({"address": f"DIEU-{n}", "ordinal": n}) for n in range(1, 8))
ROOT = tree_root([leaf_hash(unit) for unit in UNITS]).hex()
PLAN, POLICY = b"plan rows\n", canonical_bytes({"schema": "policy", "version": 1})


def signer(person: str, key: FileKey, until: int = 2031) -> AllowedSigner:
    window = datetime(2029, 1, 1, tzinfo=UTC), datetime(until, 1, 1, tzinfo=UTC)
    namespaces = (APPROVAL_NAMESPACE, REJECT_NAMESPACE)
    return AllowedSigner(person, parse_public_key(key.line), namespaces, *window)


def request_body(**changed: str) -> bytes:
    header = {
        "schema": "cutter.approval-request/1",
        "gate": "SG_1_cut_authz",
        "run_id": RUN,
        "document_id": "ICX-CONST",
        "issued_utc": ISSUED,
        "plan_sha256": sha256_hex(PLAN),
        "manifest_root": ROOT,
        "tree_size": "7",
        "policy_sha256": sha256_hex(POLICY),
    } | changed
    lines = "".join(f"{name}: {value}\n" for name, value in header.items())
    return f"{lines}\n---\n# Review sheet\n".encode()


def signed(body: bytes, *, refused: bool = False, **keys: FileKey) -> SignedRequest:
    namespace = REJECT_NAMESPACE if refused else APPROVAL_NAMESPACE
    signatures = tuple(
        SignatureFile(person, key.sign(body, namespace=namespace).armor)
        for person, key in keys.items()
    )
    return SignedRequest(REQUEST_NAME, body, signatures, refused)


def policy_signed(policy: bytes = POLICY, **keys: FileKey) -> tuple[SignatureFile, ...]:
    return tuple(
        SignatureFile(person, key.sign(policy, namespace=POLICY_NAMESPACE).armor)
        for person, key in keys.items()
    )


REQUEST = signed(request_body(), anna=ANNA, binh=BINH)
CLAIM = ExecutorClaim(
    run_id=RUN,
    document_id="ICX-CONST",
    source_version_id="sv-1",
    source_sha256="01" * 32,
    plan_sha256=sha256_hex(PLAN),
    manifest_root=ROOT,
    tree_size=7,
    change_set_id="cs-1",
    facts_sha256="03" * 32,
    policy_sha256=sha256_hex(POLICY),
    database="1:2",
    approvals=(ApprovalUse("SG_1_cut_authz", sha256_hex(REQUEST.body), ("anna", "binh")),),
    affected_rows=(AffectedRows("iu.unit_version", 7),),
)


def executed(
    claim: ExecutorClaim = CLAIM, *, simulated: bool = False, by: Machine = EXECUTOR
) -> bytes:
    statement = executor_statement(claim, simulated=simulated)
    return seal(IN_TOTO_PAYLOAD_TYPE, statement, [by]).encode()


def verified(
    envelope: bytes, *, simulated: bool = False, by: Machine = VERIFIER, **changed: object
) -> bytes:
    claim = VerifierClaim(
        RUN, "ICX-CONST", sha256_hex(envelope), ROOT, ROOT, 7, (CheckResult("all_draft", True),)
    )
    statement = verifier_statement(replace(claim, **changed), simulated=simulated)
    return seal(IN_TOTO_PAYLOAD_TYPE, statement, [by]).encode()


LOG_RECORDS = [canonical_bytes({"entry": number}) for number in range(5)]


def log_tree(first: bytes = LOG_RECORDS[0]) -> Tree:
    return Tree([leaf_hash(record) for record in (first, *LOG_RECORDS[1:])])


def log_note(size: int, by: Machine = LOG, tree: Tree | None = None) -> bytes:
    return sign_checkpoint(Checkpoint(ORIGIN, size, (tree or log_tree()).root(size)), by)


def log_entries(by: Machine = LOG) -> tuple[LogEntry, ...]:
    proof = InclusionProof(3, log_tree().inclusion_proof(3), log_note(5, by)).encode()
    return (LogEntry("enactment", LOG_RECORDS[3], proof),)


def log_growth(older: bytes, tree: Tree | None = None) -> tuple[LogGrowth, ...]:
    proof = (tree or log_tree()).consistency_proof(3)
    return (LogGrowth("SG1", older, GrowthProof(3, proof, log_note(5, tree=tree)).encode()),)


GOOD = BundleContents(
    run_id=RUN,
    document_id="ICX-CONST",
    simulated=False,
    requests=(REQUEST,),
    executor_envelope=executed(),
    executor_key=EXECUTOR.public_raw,
    verifier_envelope=verified(executed()),
    verifier_key=VERIFIER.public_raw,
    unit_records=UNITS,
    plan=PLAN,
    policy=POLICY,
    signers=(signer("anna", ANNA), signer("binh", BINH)),
    documents={"01-source-pin-2030-01-01.md": "# Nguồn\n".encode()},
    log_key=NoteKey(ORIGIN, LOG.public_raw),
    log_entries=log_entries(),
    log_growth=log_growth(log_note(3)),
    policy_signatures=policy_signed(anna=ANNA, binh=BINH),
)
DATA = write_bundle(GOOD)
