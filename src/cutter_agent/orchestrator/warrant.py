"""Warrants: what entitles a writer to write. Two types that no code path can confuse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from cutter_agent.errors import ProductionExecutionNotAuthorized
from cutter_agent.orchestrator.approval import Approved
from cutter_agent.orchestrator.states import Mode

_MINT: Final = object()


@dataclass(frozen=True, slots=True)
class LiveWarrant:
    """The right to write into a database, made only from a verified, signed, live approval.

    Raises:
        ProductionExecutionNotAuthorized: on any other way of making one.
    """

    run_id: str
    request_sha256: str
    _mint: object

    def __post_init__(self) -> None:
        """Refuse a warrant that `live_warrant` did not make."""
        if self._mint is not _MINT:
            raise ProductionExecutionNotAuthorized(
                "a live warrant was not made from a verified approval",
                expected="live_warrant(approved)",
                run_id=self.run_id,
            )


@dataclass(frozen=True, slots=True)
class RehearsalWarrant:
    """The right to write into a world that this program made for one dry run."""

    run_id: str


def live_warrant(run_id: str, approved: Approved) -> LiveWarrant:
    """Return the warrant that a verified approval gives.

    Raises:
        ProductionExecutionNotAuthorized: the approval is simulated, of another run, or unsigned.
    """
    if approved.mode is not Mode.LIVE or approved.simulated or not approved.persons:
        raise ProductionExecutionNotAuthorized(
            "the approval is not a signed approval of a live run", run_id=run_id
        )
    if approved.run_id != run_id:
        raise ProductionExecutionNotAuthorized(
            f"the approval is for run {approved.run_id}", expected=run_id, run_id=run_id
        )
    return LiveWarrant(run_id, approved.request_sha256, _MINT)
