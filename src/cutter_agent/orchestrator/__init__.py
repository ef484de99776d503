"""PURE: the run. Its names resolve lazily, so that the core imports nothing outward (Contract 8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from cutter_agent.files.approval_file import validate_sovereign_approval
    from cutter_agent.files.kb_reporter import DryRunReporter
    from cutter_agent.files.state_store import StateStore
    from cutter_agent.orchestrator.approval import ApprovalRecord
    from cutter_agent.orchestrator.batch import BatchRunner
    from cutter_agent.orchestrator.batch_queue import Queue, QueueItem
    from cutter_agent.orchestrator.discover import LiveReadOnlyDiscoverer
    from cutter_agent.orchestrator.ports import Discoverer, KBReporter
    from cutter_agent.orchestrator.run_context import RunContext
    from cutter_agent.orchestrator.runner import OrchestratorRunner
    from cutter_agent.orchestrator.states import Mode, OrchestratorState
    from cutter_agent.rehearsal import InMemoryDiscoverer, LiveDryRunDiscoverer

__execution_enabled__ = False
"""The kill-switch. It stays False in the source; a deployment's settings may allow execution."""

_NAMES: Final = {
    "ApprovalRecord": "cutter_agent.orchestrator.approval",
    "BatchRunner": "cutter_agent.orchestrator.batch",
    "Discoverer": "cutter_agent.orchestrator.ports",
    "DryRunReporter": "cutter_agent.files.kb_reporter",
    "InMemoryDiscoverer": "cutter_agent.rehearsal",
    "KBReporter": "cutter_agent.orchestrator.ports",
    "LiveDryRunDiscoverer": "cutter_agent.rehearsal",
    "LiveReadOnlyDiscoverer": "cutter_agent.orchestrator.discover",
    "Mode": "cutter_agent.orchestrator.states",
    "OrchestratorRunner": "cutter_agent.orchestrator.runner",
    "OrchestratorState": "cutter_agent.orchestrator.states",
    "Queue": "cutter_agent.orchestrator.batch_queue",
    "QueueItem": "cutter_agent.orchestrator.batch_queue",
    "RunContext": "cutter_agent.orchestrator.run_context",
    "StateStore": "cutter_agent.files.state_store",
    "validate_sovereign_approval": "cutter_agent.files.approval_file",
}

__all__ = [
    "ApprovalRecord",
    "BatchRunner",
    "Discoverer",
    "DryRunReporter",
    "InMemoryDiscoverer",
    "KBReporter",
    "LiveDryRunDiscoverer",
    "LiveReadOnlyDiscoverer",
    "Mode",
    "OrchestratorRunner",
    "OrchestratorState",
    "Queue",
    "QueueItem",
    "RunContext",
    "StateStore",
    "execution_enabled",
    "validate_sovereign_approval",
]


def execution_enabled(*, setting: bool = False) -> bool:
    """Say whether live execution is enabled: the constant, read now, or the deployment's setting."""
    return __execution_enabled__ is True or setting is True


def __getattr__(name: str) -> Any:
    """Import a public name's module when the name is first asked for."""
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_NAMES[name]), name)
    globals()[name] = value
    return value
