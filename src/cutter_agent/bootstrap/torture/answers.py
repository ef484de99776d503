"""Answers given twice, sidecars that are not what was written, approvals that approve nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from cutter_agent.bootstrap.approvals import simulated_approval
from cutter_agent.bootstrap.torture.crashes import SHORT_POINTS_MAX, Explorer
from cutter_agent.bootstrap.torture.machine import RUNS, Machine
from cutter_agent.bootstrap.torture.schedules import Wanted, spread
from cutter_agent.bootstrap.torture.trouble import CLOSED, audited, points_of
from cutter_agent.errors import Stop
from cutter_agent.orchestrator.clock import parse_utc
from cutter_agent.orchestrator.history import EventKind
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import OrchestratorState
from cutter_agent.rehearsal.memory_disk import Inode

PAUSES: Final = {
    "sg1": OrchestratorState.AWAITING_CUT_AUTHORIZATION,
    "sg2": OrchestratorState.AWAITING_LIFECYCLE_AUTHORIZATION,
}


def paused(name: str) -> Machine:
    """A machine whose one run waits at this pause."""
    machine = Machine()
    while not (machine.run_ids() and machine.newest().state is PAUSES[name]):
        machine.step()
    return machine


def essence(context: RunContext) -> list[str]:
    """What a run has done: its phases and what it consumed."""
    return [repr(e.body) for e in context.history.events if e.kind is EventKind.PHASE]


class Duplicates:
    """The same call delivered twice, from every state that a crash can leave."""

    name = "duplicate"

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer

    def schedules(self, wanted: Wanted) -> Iterator[str]:
        """Every effect of the undisturbed run."""
        yield from (str(point) for point in points_of(self._explorer, wanted))

    def run(self, schedule: str) -> str | None:
        """The second call does nothing and answers as the first, or says that it came too late."""
        life = self._explorer.life(self._explorer.root)
        machine = Machine(self._explorer.content(life.states[int(schedule) - 1]).copy())
        if not machine.run_ids():
            machine.step()
        run_id = machine.run_ids()[-1]
        approval = self._approval(machine, run_id)
        first = self._deliver(machine, run_id, approval)
        once = essence(machine.context(run_id))
        second = self._deliver(machine, run_id, approval)
        if essence(machine.context(run_id)) != once:
            return f"delivered twice, it went on: {first}, then {second}"
        same = {first, "STOP_APPROVAL_CONSUMED"} if approval else {first}
        if second not in same:
            return f"the second answer is {second}, the first was {first}"
        return None

    def _approval(self, machine: Machine, run_id: str) -> str | None:
        context = machine.context(run_id)
        if context.state not in PAUSES.values() or context.over:
            return None
        return simulated_approval(context, machine.now_utc())

    def _deliver(self, machine: Machine, run_id: str, approval: str | None) -> str:
        try:
            result = machine.runner().resume(run_id, approval)
        except Stop as stop:
            return stop.code
        return result.stop_code or result.state.value


class Sidecars:
    """A sidecar that was torn, changed, replaced by an older one or taken away."""

    name = "sidecar"

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer

    def schedules(self, wanted: Wanted) -> Iterator[str]:
        """Every length, with and without zeros behind it; flips by chance; every older one; none."""
        chance = random.Random(wanted.seed)  # noqa: S311 - flips that a seed repeats
        length = len(self._sidecar(self._machine())[1])
        at_most = 2 * SHORT_POINTS_MAX if wanted.short else length
        for kind in ("cut", "zeros"):
            yield from (f"{kind}@{at - 1}" for at in spread(length, at_most))
        for _ in range(wanted.schedules):
            yield f"flip@{chance.randrange(length)}.{chance.randrange(8)}"
        for moment in spread(len(self._explorer.moments), at_most):
            yield f"older@{moment}"
        yield "gone@0"

    def run(self, schedule: str) -> str | None:
        """It is refused, never taken for the run's history."""
        kind, _, place = schedule.partition("@")
        machine = self._machine()
        path, data = self._sidecar(machine)
        before = machine.newest().history
        changed = self._changed(kind, place, path, data)
        if changed == data:
            return None
        names = machine.disk.content.folders[str(RUNS)]
        if changed is None:
            del names[path.rpartition("/")[2]]
        else:
            machine.disk.content.inodes[names[path.rpartition("/")[2]]] = Inode(changed, changed)
        try:
            found = machine.store().load(before.header.run_id)
        except Stop:
            return None
        return None if found == before else "it was taken for the run's history"

    def _changed(self, kind: str, place: str, path: str, data: bytes) -> bytes | None:
        if kind == "gone":
            return None
        if kind == "older":
            return self._explorer.moments[int(place) - 1].files().get(path)
        if kind == "flip":
            at, bit = map(int, place.split("."))
            return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
        rest = bytes(len(data) - int(place)) if kind == "zeros" else b""
        return data[: int(place)] + rest

    def _machine(self) -> Machine:
        return Machine(self._explorer.moments[-1].copy())

    def _sidecar(self, machine: Machine) -> tuple[str, bytes]:
        files = machine.disk.content.files()
        return next((p, d) for p, d in files.items() if p.endswith(".json"))


@dataclass(frozen=True, slots=True)
class Forgery:
    """An approval that must not count, and the stop that says so."""

    make: Callable[[Machine, str], str]
    code: str


def _edited(field: str, value: str) -> Forgery:
    def make(machine: Machine, approval: str) -> str:
        del machine
        lines = [x for x in approval.splitlines() if not x.startswith(f"{field}: ")]
        return "\n".join([*lines, f"{field}: {value}", ""])

    return Forgery(make, "STOP_APPROVAL_INVALID")


