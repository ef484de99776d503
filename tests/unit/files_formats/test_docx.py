"""A DOCX file, as another program wrote it, becomes its text with the numbers that are drawn."""

import io
import zipfile
from collections.abc import Callable

import docx
import pytest

from cutter_agent.errors import StopOverSize, StopSourceUnreadable
from cutter_agent.files.readers import archive
from cutter_agent.files.readers.counting import numeral
from cutter_agent.files.readers.docx import read_docx

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
LEVELS = (
    ("decimal", "Article %1."),
    ("lowerLetter", "%2)"),
    ("lowerRoman", "(%1.%2.%3)"),
)


def numbering(*more: str) -> str:
    levels = "".join(
        f'<w:lvl w:ilvl="{index}"><w:start w:val="1"/><w:numFmt w:val="{kind}"/>'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
        for index, (kind, text) in enumerate(LEVELS)
    )
    return (
        f'<w:numbering {W}><w:abstractNum w:abstractNumId="0">{levels}</w:abstractNum>'
        f'<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num>{"".join(more)}</w:numbering>'
    )


def item(text: str, level: int = 0, number: int = 1) -> str:
    return (
        f'<w:p><w:pPr><w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr></w:pPr>'
        f"<w:r><w:t>{text}</w:t></w:r></w:p>"
    )


