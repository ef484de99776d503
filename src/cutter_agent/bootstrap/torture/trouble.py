"""Trouble from outside at any effect: changed facts, a wrong clock, a broken disk, a full one, a lost sink."""

from __future__ import annotations

import errno
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Final

from cutter_agent.bootstrap.torture.audits import PHASES, audit, outcome
from cutter_agent.bootstrap.torture.crashes import SHORT_POINTS_MAX, Explorer
from cutter_agent.bootstrap.torture.machine import (
    CODE,
    NEXT_TEXT,
    PROFILE,
    TEXT,
    Ended,
    Machine,
    WatchedFacts,
)
from cutter_agent.bootstrap.torture.schedules import Wanted, spread
from cutter_agent.document.units import KINDS
from cutter_agent.errors import StopKbUploadFailed
from cutter_agent.files.kb_reporter import DryRunReporter
from cutter_agent.orchestrator.approval import CLOCK_SKEW_S
from cutter_agent.orchestrator.clock import parse_utc
from cutter_agent.orchestrator.facts import FunctionFingerprint
from cutter_agent.orchestrator.grants import CANONICAL_FUNCTIONS, ROLE_EXEC
from cutter_agent.orchestrator.history import EventKind
from cutter_agent.orchestrator.phases.source_pin import SourcePinned
from cutter_agent.orchestrator.states import OrchestratorState
from cutter_agent.rehearsal.memory_disk import Fault

CLOSED: Final = OrchestratorState.CLOSEOUT_REPORTED
FUNCTION: Final = next(name for name, roles in CANONICAL_FUNCTIONS.items() if ROLE_EXEC in roles)
YEARS: Final = timedelta(days=3653)
CHANGES: Final[dict[str, Callable[[WatchedFacts], object]]] = {
    "source-newer": lambda facts: facts.add_version(CODE, NEXT_TEXT, profile=PROFILE),
    "source-other": lambda facts: facts.replace_source(CODE, NEXT_TEXT),
    "source-edited": lambda facts: facts.replace_source(CODE, NEXT_TEXT, keep_checksum=True),
    "profile-other": lambda facts: facts.add_version(CODE, TEXT, profile="md-policy"),
    "title-other": lambda facts: facts.rename_document(CODE, "another title"),
    "document-gone": lambda facts: facts.remove_document(CODE),
    "vocab-more": lambda facts: facts.replace_vocab({*KINDS, "another"}),
    "vocab-less": lambda facts: facts.replace_vocab(sorted(KINDS)[1:]),
    "function-other": lambda facts: facts.replace_function(FUNCTION, "another body"),
    "function-gone": lambda facts: facts.drop_function(FUNCTION),
    "function-more": lambda facts: facts.replace_function("fn_another", "a body"),
    "grant-more": lambda facts: facts.grant("PUBLIC", "EXECUTE", FUNCTION),
    "grant-gone": lambda facts: facts.revoke(ROLE_EXEC, "EXECUTE", FUNCTION),
}
"""What can change under a run, each in both directions where there are two."""


class AtEffect:
    """Does something once, when so many effects were told."""

    def __init__(self, number: int, work: Callable[[], object]) -> None:
        self.told = 0
        self._number = number
        self._work = work

    def __call__(self, name: str) -> None:
        """Count the effect."""
        del name
        self.told += 1
        if self.told == self._number:
            self._work()


class CountedFacts(WatchedFacts):
    """Facts that count how often they were read as a whole."""

    reads = 0

    def function_fingerprints(self) -> Sequence[FunctionFingerprint]:
        """Return the fingerprints, and count."""
        self.reads += 1
        return super().function_fingerprints()


def points_of(explorer: Explorer, wanted: Wanted) -> range:
    """Effects of the undisturbed run, all or some."""
    points = len(explorer.life(explorer.root).states)
    return spread(points, SHORT_POINTS_MAX if wanted.short else points)


