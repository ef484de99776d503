"""Gold trees as text: a tree of units is rendered line by line, and the starts are known by construction."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

HEADINGS_MAX = 6
TABULATOR = "[tab]"
"""Stands where a subject index has no number."""
HEADED_NUMBER = re.compile(r"([0-9]{1,3}[a-z]?\.)\s*(.*)")
"""A subdivision that has its number in its heading is cited by it (Art. 197 Ziff. 2)."""
US_SUBSECTION = re.compile(r"\([a-z]\)")
"""A subsection is one by its label: drafters also put (1) right below a section."""


@dataclass(slots=True)
class Node:
    """A gold unit: its class, its label as printed, its heading and its texts and children."""

    kind: str
    label: str = ""
    heading: str = ""
    parts: list[Node | str] = field(default_factory=list)
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    """A rendered text and where its units begin: (class, start) with the start of the parent.

    From `silent` on the gold names annexes alone, though there are other units in them.
    """

    text: str
    starts: dict[tuple[str, int], int]
    silent: int


@dataclass(slots=True)
class Gold:
    """Lines in the order of the law, and which of them begin a unit.

    Attributes:
        lines: the lines.
        depths: how deep a heading each line is, 0 for one that is none.
        starts: (class, line) of each unit, with the line of its parent or -1.
        silent: the line from which on the gold names annexes alone, or -1.
    """

    lines: list[str] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    starts: dict[tuple[str, int], int] = field(default_factory=dict)
    silent: int = -1

    def write(self, line: str, depth: int = 0) -> None:
        """The line stands at the end."""
        self.lines.append(line)
        self.depths.append(depth)

    def begin(self, kind: str, above: int) -> int:
        """The next line begins a unit; returns which line that is."""
        here = len(self.lines)
        self.starts[kind, here] = above
        return here

    def rendered(self, *, markdown: bool) -> Rendered:
        """The lines as plain text or as Markdown, and the starts in bytes."""
        offsets: list[int] = []
        shown: list[str] = []
        size = 0
        for line, depth in zip(self.lines, self.depths, strict=True):
            sign = "#" * min(HEADINGS_MAX, depth) + " " if depth and markdown else ""
            shown.append(f"{sign}{line}\n" + ("\n" if markdown else ""))
            offsets.append(size)
            size += len(shown[-1].encode())
        offsets.append(size)
        starts = {
            (kind, offsets[line]): offsets[above] if above >= 0 else -1
            for (kind, line), above in self.starts.items()
        }
        return Rendered("".join(shown), starts, offsets[self.silent])


def render(root: Node) -> Gold:
    """The lines of a gold tree, one a label or paragraph."""
    gold = Gold()

    def walk(node: Node, above: int, depth: int) -> None:
        here = above
        pending = ""
        if node.kind != "root":
            here = gold.begin(node.kind, above)
            pending = f"{node.label} {node.heading}".rstrip()
            headed = node.kind in ("container", "article")
            depth += headed
            if node.heading or headed:
                gold.write(pending, depth if headed else 0)
                pending = ""
        for part in node.parts:
            if isinstance(part, str):
                gold.write(f"{pending} {part}".strip())
                pending = ""
            else:
                if pending:
                    gold.write(pending)
                    pending = ""
                walk(part, here, depth)
        if pending:
            gold.write(pending)

    walk(root, -1, 1)
    return gold


def clean(text: str) -> str:
    return " ".join(text.split())


def text_of(element: ET.Element, without: tuple[str, ...] = ()) -> str:
    """The element's text without these elements; quotation marks of quoted parts stay."""

    def pieces(node: ET.Element) -> Iterator[str]:
        yield node.text or ""
        for child in node:
            if name(child) not in without:
                yield from pieces(child)
            yield child.tail or ""

    return clean("".join(pieces(element)))


