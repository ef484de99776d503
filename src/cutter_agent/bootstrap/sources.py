"""Sources: checked as a cut would read them, then stored byte for byte by the administrator's role."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from cutter_agent.document.units import MarkedText
from cutter_agent.errors import StopDocumentUnknown, StopOverSize, StopRefusedInput
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.evidence.render import visible
from cutter_agent.orchestrator import ids
from cutter_agent.orchestrator.grants import ROLE_ADMIN, ROLE_READER

if TYPE_CHECKING:
    from cutter_agent.bootstrap.desk import Desk
    from cutter_agent.files.readers.extracted import Extracted
    from cutter_agent.postgres.deployment import AddedSource, ListedSource, Original

TITLE_CHARS_MAX: Final = 200
HEAD_BYTES: Final = 16 * 1024
_CODE: Final = re.compile(r"[A-Z0-9][A-Z0-9-]{0,62}")
_MARKDOWN: Final = frozenset({".md", ".markdown"})
_PROFILE_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A source as an administrator gives it.

    Attributes:
        code: document id and address prefix in one.
        body: the bytes, exactly as they are to be kept.
        profile_toml: the profile that its marks are found by.
        media_type: the format of the bytes.
        title: for people; empty takes the text's first line.
        effective_date: ISO date from which the text is in force, or None.
        read_from: the file that the body is the text of, and the reading; None where it is the file.
    """

    code: str
    body: bytes
    profile_toml: bytes
    media_type: str = "text/markdown"
    title: str = ""
    effective_date: str | None = None
    read_from: tuple[bytes, Extracted] | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A source that the database holds, and what a cut of it would find."""

    added: AddedSource
    sha256: str
    title: str
    marked: MarkedText


def media_type_of(name: str) -> str:
    """The media type that a file's name suggests."""
    return "text/markdown" if PurePath(name).suffix.lower() in _MARKDOWN else "text/plain"


def media_type_read(extracted: Extracted) -> str:
    """The media type of a text that was read from another format: it names the format and the trust."""
    last = extracted.media_type.rpartition("/")[2]
    name = "word" if last.endswith("wordprocessingml.document") else last.replace("+", "-")
    return f"text/markdown; from={name}; trust={extracted.trust}"


def check_source(offer: Offer) -> MarkedText:
    """The marks of the source, if a cut could begin with it; nothing is written.

    Raises:
        StopRefusedInput: the code cannot be one, or the profile is not sound.
        StopSourceUnreadable: the bytes are no text.
        StopOverSize: there is no unit in them that would be cut.
    """
    from cutter_agent.document.grammar import parse_profile
    from cutter_agent.document.marks import mark_text

    if not _CODE.fullmatch(offer.code):
        raise StopRefusedInput(
            f"{offer.code[:80]!a} cannot be the code of a document",
            expected="capital letters, digits and dashes, at most 63, such as ICX-CONST",
            remedy="cutter source add FILE --code CODE",
        )
    marked = mark_text(offer.body, parse_profile(offer.profile_toml), code=offer.code)
    check_size(marked)
    return marked


def check_size(marked: MarkedText, units_max: int | None = None) -> None:
    """Return only if the text has a unit that would be cut, and no more than may be.

    Raises:
        StopOverSize: it has none, or more than `units_max`.
    """
    count = len(marked.candidates)
    expected = "at least 1 unit"
    if units_max is not None and count > units_max:
        expected = f"at most {units_max}, the cap in the deployment's settings"
    elif count:
        return
    raise StopOverSize(f"{count} units", expected=expected, remedy="cutter mark FILE --tree")


def add_source(desk: Desk, offer: Offer, marked: MarkedText | None = None) -> Stored:
    """The document's newest source version is this one; the same bytes again change nothing.

    Args:
        desk: the deployment.
        offer: the source.
        marked: its marks, if `check_source` has found them already.

    Raises:
        StopRefusedInput, StopSourceUnreadable: see `check_source`.
        StopOverSize: it has no unit, or more than the deployment's settings allow.
        StopReplayConflict: somebody added another version at the same moment.
    """
    from cutter_agent.document.grammar import parse_profile
    from cutter_agent.postgres import deployment

    marked = marked or check_source(offer)
    check_size(marked, desk.settings.candidate_cap)
    profile = parse_profile(offer.profile_toml)
    if not _PROFILE_NAME.fullmatch(profile.name):
        raise StopRefusedInput(
            f"the profile's name {profile.name[:80]!a} is not a plain word",
            remedy="cutter source add FILE --code CODE --profile NAME",
        )
    versions = source_versions(desk, offer.code)
    sha256 = sha256_hex(offer.body)
    title = offer.title or (versions[0].title if versions else "") or _first_line(offer)
    number = versions[0].version_no + 1 if versions else 1
    source = deployment.NewSource(
        document_id=offer.code,
        title=title,
        source_version_id=ids.source_version_id(
            offer.code, number, sha256, profile.toml_sha256, offer.effective_date or ""
        ),
        body=offer.body,
        media_type=offer.media_type,
        effective_date=offer.effective_date,
        profile_name=profile.name,
        profile_toml=offer.profile_toml,
        original=_original(offer),
    )
    added = deployment.add_source(desk.access.login(ROLE_ADMIN), source)
    return Stored(added, sha256, title, marked)


def original_of(desk: Desk, source_version_id: str) -> Original | None:
    """The file that a stored text was read from, with its map; None where the text is the file."""
    from cutter_agent.postgres.deployment import original_of as found

    return found(desk.access.login(ROLE_READER), source_version_id)


def _original(offer: Offer) -> Original | None:
    """The file that the text was read from, as the database keeps it."""
    from cutter_agent.postgres.deployment import Original

    if offer.read_from is None:
        return None
    source, extracted = offer.read_from
    return Original(
        body=source,
        media_type=extracted.media_type,
        text_trust=extracted.trust,
        map_body=extracted.spans.encoded(),
    )


def all_sources(desk: Desk) -> tuple[ListedSource, ...]:
    """Every source version, by document, the newest first."""
    from cutter_agent.postgres.deployment import list_sources

    return tuple(list_sources(desk.access.login(ROLE_READER)))


def source_versions(desk: Desk, code: str) -> tuple[ListedSource, ...]:
    """The versions of one document, the newest first; none if there is no such document."""
    return tuple(each for each in all_sources(desk) if each.document_id == code)


def known_versions(desk: Desk, code: str) -> tuple[ListedSource, ...]:
    """The versions of a document that exists.

    Raises:
        StopDocumentUnknown: it does not.
    """
    found = source_versions(desk, code)
    if not found:
        raise StopDocumentUnknown(
            f"{code[:80]!a} is not among the sources", document_id=code if code.isascii() else None
        )
    return found


def _first_line(offer: Offer) -> str:
    """The text's first heading, else its first line with letters; the code where there is neither."""
    lines = offer.body[:HEAD_BYTES].decode("utf-8", "replace").splitlines()
    headings = [line for line in lines if line.startswith("# ")]
    for line in (*headings, *lines):
        words = visible(line.strip("#*_= \t"))
        if any(character.isalpha() for character in words):
            return words[:TITLE_CHARS_MAX]
    return offer.code
