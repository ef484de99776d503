"""Stop the writing of files at every point, by kill -9 and by every failing call: old or new, never torn."""

import contextlib
import errno
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cutter_agent.errors import (
    Stop,
    StopEvidenceMismatch,
    StopKbUploadFailed,
    StopLockBusy,
    StopStorage,
)
from cutter_agent.files.kb_reporter import FolderReporter
from cutter_agent.files.state_store import StateStore
from sidecars.children import DONE, die, holding, run, start, wait
from sidecars.histories import OTHER_RUN_ID, RUN_ID, history_of

NAME = "01-source-pin-2026-01-02.md"
OLD, NEW = history_of(2), history_of(5)


class Killer:
    """Ends the process at its n-th effect."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, name: str) -> None:
        self.left -= 1
        if self.left == 0:
            die()


def litter(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.name.endswith(".part")]


def effects_of(work: Callable[[Callable[[str], None]], object]) -> list[str]:
    told: list[str] = []
    work(told.append)
    return told


def test_a_killed_save_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    runs = tmp_path / "counted"
    StateStore(runs).create(OLD)
    points = len(effects_of(lambda hook: StateStore(runs, on_effect=hook).save(NEW, None)))
    assert points == 8
    seen = []
    for at in range(1, points + 1):
        runs = tmp_path / f"runs-{at}"
        StateStore(runs).create(OLD)
        hook = Killer(at)
        status = run(lambda runs=runs, hook=hook: StateStore(runs, on_effect=hook).save(NEW, None))
        assert status == -signal.SIGKILL
        store = StateStore(runs)
        found = store.load(RUN_ID)
        assert found == OLD or found == NEW  # noqa: PLR1714 - histories are not hashable
        seen.append(found == NEW)
        assert litter(runs) == []
        store.save(NEW, None)
        assert StateStore(runs).load(RUN_ID) == NEW
    assert seen == sorted(seen), "once new, a sidecar never turns old again"
    assert seen[0] is False
    assert seen[-1] is True


def test_a_killed_first_writing_leaves_nothing_or_a_whole_run(tmp_path: Path) -> None:
    for at in range(1, 9):
        runs = tmp_path / f"runs-{at}"
        hook = Killer(at)
        run(lambda runs=runs, hook=hook: StateStore(runs, on_effect=hook).create(OLD))
        store = StateStore(runs)
        assert litter(runs) == []
        if store.run_ids():
            assert store.load(RUN_ID) == OLD
        else:
            store.create(OLD)


def test_a_killed_put_is_mended_by_the_next(tmp_path: Path) -> None:
    points = effects_of(
        lambda hook: FolderReporter(tmp_path / "counted", on_effect=hook).put(RUN_ID, NAME, "new")
    )
    for at in range(1, len(points) + 1):
        runs = tmp_path / f"runs-{at}"
        FolderReporter(runs).put(RUN_ID, NAME, "old")
        hook = Killer(at)
        status = run(
            lambda runs=runs, hook=hook: FolderReporter(runs, on_effect=hook).put(
                RUN_ID, NAME, "new"
            )
        )
        assert status == -signal.SIGKILL
        assert (runs / RUN_ID / NAME).read_text() in {"old", "new"}
        FolderReporter(runs).put(RUN_ID, NAME, "new")
        assert (runs / RUN_ID / NAME).read_text() == "new"
        assert litter(runs) == []


def test_bytes_are_durable_before_their_name_and_the_name_before_all_else(tmp_path: Path) -> None:
    StateStore(tmp_path).create(OLD)
    told = effects_of(lambda hook: StateStore(tmp_path, on_effect=hook).save(NEW, None))
    kinds = [name.removeprefix("before ") for name in told if name.startswith("before ")]
    part, file = f".{RUN_ID}.json.part", f"{RUN_ID}.json"
    assert kinds == [f"write {part}", f"fsync {part}", f"rename {file}", f"fsync folder {file}"]


CALLS = ("write", "fsync", "rename", "open", "scandir")


class Failing:
    """The n-th of the patched calls fails, and all are counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int, code: int) -> None:
        self.number, self.code = number, code
        self.names: list[str] = []
        self.failed = ""
        for name in CALLS:
            monkeypatch.setattr(os, name, self._wrap(name, getattr(os, name)))

    def _wrap(self, name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            self.names.append(name)
            if len(self.names) == self.number:
                self.failed = name
                raise OSError(self.code, os.strerror(self.code))
            return real(*arguments, **named)

        return call


def failures(
    monkeypatch: pytest.MonkeyPatch, work: Callable[[], object], code: int
) -> Iterator[tuple[Failing, Stop | None]]:
    """Does the work again and again, with each call in turn failing, until none is left to fail."""
    for number in range(1, 200):
        with monkeypatch.context() as patched:
            failing = Failing(patched, number, code)
            stop: Stop | None = None
            try:
                work()
            except Stop as raised:
                stop = raised
        if not failing.failed:
            return
        yield failing, stop
    pytest.fail("the work never ends")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["ENOSPC", "EIO"])
def test_a_failing_call_stops_a_save_and_leaves_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    store = StateStore(tmp_path)
    store.create(OLD)
    points = 0
    for failing, stop in failures(monkeypatch, lambda: store.save(NEW, None), code):
        assert type(stop) is StopStorage, failing.failed
        assert os.strerror(code) in stop.fact
        assert stop.fact.startswith(str(tmp_path)) or "locked" in stop.fact
        assert litter(tmp_path) == []
        found = StateStore(tmp_path).load(RUN_ID)
        assert found == NEW or found == OLD  # noqa: PLR1714 - histories are not hashable
        points += 1
    assert points > 8
    assert store.load(RUN_ID) == NEW


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["ENOSPC", "EIO"])
def test_a_failed_fsync_is_never_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    store = StateStore(tmp_path)
    store.create(OLD)
    for failing, _ in failures(monkeypatch, lambda: store.save(NEW, None), code):
        if failing.failed == "fsync":
            assert failing.names[failing.number :] == [], "nothing more is written"


