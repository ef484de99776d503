"""Which reader a file gets, and that its process has limits that hold."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutter_agent.errors import (
    StopEvidenceMismatch,
    StopOverSize,
    StopRefusedInput,
    StopSourceUnreadable,
)
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.files.readers import extracted, reading
from cutter_agent.files.readers.extracted import Lines, SourceMap, parse_map
from cutter_agent.files.readers.reading import format_of, packed, read_apart, unpacked
from forge.pages import pdf_of


@pytest.mark.parametrize(
    ("name", "head", "kind"),
    [
        ("a.md", b"# x", None),
        ("a.txt", b"<html>", None),
        ("a.HTML", b"", "html"),
        ("a.xhtml", b"", "html"),
        ("a.xml", b"", "xml"),
        ("a.bin", b"%PDF-1.4", "pdf"),
        ("a.xml", b"PK\x03\x04", "word"),
        ("a.docx", b"", "word"),
    ],
)
def test_the_reader_that_a_file_gets(name: str, head: bytes, kind: str | None) -> None:
    assert format_of(name, head) == kind


def test_a_document_read_apart_comes_whole_with_its_digests() -> None:
    page = b"<h1>T\xc3\xad</h1><p>body<script>x</script>"
    read = read_apart("html", page)
    assert read.text == "# Tí\n\nbody\n".encode()
    assert read.source_sha256 == sha256_hex(page)
    assert read.text_sha256 == sha256_hex(read.text)
    assert read.left_out == (("script", 1),)
    assert unpacked(packed(read)) == read


def test_a_stop_crosses_the_process() -> None:
    with pytest.raises(StopSourceUnreadable, match="declares entities") as caught:
        read_apart("xml", b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>')
    assert caught.value.expected


def test_a_reader_over_its_time_or_memory_is_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "SECONDS_MAX", 0.01)
    with pytest.raises(StopOverSize):
        read_apart("pdf", pdf_of([["a"]]))


def test_a_reader_that_breaks_off_is_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(StopSourceUnreadable, match="broke off"):
        read_apart("pdf", b"")


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "selectolax", None)
    with pytest.raises(StopRefusedInput) as caught:
        read_apart("html", b"<p>a")
    assert caught.value.remedy == "pip install iu-cutter[documents]"


def test_limits_are_set_in_the_process() -> None:
    code = (
        "import resource, sys\n"
        "from cutter_agent.files.readers import child, reading\n"
        "def tell(source):\n"
        "    print([resource.getrlimit(w)[0] for w in (resource.RLIMIT_AS, resource.RLIMIT_CPU)])\n"
        "    b'x' * (reading.MEMORY_BYTES_MAX + 1)\n"
        "child.reader_of = lambda kind: tell\n"
        "sys.exit(child.main('xml'))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], input=b"", capture_output=True, check=False)
    limits, stop = done.stdout[done.stdout.index(b"[") :], done.stdout.partition(b"[")[0]
    assert done.returncode == reading.STOPPED
    assert json.loads(limits.partition(b"]")[0] + b"]") == [
        reading.MEMORY_BYTES_MAX,
        reading.SECONDS_MAX,
    ]
    assert b"MemoryError" in stop + limits


@given(st.lists(st.tuples(st.integers(1, 50), st.text(max_size=12)), min_size=1, max_size=30))
def test_a_map_survives_its_bytes(rows: list[tuple[int, str]]) -> None:
    starts, at = [], 0
    for size, _ in rows:
        starts.append(at)
        at += size
    spans = SourceMap("element", tuple(starts), tuple(place for _, place in rows))
    assert parse_map(spans.encoded()) == spans
    for start, (size, place) in zip(starts, rows, strict=True):
        assert spans.place_of(start) == spans.place_of(start + size - 1) == place


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b'{"kind":"page","places":[[1,0,"a"]],"schema":"cutter.map/1"}',
        b'{"kind":"page","places":[[0,0,"a"],[0,1,""]],"schema":"cutter.map/1"}',
        b'{"kind": "page","places":[[0,0,"a"]],"schema":"cutter.map/1"}',
    ],
)
def test_what_is_no_map_is_refused(data: bytes) -> None:
    with pytest.raises(StopEvidenceMismatch):
        parse_map(data)


def test_more_text_than_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extracted, "TEXT_BYTES_MAX", 4)
    lines = Lines()
    lines.write("abc", "/a")
    lines.end()
    assert lines.extracted(b"s", "text/html", "element", "derived").text == b"abc\n"
    lines.write("d", "/a")
    with pytest.raises(StopOverSize):
        lines.end()
