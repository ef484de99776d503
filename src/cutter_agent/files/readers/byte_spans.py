"""Which bytes of a marked-up source each of its elements is: the way back from a text to the file.

XML says it itself: a second, streaming parser of the same bytes tells where each element begins and ends.
An HTML parser mends the page and forgets where things stood, so its elements are matched with the tags of
the page in their order. A span that does not hold the words that came from it is widened to the element
around it, so what is told is never beside the truth, only sometimes wider than need be.
"""

from __future__ import annotations

import codecs
import io
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING, Final

from cutter_agent.files.readers.dialects import words

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

Span = tuple[int, int]
SPANNED_TAGS_MAX: Final = 500_000
"""Of a file with more, paths alone are told: the second look would take longer than the first."""
AHEAD_MAX: Final = 64
"""So many tags of a page may have come to nothing in its tree before an element counts as implied."""
CHECKED_CHARS_MAX: Final = 20_000
_BEGINS: Final = re.compile(r"<(!--|[!?]|/?[A-Za-z][A-Za-z0-9:-]*)")
_RAW: Final = words("script style textarea title xmp noembed noframes iframe")
_VOID: Final = words("area base br col embed hr img input link meta param source track wbr")
_IMPLIED: Final = words("html head body tbody colgroup tr")
_ENDED_BY: Final[Mapping[str, frozenset[str]]] = {
    "li": words("li"),
    "dt": words("dt dd"),
    "dd": words("dt dd"),
    "option": words("option"),
    "td": words("td th"),
    "th": words("td th"),
    "tr": words("td th tr"),
    "tbody": words("td th tr thead tbody"),
    "p": words("p"),
}
_WORD: Final = re.compile(r"[^\W\d_]{3,}")


def element_spans(source: bytes, places: Sequence[str]) -> list[Span]:
    """Return the bytes of the element at each place of an XML source, or of the one around it.

    There are none if the source has over SPANNED_TAGS_MAX tags.
    """
    if source.count(b"<") > SPANNED_TAGS_MAX:
        return []
    spans = xml_spans(source, places)
    answer: list[Span] = []
    for place in places:
        path = place
        while path and path not in spans:
            path = path.rpartition("/")[0]
        answer.append(spans.get(path, (0, len(source))))
    return answer