def packed(body: str, **parts: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("word/document.xml", f"<w:document {W}><w:body>{body}</w:body></w:document>")
        for name, text in parts.items():
            file.writestr(f"word/{name}.xml", text)
    return buffer.getvalue()


def lines(data: bytes) -> list[str]:
    return [line for line in read_docx(data).text.decode().split("\n") if line]


def written(fill: Callable[[docx.document.Document], object]) -> bytes:
    document = docx.Document()
    fill(document)
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def test_a_file_of_another_program_is_read() -> None:
    def fill(document: docx.document.Document) -> None:
        document.add_heading("A law", 0)
        document.add_heading("Part", 2)
        document.add_paragraph("First", style="List Number")
        document.add_paragraph("Second", style="List Number")
        document.add_paragraph("a\nb")
        table = document.add_table(1, 2)
        table.cell(0, 0).text = "x"
        table.cell(0, 1).text = "y"

    assert lines(written(fill)) == [
        "# A law",
        "## Part",
        "1. First",
        "2. Second",
        "a",
        "b",
        "| x | y |",
    ]


def test_levels_count_and_begin_anew_below_the_next_one_above() -> None:
    body = item("a") + item("b", 1) + item("c", 1) + item("d", 2) + item("e") + item("f", 1)
    assert lines(packed(body, numbering=numbering())) == [
        "Article 1. a",
        "a) b",
        "b) c",
        "(1.b.i) d",
        "Article 2. e",
        "a) f",
    ]


def test_two_lists_of_one_kind_count_on_and_an_override_begins_anew() -> None:
    more = (
        '<w:num w:numId="2"><w:abstractNumId w:val="0"/></w:num>'
        '<w:num w:numId="3"><w:abstractNumId w:val="0"/><w:lvlOverride w:ilvl="0">'
        '<w:startOverride w:val="5"/></w:lvlOverride></w:num>'
    )
    body = item("a") + item("b", number=2) + item("c", number=3) + item("d", number=3)
    assert lines(packed(body, numbering=numbering(more))) == [
        "Article 1. a",
        "Article 2. b",
        "Article 5. c",
        "Article 6. d",
    ]


def test_numbers_and_headings_come_from_styles_too() -> None:
    styles = (
        f'<w:styles {W}><w:style w:styleId="base"><w:name w:val="Base"/><w:pPr><w:outlineLvl '
        'w:val="1"/><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
        '<w:style w:styleId="own"><w:basedOn w:val="base"/></w:style></w:styles>'
    )
    body = '<w:p><w:pPr><w:pStyle w:val="own"/></w:pPr><w:r><w:t>x</w:t></w:r></w:p>'
    assert lines(packed(body, styles=styles, numbering=numbering())) == ["## Article 1. x"]


def test_changes_are_accepted_notes_kept_and_what_is_left_out_counted() -> None:
    body = """<w:p><w:ins><w:r><w:t xml:space="preserve">new </w:t></w:r></w:ins><w:del><w:r>
      <w:delText>old</w:delText></w:r></w:del><w:sdt><w:sdtContent><w:r><w:t>kept</w:t></w:r>
      </w:sdtContent></w:sdt><w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r>
      <w:r><w:footnoteReference w:id="2"/></w:r></w:p>"""
    notes = f'<w:footnotes {W}><w:footnote w:id="2"><w:p><w:r><w:t>see</w:t></w:r></w:p></w:footnote></w:footnotes>'
    read = read_docx(packed(body, footnotes=notes))
    assert read.text == b"new kept[^1]\n\n[^1] see\n"
    assert dict(read.left_out) == {"deleted text": 1, "hidden text": 1}
    assert read.spans.place_of(0) == "/document/body/p[1]"


def paragraph(text: str, properties: str = "") -> str:
    return f"<w:p><w:pPr>{properties}</w:pPr><w:r><w:t>{text}</w:t></w:r></w:p>"


def row(*cells: str) -> str:
    return "<w:tr>" + "".join(f"<w:tc>{cell}</w:tc>" for cell in cells) + "</w:tr>"


def test_heads_and_feet_of_pages_are_left_out_and_counted() -> None:
    head = f"<w:hdr {W}>{paragraph('Gazette')}</w:hdr>"
    read = read_docx(packed(item("x"), header1=head, header2=f"<w:hdr {W}/>", footer1=head))
    assert read.text == b"x\n"
    assert dict(read.left_out) == {"page header or footer": 2}


def test_a_deleted_paragraph_does_not_count_and_a_deleted_end_joins_two() -> None:
    gone = (
        '<w:p><w:pPr><w:rPr><w:del/></w:rPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr>'
        "</w:pPr><w:del><w:r><w:delText>old</w:delText></w:r></w:del></w:p>"
    )
    joined = '<w:p><w:pPr><w:rPr><w:del/></w:rPr></w:pPr><w:r><w:t xml:space="preserve">one </w:t></w:r></w:p>'
    body = item("a") + gone + item("b") + joined + paragraph("two")
    assert lines(packed(body, numbering=numbering())) == ["Article 1. a", "Article 2. b", "one two"]
    moved = joined.replace("w:del", "w:moveFrom")
    table = f"<w:tbl>{row(paragraph('x'), paragraph('y'), paragraph('z'))}</w:tbl>"
    assert lines(packed(moved + table)) == ["one", "| x | y | z |"]


def test_a_deleted_row_is_left_out() -> None:
    gone = "<w:tr><w:trPr><w:del/></w:trPr><w:tc>" + paragraph("old") + "</w:tc></w:tr>"
    read = read_docx(packed(f"<w:tbl>{row(paragraph('a'), paragraph('b'))}{gone}</w:tbl>"))
    assert read.text == b"| a | b |\n"
    assert dict(read.left_out) == {"deleted text": 1}


def test_a_table_that_only_lays_out_is_lines_and_its_numbers_count() -> None:
    body = (
        "<w:tbl>"
        + row(paragraph("(1)"), paragraph("Whereas one;"))
        + row(paragraph(""), item("first") + item("second", 1))
        + row(paragraph("outer") + f"<w:tbl>{row(paragraph('in'), paragraph('side'))}</w:tbl>")
        + row(item("cell"), paragraph("b"), paragraph("c"))
        + "</w:tbl>"
        + item("after")
    )
    assert lines(packed(body, numbering=numbering())) == [
        "(1) Whereas one;",
        "Article 1. first",
        "a) second",
        "outer",
        "| in | side |",
        "| Article 2. cell | b | c |",
        "Article 3. after",
    ]


def test_text_boxes_stand_below_their_paragraph_once() -> None:
    box = f"<w:txbxContent>{paragraph('boxed')}{item('numbered')}</w:txbxContent>"
    mc = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    drawn = (
        f"<mc:AlternateContent {mc}><mc:Choice><w:drawing><wsp>{box}</wsp></w:drawing></mc:Choice>"
        f"<mc:Fallback><w:pict>{box}</w:pict></mc:Fallback></mc:AlternateContent>"
    )
    body = f"<w:p><w:r><w:t>a</w:t>{drawn}<w:drawing/></w:r></w:p>" + item("b")
    read = read_docx(packed(body, numbering=numbering()))
    assert read.text.decode().split("\n\n") == [
        "a",
        "boxed",
        "Article 1. numbered",
        "Article 2. b\n",
    ]
    assert dict(read.left_out) == {"drawing": 1}
    at = read.text.index(b"boxed")
    assert read.spans.place_of(at) == "/document/body/p[1]/txbxContent[1]/p[1]"


def test_a_style_counts_on_the_level_that_names_it_down_to_the_ninth() -> None:
    joined = '<w:suff w:val="nothing"/>'
    levels = "".join(
        f'<w:lvl w:ilvl="{n}"><w:start w:val="1"/><w:numFmt w:val="decimal"/><w:pStyle w:val="s{n}"/>'
        f'<w:lvlText w:val="{".".join(f"%{m}" for m in range(1, n + 2))}"/>'
        f"{joined if n == 8 else ''}</w:lvl>"
        for n in range(9)
    )
    lists = (
        f'<w:numbering {W}><w:abstractNum w:abstractNumId="0">{levels}</w:abstractNum>'
        '<w:num w:numId="1"><w:abstractNumId w:val="0"/></w:num></w:numbering>'
    )
    number = '<w:pPr><w:numPr><w:numId w:val="1"/></w:numPr></w:pPr>'
    styles = f"<w:styles {W}>" + "".join(
        f'<w:style w:styleId="s{n}"><w:basedOn w:val="s{n - 1}"/>{number if n == 0 else ""}</w:style>'
        for n in range(9)
    )
    body = "".join(paragraph("x", f'<w:pStyle w:val="s{n}"/>') for n in (*range(9), 1, 8))
    assert lines(packed(body, styles=f"{styles}</w:styles>", numbering=lists)) == [
        *(f"{'.'.join('1' * (n + 1))} x" for n in range(8)),
        "1.1.1.1.1.1.1.1.1x",
        "1.2 x",
        "1.2.1.1.1.1.1.1.1x",
    ]


@pytest.mark.parametrize(
    ("kind", "number", "drawn"),
    [
        ("upperRoman", 14, "XIV"),
        ("lowerLetter", 27, "aa"),
        ("decimalZero", 3, "03"),
        ("lowerRoman", 5000, "5000"),
        ("none", 1, ""),
        ("unknown", 12, "12"),
    ],
)
def test_ways_of_counting(kind: str, number: int, drawn: str) -> None:
    assert numeral(kind, number) == drawn


def test_elements_that_nest_a_hundred_thousand_deep_are_refused() -> None:
    many = 100_000
    for name in ("w:sdt", "w:tbl", "x"):
        body = f"<{name}>" * many + paragraph("x") + f"</{name}>" * many
        with pytest.raises((StopSourceUnreadable, StopOverSize)):
            read_docx(packed(body))


def test_an_encrypted_part_and_too_many_parts_are_refused() -> None:
    data = bytearray(packed(item("x")))
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + flags] |= 1
    with pytest.raises(StopSourceUnreadable, match="encrypted"):
        read_docx(bytes(data))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for number in range(archive.PARTS_MAX + 1):
            file.writestr(f"{number}", "")
    with pytest.raises(StopOverSize, match="parts"):
        read_docx(buffer.getvalue())


