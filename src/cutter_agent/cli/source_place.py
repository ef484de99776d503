"""`cutter source show --unit`: where in the stored file a unit of the newest version is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cutter_agent.cli.document_file import LineNumbers, place_of
from cutter_agent.cli.output import Output, seen
from cutter_agent.cli.session import opened
from cutter_agent.errors import StopDocumentUnknown, StopRefusedInput

if TYPE_CHECKING:
    from cutter_agent.document.units import MarkedText, Unit
    from cutter_agent.evidence.canonical import Json
    from cutter_agent.postgres.deployment import Original


def show_place(code: str, address: str, out: Output) -> None:
    """The unit's place in the file stands written.

    Raises:
        StopDocumentUnknown: no document has the code.
        StopRefusedInput: the newest version has no such unit.
    """
    from cutter_agent.bootstrap.sources import original_of
    from cutter_agent.document.grammar import parse_profile
    from cutter_agent.document.marks import mark_text

    with opened(out) as desk:
        facts = desk.facts()
        version = facts.latest_source_version(code)
        if version is None:
            raise StopDocumentUnknown(
                f"no document is called {code[:80]!a}", document_id=code if code.isascii() else None
            )
        text = facts.source_bytes(version.source_version_id)
        original = original_of(desk, version.source_version_id)
    unit = _named(mark_text(text, parse_profile(version.profile_toml), code=code), address)
    document: dict[str, Json] = {
        "schema": "cutter.source-place/1",
        "document_id": code,
        "version_no": version.version_no,
        "address": unit.address,
        "start": unit.start,
        "end": unit.end,
        "media_type": "text/plain" if original is None else original.media_type,
        "trust": "exact" if original is None else original.text_trust,
        "place": _place(unit, text, original),
    }
    out.data(document, lambda: _lines(document))


def _named(marked: MarkedText, address: str) -> Unit:
    for unit in marked.units:
        if unit.address == address:
            return unit
    raise StopRefusedInput(
        f"no unit of the newest version is called {address[:120]!a}",
        expected="an address of this document",
        remedy="cutter mark FILE --tree",
    )


def _place(unit: Unit, text: bytes, original: Original | None) -> dict[str, Json]:
    """Where the unit is; in a file that is its own text, at the bytes that the marks count."""
    if original is None:
        lines = LineNumbers(text).of((unit.start, unit.end))
        return {"bytes": [unit.start, unit.end], "lines": [*lines]}
    from cutter_agent.files.readers.extracted import parse_map

    return place_of(unit, parse_map(original.map_body), LineNumbers(original.body))


def _lines(document: dict[str, Json]) -> list[str]:
    place = document["place"]
    assert isinstance(place, dict)
    told = [f"{document['address']}  v{document['version_no']}, trust: {document['trust']}"]
    told.append(f"  text   bytes {document['start']} to {document['end']}")
    for name in ("bytes", "lines"):
        span = place.get(name)
        if isinstance(span, list):
            told.append(f"  file   {name} {span[0]} to {span[1]}")
    told += [f"  {name:<6} {seen(str(place[name]))}" for name in ("from", "to") if name in place]
    return told
