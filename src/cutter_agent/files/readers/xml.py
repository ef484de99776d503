"""XML of laws as text: Akoma Ntoso, USLM and CLML by their own elements, other XML by its shape.

Nothing outside the file is read: no network, no DTD, no entity, no schema. A file that declares an
entity is refused before it is parsed.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from cutter_agent.errors import StopOverSize, StopSourceUnreadable
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.files.readers.byte_spans import element_spans
from cutter_agent.files.readers.dialects import AKN, Dialect, dialect_of
from cutter_agent.files.readers.extracted import Extracted, Lines, SourceMap, finished

if TYPE_CHECKING:
    from lxml import etree

XML_BYTES_MAX: Final = 64 * 1024 * 1024
XML_TAGS_MAX: Final = 4_000_000
"""A tree of more takes more memory than a reader has."""
DEPTH_MAX: Final = 150
HEADING_DEPTH_MAX: Final = 6
_CELLS: Final = frozenset({"td", "th", "entry"})
VERBATIM: Final = "urn:iu-cutter:layout:verbatim"
"""Names the layout in which the characters of an Akoma Ntoso body are the text itself."""
_ENCODING: Final = re.compile(
    rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']"""
)
_PLAIN_ENCODINGS: Final = re.compile(
    r"utf-?8|us-ascii|ascii|iso-8859-\d{1,2}|windows-125\d", re.IGNORECASE
)


def read_xml(source: bytes) -> Extracted:
    """Return the text of an XML document, each line with the path of the element it begins in.

    Raises:
        StopSourceUnreadable: it is not well-formed, nests too deeply, declares entities, or is in
            an encoding in which that cannot be seen.
        StopOverSize: it is larger than XML_BYTES_MAX.
    """
    root = parsed_xml(source)
    names = Counter(_local(element) for element in root.iter("*"))
    if _claims_verbatim(root):
        return _verbatim(root, source)
    dialect = dialect_of(_local(root), names)
    walk = _Walk(dialect)
    walk.element(root, f"/{_local(root)}[1]", 1, quoted=False)
    return walk.lines.extracted(
        source,
        dialect.media_type,
        "element",
        "derived",
        lambda places, _: element_spans(source, places),
    )


