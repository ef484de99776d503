"""Renders gold trees to text, cuts the text, compares: precision and recall of starts, share of right parents.

Needs the corpus folder (CUTTER_CORPUS, default ../shared/corpus) and says so where it is absent. Prints
one table and writes build/accuracy.json. Text inside quoted amendments is rendered as quoted text: content, not units.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

from cutter_agent.document.grammar import Profile, parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped
from cutter_agent.document.units import MarkedText
from cutter_agent.errors import Stop

PROJECT = Path(__file__).resolve().parent.parent
CORPUS = Path(os.environ.get("CUTTER_CORPUS", PROJECT.parent / "shared" / "corpus"))
GOALS = {"article": 0.999, "paragraph": 0.995, "point": 0.99, "container": 0.99, "parent": 0.995}
CLASSES = {
    "article": "article",
    "principle": "article",
    "paragraph": "paragraph",
    "point": "point",
    "indent": "point",
    "recital": "paragraph",
}


@dataclass(slots=True)
class Node:
    """A gold unit: its class, its label as printed, its heading and its texts and children."""

    kind: str
    label: str = ""
    heading: str = ""
    parts: list[Node | str] = field(default_factory=list)
    quoted: bool = False


@dataclass(slots=True)
class Gold:
    """A rendered text and where its units begin: (class, start) with the start of the parent."""

    text: str
    starts: dict[tuple[str, int], int]


def render(root: Node) -> Gold:
    """The text of a gold tree, one line a label or paragraph, and its starts in bytes."""
    lines: list[str] = []
    starts: dict[tuple[str, int], int] = {}
    size = 0

    def write(line: str) -> None:
        nonlocal size
        lines.append(line + "\n")
        size += len(line.encode()) + 1

    def walk(node: Node, above: int) -> None:
        here = above
        pending = ""
        if node.kind != "root":
            here = size
            starts[node.kind, here] = above
            pending = f"{node.label} {node.heading}".rstrip()
            if node.heading or node.kind in ("container", "article"):
                write(pending)
                pending = ""
        for part in node.parts:
            if isinstance(part, str):
                write(f"{pending} {part}".strip())
                pending = ""
            else:
                if pending:
                    write(pending)
                    pending = ""
                walk(part, here)
        if pending:
            write(pending)

    walk(root, -1)
    return Gold("".join(lines), starts)


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
            into.parts.append(unit(child, dialect))
        elif kind == "p" and is_numbered(child):
            flush()
            number = child[0]
            node = Node("paragraph", clean(number.text or ""))
            child.remove(number)
            node.parts.append(clean(f"{number.tail or ''} {text_of(child, dialect.skip)}"))
            into.parts.append(node)
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


def is_numbered(element: ET.Element) -> bool:
    """True for a paragraph whose number is only a superscript (Swiss texts)."""
    first = element[0] if len(element) else None
    return (
        first is not None
        and name(first) == "sup"
        and not (element.text or "").strip()
        and re.fullmatch(r"[0-9]{1,2}(?:bis|ter|quater)?", (first.text or "").strip()) is not None
    )


def unit(element: ET.Element, dialect: Dialect) -> Node:
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
    tree(element, dialect, node)
    if dialect.by_label and node.kind == "paragraph" and not US_SUBSECTION.fullmatch(node.label):
        node.kind = "point"
    if not any(letter.isalnum() for letter in node.label):
        if node.label:
            node.parts.insert(0, node.label)
        node.kind, node.label = "inline", ""
    return node


def quote(element: ET.Element, dialect: Dialect, into: Node) -> None:
    """Quoted units as quoted lines: what they hold is content."""
    holder = Node("root")
    tree(element, dialect, holder)
    lines = render(flat(holder)).text.strip().split("\n")
    if not lines or not lines[0]:
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


def plain_label(_: str, number: str) -> str:
    return number


def uk_label(element: str, number: str) -> str:
    bare = number.strip("()., ")
    return bare if element in ("P1", "Part", "Chapter", "Schedule") else f"({bare})"


US_SUBSECTION = re.compile(r"\([a-z]\)")
"""A subsection is one by its label: drafters also put (1) right below a section."""
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
    units={**AKN.units, "section": "container"},
    num=AKN.num,
    heading=AKN.heading,
    quoted=AKN.quoted,
    skip=AKN.skip,
    blocks=AKN.blocks,
    label=plain_label,
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


def european(path: Path) -> Gold:  # noqa: C901, PLR0915 -- one publisher's markup, told in one place
    """Articles, chapters and recitals of an EU act: every paragraph is a line, ids give the starts."""
    lines: list[str] = []
    starts: dict[tuple[str, int], int] = {}
    size = 0
    above: list[tuple[int, int]] = []

    def write(line: str) -> None:
        nonlocal size
        lines.append(line + "\n")
        size += len(line.encode()) + 1

    def classify(identity: str) -> str:
        head, _, tail = identity.partition("_")
        if "." in identity and head not in ("cpt", "tis", "sct", "prt"):
            return ""
        if head == "art" and tail.isalnum():
            return "article"
        if head == "rct":
            return "paragraph"
        if head in ("cpt", "tis", "sct", "prt") and not identity.rpartition(".")[2].startswith(
            "tit"
        ):
            return "container"
        return ""

    def walk(element: ET.Element, depth: int) -> None:  # noqa: C901, PLR0912 -- the same
        kind = classify(element.get("id") or "")
        if kind:
            while above and above[-1][0] >= depth:
                above.pop()
            starts[kind, size] = above[-1][1] if above else -1
            above.append((depth, size))
        if name(element) == "tr" and not any(name(c) == "table" for c in element.iter()):
            line = text_of(element)
            if line:
                write(line)
            return
        if name(element) == "tr":
            cells = [c for c in element if name(c) == "td"]
            if len(cells) == 2 and len(text_of(cells[0])) <= 6:
                inner = list(cells[1])
                first = text_of(inner[0]) if inner else text_of(cells[1])
                write(f"{text_of(cells[0])} {first}".strip())
                for child in inner[1:]:
                    walk(child, depth + 1)
                return
        grid = "grid-list" in (element.get("class") or "") and "column" not in (
            element.get("class") or ""
        )
        if grid:
            label, *rest = list(element)
            block = [b for r in rest for b in r]
            first = text_of(block[0]) if block else ""
            write(f"{text_of(label)} {first}".strip())
            for child in block[1:]:
                walk(child, depth + 1)
            return
        if (
            name(element) == "div"
            and element.get("class") == "norm"
            and len(element)
            and name(element[0]) == "span"
        ):
            first, *rest = list(element)
            blocks = list(rest[0]) if rest and name(rest[0]) == "div" else rest
            lead = (
                text_of(blocks[0])
                if blocks
                else (first.tail or "") + (rest[0].text or "" if rest else "")
            )
            write(clean(f"{text_of(first)} {lead}"))
            for child in blocks[1:]:
                walk(child, depth + 1)
            return
        if name(element) in ("p", "h1", "h2", "h3", "td", "th") and not any(
            name(c) in ("p", "table") for c in element
        ):
            line = text_of(element)
            if line:
                write(line)
            return
        for child in element:
            walk(child, depth + 1)

    root = ET.parse(path).getroot()  # noqa: S314 -- our own corpus
    body = next((e for e in root.iter() if name(e) == "body"), root)
    walk(body, 0)
    return Gold("".join(lines), starts)


@dataclass(slots=True)
class Score:
    """Counts of one corpus and class."""

    found: int = 0
    gold: int = 0
    right: int = 0
    parents: int = 0

    def row(self, corpus: str, kind: str) -> dict[str, object]:
        precision = self.right / self.found if self.found else 0.0
        recall = self.right / self.gold if self.gold else 0.0
        both = precision + recall
        return {
            "corpus": corpus,
            "kind": kind,
            "precision": round(precision, 5),
            "recall": round(recall, 5),
            "f1": round(2 * precision * recall / both if both else 0.0, 5),
            "goal": GOALS[kind],
            "units": self.gold,
        }


def compare(
    gold: Gold, marked: MarkedText, scores: dict[str, Score], classes: tuple[str, ...]
) -> list[str]:
    """Adds this text to the scores; answers with lines about what differs."""
    kinds = {kind: CLASSES.get(kind, "container") for kind in {u.kind for u in marked.units}}
    found: dict[tuple[str, int], int] = {}
    by_address = {unit.address: unit for unit in marked.candidates}
    for unit_ in marked.candidates:
        if unit_.kind == "annex" and "container" not in classes:
            continue
        parent = by_address[unit_.parent].start if unit_.parent else -1
        found[kinds[unit_.kind], unit_.start] = parent
    misses = []
    for kind in classes:
        mine = {key for key in found if key[0] == kind}
        theirs = {key for key in gold.starts if key[0] == kind}
        score = scores.setdefault(kind, Score())
        score.found += len(mine)
        score.gold += len(theirs)
        score.right += len(mine & theirs)
        source = gold.text.encode()
        for sign, rows in (("+", mine - theirs), ("-", theirs - mine)):
            for _, start in sorted(rows):
                before = (
                    source[max(0, start - 60) : start].decode(errors="ignore").replace("\n", "⏎")
                )
                line = source[start : start + 70].decode(errors="ignore").replace("\n", "⏎")
                misses.append(f"{sign} {kind} @{start} {before} ▶ {line}")
    both = found.keys() & gold.starts.keys()
    score = scores.setdefault("parent", Score())
    score.found += len(both)
    score.gold += len(both)
    score.right += sum(found[key] == gold.starts[key] for key in both)
    return misses


ALL = ("article", "paragraph", "point")
WITH = ("container", *ALL)
Corpus = tuple[str, str, str, Callable[[Path], Gold], tuple[str, ...]]
CORPORA: tuple[Corpus, ...] = (
    ("vn-laws-json", "*.json", "vn-law", vietnamese, ALL),
    ("uk-clml", "*.xml", "uk", lambda path: xml_gold(path, CLML), WITH),
    ("us-uslm", "**/*.[xX][mM][lL]", "us", lambda path: xml_gold(path, USLM), WITH),
    ("ch-akn", "*.xml", "ch", lambda path: xml_gold(path, CH_AKN), ALL),
    ("eu-xhtml", "**/*.xhtml", "eu", european, ("article",)),
    ("nist-800-53", "*.xml", "nist", nist, ALL),
    ("us-constitution", "*.xml", "us-constitution", us_constitution, ("container", "article")),
    ("oasis-akn-samples", "**/uk_pga*.xml", "uk", lambda path: xml_gold(path, UK_AKN), ALL),
)


def run(only: str, verbose: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for corpus, pattern, profile_name, gold_of, classes in CORPORA:
        if only and only != corpus:
            continue
        profile = profile_of(profile_name)
        scores: dict[str, Score] = {}
        misses: list[str] = []
        files = sorted((CORPUS / corpus).glob(pattern))
        for path in files:
            gold = gold_of(path)
            if not gold.starts:
                continue
            marked = mark_text(gold.text.encode(), profile, code="GOLD")
            misses += [f"{path.name}: {line}" for line in compare(gold, marked, scores, classes)]
        for kind, score in scores.items():
            row = score.row(corpus, kind)
            rows.append(row)
            met = (
                "met"
                if min(score.right / max(1, score.found), score.right / max(1, score.gold))
                >= GOALS[kind]
                else "MISSED"
            )
            print(
                f"{corpus:18} {kind:10} P {row['precision']:.4f}  R {row['recall']:.4f}  F1 {row['f1']:.4f}"
                f"  goal {GOALS[kind]}  {met:6}  {score.gold} units"
            )
        for line in misses[:verbose]:
            print("   ", line)
    return rows


FOLDERS = {
    "vn-": "vn-law",
    "de-": "de",
    "python-": "rfc",
    "policy-": "md-policy",
}


def lossless() -> tuple[int, int, int, str]:
    """Files of text in the corpus whose units tile them, all such files, refused ones, a digest of it all."""
    whole = total = refused = 0
    digest = hashlib.sha256()
    for path in sorted(CORPUS.rglob("*")):
        if path.suffix not in (".md", ".txt", ".rst", ".json") or path.name == "PROVENANCE.md":
            continue
        folder = path.relative_to(CORPUS).parts[0]
        wanted = next((name for start, name in FOLDERS.items() if folder.startswith(start)), "intl")
        source = path.read_bytes()
        total += 1
        marked = None
        for profile_name in (wanted, "intl", "markdown"):
            try:
                marked = mark_text(source, profile_of(profile_name), code="FILE")
                break
            except Stop:
                continue
        if marked is None:
            refused += 1
            continue
        spans = sorted(span for unit_ in marked.units for span in unit_.own_spans)
        whole += b"".join(source[start:end] for start, end in spans) == source
        digest.update(repr(marked).encode())
    return whole, total, refused, digest.hexdigest()


def same_twice() -> bool:
    """True if two processes with different hash seeds cut the whole corpus alike."""
    program = "import accuracy; print(accuracy.lossless()[3])"
    answers = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    return len(answers) == 1


@cache
def profile_of(profile_name: str) -> Profile:
    return parse_profile(shipped(profile_name))


def main() -> None:
    if not CORPUS.is_dir():
        print(f"no corpus at {CORPUS}: set CUTTER_CORPUS; nothing measured")
        return
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    verbose = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    rows = run(only, verbose)
    if not only:
        whole, total, refused, _ = lossless()
        print(f"lossless: {whole} of {total - refused} files that hold units ({refused} hold none)")
        print(
            f"the same in two processes with different hash seeds: {'yes' if same_twice() else 'NO'}"
        )
    build = PROJECT / "build"
    build.mkdir(exist_ok=True)
    (build / "accuracy.json").write_text(json.dumps({"rows": rows}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
