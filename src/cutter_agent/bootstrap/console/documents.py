"""The document explorer: documents, what of them is in force, and the versions of one unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cutter_agent.bootstrap.console.differ import Piece, pieces
from cutter_agent.bootstrap.console.merkle_path import MerklePath, merkle_path
from cutter_agent.bootstrap.console.paging import Part, part
from cutter_agent.bootstrap.console.plan import language_of
from cutter_agent.errors import Stop, StopDocumentUnknown
from cutter_agent.orchestrator.grants import ROLE_READER

if TYPE_CHECKING:
    from cutter_agent.bootstrap.desk import Desk
    from cutter_agent.evidence.citation import Citation
    from cutter_agent.postgres.connect import Select
    from cutter_agent.postgres.deployment import ListedSource
    from cutter_agent.postgres.explored import CutRow, DocumentRow, ForceRow

DOCUMENTS_A_PAGE: Final = 100
UNITS_A_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class DocumentView:
    """One document: its source versions, its cuts, and a page of the units in force.

    Attributes:
        language: of the newest source, as its profile says (BCP 47), or an empty text.
        as_of: the day whose units are shown, YYYY-MM-DD; an empty text is today.
    """

    row: DocumentRow
    language: str
    versions: tuple[ListedSource, ...]
    cuts: tuple[CutRow, ...]
    units: Part[ForceRow]
    as_of: str


@dataclass(frozen=True, slots=True)
class VersionView:
    """One version of a unit: when it was in force, and how it differs from the one before."""

    version_no: int
    source_version_no: int
    run_id: str
    effective_from: str
    effective_until: str | None
    in_force: bool
    text: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class UnitView:
    """One unit: its versions, the newest first, and the citation of the one in force.

    Attributes:
        citation: with its proof, or None where nothing is in force at the address.
        path: the way from the unit's record to the signed root, or None likewise.
        refused: why there is no citation, or None.
    """

    address: str
    document_id: str
    language: str
    versions: tuple[VersionView, ...]
    citation: Citation | None
    path: MerklePath | None
    refused: Stop | None


def document_list(desk: Desk, number: int, looked_for: str = "") -> Part[DocumentRow]:
    """A page of the documents whose code or title holds these words."""
    from cutter_agent.postgres.explored import documents

    wanted = looked_for.casefold()
    found = [
        row
        for row in documents(desk.select(ROLE_READER))
        if wanted in f"{row.document_id} {row.title}".casefold()
    ]
    return part(found, number, DOCUMENTS_A_PAGE)


def document_view(desk: Desk, code: str, number: int, as_of: str = "") -> DocumentView:
    """The document with this code, and a page of its units in force today or on the day that is named.

    Raises:
        StopDocumentUnknown: there is none.
        StopRefusedInput: the day is none.
    """
    from cutter_agent.bootstrap.citing import day_of
    from cutter_agent.bootstrap.sources import known_versions
    from cutter_agent.postgres import explored

    versions = known_versions(desk, code)
    day = (day_of(as_of) or "") if as_of else ""
    select = desk.select(ROLE_READER)
    row = next((each for each in explored.documents(select) if each.document_id == code), None)
    if row is None:
        raise StopDocumentUnknown(f"{code[:80]!a} is not among the sources")
    units = _units_on(select, code, number, day) if day else _units_now(select, row, number)
    return DocumentView(
        row=row,
        language=_language(desk, code),
        versions=versions,
        cuts=explored.cuts(select, code),
        units=units,
        as_of=day,
    )


def _units_now(select: Select, row: DocumentRow, number: int) -> Part[ForceRow]:
    from cutter_agent.postgres.explored import units_in_force

    places = part(range(row.in_force), number, UNITS_A_PAGE)
    rows = units_in_force(
        select, row.document_id, limit=UNITS_A_PAGE, offset=max(0, places.first - 1)
    )
    return Part(rows, places.number, places.count, places.total, places.first)


def _units_on(select: Select, code: str, number: int, day: str) -> Part[ForceRow]:
    from cutter_agent.postgres.explored import units_on_day

    offset = (max(number, 1) - 1) * UNITS_A_PAGE
    rows, total = units_on_day(select, code, day, limit=UNITS_A_PAGE, offset=offset)
    if not rows:
        return part((), 1, UNITS_A_PAGE)
    return Part(rows, max(number, 1), -(-total // UNITS_A_PAGE), total, offset + 1)


def unit_view(desk: Desk, address: str, as_of: str = "") -> UnitView:
    """The unit at this address, with the proof of the version in force today or on the day that is named.

    Raises:
        StopDocumentUnknown: no document has the code that the address begins with.
        StopRefusedInput: nothing was ever in force at the address.
    """
    from cutter_agent.bootstrap.citing import cite, document_of, versions_of

    held = versions_of(desk, address)
    texts = [each.text.decode("utf-8", "replace") for each in held]
    versions = tuple(
        VersionView(
            version_no=each.version_no,
            source_version_no=each.source_version_no,
            run_id=each.run_id,
            effective_from=each.effective_from,
            effective_until=each.effective_until,
            in_force=each.in_force,
            text=text,
            pieces=pieces(before, text),
        )
        for each, text, before in zip(held, texts, [*texts[1:], ""], strict=True)
    )
    citation, refused = None, None
    try:
        citation = cite(desk, address, as_of or None)
    except Stop as stop:
        refused = stop
    document_id = document_of(desk, address)
    return UnitView(
        address=address,
        document_id=document_id,
        language=_language(desk, document_id),
        versions=versions,
        citation=citation,
        path=None if citation is None else path_of(citation),
        refused=refused,
    )


def path_of(citation: Citation) -> MerklePath:
    """The way from the citation's record to its root."""
    proof = citation.proof
    siblings = [bytes.fromhex(each) for each in proof.hashes]
    return merkle_path(citation.record.encode(), proof.index, proof.tree_size, siblings)


def _language(desk: Desk, code: str) -> str:
    """The one language of the newest source's profile, or an empty text."""
    from cutter_agent.document.grammar import parse_profile

    version = desk.facts().latest_source_version(code)
    return "" if version is None else language_of(parse_profile(version.profile_toml))
