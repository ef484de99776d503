"""Akoma Ntoso 3.0 (OASIS LegalDocML) of a marked text, laid out verbatim.

Verbatim: the characters of the document outside of its metadata, read in order, are the text itself.
No white space is added between elements and none is taken away, so a reader gets the same bytes and
the same cut. What only Markdown means (number signs) stands in `<inline name="markup">`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from cutter_agent.document.units import MarkedText, Unit
from cutter_agent.errors import StopRefusedInput
from cutter_agent.files.writers.outline import Branch, outline

NAMESPACE: Final = "http://docs.oasis-open.org/legaldocml/ns/akn/3.0"
CUTTER: Final = "urn:iu-cutter:akn:1"
VERBATIM: Final = "urn:iu-cutter:layout:verbatim"
UNKNOWN_DATE: Final = "0001-01-01"
HEAD_LINES_MAX: Final = 4
"""A unit's heading stands on one of its first lines that hold something."""
_ELEMENTS: Final = frozenset(
    "book part title chapter section subsection article paragraph point indent".split()  # noqa: SIM905 -- names read best as words
)
_FORBIDDEN: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_MARKUP: Final = re.compile(r"[\s#*_>-]*")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_COUNTRY: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,15}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Imprint:
    """What the metadata says that the text does not.

    Attributes:
        code: the document's code.
        title: its title, for people.
        country: country or organisation that made it; `un` where nobody said.
        language: language of the text (BCP 47); `mul` where nobody said.
        date: ISO date of the text, or UNKNOWN_DATE.
        version: number of the source version, or 1.
        source_sha256: digest of the file that the text was read from.
    """

    code: str
    title: str = ""
    country: str = "un"
    language: str = "mul"
    date: str = UNKNOWN_DATE
    version: int = 1
    source_sha256: str = ""


def akoma_ntoso(marked: MarkedText, text: bytes, imprint: Imprint) -> bytes:
    """Return the document as Akoma Ntoso 3.0.

    Raises:
        StopRefusedInput: the text holds a character that XML cannot hold, or the imprint's country
            or language is no name of one.
    """
    forbidden = _FORBIDDEN.search(text.decode())
    if forbidden is not None:
        raise StopRefusedInput(
            f"XML cannot hold the character U+{ord(forbidden[0]):04X} at character {forbidden.start()}",
            expected="a text without control characters",
            remedy="cutter export --file FILE --jsonl",
        )
    if not _LANGUAGE.fullmatch(imprint.language) or not _COUNTRY.fullmatch(imprint.country):
        raise StopRefusedInput(
            f"language {imprint.language[:40]!a} or country {imprint.country[:40]!a} is no code",
            expected="codes such as vi and vn",
            remedy="cutter export CODE --akn --language vi --country vn",
        )
    writer = _Writer(text)
    body: list[str] = []
    before: list[tuple[int, int] | Branch] = []
    for branch in outline(marked):
        if not body and not branch.unit.is_content and not branch.has_units:
            before += branch.parts
        else:
            writer.unit(branch, body)
    preface = f"<preface>{writer.paragraphs(before)}</preface>" if before else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<akomaNtoso xmlns="{NAMESPACE}" xmlns:cut="{CUTTER}"><act name="act" contains="singleVersion">'
        f"{_meta(marked, imprint)}{preface}<body>{''.join(body)}</body></act></akomaNtoso>\n"
    ).encode()


class _Writer:
    """Elements of one text; ids are given once."""

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._given: Counter[str] = Counter()
        self._named: set[str] = set()

    def unit(self, branch: Branch, into: list[str]) -> None:
        """The unit stands written, with everything in it."""
        unit = branch.unit
        plain = unit.kind in _ELEMENTS
        name = unit.kind if plain else "hcontainer"
        named = "" if plain else f' name="{_quoted(unit.kind)}"'
        eid = self._once(unit.eid)
        # Of units that share an address, which no cut enacts, only the first is what the address names.
        wid = "" if unit.address in self._named else f' wId="{_quoted(unit.address)}"'
        self._named.add(unit.address)
        into.append(
            f'<{name}{named} eId="{_quoted(eid)}"{wid}'
            f' cut:alias="{_quoted(unit.alias)}" cut:textSha256="{unit.text_sha256}"'
            f' cut:included="{"true" if unit.included else "false"}">'
        )
        parts = [*branch.parts]
        begin = parts[0] if parts else (0, 0)
        first = ""
        if not isinstance(begin, Branch):
            first = self._slice(begin)
            del parts[:1]
        head, rest = _head(first, unit)
        into.append(head)
        if not branch.has_units:
            own = rest + "".join(
                self._slice(part) for part in parts if not isinstance(part, Branch)
            )
            into.append(f"<content>{_paragraphs(own)}</content></{name}>")
            return
        if rest:
            into.append(f"<intro>{_paragraphs(rest)}</intro>")
        last = max(index for index, part in enumerate(parts) if isinstance(part, Branch))
        for index, part in enumerate(parts):
            if isinstance(part, Branch):
                self.unit(part, into)
            elif index < last:
                inner = self._once(f"{unit.eid}__text")
                into.append(
                    f'<hcontainer name="text" eId="{_quoted(inner)}" cut:of="{_quoted(unit.address)}">'
                    f"<content>{_paragraphs(self._slice(part))}</content></hcontainer>"
                )
        tail = "".join(
            self._slice(part) for part in parts[last + 1 :] if not isinstance(part, Branch)
        )
        if tail:
            into.append(f"<wrapUp>{_paragraphs(tail)}</wrapUp>")
        into.append(f"</{name}>")

    def paragraphs(self, parts: list[tuple[int, int] | Branch]) -> str:
        """Return the stretches as paragraphs."""
        return _paragraphs(
            "".join(self._slice(part) for part in parts if not isinstance(part, Branch))
        )

    def _slice(self, span: tuple[int, int]) -> str:
        return self._text[span[0] : span[1]].decode()

    def _once(self, eid: str) -> str:
        """Return the id; one that was given before gets a number that no law's number looks like."""
        clean = re.sub(r"\s", "_", eid) or "unit"
        self._given[clean] += 1
        return clean if self._given[clean] == 1 else f"{clean}__again_{self._given[clean]}"


