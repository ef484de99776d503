"""FolderReporter: a run's documents as files, `<runs dir>/<run_id>/<name>`, and the index of runs (Contract 7)."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from cutter_agent.errors import (
    StopApprovalInvalid,
    StopKbUploadFailed,
    StopLockBusy,
    StopRefusedInput,
    StopStorage,
)
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.files.disk import SYSTEM_DISK, Disk
from cutter_agent.files.durable import (
    Folder,
    check_name,
    read_regular,
    reason_of,
    translated,
)
from cutter_agent.files.state_store import RUN_ID, check_run_id
from cutter_agent.orchestrator.approval import REQUEST_BYTES_MAX
from cutter_agent.orchestrator.effects import Hook, no_effect
from cutter_agent.orchestrator.orders import OfferedSignature

INDEX: Final = "runs-index.md"
INDEX_BYTES_MAX: Final = 64 * 1024 * 1024
INDEX_LINE_CHARS_MAX: Final = 2_000
DOCUMENT_BYTES_MAX: Final = 16 * 1024 * 1024
SIGNATURE_BYTES_MAX: Final = 8 * 1024
SIGNATURES_MAX: Final = 64
_SIGNER: Final = re.compile(r"(?P<person>[A-Za-z0-9_][A-Za-z0-9_@+-]{0,63})(?P<no>\.reject)?\.sig")
_NO_SIGNATURE: Final = frozenset(
    {errno.ELOOP, errno.EISDIR, errno.EINVAL, errno.ENXIO, errno.EACCES}
)
"""What is said of a link, a folder, a pipe, a socket, and of a file that is closed to this account."""
_REFERENCE_CHARS_MAX: Final = 4_096
_OFFERED: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class FolderReporter:
    """The folder where people find a run's documents and leave their signatures."""

    def __init__(
        self, runs_dir: Path | str, *, on_effect: Hook = no_effect, disk: Disk = SYSTEM_DISK
    ) -> None:
        """Bind the folder; nothing is made before the first document is put."""
        self._folder = Folder(Path(runs_dir).resolve(), on_effect=on_effect, disk=disk)
        self._cleaned: set[str] = set()

    def put(self, run_id: str, name: str, text: str) -> None:
        with _uploading(run_id):
            data = _utf8(text, name)
            folder = self._of(run_id)
            if name.startswith(".") or len(data) > DOCUMENT_BYTES_MAX:
                raise StopStorage(f"{name[:80]!a} of {len(data)} bytes cannot be a document")
            with folder.writing(name):
                if folder.read(name, size_bytes_max=DOCUMENT_BYTES_MAX) == data:
                    folder.settle(name)
                else:
                    folder.replace(name, data)

    def holds(self, run_id: str, name: str, sha256: str) -> bool:
        with _uploading(run_id):
            data = self._inner(run_id).read(name, size_bytes_max=DOCUMENT_BYTES_MAX)
        return data is not None and sha256_hex(data) == sha256

    def append_index(self, run_id: str, line: str) -> None:
        with _uploading(run_id):
            if RUN_ID.findall(line) != [check_run_id(run_id)] or _breaks(line):
                raise StopStorage(f"the index takes one line that names {run_id} once")
            with self._folder.writing(INDEX):
                lines = self._index()
                kept = [old for old in lines if run_id not in RUN_ID.findall(old)]
                if len(kept) + 1 == len(lines) and line in lines:
                    self._folder.settle(INDEX)
                    return
                place = next((n for n, old in enumerate(lines) if run_id in old), len(kept))
                kept.insert(place, line)
                self._folder.replace(INDEX, "".join(f"{each}\n" for each in kept).encode())

    def index_has(self, run_id: str) -> bool:
        with _uploading(run_id):
            return any(run_id in RUN_ID.findall(line) for line in self._index())

    def location(self, run_id: str) -> str:
        return str(self._inner(run_id).path)

    def fetch_text(self, reference: str) -> bytes | None:
        """The bytes of a regular file, cut off one byte after the limit of a request; None if missing.

        The reference is an absolute path, one from the working folder, `<run_id>/<name>` in the runs
        folder, or the bare name of a file that lies in one run's folder only.

        Raises:
            StopRefusedInput: it names no regular file, or a file of several runs.
            StopStorage: the file cannot be read.
        """
        if not reference or len(reference) > _REFERENCE_CHARS_MAX or "\0" in reference:
            return None
        found = _offered(Path(reference))
        return self._fetch_inside(reference) if found is None else found

    def signatures(self, run_id: str, request_name: str) -> Sequence[OfferedSignature]:
        """Every signature beside the request, by file name; one that is too long comes cut off.

        A link, and whatever else nobody can sign with, comes as an empty signature: it counts for
        nothing, and it is named where signatures are judged.

        Raises:
            StopApprovalInvalid: there are more than 64, or the system fails to read one.
            StopStorage: the folder cannot be read.
        """
        folder = self._inner(run_id)
        prefix = f"{check_name(request_name)}."
        offered: list[OfferedSignature] = []
        for name in folder.names():
            match = (
                _SIGNER.fullmatch(name.removeprefix(prefix)) if name.startswith(prefix) else None
            )
            if match is None:
                continue
            if len(offered) == SIGNATURES_MAX:
                raise StopApprovalInvalid(
                    f"over {SIGNATURES_MAX} signatures lie beside {request_name}", run_id=run_id
                )
            try:
                armor = folder.read(name, size_bytes_max=SIGNATURE_BYTES_MAX)
            except StopStorage as stop:
                if getattr(stop.__cause__, "errno", None) not in _NO_SIGNATURE:
                    raise translated(stop, StopApprovalInvalid, run_id=run_id) from stop
                armor = b""
            if armor is not None:
                offered.append(OfferedSignature(match["person"], match["no"] is not None, armor))
        return tuple(offered)

    def _inner(self, run_id: str) -> Folder:
        return self._folder.inner(check_run_id(run_id))

    def _of(self, run_id: str) -> Folder:
        """Return the run's folder, cleaned once of what dead writers left there."""
        folder = self._inner(run_id)
        if run_id not in self._cleaned:
            folder.clean()
            self._cleaned.add(run_id)
        return folder

    def _index(self) -> list[str]:
        data = self._folder.read(INDEX, size_bytes_max=INDEX_BYTES_MAX) or b""
        if len(data) > INDEX_BYTES_MAX:
            raise StopStorage(f"{INDEX} has over {INDEX_BYTES_MAX} bytes")
        try:
            return data.decode("utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise StopStorage(f"{INDEX} is not UTF-8 at byte {error.start}") from error

    def _fetch_inside(self, reference: str) -> bytes | None:
        run_id, slash, name = reference.rpartition("/")
        try:
            check_name(name)
        except StopRefusedInput:
            return None
        if slash:
            runs = [run_id] if RUN_ID.fullmatch(run_id) else []
        else:
            runs = [each for each in self._folder.names() if RUN_ID.fullmatch(each)]
        found = {run: self._read_offered(run, name) for run in runs}
        here = [run for run, data in found.items() if data is not None]
        if len(here) > 1:
            raise StopRefusedInput(
                f"{name} lies in the folders of {len(here)} runs", expected=f"{here[-1]}/{name}"
            )
        return found[here[0]] if here else None

    def _read_offered(self, run_id: str, name: str) -> bytes | None:
        return self._folder.inner(run_id).read(name, size_bytes_max=REQUEST_BYTES_MAX)


class DryRunReporter(FolderReporter):
    """The folder reporter of dry runs (Contract 8): its documents are the only trace that one leaves."""


@contextmanager
def _uploading(run_id: str) -> Iterator[None]:
    """Whatever the folder refuses is a document that could not be put there."""
    try:
        yield
    except (StopStorage, StopRefusedInput, StopLockBusy) as stop:
        raise translated(stop, StopKbUploadFailed, run_id=run_id) from stop


def _utf8(text: str, name: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise StopStorage(f"{name[:80]!a} has a lone surrogate at {error.start}") from error


def _breaks(line: str) -> bool:
    return len(line) > INDEX_LINE_CHARS_MAX or len(line.splitlines()) != 1 or line != line.strip()


def _offered(path: Path) -> bytes | None:
    """Return what the person offers under a path of their own; links may lead there."""
    try:
        handle = os.open(path, _OFFERED)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            return None
        raise StopStorage(f"{path.name}: {reason_of(error)}") from error
    try:
        return read_regular(handle, REQUEST_BYTES_MAX)
    except OSError as error:
        raise StopRefusedInput(f"{path.name}: {reason_of(error)}", expected="a file") from error
