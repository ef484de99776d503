"""The bytes that a unit is told to be from hold what it says, whatever the page looks like."""

import json
import re
from html import unescape
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cutter_agent.cli.main import run
from cutter_agent.errors import Stop
from cutter_agent.files.readers import byte_spans, html
from cutter_agent.files.readers.byte_spans import xml_spans
from cutter_agent.files.readers.child import reader_of
from cutter_agent.files.readers.extracted import Extracted, parse_map
from cutter_agent.files.readers.html import read_html
from cutter_agent.files.readers.reading import format_of
from cutter_agent.files.readers.xml import read_xml

LAW = """<?xml version="1.0" encoding="UTF-8"?>
<akomaNtoso xmlns="http://docs.oasis-open.org/legaldocml/ns/akn/3.0"><act><meta><x a="&gt;/>"/></meta><body>
<article><num>Điều 1.</num><heading>Phạm vi</heading><paragraph><num>1.</num><content><p>Một
và hai</p></content></paragraph><paragraph><num>2.</num><content><p>Ba <i/> &lt;bốn&gt;</p></content></paragraph>
</article></body></act></akomaNtoso>"""
WORD = re.compile(r"[^\W\d_]{3,}")
SMALL_BYTES = 300_000
PIECES = st.sampled_from(
    [
        "<p>", "</p>", "<div>", "</div>", "<ul>", "</ul>", "<li>", "<table>", "<tr>", "<td>", "</td>", "</table>",
        "<b>", "</b>", "<br>", "<!-- not a <p> -->", "<script>let a = '<p>';</script>", "<h2>", "</h2>", "<a id='x>y'>",
        "</a>", "<span hidden>", "</span>", "<tbody>", "<p/>", "<", ">", "&amp;", "&copy;", "<!", "</", "<x:y>", "alpha ",
        "beta ", "gamma ", "Điều ", "\n", "<body>", "<html>", "<td>", "<li>", "<p id='p1'>", "<p id='p2'>",
    ]
)  # fmt: skip


def shown(source: bytes) -> str:
    """The characters between the tags, twice: as words that tags part, and as words that they do not."""
    text = source.decode()
    return unescape(re.sub("<[^<>]*>", " ", text)) + unescape(re.sub("<[^<>]*>", "", text))


def unheld(read: Extracted, source: bytes) -> list[str]:
    """The words of the text that are not in the bytes which their stretch is told to be from."""
    found = []
    edges = [*read.spans.starts, len(read.text)]
    for index, (start, end) in enumerate(read.spans.spans):
        assert 0 <= start < end <= len(source)
        line = read.text[edges[index] : edges[index + 1]].decode()
        there = shown(source[start:end])
        found += [word for word in WORD.findall(line) if word not in there]
    return found


def test_an_element_of_xml_is_told_to_its_last_byte() -> None:
    source = LAW.encode()
    read = read_xml(source)
    start, end = read.text.index("1. Một".encode()), read.text.index(b"2. Ba")
    span = read.spans.source_span(start, end)
    assert span is not None
    assert source[slice(*span)].startswith(b"<paragraph><num>1.")
    assert source[slice(*span)].endswith(b"hai</p></content></paragraph>")
    heading = read.spans.source_span(0, 5)
    assert heading is not None
    assert source[slice(*heading)].startswith(b"<article>")
    assert unheld(read, source) == []
    assert parse_map(read.spans.encoded()) == read.spans


