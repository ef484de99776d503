"""Real files of every format read without a break, and their marks lose nothing of the text."""

from pathlib import Path

import pytest

from cutter_agent.document.grammar import parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped
from cutter_agent.errors import StopOverSize
from cutter_agent.files.readers.child import reader_of
from cutter_agent.files.readers.extracted import parse_map
from cutter_agent.files.readers.reading import format_of

CORPORA = {
    "ch-akn": ("ch", 4),
    "oasis-akn-samples": ("intl", 9),
    "uk-clml": ("uk", 6),
    "us-uslm": ("us", 7),
    "eu-xhtml": ("eu", 8),
}
SMALL_BYTES = 1_200_000


@pytest.mark.parametrize("name", CORPORA)
def test_every_file_reads_and_its_marks_tile_the_text(name: str, corpus: Path) -> None:
    profile, count = CORPORA[name]
    files = [
        path
        for path in sorted((corpus / name).rglob("*"))
        if path.suffix in {".xml", ".html", ".xhtml"}
    ]
    assert len(files) == count
    rules = [parse_profile(shipped(profile)), parse_profile(shipped("markdown"))]
    for path in files:
        source = path.read_bytes()
        if len(source) > SMALL_BYTES:
            continue
        read = reader_of(format_of(path.name, source) or "")(source)
        assert parse_map(read.spans.encoded()) == read.spans
        for rule in rules:
            try:
                marks = mark_text(read.text, rule, code="DOC")
            except StopOverSize:  # a debate has no articles
                continue
            spans = sorted(span for unit in marks.units for span in unit.own_spans)
            assert b"".join(read.text[a:b] for a, b in spans) == read.text, path
