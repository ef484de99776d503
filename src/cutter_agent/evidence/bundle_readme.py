"""The README of a bundle: how to check everything in it with tools that nobody got from us."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from cutter_agent.evidence.sshsig import (
    APPROVAL_NAMESPACE,
    POLICY_NAMESPACE,
    REJECT_NAMESPACE,
)

_ISSUED: Final = re.compile(
    rb"^issued_utc: (\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z$", re.MULTILINE
)
_SIGNATURE: Final = re.compile(r"(?P<request>.+\.md)\.(?P<person>.+?)(?P<refused>\.reject)?\.sig")

_POLICY_SIGNATURE: Final = re.compile(r"trust/policy\.json\.(?P<person>.+)\.sig")

_EARLIER: Final = re.compile(r"trust/policy-(?P<version>\d+)\.json")
_EARLIER_SIGNATURE: Final = re.compile(r"(?P<policy>trust/policy-\d+\.json)\.(?P<person>.+)\.sig")

_LIVE: Final = "The run was live: what is said here was written to the database."
_SIMULATED: Final = (
    "**The run was SIMULATED: nothing of it was written to a database, and nobody's signature in "
    "it authorizes anything.**"
)

_HEAD: Final = """\
# Evidence of one run

{standing}

Every block below can be pasted into a shell in this folder. The tools are part of most Linux systems:
sha256sum, ssh-keygen (OpenSSH 9.1 or newer), openssl (3.0 or newer), python3.

## 1. No file was changed since the bundle was made

```sh
sha256sum --check --strict --quiet MANIFEST.sha256
```

This shows that the files fit together. It does not show who made them: for that, compare the keys of
section 5 with keys that you got from somebody else than the one who gave you this bundle.
"""

_STATEMENTS: Final = """\
## 3. Executor and verifier signed what is in `statements/`

What is signed is the statement with its type and length in front (DSSE). The signed bytes hold the
statement that you can read:

```sh
for party in executor verifier; do
  length=$(wc -c < statements/$party.json)
  {{ printf 'DSSEv1 28 application/vnd.in-toto+json %d ' "$length"
    cat statements/$party.json; }} | cmp - statements/$party.pae
done
```

The signatures fit, and the keys are two:

```sh
{executor}
{verifier}
! cmp --silent keys/executor.pem keys/verifier.pem
```

The verifier names the executor's envelope by its digest:

```sh
digest=$(sha256sum < statements/executor.dsse.json | cut -c 1-64)
grep --quiet "\\"executor_envelope_sha256\\":\\"$digest\\"" statements/verifier.json
```

## 4. The units are those of the manifest

Each line of `units.jsonl` is a leaf of a Merkle tree (RFC 9162). Its root stands in both statements:

```sh
root=$(python3 - <<'END'
import hashlib
lines = open("units.jsonl", "rb").read().split(b"\\n")[:-1]
level = [hashlib.sha256(b"\\0" + line).digest() for line in lines]
while len(level) > 1:
    pairs = [level[i : i + 2] for i in range(0, len(level), 2)]
    level = [hashlib.sha256(b"\\1" + b"".join(p)).digest() if p[1:] else p[0] for p in pairs]
print(level[0].hex())
END
)
grep --quiet "\\"manifest_root\\":\\"$root\\"" statements/executor.json
grep --quiet "\\"root_from_source\\":\\"$root\\"" statements/verifier.json
```

The plan and the trust policy are those that the executor signed:

```sh
plan=$(sha256sum < plan | cut -c 1-64)
policy=$(sha256sum < trust/policy.json | cut -c 1-64)
grep --quiet "\\"plan_sha256\\":\\"$plan\\"" statements/executor.json
grep --quiet "\\"policy_sha256\\":\\"$policy\\"" statements/executor.json
```

## 5. Whose keys these are

