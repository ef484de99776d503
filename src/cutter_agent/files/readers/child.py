"""The process that reads one document: bytes in, text and map out, within its limits."""

from __future__ import annotations

import contextlib
import resource
import sys
from collections.abc import Callable

from cutter_agent.errors import Stop, StopOverSize
from cutter_agent.files.readers.extracted import Extracted
from cutter_agent.files.readers.reading import (
    MEMORY_BYTES_MAX,
    SECONDS_MAX,
    STOPPED,
    packed,
    packed_stop,
)


def main(kind: str) -> int:
    """The document on stdin stands on stdout as text and map, or the stop that it is."""
    _limit(resource.RLIMIT_AS, MEMORY_BYTES_MAX)
    _limit(resource.RLIMIT_CPU, SECONDS_MAX)
    _limit(resource.RLIMIT_FSIZE, 0)
    source = sys.stdin.buffer.read()
    try:
        answer = packed(reader_of(kind)(source))
    except Stop as stop:
        sys.stdout.buffer.write(packed_stop(stop))
        return STOPPED
    except (MemoryError, RecursionError) as error:
        beyond = StopOverSize(
            f"reading it went beyond the limits ({type(error).__name__})",
            expected="a document of ordinary size and depth",
        )
        sys.stdout.buffer.write(packed_stop(beyond))
        return STOPPED
    sys.stdout.buffer.write(answer)
    return 0


def reader_of(kind: str) -> Callable[[bytes], Extracted]:
    """Return the reader of a format, its library imported."""
    if kind == "html":
        from cutter_agent.files.readers.html import read_html

        return read_html
    if kind == "word":
        from cutter_agent.files.readers.docx import read_docx

        return read_docx
    if kind == "pdf":
        from cutter_agent.files.readers.pdf import read_pdf

        return read_pdf
    if kind == "jsonl":
        from cutter_agent.files.readers.jsonl import read_jsonl

        return read_jsonl
    from cutter_agent.files.readers.xml import read_xml

    return read_xml


def _limit(what: int, amount: int) -> None:
    """The process can have no more than this of it; a lower limit that it has already stays."""
    _, hard = resource.getrlimit(what)
    most = amount if hard == resource.RLIM_INFINITY else min(amount, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
