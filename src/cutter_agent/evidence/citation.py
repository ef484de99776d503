"""A citation that checks itself: a unit's text, its place in a signed manifest, and both signatures.

What is proved: the text is, letter for letter, the one of a leaf under a root that the executor signed
and the verifier found again in the source. What is only said: from when until when it was in force.
"""

from __future__ import annotations

import base64
import hashlib
import json
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from typing import Final

from cutter_agent.errors import Stop, StopEvidenceMismatch, StopRefusedInput
from cutter_agent.evidence.canonical import canonical_bytes, parse_canonical, sha256_hex
from cutter_agent.evidence.codec import from_json, to_json
from cutter_agent.evidence.dsse import IN_TOTO_PAYLOAD_TYPE, verify_envelope
from cutter_agent.evidence.ed25519 import key_id
from cutter_agent.evidence.merkle import leaf_hash, verify_inclusion
from cutter_agent.evidence.statement import parse_executor_statement, parse_verifier_statement

CITATION_SCHEMA: Final = "cutter.citation/1"
CITATION_BYTES_MAX: Final = 16 * 1024 * 1024
_UNIT_SCHEMA: Final = "cutter.unit/1"


@dataclass(frozen=True, slots=True)
class InForce:
    """First day in force, and the first day no longer, as the database says."""

    from_date: str
    until_date: str | None


@dataclass(frozen=True, slots=True)
class TreePlace:
    """Index of a leaf from 0, how many leaves there are, and the siblings from the leaf upwards."""

    index: int
    tree_size: int
    hashes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sealed:
    """A machine's DSSE envelope as text, and its raw public key in hexadecimal."""

    envelope: str
    public_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Citation:
    """A unit of a document with everything that proves its text.

    Attributes:
        record: the leaf of the manifest, canonical JSON as text.
        root: the manifest's root, in hexadecimal.
    """

    schema: str
    address: str
    document_id: str
    run_id: str
    source_version_id: str
    in_force: InForce
    text: str
    record: str
    proof: TreePlace
    root: str
    executor: Sealed
    verifier: Sealed


@dataclass(frozen=True, slots=True)
class CitationCheck:
    """One thing that was looked at: whether it held, and what was found."""

    id: str
    held: bool
    because: str


def citation_bytes(citation: Citation) -> bytes:
    """The citation as canonical JSON: the same citation always gives the same bytes."""
    return canonical_bytes(to_json(citation))


def parse_citation(data: bytes) -> Citation:
    """The citation of a JSON document; nothing in it is verified yet.

    Raises:
        StopRefusedInput: it is no JSON of the profile, or has other fields than a citation.
        StopEvidenceMismatch: it is JSON in another than its one form, or of another schema.
    """
    citation = from_json(Citation, parse_canonical(data, size_bytes_max=CITATION_BYTES_MAX))
    if citation.schema != CITATION_SCHEMA:
        raise StopEvidenceMismatch(f"the citation's schema is {citation.schema[:60]!a}")
    return citation


def verify_citation(citation: Citation) -> tuple[CitationCheck, ...]:
    """Every check of the citation with its result; whose the keys are, its reader must know."""
    return tuple(_result(name, partial(check, citation)) for name, check in _CHECKS)


def _result(name: str, check: Callable[[], str]) -> CitationCheck:
    try:
        return CitationCheck(name, held=True, because=check())
    except Stop as stop:
        return CitationCheck(name, held=False, because=stop.fact)


def _text(citation: Citation) -> str:
    record = parse_canonical(_utf8(citation.record))
    if not isinstance(record, dict) or record.get("schema") != _UNIT_SCHEMA:
        raise StopEvidenceMismatch("the record is not one of a unit")
    _equal("address of the record", record.get("address"), citation.address)
    if not citation.address.startswith(f"{citation.document_id}/"):
        raise StopEvidenceMismatch("the unit is one of another document")
    _equal("digest of the text", sha256_hex(_utf8(citation.text)), record.get("body_sha256"))
    return f"the text is, letter for letter, the one of the record of {citation.address}"


def _place(citation: Citation) -> str:
    proof = citation.proof
    leaf, hashes = leaf_hash(_utf8(citation.record)), [_hex(each) for each in proof.hashes]
    root = _hex(citation.root)
    if not verify_inclusion(leaf, proof.index, proof.tree_size, hashes, root):
        raise StopEvidenceMismatch("the record does not lead to the root")
    return f"the record is number {proof.index + 1} of {proof.tree_size} under {citation.root}"


def _executor(citation: Citation) -> str:
    claim = parse_executor_statement(_opened(citation.executor), simulated=False)
    _equal("signed root", claim.manifest_root, citation.root)
    _equal("signed tree size", claim.tree_size, citation.proof.tree_size)
    _equal("signed run", claim.run_id, citation.run_id)
    _equal("signed document", claim.document_id, citation.document_id)
    _equal("signed source version", claim.source_version_id, citation.source_version_id)
    return f"the executor signed this root with the key {_key_id(citation.executor)}"


