"""A sidecar is the history that was written, or it is refused."""

import json
import os
import random
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cutter_agent.errors import (
    StopEvidenceMismatch,
    StopLockBusy,
    StopRefusedInput,
    StopReplayConflict,
    StopRunUnknown,
    StopStorage,
)
from cutter_agent.evidence.canonical import canonical_bytes, sha256_hex
from cutter_agent.files.state_store import StateStore
from cutter_agent.orchestrator.history import EventKind, RunEvent
from cutter_agent.orchestrator.states import Mode
from sidecars.histories import AT_UTC, OTHER_RUN_ID, RUN_ID, document_of, history_of, stop_body


@pytest.fixture
def store(tmp_path: Path) -> StateStore:
    return StateStore(tmp_path / "runs")


def sidecar(store: StateStore, run_id: str = RUN_ID) -> Path:
    return store.runs_dir / f"{run_id}.json"


def test_a_history_comes_back_as_it_was_written(store: StateStore) -> None:
    history = history_of(1)
    store.create(history)
    grown = history_of(4, fence=3)
    store.save(grown, {"sentence": "…"})
    assert store.load(RUN_ID) == grown


def test_people_read_state_stop_and_pins_on_top(store: StateStore) -> None:
    store.create(history_of(1))
    store.save(history_of(2), {"schema": "cutter.run/1"})
    shown = json.loads(sidecar(store).read_bytes())
    assert shown["schema"] == "cutter.sidecar/1"
    assert (shown["run_id"], shown["document_id"], shown["mode"]) == (
        RUN_ID,
        "ICX-CONST",
        "dryrun",
    )
    assert (shown["state"], shown["stop_code"], shown["pins"]) == ("pending", "STOP_STORAGE", {})
    assert shown["view"] == {"schema": "cutter.run/1"}


def test_what_stands_on_top_follows_the_events_even_without_a_view(store: StateStore) -> None:
    store.create(history_of(1))
    store.save(history_of(2), {"stop_code": "STOP_STORAGE"})
    stop = RunEvent(3, EventKind.STOP, AT_UTC, stop_body("STOP_DRIFT"))
    history = history_of(2)
    store.save(replace(history, events=(*history.events, stop)), None)
    shown = json.loads(sidecar(store).read_bytes())
    assert (shown["stop_code"], shown["view"]) == ("STOP_DRIFT", None)


def test_files_and_folders_are_for_their_owner_alone(store: StateStore) -> None:
    store.create(history_of(1))
    with store.lock(RUN_ID):
        pass
    for path in [store.runs_dir, *store.runs_dir.rglob("*")]:
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_nothing_is_made_before_the_first_write(tmp_path: Path) -> None:
    store = StateStore(tmp_path / "runs")
    assert store.run_ids() == ()
    assert not (tmp_path / "runs").exists()


def test_runs_are_listed_oldest_first_and_nothing_else_is(store: StateStore) -> None:
    store.create(history_of(1, run_id=OTHER_RUN_ID))
    store.create(history_of(1))
    (store.runs_dir / "notes.json").write_text("{}")
    (store.runs_dir / "runs-index.md").write_text("")
    assert store.run_ids() == (RUN_ID, OTHER_RUN_ID)


def test_a_run_is_created_once(store: StateStore) -> None:
    store.create(history_of(1))
    with pytest.raises(StopReplayConflict):
        store.create(history_of(1))


@pytest.mark.parametrize(
    "run_id",
    [
        "",
        "..",
        "../runs",
        "/etc/passwd",
        f"{RUN_ID}\n",
        f"{RUN_ID}/..",
        f"{RUN_ID}.json",
        RUN_ID.upper(),
        "ictr-20260102T030405Z-0123abcdef",
        "ictr-２０260102T030405Z-0123abcd",
    ],
)
def test_only_ids_of_runs_become_paths(store: StateStore, run_id: str) -> None:
    history = history_of(1)
    with pytest.raises(StopRunUnknown):
        store.load(run_id)
    with pytest.raises(StopRunUnknown):
        store.create(replace(history, header=replace(history.header, run_id=run_id)))
    assert not store.runs_dir.exists()


