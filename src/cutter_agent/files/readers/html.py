"""HTML as text: headings, lists with their automatic numbers, tables, and the path of each element.

The page is read as a browser would read it, without a script, a style or a request. Only what a
style in the element itself or `hidden` takes from sight is left out, and counted.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from cutter_agent.errors import StopOverSize, StopSourceUnreadable
from cutter_agent.files.readers.byte_spans import (
    SPANNED_TAGS_MAX,
    Span,
    html_spans,
    in_bytes,
    settled,
)
from cutter_agent.files.readers.counting import numeral
from cutter_agent.files.readers.dialects import words
from cutter_agent.files.readers.extracted import LABEL, Extracted, Lines

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

HTML_BYTES_MAX: Final = 32 * 1024 * 1024
HTML_TAGS_MAX: Final = 2_000_000
"""A tree of more takes more memory than a reader has."""
DEPTH_MAX: Final = 250
_BLOCKS: Final = words(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset "
    "figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav "
    "ol optgroup option p pre search section summary table tbody td tfoot th thead tr ul"
)
_SKIPPED: Final = words(
    "audio button canvas embed head iframe img input map math noscript object script select style "
    "svg template textarea title video"
)
_HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_APART: Final = _HEADINGS | {"p", "table", "ul", "ol", "pre", "blockquote", "section", "article"}
_HIDDEN: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_CHARSET: Final = re.compile(
    rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9._:-]+)""", re.IGNORECASE
)
_HEAD_BYTES: Final = 4096
_LIST_TYPES: Final = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_LAYOUT_CELLS: Final = 2
OPEN_TAGS_MAX: Final = 2_000
"""More than DEPTH_MAX, for a careless page leaves some open that end by themselves."""
_TAG: Final = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)[^<>]*?(/?)>")
_UNCLOSED: Final = words(
    "area base body br col colgroup dd dt embed head hr html img input li link meta option p param "
    "source tbody td tfoot th thead tr track wbr"
)


def read_html(source: bytes) -> Extracted:
    """Return the text of an HTML page, each line with the path of the element it begins in.

    Raises:
        StopSourceUnreadable: its bytes are not in the encoding that it names, or it nests too deep.
        StopOverSize: it is larger than HTML_BYTES_MAX.
    """
    from selectolax.lexbor import LexborHTMLParser

    if len(source) > HTML_BYTES_MAX:
        raise StopOverSize(
            f"{len(source)} bytes of HTML", expected=f"at most {HTML_BYTES_MAX} bytes of HTML"
        )
    text, encoding = _decoded(source)
    if text.count("<") > HTML_TAGS_MAX:
        raise StopOverSize(
            f"{text.count('<')} tags of HTML", expected=f"at most {HTML_TAGS_MAX} tags"
        )
    _check_nesting(text)
    tree = LexborHTMLParser(text)
    walk = _Walk()
    if tree.body is not None:
        walk.block(tree.body, "/html[1]/body[1]", 2)

    def spans_of(places: Sequence[str], firsts: Sequence[str]) -> list[Span] | None:
        if tree.root is None or text.count("<") > SPANNED_TAGS_MAX:
            return None
        found = html_spans(text, tree.root, places)
        return in_bytes(text, settled(places, firsts, found, text), source, encoding)

    return walk.lines.extracted(source, "text/html", "element", "derived", spans_of)


def _decoded(source: bytes) -> tuple[str, str]:
    named = _CHARSET.search(source[:_HEAD_BYTES])
    encoding = "utf-8"
    if named is not None and not source.startswith(codecs.BOM_UTF8):
        try:
            encoding = codecs.lookup(named[1].decode("ascii")).name
        except LookupError:
            encoding = "utf-8"
    try:
        text = source.decode("cp1252" if encoding in {"iso8859-1", "ascii"} else encoding)
    except (UnicodeError, LookupError) as error:
        raise StopSourceUnreadable(
            f"the page is not in {encoding}, as it says: {str(error)[:120]}",
            expected="HTML in UTF-8, or in the encoding that it names",
        ) from error
    if "\0" in text:
        raise StopSourceUnreadable(f"a NUL at character {text.find(chr(0))}", expected="HTML")
    return text.removeprefix("\ufeff"), encoding