def _aged(age: timedelta, code: str) -> Forgery:
    def make(machine: Machine, approval: str) -> str:
        signed = f"{machine.now_utc() - age:%Y-%m-%dT%H:%M:%SZ}"
        return _edited("signed_utc", signed).make(machine, approval)

    return Forgery(make, code)


def _other_gate(machine: Machine, approval: str) -> str:
    del machine
    one, other = "SG_1_cut_authz", "SG_2_lifecycle_authz"
    return approval.replace(one, "?").replace(other, one).replace("?", other)


FORGERIES: Final[dict[str, Forgery]] = {
    "other-gate": Forgery(_other_gate, "STOP_APPROVAL_INVALID"),
    "other-run": _edited("run_id", "ictr-20260102T030405Z-00000000"),
    "other-payload": _edited("payload_sha256", "0" * 64),
    "not-explicit": _edited("allowance", "implied"),
    "secret-line": _edited("password", "hunter2"),
    "no-time": _edited("signed_utc", "yesterday"),
    "future": _aged(-timedelta(days=3653), "STOP_APPROVAL_INVALID"),
    "expired": _aged(timedelta(days=3653), "STOP_APPROVAL_EXPIRED"),
    "just-expired": _aged(timedelta(hours=24, seconds=1), "STOP_APPROVAL_EXPIRED"),
    "doubled-line": Forgery(
        lambda _, text: text + text.splitlines()[1] + "\n", "STOP_APPROVAL_INVALID"
    ),
    "empty": Forgery(lambda _m, _t: "\n", "STOP_APPROVAL_INVALID"),
    "unknown-digest": Forgery(lambda _m, _t: "sha256:" + "0" * 64, "STOP_APPROVAL_INVALID"),
    "missing-file": Forgery(lambda _m, _t: "/memory/nowhere", "STOP_APPROVAL_REQUIRED"),
}
"""Simulated approvals that a dry run must refuse; signed ones have a fault of their own."""


class Forgeries:
    """Approvals that are forged, expired, replayed, edited or of another gate; mutants of a good one."""

    name = "forged"

    def __init__(self) -> None:
        self._machines = {name: paused(name) for name in PAUSES}

    def schedules(self, wanted: Wanted) -> Iterator[str]:
        """Each of the table at each gate, the replay of a spent one, and mutants by chance."""
        for gate in PAUSES:
            yield from (f"{gate}:{name}" for name in FORGERIES)
            yield f"{gate}:true"
        yield "sg2:replayed"
        chance = random.Random(wanted.seed)  # noqa: S311 - mutants that a seed repeats
        for _ in range(wanted.schedules):
            yield f"{chance.choice(list(PAUSES))}:mutant-{chance.randrange(10**9)}"

    def run(self, schedule: str) -> str | None:
        """It is refused by name and nothing is done; the good one is taken."""
        gate, _, name = schedule.partition(":")
        machine = Machine(self._machines[gate].disk.content.copy())
        run_id = machine.run_ids()[-1]
        good = simulated_approval(machine.newest(), machine.now_utc())
        before = essence(machine.newest())
        if name == "true":
            machine.runner().resume(run_id, good)
            return None if essence(machine.newest()) != before else "a good approval is refused"
        if name == "replayed":
            return self._replayed()
        code = self._code(machine, run_id, name, good)
        if code is None:
            return None
        if essence(machine.newest()) != before:
            return "it was taken for an approval"
        expected = {FORGERIES[name].code} if name in FORGERIES else _REFUSALS
        return None if code in expected else f"it ended with {code or 'no stop'}"

    def _code(self, machine: Machine, run_id: str, name: str, good: str) -> str | None:
        """The stop that the forgery ends with; None if chance drew no forgery."""
        if name in FORGERIES:
            forged = FORGERIES[name].make(machine, good)
        else:
            forged = mutant(good, random.Random(name))  # noqa: S311 - as above
            if means_yes(forged, good):
                return None
        try:
            return machine.runner().resume(run_id, forged).stop_code or ""
        except Stop as stop:
            return stop.code

    def _replayed(self) -> str | None:
        machine = paused("sg1")
        run_id = machine.run_ids()[-1]
        spent = simulated_approval(machine.newest(), machine.now_utc())
        machine.runner().resume(run_id, spent)
        before = essence(machine.newest())
        try:
            machine.runner().resume(run_id, spent)
        except Stop as stop:
            same = essence(machine.newest()) == before
            good = same and stop.code == "STOP_APPROVAL_CONSUMED"
            machine.finish()
            if good and machine.newest().state is CLOSED:
                return audited(machine)
            return f"a spent approval ended with {stop.code}"
        return "a spent approval was taken again"


_REFUSALS: Final = frozenset(
    {"STOP_APPROVAL_INVALID", "STOP_APPROVAL_EXPIRED", "STOP_APPROVAL_REQUIRED"}
)


def mutant(text: str, chance: random.Random) -> str:
    """The text with one to three characters changed, dropped, doubled or swapped."""
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(text))
        other = chance.choice([chr(chance.randrange(32, 127)), "", text[at] * 2, "\n", "é"])
        text = text[:at] + other + text[at + 1 :]
    return text


def means_yes(text: str, good: str) -> bool:
    """Say whether the text still says all that the good one must say, and nothing against it."""
    said, meant = _lines(text), _lines(good)
    signed = [parse_utc(value) for value in said.get("signed_utc", [])]
    return (
        all(said.get(name) == meant[name] for name in ("gate", "run_id", "allowance"))
        and said.get("payload_sha256", meant["payload_sha256"]) == meant["payload_sha256"]
        and len(signed) == 1
        and signed[0] is not None
    )


def _lines(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon and not line.startswith("#"):
            found.setdefault(key.strip(), []).append(value.strip())
    return found
