"""Documents lie in a run's folder with exactly their text, and what people leave there is read with care."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from cutter_agent.errors import (
    StopApprovalInvalid,
    StopKbUploadFailed,
    StopLockBusy,
    StopRefusedInput,
    StopRunUnknown,
    StopStorage,
)
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.files.disk import SystemDisk, SystemFolder
from cutter_agent.files.kb_reporter import DryRunReporter, FolderReporter
from cutter_agent.files.state_store import StateStore
from cutter_agent.orchestrator.approval import REQUEST_BYTES_MAX
from cutter_agent.orchestrator.orders import OfferedSignature
from sidecars.histories import OTHER_RUN_ID, RUN_ID

NAME = "01-source-pin-2026-01-02.md"
REQUEST = "SG1-cut-authz-request-2026-01-02.md"
TEXT = "# Điều 1\n\nNội dung.\n"


class FailingFolder(SystemFolder):
    """A folder on a disk that cannot read signatures any more."""

    def read(self, name: str, size_bytes_max: int) -> bytes:
        if name.endswith(".sig"):
            raise OSError(errno.EIO, "Input/output error")
        return super().read(name, size_bytes_max)


class FailingDisk(SystemDisk):
    """A disk with such folders only."""

    @contextlib.contextmanager
    def open_folder(self, path: Path) -> Iterator[SystemFolder]:
        with super().open_folder(path) as folder:
            yield FailingFolder(folder._handle)


@pytest.fixture
def kb(tmp_path: Path) -> FolderReporter:
    return DryRunReporter(tmp_path / "runs")


@pytest.fixture
def folder(kb: FolderReporter) -> Path:
    """The run's folder, with the request in it."""
    kb.put(RUN_ID, REQUEST, "the request")
    return Path(kb.location(RUN_ID))


def test_a_document_lies_there_with_exactly_its_text(kb: FolderReporter) -> None:
    kb.put(RUN_ID, NAME, TEXT)
    path = Path(kb.location(RUN_ID)) / NAME
    assert path.read_bytes() == TEXT.encode()
    assert kb.holds(RUN_ID, NAME, sha256_hex(TEXT.encode()))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_putting_again_changes_nothing_and_mends_what_was_edited(kb: FolderReporter) -> None:
    kb.put(RUN_ID, NAME, TEXT)
    path = Path(kb.location(RUN_ID)) / NAME
    before = path.stat()
    kb.put(RUN_ID, NAME, TEXT)
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    path.write_text("edited")
    assert not kb.holds(RUN_ID, NAME, sha256_hex(TEXT.encode()))
    kb.put(RUN_ID, NAME, TEXT)
    assert path.read_text() == TEXT


def test_a_document_that_is_not_there_is_not_held(kb: FolderReporter) -> None:
    assert not kb.holds(RUN_ID, NAME, sha256_hex(b""))


@pytest.mark.parametrize(
    "name", ["", "..", "../x.md", "a/b.md", "/x.md", ".hidden", "a\0.md", "a\n.md"]
)
def test_a_document_stays_in_its_folder(kb: FolderReporter, tmp_path: Path, name: str) -> None:
    with pytest.raises(StopKbUploadFailed):
        kb.put(RUN_ID, name, TEXT)
    assert [p for p in tmp_path.rglob("*") if p.is_file() and p.parent.name != ".locks"] == []


@pytest.mark.parametrize("run_id", ["..", "", "runs", f"{RUN_ID}/.."])
def test_only_ids_of_runs_have_folders(kb: FolderReporter, run_id: str) -> None:
    with pytest.raises(StopRunUnknown):
        kb.put(run_id, NAME, TEXT)
    with pytest.raises(StopRunUnknown):
        kb.location(run_id)


def test_a_lone_surrogate_is_no_text(kb: FolderReporter) -> None:
    with pytest.raises(StopKbUploadFailed, match="surrogate"):
        kb.put(RUN_ID, NAME, "a\ud800")