def audited(machine: Machine, *, text: str = TEXT) -> str | None:
    """What the audit finds, in one line."""
    return "; ".join(audit(machine, text.encode(), CODE, PROFILE)) or None


class Drift:
    """A fact changes at an effect, also between the last look at it and the write."""

    name = "drift"

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer

    def schedules(self, wanted: Wanted) -> Iterator[str]:
        """Every change at every effect."""
        for number, change in enumerate(CHANGES):
            points = points_of(self._explorer, wanted)
            yield from (
                f"{change}@{point}" for point in points[number % 3 :: 3 if wanted.short else 1]
            )

    def run(self, schedule: str) -> str | None:
        """The change must stop the run if anybody could see it; changed back, the document can be cut."""
        change, _, point = schedule.partition("@")
        machine = Machine()
        facts = CountedFacts()
        machine.facts = facts
        seen = [0]
        pinned = [False]

        def work() -> None:
            pinned[0] = any(machine.context(r).get(SourcePinned) for r in machine.run_ids())
            CHANGES[change](facts)
            seen[0] = facts.reads

        ended = machine.finish(AtEffect(int(point), work))
        context = machine.newest()
        if context.state is CLOSED:
            if pinned[0] and facts.reads > seen[0]:
                return f"{change} was there to be seen, and the run closed out"
            texts = (TEXT, NEXT_TEXT) if change.startswith("source") else (TEXT,)
            return (
                None if any(audited(machine, text=t) is None for t in texts) else audited(machine)
            )
        if not (context.over or context.stop is not None):
            return f"it neither ends nor stops: {ended.code}"
        found = audited(machine)
        machine.facts = WatchedFacts()
        return found or mended(machine, ended)


def mended(machine: Machine, ended: Ended) -> str | None:
    """A person decides: to retry, which helps where all is again as it was pinned, else to void."""
    if not machine.newest().over:
        machine.decide("retry")
        machine.finish()
    if machine.newest().state is not CLOSED:
        if not machine.newest().over:
            machine.decide("void")
        machine.runner().cut(document_id=CODE)
        machine.finish()
    if machine.newest().state is not CLOSED:
        return f"the document stays blocked after {ended.code}: {machine.newest().state}"
    return audited(machine)


class WrongClock:
    """The clock jumps at an effect, years ahead or back."""

    name = "clock"

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer

    def schedules(self, wanted: Wanted) -> Iterator[str]:
        """Each effect, ten years and some hours, ahead and back."""
        for ahead in ("+3653d", "-3653d", "+13h", "-13h"):
            yield from (f"{ahead}@{point}" for point in points_of(self._explorer, wanted))

    def run(self, schedule: str) -> str | None:
        """Ahead, what expired is asked for again; back, nothing happens until the clock is right."""
        ahead, _, point = schedule.partition("@")
        unit = timedelta(days=1) if ahead.endswith("d") else timedelta(hours=1)
        jump = int(ahead[:-1]) * unit
        machine = Machine()

        def work() -> None:
            machine.ahead = jump

        hook = AtEffect(int(point), work)
        while hook.told < int(point):
            machine.step(hook)
        if jump < timedelta():
            found = self._waits(machine)
            if found is not None:
                return found
            machine.ahead = timedelta()
        ended = machine.finish()
        if machine.newest().state is not CLOSED:
            found = mended(machine, ended)
            if found is not None:
                return found
        return audited(machine)

    def _waits(self, machine: Machine) -> str | None:
        """Nothing more is recorded by a clock that is behind the run's last entry."""
        if not machine.run_ids():
            return None
        before = machine.newest()
        last = parse_utc(before.history.events[-1].at_utc)
        if before.over or last is None or (last - machine.now_utc()).total_seconds() < CLOCK_SKEW_S:
            return None
        ended = machine.step()
        if machine.newest().steps_done != before.steps_done:
            return f"a step was taken while the clock stood before the last entry: {ended.code}"
        return None if ended.code else "the clock stood back and nobody stopped"


