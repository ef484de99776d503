"""Everything about one run that a stranger needs, in one archive with the same bytes every time.

The contents are values; all that can be derived from them (payloads, signed bytes, digests, the
README) is derived here, so `read_bundle` refuses an archive in which a derived file differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

from cutter_agent.errors import StopEvidenceMismatch, StopRefusedInput
from cutter_agent.evidence.allowed_signers import (
    AllowedSigner,
    allowed_signers_text,
    parse_allowed_signers,
)
from cutter_agent.evidence.archive import pack, unpack
from cutter_agent.evidence.bundle_readme import bundle_readme
from cutter_agent.evidence.canonical import Json, canonical_bytes, parse_canonical, sha256_hex
from cutter_agent.evidence.checkpoint import NoteKey, parse_note_key
from cutter_agent.evidence.codec import from_json, to_json
from cutter_agent.evidence.dsse import pae, parse_envelope
from cutter_agent.evidence.ed25519 import parse_spki_pem, spki_pem

BUNDLE_SCHEMA: Final = "cutter.evidence-bundle/1"

README, DIGESTS, INDEX = "README.md", "MANIFEST.sha256", "bundle.json"
UNITS, PLAN, POLICY, SIGNERS = "units.jsonl", "plan", "trust/policy.json", "trust/allowed_signers"
LOG_KEY: Final = "keys/log.vkey"
DOCUMENTS, REQUESTS, LOG = "documents/", "requests/", "log/"
EARLIER_POLICY: Final = "trust/policy-{version}.json"
CHAIN: Final = ("earlier_policies", "policy_accepted_utc")
"""What the index of a bundle without the chain of policies does not have."""
PARTIES: Final = ("executor", "verifier")


@dataclass(frozen=True, slots=True)
class SignatureFile:
    """A person's armoured signature, as it lay beside the request."""

    person: str
    armor: bytes


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A request as it was signed, with all signatures of one kind: approvals or refusals."""

    name: str
    body: bytes
    signatures: tuple[SignatureFile, ...]
    refused: bool = False


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A record of the database's log, with the proof of its place."""

    name: str
    record: bytes
    proof: bytes


@dataclass(frozen=True, slots=True)
class LogGrowth:
    """An older signed head of the log, as a request names it, and the proof that it only grew."""

    name: str
    older: bytes
    proof: bytes


@dataclass(frozen=True, slots=True)
class EarlierPolicy:
    """A trust policy that counted before the run's, the signatures that brought it in, and when."""

    body: bytes
    signatures: tuple[SignatureFile, ...]
    accepted_utc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleContents:
    """What a bundle is made of.

    Attributes:
        simulated: whether the run was a dry run.
        executor_envelope: the executor's DSSE envelope; `executor_key` is its raw public key.
        unit_records: the leaves of the manifest, canonical JSON, in document order.
        plan: the exact bytes whose SHA-256 is the writer digest.
        policy: the trust policy's canonical bytes; `signers` is generated from it.
        policy_signatures: the signatures that brought the policy in.
        policy_accepted_utc: when the database accepted it; empty in a bundle that does not carry the
            chain of policies, as earlier versions of this program made them.
        earlier_policies: the policies before it, from version 1 on.
        documents: the run's documents by file name.
        log_key: the log's key; None when the run left nothing in a log.
    """

    run_id: str
    document_id: str
    simulated: bool
    requests: tuple[SignedRequest, ...]
    executor_envelope: bytes
    executor_key: bytes
    verifier_envelope: bytes
    verifier_key: bytes
    unit_records: tuple[bytes, ...]
    plan: bytes
    policy: bytes
    signers: tuple[AllowedSigner, ...]
    documents: Mapping[str, bytes]
    log_key: NoteKey | None = None
    log_entries: tuple[LogEntry, ...] = ()
    log_growth: tuple[LogGrowth, ...] = ()
    policy_signatures: tuple[SignatureFile, ...] = ()
    policy_accepted_utc: str = ""
    earlier_policies: tuple[EarlierPolicy, ...] = ()


@dataclass(frozen=True, slots=True)
class _PolicyIndex:
    persons: tuple[str, ...]
    accepted_utc: str


@dataclass(frozen=True, slots=True)
class _RequestIndex:
    name: str
    persons: tuple[str, ...]
    refused: bool


@dataclass(frozen=True, slots=True)
class _Index:
    """What cannot be read off the files' names."""

    schema: str
    run_id: str
    document_id: str
    simulated: bool
    requests: tuple[_RequestIndex, ...]
    log_entries: tuple[str, ...]
    log_growth: tuple[str, ...]
    policy_signers: tuple[str, ...]
    policy_accepted_utc: str = ""
    earlier_policies: tuple[_PolicyIndex, ...] = ()