def xml_spans(source: bytes, paths: Collection[str]) -> dict[str, Span]:
    """Return the bytes of the elements at these paths, from the start tag to the end tag's end.

    The source is one that another parser has read already: it is well-formed and declares no entity.
    What this one cannot read after all is told by an empty answer.
    """
    from xml.parsers import expat

    wanted = frozenset(paths)
    found: dict[str, Span] = {}
    open_elements: list[tuple[str, int, Counter[str]]] = []
    parser = expat.ParserCreate()

    def start(name: str, _: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        above = ""
        number = 1
        if open_elements:
            above, _start, counts = open_elements[-1]
            counts[local] += 1
            number = counts[local]
        path = f"{above}/{local}[{number}]"
        open_elements.append((path, parser.CurrentByteIndex, Counter()))

    def end(_: str) -> None:
        path, begin, _counts = open_elements.pop()
        if path in wanted:
            at = parser.CurrentByteIndex
            # Of an empty element the parser is behind its only tag, of others before their end tag.
            empty = source[at - 2 : at] == b"/>" and source.find(b"<", begin + 1, at) < 0
            found[path] = (begin, at if empty else source.find(b">", at) + 1)

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    try:
        parser.ParseFile(io.BytesIO(source))
    except expat.ExpatError:
        return {}
    return found


@dataclass(slots=True)
class _Tag:
    """A start tag of a page, and where the element that it begins is over."""

    name: str
    start: int
    head: str
    end: int = -1


def html_spans(page: str, root: LexborNode, paths: Collection[str]) -> dict[str, Span]:
    """Return the characters of the elements at these paths of the page's tree, as far as tags tell."""
    wanted = frozenset(paths)
    tags = list(_tags(page))
    found: dict[str, Span] = {}
    at = 0
    for node, path in _preorder(root):
        name = node.tag or ""
        ahead = 1 if name in _IMPLIED else AHEAD_MAX
        identity = node.attributes.get("id") or ""
        for place in range(at, min(len(tags), at + ahead)):
            tag = tags[place]
            if tag.name == name and (not identity or identity in tag.head):
                at = place + 1
                if path in wanted:
                    found[path] = (tag.start, tag.end)
                break
    return found


def _preorder(root: LexborNode) -> Iterator[tuple[LexborNode, str]]:
    """The elements of the tree in the order of their start tags, each with its path."""
    waiting = [(root, f"/{root.tag}[1]")]
    while waiting:
        node, path = waiting.pop()
        yield node, path
        counts: Counter[str] = Counter()
        below: list[tuple[LexborNode, str]] = []
        child = node.first_child
        while child is not None:
            name = child.tag or ""
            counts[name] += 1
            if child.is_element_node:
                below.append((child, f"{path}/{name}[{counts[name]}]"))
            child = child.next
        waiting += reversed(below)


def _tags(page: str) -> Iterator[_Tag]:
    """The start tags of the page in their order, the end of each element known once all are read."""
    found: list[_Tag] = []
    standing: list[_Tag] = []
    counts: Counter[str] = Counter()

    def close(until: str, at: int, own: int) -> None:
        while standing:
            tag = standing.pop()
            counts[tag.name] -= 1
            tag.end = own if tag.name == until else at
            if tag.name == until:
                return

    place = 0
    while (begin := _BEGINS.search(page, place)) is not None:
        word = begin[1].lower()
        closing = "-->" if word == "!--" else ">"
        end = page.find(closing, begin.end())
        if end < 0:
            break
        place = end + len(closing)
        if word.startswith(("!", "?")):
            continue
        if word.startswith("/"):
            if counts[word[1:]] > 0:
                close(word[1:], begin.start(), place)
            continue
        ended = _ENDED_BY.get(word, frozenset())
        while standing and standing[-1].name in ended:
            close(standing[-1].name, begin.start(), begin.start())
        tag = _Tag(word, begin.start(), page[begin.start() : place], place)
        found.append(tag)
        if word in _RAW:
            over = re.compile(rf"</{word}\s*>", re.IGNORECASE).search(page, place)
            place = tag.end = len(page) if over is None else over.end()
        elif word not in _VOID:
            standing.append(tag)
            counts[word] += 1
    close("", len(page), len(page))
    yield from found


def settled(
    places: Sequence[str], texts: Sequence[str], spans: Mapping[str, Span], page: str
) -> list[Span]:
    """Return the span of each place in the page; one that lacks the words of its text is its parent's."""
    return [
        _settled(place, _WORD.search(text), spans, page)
        for place, text in zip(places, texts, strict=True)
    ]


def _settled(place: str, word: re.Match[str] | None, spans: Mapping[str, Span], page: str) -> Span:
    while place:
        span = spans.get(place)
        if span is not None and _holds(page, span, word[0] if word else ""):
            return span
        place = place.rpartition("/")[0]
    return 0, len(page)


def _holds(page: str, span: Span, word: str) -> bool:
    """Return True if the word is among the characters of the span, or it is too long to look."""
    start, end = span
    if not word or end - start > CHECKED_CHARS_MAX:
        return True
    shown = page[start:end]
    return word in shown or word in re.sub(r"<[^<>]*>", "", unescape(shown))


def in_bytes(page: str, spans: Sequence[Span], source: bytes, encoding: str) -> list[Span] | None:
    """Return spans of characters as spans of the source's bytes; None in an encoding of other widths."""
    mark = len(codecs.BOM_UTF8) if source.startswith(codecs.BOM_UTF8) else 0
    if len(page) + mark == len(source):
        return [(start + mark, end + mark) for start, end in spans]
    if encoding != "utf-8":
        return None
    offsets: dict[int, int] = {}
    before = size = 0
    for edge in sorted({edge for span in spans for edge in span}):
        size += len(page[before:edge].encode())
        before = edge
        offsets[edge] = size + mark
    return [(offsets[start], offsets[end]) for start, end in spans]