def test_empty_elements_and_signs_in_attributes_end_where_they_end() -> None:
    source = b'<a><b c="/>"/>x<d></d><e/></a>'
    spans = xml_spans(source, ["/a[1]/b[1]", "/a[1]/d[1]", "/a[1]/e[1]", "/a[1]"])
    told = {path: source[slice(*span)] for path, span in spans.items()}
    assert told == {
        "/a[1]/b[1]": b'<b c="/>"/>',
        "/a[1]/d[1]": b"<d></d>",
        "/a[1]/e[1]": b"<e/>",
        "/a[1]": source,
    }


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1252", "utf-8-sig"])
def test_an_element_of_html_is_told_in_bytes_of_its_encoding(encoding: str) -> None:
    named = encoding.removesuffix("-sig")
    page = f'<meta charset="{named}"><p>café é<p class="a">zweite “Ö”</p><ul><li>one<li>two</ul>'
    source = page.encode(encoding)
    read = read_html(source)
    for words, part in (("zweite", '<p class="a">zweite “Ö”</p>'), ("- one", "<li>one")):
        at = read.text.index(words.encode())
        span = read.spans.source_span(at, at + 3)
        assert span is not None
        assert source[slice(*span)] == part.encode(named)


def test_elements_that_the_page_leaves_out_and_tags_that_come_to_nothing_do_not_mislead() -> None:
    page = "</i><table><tr><td>1</td><td><p>one</p></td></tr></table><nothing</b><p>two<table><tr><td>three"
    source = page.encode()
    read = read_html(source)
    assert unheld(read, source) == []
    at = read.text.index(b"two")
    span = read.spans.source_span(at, at + 3)
    assert span is not None
    assert source[span[0] :].startswith(b"<p>two")


def test_a_file_of_too_many_tags_has_paths_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    page, law = b"<p>one</p><p>two</p>", b"<a><p>one</p><p>two</p></a>"
    for limit, known in ((6, True), (3, False)):
        monkeypatch.setattr(html, "SPANNED_TAGS_MAX", limit)
        monkeypatch.setattr(byte_spans, "SPANNED_TAGS_MAX", limit)
        assert bool(read_html(page).spans.spans) == known
        assert bool(read_xml(law).spans.spans) == known


def test_an_encoding_of_other_widths_has_paths_alone() -> None:
    read = read_html('<meta charset="shift_jis"><p>第一条 law</p>'.encode("shift_jis"))
    assert read.spans.spans == ()
    assert read.spans.source_span(0, 1) is None
    assert read.spans.place_of(0) == "/html[1]/body[1]/p[1]"


@given(st.lists(PIECES, max_size=40).map("".join))
@example("alpha <body>")
@example("<table><p>alpha<tr><td>beta</table><p>gamma")
def test_no_page_is_told_to_be_from_where_it_is_not(page: str) -> None:
    source = page.encode()
    try:
        read = read_html(source)
    except Stop:
        return
    assert len(read.spans.spans) == len(read.spans.starts)
    edges = [*read.spans.starts, len(read.text)]
    for index, (start, end) in enumerate(read.spans.spans):
        assert 0 <= start <= end <= len(source)
        first = read.text[edges[index] : edges[index + 1]].decode().split("\n")[0]
        word = WORD.search(first)
        assert word is None or word[0] in shown(source[start:end])


@pytest.mark.parametrize("folder", ["ch-akn", "uk-clml", "us-uslm", "eu-xhtml"])
def test_the_words_of_real_laws_are_where_they_are_told_to_be(folder: str, corpus: Path) -> None:
    files = 0
    for path in sorted((corpus / folder).rglob("*.*ml")):
        source = path.read_bytes()
        if len(source) > SMALL_BYTES:
            continue
        read = reader_of(format_of(path.name, source) or "")(source)
        assert unheld(read, source) == [], path
        files += 1
    assert files


def test_mark_tells_the_bytes_and_lines_of_each_unit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "law.xml"
    file.write_bytes(LAW.encode())
    assert run(["mark", str(file), "--profile", "vn-law", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    source = LAW.encode()
    assert len(document["places"]) == len(document["units"])
    for unit, place in zip(document["units"], document["places"], strict=True):
        start, end = place["bytes"]
        first, last = place["lines"]
        assert source[:start].count(b"\n") + 1 == first
        assert source[: end - 1].count(b"\n") + 1 == last
        assert unit["heading"] in shown(source[start:end])
    second = next(place for place in document["places"] if "paragraph[2]" in place["from"])
    assert second["lines"] == [4, 4]