def write_bundle(contents: BundleContents) -> bytes:
    """The archive of these contents: the same contents always give the same bytes.

    Raises:
        StopRefusedInput: a unit record of several lines, or a name that does not go into a file.
        StopEvidenceMismatch: an envelope that cannot be read.
    """
    return pack(bundle_files(contents))


def bundle_files(contents: BundleContents) -> dict[str, bytes]:
    """Every file of the bundle by its name, README and digests included."""
    files: dict[str, bytes] = {
        INDEX: canonical_bytes(_index_json(contents)),
        UNITS: _lines(contents.unit_records),
        PLAN: contents.plan,
        POLICY: contents.policy,
        SIGNERS: allowed_signers_text(contents.signers).encode("ascii"),
    }
    _add_party(files, "executor", contents.executor_envelope, contents.executor_key)
    _add_party(files, "verifier", contents.verifier_envelope, contents.verifier_key)
    for request in contents.requests:
        _add(files, REQUESTS + request.name, request.body)
        for each in request.signatures:
            name = signature_name(request.name, each.person, refused=request.refused)
            _add(files, REQUESTS + name, each.armor)
    for name, body in contents.documents.items():
        _add(files, DOCUMENTS + name, body)
    for each in contents.policy_signatures:
        _add(files, signature_name(POLICY, each.person, refused=False), each.armor)
    for version, earlier in enumerate(contents.earlier_policies, 1):
        name = EARLIER_POLICY.format(version=version)
        _add(files, name, earlier.body)
        for each in earlier.signatures:
            _add(files, signature_name(name, each.person, refused=False), each.armor)
    if contents.log_key is not None:
        _add(files, LOG_KEY, f"{contents.log_key.line}\n".encode("ascii"))
    for entry in contents.log_entries:
        _add(files, f"{LOG}{entry.name}.record", entry.record)
        _add(files, f"{LOG}{entry.name}.tlog-proof", entry.proof)
    for growth in contents.log_growth:
        _add(files, f"{LOG}{growth.name}.checkpoint", growth.older)
        _add(files, f"{LOG}{growth.name}.growth", growth.proof)
    files[README] = bundle_readme(files, simulated=contents.simulated).encode()
    files[DIGESTS] = _digests(files)
    return files


def signature_name(request: str, person: str, *, refused: bool) -> str:
    """The name of the file in which a person's answer lies beside the request."""
    return f"{request}.{person}.reject.sig" if refused else f"{request}.{person}.sig"


def read_bundle(data: bytes) -> BundleContents:
    """The contents of a bundle whose every byte is as `write_bundle` writes it.

    Nothing that is signed in it is verified here; see bundle_check.

    Raises:
        StopEvidenceMismatch: it is no bundle, or one of its files was changed, added or lost.
        StopRefusedInput: a file of it is not in the form that its kind has.
    """
    files = unpack(data)
    contents = _contents(files)
    expected = bundle_files(contents)
    odd = sorted(name for name in {*files, *expected} if files.get(name) != expected.get(name))
    if odd:
        _mismatch(f"changed, added or lost in the bundle: {', '.join(odd[:8])}")
    return contents


def _contents(files: Mapping[str, bytes]) -> BundleContents:
    index = from_json(_Index, parse_canonical(_take(files, INDEX)))
    if index.schema != BUNDLE_SCHEMA:
        _mismatch(f"the bundle's schema is {index.schema[:60]!a}, not {BUNDLE_SCHEMA}")
    keys = {party: parse_spki_pem(_ascii(files, f"keys/{party}.pem")) for party in PARTIES}
    documents = {
        name.removeprefix(DOCUMENTS): body
        for name, body in files.items()
        if name.startswith(DOCUMENTS)
    }
    return BundleContents(
        run_id=index.run_id,
        document_id=index.document_id,
        simulated=index.simulated,
        requests=tuple(_request(files, request) for request in index.requests),
        executor_envelope=_take(files, "statements/executor.dsse.json"),
        executor_key=keys["executor"],
        verifier_envelope=_take(files, "statements/verifier.dsse.json"),
        verifier_key=keys["verifier"],
        unit_records=tuple(_take(files, UNITS).split(b"\n")[:-1]),
        plan=_take(files, PLAN),
        policy=_take(files, POLICY),
        signers=parse_allowed_signers(_ascii(files, SIGNERS)),
        documents=documents,
        log_key=parse_note_key(_ascii(files, LOG_KEY)[:-1]) if LOG_KEY in files else None,
        log_entries=tuple(_log_entry(files, name) for name in index.log_entries),
        log_growth=tuple(_log_growth(files, name) for name in index.log_growth),
        policy_signatures=_policy_signatures(files, POLICY, index.policy_signers),
        policy_accepted_utc=index.policy_accepted_utc,
        earlier_policies=tuple(
            _earlier_policy(files, version, policy)
            for version, policy in enumerate(index.earlier_policies, 1)
        ),
    )


