"""ADAPTER: the whole world in memory, where dry runs have their effects and tests their database."""

from cutter_agent.rehearsal.in_memory import InMemoryDiscoverer
from cutter_agent.rehearsal.live_dry_run import LiveDryRunDiscoverer
from cutter_agent.rehearsal.simulator import (
    CutplanRow,
    EnactResult,
    IUCreateResult,
    MarkRow,
    TriggerCheck,
)
from cutter_agent.rehearsal.world import RehearsalWorld

__all__ = [
    "CutplanRow",
    "EnactResult",
    "IUCreateResult",
    "InMemoryDiscoverer",
    "LiveDryRunDiscoverer",
    "MarkRow",
    "RehearsalWorld",
    "TriggerCheck",
]
