"""Lanes: what drives the documents of a batch, one document a lane at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from cutter_agent.errors import Stop, StopUnexpected
from cutter_agent.orchestrator.runner import OrchestratorRunner
from cutter_agent.orchestrator.states import Mode

PAUSING: Final = frozenset({"STOP_APPROVAL_REQUIRED"})


@dataclass(frozen=True, slots=True)
class LaneOrder:
    """What one lane is to do: begin a run of the document, or go on with one."""

    document_id: str
    mode: Mode
    run_id: str | None
    reference: str | None


@dataclass(frozen=True, slots=True)
class LaneAnswer:
    """Where that led: the run, if one came to be, and the stop, if one was met."""

    document_id: str
    run_id: str | None = None
    stop_code: str | None = None
    sentence: str = ""
    fact: str = ""
    remedy: str = ""

    @property
    def failed(self) -> bool:
        """True if it stopped anywhere but at a pause."""
        return self.stop_code is not None and self.stop_code not in PAUSING


class Lanes(Protocol):
    """Drives several orders at once, each with a runner of its own."""

    def drive(self, orders: Iterator[LaneOrder]) -> Iterator[LaneAnswer]:
        """Yield an answer for each order; an order is taken only when a lane is free for it."""
        ...


def drive_order(runner: OrchestratorRunner, order: LaneOrder) -> LaneAnswer:
    """Return where the order led; whatever it raises ends this lane and no other."""
    try:
        if order.run_id is None:
            result = runner.cut(order.document_id, order.mode)
        else:
            result = runner.resume(order.run_id, order.reference)
    except Stop as raised:
        stop = raised
    except Exception as error:  # noqa: BLE001 - a bug met by one document is no other's affair
        stop = StopUnexpected(f"{type(error).__name__}: {error}", document_id=order.document_id)
    else:
        record = result.context.stop
        return LaneAnswer(
            order.document_id,
            result.run_id,
            result.stop_code,
            result.sentence,
            result.sentence if record is None else record.fact,
            result.remedy,
        )
    return stopped_at(order.document_id, order.run_id or stop.run_id, stop)


def stopped_at(document_id: str, run_id: str | None, stop: Stop) -> LaneAnswer:
    """Return the answer of a lane that met this stop."""
    return LaneAnswer(document_id, run_id, stop.code, stop.sentence, stop.fact, stop.remedy)


class OneLane:
    """One lane: an order after the other."""

    def __init__(self, runner: OrchestratorRunner) -> None:
        """Bind the runner."""
        self._runner = runner

    def drive(self, orders: Iterator[LaneOrder]) -> Iterator[LaneAnswer]:
        """Yield the answers in the orders' order."""
        for order in orders:
            yield drive_order(self._runner, order)
