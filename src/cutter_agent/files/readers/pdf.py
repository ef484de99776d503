"""PDF as text: lines joined to paragraphs, running heads and feet left out; a guess, and marked so.

A PDF file says where letters stand, not what is a paragraph. What was left out is counted, and each
line keeps its page and line, so that a reader can look.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final

from cutter_agent.errors import StopOverSize, StopSourceUnreadable
from cutter_agent.files.readers.extracted import Extracted, Lines

PDF_BYTES_MAX: Final = 64 * 1024 * 1024
PAGES_MAX: Final = 5_000
EDGE_LINES: Final = 2
"""A running head or foot is among so many lines at an edge of the page."""
REPEATED_SHARE: Final = 0.3
REPEATED_PAGES_MIN: Final = 3
FULL_SHARE: Final = 0.75
"""A line that is this full against the usual width may go on in the next one."""
_NUMBER: Final = re.compile(
    r"[-–—\s]*(?:(?:page|trang|seite|p\.)\s*)?\d{1,4}(?:\s*(?:/|of)\s*\d{1,4})?[-–—\s]*",
    re.IGNORECASE,
)
_DIGITS: Final = re.compile(r"\d+")
_ENDS: Final = re.compile(r"[.;:!?”\"»)…]\s*$")
_BEGINS: Final = re.compile(
    r"""\s*(?:[("'“„«‘]*\s*(?:\d{1,4}[a-zđ]{0,2}(?:\.\d{1,3})*[.)]|\(?[a-zđ0-9ivxA-Z]{1,5}\)|[IVXLC]{1,7}\.)\s
    |[-–—•·*▪]\s|§|[("'“„«‘]*(?:Điều|Khoản|Điểm|Chương|Mục|Phần|Phụ\slục|Article|Section|Sec\.|SEC\.
    |SECTION|ARTICLE|CHAPTER|Chapter|PART|Part|TITLE|ANNEX|SCHEDULE|Schedule|Art\.|Artikel|Artículo
    |Articolo|Abschnitt|Kapitel|Titel|Chapitre|Titre)\s)""",
    re.VERBOSE,
)
_HYPHEN: Final = re.compile(r"([^\W\d_]{2,})[-\u00ad\u2010]$")
_WORD: Final = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True, slots=True)
class _Line:
    page: int
    line: int
    text: str

    @property
    def place(self) -> str:
        return f"page {self.page} line {self.line}"


def read_pdf(source: bytes) -> Extracted:
    """Return the text of a PDF file, each line with the page and line that it begins on.

    Raises:
        StopSourceUnreadable: it is broken or encrypted, or holds pictures of text alone.
        StopOverSize: it is larger than PDF_BYTES_MAX or has more than PAGES_MAX pages.
    """
    lines = Lines()
    pages = [_page(number, text) for number, text in enumerate(_texts(source), 1)]
    lines.left_out["page without text"] = sum(not page for page in pages)
    kept = _without_running_heads(pages, lines.left_out)
    _joined(kept, lines)
    lines.left_out += Counter()
    return lines.extracted(source, "application/pdf", "page", "low")


def _texts(source: bytes) -> list[str]:
    """The text of each page, as the library finds it."""
    import io
    import logging

    import pypdf
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    if len(source) > PDF_BYTES_MAX:
        raise StopOverSize(
            f"{len(source)} bytes of PDF", expected=f"at most {PDF_BYTES_MAX} bytes of PDF"
        )
    broken = (PyPdfError, ValueError, TypeError, KeyError, IndexError, AttributeError)
    try:
        reader = pypdf.PdfReader(io.BytesIO(source), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise StopSourceUnreadable("the PDF is encrypted", expected="a file without password")
        if len(reader.pages) > PAGES_MAX:
            raise StopOverSize(f"{len(reader.pages)} pages", expected=f"at most {PAGES_MAX} pages")
        texts = [page.extract_text() for page in reader.pages]
    except (
        *broken,
        RecursionError,
        ZeroDivisionError,
        OverflowError,
        AssertionError,
        OSError,
    ) as error:
        raise StopSourceUnreadable(
            f"the PDF is broken: {type(error).__name__}: {str(error)[:160]}", expected="a whole PDF"
        ) from error
    if not any(text.strip() for text in texts):
        raise StopSourceUnreadable(
            f"{len(texts)} pages without a letter: pictures of text, perhaps",
            expected="a PDF with text in it; recognise a scanned one first",
        )
    return texts


def _page(number: int, text: str) -> list[_Line]:
    """The lines of a page that hold something."""
    clean = text.replace("\0", "").encode("utf-8", "replace").decode()
    return [
        _Line(number, row, line.strip())
        for row, line in enumerate(clean.splitlines(), 1)
        if line.strip()
    ]


def _without_running_heads(pages: list[list[_Line]], left_out: Counter[str]) -> list[_Line]:
    """The lines without those that stand at the edge of many pages, and page numbers."""
    shapes: Counter[str] = Counter()
    for page in pages:
        shapes.update({_shape(line.text) for line in _edges(page)})
    often = max(REPEATED_PAGES_MIN, REPEATED_SHARE * len(pages))
    kept: list[_Line] = []
    for page in pages:
        edges = set(_edges(page))
        for line in page:
            running = shapes[_shape(line.text)] >= often and not _is_sentence(line.text)
            if line in edges and (running or (len(pages) > 1 and _NUMBER.fullmatch(line.text))):
                left_out["running head or foot"] += 1
            else:
                kept.append(line)
    return kept


def _is_sentence(text: str) -> bool:
    """Return True for what a law says rather than what a page carries."""
    return bool(_BEGINS.match(text + " ") or _ENDS.search(text))


def _edges(page: list[_Line]) -> list[_Line]:
    return [*page[:EDGE_LINES], *page[max(EDGE_LINES, len(page) - EDGE_LINES) :]]


def _shape(text: str) -> str:
    return _DIGITS.sub("#", " ".join(text.split()))


def _joined(rows: list[_Line], lines: Lines) -> None:
    """The lines stand as paragraphs: one that is full and ends in the middle goes on."""
    widths = sorted(len(row.text) for row in rows)
    usual = widths[len(widths) * 9 // 10] if widths else 0
    words = {word for row in rows for word in _WORD.findall(row.text)}
    before: _Line | None = None
    for row in rows:
        goes_on = (
            before is not None
            and len(before.text) >= FULL_SHARE * usual
            and not _BEGINS.match(row.text + " ")
            and (not _ENDS.search(before.text) or row.text[:1].islower())
        )
        if before is not None and not goes_on:
            lines.end()
        if goes_on and before is not None:
            lines.write(_link(before.text, row.text, words), row.place)
        text = row.text
        if _HYPHEN.search(text):
            text = text[:-1]
        lines.write(text, row.place)
        before = row
    lines.end()


def _link(before: str, after: str, words: set[str]) -> str:
    """What stands between two joined lines: a space, a hyphen, or nothing in a divided word."""
    hyphen = _HYPHEN.search(before)
    if hyphen is None:
        return " "
    rest = _WORD.match(after)
    divided = rest is not None and after[:1].islower() and hyphen[1] + rest[0] in words
    return "" if divided else before[-1]
