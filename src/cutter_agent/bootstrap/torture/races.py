"""Races: several processes on one machine, taken in turns that chance decides, with no lock on the run."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from cutter_agent.bootstrap.approvals import simulated_approval
from cutter_agent.bootstrap.torture.crashes import Explorer
from cutter_agent.bootstrap.torture.machine import CALLS_MAX, CODE, Machine
from cutter_agent.bootstrap.torture.schedules import Wanted
from cutter_agent.bootstrap.torture.trouble import CLOSED, audited
from cutter_agent.errors import Stop, StopApprovalRequired
from cutter_agent.orchestrator.states import OrchestratorState, Terminal

RACERS_MAX: Final = 8
TURN_LIMIT_S: Final = 60.0
STAGES: Final = {
    "ready": None,
    "sg1": OrchestratorState.AWAITING_CUT_AUTHORIZATION,
    "sg2": OrchestratorState.AWAITING_LIFECYCLE_AUTHORIZATION,
}
FAIR: Final = frozenset(
    {
        "",
        "STOP_APPROVAL_REQUIRED",
        "STOP_APPROVAL_CONSUMED",
        "STOP_LOCK_BUSY",
        "STOP_REPLAY_CONFLICT",
        "STOP_KB_UPLOAD_FAILED",
        "STOP_EVIDENCE_MISMATCH",
    }
)
"""How a racer may end: it did it, it came too late, or it was in another's way."""


class Turns:
    """One of several threads goes on at a time; at each effect chance says which."""

    def __init__(self, racers: int, chance: random.Random) -> None:
        self._chance = chance
        self._gates = [threading.Event() for _ in range(racers)]
        self._running = set(range(racers))
        self._now = 0

    def begin(self) -> None:
        """The first of them goes on."""
        self._pass_on()

    def wait(self, racer: int) -> None:
        """Return when it is this one's turn."""
        if not self._gates[racer].wait(TURN_LIMIT_S):
            raise TimeoutError(f"racer {racer} never had its turn")
        self._gates[racer].clear()

    def turn(self, name: str) -> None:
        """Somebody goes on, perhaps another."""
        del name
        me = self._now
        self._pass_on()
        self.wait(me)

    def leave(self, racer: int) -> None:
        """This one is at its end."""
        self._running.discard(racer)
        if self._running:
            self._pass_on()

    def _pass_on(self) -> None:
        self._now = self._chance.choice(sorted(self._running))
        self._gates[self._now].set()


class Races:
    """Two to eight processes do the same thing with the same approval, with no lock on the run."""

    name = "race"

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer

    def schedules(self, wanted: Wanted) -> Iterator[str]:
        """Every stage with two to eight racers, in turns that follow from the seed."""
        chance = random.Random(wanted.seed)  # noqa: S311 - races that a seed repeats
        for number in range(max(3, wanted.schedules)):
            stage = list(STAGES)[number % len(STAGES)]
            racers = 2 if wanted.short else chance.randrange(2, RACERS_MAX + 1)
            yield f"{stage}:{racers}:{chance.randrange(10**9)}"

    def run(self, schedule: str) -> str | None:
        """One does it, the others do nothing, and the run goes on to its end."""
        stage, racers, seed = schedule.split(":")
        machine = Machine()
        while STAGES[stage] is not None and not (
            machine.run_ids() and machine.newest().state is STAGES[stage]
        ):
            machine.step()
        codes = self._race(machine, int(racers), random.Random(int(seed)))  # noqa: S311 - as above
        if not set(codes) <= FAIR:
            return f"a racer ended with {', '.join(sorted(set(codes) - FAIR))}"
        machine.disk.locks.clear()
        machine.disk.ignores_claims = False
        for run_id in machine.run_ids():
            self._settle(machine, run_id)
        if not any(machine.context(r).state is CLOSED for r in machine.run_ids()):
            return f"nobody comes to the end: {machine.newest().state}"
        return audited(machine)

    def _settle(self, machine: Machine, run_id: str) -> None:
        """People go on with the run; a conflict that a race left in it is decided on: once more."""
        for _ in range(CALLS_MAX):
            context = machine.context(run_id)
            if context.over:
                return
            approval = None
            if context.terminal is Terminal.FAILED:
                machine.runner().escalate(run_id, "retry")
            elif context.state in STAGES.values():
                approval = simulated_approval(context, machine.now_utc())
            with suppress(Stop):
                machine.runner().resume(run_id, approval)

    def _race(self, machine: Machine, racers: int, chance: random.Random) -> list[str]:
        turns = Turns(racers, chance)
        machine.disk.ignores_claims = True
        machine.disk.on_wait = turns.turn
        run_id = machine.run_ids()[-1] if machine.run_ids() else None
        approval = (
            None
            if run_id is None
            else simulated_approval(machine.context(run_id), machine.now_utc())
        )
        codes: list[str] = []

        def go(racer: int) -> None:
            turns.wait(racer)
            try:
                codes.append(self._call(machine, turns, run_id, approval))
            except Exception as error:  # noqa: BLE001 - a racer that breaks is a finding
                codes.append(f"{type(error).__name__}: {error}")
            finally:
                turns.leave(racer)

        threads = [threading.Thread(target=go, args=(n,), daemon=True) for n in range(racers)]
        for thread in threads:
            thread.start()
        turns.begin()
        for thread in threads:
            thread.join(TURN_LIMIT_S * racers)
        machine.disk.on_wait = None
        return codes

    def _call(
        self, machine: Machine, turns: Turns, run_id: str | None, approval: str | None
    ) -> str:
        try:
            runner = machine.runner(turns.turn)
            if run_id is None:
                return runner.cut(document_id=CODE).stop_code or ""
            return runner.resume(run_id, approval).stop_code or ""
        except StopApprovalRequired:
            return ""
        except Stop as stop:
            return stop.code