def parsed_xml(source: bytes) -> etree._Element:
    """Return the root of an XML document.

    Raises:
        StopSourceUnreadable: it is broken or could hold more than it shows.
        StopOverSize: it is larger than XML_BYTES_MAX.
    """
    from lxml import etree

    if len(source) > XML_BYTES_MAX:
        raise StopOverSize(
            f"{len(source)} bytes of XML", expected=f"at most {XML_BYTES_MAX} bytes of XML"
        )
    if source.count(b"<") > XML_TAGS_MAX:
        raise StopOverSize(
            f"{source.count(b'<')} tags of XML", expected=f"at most {XML_TAGS_MAX} tags"
        )
    declared = _ENCODING.match(source[:400])
    if b"\0" in source[:4] or (
        declared is not None and not _PLAIN_ENCODINGS.fullmatch(declared[1].decode())
    ):
        raise StopSourceUnreadable("XML in an unusual encoding", expected="XML in UTF-8")
    if b"<!ENTITY" in source:
        raise StopSourceUnreadable(
            "the file declares entities of its own", expected="XML without <!ENTITY"
        )
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(source, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise StopSourceUnreadable(
            f"the XML is broken: {str(error)[:200]}", expected="well-formed XML"
        ) from error


MARGIN: Final = "\u203a "
"""What a title that print shows in the margin begins with: it stands in a line, and is no unit's number."""


class _Walk:
    """One pass over the elements, in document order."""

    def __init__(self, dialect: Dialect) -> None:
        self.lines = Lines()
        self._dialect = dialect
        self._notes: list[tuple[str, str]] = []

    def element(
        self, element: etree._Element, path: str, depth: int, *, quoted: bool, title: str = ""
    ) -> None:
        """The block element's lines stand written.

        Args:
            element: the element.
            path: where it is.
            depth: how deep a heading here is.
            quoted: True inside of text that another law is to get.
            title: the heading that stands before the element and belongs to it.
        """
        if path.count("/") > DEPTH_MAX:
            raise StopSourceUnreadable(
                f"elements nest deeper than {DEPTH_MAX}", expected="a document of ordinary depth"
            )
        name, dialect, lines = _local(element), self._dialect, self.lines
        lines.end()
        opening, closing = dialect.quotes_of(name, _attributes(element))
        if opening:
            lines.write(opening, path)
            lines.hold(apart=False)
        quoted = quoted or name in dialect.quoted
        headed = name in dialect.headed and not quoted
        if name in dialect.rows:
            self._row(element, path)
        elif name in dialect.titles and not quoted:
            lines.blank()
            self._inline(element, path)
            lines.end("# ")
            lines.blank()
        else:
            spent = self._head(element, path, depth if headed else 0, title)
            self._children(element, path, depth + headed, quoted=quoted, spent=spent)
        if name not in dialect.transparent:
            lines.release()
        if closing:
            lines.close_with(closing, path)
        self._write_notes()

    def _head(self, element: etree._Element, path: str, depth: int, title: str) -> str:
        """The element's number and heading stand written; returns what its first unit still gets."""
        name, dialect, lines = _local(element), self._dialect, self.lines
        numbers = [
            dialect.label(name, self._flat(child), _attributes(child))
            for child in element
            if _local(child) in dialect.numbers
        ]
        headings = [
            self._flat(child, path) for child in element if _local(child) in dialect.headings
        ]
        if name == dialect.title_carrier:
            return " ".join(headings)
        head = " ".join(filter(None, [*numbers, title, *headings]))
        if not head:
            return ""
        if depth:
            lines.blank()
        # The title stands in the element around this one.
        lines.write(head, path.rpartition("/")[0] if title else path)
        if depth:
            lines.release("#" * min(HEADING_DEPTH_MAX, depth) + " ")
            self._write_notes()
            lines.blank()
        elif title or headings:
            lines.release(MARGIN if _stands_in_the_margin(element) else "")
        else:
            lines.hold()
        return ""

    def _children(
        self, element: etree._Element, path: str, depth: int, *, quoted: bool, spent: str
    ) -> None:
        dialect, lines = self._dialect, self.lines
        mixed = _has_text(element.text) or any(_has_text(child.tail) for child in element)
        places: Counter[str] = Counter()
        lines.write(element.text or "", path)
        for child in element:
            inner = _local(child)
            places[inner] += 1
            where = f"{path}/{inner}[{places[inner]}]"
            if inner in dialect.skipped:
                lines.left_out[inner] += 1
            elif inner in dialect.notes:
                self._notes.append(
                    (dialect.note_text(_attributes(child), self._flat(child)), where)
                )
                lines.write(_parting(child), path)
            elif inner in dialect.numbers or inner in dialect.headings:
                pass
            elif inner in dialect.tails and not lines.waits:
                lines.close_with(self._flat(child), where)
            elif dialect.is_inline(inner, mixed=mixed):
                self._inline(child, where)
            else:
                takes = spent if inner in dialect.title_takers else ""
                if spent and not takes:
                    lines.end()
                    lines.write(spent, path)
                    lines.release()
                spent = ""
                self.element(child, where, depth, quoted=quoted, title=takes)
            lines.write(child.tail or "", path)

    def _inline(self, element: etree._Element, path: str) -> None:
        """The element's characters stand in the line that is being written."""
        name, dialect, lines = _local(element), self._dialect, self.lines
        if name in dialect.breaks:
            lines.write(" ", path)
            return
        opening, closing = dialect.quotes_of(name, _attributes(element))
        lines.write(opening + (element.text or ""), path)
        for child in element:
            inner = _local(child)
            if inner in dialect.skipped:
                lines.left_out[inner] += 1
            elif inner in dialect.notes:
                self._notes.append((dialect.note_text(_attributes(child), self._flat(child)), path))
                lines.write(_parting(child), path)
            else:
                if inner in dialect.blocks:
                    lines.write(" ", path)
                self._inline(child, path)
            lines.write(child.tail or "", path)
        lines.write(closing, path)

    def _flat(self, element: etree._Element, note_path: str = "") -> str:
        """The element's characters in one line; its notes wait if there is a place for them."""
        aside = _Walk(self._dialect)
        aside._inline(element, "")
        if note_path:
            self._notes += [(text, note_path) for text, _ in aside._notes]
        else:
            aside.lines.write("".join(f" {text}" for text, _ in aside._notes), "")
        self.lines.left_out += aside.lines.left_out
        return aside.lines.taken()

    def _row(self, element: etree._Element, path: str) -> None:
        """The cells of a row stand in one line, between bars."""
        cells = [self._flat(child, path) for child in element if _local(child) in _CELLS]
        if any(cells):
            self.lines.write("| " + " | ".join(cells) + " |", path)
            self.lines.end()

    def _write_notes(self) -> None:
        """The notes of what was written stand below it."""
        waiting, self._notes = self._notes, []
        for text, where in waiting:
            self.lines.release()
            self.lines.write(text, where)
            self.lines.end()


def _local(element: etree._Element) -> str:
    """The element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def _stands_in_the_margin(element: etree._Element) -> bool:
    """True for what Swiss law prints beside its articles: its numbers count no units."""
    return any(
        name.rpartition("}")[2] == "role" and value == "marginal"
        for name, value in _attributes(element).items()
    )


def _attributes(element: etree._Element) -> dict[str, str]:
    return {str(name): str(value) for name, value in element.items()}


def _has_text(text: str | None) -> bool:
    return text is not None and bool(text.strip())


def _parting(note: etree._Element) -> str:
    """What stands for a note between two words that only its mark parts in print."""
    return " " if (note.tail or "")[:1].isalnum() else ""


def _claims_verbatim(root: etree._Element) -> bool:
    return any(
        _local(mark) == "proprietary" and mark.get("source") == f"#{VERBATIM}"
        for mark in root.iter("{*}proprietary")
    )


def _verbatim(root: etree._Element, source: bytes) -> Extracted:
    """The characters of the document outside of its metadata, exactly."""
    pieces: list[str] = []
    starts: list[int] = []
    places: list[str] = []
    at = 0

    def take(text: str | None, path: str) -> None:
        nonlocal at
        if text:
            if not places or places[-1] != path:
                starts.append(at)
                places.append(path)
            pieces.append(text)
            at += len(text.encode())

    def walk(element: etree._Element, path: str) -> None:
        take(element.text, path)
        counts: Counter[str] = Counter()
        for child in element:
            inner = _local(child)
            counts[inner] += 1
            if inner != "meta":
                walk(child, f"{path}/{inner}[{counts[inner]}]")
            take(child.tail, path)

    walk(root, f"/{_local(root)}[1]")
    text = "".join(pieces).encode()
    if not text:
        raise StopSourceUnreadable("there is no text in it", expected="a text with content")
    stated = next(root.iter("{*}sourceText"), None)
    exact = stated is not None and stated.get("sha256") == sha256_hex(text)
    return finished(
        text,
        source,
        AKN.media_type,
        "exact" if exact else "derived",
        SourceMap("element", tuple(starts), tuple(places), tuple(element_spans(source, places))),
        Counter(),
    )
