"""Real texts for a fleet: those of the corpus that a profile cuts without an error, by code."""

from dataclasses import dataclass
from pathlib import Path

from cutter_agent.document.cutplan import plan_cut
from cutter_agent.document.grammar import parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped
from cutter_agent.errors import Stop

FOLDERS = {
    "de-gesetze-md": "de",
    "policy-18f": "md-policy",
    "policy-github": "md-policy",
    "vn-constitution-2013": "vn-constitution",
    "vn-decrees-md": "vn-law",
}
ABOUT = {"PROVENANCE.md", "README.md"}
LENGTH_MAX = 200_000
"""Bytes; a fleet is about many documents, not about long ones."""


@dataclass(frozen=True)
class RealLaw:
    """A text and the profile that cuts it."""

    body: bytes
    profile: str


def real_laws(corpus: Path, most: int) -> dict[str, RealLaw]:
    """At most so many texts of the corpus, in turn from each folder, each of which can be cut."""
    folders = [
        [(name, path) for path in sorted((corpus / name).rglob("*")) if _is_text(path)]
        for name in FOLDERS
    ]
    found: dict[str, RealLaw] = {}
    for turn in range(max(map(len, folders), default=0)):
        for texts in folders:
            if turn < len(texts) and len(found) < most:
                name, path = texts[turn]
                law = RealLaw(path.read_bytes(), FOLDERS[name])
                code = f"{law.profile.upper()}-{turn:03}-{name[:2].upper()}{len(name)}"
                if can_be_cut(law, code):
                    found[code] = law
    return found


def can_be_cut(law: RealLaw, code: str) -> bool:
    """Its profile gives units and finds no error: nothing that a gate would stop."""
    try:
        marked = mark_text(law.body, parse_profile(shipped(law.profile)), code=code)
        plan = plan_cut(marked, law.body, document_id=code, source_version_id="any", in_force=())
    except Stop:
        return False
    return bool(plan.units) and all(each.severity != "error" for each in marked.findings)


def _is_text(path: Path) -> bool:
    return (
        path.suffix in {".md", ".txt"}
        and path.name not in ABOUT
        and path.stat().st_size <= LENGTH_MAX
    )
