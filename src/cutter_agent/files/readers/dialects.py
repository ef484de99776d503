"""What the elements of each kind of legal XML are: data, one record a dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


def words(text: str) -> frozenset[str]:
    """Return the words of the text, as a set of names."""
    return frozenset(text.split())


_NONE: Final[frozenset[str]] = frozenset()
_TABLE: Final = frozenset({"table", "tbody", "thead", "tfoot", "tgroup", "colgroup", "caption"})
_INLINE: Final = words(
    "a abbr b big br cite def del em eol font i img inline ins q s small span strong sub sup tt u "
    "date term ref rref mref quotedText mod rmod mmod docTitle docNumber docType docDate docProponent "
    "docStage docStatus docCommittee docIntroducer docJurisdiction docketNumber docAuthority "
    "docPurpose shortTitle entity person organization concept object event location process role "
    "quantity party placeholder fillIn decoration omissis remark marker num headingText "
    "Emphasis Strong Citation CitationSubRef Term Definition Abbreviation Acronym Superior Inferior "
    "Substitution Addition Repeal InternalLink ExternalLink Character InlineAmendment SmallCaps "
    "Underline AppendText Span FootnoteRef "
    "headingItalic popularName property citableAs proviso"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a kind of XML writes a law down.

    Attributes:
        media_type: what the kind is called.
        numbers: elements that hold the number of their parent.
        headings: elements that hold its heading.
        headed: elements whose number and heading stand in a line of their own, as a heading.
        titles: elements that hold the title of the document.
        inline: elements that never begin a line.
        blocks: elements that always do.
        rows: rows of tables.
        skipped: elements that are not the text: metadata, contents, pictures.
        notes: elements whose text stands below the block that they are in.
        quoted: elements whose text is no unit of this law.
        marks: the quotation marks that the reader of an element sees and its text lacks.
        tails: elements whose text ends the last line of the block before them.
        breaks: elements that end a line of print and mean nothing.
        transparent: elements around the first text of their parent, whose number it follows.
        title_carrier: an element whose heading belongs to its first unit.
        title_takers: those units.
        brackets: how the number of an element is printed where the text holds it bare.
    """

    media_type: str
    numbers: frozenset[str]
    headings: frozenset[str]
    headed: frozenset[str]
    titles: frozenset[str] = _NONE
    inline: frozenset[str] = _INLINE
    blocks: frozenset[str] = _NONE
    rows: frozenset[str] = frozenset({"tr", "row"})
    skipped: frozenset[str] = _NONE
    notes: frozenset[str] = _NONE
    quoted: frozenset[str] = _NONE
    marks: Mapping[str, tuple[str, str]]
    tails: frozenset[str] = _NONE
    breaks: frozenset[str] = frozenset({"br", "eol"})
    transparent: frozenset[str] = _NONE
    title_carrier: str = ""
    title_takers: frozenset[str] = _NONE
    brackets: frozenset[str] = _NONE

    def is_inline(self, name: str, *, mixed: bool) -> bool:
        """Return True if the element stands inside of a line."""
        return name in self.inline or (mixed and name not in self.blocks | self.rows | _TABLE)

    def label(self, parent: str, number: str, attributes: Mapping[str, str]) -> str:
        """Return the number as print shows it."""
        before, after = attributes.get("PuncBefore"), attributes.get("PuncAfter")
        if before is not None or after is not None:
            return f"{before or ''}{number}{after or ''}"
        return f"({number})" if parent in self.brackets and number else number

    def quotes_of(self, name: str, attributes: Mapping[str, str]) -> tuple[str, str]:
        """Return the quotation marks around the element's text, as far as its text lacks them."""
        if "startQuote" in attributes or "endQuote" in attributes:
            return attributes.get("startQuote", ""), attributes.get("endQuote", "")
        return self.marks.get(name, ("", ""))

    def note_text(self, attributes: Mapping[str, str], text: str) -> str:
        """Return a note as the line below its block."""
        marker = attributes.get("marker") or attributes.get("value") or "*"
        return f"[^{marker}] {text}"


