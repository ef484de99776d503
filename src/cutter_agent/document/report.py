"""Marks for readers: the JSON of `cutter mark --json` (Contract 11) and the tree on a terminal."""

from __future__ import annotations

from typing import Final

from cutter_agent.document.units import MarkedText, Unit

MARK_SCHEMA: Final = "cutter.mark/1"

Json = dict[str, object]


def mark_json(marked: MarkedText, *, manifest_root: str, tree_size: int) -> Json:
    """The marks as Contract 11 writes them; the caller computes root and size of the manifest."""
    coverage = marked.coverage
    return {
        "schema": MARK_SCHEMA,
        "profile": marked.profile,
        "profile_sha256": marked.profile_sha256,
        "source_sha256": marked.source_sha256,
        "bytes": marked.byte_len,
        "text_sha256": marked.text_sha256,
        "units": [_unit(unit) for unit in marked.units],
        "findings": [
            {
                "code": finding.code,
                "severity": finding.severity,
                "start": finding.start,
                "sentence": finding.sentence,
            }
            for finding in marked.findings
        ],
        "coverage": {
            "candidate_bytes": coverage.candidate_bytes,
            "excluded_bytes": coverage.excluded_bytes,
            "non_content_bytes": coverage.non_content_bytes,
            "residue_bytes": coverage.residue_bytes,
            "unaccounted_bytes": coverage.unaccounted_bytes,
        },
        "manifest_root": manifest_root,
        "tree_size": tree_size,
    }


def tree_text(marked: MarkedText, width: int) -> str:
    """The tree as plain lines of at most this many characters, then coverage and findings."""
    lines = [_clip(_tree_line(unit), width) for unit in marked.units]
    coverage = marked.coverage
    lines += [
        "",
        f"{len(marked.candidates)} candidates, {len(marked.excluded)} excluded",
        f"{coverage.unaccounted_bytes} bytes unaccounted, {coverage.residue_bytes} residue",
    ]
    lines += [
        _clip(
            f"{finding.severity} {finding.code} at byte {finding.start}: {finding.sentence}", width
        )
        for finding in marked.findings
    ]
    return "\n".join(lines) + "\n"


def _unit(unit: Unit) -> Json:
    return {
        "address": unit.address,
        "eid": unit.eid,
        "kind": unit.kind,
        "level": unit.level,
        "num": unit.num,
        "num_key": unit.num_key,
        "heading": unit.heading,
        "alias": unit.alias,
        "start": unit.start,
        "end": unit.end,
        "own_spans": [list(span) for span in unit.own_spans],
        "parent": unit.parent,
        "ordinal": unit.ordinal,
        "text_sha256": unit.text_sha256,
        "subtree_sha256": unit.subtree_sha256,
        "status": unit.status,
        "included": unit.included,
        "reason": unit.reason,
    }


def _tree_line(unit: Unit) -> str:
    sign = "+" if unit.included else "-" if unit.is_content else "·"
    heading = f"  {unit.heading}" if unit.heading else ""
    why = "" if unit.included else f"  ({unit.reason})"
    where = f"[{unit.start}, {unit.end})"
    return f"{'  ' * (unit.level - 1)}{sign} {unit.address} {unit.kind}{heading}  {where}{why}"


def _clip(line: str, width: int) -> str:
    return line if len(line) <= width or width <= 1 else line[: width - 1] + "…"
