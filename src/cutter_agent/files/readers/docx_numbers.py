"""The numbers that a word processor draws before paragraphs: they are not in the text (ECMA-376 17.9)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cutter_agent.files.readers.counting import numeral

if TYPE_CHECKING:
    from lxml import etree

W: Final = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
STYLE_CHAIN_MAX: Final = 20
LEVELS: Final = 9
_HEADING: Final = re.compile(r"heading ([1-9])")


@dataclass(frozen=True, slots=True)
class Level:
    """How one level of a list counts."""

    start: int
    kind: str
    text: str
    legal: bool
    restarts: int | None
    style: str
    joined: bool


@dataclass(slots=True)
class Style:
    """What a paragraph style says about numbers and headings."""

    based_on: str = ""
    number: str = ""
    level: int | None = None
    heading: int = 0


@dataclass(slots=True)
class Numbering:
    """Every list of a document, and how far each has counted."""

    styles: dict[str, Style] = field(default_factory=dict)
    _levels: dict[str, dict[int, Level]] = field(default_factory=dict)
    _abstract: dict[str, str] = field(default_factory=dict)
    _restarts: dict[str, dict[int, int]] = field(default_factory=dict)
    _overrides: dict[str, dict[int, Level]] = field(default_factory=dict)
    _counts: dict[str, dict[int, int]] = field(default_factory=dict)
    _seen: set[tuple[str, int]] = field(default_factory=set)

    def read_styles(self, root: etree._Element) -> None:
        """The paragraph styles of word/styles.xml are known."""
        for element in root.iter(f"{W}style"):
            style = Style(based_on=_value(element.find(f"{W}basedOn")))
            name = _value(element.find(f"{W}name")).lower()
            properties = element.find(f"{W}pPr")
            if properties is not None:
                style.number, style.level = number_of(properties)
                outline = _value(properties.find(f"{W}outlineLvl"))
                style.heading = int(outline) + 1 if re.fullmatch("[0-8]", outline) else 0
            named = _HEADING.fullmatch(name)
            if named:
                style.heading = int(named[1])
            elif name == "title":
                style.heading = 1
            self.styles[element.get(f"{W}styleId", "")] = style

    def read_lists(self, root: etree._Element) -> None:
        """The lists of word/numbering.xml are known."""
        linked: dict[str, str] = {}
        for element in root.iter(f"{W}abstractNum"):
            identity = element.get(f"{W}abstractNumId", "")
            self._levels[identity] = dict(map(_level, element.iter(f"{W}lvl")))
            linked[identity] = _value(element.find(f"{W}numStyleLink"))
        for element in root.iter(f"{W}num"):
            number = element.get(f"{W}numId", "")
            self._abstract[number] = _value(element.find(f"{W}abstractNumId"))
            for override in element.iter(f"{W}lvlOverride"):
                index = _integer(override.get(f"{W}ilvl", ""), 0)
                start = override.find(f"{W}startOverride")
                if start is not None:
                    self._restarts.setdefault(number, {})[index] = _integer(_value(start), 1)
                inner = override.find(f"{W}lvl")
                if inner is not None:
                    self._overrides.setdefault(number, {})[index] = _level(inner)[1]
        for number, abstract in self._abstract.items():
            style = self.styles.get(linked.get(abstract, ""))
            if style is not None and style.number in self._abstract:
                self._abstract[number] = self._abstract[style.number]

    def of_style(self, style_id: str) -> Style:
        """Return what the style and those that it is based on say."""
        found = Style()
        chain = []
        for _ in range(STYLE_CHAIN_MAX):
            style = self.styles.get(style_id)
            if style is None:
                break
            found.number = found.number or style.number
            found.level = style.level if found.level is None else found.level
            found.heading = found.heading or style.heading
            chain.append(style_id)
            style_id = style.based_on
        if found.level is None and found.number:
            found.level = self._level_of_styles(found.number, chain)
        return found

    def _level_of_styles(self, number: str, chain: list[str]) -> int | None:
        """The level of the list that names one of these styles as its own."""
        levels = self._levels.get(self._abstract.get(number, ""), {})
        own = {level.style: index for index, level in levels.items() if level.style}
        return next((own[style_id] for style_id in chain if style_id in own), None)

    def next_label(self, number: str, index: int) -> str:
        """Return the label of the next paragraph of this list and level, and what parts it from the text.

        The list counts on.
        """
        abstract = self._abstract.get(number, "")
        level = self._level_of(number, abstract, index)
        if level is None or not 0 <= index < LEVELS:
            return ""
        counts = self._counts.setdefault(abstract, {})
        restart = self._restarts.get(number, {}).get(index)
        if restart is not None and (number, index) not in self._seen:
            counts[index] = restart
        elif index in counts:
            counts[index] += 1
        else:
            counts[index] = level.start
        self._seen.add((number, index))
        for deeper in range(index + 1, LEVELS):
            inner = self._level_of(number, abstract, deeper)
            if inner is None or inner.restarts is None or 0 < index + 1 <= inner.restarts:
                counts.pop(deeper, None)
        if level.kind == "bullet":
            return "- "
        label = re.sub(
            r"%([1-9])",
            lambda mark: self._drawn(number, abstract, level, int(mark[1]) - 1),
            level.text,
        )
        return label if level.joined or not label else f"{label} "

    def _drawn(self, number: str, abstract: str, level: Level, index: int) -> str:
        other = self._level_of(number, abstract, index)
        if other is None:
            return ""
        value = self._counts[abstract].get(index, other.start)
        return numeral("decimal" if level.legal else other.kind, value)

    def _level_of(self, number: str, abstract: str, index: int) -> Level | None:
        own = self._overrides.get(number, {}).get(index)
        return own or self._levels.get(abstract, {}).get(index)


def number_of(properties: etree._Element) -> tuple[str, int | None]:
    """Return list and level that paragraph properties name; "" and None where they name none."""
    found = properties.find(f"{W}numPr")
    if found is None:
        return "", None
    level = _value(found.find(f"{W}ilvl"))
    return _value(found.find(f"{W}numId")), _integer(level, 0) if level else None


def _level(element: etree._Element) -> tuple[int, Level]:
    restart = element.find(f"{W}lvlRestart")
    legal = element.find(f"{W}isLgl")
    return _integer(element.get(f"{W}ilvl", ""), 0), Level(
        start=_integer(_value(element.find(f"{W}start")), 1),
        kind=_value(element.find(f"{W}numFmt")) or "decimal",
        text=_value(element.find(f"{W}lvlText")),
        legal=legal is not None and _value(legal) not in {"0", "false"},
        restarts=None if restart is None else _integer(_value(restart), 0),
        style=_value(element.find(f"{W}pStyle")),
        joined=_value(element.find(f"{W}suff")) == "nothing",
    )


def _value(element: etree._Element | None) -> str:
    return "" if element is None else element.get(f"{W}val") or ""


def _integer(text: str, default: int) -> int:
    return int(text) if re.fullmatch(r"-?[0-9]{1,6}", text) else default
