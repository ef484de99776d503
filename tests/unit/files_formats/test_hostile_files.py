"""Whatever file is named, the command answers with units or with a stop; never with a trace."""

import io
import zipfile
from pathlib import Path

import pytest

from cutter_agent.cli.main import run
from forge.pages import pdf_of

MANY = 100_000
ARTICLE = "Điều 1. Một\n".encode()


def packed(**parts: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, body in parts.items():
            file.writestr(f"word/{name}.xml", body)
    return buffer.getvalue()


REFUSED = {
    "nul.txt": ARTICLE + b"\0",
    "torn.txt": ARTICLE + b"\xe1\xbb",
    "surrogate.txt": ARTICLE + b"\xed\xa0\x80",
    "overlong.txt": ARTICLE + b"\xc0\xaf",
    "utf16.txt": "Điều 1. Một\n".encode("utf-16"),
    "empty.txt": b"",
    "blank.txt": b" \n" * 1000,
    "empty.pdf": b"",
    "torn.pdf": pdf_of([["Article 1. One."]])[:200],
    "empty.docx": b"",
    "plain.docx": packed(),
    "bomb.docx": packed(document=b"<a>" + b" " * 80_000_000 + b"</a>"),
    "deep.docx": packed(document=b"<a>" * MANY),
    "entities.docx": packed(document=b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'),
    "deep.xml": b"<a>" * MANY + b"</a>" * MANY,
    "laughs.xml": b'<!DOCTYPE a [<!ENTITY b "cc"><!ENTITY d "&b;&b;">]><a>&d;</a>',
    "outside.xml": b'<!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1:9/"> %b;]><a>x</a>',
    "torn.xml": b"<akomaNtoso><act>",
    "deep.html": b"<div>" * MANY + ARTICLE,
    "nul.html": b"<p>a\0b</p>",
    "torn.jsonl": b'{"schema":"cutter.units/1"',
}
TAKEN = {
    "marks.txt": ARTICLE + "\u202e\u200b\u0301\ufeff\u2028\U000e0041\n".encode() * 50,
    "long.txt": ARTICLE + b"x" * 1_000_000 + b"\nDi\xe1\xbb\x81u 2. Hai\n",
    "many.txt": "".join(f"Điều {n}. Tên\n" for n in range(1, 3_000)).encode(),
    "quotes.txt": ARTICLE + "“".encode() * 3_000 + ARTICLE,
    "open.html": ARTICLE.join((b"<p>", b"<table><tr><td><i><script>")),
    "tags.html": b"<p>" + ARTICLE + b"</b>" * MANY,
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_hostile_file_ends_with_a_stop(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / name
    file.write_bytes(REFUSED[name])
    assert run(["mark", str(file), "--code", "DOC", "--profile", "vn-law"]) == 22
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("STOP_")
    assert "Traceback" not in said.err
    assert "Next " in said.err


@pytest.mark.parametrize("name", TAKEN)
def test_an_odd_file_is_cut_whole(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / name
    file.write_bytes(TAKEN[name])
    assert run(["mark", str(file), "--code", "DOC", "--profile", "vn-law"]) == 0
    assert " 0 bytes unaccounted" in " ".join(capsys.readouterr().out.split())