class _Walk:
    """One pass over the elements, in document order."""

    def __init__(self) -> None:
        self.lines = Lines()

    def block(self, node: LexborNode, path: str, depth: int) -> None:
        """The element's lines stand written."""
        tag, lines = node.tag or "", self.lines
        _check_depth(depth)
        if tag == "pre":
            lines.blank()
            lines.verbatim(node.text(deep=True), path)
            lines.blank()
            return
        if tag == "tr":
            self._row(node, path, depth)
            return
        lines.end()
        if tag in _APART:
            lines.blank()
        self._children(node, path, depth)
        if tag in _HEADINGS:
            lines.release("#" * int(tag[1]) + " ")
        elif tag in {"li", "body", "table", "section", "article"}:
            lines.release()
        else:
            lines.end()
        if tag in _APART:
            lines.blank()

    def _children(self, node: LexborNode, path: str, depth: int) -> None:
        lines = self.lines
        counts: Counter[str] = Counter()
        number = _list_start(node)
        child = node.first_child
        while child is not None:
            tag = child.tag or ""
            counts[tag] += 1
            where = f"{path}/{tag}[{counts[tag]}]"
            if child.is_text_node:
                lines.write(child.text_content or "", path)
            elif not child.is_element_node:
                pass
            elif self._is_left_out(child):
                lines.left_out[tag] += 1
            elif tag == "br":
                lines.hold_label()
            elif tag in _BLOCKS:
                lines.hold_label()
                if tag == "li":
                    number = _item_number(child, number)
                    lines.write(_marker(node, number), where)
                    lines.hold()
                    number += 1
                self.block(child, where, depth + 1)
            else:
                _check_depth(depth)
                self._children(child, where, depth + 1)
            child = child.next

    def _row(self, node: LexborNode, path: str, depth: int) -> None:
        """A row of a table; one whose first cell is only a number is no table, but a paragraph."""
        cells = [child for child in node.iter() if child.tag in {"td", "th"}]
        flat = [" ".join((cell.text(deep=True, separator=" ") or "").split()) for cell in cells]
        filled = [text for text in flat if text]
        laid_out = len(filled) <= _LAYOUT_CELLS or any(
            inner.tag == "table" for cell in cells for inner in cell.iter()
        )
        if not laid_out:
            self.lines.end()
            self.lines.write("| " + " | ".join(flat) + " |", path)
            self.lines.end()
            return
        places: Counter[str | None] = Counter()
        for cell, text in zip(cells, flat, strict=True):
            places[cell.tag] += 1
            where = f"{path}/{cell.tag}[{places[cell.tag]}]"
            if LABEL.fullmatch(text):
                self.lines.write(text, where)
                self.lines.hold()
            else:
                self._children(cell, where, depth + 1)
                self.lines.end()
        self.lines.release()

    @staticmethod
    def _is_left_out(node: LexborNode) -> bool:
        if node.tag in _SKIPPED:
            return True
        attributes = node.attributes
        return "hidden" in attributes or bool(_HIDDEN.search(attributes.get("style") or ""))


def _check_nesting(text: str) -> None:
    """The parser takes time by the square of the depth: what nests beyond reason never reaches it."""
    depth = 0
    for tag in _TAG.finditer(text):
        name = tag[2].lower()
        if name not in _UNCLOSED and not tag[3]:
            depth = max(0, depth - 1) if tag[1] else depth + 1
            if depth > OPEN_TAGS_MAX:
                raise StopSourceUnreadable(
                    f"over {OPEN_TAGS_MAX} elements stand open", expected="a page of ordinary depth"
                )


def _check_depth(depth: int) -> None:
    if depth > DEPTH_MAX:
        raise StopSourceUnreadable(
            f"elements nest deeper than {DEPTH_MAX}", expected="a document of ordinary depth"
        )


def _list_start(node: LexborNode) -> int:
    start = (node.attributes.get("start") or "") if node.tag == "ol" else ""
    return int(start) if re.fullmatch(r"-?[0-9]{1,6}", start) else 1


def _item_number(item: LexborNode, number: int) -> int:
    value = item.attributes.get("value") or ""
    return int(value) if re.fullmatch(r"-?[0-9]{1,6}", value) else number


def _marker(parent: LexborNode, number: int) -> str:
    """What the reader of a page sees before an item of a list."""
    if parent.tag != "ol":
        return "-"
    if "list-style" in (parent.attributes.get("style") or ""):
        return ""
    kind = _LIST_TYPES.get(parent.attributes.get("type") or "", "decimal")
    return f"{numeral(kind, number)}."
