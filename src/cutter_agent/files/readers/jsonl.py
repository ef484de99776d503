"""JSON lines of units, as `cutter export --jsonl` writes them, back to the text that they were cut from."""

from __future__ import annotations

import json
from collections import Counter
from typing import Final

from cutter_agent.errors import StopEvidenceMismatch, StopSourceUnreadable
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.files.readers.extracted import Extracted, SourceMap, finished

MEDIA_TYPE: Final = "application/jsonl"
SCHEMA: Final = "cutter.units/1"


def read_jsonl(source: bytes) -> Extracted:
    """Return the text that the units of the file are, each stretch with the line it stands in.

    Raises:
        StopSourceUnreadable: the lines are not ones that an export writes.
        StopEvidenceMismatch: their texts do not tile the text, or are not the one that is stated.
    """
    stretches: list[tuple[int, int, str, int]] = []
    try:
        rows = [json.loads(line) for line in source.decode().split("\n") if line]
        head, units = rows[0], rows[1:]
        if head["schema"] != SCHEMA:
            raise StopSourceUnreadable(f"no {SCHEMA}", expected="lines of cutter export --jsonl")
        for number, unit in enumerate(units, 2):
            for (start, end), text in zip(unit["own_spans"], unit["own_texts"], strict=True):
                stretches.append((int(start), int(end), str(text), number))
        stated = str(head["text_sha256"])
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise StopSourceUnreadable(
            f"its lines are no units: {str(error)[:160]}", expected="lines of cutter export --jsonl"
        ) from error
    return _tiled(sorted(stretches), stated, source)


def _tiled(stretches: list[tuple[int, int, str, int]], stated: str, source: bytes) -> Extracted:
    pieces: list[bytes] = []
    starts: list[int] = []
    places: list[str] = []
    at = 0
    for start, end, text, number in stretches:
        piece = text.encode()
        if start != at or len(piece) != end - start:
            raise StopEvidenceMismatch(f"the units leave a gap or overlap at byte {at}")
        if piece:
            starts.append(start)
            places.append(f"line {number}")
            pieces.append(piece)
        at = end
    whole = b"".join(pieces)
    if sha256_hex(whole) != stated:
        raise StopEvidenceMismatch("the units are not the text whose digest the file states")
    spans = SourceMap("page", tuple(starts), tuple(places))
    return finished(whole, source, MEDIA_TYPE, "exact", spans, Counter())
