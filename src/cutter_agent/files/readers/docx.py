"""DOCX as text: paragraphs with their automatic numbers, tables, notes, text boxes; tracked changes accepted.

Read from the parts themselves: a paragraph's text is more than its plain runs (inserted runs,
fields, content controls), and its number is in another part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from cutter_agent.errors import StopSourceUnreadable
from cutter_agent.files.readers.archive import Archive
from cutter_agent.files.readers.docx_numbers import Numbering, W, number_of
from cutter_agent.files.readers.extracted import LABEL, Extracted, Lines
from cutter_agent.files.readers.xml import parsed_xml

if TYPE_CHECKING:
    from lxml import etree

MEDIA_TYPE: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
DEPTH_MAX: Final = 150
HEADING_DEPTH_MAX: Final = 6
_MC: Final = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_LEFT_OUT: Final = {
    f"{W}del": "deleted text",
    f"{W}moveFrom": "deleted text",
    f"{W}drawing": "drawing",
    f"{W}pict": "drawing",
    f"{W}object": "object",
    f"{W}sym": "symbol",
}
_SILENT: Final = frozenset(
    {
        f"{W}{name}"
        for name in ("pPr", "rPr", "tblPr", "tblGrid", "trPr", "tcPr", "sectPr", "instrText")
    }
    | {f"{W}delText", f"{W}sdtPr", f"{W}sdtEndPr", f"{_MC}Fallback"}
)
_BREAK: Final = "\u2028"
"""A line that ends inside of a paragraph."""
_SIGNS: Final = {
    f"{W}tab": " ",
    f"{W}noBreakHyphen": "\u2011",
    f"{W}softHyphen": "\u00ad",
    f"{W}ptab": " ",
}
_BOX: Final = f"{W}txbxContent"
_DRAWN: Final = frozenset({f"{W}drawing", f"{W}pict", f"{W}object"})
_TAKEN_OUT: Final = (f"{W}del", f"{W}moveFrom")
_HEADS_MAX: Final = 30
_LAYOUT_CELLS: Final = 2
_NOTES: Final = {f"{W}footnoteReference": "footnote", f"{W}endnoteReference": "endnote"}


def read_docx(source: bytes) -> Extracted:
    """Return the text of a DOCX file, each line with the path of its paragraph in the main part.

    Raises:
        StopSourceUnreadable: it is broken, encrypted or no DOCX file.
        StopOverSize: a part is larger than a document's part can be.
    """
    archive = Archive(source)
    main = archive.read("word/document.xml")
    if main is None:
        raise StopSourceUnreadable("a ZIP file without word/document.xml", expected="a DOCX file")
    numbering = Numbering()
    styles = archive.read("word/styles.xml")
    if styles is not None:
        numbering.read_styles(parsed_xml(styles))
    lists = archive.read("word/numbering.xml")
    if lists is not None:
        numbering.read_lists(parsed_xml(lists))
    notes: dict[tuple[str, str], str] = {}
    for kind in ("footnote", "endnote"):
        part = archive.read(f"word/{kind}s.xml")
        if part is not None:
            notes |= _notes(parsed_xml(part), kind, numbering)
    body = parsed_xml(main).find(f"{W}body")
    walk = _Walk(numbering, notes)
    if body is not None:
        walk.blocks(body, "/document/body", 0)
    walk.lines.left_out["page header or footer"] = _running_heads(archive)
    walk.lines.left_out += Counter()
    return walk.lines.extracted(source, MEDIA_TYPE, "element", "derived")


def _running_heads(archive: Archive) -> int:
    """How many heads and feet of pages there are that say something."""
    parts = (
        archive.read(f"word/{kind}{number}.xml")
        for kind in ("header", "footer")
        for number in range(1, _HEADS_MAX)
    )
    return sum(part is not None and _says_something(parsed_xml(part)) for part in parts)


def _notes(root: etree._Element, kind: str, numbering: Numbering) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], str] = {}
    for note in root.iter(f"{W}{kind}"):
        if note.get(f"{W}type") in {None, "normal"}:
            walk = _Walk(numbering, {})
            for paragraph in note.iter(f"{W}p"):
                walk.runs(paragraph, "", 0)
                walk.lines.write(" ", "")
            found[kind, note.get(f"{W}id", "")] = walk.lines.taken().replace(_BREAK, " ")
    return found


class _Walk:
    """One pass over the paragraphs, in document order."""

    def __init__(self, numbering: Numbering, notes: dict[tuple[str, str], str]) -> None:
        self.lines = Lines()
        self._numbering = numbering
        self._notes = notes
        self._noted = 0
        self._waiting: list[str] = []
        self._boxes: list[etree._Element] = []

    def blocks(self, element: etree._Element, path: str, depth: int) -> None:
        """The paragraphs and tables in the element stand written."""
        if depth > DEPTH_MAX:
            raise StopSourceUnreadable(
                f"tables nest deeper than {DEPTH_MAX}", expected="a document of ordinary depth"
            )
        counts: Counter[str] = Counter()
        for child in element:
            name = str(child.tag).rpartition("}")[2]
            counts[name] += 1
            where = f"{path}/{name}[{counts[name]}]"
            if child.tag == f"{W}p":
                self.paragraph(child, where, depth)
            elif child.tag == f"{W}tr":
                self.lines.end()
                self._row(child, where, depth)
            elif child.tag in _LEFT_OUT:
                self.lines.left_out[_LEFT_OUT[str(child.tag)]] += 1
            elif child.tag not in _SILENT:
                self.blocks(child, where, depth + 1)
        self.lines.end()

    def paragraph(self, element: etree._Element, path: str, depth: int) -> None:
        """The paragraph stands in a line of its own, behind its number."""
        self.runs(element, path, 0)
        properties = element.find(f"{W}pPr")
        if _is_joined_to_the_next(properties):
            return
        if self.lines.waits:
            label, heading = self._label(properties)
            prefix = "#" * min(HEADING_DEPTH_MAX, heading) + " " if heading else ""
            for line in self.lines.taken().split(_BREAK):
                self.lines.write(label + line, path)
                self.lines.end(prefix)
                prefix = label = ""
            self.lines.blank()
        self._write_aside(path, depth)

    def _label(self, properties: etree._Element | None) -> tuple[str, int]:
        """The number that is drawn before a paragraph with text, and how deep a heading it is."""
        style_id = number = ""
        level: int | None = None
        if properties is not None:
            number, level = number_of(properties)
            named = properties.find(f"{W}pStyle")
            style_id = "" if named is None else named.get(f"{W}val", "")
        style = self._numbering.of_style(style_id)
        number, level = number or style.number, style.level if level is None else level
        if number in {"", "0"}:
            return "", style.heading
        return self._numbering.next_label(number, level or 0), style.heading

    def runs(self, element: etree._Element, path: str, depth: int) -> None:
        """The characters in the element stand in the line that is being written."""
        if depth > DEPTH_MAX:
            raise StopSourceUnreadable(
                f"runs nest deeper than {DEPTH_MAX}", expected="a document of ordinary depth"
            )
        for child in element:
            tag = str(child.tag)
            if tag == f"{W}t":
                self.lines.write(child.text or "", path)
            elif tag in {f"{W}br", f"{W}cr"}:
                if child.get(f"{W}type") in {None, "textWrapping"}:
                    self.lines.write(_BREAK, path)
            elif tag in _SIGNS:
                self.lines.write(_SIGNS[tag], path)
            elif tag in _NOTES:
                self._note(_NOTES[tag], child.get(f"{W}id", ""), path)
            elif tag in _DRAWN and (boxes := list(_boxes(child))):
                self._boxes += boxes
            elif tag in _LEFT_OUT:
                self.lines.left_out[_LEFT_OUT[tag]] += 1
            elif tag == f"{W}r" and _is_hidden(child):
                self.lines.left_out["hidden text"] += 1
            elif tag not in _SILENT:
                self.runs(child, path, depth + 1)

    def _note(self, kind: str, identity: str, path: str) -> None:
        text = self._notes.get((kind, identity))
        if text is not None:
            self._noted += 1
            self.lines.write(f"[^{self._noted}]", path)
            self._waiting.append(f"[^{self._noted}] {text}")

    def _row(self, element: etree._Element, path: str, depth: int) -> None:
        """The cells of a row stand in one line, between bars; a row that only lays out, in lines."""
        if element.find(f"{W}trPr/{W}del") is not None:
            self.lines.left_out["deleted text"] += 1
            return
        cells = [
            cell for cell in element.iter(f"{W}tc") if next(cell.iterancestors(f"{W}tr")) is element
        ]
        if _only_lays_out(cells):
            for number, cell in enumerate(cells, 1):
                text = _plain(cell)
                if LABEL.fullmatch(text):
                    self.lines.write(text, f"{path}/tc[{number}]")
                    self.lines.hold()
                else:
                    self.blocks(cell, f"{path}/tc[{number}]", depth + 1)
            self.lines.release()
            return
        shown = []
        for cell in cells:
            pieces = []
            for paragraph in cell.iter(f"{W}p"):
                self.runs(paragraph, path, 0)
                if self.lines.waits:
                    label, _ = self._label(paragraph.find(f"{W}pPr"))
                    pieces.append(label + self.lines.taken().replace(_BREAK, " "))
            shown.append(" ".join(pieces))
        if any(shown):
            self.lines.write("| " + " | ".join(shown) + " |", path)
            self.lines.end()
        self._write_aside(path, depth)

    def _write_aside(self, path: str, depth: int) -> None:
        """The notes and text boxes of what was written stand below it."""
        waiting, self._waiting = self._waiting, []
        for text in waiting:
            self.lines.write(text, path)
            self.lines.end()
            self.lines.blank()
        boxes, self._boxes = self._boxes, []
        for number, box in enumerate(boxes, 1):
            self.blocks(box, f"{path}/txbxContent[{number}]", depth + 1)


def _is_hidden(run: etree._Element) -> bool:
    vanish = run.find(f"{W}rPr/{W}vanish")
    return vanish is not None and vanish.get(f"{W}val") not in {"0", "false"}


def _is_joined_to_the_next(properties: etree._Element | None) -> bool:
    """Return True if the end of the paragraph is deleted: its text goes on in the next one."""
    mark = None if properties is None else properties.find(f"{W}rPr")
    return mark is not None and any(mark.find(each) is not None for each in _TAKEN_OUT)


def _boxes(element: etree._Element) -> Iterator[etree._Element]:
    """The text boxes in a drawing, without those inside of others."""
    for child in element:
        if child.tag == _BOX:
            yield child
        elif child.tag not in _SILENT:
            yield from _boxes(child)


def _only_lays_out(cells: list[etree._Element]) -> bool:
    """Return True for a row that is no row of a table: one text, a number and its text, tables in it."""
    if any(cell.find(f".//{W}tbl") is not None for cell in cells):
        return True
    filled = [text for cell in cells if (text := _plain(cell))]
    return len(filled) <= 1 or (len(filled) == _LAYOUT_CELLS and bool(LABEL.fullmatch(filled[0])))


def _plain(element: etree._Element) -> str:
    """The characters of the element that are not deleted, in one line."""
    pieces = (
        piece.text or ""
        for piece in element.iter(f"{W}t")
        if not any(piece.iterancestors(*_TAKEN_OUT))
    )
    return " ".join("".join(pieces).split())


def _says_something(root: etree._Element) -> bool:
    return bool(_plain(root))
