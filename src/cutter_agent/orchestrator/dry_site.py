"""Where dry runs happen: the sidecar is the store, effects live in a world in memory.

Nothing is written outside the runs folder. The world is made anew whenever a run is claimed, and the
runner repeats the recorded effects in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from cutter_agent.errors import (
    ApprovalConsumedAlready,
    ProductionExecutionNotAuthorized,
    StopEvidenceMismatch,
    StopLockBusy,
    StopRunUnknown,
)
from cutter_agent.evidence.canonical import Json
from cutter_agent.orchestrator.approval import NONE
from cutter_agent.orchestrator.history import (
    EventKind,
    RunDocument,
    RunEvent,
    RunHeader,
    RunHistory,
)
from cutter_agent.orchestrator.orders import Consumption, Refusal
from cutter_agent.orchestrator.ports import Claim, Facts, Rehearsal, RehearsalDiscoverer, Step
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import Mode, Role
from cutter_agent.orchestrator.warrant import LiveWarrant, RehearsalWarrant


class SidecarStore(Protocol):
    """Histories as files, one a run: `<runs dir>/<run_id>.json`."""

    def now_utc(self) -> datetime:
        """Return the machine's time."""
        ...

    def nonce(self) -> str:
        """Return 32 fresh hexadecimal digits."""
        ...

    def create(self, history: RunHistory) -> None:
        """Write the first sidecar of a run, durably.

        Raises:
            StopReplayConflict: a run with this id exists.
            StopStorage: it could not be written durably.
        """
        ...

    def load(self, run_id: str) -> RunHistory:
        """Return the history, checked against its own digest.

        Raises:
            StopRunUnknown: there is no such run.
            StopEvidenceMismatch: the sidecar is torn or edited.
        """
        ...

    def save(self, history: RunHistory, view: Json) -> None:
        """Replace the sidecar by this history and derived view: old or new, never torn.

        Raises:
            StopStorage: it could not be written durably; the old one stays.
        """
        ...

    def run_ids(self) -> Sequence[str]:
        """Return the ids of all runs, oldest first."""
        ...

    def lock(self, name: str) -> AbstractContextManager[None]:
        """Hold a named lock among all processes that use this folder.

        Raises:
            StopLockBusy: another process holds it.
        """
        ...


@dataclass(frozen=True, slots=True)
class DryClaim:
    """The claim of a dry run."""

    run_id: str
    fence: int


@dataclass(slots=True)
class DryStep:
    """One step of a dry run: what it appends is saved when the step ends well."""

    ports: Mapping[type, object]
    facts: Facts
    store: SidecarStore
    site: DrySite
    history: RunHistory
    events: list[RunEvent] = field(default_factory=list)
    documents: list[RunDocument] = field(default_factory=list)

    def consume(self, consumption: Consumption) -> None:
        """Refuse an approval that any dry run in this folder has spent."""
        spent_by = self.site.consumed_by(consumption.request_sha256)
        if spent_by is not None:
            raise ApprovalConsumedAlready(f"run {spent_by} has used it", run_id=consumption.run_id)

    def refuse(self, refusal: Refusal) -> None:
        """Keep no signature: a dry run's record is its folder, where the signature lies already."""
        del refusal

    def append(self, event: RunEvent, documents: Sequence[RunDocument]) -> None:
        """Keep the event and its documents for the end of the step."""
        self.events.append(event)
        self.documents.extend(documents)

    def close(self) -> None:
        """Nothing more than the closeout's evidence marks the end of a dry run."""


