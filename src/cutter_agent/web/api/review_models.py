"""What the API tells of plans, units, evidence and batches."""

from __future__ import annotations

from pydantic import Field

from cutter_agent.web.api.models import PageShown, Sha256, Shown


class UnitRowShown(Shown):
    """One unit of a source, and what the plan does with it."""

    address: str
    kind: str
    alias: str
    num: str
    heading: str
    depth: int
    change: str
    reason: str


class UnitRowsShown(PageShown):
    """A page of the plan's tree, in the order of the source."""

    rows: list[UnitRowShown]


class RemarkShown(Shown):
    """A finding about the text, and the unit that it lies in."""

    code: str
    severity: str
    start: int
    sentence: str
    address: str | None


class PieceShown(Shown):
    """A stretch of text: same, gone or came."""

    fate: str
    text: str


class DifferenceShown(Shown):
    """What becomes of one unit: its text before and after, as stretches."""

    address: str
    change: str
    kind: str
    heading: str
    pieces: list[PieceShown]


class DifferencesShown(PageShown):
    """What would be different: changed first, then retired, then new."""

    rows: list[DifferenceShown]


class StretchShown(Shown):
    """A stretch of a line; lit where it is the unit's own."""

    text: str
    lit: bool


class SourceLineShown(Shown):
    """One line of the source with its number from 1."""

    number: int
    stretches: list[StretchShown]


class SourceShown(Shown):
    """The source around a unit; offsets are bytes of the whole source."""

    lines: list[SourceLineShown]
    start: int
    end: int
    size: int
    whole: bool


class CoverageShown(Shown):
    """Where every byte of the source went."""

    candidate_bytes: int
    excluded_bytes: int
    non_content_bytes: int
    residue_bytes: int
    unaccounted_bytes: int


class PlanShown(Shown):
    """A run's plan, a page of its tree and of its differences, and the source around one unit."""

    run_id: str
    document_id: str
    language: str
    version_no: int
    profile: str
    source_sha256: Sha256
    plan_sha256: Sha256
    manifest_root: Sha256
    tree_size: int
    counts: dict[str, int]
    coverage: CoverageShown
    remarks: list[RemarkShown]
    remarks_left_out: int
    only_changes: bool
    tree: UnitRowsShown
    selected: UnitRowShown | None
    before: str | None
    after: str | None
    source: SourceShown | None
    differences: DifferencesShown


class LinkShown(Shown):
    """One link of the chain: what is known, its digest, and who stands for it."""

    name: str
    known: bool
    sha256: str
    by: list[str]
    said: str


class LeavesShown(PageShown):
    """A page of the addresses whose records are the leaves, in order."""

    rows: list[str]


class EvidenceShown(Shown):
    """The evidence of a run, as far as it has come; the bundle holds it all once it is complete."""

    run_id: str
    document_id: str
    mode: str
    state: str
    complete: bool
    chain: list[LinkShown]
    leaves: LeavesShown
    selected: str
    known: dict[str, str] = Field(
        description="What a bundle of this run must have: run_id, executor, verifier, policy, log."
    )


class ForceRowShown(Shown):
    """One unit in force."""

    address: str
    kind: str
    heading: str
    opening: str
    version_no: int
    effective_from: str


class UnitsShown(PageShown):
    """A page of the units of a document that are in force."""

    rows: list[ForceRowShown]


class VersionShown(Shown):
    """One version of a unit: when it was in force, its text, and how it differs from the one before."""

    version_no: int
    source_version_no: int
    run_id: str
    effective_from: str
    effective_until: str | None
    in_force: bool
    text: str
    pieces: list[PieceShown]


class UnitShown(Shown):
    """One unit with its versions, the newest first; `/citations` has the proof of the one in force."""

    address: str
    document_id: str
    language: str
    versions: list[VersionShown]


class BatchRowShown(Shown):
    """One batch; `fault` says why it cannot be read."""

    batch_id: str
    mode: str
    state: str
    began_utc: str
    moved_utc: str
    counts: dict[str, int]
    fault: str


class BatchesShown(PageShown):
    """Batches, the one that moved last first."""

    rows: list[BatchRowShown]


class BoardItemShown(Shown):
    """One document of a batch, in the lane that it stands in."""

    document_id: str
    run_id: str
    lane: str
    state: str
    steps_done: int
    waits_for: str
    attempts: int
    stop_code: str
    sentence: str
    remedy: str


class BatchShown(Shown):
    """One batch with its documents."""

    row: BatchRowShown
    items: list[BoardItemShown]