```sh
openssl pkey -pubin -in keys/executor.pem -outform DER | sha256sum
openssl pkey -pubin -in keys/verifier.pem -outform DER | sha256sum
cat trust/allowed_signers
```
"""


_POLICY: Final = (
    "\nThe trust policy was brought in by signatures. Each line prints the key that made one: it "
    "is the key of that person in `trust/allowed_signers`, or in the policy before.\n\n```sh\n"
)
_CHAIN: Final = (
    "\n`trust/policy-1.json` and its successors counted before. The first is signed by all its "
    "persons; each later one, `trust/policy.json` last, by as many as each gate of the policy "
    "before asks for, and by as many as each of its own gates asks for. A live run's log names "
    "them all:\n\n```sh\n"
)
_NOBODY: Final = "## 2. Nobody signed a request of this run\n"
_APPROVALS: Final = (
    "## 2. Persons signed the requests, byte for byte\n\n"
    "A key must have been good when the request was issued; a name that ends in `.reject.sig` is "
    "a refusal.\n\n```sh\n"
)
_LOG: Final = (
    "\n## 6. The log holds the entries of this run\n\n"
    "Each `log/*.record` is an entry, and the `.tlog-proof` beside it leads to a signed head of "
    "the log. Each `log/*.checkpoint` is an older signed head, and the `.growth` beside it shows "
    "that the log was only added to since. Formats: c2sp.org/tlog-proof, tlog-checkpoint and "
    "tlog-witness (add-checkpoint). The key is in `keys/log.vkey`.\n"
)


def readme_texts() -> dict[str, str]:
    """The parts of every README that follow from nothing, for whoever makes one again elsewhere."""
    return {
        "live": _HEAD.format(standing=_LIVE),
        "simulated": _HEAD.format(standing=_SIMULATED),
        "statements": _STATEMENTS.format(
            executor=_openssl_line("executor"), verifier=_openssl_line("verifier")
        ),
        "policy": _POLICY,
        "chain": _CHAIN,
        "nobody": _NOBODY,
        "approvals": _APPROVALS,
        "log": _LOG,
    }


def bundle_readme(files: Mapping[str, bytes], *, simulated: bool) -> str:
    """The README for a bundle of these files; it follows from their names and request headers."""
    head = _HEAD.format(standing=_SIMULATED if simulated else _LIVE)
    statements = _STATEMENTS.format(
        executor=_openssl_line("executor"), verifier=_openssl_line("verifier")
    )
    return f"{head}\n{_approvals(files)}\n{statements}{_policy(files)}{_chain(files)}{_log(files)}"


def _policy(files: Mapping[str, bytes]) -> str:
    """The end of section 5: who brought the policy in."""
    signers = [
        found["person"] for found in map(_POLICY_SIGNATURE.fullmatch, sorted(files)) if found
    ]
    if not signers:
        return ""
    lines = [
        f"ssh-keygen -Y check-novalidate -n {POLICY_NAMESPACE} "
        f"-s trust/policy.json.{person}.sig < trust/policy.json\n"
        for person in signers
    ]
    return _POLICY + "".join(lines) + "```\n"


def _chain(files: Mapping[str, bytes]) -> str:
    """The end of section 5 where the run's policy is not the first: how each came to count."""
    earlier = sorted(int(found["version"]) for found in map(_EARLIER.fullmatch, files) if found)
    if not earlier:
        return ""
    signed = [found for found in map(_EARLIER_SIGNATURE.fullmatch, sorted(files)) if found]
    lines = [
        f"ssh-keygen -Y check-novalidate -n {POLICY_NAMESPACE} "
        f"-s {found.string} < {found['policy']}\n"
        for found in signed
    ]
    if any(name.startswith("log/") for name in files):
        lines += [
            f'grep --quiet "$(sha256sum < trust/policy-{version}.json | cut -c 1-64)" log/*.record\n'
            for version in earlier
        ]
    return _CHAIN + "".join(lines) + "```\n"


def _approvals(files: Mapping[str, bytes]) -> str:
    """Section 2: a line of ssh-keygen for each signature of a person."""
    lines = []
    for name in sorted(files):
        found = _SIGNATURE.fullmatch(name)
        if found is None or not name.startswith("requests/"):
            continue
        namespace = REJECT_NAMESPACE if found["refused"] else APPROVAL_NAMESPACE
        request = found["request"]
        lines.append(
            f"ssh-keygen -Y verify -f trust/allowed_signers -I {found['person']} "
            f"-n {namespace}{_verify_time(files.get(request, b''))} -s {name} < {request}\n"
        )
    if not lines:
        return _NOBODY
    return _APPROVALS + "".join(lines) + "```\n"


def _verify_time(request: bytes) -> str:
    issued = _ISSUED.search(request)
    if issued is None:
        return ""
    return f" -Overify-time={b''.join(issued.groups()).decode('ascii')}Z"


def _openssl_line(party: str) -> str:
    return (
        f"openssl pkeyutl -verify -rawin -pubin -inkey keys/{party}.pem "
        f"-sigfile statements/{party}.sig -in statements/{party}.pae"
    )


def _log(files: Mapping[str, bytes]) -> str:
    """Section 6, where the run left entries in the database's log."""
    if not any(name.startswith("log/") for name in files):
        return ""
    return _LOG
