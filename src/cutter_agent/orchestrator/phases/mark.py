"""mark: find every unit of the pinned text, and account for every byte."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from cutter_agent.errors import StopOverSize
from cutter_agent.evidence.canonical import canonical_bytes, sha256_hex
from cutter_agent.evidence.codec import to_json
from cutter_agent.evidence.invariant import Evidence, invariant
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.phases.source_pin import SourcePinned
from cutter_agent.orchestrator.reading import Reading

_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked(Evidence):
    """How many units of which standing the text has, and how its bytes are accounted for."""

    region_sha256: str
    profile_sha256: str
    candidate_count: int
    candidate_cap: int
    excluded_count: int
    candidate_bytes: int
    excluded_bytes: int
    non_content_bytes: int
    residue_bytes: int
    unaccounted_bytes: int
    tiled_bytes: int
    duplicate_addresses: tuple[str, ...]
    duplicate_count: int
    findings: int
    errors: int
    findings_sha256: str

    @invariant()
    def region_sha_matches_source(self, source: SourcePinned) -> bool:
        """The marked bytes are the pinned bytes, read by the pinned profile."""
        return (
            self.region_sha256 == source.facts.source_sha256
            and self.profile_sha256 == source.facts.profile_sha256
        )

    @invariant(stop=StopOverSize)
    def candidate_count_in_bounds(self) -> bool:
        """There is at least one candidate unit, and no more than the deployment's cap."""
        return 1 <= self.candidate_count <= self.candidate_cap

    @invariant()
    def coverage_closed(self, source: SourcePinned) -> bool:
        """Candidates, exclusions, non-content and residue are the whole source, byte for byte."""
        parts = (
            self.candidate_bytes + self.excluded_bytes + self.non_content_bytes + self.residue_bytes
        )
        return (
            self.unaccounted_bytes == 0
            and parts == source.byte_len
            and self.tiled_bytes == source.byte_len
        )

    @invariant()
    def addresses_unique(self) -> bool:
        """No two units share an address."""
        return self.duplicate_count == 0


def mark(run: RunHeader, reading: Reading) -> Marked:
    """Mark the pinned text. Pure: the same bytes and profile always give the same marks.

    Raises:
        StopSourceUnreadable: the bytes are no text.
        StopOverSize: the text has no unit at all.
    """
    marked = reading.marked
    counts = Counter(unit.address for unit in marked.units)
    doubles = sorted(address for address, count in counts.items() if count > 1)
    findings = [to_json(finding) for finding in marked.findings]
    return Marked(
        region_sha256=reading.source_sha256,
        profile_sha256=sha256_hex(reading.version.profile_toml),
        candidate_count=len(marked.candidates),
        candidate_cap=run.candidate_cap,
        excluded_count=len(marked.excluded),
        candidate_bytes=marked.coverage.candidate_bytes,
        excluded_bytes=marked.coverage.excluded_bytes,
        non_content_bytes=marked.coverage.non_content_bytes,
        residue_bytes=marked.coverage.residue_bytes,
        unaccounted_bytes=marked.coverage.unaccounted_bytes,
        tiled_bytes=_tiled_bytes(reading),
        duplicate_addresses=tuple(doubles[:_SHOWN]),
        duplicate_count=len(doubles),
        findings=len(marked.findings),
        errors=sum(finding.severity == "error" for finding in marked.findings),
        findings_sha256=sha256_hex(canonical_bytes(findings)),
    )


def _tiled_bytes(reading: Reading) -> int:
    """Return how far the own spans, sorted, run from byte 0 without gap or overlap."""
    end = 0
    spans = sorted(span for unit in reading.marked.units for span in unit.own_spans)
    for start, stop in spans:
        if start != end or stop < start:
            return end
        end = stop
    return end
