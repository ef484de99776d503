"""Real laws of many countries and formats, cut live through both gates with real signatures."""

import io
import re
from dataclasses import dataclass
from pathlib import Path

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from tests.audit import audit, in_force, planned, rows
from tests.live import deploy
from tests.terminal import Terminal, terminal_at

from clusters.databases import Database
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.files.readers.child import reader_of
from cutter_agent.files.readers.reading import format_of
from deployments import EXAMPLES
from forge.pages import pdf_of

EXAMPLE = (EXAMPLES / "vn-law-sample.md").read_text("utf-8")
LINES_A_PAGE = 24
DELETED = (
    f'<w:del {nsdecls("w")} w:id="1"><w:r><w:br/><w:delText>Điều 99. Bỏ</w:delText></w:r></w:del>'
)
TRUST = {
    ".xml": ("xml", "derived"),
    ".html": ("html", "derived"),
    ".docx": ("word", "derived"),
    ".pdf": ("pdf", "low"),
}
STORED = """
SELECT v.address, v.own_spans, b.body FROM iu.unit_in_force f
JOIN iu.unit_version v USING (document_id, version_id)
JOIN iu.text_blob b ON b.sha256 = v.body_sha256
WHERE f.document_id = %s
"""
SOURCE = "SELECT body, original_body, original_sha256 FROM iu.source_version WHERE document_id = %s"


@dataclass(frozen=True)
class Law:
    """A file of the corpus, how it is cut, and how many units it has at the least."""

    code: str
    path: str
    profile: str
    units_min: int


LAWS = (
    Law(
        "ND-155",
        "vn-decrees-md/nghi-dinh-155-2026-nd-cp-sua-doi-luat-khieu-nai.md",
        "vn-law",
        40,
    ),
    Law("HP-2013", "vn-constitution-2013/hienphap.txt", "vn-constitution", 120),
    Law("CH-LAW", "ch-akn/sample-ordinary-law.xml", "ch", 20),
    Law("ASP-2021-11", "uk-clml/sample-scot-asp-2021-11.xml", "uk", 15),
    Law("COMPS-339", "us-uslm/COMPS-339.xml", "us", 100),
    Law("EU-1958-1", "eu-xhtml/31958R0001_old.html", "eu", 8),
    Law("ARBZG", "de-gesetze-md/ArbZG-BJNR117100994.md", "de", 150),
    Law("GH-TERMS", "policy-github/github-terms/github-terms-of-service.md", "md-policy", 50),
)


def word_file() -> bytes:
    """Our own example as another program writes it: headings, a running head, a tracked deletion."""
    document = docx.Document()
    for line in EXAMPLE.splitlines():
        text = line.lstrip("# ")
        if text and line.startswith("#"):
            document.add_heading(text, min(9, len(line) - len(line.lstrip("#"))))
        elif text:
            document.add_paragraph(text)
    document.sections[0].header.paragraphs[0].text = "Công báo số 1"
    document.paragraphs[-1]._p.append(parse_xml(DELETED))
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def pdf_file() -> bytes:
    """Our own example as pages of print, each with a running head and its number."""
    lines = [text for line in EXAMPLE.splitlines() if (text := line.lstrip("# "))]
    pages = [lines[at : at + LINES_A_PAGE] for at in range(0, len(lines), LINES_A_PAGE)]
    return pdf_of([["CONG BAO 2026", *page, f"- {n} -"] for n, page in enumerate(pages, 1)])


