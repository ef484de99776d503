"""A bundle that holds in every check there is, and forgeries of it, each resealed as far as a forger can.

The forger has no key of a person whom the policy names, and not the machines' keys, except where a row
says so; everything that can be made again without them (digests, lists, payloads) is made again.
"""

from collections.abc import Callable
from dataclasses import replace

from cutter_agent.evidence.allowed_signers import AllowedSigner
from cutter_agent.evidence.archive import pack, unpack
from cutter_agent.evidence.bundle import (
    BundleContents,
    LogEntry,
    LogGrowth,
    SignedRequest,
    write_bundle,
)
from cutter_agent.evidence.canonical import Json, canonical_bytes, sha256_hex
from cutter_agent.evidence.checkpoint import (
    Checkpoint,
    GrowthProof,
    InclusionProof,
    head_text,
    sign_checkpoint,
)
from cutter_agent.evidence.dsse import IN_TOTO_PAYLOAD_TYPE, seal
from cutter_agent.evidence.merkle import Tree, leaf_hash
from cutter_agent.evidence.ssh_key import parse_public_key
from cutter_agent.evidence.sshsig import (
    APPROVAL_NAMESPACE,
    POLICY_NAMESPACE,
    REJECT_NAMESPACE,
)
from cutter_agent.evidence.statement import ApprovalUse, executor_statement
from cutter_agent.orchestrator.policy import (
    POLICY_SCHEMA,
    EnrolledKey,
    GateRule,
    Person,
    TrustPolicy,
)
from cutter_agent.orchestrator.states import Gate
from forge.approvals import FileKey
from forge.bundles import (
    ANNA,
    BINH,
    CLAIM,
    EXECUTOR,
    GOOD,
    LOG,
    ORIGIN,
    ROOT,
    RUN,
    STRANGER,
    UNITS,
    Machine,
    executed,
    policy_signed,
    request_body,
    signed,
    verified,
)

ACCEPTED = "2029-06-01T00:00:00Z"
SG1, SG2 = "SG1-cut-authz-request-2030-01-01.md", "SG2-lifecycle-authz-request-2030-01-01.md"
EVA = FileKey(b"\x13" * 32)


def policy_of(persons: dict[str, FileKey], threshold: int = 1) -> TrustPolicy:
    """Each of these persons may approve at every gate."""
    return TrustPolicy(
        schema=POLICY_SCHEMA,
        version=1,
        deployment="1:2",
        persons=tuple(
            Person(name, (EnrolledKey(key.line, None, None, None),))
            for name, key in persons.items()
        ),
        gates=tuple(GateRule(gate, threshold, tuple(persons), False) for gate in Gate),
        sg1_approver_may_approve_sg2=False,
    )


def signers_of(policy: TrustPolicy) -> tuple[AllowedSigner, ...]:
    """The allowed signers that the policy gives."""
    namespaces = (APPROVAL_NAMESPACE, REJECT_NAMESPACE, POLICY_NAMESPACE)
    return tuple(
        AllowedSigner(person.name, parse_public_key(key.public_key), namespaces)
        for person in policy.persons
        for key in person.keys
    )


POLICY = policy_of({"anna": ANNA, "binh": BINH})
HEAD = [canonical_bytes({"kind": "trust_policy", "sha256": POLICY.sha256, "version": 1})]


def ask(gate: Gate, policy: TrustPolicy = POLICY, head: list[bytes] | None = None) -> bytes:
    """The request of this gate, under the log as it was when it was asked."""
    leaves = [leaf_hash(record) for record in head or HEAD]
    return request_body(
        gate=gate.value,
        starter="chi",
        policy_sha256=policy.sha256,
        log_checkpoint=head_text(len(leaves), Tree(leaves).root()),
    )


def answered(first: SignedRequest, second: SignedRequest) -> tuple[SignedRequest, ...]:
    """Both requests under their own names."""
    return replace(first, name=SG1), replace(second, name=SG2)


def logged(
    requests: tuple[SignedRequest, ...],
    *,
    head: list[bytes] | None = None,
    log_by: Machine = LOG,
    more: tuple[dict[str, Json], ...] = (),
    leave_out: str = "",
) -> tuple[tuple[LogEntry, ...], tuple[LogGrowth, ...]]:
    """The log's entries of the run with their proofs, and the older head with its proof of growth."""
    uses: list[dict[str, Json]] = [
        {
            "kind": "approval_use",
            "decision": "approve",
            "run_id": RUN,
            "request_sha256": sha256_hex(each.body),
        }
        for each in requests
    ]
    enactment: dict[str, Json] = {
        "kind": "enactment",
        "run_id": RUN,
        "document_id": "ICX-CONST",
        "root_sha256": ROOT,
        "tree_size": len(UNITS),
    }
    told = [each for each in (*uses, enactment, *more) if each["kind"] != leave_out]
    records = [*(head or HEAD), *map(canonical_bytes, told)]
    tree = Tree([leaf_hash(record) for record in records])
    note = sign_checkpoint(Checkpoint(ORIGIN, len(records), tree.root()), log_by)
    entries = tuple(
        LogEntry(f"{at:08d}", record, InclusionProof(at, tree.inclusion_proof(at), note).encode())
        for at, record in enumerate(records)
    )
    size = len(head or HEAD)
    older = sign_checkpoint(Checkpoint(ORIGIN, size, tree.root(size)), log_by)
    growth = GrowthProof(size, tree.consistency_proof(size), note).encode()
    return entries, (LogGrowth("head", older, growth),)