def test_an_unknown_run_is_unknown(store: StateStore) -> None:
    with pytest.raises(StopRunUnknown) as stop:
        store.load(RUN_ID)
    assert stop.value.run_id == RUN_ID


def test_a_sidecar_torn_at_any_length_is_refused(store: StateStore) -> None:
    store.create(history_of(3))
    whole = sidecar(store).read_bytes()
    lengths = {0, 1, len(whole) - 2, len(whole) - 1, *range(0, len(whole), 13)}
    for length in sorted(lengths):
        sidecar(store).write_bytes(whole[:length])
        with pytest.raises(StopEvidenceMismatch) as stop:
            store.load(RUN_ID)
        assert stop.value.run_id == RUN_ID
    sidecar(store).write_bytes(whole)
    assert store.load(RUN_ID) == history_of(3)


def test_no_flipped_bit_is_accepted(store: StateStore) -> None:
    store.create(history_of(3))
    whole = sidecar(store).read_bytes()
    dice = random.Random(7)  # noqa: S311 - not a secret, a repeatable choice
    for _ in range(400):
        torn = bytearray(whole)
        torn[dice.randrange(len(whole))] ^= 1 << dice.randrange(8)
        sidecar(store).write_bytes(torn)
        with pytest.raises(StopEvidenceMismatch):
            store.load(RUN_ID)


EDITS: dict[str, Callable[[str], str]] = {
    "another document": lambda text: text.replace("ICX-CONST", "ICX-OTHER"),
    "another stop": lambda text: text.replace("STOP_STORAGE", "STOP_CLOCK"),
    "another fence": lambda text: text.replace('"fence":0', '"fence":9'),
    "pretty": lambda text: json.dumps(json.loads(text), indent=2) + "\n",
    "twice": lambda text: text + text,
    "one line more": lambda text: text + "\n",
    "byte order mark": lambda text: "\ufeff" + text,
    "an array": lambda _: "[]\n",
    "nothing": lambda _: "null\n",
    "an empty object": lambda _: '{"schema":"cutter.sidecar/1"}\n',
}


@pytest.mark.parametrize("edit", EDITS)
def test_a_sidecar_edited_by_hand_is_refused(store: StateStore, edit: str) -> None:
    store.create(history_of(2))
    text = sidecar(store).read_text()
    sidecar(store).write_text(EDITS[edit](text))
    with pytest.raises(StopEvidenceMismatch):
        store.load(RUN_ID)


def forged(store: StateStore, **changes: object) -> None:
    """Writes the sidecar with changes and a digest that fits them."""
    body = json.loads(sidecar(store).read_bytes())
    body |= changes
    del body["sha256"]
    body["sha256"] = sha256_hex(canonical_bytes(body))
    sidecar(store).write_bytes(canonical_bytes(body) + b"\n")


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": "cutter.sidecar/2"},
        {"run_id": OTHER_RUN_ID},
        {"fence": -1},
        {"fence": "0"},
        {"revision": True},
        {"events": "opened"},
        {"events": [{"seq": 1, "kind": "opened", "at_utc": AT_UTC}]},
        {"events": [{"seq": 1, "kind": "guessed", "at_utc": AT_UTC, "body": {}}]},
        {"events": [{"seq": 1, "kind": "opened", "at_utc": None, "body": {}}]},
        {"documents": [{"name": "a.md", "sha256": "0" * 64, "text": "a"}]},
        {"documents": [{"name": "a.md"}]},
        {"header": {}},
        {"extra": 1},
    ],
)
def test_a_wrong_form_is_refused_even_with_a_fitting_digest(
    store: StateStore, changes: dict[str, object]
) -> None:
    store.create(history_of(2))
    forged(store, revision=2)
    assert store.load(RUN_ID) == history_of(2)
    forged(store, **{"revision": 2, **changes})
    with pytest.raises(StopEvidenceMismatch):
        store.load(RUN_ID)