AKN: Final = Dialect(
    media_type="application/akn+xml",
    numbers=frozenset({"num"}),
    headings=frozenset({"heading", "subheading"}),
    headed=words(
        "article book chapter clause division part proviso rule section subchapter subdivision subpart "
        "subrule subtitle title tome hcontainer attachment"
    ),
    titles=frozenset({"longTitle"}),
    inline=_INLINE - {"proviso"},
    blocks=frozenset({"p", "blockList", "item", "content", "intro", "list", "point", "paragraph"}),
    skipped=frozenset({"meta", "toc", "coverPage", "img"}),
    notes=frozenset({"authorialNote"}),
    quoted=frozenset({"quotedStructure", "embeddedStructure"}),
    marks={},
    transparent=frozenset(
        {"content", "intro", "p", "list", "blockList", "alinea", "listIntroduction"}
    ),
)
USLM: Final = Dialect(
    media_type="application/uslm+xml",
    numbers=frozenset({"num"}),
    headings=frozenset({"heading", "subheading"}),
    headed=words(
        "title subtitle chapter subchapter part subpart division subdivision section article "
        "preamble schedule appendix"
    ),
    titles=frozenset({"officialTitle"}),
    inline=_INLINE | {"inline", "editorialNote", "headingText"},
    blocks=words(
        "p content chapeau continuation subsection paragraph subparagraph clause subclause item "
        "quotedContent block table toc note"
    ),
    skipped=frozenset({"meta", "toc", "img", "page", "sourceCredit", "statutoryNote"}),
    notes=frozenset({"footnote"}),
    quoted=frozenset({"quotedContent"}),
    marks={},
    transparent=frozenset({"content", "chapeau", "p", "block", "level"}),
)
CLML: Final = Dialect(
    media_type="application/clml+xml",
    numbers=frozenset({"Number", "Pnumber"}),
    headings=frozenset({"Title", "TitleBlock"}),
    headed=words(
        "Group Part Chapter Pblock PsubBlock P1 Schedule EUTitle EUPart EUChapter EUSection Article"
        " Division"
    ),
    titles=frozenset({"PrimaryPrelimsTitle"}),
    blocks=words(
        "P P1 P2 P3 P4 P5 P6 P7 P1para P2para P3para P4para P5para P6para P7para Text Para "
        "OrderedList UnorderedList ListItem BlockAmendment BlockText Tabular P1group P2group "
        "P3group SignedSection Formula Figure"
    ),
    skipped=words(
        "Metadata Contents Commentaries CommentaryRef Resources Versions Image Footnotes"
    ),
    notes=frozenset({"Footnote"}),
    quoted=frozenset({"BlockAmendment", "BlockExtract"}),
    marks={"BlockAmendment": ("“", "”")},
    tails=frozenset({"AppendText"}),
    transparent=words("P1para P2para P3para P4para P5para P6para P7para Text Para ListItem"),
    title_carrier="P1group",
    title_takers=frozenset({"P1"}),
    brackets=frozenset({"P2", "P3", "P4", "P5", "P6", "P7", "N2", "N3"}),
)
OTHER: Final = Dialect(
    media_type="application/xml",
    numbers=frozenset({"num", "number", "no", "enum"}),
    headings=frozenset({"heading", "title", "header"}),
    headed=frozenset({"section", "article", "chapter", "part", "control", "group"}),
    blocks=frozenset({"p", "para", "item", "list", "div", "part", "control", "group"}),
    skipped=frozenset({"metadata", "meta", "head", "script", "style"}),
    marks={},
    transparent=frozenset({"p", "content"}),
)


def dialect_of(root: str, names: Mapping[str, int]) -> Dialect:
    """Return the dialect of a document with this root and these elements."""
    if root in {"akomaNtoso", "akomantoso"}:
        return AKN
    if root == "Legislation" or "Pnumber" in names:
        return CLML
    if root in {"uscDoc", "statuteCompilation", "statutesAtLarge"} or "chapeau" in names:
        return USLM
    if root in {"pLaw", "bill", "resolution", "amendment", "lawDoc", "engrossedAmendment"}:
        return USLM
    return OTHER