def live_cut(at: Terminal, code: str, trust: tuple[str, str] | None) -> str:
    """The document is cut live: alice signs at SG_1, bob at SG_2; the id of the run.

    What they sign says from what format the text was read, and how far that can be trusted.
    """
    begun = at.cutter("cut", code, "--live", "--json")
    assert begun.status == 10, begun
    run_id = str(begun.document["run_id"])
    [request] = (at.home.runs / run_id).glob("SG1-cut-authz-request-*.md")
    told = re.findall(r"\(format: (\S+), trust: (\w+)\)", request.read_text("utf-8"))
    assert [(name.rpartition("-")[2], level) for name, level in told] == (
        [] if trust is None else [trust]
    )
    assert at.approve(run_id, "alice").status == 0
    second = at.cutter("resume", run_id, "--json")
    assert second.status == 10, second
    assert second.document["state"] == "awaiting_lifecycle_authorization"
    assert at.approve(run_id, "bob").status == 0
    done = at.json("resume", run_id)
    assert (done["state"], done["stop_code"]) == ("closeout_reported", None)
    assert [row["persons"] for row in done["approvals"]] == [["alice"], ["bob"]]
    return run_id


def check(
    database: Database,
    folder: Path,
    terminal: tuple[pytest.MonkeyPatch, pytest.CaptureFixture[str]],
    file: Path,
    law: Law,
) -> dict[str, tuple[str, str]]:
    """The file is added as people add it, cut live; all that is in force, which is its own bytes."""
    deployed = deploy(database, folder)
    at = terminal_at(deployed, *terminal)
    source = file.read_bytes()
    kind = format_of(file.name, source)
    text = source if kind is None else reader_of(kind)(source).text
    added = at.json("source", "add", str(file), "--code", law.code, "--profile", law.profile)
    assert (added["bytes"], added["errors"], added["unaccounted_bytes"]) == (len(text), 0, 0)
    run_id = live_cut(at, law.code, TRUST.get(file.suffix))
    [(body, original, original_sha256)] = rows(deployed, SOURCE, law.code)
    assert bytes(body) == text
    assert (original is None) == (kind is None)
    if kind is not None:
        assert (bytes(original), bytes(original_sha256).hex()) == (source, sha256_hex(source))
    stored = rows(deployed, STORED, law.code)
    for address, spans, unit_text in stored:
        flat = [int(edge) for edge in spans]
        own = b"".join(text[a:b] for a, b in zip(flat[::2], flat[1::2], strict=True))
        assert unit_text.encode() == own, address
    assert len(stored) >= law.units_min
    assert in_force(deployed, law.code) == planned(text, law.code, law.profile)
    assert at.json("verify", run_id)["ok"]
    check_place(at, law.code, stored[-1][0], source)
    exported = folder / "exported"
    at.json("export", law.code, "--source", "-o", str(exported))
    assert exported.read_bytes() == source
    audit(deployed, text, code=law.code, profile=law.profile)
    return in_force(deployed, law.code)


def check_place(at: Terminal, code: str, address: str, source: bytes) -> None:
    """The file's bytes that a unit is told to be from have its number of lines; print has page and line."""
    told = at.json("source", "show", code, "--unit", address)
    assert (told["schema"], told["address"]) == ("cutter.source-place/1", address)
    place = told["place"]
    if "bytes" in place:
        start, end = place["bytes"]
        first, last = place["lines"]
        assert source[start:end].strip()
        assert last - first == source[start : end - 1].count(b"\n")
    else:
        assert re.match(r"/document/body/|page \d+ line \d+$", place["from"])


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.code)
def test_a_real_law_is_cut_live_and_in_force_byte_for_byte(
    law: Law,
    corpus: Path,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = corpus / law.path
    if not file.is_file():
        pytest.skip(f"the corpus holds no {law.path}")
    check(database, tmp_path, (monkeypatch, capsys), file, law)


@pytest.mark.parametrize(("name", "made"), [("law.docx", word_file()), ("law.pdf", pdf_file())])
def test_a_document_of_office_and_of_print_is_cut_live(
    name: str,
    made: bytes,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / name
    file.write_bytes(made)
    law = Law("ROOM-1", name, "vn-law", 30)
    stored = check(database, tmp_path, (monkeypatch, capsys), file, law)
    assert stored.keys() == planned(EXAMPLE.encode(), "ROOM-1", "vn-law").keys()
