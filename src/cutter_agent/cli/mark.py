"""`cutter mark`: the units of a file, without a database."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cutter_agent.cli.output import Output, aligned, clipped, seen, speaks, wrapped
from cutter_agent.errors import StopRefusedInput

if TYPE_CHECKING:
    from cutter_agent.cli.source_file import Chosen
    from cutter_agent.document.units import MarkedText
    from cutter_agent.evidence.canonical import Json


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--code", help="The document's code; begins every address. Default: the file's stem.")
@click.option(
    "--profile", help="A profile's name or a .toml file. Default: auto, the one that fits."
)
@click.option("--tree", is_flag=True, help="Write the tree of units.")
@click.option("--html", type=click.Path(path_type=Path), help="Write the tree and text as a page.")
@speaks()
def mark(
    file: Path, *, code: str | None, profile: str | None, tree: bool, html: Path | None, out: Output
) -> None:
    """Show the units of a file.

    Pure: needs no database and no deployment. HTML, XML (Akoma Ntoso, USLM, CLML), DOCX and PDF are
    read to text first; offsets are bytes of that text. The profile says how documents of the file's
    kind are written; the one that fits best is taken unless another is named.

    Example: cutter mark examples/icx-const-v1.md --code ICX-CONST --tree
    """
    from cutter_agent.cli.document_file import (
        extraction_json,
        mark_document,
        places_of,
        read_document,
    )
    from cutter_agent.cli.source_file import choose_profile, code_of
    from cutter_agent.document.cutplan import unit_leaf
    from cutter_agent.document.report import mark_json, tree_text
    from cutter_agent.evidence.merkle import leaf_hash, tree_root

    original, source, extracted = read_document(file)
    chosen = choose_profile(source, profile)
    try:
        marked = mark_document(
            source, extracted, code=code or code_of(file), profile=chosen.profile
        )
    except StopRefusedInput as stop:
        if code is None and stop.fact.startswith("the code"):
            stop.use_remedy("cutter mark FILE --code CODE")
        raise
    leaves = [leaf_hash(unit_leaf(unit)) for unit in marked.candidates]
    root = tree_root(leaves).hex()
    if html is not None:
        from cutter_agent.cli.mark_page import write_page

        write_page(html, marked, source, root, forbidden=file)
        out.say(f"The page lies at {html}")
    elif tree:
        for line in tree_text(marked, 10_000).splitlines():
            out.line(clipped(seen(line), out.columns) if out.clips else seen(line))
    if not tree and (html is None or out.form != "text"):
        document = mark_json(marked, manifest_root=root, tree_size=len(leaves))
        document["detection"] = detection_json(chosen)
        if extracted is not None:
            document["extraction"] = extraction_json(extracted)
            document["places"] = places_of(marked, extracted.spans, original)
        out.data(document, lambda: _summary(file, marked, root, chosen, out.columns))  # type: ignore[arg-type]
    if extracted is not None:
        left_out = ", ".join(f"{count} {seen(name)}" for name, count in extracted.left_out)
        out.say(
            f"The text was read from {extracted.media_type} (trust: {extracted.trust})"
            + (f"; left out: {left_out}" if left_out else "")
        )
    if marked.errors:
        out.say(f"A cut of this text would stop at IG_MARK: {len(marked.errors)} errors.")


def detection_json(chosen: Chosen) -> list[dict[str, Json]]:
    """Return what detection made of every profile, the best first; none where one was named."""
    return [
        {"profile": each.name, "score_permille": round(1000 * each.score), "reason": each.reason}
        for each in chosen.scores
    ]


def detection_lines(chosen: Chosen, columns: int) -> list[str]:
    """Return in words why this profile was taken, and which comes next; none where it was named."""
    if not chosen.scores:
        return []
    best, *others = chosen.scores
    lines = wrapped(
        f"{best.name} fits best ({best.score:.2f}): {seen(best.reason)}", columns, first="  "
    )
    if others and others[0].score > 0:
        next_ = others[0]
        lines += wrapped(
            f"next {next_.name} ({next_.score:.2f}): {seen(next_.reason)}", columns, first="  "
        )
    return lines


def _summary(file: Path, marked: MarkedText, root: str, chosen: Chosen, columns: int) -> list[str]:
    """Return what a person wants to know first: counts, bytes, root, findings."""
    kinds = Counter(unit.alias or unit.kind for unit in marked.candidates)
    coverage = marked.coverage
    counts = " · ".join(f"{count} {seen(kind)}" for kind, count in kinds.most_common(6))
    lines = [
        *wrapped(f"{seen(str(file))}, read as {marked.profile}", columns),
        *detection_lines(chosen, columns),
        *wrapped(
            f"{len(marked.candidates)} units ({counts}), {len(marked.excluded)} excluded, "
            f"{coverage.unaccounted_bytes} bytes unaccounted",
            columns,
            first="  ",
        ),
        *wrapped(
            f"{marked.byte_len} bytes: {coverage.candidate_bytes} in units, "
            f"{coverage.excluded_bytes} excluded, {coverage.non_content_bytes} no content, "
            f"{coverage.residue_bytes} residue",
            columns,
            first="  ",
        ),
        *wrapped(f"manifest sha256:{root} ({len(marked.candidates)} leaves)", columns, first="  "),
    ]
    if marked.findings:
        rows = [(f.severity, f.code, str(f.start), seen(f.sentence)) for f in marked.findings]
        lines += ["", *aligned(("severity", "code", "byte", "finding"), rows, columns)]
    lines += ["", "Next   cutter mark FILE --tree"]
    return lines
