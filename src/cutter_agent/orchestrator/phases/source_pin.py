"""source_pin: fix which bytes of which version of which document this run is about."""

from __future__ import annotations

from dataclasses import dataclass

from cutter_agent.errors import StopDocumentUnknown, StopLockBusy
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.evidence.invariant import Evidence, invariant
from cutter_agent.orchestrator.factsheet import ABSENT, FactSheet, read_facts
from cutter_agent.orchestrator.history import RunHeader
from cutter_agent.orchestrator.ports import Facts
from cutter_agent.orchestrator.world import Holding, PolicyInForce


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePinned(Evidence):
    """The source version and every fact that the run rests on, as they stood when it began."""

    document_id: str
    title: str | None
    source_version_id: str | None
    version_no: int | None
    stored_sha256: str | None
    byte_len: int
    media_type: str
    effective_date: str | None
    profile_name: str
    facts: FactSheet
    units_total: int
    units_draft: int
    units_enacted: int
    lifecycle_rows: int
    held_by: str | None

    @property
    def region_sha256(self) -> str:
        """The digest of the whole source: the region that is cut."""
        return self.facts.source_sha256

    @invariant(stop=StopDocumentUnknown)
    def source_document_row_exists(self) -> bool:
        """The database has a source document with this code."""
        return self.title is not None

    @invariant()
    def source_version_pinned(self) -> bool:
        """The document has a source version, and it is pinned by its id and number."""
        return self.source_version_id is not None and (self.version_no or 0) > 0

    @invariant()
    def source_checksum_present(self) -> bool:
        """The stored checksum is the SHA-256 of the source bytes as they were read."""
        return self.stored_sha256 is not None and self.stored_sha256 == self.facts.source_sha256

    @invariant(stop=StopLockBusy)
    def document_not_in_flight(self) -> bool:
        """No other run is in flight for this document."""
        return self.held_by is None


def source_pin(
    run: RunHeader, facts: Facts, holding: Holding, policy: PolicyInForce
) -> SourcePinned:
    """Read the newest source version and the facts around it once; later phases read only this."""
    document = facts.find_source_document(run.document_id)
    version = facts.latest_source_version(run.document_id)
    sheet = read_facts(facts, run.document_id, policy_sha256=policy.sha256)
    census = facts.census(run.document_id)
    source = b"" if version is None else facts.source_bytes(version.source_version_id)
    checked = sheet.source_sha256 in (ABSENT, sha256_hex(source))
    return SourcePinned(
        document_id=run.document_id,
        title=None if document is None else document.title,
        source_version_id=None if version is None else version.source_version_id,
        version_no=None if version is None else version.version_no,
        stored_sha256=version.sha256 if version is not None and checked else None,
        byte_len=len(source),
        media_type="" if version is None else version.media_type,
        effective_date=None if version is None else version.effective_date,
        profile_name="" if version is None else version.profile_name,
        facts=sheet,
        units_total=census.total,
        units_draft=census.draft,
        units_enacted=census.enacted,
        lifecycle_rows=census.lifecycle_rows,
        held_by=holding.held_by,
    )
