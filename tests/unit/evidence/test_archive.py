"""The archive: the same files give the same bytes, and other bytes are no archive of ours."""

import io
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from cutter_agent.errors import StopEvidenceMismatch, StopRefusedInput
from cutter_agent.evidence.archive import FILES_MAX, pack, unpack
from cutter_agent.evidence.canonical import sha256_hex

FILES = {"b/data": bytes(range(256)) * 10, "a.txt": b"text\n", "empty": b""}
DATA = pack(FILES)


def test_files_come_back_whatever_their_order():
    assert unpack(DATA) == FILES
    assert pack(dict(sorted(FILES.items()))) == DATA
    assert unpack(pack({})) == {}


def test_the_bytes_are_the_same_on_every_machine():
    """Written down once: were it to change, no bundle could be made again byte for byte."""
    assert sha256_hex(pack({"a": b"b"})) == (
        "e8d35dffd60f53a3e7b8522d260d3aa135a23c91a6801083cba27ea8da36425b"
    )


def test_pythons_own_reader_finds_nothing_wrong():
    with zipfile.ZipFile(io.BytesIO(DATA)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a.txt", "b/data", "empty"]


def test_stock_unzip_reads_it(tmp_path: Path):
    if shutil.which("unzip") is None:
        pytest.skip("unzip is not installed")
    (tmp_path / "archive.zip").write_bytes(DATA)
    words = ["unzip", "-q", "archive.zip", "-d", "out"]
    run = subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
    assert run.stderr == b""
    assert (tmp_path / "out" / "b" / "data").read_bytes() == FILES["b/data"]


@pytest.mark.parametrize(
    "name",
    ["", "/a", "../a", "a/../b", "a//b", "a/", ".a", "a/.b", "a\\b", "a b", "đ", "a\n", "a" * 201],
)
def test_a_name_that_an_unzip_could_misread_is_refused(name: str):
    with pytest.raises(StopRefusedInput):
        pack({name: b""})


def test_limits_are_met_from_both_sides():
    assert unpack(DATA, size_bytes_max=len(DATA)) == FILES
    with pytest.raises(StopEvidenceMismatch, match="over its limit"):
        unpack(DATA, size_bytes_max=len(DATA) - 1)
    assert pack({"a": b"123"}, size_bytes_max=3)
    with pytest.raises(StopRefusedInput, match="limits"):
        pack({"a": b"1234"}, size_bytes_max=3)
    assert pack({"a" * 200: b""})
    many = {f"f{number}": b"" for number in range(FILES_MAX)}
    assert pack(many)
    with pytest.raises(StopRefusedInput, match="limits"):
        pack(many | {"one-more": b""})


def rezipped(files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, body in files.items():
            archive.writestr(name, body)
    return target.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK",
        DATA[:-1],
        DATA + b"\x00",
        b"\x00" + DATA,
        DATA[: len(DATA) // 2],
        DATA + DATA,
        rezipped(FILES),
        rezipped(FILES, zipfile.ZIP_DEFLATED),
        rezipped({"../a": b""}),
        rezipped({"bomb": bytes(1_000_000)}, zipfile.ZIP_LZMA),
    ],
)
def test_other_bytes_are_no_archive_of_ours(data: bytes):
    with pytest.raises(StopEvidenceMismatch):
        unpack(data)


def test_a_compressed_archive_is_refused_before_it_is_unpacked():
    for compression in (zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA):
        with pytest.raises(StopEvidenceMismatch, match="compressed"):
            unpack(rezipped({"bomb": bytes(1_000_000)}, compression))


def test_every_bit_of_an_archive_counts():
    data = pack({"a": b"text", "b": b""})
    for place in range(len(data)):
        for bit in range(8):
            changed = data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]
            with pytest.raises(StopEvidenceMismatch):
                unpack(changed)
