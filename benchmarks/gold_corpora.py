"""The corpora that have a gold tree, and how each one tells it."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

from gold_trees import Dialect, Gold, Node, clean, flat, name, render, text_of, tree


def plain_label(_: str, number: str) -> str:
    return number


def uk_label(element: str, number: str) -> str:
    bare = number.strip("()., ")
    return bare if element in ("P1", "Part", "Chapter", "Schedule") else f"({bare})"


CLML = Dialect(
    units={
        "Part": "container",
        "Chapter": "container",
        "Schedule": "container",
        "P1": "article",
        "P2": "paragraph",
        "P3": "point",
        "P4": "point",
        "P5": "point",
    },
    num=("Pnumber", "Number"),
    heading=("Title", "TitleBlock"),
    quoted=("BlockAmendment",),
    skip=("Commentary", "CommentaryRef", "Metadata", "Contents", "Commentaries", "Versions", "Resources", "Figure",
          "Reference", "MarginNotes", "Image", "AppendText"),
    blocks=("P", "Para", "Text", "P1group", "P2group", "P3group", "Pblock", "PsubBlock", "P1para", "P2para", "P3para",
            "P4para", "P5para", "Body", "Primary", "Schedules", "ScheduleBody", "UnorderedList", "OrderedList",
            "ListItem", "Legislation", "Tabular", "table", "tr", "tbody", "thead", "td", "th", "PrimaryPrelims",
            "Title", "IntroductoryText", "EnactingText", "Pblocks"),
    label=uk_label,
)  # fmt: skip
USLM = Dialect(
    units={
        "title": "container", "subtitle": "container", "part": "container", "chapter": "container",
        "subchapter": "container", "section": "article", "subsection": "paragraph", "paragraph": "point",
        "subparagraph": "point", "clause": "point", "subclause": "point", "item": "point", "subitem": "point",
    },
    num=("num",),
    heading=("heading",),
    quoted=("quotedContent",),
    skip=("meta", "toc", "notes", "note", "sourceCredit", "sidenote", "page", "editorialNote", "explanationNote",
          "footnote", "preface", "referenceItem", "designator", "tocItem", "endnote", "citationNote", "editionNote",
          "pageBreak"),
    blocks=("content", "chapeau", "p", "continuation", "main", "level", "table", "tr", "td", "th", "tbody", "thead",
            "layout", "row", "column", "uscDoc", "pLaw", "bill", "statuteCompilation", "enactingFormula", "longTitle",
            "docTitle", "signatures", "signature", "legislativeHistory", "appropriations",
            "collection", "component", "publicLaws", "endMarker", "header", "statutesAtLarge"),
    label=plain_label,
    by_label=True,
)  # fmt: skip
AKN = Dialect(
    units={
        "part": "container", "chapter": "container", "title": "container", "book": "container",
        "article": "article", "section": "article", "paragraph": "paragraph", "subsection": "paragraph",
        "item": "point", "point": "point", "subparagraph": "point", "indent": "point",
    },
    num=("num",),
    heading=("heading",),
    quoted=("quotedStructure", "quotedText"),
    skip=("meta", "authorialNote", "toc", "noteRef", "components", "attachments", "conclusions", "preface"),
    blocks=("p", "content", "intro", "wrapUp", "listIntroduction", "listWrapUp", "blockList", "list", "body", "act",
            "bill", "akomaNtoso", "preamble", "table", "tr", "td", "th", "level", "subdivision", "hcontainer",
            "alinea", "mainBody", "proviso", "tblock", "container", "formula", "recitals", "recital", "longTitle"),
    label=plain_label,
)  # fmt: skip
CH_AKN = Dialect(
    units={**AKN.units, "section": "container", "subdivision": "point"},
    num=AKN.num,
    heading=AKN.heading,
    quoted=AKN.quoted,
    skip=AKN.skip,
    blocks=AKN.blocks,
    label=plain_label,
)


IN_COLLECTIONS = tuple(each for each in AKN.skip if each not in ("components", "attachments"))
"""Some bills are a collection whose components are the bill and its reasons."""
BILL_AKN = Dialect(
    units={**AKN.units, "recital": "paragraph", "section": "container"},
    num=AKN.num,
    heading=AKN.heading,
    quoted=AKN.quoted,
    skip=IN_COLLECTIONS,
    blocks=AKN.blocks,
    label=plain_label,
)
US_AKN = Dialect(
    units={**AKN.units, "paragraph": "point", "subsection": "paragraph"},
    num=AKN.num,
    heading=AKN.heading,
    quoted=AKN.quoted,
    skip=AKN.skip,
    blocks=AKN.blocks,
    label=plain_label,
    by_label=True,
)
UK_AKN = Dialect(
    units={**AKN.units, "subsection": "paragraph", "paragraph": "point"},
    num=AKN.num,
    heading=AKN.heading,
    quoted=("quotedStructure",),
    skip=AKN.skip,
    blocks=AKN.blocks,
    label=lambda element, number: (
        number if element in ("section", "part", "chapter") else f"({number.strip('().')})"
    ),
)


def xml_gold(path: Path, dialect: Dialect) -> Gold:
    root = ET.parse(path).getroot()  # noqa: S314 -- our own corpus
    node = Node("root")
    tree(root, dialect, node)
    return render(flat(node))


def vietnamese(path: Path) -> Gold:
    root = Node("root")
    for number, article in json.loads(path.read_text("utf-8")).items():
        node = Node("article", f"Điều {number}.", clean(article.get("tiêu_đề") or ""))
        if article.get("toàn_văn"):
            node.parts.append(clean(article["toàn_văn"]))
        for clause, value in (article.get("khoản") or {}).items():
            below = Node("paragraph", f"{clause}.")
            if isinstance(value, str):
                below.parts.append(clean(value))
            else:
                lead = value.get("toàn_văn") or value.get("nội_dung") or ""
                if lead:
                    below.parts.append(clean(lead))
                below.parts += [
                    Node("point", f"{letter})", "", [clean(text)])
                    for letter, text in value.items()
                    if isinstance(text, str) and len(letter) <= 2
                ]
            node.parts.append(below)
        root.parts.append(node)
    return render(root)


def us_constitution(path: Path) -> Gold:
    root = Node("root")

    def add(element: ET.Element, into: Node) -> None:
        for child in element:
            kind = child.get("type")
            if kind in ("article", "section"):
                heading = clean(child.get("description") or "")
                node = Node(
                    "container" if kind == "article" else "article",
                    clean(child.get("name") or ""),
                    heading,
                )
                node.label = node.label.rstrip(".") + "."
                add(child, node)
                into.parts.append(node)
            elif child.tag == "content" or kind == "paragraph":
                line = text_of(child)
                if line:
                    into.parts.append(line)
            else:
                add(child, into)

    add(ET.parse(path).getroot(), root)  # noqa: S314 -- our own corpus
    return render(root)


def nist(path: Path) -> Gold:  # noqa: C901 -- one file's shape, told in one place
    root = Node("root")

    def label_of(element: ET.Element) -> str:
        return next(
            (
                c.get("value") or ""
                for c in element
                if name(c) == "prop" and c.get("name") == "label"
            ),
            "",
        )

    def part(element: ET.Element, into: Node, depth: int) -> None:
        label = label_of(element)
        target = into
        if label:
            target = Node("paragraph" if depth == 1 else "point", label)
            into.parts.append(target)
        for child in element:
            if name(child) == "p":
                target.parts.append(text_of(child))
            elif name(child) == "part" and child.get("name") == "item":
                part(child, target, depth + 1)

    def control(element: ET.Element, into: Node) -> None:
        title = text_of(next(c for c in element if name(c) == "title"))
        node = Node("article", label_of(element).replace(" ", ""), title)
        for child in element:
            if name(child) == "part" and child.get("name") == "statement":
                part(child, node, 0)
        into.parts.append(node)
        for child in element:
            if name(child) == "control":
                control(child, into)

    for group in ET.parse(path).getroot():  # noqa: S314 -- our own corpus
        if name(group) == "group":
            for child in group:
                if name(child) == "control":
                    control(child, root)
    return render(root)
