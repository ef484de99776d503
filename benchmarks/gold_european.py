"""Acts of the European Union in XHTML: identifiers of subdivisions tell where units begin."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from gold_trees import Gold, clean, name, text_of

LABEL_CHARACTERS_MAX = 6


def european(path: Path) -> Gold:
    """Articles, chapters and recitals of an EU act: every paragraph is a line, ids give the starts."""
    root = ET.parse(path).getroot()  # noqa: S314 -- our own corpus
    reader = Reader()
    reader.walk(next((e for e in root.iter() if name(e) == "body"), root), 0)
    return reader.gold


def classify(identity: str) -> str:
    """The class of a subdivision by its identifier, or "" for what is no unit."""
    head, _, tail = identity.partition("_")
    if head == "art" and tail.isalnum():
        return "article"
    if head == "rct" and "." not in identity:
        return "paragraph"
    titled = identity.rpartition(".")[2].startswith("tit")
    return "container" if head in ("cpt", "tis", "sct", "prt", "anx") and not titled else ""


class Reader:
    """Writes the lines of an act and remembers where its units begin."""

    def __init__(self) -> None:
        self.gold = Gold()
        self._heading = 0
        self._above: list[tuple[int, int]] = []

    def walk(self, element: ET.Element, depth: int) -> None:
        """Writes the element's lines."""
        kind = classify(element.get("id") or "")
        if kind:
            while self._above and self._above[-1][0] >= depth:
                self._above.pop()
            here = self.gold.begin(kind, self._above[-1][1] if self._above else -1)
            self._above.append((depth, here))
            if self.gold.silent < 0 and (element.get("id") or "").startswith("anx_"):
                self.gold.silent = here
            self._heading = len(self._above) + 1 if kind in ("article", "container") else 0
        if (
            self._row(element, depth)
            or self._grid(element, depth)
            or self._numbered(element, depth)
        ):
            return
        inner = {name(child) for child in element}
        if name(element) in ("p", "h1", "h2", "h3", "td", "th") and not inner & {"p", "table"}:
            self._write(text_of(element))
            return
        for child in element:
            self.walk(child, depth + 1)

    def _write(self, line: str) -> None:
        line = line.strip()
        if line:
            self.gold.write(line, self._heading)
            self._heading = 0

    def _block(self, label: str, blocks: list[ET.Element], depth: int) -> bool:
        """A label with the first of its blocks on one line, then the other blocks."""
        self._write(clean(f"{label} {text_of(blocks[0]) if blocks else ''}"))
        for block in blocks[1:]:
            self.walk(block, depth + 1)
        return True

    def _row(self, element: ET.Element, depth: int) -> bool:
        if name(element) != "tr":
            return False
        if not any(name(inner) == "table" for inner in element.iter()):
            self._write(text_of(element))
            return True
        cells = [child for child in element if name(child) == "td"]
        if len(cells) != 2 or len(text_of(cells[0])) > LABEL_CHARACTERS_MAX:
            return False
        return self._block(text_of(cells[0]), list(cells[1]), depth)

    def _grid(self, element: ET.Element, depth: int) -> bool:
        classes = element.get("class") or ""
        if "grid-list" not in classes or "column" in classes:
            return False
        label, *rest = list(element)
        return self._block(text_of(label), [block for part in rest for block in part], depth)

    def _numbered(self, element: ET.Element, depth: int) -> bool:
        plain = name(element) == "div" and element.get("class") == "norm"
        if not plain or not len(element) or name(element[0]) != "span":
            return False
        first, *rest = list(element)
        blocks = list(rest[0]) if rest and name(rest[0]) == "div" else rest
        return self._block(
            f"{text_of(first)} {first.tail or '' if not blocks else ''}", blocks, depth
        )