def _verifier(citation: Citation) -> str:
    claim = parse_verifier_statement(_opened(citation.verifier), simulated=False)
    envelope = sha256_hex(_utf8(citation.executor.envelope))
    _equal("envelope that was verified", claim.executor_envelope_sha256, envelope)
    _equal("root from the source", claim.root_from_source, citation.root)
    _equal("tree size that was found", claim.tree_size, citation.proof.tree_size)
    _equal("run that was verified", claim.run_id, citation.run_id)
    _equal("document that was verified", claim.document_id, citation.document_id)
    if not claim.passed:
        raise StopEvidenceMismatch("the verifier's verdict is not pass")
    if citation.verifier.public_key == citation.executor.public_key:
        raise StopEvidenceMismatch("executor and verifier have one key")
    return (
        f"the verifier found this root in the source and signed with {_key_id(citation.verifier)}"
    )


_CHECKS: Final[tuple[tuple[str, Callable[[Citation], str]], ...]] = (
    ("text", _text),
    ("place", _place),
    ("executor", _executor),
    ("verifier", _verifier),
)


def _opened(sealed: Sealed) -> bytes:
    return verify_envelope(
        _utf8(sealed.envelope), payload_type=IN_TOTO_PAYLOAD_TYPE, keys=[_hex(sealed.public_key)]
    )


def _key_id(sealed: Sealed) -> str:
    return key_id(_hex(sealed.public_key))


def _hex(text: str) -> bytes:
    try:
        data = bytes.fromhex(text)
    except ValueError:
        data = b""
    if data.hex() != text:
        raise StopEvidenceMismatch(f"{text[:40]!a} is not lower-case hexadecimal")
    return data


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise StopRefusedInput(f"a lone surrogate at {error.start}") from error


def _equal(what: str, found: object, expected: object) -> None:
    if found != expected:
        raise StopEvidenceMismatch(f"the {what} is {str(found)[:80]}", expected=str(expected)[:80])


_STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 50rem; padding: 1rem; }
#verdict { background: #777; color: #fff; font-weight: bold; padding: .6rem 1rem; }
.held #verdict { background: #1e6b3a; }
.failed #verdict { background: #b00020; }
#text { border-left: .3rem solid #777; padding: .2rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.held #text { border-color: #1e6b3a; }
.failed #text { border-color: #b00020; color: #b00020; }
li.failed { color: #b00020; }
ul { list-style: none; padding: 0; overflow-wrap: anywhere; }
dt { font-weight: bold; } dd { margin: 0 0 .4rem 0; overflow-wrap: anywhere; }
"""

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; base-uri 'none'; form-action 'none'; \
script-src 'sha256-{script_sha256}'; style-src 'sha256-{style_sha256}'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Citation</title>
<style>{style}</style>
</head>
<body>
<p id="verdict" role="status">Not checked yet: this page checks itself with a script.</p>
<h1 id="address"></h1>
<div id="text" dir="auto"></div>
<ul id="checks"></ul>
<dl>
<dt>Run</dt><dd id="run"></dd>
<dt>Source version</dt><dd id="source"></dd>
<dt>Said by the database, and not proved by a signature</dt><dd id="said"></dd>
</dl>
<p>This page asks for nothing from anywhere. It shows that the text belongs to the keys above; that these
are the keys of those whom you trust, compare with what you got from them.</p>
<script type="application/json" id="citation">{data}</script>
<script>{script}</script>
</body>
</html>
"""


def citation_html(citation: Citation) -> str:
    """One page that holds the citation and checks it in a browser, offline."""
    script = _script()
    return _PAGE.format(
        style=_STYLE,
        style_sha256=_csp_sha256(_STYLE),
        script=script,
        script_sha256=_csp_sha256(script),
        data=inert_json(citation),
    )


def inert_json(citation: Citation) -> str:
    """JSON in which a parser of HTML finds nothing to act on, and the eye nothing hidden."""
    text = json.dumps(to_json(citation), ensure_ascii=False, sort_keys=True, indent=1)
    return "".join(char if _is_plain(char) else _escaped(char) for char in text)


def _is_plain(char: str) -> bool:
    if char in "<>&":
        return False
    return char in " \n" or unicodedata.category(char)[0] not in "CZ"


def _escaped(char: str) -> str:
    pairs = char.encode("utf-16-be").hex()
    return "".join(f"\\u{pairs[at : at + 4]}" for at in range(0, len(pairs), 4))


def _csp_sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


@cache
def _script() -> str:
    return files("cutter_agent.evidence").joinpath("citation.js").read_text(encoding="utf-8")