def test_an_unknown_mode_is_refused(store: StateStore) -> None:
    store.create(history_of(1))
    body = json.loads(sidecar(store).read_bytes())
    forged(store, revision=2, header={**body["header"], "mode": "maybe"})
    with pytest.raises(StopEvidenceMismatch):
        store.load(RUN_ID)


def test_another_runs_sidecar_under_this_name_is_refused(store: StateStore) -> None:
    store.create(history_of(1))
    store.create(history_of(1, run_id=OTHER_RUN_ID))
    sidecar(store).write_bytes(sidecar(store, OTHER_RUN_ID).read_bytes())
    with pytest.raises(StopEvidenceMismatch):
        store.load(RUN_ID)


def test_an_older_copy_put_back_is_refused(store: StateStore) -> None:
    store.create(history_of(1))
    old = sidecar(store).read_bytes()
    store.save(history_of(2), None)
    new = sidecar(store).read_bytes()
    sidecar(store).write_bytes(old)
    with pytest.raises(StopEvidenceMismatch, match="writing 1 of its run, and 2 were made"):
        StateStore(store.runs_dir).load(RUN_ID)
    sidecar(store).write_bytes(new)
    assert store.load(RUN_ID) == history_of(2)


def test_another_history_of_the_same_age_is_refused(store: StateStore) -> None:
    store.create(history_of(1))
    forged(store, fence=5)
    with pytest.raises(StopEvidenceMismatch):
        store.load(RUN_ID)


@pytest.mark.parametrize("hint", [b"", b"torn", b"9" * 78], ids=["empty", "torn", "nines"])
def test_a_lost_hint_loses_nothing_else(store: StateStore, hint: bytes) -> None:
    store.create(history_of(1))
    (store.runs_dir / ".heads" / RUN_ID).write_bytes(hint)
    assert store.load(RUN_ID) == history_of(1)
    store.save(history_of(2), None)
    assert store.load(RUN_ID) == history_of(2)


@pytest.mark.parametrize("saves", [0, 1, 3])
def test_an_older_copy_is_refused_even_where_its_hint_was_taken_away(
    store: StateStore, saves: int
) -> None:
    store.create(history_of(1))
    older = sidecar(store).read_bytes()
    for number in range(saves):
        store.save(history_of(2 + number), None)
    sidecar(store).write_bytes(older)
    (store.runs_dir / ".heads" / RUN_ID).unlink()
    with pytest.raises(StopEvidenceMismatch, match="older copy"):
        store.load(RUN_ID)


def test_a_dry_history_only_grows(store: StateStore) -> None:
    store.create(history_of(1))
    store.save(history_of(3), None)
    before = sidecar(store).read_bytes()
    shorter = history_of(2)
    other_end = replace(history_of(3), events=(*shorter.events, replace(shorter.events[1], seq=3)))
    fewer_documents = replace(history_of(3), documents=(document_of(9),))
    for lesser in (shorter, other_end, fewer_documents):
        with pytest.raises(StopReplayConflict):
            store.save(lesser, None)
    assert sidecar(store).read_bytes() == before


def test_an_older_claim_writes_nothing(store: StateStore) -> None:
    store.create(history_of(1))
    store.save(history_of(2, fence=2), None)
    with pytest.raises(StopLockBusy):
        store.save(history_of(3, fence=1), None)
    assert store.load(RUN_ID) == history_of(2, fence=2)


def test_a_dry_run_without_its_sidecar_is_not_saved(store: StateStore) -> None:
    with pytest.raises(StopRunUnknown):
        store.save(history_of(2), None)


