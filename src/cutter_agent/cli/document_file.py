"""A file as its text: text and Markdown as they stand, other formats by their readers."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cutter_agent.cli.source_file import read_source_file
from cutter_agent.files.readers.reading import format_of, read_apart

if TYPE_CHECKING:
    from cutter_agent.document.grammar import Profile
    from cutter_agent.document.units import MarkedText, Unit
    from cutter_agent.evidence.canonical import Json
    from cutter_agent.files.readers.extracted import Extracted, SourceMap


def read_document(path: Path) -> tuple[bytes, bytes, Extracted | None]:
    """Return the file's bytes, its text, and how the text was read if the bytes are not the text.

    Raises:
        StopSourceUnreadable, StopOverSize, StopRefusedInput: see `read_source_file`, `read_apart`.
    """
    source = read_source_file(path)
    kind = format_of(path.name, source)
    if kind is None:
        return source, source, None
    extracted = read_apart(kind, source)
    return source, extracted.text, extracted


def mark_document(
    text: bytes, extracted: Extracted | None, *, code: str, profile: Profile
) -> MarkedText:
    """Return the marks of a text, under the digest of the file that it was read from.

    Raises:
        StopRefusedInput, StopSourceUnreadable, StopOverSize: see `mark_text`.
    """
    from cutter_agent.document.marks import mark_text

    marked = mark_text(text, profile, code=code)
    if extracted is None:
        return marked
    return replace(marked, source_sha256=extracted.source_sha256)


def extraction_json(extracted: Extracted) -> dict[str, Json]:
    """Return what is known of how the text was read, for `cutter mark --json` (Contract 11)."""
    return {
        "media_type": extracted.media_type,
        "trust": extracted.trust,
        "map_sha256": extracted.map_sha256,
        "left_out": [{"name": name, "count": count} for name, count in extracted.left_out],
    }


def places_of(marked: MarkedText, spans: SourceMap, source: bytes) -> list[dict[str, Json]]:
    """Return where each unit begins and ends in the source, in the order of the units."""
    lines = LineNumbers(source)
    return [place_of(unit, spans, lines) for unit in marked.units]


def place_of(unit: Unit, spans: SourceMap, lines: LineNumbers) -> dict[str, Json]:
    """Return the unit's place: element paths or page and line, and bytes and lines where they are known."""
    place: dict[str, Json] = {
        "from": spans.place_of(unit.start),
        "to": spans.place_of(max(unit.start, unit.end - 1)),
    }
    under = spans.source_span(unit.start, unit.end)
    if under is not None:
        place["bytes"] = [*under]
        place["lines"] = [*lines.of(under)]
    return place


class LineNumbers:
    """The numbers of the lines of a file, from 1."""

    def __init__(self, source: bytes) -> None:
        self._ends = [found.start() for found in re.finditer(b"\n", source)]

    def of(self, span: tuple[int, int]) -> tuple[int, int]:
        """Return the first and the last line that the bytes are on."""
        start, end = span
        return bisect_left(self._ends, start) + 1, bisect_left(self._ends, max(start, end - 1)) + 1