def test_a_run_folder_that_is_a_link_is_not_written_through(
    kb: FolderReporter, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    Path(kb.location(RUN_ID)).parent.mkdir()
    Path(kb.location(RUN_ID)).symlink_to(outside)
    with pytest.raises(StopKbUploadFailed) as stop:
        kb.put(RUN_ID, NAME, TEXT)
    assert stop.value.run_id == RUN_ID
    assert list(outside.iterdir()) == []


def test_a_document_that_is_a_link_is_not_written_through(folder: Path, kb: FolderReporter) -> None:
    target = folder.parent / "target"
    target.write_text("untouched")
    (folder / NAME).symlink_to(target)
    with pytest.raises(StopKbUploadFailed, match="symbolic link"):
        kb.put(RUN_ID, NAME, TEXT)
    assert target.read_text() == "untouched"


def test_a_folder_in_the_way_is_a_failed_upload(folder: Path, kb: FolderReporter) -> None:
    (folder / NAME).mkdir()
    with pytest.raises(StopKbUploadFailed):
        kb.put(RUN_ID, NAME, TEXT)


def test_the_index_has_one_line_a_run(kb: FolderReporter, tmp_path: Path) -> None:
    index = tmp_path / "runs" / "runs-index.md"
    assert not kb.index_has(RUN_ID)
    kb.append_index(RUN_ID, f"- {RUN_ID} · closed")
    kb.append_index(OTHER_RUN_ID, f"- {OTHER_RUN_ID} · closed")
    kb.append_index(RUN_ID, f"- {RUN_ID} · closed")
    assert index.read_text() == f"- {RUN_ID} · closed\n- {OTHER_RUN_ID} · closed\n"
    kb.append_index(RUN_ID, f"- {RUN_ID} · again")
    assert index.read_text() == f"- {RUN_ID} · again\n- {OTHER_RUN_ID} · closed\n"
    assert kb.index_has(RUN_ID)
    assert kb.index_has(OTHER_RUN_ID)


def test_a_doubled_line_is_mended(kb: FolderReporter, tmp_path: Path) -> None:
    index = tmp_path / "runs" / "runs-index.md"
    kb.append_index(RUN_ID, f"- {RUN_ID}")
    index.write_text(f"# Runs\n- {RUN_ID}\n- {RUN_ID}\n")
    kb.append_index(RUN_ID, f"- {RUN_ID}")
    assert index.read_text() == f"# Runs\n- {RUN_ID}\n"


@pytest.mark.parametrize(
    "line",
    [
        "- no run",
        f"- {OTHER_RUN_ID}",
        f"- {RUN_ID} {OTHER_RUN_ID}",
        f"- {RUN_ID}\n- more",
        f"- {RUN_ID}\u2028more",
        f"- {RUN_ID}\n",
        f"- {RUN_ID} {'x' * 2_000}",
    ],
    ids=["none", "another", "two", "two lines", "two Unicode lines", "line end", "too long"],
)
def test_an_index_line_is_one_line_of_one_run(kb: FolderReporter, line: str) -> None:
    with pytest.raises(StopKbUploadFailed):
        kb.append_index(RUN_ID, line)
    assert not kb.index_has(RUN_ID)


def test_an_index_that_is_no_text_is_left_alone(kb: FolderReporter, tmp_path: Path) -> None:
    index = tmp_path / "runs" / "runs-index.md"
    index.parent.mkdir()
    index.write_bytes(b"\xff\xfe")
    with pytest.raises(StopKbUploadFailed):
        kb.append_index(RUN_ID, f"- {RUN_ID}")
    assert index.read_bytes() == b"\xff\xfe"


def test_an_approval_is_found_by_each_way_of_naming_it(
    kb: FolderReporter, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "approval.txt").write_text("gate: …")
    monkeypatch.chdir(folder.parent.parent)
    for reference in (
        str(folder / "approval.txt"),
        f"runs/{RUN_ID}/approval.txt",
        f"{RUN_ID}/approval.txt",
        "approval.txt",
    ):
        assert kb.fetch_text(reference) == "gate: …".encode()


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "absent.txt",
        "/absent/x",
        f"{RUN_ID}/absent.txt",
        "a\0b",
        "x" * 5_000,
        "y" * 300,
        "../../x",
    ],
    ids=["empty", "bare", "absolute", "in a run", "NUL", "very long", "long", "above"],
)
def test_what_is_not_there_is_none(kb: FolderReporter, folder: Path, reference: str) -> None:
    assert kb.fetch_text(reference) is None


def test_no_reference_leads_out_of_the_runs(kb: FolderReporter, folder: Path) -> None:
    (folder.parent.parent / "secret.txt").write_text("secret")
    assert kb.fetch_text(f"{RUN_ID}/../../secret.txt") is None
    assert kb.fetch_text("../secret.txt") is None


def test_a_link_inside_the_runs_is_not_followed(kb: FolderReporter, folder: Path) -> None:
    secret = folder.parent.parent / "secret.txt"
    secret.write_text("secret")
    (folder / "approval.txt").symlink_to(secret)
    with pytest.raises(StopStorage):
        kb.fetch_text("approval.txt")