@pytest.mark.parametrize("ruin", ["missing", "torn", "older"])
def test_a_live_sidecar_is_a_copy_and_made_anew(store: StateStore, ruin: str) -> None:
    store.save(history_of(1, mode=Mode.LIVE), None)
    old = sidecar(store).read_bytes()
    store.save(history_of(3, mode=Mode.LIVE), None)
    if ruin == "missing":
        sidecar(store).unlink()
    else:
        sidecar(store).write_bytes(old if ruin == "older" else old[:100])
    store.save(history_of(4, mode=Mode.LIVE), None)
    assert store.load(RUN_ID) == history_of(4, mode=Mode.LIVE)


def test_a_link_in_place_of_a_sidecar_is_not_followed(store: StateStore, tmp_path: Path) -> None:
    store.create(history_of(1))
    elsewhere = tmp_path / "elsewhere.json"
    sidecar(store).rename(elsewhere)
    sidecar(store).symlink_to(elsewhere)
    with pytest.raises(StopStorage, match="symbolic link"):
        store.load(RUN_ID)
    with pytest.raises(StopStorage):
        store.create(history_of(1))
    assert elsewhere.read_bytes().startswith(b"{")


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_no_sidecar(store: StateStore, kind: str) -> None:
    store.create(history_of(1))
    sidecar(store).unlink()
    if kind == "folder":
        sidecar(store).mkdir()
    else:
        os.mkfifo(sidecar(store))
    with pytest.raises(StopStorage):
        store.load(RUN_ID)


def test_a_link_in_place_of_the_locks_is_not_followed(store: StateStore, tmp_path: Path) -> None:
    store.create(history_of(1))
    target = tmp_path / "target"
    target.write_text("untouched")
    lock = store.runs_dir / ".locks" / f"{RUN_ID}.lock"
    lock.symlink_to(target)
    with pytest.raises(StopStorage), store.lock(RUN_ID):
        pass
    assert target.read_text() == "untouched"


def test_a_lock_is_held_once(store: StateStore) -> None:
    with store.lock(RUN_ID):
        with pytest.raises(StopLockBusy), store.lock(RUN_ID):
            pass
        with store.lock(OTHER_RUN_ID):
            pass
    with store.lock(RUN_ID):
        pass


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a\0b", "a" * 200])
def test_only_plain_names_name_locks(store: StateStore, name: str) -> None:
    with pytest.raises(StopRefusedInput), store.lock(name):
        pass


def test_nonces_are_fresh_and_times_are_utc(store: StateStore) -> None:
    nonces = {store.nonce() for _ in range(50)}
    assert len(nonces) == 50
    assert {len(nonce) for nonce in nonces} == {32}
    offset = store.now_utc().utcoffset()
    assert offset is not None
    assert offset.total_seconds() == 0


def test_a_sidecar_newer_than_its_hint_counts(store: StateStore) -> None:
    store.create(history_of(1))
    hint = (store.runs_dir / ".heads" / RUN_ID).read_bytes()
    store.save(history_of(2), None)
    (store.runs_dir / ".heads" / RUN_ID).write_bytes(hint)
    assert store.load(RUN_ID) == history_of(2)


def test_what_dead_writers_left_is_gone_at_the_start(store: StateStore) -> None:
    store.create(history_of(1))
    parts = [
        store.runs_dir / f".{RUN_ID}.json.part",
        store.runs_dir / ".runs-index.md.part",
        store.runs_dir / ".heads" / f".{RUN_ID}.part",
    ]
    for part in parts:
        part.write_text("torn")
    with store._folder.writing(f"{RUN_ID}.json"):
        StateStore(store.runs_dir)
        assert [part.exists() for part in parts] == [True, False, True]
    StateStore(store.runs_dir)
    assert not any(part.exists() for part in parts)


def test_the_line_end_is_part_of_a_sidecar(store: StateStore) -> None:
    store.create(history_of(1))
    sidecar(store).write_bytes(sidecar(store).read_bytes()[:-1] + b" ")
    with pytest.raises(StopEvidenceMismatch):
        store.load(RUN_ID)
