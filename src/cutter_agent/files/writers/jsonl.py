"""The units as JSON lines: a head, then one unit a line with its digests, spans and own bytes."""

from __future__ import annotations

import json
from typing import Final

from cutter_agent.document.report import mark_json
from cutter_agent.document.units import MarkedText

SCHEMA: Final = "cutter.units/1"


def json_lines(
    marked: MarkedText, text: bytes, *, code: str, manifest_root: str, tree_size: int
) -> bytes:
    """Return the document as JSON lines; the own texts of all units, by their spans, are the text."""
    document = mark_json(marked, manifest_root=manifest_root, tree_size=tree_size)
    head = {
        **{name: value for name, value in document.items() if name not in {"units", "findings"}},
        "schema": SCHEMA,
        "code": code,
    }
    rows: list[dict[str, object]] = [head]
    units = document["units"]
    assert isinstance(units, list)
    for unit, row in zip(marked.units, units, strict=True):
        rows.append({**row, "own_texts": [text[a:b].decode() for a, b in unit.own_spans]})
    return b"".join(
        json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"
        for row in rows
    )
