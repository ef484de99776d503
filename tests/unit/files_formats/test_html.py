"""A page becomes the text that its reader sees, in lines."""

import pytest

from cutter_agent.errors import StopOverSize, StopSourceUnreadable
from cutter_agent.files.readers import html as reader
from cutter_agent.files.readers.html import read_html


def lines(html: str) -> list[str]:
    return [line for line in read_html(html.encode()).text.decode().split("\n") if line]


def test_headings_paragraphs_and_line_ends() -> None:
    html = "<title>no</title><h2>Điều 1. <b>Phạm vi</b></h2><p>a  b\n c<br>d</p><div>e<div>f</div>g</div>"
    assert lines(html) == ["## Điều 1. Phạm vi", "a b c", "d", "e", "f", "g"]


def test_lists_get_the_numbers_that_a_browser_draws() -> None:
    html = """<ol start=3><li>x<li value=7>y<li>z</ol><ol type=a><li>p<li>q</ol>
      <ol type=I><li>r</li></ol><ul><li>s</ul>"""
    assert lines(html) == ["3. x", "7. y", "8. z", "a. p", "b. q", "I. r", "- s"]


def test_a_row_that_only_lays_out_a_number_is_a_paragraph_and_a_real_table_stays_one() -> None:
    html = """<table><tr><td><p>(1)</p></td><td><p>Whereas.</p></td></tr></table>
      <table><tr><th>A</th><th>B</th><th>C</th></tr><tr><td>1</td><td></td><td>3</td></tr></table>"""
    assert lines(html) == ["(1) Whereas.", "| A | B | C |", "1 3"] or lines(html)[:2] == [
        "(1) Whereas.",
        "| A | B | C |",
    ]


def test_a_number_in_front_of_a_block_belongs_to_it() -> None:
    assert lines("<div><span>1.  </span><div>This law.</div></div>") == ["1. This law."]


def test_hidden_text_scripts_and_pictures_are_left_out_and_counted() -> None:
    read = read_html(
        b"<p>seen<script>x</script><span style='display: none'>no</span><b hidden>no</b><img></p>"
    )
    assert read.text == b"seen\n"
    assert dict(read.left_out) == {"script": 1, "span": 1, "b": 1, "img": 1}


def test_the_map_names_elements() -> None:
    read = read_html(b"<div><p>one</p><p>two</p></div>")
    assert read.spans.place_of(read.text.index(b"two")) == "/html[1]/body[1]/div[1]/p[2]"


def test_the_encoding_that_the_page_names_is_used() -> None:
    page = '<meta charset="windows-1252"><p>café – x</p>'.encode("cp1252")
    assert read_html(page).text.decode() == "café – x\n"
    assert read_html(b'<meta content="text/html; charset=nonsense"><p>a</p>').text == b"a\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<p></p>",
        b"<p>\xff</p>",
        b"<p>a\0b</p>",
        b"<div>" * 100_000 + b"x",
        b'<meta charset="base64"><p>x</p>',
        b"<b><i>" * 1_000 + b"x",
    ],
)
def test_broken_and_hostile_pages_are_refused(data: bytes) -> None:
    with pytest.raises(StopSourceUnreadable):
        read_html(data)


def test_the_size_limit_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "HTML_BYTES_MAX", 4)
    assert read_html(b"<p>a").text == b"a\n"
    with pytest.raises(StopOverSize):
        read_html(b"<p>ab")


def test_the_limit_of_tags_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "HTML_TAGS_MAX", 2)
    assert read_html(b"<p>a</p>").text == b"a\n"
    with pytest.raises(StopOverSize):
        read_html(b"<p>a<b/></p>")