def bundle(
    requests: tuple[SignedRequest, ...],
    policy: TrustPolicy = POLICY,
    *,
    by: Machine = EXECUTOR,
    persons: tuple[tuple[str, ...], ...] = (("anna",), ("binh",)),
    policy_keys: dict[str, FileKey] | None = None,
    **log: object,
) -> BundleContents:
    """The bundle of a run whose executor names these requests as approved, under this policy."""
    approvals = tuple(
        ApprovalUse(gate.value, sha256_hex(request.body), who)
        for gate, request, who in zip((Gate.SG_1, Gate.SG_2), requests, persons, strict=True)
    )
    claim = replace(CLAIM, policy_sha256=policy.sha256, approvals=approvals)
    envelope = executed(claim, by=by)
    entries, growth = logged(requests, **log)
    keys = {"anna": ANNA, "binh": BINH} if policy_keys is None else policy_keys
    return replace(
        GOOD,
        requests=requests,
        executor_envelope=envelope,
        executor_key=by.public_raw,
        verifier_envelope=verified(envelope),
        policy=policy.canonical,
        signers=signers_of(policy),
        policy_signatures=policy_signed(policy.canonical, **keys),
        policy_accepted_utc=ACCEPTED,
        log_entries=entries,
        log_growth=growth,
    )


REQUESTS = answered(signed(ask(Gate.SG_1), anna=ANNA), signed(ask(Gate.SG_2), binh=BINH))
WHOLE = bundle(REQUESTS)


def relisted(change: Callable[[dict[str, bytes]], object]) -> bytes:
    """The bundle with its files changed, and its list of digests made again for them."""
    files = unpack(write_bundle(WHOLE))
    change(files)
    del files["MANIFEST.sha256"]
    lines = [f"{sha256_hex(files[name])}  {name}\n" for name in sorted(files)]
    return pack({**files, "MANIFEST.sha256": "".join(lines).encode()})


def _own_policy() -> BundleContents:
    """Everything under a policy of the forger's own, which only the forger has signed."""
    mine = policy_of({"anna": EVA, "binh": ANNA, "eva": BINH})
    head = [canonical_bytes({"kind": "trust_policy", "sha256": mine.sha256, "version": 1})]
    first = signed(ask(Gate.SG_1, mine, head), anna=EVA)
    second = signed(ask(Gate.SG_2, mine, head), binh=ANNA)
    return bundle(answered(first, second), mine, policy_keys={"anna": EVA}, head=head)


def _two_signed() -> bytes:
    """The executor's envelope with a stranger's signature beside its own."""
    claim = replace(
        CLAIM,
        policy_sha256=POLICY.sha256,
        approvals=tuple(
            ApprovalUse(gate.value, sha256_hex(each.body), (who,))
            for gate, each, who in zip(
                (Gate.SG_1, Gate.SG_2), REQUESTS, ("anna", "binh"), strict=True
            )
        ),
    )
    statement = executor_statement(claim, simulated=False)
    return seal(IN_TOTO_PAYLOAD_TYPE, statement, [EXECUTOR, STRANGER]).encode()


def _named(first: SignedRequest, second: SignedRequest, **rest: object) -> BundleContents:
    return bundle(answered(first, second), **rest)