def name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one XML dialect names what matters here."""

    units: dict[str, str]
    num: tuple[str, ...]
    heading: tuple[str, ...]
    quoted: tuple[str, ...]
    skip: tuple[str, ...]
    blocks: tuple[str, ...]
    label: Callable[[str, str], str]
    by_label: bool = False


def tree(element: ET.Element, dialect: Dialect, into: Node) -> None:
    """Adds what the element holds to the gold node: units, quoted stretches, paragraphs."""
    inline: list[str] = [element.text or ""]

    def flush() -> None:
        line = clean("".join(inline))
        inline.clear()
        if line:
            into.parts.append(line)

    for child in element:
        kind = name(child)
        if kind in dialect.skip or not kind:
            pass
        elif kind in dialect.quoted:
            flush()
            quote(child, dialect, into)
        elif kind in dialect.units:
            flush()
            into.parts.append(unit(child, dialect, into.kind))
        elif kind == "p" and is_numbered(child):
            flush()
            number = child[0]
            node = Node("paragraph", clean(number.text or ""))
            child.remove(number)
            node.parts.append(clean(f"{number.tail or ''} {text_of(child, dialect.skip)}"))
            into.parts.append(node)
        elif kind == "blockList" and len(child) and is_numbered(child[0]):
            flush()
            into.parts.append(numbered_list(child, dialect))
        elif kind in dialect.blocks:
            flush()
            tree(child, dialect, into)
            flush()
        else:
            inner = Node("inline")
            tree(child, dialect, inner)
            for part in inner.parts:
                if isinstance(part, str):
                    inline.append(
                        part if not inline else f" {part}" if inline[-1].endswith(" ") else part
                    )
                else:
                    flush()
                    into.parts.append(part)
        inline.append(child.tail or "")
    flush()


def numbered_list(element: ET.Element, dialect: Dialect) -> Node:
    """A paragraph whose superscript number stands in the introduction of its list."""
    introduction = element[0]
    number = introduction[0]
    node = Node("paragraph", clean(number.text or ""))
    introduction.remove(number)
    introduction.text = number.tail
    tree(element, dialect, node)
    return node


def is_numbered(element: ET.Element) -> bool:
    """True for a paragraph whose number is only a superscript (Swiss texts)."""
    first = element[0] if len(element) else None
    return (
        first is not None
        and name(first) == "sup"
        and not (element.text or "").strip()
        and re.fullmatch(r"[0-9]{1,2}(?:bis|ter|quater)?", (first.text or "").strip()) is not None
    )


def unit(element: ET.Element, dialect: Dialect, above: str) -> Node:
    kind = dialect.units[name(element)]
    node = Node(kind)
    number = next((child for child in element if name(child) in dialect.num), None)
    heading = next((child for child in element if name(child) in dialect.heading), None)
    if number is not None:
        node.label = dialect.label(name(element), text_of(number, dialect.skip))
        element.remove(number)
    if heading is not None:
        node.heading = text_of(heading, dialect.skip)
        element.remove(heading)
        counted = HEADED_NUMBER.match(node.heading) if number is None else None
        if counted is not None and name(element) == "subdivision":
            node.label, node.heading = counted[1], counted[2]
    tree(element, dialect, node)
    if dialect.by_label and node.kind in ("paragraph", "point"):
        first = node.kind == "paragraph" or above == "article"
        node.kind = "paragraph" if first and US_SUBSECTION.fullmatch(node.label) else "point"
    if node.label == TABULATOR or not any(letter.isalnum() for letter in node.label):
        if node.label:
            node.parts.insert(0, node.label)
        node.kind, node.label = "inline", ""
    return node


def quote(element: ET.Element, dialect: Dialect, into: Node) -> None:
    """Quoted units as quoted lines: what they hold is content."""
    holder = Node("root")
    tree(element, dialect, holder)
    lines = [line for line in render(flat(holder)).lines if line.strip()]
    if not lines:
        return
    if lines[0][0] not in '“"‘':
        lines[0] = "“" + lines[0]
    if "”" not in lines[-1][-3:] and '"' not in lines[-1][-3:]:
        lines[-1] += "”"
    into.parts += lines


def flat(node: Node) -> Node:
    """The tree with nodes that have no label dissolved into their parents."""
    parts: list[Node | str] = []
    for part in node.parts:
        if isinstance(part, Node):
            inner = flat(part)
            if part.kind == "inline" or not part.label:
                if inner.heading:
                    parts.append(inner.heading)
                parts += inner.parts
            else:
                parts.append(inner)
        else:
            parts.append(part)
    node.parts = parts
    return node
