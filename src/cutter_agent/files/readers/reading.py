"""Which reader a file needs, and reading it in a process of its own.

Parsers of files from anywhere run apart: a process with limits of memory and time, which hands back
text and map, or the stop. What breaks it breaks nothing else.
"""

from __future__ import annotations

import importlib
import json
import struct
import subprocess
import sys
from pathlib import PurePath
from typing import Final, Literal

from cutter_agent.errors import (
    STOP_BY_CODE,
    Stop,
    StopOverSize,
    StopRefusedInput,
    StopSourceUnreadable,
)
from cutter_agent.evidence.canonical import canonical_bytes
from cutter_agent.files.readers.extracted import Extracted, parse_map

Format = Literal["html", "xml", "word", "pdf", "jsonl"]
SECONDS_MAX: Final = 120
MEMORY_BYTES_MAX: Final = 2 * 1024**3
_SUFFIXES: Final[dict[str, Format]] = {
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".xml": "xml",
    ".akn": "xml",
    ".docx": "word",
    ".pdf": "pdf",
    ".jsonl": "jsonl",
}
_NEEDS: Final[dict[Format, str]] = {
    "html": "selectolax",
    "xml": "lxml",
    "word": "lxml",
    "pdf": "pypdf",
    "jsonl": "json",
}
_HEAD: Final = struct.Struct(">III")
STOPPED: Final = 3


def format_of(name: str, source: bytes) -> Format | None:
    """Return the format that needs a reader, or None for a text as it stands.

    The first bytes decide where they can; the name tells HTML and XML from text.
    """
    if source.startswith(b"%PDF-"):
        return "pdf"
    suffix = PurePath(name).suffix.lower()
    if source.startswith(b"PK\x03\x04"):
        return "word"
    return _SUFFIXES.get(suffix)


def read_apart(kind: Format, source: bytes) -> Extracted:
    """Return the text of a document of this format, read in a process with limits.

    Raises:
        StopRefusedInput: the libraries that read documents are not installed.
        StopSourceUnreadable: it is broken, or takes more time or memory than a document may.
        StopOverSize: it is larger than its reader's limit.
    """
    _check_installed(kind)
    words = (sys.executable, "-P", "-m", "cutter_agent.files.readers.child", kind)
    try:
        done = subprocess.run(  # noqa: S603 -- this interpreter, this package
            words, input=source, capture_output=True, check=False, timeout=SECONDS_MAX
        )
    except subprocess.TimeoutExpired as error:
        raise StopOverSize(
            f"reading it took over {SECONDS_MAX} s", expected="a document of ordinary size"
        ) from error
    if done.returncode == STOPPED:
        raise _stop_of(done.stdout)
    if done.returncode != 0:
        raise StopSourceUnreadable(
            f"its reader broke off ({_last_line(done.stderr) or f'exit {done.returncode}'})",
            expected=f"a sound document that is read within {MEMORY_BYTES_MAX} bytes of memory",
        )
    return unpacked(done.stdout)


def packed(extracted: Extracted) -> bytes:
    """Return what the process of a reader hands back."""
    head = canonical_bytes(
        {
            "media_type": extracted.media_type,
            "source_sha256": extracted.source_sha256,
            "text_sha256": extracted.text_sha256,
            "trust": extracted.trust,
            "left_out": [[name, count] for name, count in extracted.left_out],
        }
    )
    spans = extracted.spans.encoded()
    return _HEAD.pack(len(head), len(extracted.text), len(spans)) + head + extracted.text + spans


def unpacked(data: bytes) -> Extracted:
    """Return the text that `packed` wrote."""
    head_len, text_len, _ = _HEAD.unpack_from(data)
    body = data[_HEAD.size :]
    head = json.loads(body[:head_len])
    return Extracted(
        text=body[head_len : head_len + text_len],
        media_type=head["media_type"],
        source_sha256=head["source_sha256"],
        text_sha256=head["text_sha256"],
        trust=head["trust"],
        spans=parse_map(body[head_len + text_len :]),
        left_out=tuple((name, count) for name, count in head["left_out"]),
    )


def packed_stop(stop: Stop) -> bytes:
    """Return a stop as the process of a reader hands it back."""
    return canonical_bytes({"code": stop.code, "fact": stop.fact, "expected": stop.expected})


def _stop_of(data: bytes) -> Stop:
    told = json.loads(data)
    return STOP_BY_CODE[told["code"]](told["fact"], expected=told["expected"])


def _last_line(stderr: bytes) -> str:
    lines = stderr.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:200] if lines else ""


def _check_installed(kind: Format) -> None:
    try:
        importlib.import_module(_NEEDS[kind])
    except ImportError as error:
        raise StopRefusedInput(
            f"reading {kind.upper()} needs {_NEEDS[kind]}, which is not installed",
            expected="the extra for documents",
            remedy="pip install iu-cutter[documents]",
        ) from error