def _index_json(contents: BundleContents) -> dict[str, Json]:
    """The index as it is written: without the chain's fields where there is no chain."""
    index = to_json(_index(contents))
    left_out = () if contents.policy_accepted_utc else CHAIN
    return {name: value for name, value in index.items() if name not in left_out}


def _index(contents: BundleContents) -> _Index:
    requests = tuple(
        _RequestIndex(each.name, tuple(one.person for one in each.signatures), each.refused)
        for each in contents.requests
    )
    return _Index(
        schema=BUNDLE_SCHEMA,
        run_id=contents.run_id,
        document_id=contents.document_id,
        simulated=contents.simulated,
        requests=requests,
        log_entries=tuple(entry.name for entry in contents.log_entries),
        log_growth=tuple(growth.name for growth in contents.log_growth),
        policy_signers=tuple(each.person for each in contents.policy_signatures),
        policy_accepted_utc=contents.policy_accepted_utc,
        earlier_policies=tuple(
            _PolicyIndex(tuple(one.person for one in each.signatures), each.accepted_utc)
            for each in contents.earlier_policies
        ),
    )


def _request(files: Mapping[str, bytes], index: _RequestIndex) -> SignedRequest:
    def signature(person: str) -> SignatureFile:
        name = signature_name(index.name, person, refused=index.refused)
        return SignatureFile(person, _take(files, REQUESTS + name))

    signatures = tuple(signature(person) for person in index.persons)
    body = _take(files, REQUESTS + index.name)
    return SignedRequest(index.name, body, signatures, index.refused)


def _policy_signatures(
    files: Mapping[str, bytes], name: str, persons: tuple[str, ...]
) -> tuple[SignatureFile, ...]:
    return tuple(
        SignatureFile(person, _take(files, signature_name(name, person, refused=False)))
        for person in persons
    )


def _earlier_policy(files: Mapping[str, bytes], version: int, index: _PolicyIndex) -> EarlierPolicy:
    name = EARLIER_POLICY.format(version=version)
    signatures = _policy_signatures(files, name, index.persons)
    return EarlierPolicy(_take(files, name), signatures, index.accepted_utc)


def _log_entry(files: Mapping[str, bytes], name: str) -> LogEntry:
    record = _take(files, f"{LOG}{name}.record")
    return LogEntry(name, record, _take(files, f"{LOG}{name}.tlog-proof"))


def _log_growth(files: Mapping[str, bytes], name: str) -> LogGrowth:
    older = _take(files, f"{LOG}{name}.checkpoint")
    return LogGrowth(name, older, _take(files, f"{LOG}{name}.growth"))


def _add_party(files: dict[str, bytes], party: str, envelope: bytes, key: bytes) -> None:
    """The envelope, what is in it, the bytes that were signed, the signature and its key."""
    opened = parse_envelope(envelope)
    stem = f"statements/{party}"
    files[f"{stem}.dsse.json"] = envelope
    files[f"{stem}.json"] = opened.payload
    files[f"{stem}.pae"] = pae(opened.payload_type, opened.payload)
    files[f"{stem}.sig"] = opened.signatures[0].signature
    files[f"keys/{party}.pem"] = spki_pem(key).encode("ascii")


def _add(files: dict[str, bytes], name: str, body: bytes) -> None:
    """One file more; two of the same name would be one too few."""
    if files.setdefault(name, body) != body:
        raise StopRefusedInput(f"two different files of the bundle are named {name[:80]}")


def _lines(records: tuple[bytes, ...]) -> bytes:
    if any(b"\n" in record for record in records):
        raise StopRefusedInput("a unit record has several lines", expected="canonical JSON")
    return b"".join(record + b"\n" for record in records)


def _digests(files: Mapping[str, bytes]) -> bytes:
    """A line a file, as `sha256sum --check` reads it."""
    return "".join(f"{sha256_hex(files[name])}  {name}\n" for name in sorted(files)).encode()


def _take(files: Mapping[str, bytes], name: str) -> bytes:
    if name not in files:
        _mismatch(f"the bundle has no file {name[:80]}")
    return files[name]


def _ascii(files: Mapping[str, bytes], name: str) -> str:
    body = _take(files, name)
    if not body.isascii():
        _mismatch(f"the file {name} of the bundle is not ASCII")
    return body.decode("ascii")


def _mismatch(fact: str) -> NoReturn:
    raise StopEvidenceMismatch(fact)