@pytest.mark.parametrize("cut", [0, 10, 200, -30])
def test_a_broken_file_is_refused(cut: int) -> None:
    with pytest.raises(StopSourceUnreadable):
        read_docx(packed(item("x"))[:cut])


def test_a_zip_file_without_a_document_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("other", "x")
    with pytest.raises(StopSourceUnreadable):
        read_docx(buffer.getvalue())


def test_a_zip_bomb_is_refused_before_it_is_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = packed(item("x" * 3_000_000))
    assert len(bomb) < 20_000
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    with pytest.raises(StopOverSize):
        read_docx(bomb)


def test_a_part_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = packed(item("x"))
    size = zipfile.ZipFile(io.BytesIO(data)).getinfo("word/document.xml").file_size
    monkeypatch.setattr(archive, "PART_BYTES_MAX", size)
    assert lines(data) == ["x"]
    monkeypatch.setattr(archive, "PART_BYTES_MAX", size - 1)
    with pytest.raises(StopOverSize):
        read_docx(data)


def test_an_entity_in_a_part_is_refused() -> None:
    with pytest.raises(StopSourceUnreadable):
        read_docx(packed(item("x"), styles='<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'))


def test_tables_that_nest_too_deep_are_refused() -> None:
    body = "<w:tbl>" * 200 + item("x") + "</w:tbl>" * 200
    with pytest.raises(StopSourceUnreadable):
        read_docx(packed(body))
