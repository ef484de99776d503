"""Values that the runner hands to phases beside the ports: what holds around a run."""

from __future__ import annotations

from dataclasses import dataclass

from cutter_agent.orchestrator.facts import MutationReading


@dataclass(frozen=True, slots=True)
class Holding:
    """Which other run holds the document, or None when this one does."""

    held_by: str | None


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """The digest of the trust policy that counts now, or `none`."""

    sha256: str


@dataclass(frozen=True, slots=True)
class Moment:
    """The time at which the present step began, by the clock that decides."""

    utc: str


@dataclass(frozen=True, slots=True)
class CallBegan:
    """What the witness saw when this call of a dry run began; None in live mode."""

    reading: MutationReading | None


@dataclass(frozen=True, slots=True)
class Progress:
    """What earlier steps recorded: the phases that passed, and the documents with their digests."""

    phases: tuple[str, ...]
    documents: tuple[str, ...]
    sha256s: tuple[str, ...]