def test_a_failed_upload_is_a_stop_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kb = FolderReporter(tmp_path)
    kb.put(RUN_ID, NAME, "old")

    def work() -> None:
        kb.put(RUN_ID, NAME, "new")
        kb.append_index(RUN_ID, f"- {RUN_ID}")

    for failing, stop in failures(monkeypatch, work, errno.ENOSPC):
        assert type(stop) is StopKbUploadFailed, failing.failed
        assert stop.run_id == RUN_ID
        assert (tmp_path / RUN_ID / NAME).read_text() in {"old", "new"}
    work()
    assert (tmp_path / RUN_ID / NAME).read_text() == "new"
    assert kb.index_has(RUN_ID)


def test_a_file_that_may_not_grow_is_storage_that_stops(tmp_path: Path) -> None:
    StateStore(tmp_path).create(OLD)

    def work() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, resource.RLIM_INFINITY))
        with pytest.raises(StopStorage, match="File too large"):
            StateStore(tmp_path).save(NEW, None)

    assert run(work) == DONE
    assert litter(tmp_path) == []
    assert StateStore(tmp_path).load(RUN_ID) == OLD


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB; skips where this account may not mount one."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("this account may not mount a small file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def fill(ballast: Path) -> None:
    """Writes until the file system is full."""
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def test_a_full_disk_keeps_the_old_history(full_disk: Path) -> None:
    store = StateStore(full_disk)
    store.create(OLD)
    ballast = full_disk / "ballast"
    fill(ballast)
    with pytest.raises(StopStorage, match="No space left"):
        store.save(NEW, None)
    assert litter(full_disk) == []
    assert StateStore(full_disk).load(RUN_ID) == OLD
    ballast.unlink()
    store.save(NEW, None)
    assert store.load(RUN_ID) == NEW


def test_only_the_parts_of_the_dead_are_cleaned(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    store.create(OLD)
    store.create(history_of(1, run_id=OTHER_RUN_ID))
    dead = tmp_path / f".{OTHER_RUN_ID}.json.part"
    dead.write_text("torn")
    stranger = tmp_path / ".somebody-elses.swp"
    stranger.write_text("")

    def work(ready: Callable[[], None]) -> None:
        def hook(name: str) -> None:
            if name.startswith("after write"):
                ready()

        StateStore(tmp_path, on_effect=hook).save(NEW, None)

    with holding(work):
        living = tmp_path / f".{RUN_ID}.json.part"
        assert living.exists()
        StateStore(tmp_path)
        assert living.exists()
        assert not dead.exists()
        assert stranger.exists()
    StateStore(tmp_path)
    assert litter(tmp_path) == []
    assert StateStore(tmp_path).load(RUN_ID) == OLD


def test_kill_9_frees_the_lock(tmp_path: Path) -> None:
    store = StateStore(tmp_path)

    def work(ready: Callable[[], None]) -> None:
        with StateStore(tmp_path).lock(RUN_ID):
            ready()

    with holding(work) as child:
        with pytest.raises(StopLockBusy), store.lock(RUN_ID):
            pass
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with store.lock(RUN_ID):
            pass


def test_of_many_at_once_one_holds_the_lock(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    counter = tmp_path / "counter"
    counter.write_text("0")

    def work() -> None:
        done = 0
        while done < 20:
            try:
                with store.lock(RUN_ID):
                    number = int(counter.read_text())
                    counter.write_text("")
                    counter.write_text(str(number + 1))
                    done += 1
            except StopLockBusy:
                continue

    children = [start(work) for _ in range(4)]
    assert [wait(child) for child in children] == [DONE] * 4
    assert counter.read_text() == "80"


def test_of_many_runs_at_once_each_gets_its_line(tmp_path: Path) -> None:
    ids = [f"ictr-20260102T03040{n}Z-0123abcd" for n in range(6)]

    def work(run_id: str) -> None:
        kb = FolderReporter(tmp_path)
        for _ in range(5):
            kb.append_index(run_id, f"- {run_id}")

    children = [start(lambda run_id=run_id: work(run_id)) for run_id in ids]
    assert [wait(child) for child in children] == [DONE] * 6
    lines = (tmp_path / "runs-index.md").read_text().splitlines()
    assert sorted(lines) == [f"- {run_id}" for run_id in ids]


def test_a_reader_beside_a_writer_reads_whole_histories(tmp_path: Path) -> None:
    StateStore(tmp_path).create(history_of(1))

    def work() -> None:
        store = StateStore(tmp_path)
        for count in range(2, 40):
            store.save(history_of(count), None)

    child = start(work)
    store, seen = StateStore(tmp_path), set()
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        seen.add(len(store.load(RUN_ID).events))
    assert len(store.load(RUN_ID).events) == 39
    assert seen <= set(range(1, 40))


def test_every_length_of_a_torn_writing_is_refused(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    store.create(OLD)
    sidecar = tmp_path / f"{RUN_ID}.json"
    whole = sidecar.read_bytes()
    for length in range(0, len(whole), 3):
        sidecar.write_bytes(whole[:length] + bytes(len(whole) - length))
        with pytest.raises(StopEvidenceMismatch):
            store.load(RUN_ID)
