"""What outsiders read of ours and we of theirs: in-toto's own reader, a shell's printf, openssl, ssh-keygen."""

import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from google.protobuf import json_format
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement

from cutter_agent.errors import StopEvidenceMismatch
from cutter_agent.evidence.canonical import canonical_bytes, sha256_hex
from cutter_agent.evidence.dsse import (
    IN_TOTO_PAYLOAD_TYPE,
    Envelope,
    EnvelopeSignature,
    parse_envelope,
    verify_envelope,
)
from cutter_agent.evidence.ed25519 import spki_pem
from cutter_agent.evidence.statement import (
    PredicateType,
    executor_statement,
    parse_executor_statement,
    parse_verifier_statement,
    verifier_statement,
)
from forge.bundles import CLAIM, EXECUTOR, GOOD, ROOT, STRANGER, VERIFIER

Shell = Callable[[str], int]
PRINTF = r"""
type=application/vnd.in-toto+json
printf 'DSSEv1 %d %s %d ' "${#type}" "$type" "$(wc -c < payload)" > pae
cat payload >> pae
"""
"""The pre-authentication encoding by a shell alone."""


def payload_of(envelope: bytes) -> bytes:
    return parse_envelope(envelope).payload


def as_json(statement: Statement) -> dict[str, object]:
    return json_format.MessageToDict(statement.pb)


def whole(value: object) -> object:
    """The value with numbers as they were: protobuf's structs know no integers."""
    if isinstance(value, dict):
        return {name: whole(each) for name, each in value.items()}
    if isinstance(value, list):
        return [whole(each) for each in value]
    return int(value) if isinstance(value, float) else value


@pytest.mark.parametrize("party", ["executor", "verifier"])
def test_in_totos_own_reader_takes_our_statements_whole(party: str):
    envelope = GOOD.executor_envelope if party == "executor" else GOOD.verifier_envelope
    data = payload_of(envelope)
    read = Statement.copy_from_pb(json_format.Parse(data, statement_pb2.Statement()))
    read.validate()
    kinds = {"executor": PredicateType.EXECUTED_LIVE, "verifier": PredicateType.VERIFIED_LIVE}
    assert read.pb.predicate_type == kinds[party]
    digests = [dict(subject.digest) for subject in read.pb.subject]
    manifest = {"rfc9162-sha256": ROOT}
    sealed = {"sha256": sha256_hex(GOOD.executor_envelope)}
    assert digests == ([manifest] if party == "executor" else [sealed, manifest])
    assert whole(as_json(read)) == json.loads(data)


def test_what_in_totos_own_writer_makes_is_read_here():
    predicate = json.loads(executor_statement(CLAIM, simulated=False))["predicate"]
    subject = ResourceDescriptor(
        name=f"manifest:{CLAIM.document_id}",
        digest={"rfc9162-sha256": CLAIM.manifest_root},
        annotations={"leaves": CLAIM.tree_size},
    )
    made = Statement([subject.pb], PredicateType.EXECUTED_LIVE.value, predicate)
    made.validate()
    data = canonical_bytes(whole(as_json(made)))
    assert parse_executor_statement(data, simulated=False) == CLAIM
    with pytest.raises(StopEvidenceMismatch):
        parse_executor_statement(data, simulated=True)
    with pytest.raises(StopEvidenceMismatch):
        parse_verifier_statement(data, simulated=False)


def test_in_totos_own_reader_refuses_what_is_no_statement():
    value = json.loads(payload_of(GOOD.executor_envelope))
    for change in ({"_type": "https://in-toto.io/Statement/v0.1"}, {"subject": []}):
        read = json_format.ParseDict({**value, **change}, statement_pb2.Statement())
        with pytest.raises(ValueError, match=r"Wrong statement type|At least one subject"):
            Statement.copy_from_pb(read).validate()


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Runs a line of a shell in a folder of its own; the exit status."""
    for tool in ("bash", "openssl"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")

    def run(line: str) -> int:
        words = ["bash", "-euo", "pipefail", "-c", line]
        return subprocess.run(
            words, cwd=tmp_path, capture_output=True, check=False, timeout=60
        ).returncode

    return run


def test_openssl_verifies_our_seals_over_a_pae_that_printf_made(shell: Shell, tmp_path: Path):
    for party, envelope, key in (
        ("executor", GOOD.executor_envelope, EXECUTOR),
        ("verifier", GOOD.verifier_envelope, VERIFIER),
    ):
        sealed = json.loads(envelope)
        (tmp_path / "payload").write_bytes(base64.b64decode(sealed["payload"]))
        (tmp_path / "sig").write_bytes(base64.b64decode(sealed["signatures"][0]["sig"]))
        (tmp_path / "key.pem").write_text(spki_pem(key.public_raw))
        verify = "openssl pkeyutl -verify -rawin -pubin -inkey key.pem -sigfile sig -in pae"
        assert shell(PRINTF + verify) == 0, party
        assert shell(PRINTF + "printf x >> pae\n" + verify) == 1, party


def test_what_openssl_signs_over_printfs_pae_opens_here(shell: Shell, tmp_path: Path):
    payload = verifier_statement(
        parse_verifier_statement(payload_of(GOOD.verifier_envelope), simulated=False),
        simulated=False,
    )
    (tmp_path / "payload").write_bytes(payload)
    (tmp_path / "key.pem").write_bytes(
        STRANGER.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    assert shell(PRINTF + "openssl pkeyutl -sign -rawin -inkey key.pem -in pae -out sig") == 0
    signature = EnvelopeSignature(STRANGER.key_id, (tmp_path / "sig").read_bytes())
    envelope = Envelope(IN_TOTO_PAYLOAD_TYPE, payload, (signature,)).encode()
    keys = [STRANGER.public_raw]
    assert verify_envelope(envelope, payload_type=IN_TOTO_PAYLOAD_TYPE, keys=keys) == payload
    assert shell("openssl pkeyutl -sign -rawin -inkey key.pem -in payload -out sig") == 0
    bare = EnvelopeSignature(STRANGER.key_id, (tmp_path / "sig").read_bytes())
    with pytest.raises(StopEvidenceMismatch, match="does not fit"):
        verify_envelope(
            Envelope(IN_TOTO_PAYLOAD_TYPE, payload, (bare,)).encode(),
            payload_type=IN_TOTO_PAYLOAD_TYPE,
            keys=keys,
        )
