"""`cutter source`: add a source byte for byte, list what there is, show one document's versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cutter_agent.cli.main import SuggestingGroup
from cutter_agent.cli.names import code_argument
from cutter_agent.cli.output import Output, aligned, clipped, seen, speaks
from cutter_agent.cli.session import opened

if TYPE_CHECKING:
    from datetime import datetime

    from cutter_agent.bootstrap.sources import Stored
    from cutter_agent.evidence.canonical import Json
    from cutter_agent.postgres.deployment import ListedSource


@click.group(cls=SuggestingGroup)
def command() -> None:
    """Add, list and show sources."""


@command.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--code", required=True, help="The document's code; begins every address.")
@click.option(
    "--profile",
    default="auto",
    show_default=True,
    help="A profile's name, a .toml file, or auto: the one that fits.",
)
@click.option("--title", default="", help="For people. Default: the text's first heading.")
@click.option(
    "--effective",
    type=click.DateTime(formats=["%Y-%m-%d"]),
    metavar="DATE",
    help="The day from which the text is in force: 2026-01-31.",
)
@speaks()
def add(
    file: Path, *, code: str, profile: str, title: str, effective: datetime | None, out: Output
) -> None:
    """Add a source.

    Its exact bytes become the newest version of the document. The same bytes again change nothing.
    Of HTML, XML, DOCX and PDF the text is kept too, with the map from it back to the file, and cut.
    What could not be cut is refused before anything is written.

    Example: cutter source add examples/icx-const-v1.md --code ICX-CONST --effective 2026-01-01
    """
    from cutter_agent.bootstrap import sources
    from cutter_agent.cli.document_file import read_document
    from cutter_agent.cli.source_file import choose_profile
    from cutter_agent.errors import StopRefusedInput

    if not title.isprintable() or len(title) > sources.TITLE_CHARS_MAX:
        raise StopRefusedInput(
            "the title is not one printable line",
            expected=f"at most {sources.TITLE_CHARS_MAX} characters",
            remedy="cutter source add FILE --code CODE --title TEXT",
        )
    source, body, extracted = read_document(file)
    chosen = choose_profile(body, profile)
    offer = sources.Offer(
        code=code,
        body=body,
        profile_toml=chosen.toml,
        media_type=sources.media_type_of(file.name)
        if extracted is None
        else sources.media_type_read(extracted),
        title=title.strip(),
        effective_date=None if effective is None else effective.date().isoformat(),
        read_from=None if extracted is None else (source, extracted),
    )
    # Before the database is opened: what is refused is refused without one.
    marked = sources.check_source(offer)
    with opened(out) as desk:
        stored = sources.add_source(desk, offer, marked)
    out.data(_added(code, stored), lambda: _added_lines(code, stored))
    errors = [finding for finding in stored.marked.findings if finding.severity == "error"]
    if errors:
        out.say(f"A cut of this text would stop at IG_MARK: {len(errors)} errors.")


@command.command("list")
@speaks()
def list_(*, out: Output) -> None:
    """List every source version.

    Example: cutter source list
    """
    from cutter_agent.bootstrap.sources import all_sources

    with opened(out) as desk:
        found = all_sources(desk)
    document: dict[str, Json] = {
        "schema": "cutter.sources/1",
        "sources": [_version(each) for each in found],
    }
    out.data(document, lambda: _table(found, out) or ["No source yet.", "Next   cutter source add"])


@command.command()
@code_argument()
@click.option("--unit", "address", metavar="ADDRESS", help="Show where this unit is in the file.")
@speaks()
def show(code: str, *, address: str | None, out: Output) -> None:
    """Show the versions of a document, or where in its file a unit is.

    With --unit: the bytes and lines of the newest version's file that the unit is from; in PDF its page
    and line, in HTML, XML and DOCX also the path of its element.

    Example: cutter source show ICX-CONST --unit ICX-CONST/NT-1
    """
    if address is not None:
        from cutter_agent.cli.source_place import show_place

        show_place(code, address, out)
        return
    from cutter_agent.bootstrap.sources import known_versions

    with opened(out) as desk:
        found = known_versions(desk, code)
    document: dict[str, Json] = {
        "schema": "cutter.source/1",
        "document_id": code,
        "title": found[0].title,
        "versions": [_version(each) for each in found],
    }
    head = [f"{code}  {seen(found[0].title)}"]
    digests = [f"  v{each.version_no}  sha256:{each.sha256}" for each in found]
    out.data(document, lambda: [*head, "", *_table(found, out), "", *digests])


def _added(code: str, stored: Stored) -> dict[str, Json]:
    coverage = stored.marked.coverage
    return {
        "schema": "cutter.source-added/1",
        "document_id": code,
        "title": stored.title,
        "created": stored.added.created,
        "version_no": stored.added.version_no,
        "source_version_id": stored.added.source_version_id,
        "sha256": stored.sha256,
        "bytes": stored.marked.byte_len,
        "profile": stored.marked.profile,
        "profile_sha256": stored.marked.profile_sha256,
        "candidate_count": len(stored.marked.candidates),
        "excluded_count": len(stored.marked.excluded),
        "unaccounted_bytes": coverage.unaccounted_bytes,
        "errors": sum(finding.severity == "error" for finding in stored.marked.findings),
    }


def _added_lines(code: str, stored: Stored) -> list[str]:
    marked = stored.marked
    what = "added" if stored.added.created else "was there already"
    return [
        f"{code} v{stored.added.version_no} {what}: {seen(stored.title)}",
        f"  {marked.byte_len} bytes, sha256:{stored.sha256}",
        (
            f"  read as {marked.profile}: {len(marked.candidates)} units, {len(marked.excluded)} excluded, "
            f"{marked.coverage.unaccounted_bytes} bytes unaccounted"
        ),
        f"Next   cutter cut {code}",
    ]


def _version(each: ListedSource) -> dict[str, Json]:
    return {
        "document_id": each.document_id,
        "title": each.title,
        "version_no": each.version_no,
        "source_version_id": each.source_version_id,
        "sha256": each.sha256,
        "bytes": each.byte_len,
        "media_type": each.media_type,
        "effective_date": each.effective_date,
        "profile": each.profile_name,
    }


def _table(found: tuple[ListedSource, ...], out: Output) -> list[str]:
    rows = [
        (
            each.document_id,
            f"v{each.version_no}",
            each.effective_date or "-",
            str(each.byte_len),
            each.profile_name,
            clipped(seen(each.title), max(20, out.columns - 60)),
        )
        for each in found
    ]
    head = ("document", "version", "effective", "bytes", "profile", "title")
    return aligned(head, rows, out.columns) if rows else []