class DrySite:
    """The site of Mode.DRYRUN."""

    def __init__(self, store: SidecarStore, discoverer: RehearsalDiscoverer) -> None:
        """Bind the folder of sidecars to the facts and their rehearsal world."""
        self._store = store
        self._discoverer = discoverer
        self._worlds: dict[str, Rehearsal] = {}

    @property
    def mode(self) -> Mode:
        """Mode.DRYRUN, always."""
        return Mode.DRYRUN

    @property
    def facts(self) -> Facts:
        """The discoverer's facts."""
        return self._discoverer

    @property
    def replays_effects(self) -> bool:
        """True: the world in memory is gone when a process ends."""
        return True

    def ports(self, run: RunHeader, warrant: RehearsalWarrant | None) -> Mapping[type, object]:
        """Return the rehearsal world's ports; each claim of the run begins with a fresh world."""
        if run.run_id not in self._worlds:
            self._worlds[run.run_id] = self._discoverer.rehearsal(run)
        return self._worlds[run.run_id].ports(warrant or RehearsalWarrant(run.run_id))

    def now_utc(self) -> datetime:
        """Return the machine's time."""
        return self._store.now_utc()

    def nonce(self) -> str:
        """Return 32 fresh hexadecimal digits."""
        return self._store.nonce()

    def log_head(self) -> str:
        """Return none: a dry run leaves nothing in a log."""
        return NONE

    def open_run(self, header: RunHeader, event: RunEvent) -> str | None:
        """Write the run's first sidecar."""
        self._store.create(RunHistory(header, (event,), (), 0))
        return self.holder(header.document_id, header.run_id)

    def load(self, run_id: str) -> RunHistory:
        """Return the sidecar's history.

        Raises:
            StopRunUnknown: there is no such dry run.
        """
        history = self._store.load(run_id)
        if history.header.mode is not Mode.DRYRUN:
            raise StopRunUnknown(f"{run_id} is a live run", run_id=run_id)
        return history

    def holder(self, document_id: str, run_id: str) -> str | None:
        """Return another dry run of the document that is neither over nor failed, if there is one.

        Of two that began at once the one with the smaller id holds the document.
        """
        for context in self._contexts(skip_unreadable=True):
            same = context.document_id == document_id and context.run_id != run_id
            if same and _holds(context, run_id):
                return context.run_id
        return None

    def enacted_by(self, source_version_id: str) -> str | None:
        """Return None: a dry run enacts nothing."""
        del source_version_id
        return None

    def consumed_by(self, request_sha256: str) -> str | None:
        """Return the dry run of this folder that spent the approval, or None."""
        for context in self._contexts():
            for event in context.history.events:
                spent = event.body.get("consumed")
                if isinstance(spent, str) and spent == request_sha256:
                    return context.run_id
        return None

    def knows(self, run_id: str) -> bool:
        """Say whether this folder holds a dry run with this id."""
        try:
            return self._store.load(run_id).header.mode is Mode.DRYRUN
        except StopRunUnknown:
            return False

    def _contexts(self, *, skip_unreadable: bool = False) -> Iterator[RunContext]:
        for run_id in self._store.run_ids():
            try:
                history = self._store.load(run_id)
                context = RunContext(history)
                mine = history.header.mode is Mode.DRYRUN and bool(context.state)
            except StopEvidenceMismatch as damaged:
                if skip_unreadable:
                    continue
                raise StopEvidenceMismatch(
                    f"the sidecar of {run_id} cannot be read: {damaged.fact}",
                    expected="every sidecar of the folder readable",
                    run_id=run_id,
                    remedy="mv {run}.json {run}.json.damaged",
                ) from damaged
            if mine:
                yield context

    @contextmanager
    def claim(self, run_id: str) -> Iterator[Claim]:
        """Hold the run's lock file and count the fence up."""
        with self._store.lock(run_id):
            history = self._store.load(run_id)
            self._worlds.pop(run_id, None)
            yield DryClaim(run_id, history.fence + 1)

    @contextmanager
    def step(
        self, claim: Claim, acts_as: Role, warrant: LiveWarrant | RehearsalWarrant | None
    ) -> Iterator[Step]:
        """Collect what the step appends and save it at its good end; drop the world at a bad one."""
        del acts_as
        if isinstance(warrant, LiveWarrant):
            raise ProductionExecutionNotAuthorized(
                "a live warrant does not open a rehearsal", run_id=claim.run_id
            )
        history = self._store.load(claim.run_id)
        ports = {} if warrant is None else self.ports(history.header, warrant)
        step = DryStep(ports=ports, facts=self.facts, store=self._store, site=self, history=history)
        try:
            yield step
        except BaseException:
            self._worlds.pop(claim.run_id, None)
            raise
        # Read again: who went on meanwhile without the lock is seen by the numbers of the events.
        self._save(self._store.load(claim.run_id), claim.fence, step.events, step.documents)

    def end(
        self,
        claim: Claim,
        event: RunEvent,
        documents: Sequence[RunDocument],
        consumption: Consumption | None = None,
        refusal: Refusal | None = None,
    ) -> None:
        """Append the event that ends the run; its world is gone with the process."""
        del consumption, refusal
        self._save(self._store.load(claim.run_id), claim.fence, [event], documents)

    def project(self, history: RunHistory, view: Json) -> None:
        """Write the derived view beside the history; the history stays what it is."""
        self._store.save(history, view)

    def _save(
        self,
        history: RunHistory,
        fence: int,
        events: Iterable[RunEvent],
        documents: Iterable[RunDocument],
    ) -> None:
        added = tuple(events)
        first = len(history.events) + 1
        if [event.seq for event in added] != list(range(first, first + len(added))):
            raise StopLockBusy(
                "another process went on with this run meanwhile", run_id=history.header.run_id
            )
        grown = replace(
            history,
            events=(*history.events, *added),
            documents=(*history.documents, *documents),
            fence=fence,
        )
        self._store.save(grown, None)


def _holds(other: RunContext, run_id: str) -> bool:
    if other.over or other.terminal is not None:
        return False
    began = any(e.kind is EventKind.PHASE for e in other.history.events)
    return began or other.run_id < run_id