class BrokenDisk:
    """One call of the disk fails, or all from there on until somebody makes room."""

    name = "disk"

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer

    def schedules(self, wanted: Wanted) -> Iterator[str]:
        """Every call: an error of the device, a full disk once, a disk that stays full."""
        undisturbed = Machine()
        undisturbed.finish()
        for kind, calls in (
            ("eio", undisturbed.disk.calls),
            ("full", undisturbed.disk.consuming),
            ("stays-full", undisturbed.disk.consuming),
        ):
            at_most = 2 * SHORT_POINTS_MAX if wanted.short else calls
            yield from (f"{kind}@{number}" for number in spread(calls, at_most))

    def run(self, schedule: str) -> str | None:
        """It stops with a code, leaves no litter, repeats no failed fsync, and goes on once mended."""
        kind, _, number = schedule.partition("@")
        code = errno.EIO if kind == "eio" else errno.ENOSPC
        fault = Fault(int(number), code, lasting=kind == "stays-full")
        machine = Machine(fault=fault)
        codes = []
        while not machine.disk.failed:
            codes.append(machine.step().code)
        if fault.lasting:
            codes.append(machine.step().code)
            machine.disk.mend()
        else:
            machine.finish()
        allowed = {"", "STOP_APPROVAL_REQUIRED", "STOP_STORAGE", "STOP_KB_UPLOAD_FAILED"}
        if not set(codes) <= allowed:
            return f"it stopped with {', '.join(sorted(set(codes) - allowed))}"
        ended = machine.finish()
        if ended.result is None or ended.result.state is not CLOSED:
            return f"it does not come to its end: {ended.code}"
        if machine.disk.repeated:
            return "an fsync that had failed was repeated"
        return audited(machine) or self._without_power(machine, ended, schedule)

    def _without_power(self, machine: Machine, ended: Ended, schedule: str) -> str | None:
        """What was told to be done is still so after a power failure."""
        chance = random.Random(schedule)  # noqa: S311 - a schedule that its name repeats
        left = Machine(machine.disk.content.without_power(chance))
        if not left.run_ids() or left.context(left.run_ids()[-1]).state is not CLOSED:
            return "a run that was closed out is not, after a power failure"
        left.finish()
        again = left.context(left.run_ids()[-1])
        if ended.result is None or outcome(again) != outcome(ended.result.context):
            return "a power failure changed what a closed-out run came to"
        return audited(left)


class LostSink:
    """The folder of documents refuses one of them."""

    name = "sink"

    def schedules(self, wanted: Wanted) -> Iterator[str]:
        """Each document of the line."""
        del wanted
        machine = Machine()
        machine.finish()
        (run_id,) = machine.run_ids()
        names = (d.name for d in machine.context(run_id).history.documents)
        yield from (name for name in names if not name.startswith("STOP-"))

    def run(self, schedule: str) -> str | None:
        """No phase after it passes until it lies there."""

        class Refusing(DryRunReporter):
            def put(self, run_id: str, name: str, text: str) -> None:
                if name == schedule:
                    raise StopKbUploadFailed("the sink takes no such document", run_id=run_id)
                super().put(run_id, name, text)

        machine = Machine()
        machine.reporter = Refusing
        codes = {machine.step().code for _ in range(5)}
        if "STOP_KB_UPLOAD_FAILED" not in codes:
            return f"nobody missed it: {', '.join(sorted(codes))}"
        context = machine.newest()
        passed = [e.body for e in context.history.events if e.kind is EventKind.PHASE]
        late = [b["phase"] for b in passed if b["document"] != schedule]
        own = next((b["phase"] for b in passed if b["document"] == schedule), None)
        if own is not None and PHASES.index(str(late[-1] if late else own)) > PHASES.index(
            str(own)
        ):
            return f"{late[-1]} passed while {schedule} was missing"
        machine.reporter = DryRunReporter
        ended = machine.finish()
        if ended.result is None or ended.result.state is not CLOSED:
            return f"it does not come to its end: {ended.code}"
        return audited(machine)
