"""`cutter export`: a document's units for other programs, from the database or from a file."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import click

from cutter_agent.cli.names import code_argument
from cutter_agent.cli.output import Form, Output, speaks
from cutter_agent.cli.session import opened
from cutter_agent.errors import StopDocumentUnknown, StopRefusedInput

if TYPE_CHECKING:
    from cutter_agent.document.units import MarkedText
    from cutter_agent.evidence.canonical import Json

Format = Literal["akn", "jsonl", "markdown", "source"]
_HOW: Final = "cutter export CODE --akn -o FILE"


@dataclass(frozen=True, slots=True)
class _Given:
    """A document that is to be exported."""

    code: str
    title: str
    original: bytes
    text: bytes
    marked: MarkedText
    version: int
    date: str | None


@click.command()
@code_argument(required=False)
@click.option("--file", type=click.Path(path_type=Path), help="Export a file, without a database.")
@click.option("--akn", "form", flag_value="akn", help="Akoma Ntoso 3.0.")
@click.option("--jsonl", "form", flag_value="jsonl", help="One unit a line: digests, spans, text.")
@click.option("--markdown", "form", flag_value="markdown", help="The text, an anchor at each unit.")
@click.option("--source", "form", flag_value="source", help="The source, byte for byte.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Default: stdout.")
@click.option("--profile", help="With --file: a profile's name or a .toml file.")
@click.option("--language", default="mul", show_default=True, help="For --akn: vi, en, de …")
@click.option("--country", default="un", show_default=True, help="For --akn: vn, gb, eu …")
@speaks()
def export(
    code: str | None,
    *,
    file: Path | None,
    form: Format | None,
    output: Path | None,
    profile: str | None,
    language: str,
    country: str,
    out: Output,
) -> None:
    """Write a document's units for other programs.

    CODE exports the newest source version that the database holds; --file a file, and needs no
    database. Read again, what --akn and --jsonl write gives the same units.

    Example: cutter export --file examples/icx-const-v1.md ICX-CONST --akn -o charter.xml
    """
    from cutter_agent.cli.written import write_whole
    from cutter_agent.evidence.canonical import sha256_hex

    if form is None:
        raise StopRefusedInput(
            "no format was named", expected="--akn, --jsonl, --markdown or --source", remedy=_HOW
        )
    if output is None and out.form is not Form.TEXT:
        raise StopRefusedInput("the answer and the document cannot share stdout", remedy=_HOW)
    if file is None:
        if code is None or profile is not None:
            raise StopRefusedInput(
                "a CODE names a document with its profile; --profile goes with --file", remedy=_HOW
            )
        given = _stored(code, out)
    else:
        given = _of_file(file, code, profile)
    data = _written(given, form, language, country)
    if output is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    if file is not None and output.resolve() == file.resolve():
        raise StopRefusedInput("a file cannot be exported over itself", remedy=_HOW)
    write_whole(output, data)
    document: dict[str, Json] = {
        "schema": "cutter.export/1",
        "document_id": given.code,
        "format": form,
        "file": str(output),
        "bytes": len(data),
        "sha256": sha256_hex(data),
    }
    out.data(document, lambda: [f"{output}  {len(data)} bytes  sha256:{document['sha256']}"])


def _of_file(file: Path, code: str | None, profile: str | None) -> _Given:
    """The file's units, under the code or the file's stem."""
    from cutter_agent.cli.document_file import mark_document, read_document
    from cutter_agent.cli.source_file import choose_profile, code_of

    original, text, extracted = read_document(file)
    code = code or code_of(file)
    chosen = choose_profile(text, profile)
    marked = mark_document(text, extracted, code=code, profile=chosen.profile)
    return _Given(code, "", original, text, marked, 1, None)


def _stored(code: str, out: Output) -> _Given:
    """The units of the newest source version that the database holds."""
    from cutter_agent.bootstrap.sources import original_of
    from cutter_agent.document.grammar import parse_profile
    from cutter_agent.document.marks import mark_text

    with opened(out) as desk:
        facts = desk.facts()
        found = facts.find_source_document(code)
        version = facts.latest_source_version(code)
        if found is None or version is None:
            raise StopDocumentUnknown(f"no document is called {code[:80]!a}", document_id=code)
        text = facts.source_bytes(version.source_version_id)
        original = original_of(desk, version.source_version_id)
    marked = mark_text(text, parse_profile(version.profile_toml), code=code)
    return _Given(
        code,
        found.title,
        text if original is None else original.body,
        text,
        marked,
        version.version_no,
        version.effective_date,
    )


def _written(given: _Given, form: Format, language: str, country: str) -> bytes:
    """The document in this format."""
    if form == "source":
        return given.original
    if form == "akn":
        from cutter_agent.files.writers.akn import UNKNOWN_DATE, Imprint, akoma_ntoso

        imprint = Imprint(
            code=given.code,
            title=given.title,
            country=country,
            language=language,
            date=given.date or UNKNOWN_DATE,
            version=given.version,
        )
        return akoma_ntoso(given.marked, given.text, imprint)
    if form == "markdown":
        from cutter_agent.files.writers.markdown import with_anchors

        return with_anchors(given.marked, given.text)
    from cutter_agent.document.cutplan import unit_leaf
    from cutter_agent.evidence.merkle import leaf_hash, tree_root
    from cutter_agent.files.writers.jsonl import json_lines

    leaves = [leaf_hash(unit_leaf(unit)) for unit in given.marked.candidates]
    root = tree_root(leaves).hex()
    return json_lines(
        given.marked, given.text, code=given.code, manifest_root=root, tree_size=len(leaves)
    )
