"""XML of laws becomes the text that a reader of the printed law sees."""

import pytest

from cutter_agent.errors import StopOverSize, StopSourceUnreadable
from cutter_agent.files.readers import xml as reader
from cutter_agent.files.readers.xml import read_xml

AKN = '<akomaNtoso xmlns="http://docs.oasis-open.org/legaldocml/ns/akn/3.0"><act><meta><x/></meta>{}</act></akomaNtoso>'


def lines(xml: str) -> list[str]:
    return [line for line in read_xml(xml.encode()).text.decode().split("\n") if line]


def akn(body: str) -> list[str]:
    return lines(AKN.format(body))


def test_akoma_ntoso_numbers_begin_their_lines() -> None:
    body = """<body><chapter><num>Chapter I</num><heading>General</heading>
      <article><num>Article 1</num><heading>Scope <i>of it</i></heading>
        <paragraph><num>1.</num><content><p>This act
           applies to:</p></content></paragraph>
        <paragraph><num>2.</num><list><intro><p>It does not apply</p></intro>
          <point><num>(a)</num><content><p>here;</p></content></point></list></paragraph>
      </article></chapter></body>"""
    assert akn(body) == [
        "# Chapter I General",
        "## Article 1 Scope of it",
        "1. This act applies to:",
        "2. It does not apply",
        "(a) here;",
    ]


def test_final_provisions_are_read_whole_and_a_title_in_the_margin_counts_nothing() -> None:
    body = """<body><level role="marginal"><num>2.</num><heading>Hours</heading>
      <article><num>Art. 3</num><content><p>It is open.</p></content></article></level></body>
      <proviso><heading>Final title</heading><article><num>Art. 1</num><content>
      <paragraph><content><p>Old cards stay valid.</p></content></paragraph></content></article>
      <article><num>Art. 2</num><content><p>It begins today.</p></content></article></proviso>"""
    found = akn(body)
    assert found[:2] == ["› 2. Hours", "# Art. 3"]
    assert [line for line in found if line.startswith("#")] == [
        "# Art. 3",
        "# Final title",
        "## Art. 1",
        "## Art. 2",
    ]
    assert "It begins today." in found


def test_notes_stand_below_and_quoted_structure_is_no_heading() -> None:
    body = """<body><article><num>Art. 1</num><heading>One<authorialNote marker="1"><p>SR 1</p>
      </authorialNote></heading><content><p>It reads: <mod>as <quotedStructure startQuote="“" endQuote="”">
      <article><num>Art. 9</num><content><p>New.</p></content></article></quotedStructure></mod></p>
      </content></article></body>"""
    found = akn(body)
    assert found[:2] == ["# Art. 1 One", "[^1] SR 1"]
    assert any("“" in line and "Art. 9" in line and "New.”" in line for line in found)
    assert not [line for line in found if line.startswith("#") and "9" in line]


def test_a_note_between_two_words_parts_them() -> None:
    note = '<authorialNote marker="1"><p>See</p></authorialNote>'
    body = f"<body><section><num>1</num><content><p>the report{note}of July{note}.</p></content></section></body>"
    assert akn(body)[1] == "the report of July."


def test_clml_gets_the_brackets_and_quotes_that_its_style_sheet_draws() -> None:
    xml = """<Legislation><Metadata>no</Metadata><Primary><Body><P1group><Title>Scope</Title>
      <P1><Pnumber PuncAfter="">1</Pnumber><P1para><P2><Pnumber>1</Pnumber><P2para>
      <Text>After section 3 insert—</Text><BlockAmendment><P1><Pnumber>3A</Pnumber><P1para>
      <Text>New text.</Text></P1para></P1></BlockAmendment><AppendText>.</AppendText></P2para></P2>
      </P1para></P1></P1group></Body></Primary></Legislation>"""
    assert lines(xml) == ["# 1 Scope", "(1) After section 3 insert—", "“3A New text.”."]


def test_uslm_keeps_its_own_numbers() -> None:
    xml = """<pLaw xmlns="http://schemas.gpo.gov/xml/uslm"><main><section><num>SEC. 2. </num>
      <heading>PURPOSE.</heading><chapeau>It is—</chapeau><paragraph><num>(1) </num>
      <content>to do</content></paragraph></section></main></pLaw>"""
    assert lines(xml) == ["# SEC. 2. PURPOSE.", "It is—", "(1) to do"]


def test_what_is_left_out_is_counted_and_the_map_leads_back() -> None:
    read = read_xml(
        AKN.format(
            "<body><section><num>1</num><content><p>Öne</p><p>Two</p></content></section></body>"
        ).encode()
    )
    assert read.left_out == (("meta", 1),)
    assert read.trust == "derived"
    place = read.spans.place_of(read.text.index(b"Two"))
    assert place == "/akomaNtoso[1]/act[1]/body[1]/section[1]/content[1]/p[2]"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<a>",
        b"no xml",
        b"<a/>",
        b"<a>\xff</a>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        "<a>text</a>".encode("utf-16"),
        b'<?xml version="1.0" encoding="utf-7"?><a>text</a>',
        b"<a>" * 100_000 + b"x",
        b"<x>" * 200 + b"x" + b"</x>" * 200,
        b"<a>&undefined;</a>",
    ],
)
def test_broken_and_hostile_files_are_refused(data: bytes) -> None:
    with pytest.raises(StopSourceUnreadable):
        read_xml(data)


def test_a_dtd_is_never_fetched(tmp_path) -> None:  # noqa: ANN001 -- pytest's own
    dtd = tmp_path / "law.dtd"
    dtd.write_text('<!ENTITY secret "leaked">')
    data = f'<!DOCTYPE a SYSTEM "{dtd.as_uri()}"><a>open text</a>'
    assert read_xml(data.encode()).text == b"open text\n"


def test_the_size_limit_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"<a>text</a>"
    monkeypatch.setattr(reader, "XML_BYTES_MAX", len(data))
    assert read_xml(data).text == b"text\n"
    with pytest.raises(StopOverSize):
        read_xml(data + b" ")


def test_the_limit_of_tags_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "XML_TAGS_MAX", 2)
    assert read_xml(b"<p>a</p>").text == b"a\n"
    with pytest.raises(StopOverSize):
        read_xml(b"<p>a<b/></p>")