def test_a_bare_name_in_two_runs_is_asked_back(kb: FolderReporter) -> None:
    for run_id in (RUN_ID, OTHER_RUN_ID):
        kb.put(run_id, "approval.txt", "…")
    with pytest.raises(StopRefusedInput, match="2 runs"):
        kb.fetch_text("approval.txt")


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_only_files_are_fetched(kb: FolderReporter, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "offered"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(StopRefusedInput):
        kb.fetch_text(str(path))


def test_a_long_file_comes_cut_off(kb: FolderReporter, tmp_path: Path) -> None:
    path = tmp_path / "long"
    with path.open("wb") as file:
        file.truncate(REQUEST_BYTES_MAX + 100)
    found = kb.fetch_text(str(path))
    assert found is not None
    assert len(found) == REQUEST_BYTES_MAX + 1


def test_signatures_are_found_beside_their_request(kb: FolderReporter, folder: Path) -> None:
    for name, armor in {
        f"{REQUEST}.minh.sig": "m",
        f"{REQUEST}.lan.sig": "l",
        f"{REQUEST}.an.reject.sig": "no",
        f"{REQUEST}.sig": "of nobody",
        f"{REQUEST}.a.b.sig": "of two",
        f"{REQUEST}..sig": "of nothing",
        f"{REQUEST}.lan.sig~": "left by an editor",
        "SG2-request.md.lan.sig": "of another request",
    }.items():
        (folder / name).write_text(armor)
    assert kb.signatures(RUN_ID, REQUEST) == (
        OfferedSignature("an", rejects=True, armor=b"no"),
        OfferedSignature("lan", rejects=False, armor=b"l"),
        OfferedSignature("minh", rejects=False, armor=b"m"),
    )


def test_there_are_no_signatures_where_there_is_no_folder(kb: FolderReporter) -> None:
    assert kb.signatures(RUN_ID, REQUEST) == ()


def test_a_long_signature_comes_cut_off(kb: FolderReporter, folder: Path) -> None:
    (folder / f"{REQUEST}.lan.sig").write_bytes(b"x" * 100_000)
    (offered,) = kb.signatures(RUN_ID, REQUEST)
    assert len(offered.armor) == 8 * 1024 + 1


def test_too_many_signatures_are_refused(kb: FolderReporter, folder: Path) -> None:
    for number in range(65):
        (folder / f"{REQUEST}.p{number}.sig").write_bytes(b"x")
    with pytest.raises(StopApprovalInvalid, match="64"):
        kb.signatures(RUN_ID, REQUEST)
    (folder / f"{REQUEST}.p0.sig").unlink()
    assert len(kb.signatures(RUN_ID, REQUEST)) == 64


def test_what_is_no_regular_file_comes_as_an_empty_signature(
    kb: FolderReporter, folder: Path
) -> None:
    (folder / "elsewhere").write_bytes(b"x")
    (folder / f"{REQUEST}.lan.sig").symlink_to(folder / "elsewhere")
    (folder / f"{REQUEST}.minh.reject.sig").mkdir()
    os.mkfifo(folder / f"{REQUEST}.ngoc.sig")
    (folder / f"{REQUEST}.phuc.sig").write_bytes(b"signed")
    assert [(each.person, each.armor) for each in kb.signatures(RUN_ID, REQUEST)] == [
        ("lan", b""),
        ("minh", b""),
        ("ngoc", b""),
        ("phuc", b"signed"),
    ]


def test_a_signature_that_the_system_fails_to_read_stops(tmp_path: Path, folder: Path) -> None:
    """It may be a refusal: it is no stray file as long as nobody has read it."""
    (folder / f"{REQUEST}.lan.reject.sig").write_bytes(b"x")
    with pytest.raises(StopApprovalInvalid, match="Input/output error"):
        FolderReporter(tmp_path / "runs", disk=FailingDisk()).signatures(RUN_ID, REQUEST)


@pytest.mark.parametrize("name", ["../x", "a/b", ""])
def test_a_request_is_named_by_a_file_name(kb: FolderReporter, name: str) -> None:
    with pytest.raises(StopRefusedInput):
        kb.signatures(RUN_ID, name)


def test_a_document_is_written_by_one_process_at_a_time(tmp_path: Path) -> None:
    runs = StateStore(tmp_path)._folder
    busy: list[str] = []

    def hook(name: str) -> None:
        try:
            with runs.lock(f"{RUN_ID}.write"):
                pass
        except StopLockBusy:
            busy.append(name)

    FolderReporter(tmp_path, on_effect=hook).put(RUN_ID, NAME, TEXT)
    assert len(busy) == 8
