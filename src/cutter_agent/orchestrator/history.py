"""The history of a run: a header and events in order. State, pins and outcome are derived from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cutter_agent.evidence.canonical import Json
from cutter_agent.orchestrator.states import Mode


@dataclass(frozen=True, slots=True)
class RunHeader:
    """What is fixed when a run is created."""

    run_id: str
    document_id: str
    mode: Mode
    starter: str
    created_utc: str
    candidate_cap: int

    @property
    def date(self) -> str:
        """The UTC date of the run id, as document names carry it: YYYY-MM-DD."""
        stamp = self.run_id.split("-")[1]
        return f"{stamp[0:4]}-{stamp[4:6]}-{stamp[6:8]}"


class EventKind(StrEnum):
    """Every kind of event that a run's history knows."""

    OPENED = "opened"
    PHASE = "phase"
    """A phase's evidence passed its gate."""
    REQUEST = "request"
    """A pause wrote its approval request."""
    STOP = "stop"
    DECISION = "decision"
    """A signed SG_3 decision: retry or void."""
    PROOF = "proof"
    """The non-mutation proof of one call of a dry run."""


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One entry of a history; `body` is a JSON object whose form depends on the kind."""

    seq: int
    kind: EventKind
    at_utc: str
    body: dict[str, Json]


@dataclass(frozen=True, slots=True)
class RunDocument:
    """One document of a run: file name, digest of its UTF-8 bytes, text."""

    name: str
    sha256: str
    text: str


@dataclass(frozen=True, slots=True)
class RunHistory:
    """All that is recorded of a run."""

    header: RunHeader
    events: tuple[RunEvent, ...]
    documents: tuple[RunDocument, ...]
    fence: int