SG_1_BY_ANNA, SG_2_BY_BINH = REQUESTS
FORGERIES: dict[str, tuple[BundleContents | bytes, str]] = {
    "a file that the index does not name": (
        relisted(lambda files: files.update({"requests/SG9.md": b"x", "note.txt": b"y"})),
        "bundle_whole",
    ),
    "signed bytes for other tools that are not the envelope's": (
        relisted(lambda files: files.update({"statements/executor.json": b"{}"})),
        "bundle_whole",
    ),
    "a README that tells its reader to run something else": (
        relisted(
            lambda files: files.update({"README.md": files["README.md"] + b"```sh\nrm -r .\n```\n"})
        ),
        "bundle_whole",
    ),
    "a list of digests that leaves a file out": (
        pack(
            {
                name: body.split(b"\n", 1)[1] if name == "MANIFEST.sha256" else body
                for name, body in unpack(write_bundle(WHOLE)).items()
            }
        ),
        "bundle_whole",
    ),
    "an index with white space": (
        relisted(lambda files: files.update({"bundle.json": files["bundle.json"] + b" "})),
        "bundle_whole",
    ),
    "bytes after the archive": (write_bundle(WHOLE) + b"x", "bundle_whole"),
    "an envelope that a stranger signed too": (
        replace(WHOLE, executor_envelope=_two_signed(), verifier_envelope=verified(_two_signed())),
        "executor_signed",
    ),
    "a statement of another run": (replace(WHOLE, run_id="ictr-x"), "executor_signed"),
    "a verifier who is the executor": (
        replace(
            WHOLE,
            verifier_key=EXECUTOR.public_raw,
            verifier_envelope=verified(WHOLE.executor_envelope, by=EXECUTOR),
        ),
        "verifier_signed",
    ),
    "a verifier whose roots differ": (
        replace(
            WHOLE,
            verifier_envelope=verified(WHOLE.executor_envelope, root_from_database="ab" * 32),
        ),
        "verifier_passed",
    ),
    "a unit left out": (replace(WHOLE, unit_records=UNITS[:-1]), "units_are_the_manifests"),
    "another plan": (replace(WHOLE, plan=b"other"), "plan_is_the_signed_one"),
    "a policy of the forger's own": (_own_policy(), "policy_chain_is_signed"),
    "a policy that nobody signed": (replace(WHOLE, policy_signatures=()), "policy_was_signed"),
    "allowed signers with one more": (
        replace(
            WHOLE,
            signers=(
                *WHOLE.signers,
                replace(WHOLE.signers[0], person="eva", key=parse_public_key(EVA.line)),
            ),
        ),
        "signers_are_the_policys",
    ),
    "an allowed signer's key swapped, and signed with it": (
        replace(
            _named(signed(ask(Gate.SG_1), anna=EVA), SG_2_BY_BINH),
            signers=(
                replace(WHOLE.signers[0], key=parse_public_key(EVA.line)),
                WHOLE.signers[1],
            ),
        ),
        "signers_are_the_policys",
    ),
    "a request for another root": (
        _named(signed(ask(Gate.SG_1).replace(ROOT.encode(), b"0" * 64), anna=ANNA), SG_2_BY_BINH),
        "requests_are_this_runs",
    ),
    "a request of another run": (
        _named(
            signed(ask(Gate.SG_1).replace(RUN.encode(), RUN[:-1].encode() + b"9"), anna=ANNA),
            SG_2_BY_BINH,
        ),
        "requests_are_this_runs",
    ),
    "two signatures at one gate and none at the other": (
        _named(
            SG_1_BY_ANNA, signed(ask(Gate.SG_1) + b"again\n", binh=BINH), persons=(("anna",), ())
        ),
        "policy_was_followed",
    ),
    "both gates by one person": (
        _named(SG_1_BY_ANNA, signed(ask(Gate.SG_2), anna=ANNA), persons=(("anna",), ("anna",))),
        "policy_was_followed",
    ),
    "approved by who started the run": (
        _named(signed(ask(Gate.SG_1).replace(b"chi", b"anna"), anna=ANNA), SG_2_BY_BINH),
        "policy_was_followed",
    ),
    "one person's name over another's key": (
        _named(signed(ask(Gate.SG_1), anna=BINH), SG_2_BY_BINH),
        "signatures_verify",
    ),
    "a refusal as an approval": (
        _named(signed(ask(Gate.SG_1), refused=True, anna=ANNA), SG_2_BY_BINH),
        "approvals_are_there",
    ),
    "an approver whom the executor names and who did not sign": (
        _named(*REQUESTS, persons=(("anna", "binh"), ("binh",))),
        "approvals_are_there",
    ),
    "a log without this run's enactment": (
        _named(*REQUESTS, leave_out="enactment"),
        "log_tells_of_it",
    ),
    "a refusal that the bundle hides": (
        _named(
            *REQUESTS,
            more=({"kind": "refusal", "run_id": RUN, "request_sha256": "ab" * 32},),
        ),
        "log_tells_of_it",
    ),
    "a log under another key": (_named(*REQUESTS, log_by=STRANGER), "log_holds_the_entries"),
    "a log entry edited": (
        replace(
            WHOLE,
            log_entries=(
                *WHOLE.log_entries[:-1],
                replace(
                    WHOLE.log_entries[-1],
                    record=WHOLE.log_entries[-1].record.replace(b"ICX", b"ICY"),
                ),
            ),
        ),
        "log_holds_the_entries",
    ),
    "an older head from another log": (
        replace(
            WHOLE, log_growth=logged(REQUESTS, head=[b'{"kind":"other"}', b'{"kind":"more"}'])[1]
        ),
        "log_tells_of_it",
    ),
}
"""By name: the forgery, and the check that is for it."""
