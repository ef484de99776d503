"""StateStore: a run's history as one JSON file, `<runs dir>/<run_id>.json`, whole or refused (Contract 7).

A sidecar is one line of canonical JSON with a digest over itself. Beside it lies a hint of how often it
was written, so that an older copy put back in its place is refused, too. A power failure may leave that
hint behind or empty; it never takes it away, so a dry run whose hint is gone is refused.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cutter_agent.errors import (
    StopEvidenceMismatch,
    StopLockBusy,
    StopRefusedInput,
    StopReplayConflict,
    StopRunUnknown,
    StopStorage,
)
from cutter_agent.evidence.canonical import Json, canonical_bytes, parse_canonical, sha256_hex
from cutter_agent.evidence.codec import from_json, to_json
from cutter_agent.files.disk import SYSTEM_DISK, Disk
from cutter_agent.files.durable import Folder, check_name, translated
from cutter_agent.orchestrator.effects import Hook, no_effect
from cutter_agent.orchestrator.history import (
    EventKind,
    RunDocument,
    RunEvent,
    RunHeader,
    RunHistory,
)
from cutter_agent.orchestrator.run_context import RunContext
from cutter_agent.orchestrator.states import Mode

SIDECAR_SCHEMA: Final = "cutter.sidecar/1"
SIDECAR_BYTES_MAX: Final = 64 * 1024 * 1024
RUN_ID: Final = re.compile(r"ictr-[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}")
HEADS: Final = ".heads"
_HEAD: Final = re.compile(rb"([0-9]{12}) ([0-9a-f]{64})\n")
_FIRST_HEAD: Final = b"%012d %064d\n" % (0, 0)
"""Before the first sidecar: none was written."""
_KEYS: Final = frozenset(
    {
        "schema",
        "sha256",
        "revision",
        "run_id",
        "document_id",
        "mode",
        "state",
        "stop_code",
        "pins",
        "header",
        "events",
        "documents",
        "fence",
        "view",
    }
)


def check_run_id(run_id: str) -> str:
    """The id has the one form that run ids have, so it can be a file's name.

    Raises:
        StopRunUnknown: it has not.
    """
    if not RUN_ID.fullmatch(run_id):
        raise StopRunUnknown(
            f"{run_id[:80]!a} is not the id of a run", expected="ictr-<UTC time>-<8 hex>"
        )
    return run_id


@dataclass(frozen=True, slots=True)
class _Sidecar:
    """One sidecar as it was read, every digest in it checked."""

    revision: int
    sha256: str
    history: RunHistory


class StateStore:
    """The folder of sidecars: the store of dry runs, and where live runs are projected to."""

    def __init__(
        self, runs_dir: Path | str, *, on_effect: Hook = no_effect, disk: Disk = SYSTEM_DISK
    ) -> None:
        """Bind the folder and remove what dead writers left in it; nothing is made before a write."""
        self._folder = Folder(Path(runs_dir).resolve(), on_effect=on_effect, disk=disk)
        self._heads = self._folder.inner(HEADS)
        self._folder.clean()
        self._heads.clean(lambda run_id: self._folder.writing(f"{run_id}.json", wait_s=0.0))

    @property
    def runs_dir(self) -> Path:
        """The folder, with no link in its path."""
        return self._folder.path

    def now_utc(self) -> datetime:
        return datetime.now(UTC)

    def nonce(self) -> str:
        return secrets.token_hex(16)

    def create(self, history: RunHistory) -> None:
        run_id = check_run_id(history.header.run_id)
        with self._writing(run_id):
            if self._bytes(run_id) is not None:
                raise StopReplayConflict("a run with this id has a sidecar already", run_id=run_id)
            # Durable before the sidecar is: from then on it can only be taken away by somebody.
            self._heads.replace(run_id, _FIRST_HEAD)
            self._write(history, None, after=0)

    def load(self, run_id: str) -> RunHistory:
        return self._read(check_run_id(run_id)).history

    def save(self, history: RunHistory, view: Json) -> None:
        """The sidecar holds this history and view; without a view it holds none.

        A dry run's history only grows. A live run's is a copy of the database's, and whatever the
        file held is replaced.

        Raises:
            StopEvidenceMismatch: a dry run's sidecar is torn or edited.
            StopLockBusy: a process with a newer claim has written a dry run meanwhile.
            StopReplayConflict: a dry run's sidecar holds events that this history lacks.
            StopStorage: it could not be written durably.
        """
        run_id = check_run_id(history.header.run_id)
        with self._writing(run_id):
            if history.header.mode is Mode.DRYRUN:
                before = self._read(run_id)
                _check_growth(before.history, history)
                self._write(history, view, after=before.revision)
            elif not self._says(history, view):
                self._write(history, view, after=self._last_revision(run_id))

    def run_ids(self) -> Sequence[str]:
        """The ids of all runs with a sidecar here, dry and live, oldest first."""
        stems = [name[:-5] for name in self._folder.names() if name.endswith(".json")]
        return tuple(stem for stem in stems if RUN_ID.fullmatch(stem))

    def stamps(self) -> Mapping[str, tuple[int, int, int]]:
        """Every sidecar by its run, with what its file differs in once it was written again."""
        found: dict[str, tuple[int, int, int]] = {}
        for run_id in self.run_ids():
            with suppress(FileNotFoundError):
                seen = (self._folder.path / f"{run_id}.json").lstat()
                found[run_id] = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
        return found

    def lock(self, name: str) -> AbstractContextManager[None]:
        return self._folder.lock(f"{check_name(name)}.lock")

    def _writing(self, run_id: str) -> AbstractContextManager[None]:
        return self._folder.writing(f"{run_id}.json")

    def _bytes(self, run_id: str) -> bytes | None:
        try:
            return self._folder.read(f"{run_id}.json", size_bytes_max=SIDECAR_BYTES_MAX)
        except StopStorage as stop:
            raise translated(stop, StopStorage, run_id=run_id) from stop

    def _read(self, run_id: str) -> _Sidecar:
        # The hint first: a writer at work may make the sidecar newer than it, never older.
        hint = self._heads.read(run_id, size_bytes_max=100)
        revision, sha256 = _head(hint)
        data = self._bytes(run_id)
        if data is None:
            raise StopRunUnknown(f"{run_id} has no sidecar here", run_id=run_id)
        try:
            sidecar = parse_sidecar(data, run_id)
        except (StopRefusedInput, StopEvidenceMismatch) as stop:
            raise translated(stop, StopEvidenceMismatch, run_id=run_id) from stop
        if hint is None and sidecar.history.header.mode is Mode.DRYRUN:
            raise StopEvidenceMismatch(
                "nothing says any more how often the sidecar was written: it may be an older copy",
                expected=f"{HEADS}/{run_id}",
                run_id=run_id,
            )
        if (sidecar.revision, sidecar.sha256) != (revision, sha256) and (
            sidecar.revision <= revision
        ):
            raise StopEvidenceMismatch(
                f"the sidecar is writing {sidecar.revision} of its run, and {revision} were made",
                expected="the newest one",
                run_id=run_id,
            )
        return sidecar

    def _says(self, history: RunHistory, view: Json) -> bool:
        """True if the sidecar is whole, is the newest one and says exactly this."""
        try:
            found = self._read(history.header.run_id)
        except (StopRunUnknown, StopEvidenceMismatch, StopStorage):
            return False
        return found.sha256 == render_sidecar(history, view, revision=found.revision)[1]

    def _last_revision(self, run_id: str) -> int:
        try:
            data = self._bytes(run_id)
            stored = 0 if data is None else parse_sidecar(data, run_id).revision
        except (StopRefusedInput, StopEvidenceMismatch, StopStorage):
            stored = 0
        return max(stored, _head(self._heads.read(run_id, size_bytes_max=100))[0])

    def _write(self, history: RunHistory, view: Json, *, after: int) -> None:
        run_id = history.header.run_id
        data, sha256 = render_sidecar(history, view, revision=after + 1)
        if len(data) > SIDECAR_BYTES_MAX:
            raise StopStorage(
                f"the sidecar would have {len(data)} bytes, over {SIDECAR_BYTES_MAX}", run_id=run_id
            )
        try:
            self._folder.replace(f"{run_id}.json", data)
            # After the sidecar is durable: a hint that is newer than its sidecar cannot come to be.
            self._heads.hint(run_id, b"%012d %s\n" % (after + 1, sha256.encode()))
        except StopStorage as stop:
            raise translated(stop, StopStorage, run_id=run_id) from stop


def _head(hint: bytes | None) -> tuple[int, str]:
    """Return the last revision and digest on hint; (0, "") where the hint is lost or torn."""
    found = _HEAD.fullmatch(hint or b"")
    return (int(found[1]), found[2].decode()) if found else (0, "")


def render_sidecar(history: RunHistory, view: Json, *, revision: int) -> tuple[bytes, str]:
    """The bytes of a sidecar and the digest that it carries.

    State, stop and pins stand on top for people; they are derived from the events on every writing.
    """
    context = RunContext(history)
    stop = context.stop
    body: dict[str, Json] = {
        "schema": SIDECAR_SCHEMA,
        "revision": revision,
        "run_id": history.header.run_id,
        "document_id": history.header.document_id,
        "mode": history.header.mode.value,
        "state": context.state.value,
        "stop_code": None if stop is None else stop.code,
        "pins": context.context_pins,
        "header": to_json(history.header),
        "events": _events_json(history.events),
        "documents": [to_json(document) for document in history.documents],
        "fence": history.fence,
        "view": view,
    }
    sha256 = sha256_hex(canonical_bytes(body))
    return canonical_bytes({**body, "sha256": sha256}) + b"\n", sha256


def _events_json(events: Sequence[RunEvent]) -> list[Json]:
    return [
        {"seq": e.seq, "kind": e.kind.value, "at_utc": e.at_utc, "body": e.body} for e in events
    ]


def parse_sidecar(data: bytes, run_id: str) -> _Sidecar:
    """The sidecar that these bytes are, whole and unedited, of this run.

    Raises:
        StopRefusedInput: the bytes are not JSON of the profile.
        StopEvidenceMismatch: they are, but not one whole sidecar of this run.
    """
    if len(data) > SIDECAR_BYTES_MAX:
        raise StopEvidenceMismatch(f"the sidecar has over {SIDECAR_BYTES_MAX} bytes")
    if not data.endswith(b"\n"):
        raise StopEvidenceMismatch("the sidecar is torn: its last line has no end")
    value = parse_canonical(data[:-1], size_bytes_max=SIDECAR_BYTES_MAX)
    if not isinstance(value, Mapping) or set(value) != _KEYS:
        raise StopEvidenceMismatch("the file is not a sidecar")
    # The bytes are canonical, so the body's own are these without the one member of that name.
    body = data[:-1].replace(f'"sha256":"{value["sha256"]}",'.encode(), b"", 1)
    if value["schema"] != SIDECAR_SCHEMA or value["sha256"] != sha256_hex(body):
        raise StopEvidenceMismatch("the sidecar does not hash to the digest it carries")
    history = _history(value)
    if history.header.run_id != run_id or value["run_id"] != run_id:
        raise StopEvidenceMismatch(f"the sidecar is of run {history.header.run_id}")
    return _Sidecar(_whole(value["revision"]), str(value["sha256"]), history)


def _history(value: Mapping[str, Json]) -> RunHistory:
    documents = tuple(from_json(RunDocument, item) for item in _items(value["documents"]))
    for document in documents:
        if sha256_hex(document.text.encode()) != document.sha256:
            raise StopEvidenceMismatch(f"document {document.name} does not hash to its digest")
    return RunHistory(
        header=_header(value["header"]),
        events=tuple(_event(item) for item in _items(value["events"])),
        documents=documents,
        fence=_whole(value["fence"]),
    )


def _header(value: Json) -> RunHeader:
    try:
        return from_json(RunHeader, value)
    except ValueError as error:
        raise StopEvidenceMismatch("the sidecar's mode is unknown") from error


def _event(value: Json) -> RunEvent:
    if not isinstance(value, Mapping) or set(value) != {"seq", "kind", "at_utc", "body"}:
        raise StopEvidenceMismatch("an event of the sidecar has other fields than expected")
    body, kind = value["body"], value["kind"]
    if not isinstance(body, Mapping) or not isinstance(value["at_utc"], str):
        raise StopEvidenceMismatch("an event of the sidecar has no body or no time")
    if kind not in {each.value for each in EventKind}:
        raise StopEvidenceMismatch(f"an event of the sidecar is of unknown kind {kind!a}")
    return RunEvent(_whole(value["seq"]), EventKind(str(kind)), value["at_utc"], dict(body))


def _items(value: Json) -> Sequence[Json]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise StopEvidenceMismatch("events and documents of a sidecar are arrays")
    return value


def _whole(value: Json) -> int:
    if type(value) is not int or value < 0:
        raise StopEvidenceMismatch("a number of the sidecar does not count")
    return value


def _check_growth(before: RunHistory, after: RunHistory) -> None:
    run_id = after.header.run_id
    if before.fence > after.fence:
        raise StopLockBusy(
            f"a claim with fence {before.fence} has written since, this is {after.fence}",
            run_id=run_id,
        )
    # Canonical bytes, because a body's tuples come back from a file as lists.
    kept = _events_json(after.events[: len(before.events)])
    grown = (
        before.header == after.header
        and canonical_bytes(kept) == canonical_bytes(_events_json(before.events))
        and after.documents[: len(before.documents)] == before.documents
    )
    if not grown:
        raise StopReplayConflict(
            "the sidecar holds what the history to be written lacks", run_id=run_id
        )