def _head(text: str, unit: Unit) -> tuple[str, str]:
    """Number and heading of a unit as elements, and what is left of its first stretch."""
    lead = _MARKUP.match(text)
    at = lead.end() if lead else 0
    lines = text.split("\n")
    filled = [index for index, line in enumerate(lines) if line.strip()][:HEAD_LINES_MAX]
    limit = len("\n".join(lines[: filled[-1] + 1])) if filled else 0
    heading = text.find(unit.heading, at, limit) if unit.heading else -1
    number = text.find(unit.num, at, limit) if unit.num else -1
    if heading > at:
        num, rest = text[at:heading], text[heading + len(unit.heading) :]
    elif heading == at:
        num, rest = "", text[heading + len(unit.heading) :]
    elif 0 <= number < len(lines[0] if filled[:1] == [0] else text):
        end = number + len(unit.num)
        close = re.match(r"[^\w\s]*[ \t]*", text[end:])
        end += close.end() if close else 0
        num, rest = text[at:end], text[end:]
    else:
        return "", text
    if not num and heading < 0:
        return "", text
    loose = rest if not rest.strip() else ""
    marks = f'<inline name="markup">{_escaped(text[:at])}</inline>' if at else ""
    elements = ""
    if num:
        tail = "" if heading >= 0 else loose
        elements = f"<num>{marks}{_escaped(num + tail)}</num>"
        marks = ""
    if heading >= 0:
        elements += f"<heading>{marks}{_escaped(unit.heading + loose)}</heading>"
    return elements, "" if loose else rest


def _paragraphs(text: str) -> str:
    """The text as paragraphs, each with the white space behind it."""
    if not text.strip():
        return f"<p>{_escaped(text)}</p>"
    pieces: list[str] = []
    for line in re.findall(r"[^\n]*\n|[^\n]+\Z", text):
        if pieces and (not line.strip() or not pieces[-1].strip()):
            pieces[-1] += line
        else:
            pieces.append(line)
    return "".join(f"<p>{_escaped(piece)}</p>" for piece in pieces)


def _meta(marked: MarkedText, imprint: Imprint) -> str:
    """The identification of work, expression and manifestation, and what the text was cut by."""
    date = _quoted(imprint.date)
    named = "unknown" if imprint.date == UNKNOWN_DATE else "version"
    work = f"/akn/{quote(imprint.country.lower())}/act/{date}/{quote(imprint.code)}"
    expression = f"{work}/{quote(imprint.language)}@{date}"
    manifestation = f"{expression}.xml"

    def block(kind: str, uri: str, more: str) -> str:
        return (
            f'<{kind}><FRBRthis value="{uri}/!main"/><FRBRuri value="{uri}"/>'
            f'<FRBRdate date="{date}" name="{named}"/><FRBRauthor href="#iu-cutter"/>{more}</{kind}>'
        )

    title = _quoted(imprint.title or imprint.code)
    return (
        '<meta><identification source="#iu-cutter">'
        + block(
            "FRBRWork",
            work,
            f'<FRBRcountry value="{_quoted(imprint.country.lower())}"/>'
            f'<FRBRnumber value="{_quoted(imprint.code)}"/><FRBRname value="{title}"/>',
        )
        + block(
            "FRBRExpression", expression, f'<FRBRlanguage language="{_quoted(imprint.language)}"/>'
        )
        + block("FRBRManifestation", manifestation, '<FRBRformat value="application/akn+xml"/>')
        + "</identification>"
        '<references source="#iu-cutter"><TLCOrganization eId="iu-cutter"'
        ' href="/ontology/organization/un/iu-cutter" showAs="iu-cutter"/></references>'
        f'<proprietary source="#{VERBATIM}"><cut:sourceText code="{_quoted(imprint.code)}"'
        f' sha256="{marked.text_sha256}" sourceSha256="{imprint.source_sha256 or marked.source_sha256}"'
        f' profile="{_quoted(marked.profile)}" profileSha256="{marked.profile_sha256}"'
        f' version="{imprint.version}"/></proprietary></meta>'
    )


def _escaped(text: str) -> str:
    return (
        text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
    )


def _quoted(text: str) -> str:
    """The text inside of an attribute; what XML cannot hold is drawn as a question mark."""
    clean = _FORBIDDEN.sub("?", text)
    return _escaped(clean).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")
