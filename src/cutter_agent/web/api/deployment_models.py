"""What the API tells of the deployment: documents, policy, locks, what happened, how it stands."""

from __future__ import annotations

from pydantic import Field

from cutter_agent.web.api.models import FactShown, Given, PageShown, Sha256, Shown


class DocumentShown(Shown):
    """One source version."""

    document_id: str
    title: str
    version_no: int
    source_version_id: str
    sha256: Sha256
    byte_len: int
    media_type: str
    effective_date: str | None
    profile_name: str


class DocumentsShown(PageShown):
    """Source versions, by document, the newest first."""

    rows: list[DocumentShown]


class DriftRowShown(FactShown):
    """One fact; `own` is true where the run changed it itself."""

    own: bool


class DriftShown(Shown):
    """A document's facts as its newest run pinned them, and as they are."""

    document_id: str
    run_id: str
    changed: int
    rows: list[DriftRowShown]


class KeyShown(Shown):
    """One enrolled key."""

    fingerprint: str
    kind: str
    hardware: bool
    valid_from: str
    valid_until: str
    revoked_utc: str
    counts: bool


class PersonShown(Shown):
    """One person of the trust policy."""

    name: str
    keys: list[KeyShown]
    roles: list[str]
    gates: list[str]
    starter: bool


class GateShown(Shown):
    """One gate, and who could decide there now."""

    gate: str
    name: str
    threshold: int
    persons: list[str]
    may: list[str]
    may_not: list[tuple[str, str]]
    reachable: bool


class PolicyShown(Shown):
    """The trust policy; `version` is 0 where none counts."""

    version: int
    sha256: str
    deployment: str
    operator: str
    persons: list[PersonShown]
    gates: list[GateShown]
    same_approver: bool


class LaneShown(Shown):
    """Who drove a document last."""

    document_id: str
    run_id: str
    driver: str
    fence: int
    claimed_utc: str
    driven: bool
    state: str
    over: bool


class LocksShown(PageShown):
    """Who drives what, those first that are driven now."""

    rows: list[LaneShown]


class AuditAsked(Given):
    """What an audit looks for; an empty text asks for nothing."""

    document: str = Field(default="", max_length=100)
    run: str = Field(default="", max_length=100)
    kind: str = Field(default="", max_length=100)
    since: str = Field(default="", max_length=40, description="UTC: 2026-01-31T12:00:00Z.")
    until: str = Field(default="", max_length=40)
    words: str = Field(default="", max_length=200, description="That the record holds.")
    number: int = Field(default=1, ge=1, le=2000)
    size: int = Field(default=50, ge=1, le=200)


class AuditRowShown(Shown):
    """One thing that happened."""

    at_utc: str
    source: str
    document_id: str
    run_id: str
    seq: int
    kind: str
    login: str
    who: list[str]
    sentence: str


class AuditShown(PageShown):
    """What happened, newest first."""

    rows: list[AuditRowShown]


class CheckShown(Shown):
    """One check of `cutter doctor`."""

    name: str
    level: str
    sentence: str
    remedy: str


class SystemShown(Shown):
    """The deployment, its locks and its checks."""

    version: str
    demo: bool
    database: str
    server_version: str
    armed: bool
    switch_reason: str
    switch_actor: str
    switch_utc: str
    execution_enabled: bool
    live: bool
    operator: str
    authors: list[str]
    candidate_cap: int
    sound: bool
    rows: list[CheckShown]
