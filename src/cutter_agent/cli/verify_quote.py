"""`cutter verify-quote`: whether a quote stands in a unit, letter for letter, and in which version."""

from __future__ import annotations

import json
import sys
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cutter_agent.cli.output import Output, seen, speaks, wrapped
from cutter_agent.errors import EXIT_DIFFERENCES, EXIT_DONE, StopOverSize, StopRefusedInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cutter_agent.evidence.canonical import Json
    from cutter_agent.evidence.citation import Citation, CitationCheck
    from cutter_agent.postgres.cited import HeldText

QUOTE_BYTES_MAX: Final = 16 * 1024 * 1024


@click.command()
@click.argument("address")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@speaks()
def verify_quote(address: str, *, file: Path | None, out: Output) -> int:
    """Look for a quote in a unit.

    The quote is a text, or a citation as `cutter cite --json` writes it, in the file or on stdin. Exits
    with 0 if it stands in the version in force, letter for letter, and with 20 if not; line ends
    around the quote do not count. A citation must hold in itself too.

    Example: cutter verify-quote ICX-CONST/DIEU-7 quote.txt
    """
    from cutter_agent.bootstrap.citing import versions_of
    from cutter_agent.cli.session import opened
    from cutter_agent.evidence.citation import verify_citation

    data = _read(file)
    citation = _citation(data)
    checks = () if citation is None else verify_citation(citation)
    quote = (_text(data) if citation is None else citation.text).strip("\r\n")
    if not quote:
        raise StopRefusedInput(
            "the quote is empty", expected="a text", remedy="cutter verify-quote --help"
        )
    with opened(out) as desk:
        versions = versions_of(desk, address)
    holding = [each for each in versions if quote in each.text.decode()]
    sound = all(check.held for check in checks)
    same = citation is None or citation.address == address
    exact = sound and same and any(each.in_force for each in holding)
    near = not holding and any(_loose(quote) in _loose(each.text.decode()) for each in versions)
    document: dict[str, Json] = {
        "schema": "cutter.quote/1",
        "address": address,
        "exact": exact,
        "found_in": [_version(each) for each in holding],
        "nearly": near,
        "checks": [{"id": c.id, "held": c.held, "because": c.because} for c in checks],
        "cited_address": None if citation is None else citation.address,
        "exit_status": EXIT_DONE if exact else EXIT_DIFFERENCES,
    }
    said = _sentence(holding, exact=exact, near=near)
    out.data(document, lambda: _lines(address, citation, checks, said, out))
    return EXIT_DONE if exact else EXIT_DIFFERENCES


def _read(file: Path | None) -> bytes:
    """Return the bytes of the file, or of stdin.

    Raises:
        StopOverSize: there are more than QUOTE_BYTES_MAX.
        StopSourceUnreadable: the file cannot be read.
    """
    from cutter_agent.cli.source_file import read_file

    if file is not None:
        return read_file(file, QUOTE_BYTES_MAX, remedy="ls -l FILE")
    data = sys.stdin.buffer.read(QUOTE_BYTES_MAX + 1)
    if len(data) > QUOTE_BYTES_MAX:
        raise StopOverSize(
            f"the quote has over {QUOTE_BYTES_MAX} bytes", remedy="cutter verify-quote --help"
        )
    return data


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise StopRefusedInput(
            f"the quote is not UTF-8 at byte {error.start}",
            expected="a text in UTF-8",
            remedy="cutter verify-quote --help",
        ) from error


def _citation(data: bytes) -> Citation | None:
    """Return the citation that the bytes hold, or None where they are a plain text.

    Raises:
        Stop: they call themselves a citation and are none.
    """
    from cutter_agent.evidence.canonical import canonical_bytes
    from cutter_agent.evidence.citation import CITATION_SCHEMA, parse_citation

    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or value.get("schema") != CITATION_SCHEMA:
        return None
    return parse_citation(canonical_bytes(value))


def _loose(text: str) -> str:
    """Return the text without what a careless copy changes: blanks, case, forms of one letter."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _version(held: HeldText) -> dict[str, Json]:
    return {
        "version_no": held.version_no,
        "source_version_no": held.source_version_no,
        "run_id": held.run_id,
        "from": held.effective_from,
        "until": held.effective_until,
        "in_force": held.in_force,
    }


def _sentence(holding: Sequence[HeldText], *, exact: bool, near: bool) -> str:
    if near:
        return "Not exactly: it differs in blanks, capitals or forms of a letter."
    if not holding:
        return "It stands in no version of the unit."
    spans = ", ".join(
        f"{each.version_no} (from {each.effective_from}"
        + (f" until {each.effective_until})" if each.effective_until else ", in force)")
        for each in holding
    )
    verdict = "It stands there, letter for letter" if exact else "It stands there"
    return f"{verdict}: version {spans}."


def _lines(
    address: str,
    citation: Citation | None,
    checks: Sequence[CitationCheck],
    said: str,
    out: Output,
) -> list[str]:
    lines = [seen(address), *wrapped(said, out.columns)]
    if citation is not None and citation.address != address:
        lines += wrapped(f"The citation is of {seen(citation.address)}.", out.columns)
    for check in checks:
        if not check.held:
            lines += wrapped(f"✗ {check.id}: {seen(check.because)}", out.columns, later="  ")
    return lines
