"""Real Vietnamese decrees, three of them amending: articles labelled by hand, as offsets only."""

import hashlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from cutter_agent.document.grammar import parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped
from cutter_agent.document.units import Unit

HERE = Path(__file__).resolve().parent
CORPUS = Path(os.environ.get("CUTTER_CORPUS", HERE.parents[3] / "shared" / "corpus"))
LABELS = json.loads((HERE / "vn_decrees.json").read_text("utf-8"))
LAW = parse_profile(shipped("vn-law"))


@pytest.mark.parametrize("name", sorted(LABELS))
def test_the_articles_of_a_decree_are_those_that_a_reader_sees(name: str) -> None:
    path = CORPUS / "vn-decrees-md" / name
    if not path.is_file():
        pytest.skip(f"no corpus at {CORPUS}: set CUTTER_CORPUS")
    source = path.read_bytes()
    label = LABELS[name]
    assert hashlib.sha256(source).hexdigest() == label["sha256"]
    marked = mark_text(source, LAW, code="ND")
    found = {unit.start for unit in marked.candidates if unit.kind == "article"}
    gold = set(label["articles"])
    assert len(found & gold) / len(found) >= 0.995
    assert len(found & gold) / len(gold) >= 0.995
    begun = {unit.start for unit in marked.candidates}
    assert not begun.intersection(label["quoted"]), "a quoted article became a unit"
    assert marked.coverage.unaccounted_bytes == 0


def jumps(units: Iterable[Unit]) -> set[int]:
    """Where a number leaves out those before it: of articles in the document, of others in their parent."""
    found: set[int] = set()
    last: dict[tuple[str, str | None], int] = {}
    for unit in units:
        digits = re.match("[0-9]+", unit.num)
        if digits is None:
            continue
        key = unit.alias, None if unit.kind == "article" else unit.parent
        if unit.num.isdecimal() and int(unit.num) > last.get(key, 0) + 1:
            found.add(unit.start)
        last[key] = int(digits[0])
    return found


def test_every_missing_number_of_every_decree_is_reported() -> None:
    folder = CORPUS / "vn-decrees-md"
    if not folder.is_dir():
        pytest.skip(f"no corpus at {CORPUS}: set CUTTER_CORPUS")
    for path in sorted(folder.glob("*.md")):
        if path.name == "PROVENANCE.md":
            continue
        marked = mark_text(path.read_bytes(), LAW, code="ND")
        gaps = {finding.start for finding in marked.findings if finding.code == "NUMBER_GAP"}
        assert gaps == jumps(marked.candidates), path.name
