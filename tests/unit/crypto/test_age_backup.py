"""Backups: encrypted on their way to the file, digested, whole or absent, and opened again."""

import hashlib
import io
import os
import pickle
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from pyrage import x25519

from cutter_agent.crypto.age_backup import (
    Digested,
    EncryptedBackup,
    EphemeralIdentity,
    decrypt_backup,
    digest_file,
    encrypt_backup,
    parse_recipients,
)
from cutter_agent.errors import StopBackupFailed, StopRefusedInput, StopStorage

PLAIN = bytes(range(256)) * 1000


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def digested(data: bytes) -> Digested:
    return Digested(len(data), hashlib.sha256(data).hexdigest())


@pytest.fixture
def identity() -> EphemeralIdentity:
    return EphemeralIdentity()


@pytest.fixture
def backup(tmp_path: Path, identity: EphemeralIdentity) -> EncryptedBackup:
    return encrypt_backup(io.BytesIO(PLAIN), tmp_path / "backup.age", [identity.recipient])


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 1_000_000])
def test_what_goes_in_comes_out(tmp_path: Path, identity: EphemeralIdentity, size: int):
    data = os.urandom(size)
    backup = encrypt_backup(io.BytesIO(data), tmp_path / "b", [identity.recipient])
    assert backup.plaintext == digested(data)
    assert backup.ciphertext == digested((tmp_path / "b").read_bytes())
    opened = io.BytesIO()
    assert decrypt_backup(backup, opened, identity) == digested(data)
    assert opened.getvalue() == data


def test_the_file_is_private_and_alone_in_its_folder(backup: EncryptedBackup):
    assert stat.S_IMODE(backup.path.lstat().st_mode) == 0o600
    assert names_in(backup.path.parent) == ["backup.age"]
    assert PLAIN[:64] not in backup.path.read_bytes()


def test_every_recipient_can_open_it_and_nobody_else(tmp_path: Path):
    people = [EphemeralIdentity() for _ in range(3)]
    backup = encrypt_backup(io.BytesIO(PLAIN), tmp_path / "b", [one.recipient for one in people])
    for one in people:
        assert decrypt_backup(backup, io.BytesIO(), one) == digested(PLAIN)
    with pytest.raises(StopBackupFailed):
        decrypt_backup(backup, io.BytesIO(), EphemeralIdentity())


class HalfDump(io.BytesIO):
    """A dump program that breaks off."""

    def read(self, size: int | None = -1, /) -> bytes:
        part = super().read(size)
        if not part:
            raise OSError("broken pipe")
        return part


def test_a_source_that_breaks_off_leaves_no_backup(tmp_path: Path, identity: EphemeralIdentity):
    with pytest.raises(StopBackupFailed, match="broken pipe"):
        encrypt_backup(HalfDump(b"first half"), tmp_path / "b", [identity.recipient])
    assert names_in(tmp_path) == []


def test_a_dump_that_ended_badly_leaves_no_backup(tmp_path: Path, identity: EphemeralIdentity):
    seen: list[list[str]] = []

    def ended_badly() -> None:
        seen.append(names_in(tmp_path))
        raise StopBackupFailed("pg_dump ended with 1")

    with pytest.raises(StopBackupFailed, match="ended with 1"):
        encrypt_backup(
            io.BytesIO(PLAIN), tmp_path / "b", [identity.recipient], before_commit=ended_badly
        )
    assert len(seen) == 1
    assert "b" not in seen[0]
    assert names_in(tmp_path) == []


def test_a_backup_is_never_replaced(backup: EncryptedBackup, identity: EphemeralIdentity):
    with pytest.raises(StopBackupFailed, match="already"):
        encrypt_backup(io.BytesIO(b"other"), backup.path, [identity.recipient])
    assert digested(backup.path.read_bytes()) == backup.ciphertext


def test_a_folder_that_is_not_there_is_a_stop_of_storage(
    tmp_path: Path, identity: EphemeralIdentity
):
    with pytest.raises(StopStorage):
        encrypt_backup(io.BytesIO(PLAIN), tmp_path / "none" / "b", [identity.recipient])


def test_a_backup_for_nobody_is_refused(tmp_path: Path):
    with pytest.raises(StopRefusedInput, match="nobody"):
        encrypt_backup(io.BytesIO(PLAIN), tmp_path / "b", [])
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("place", [0, 100, 200, -1])
def test_one_changed_byte_is_found(
    backup: EncryptedBackup, identity: EphemeralIdentity, place: int
):
    data = bytearray(backup.path.read_bytes())
    data[place] ^= 1
    backup.path.write_bytes(data)
    with pytest.raises(StopBackupFailed):
        decrypt_backup(backup, io.BytesIO(), identity)


def test_a_cut_or_longer_file_is_found(backup: EncryptedBackup, identity: EphemeralIdentity):
    data = backup.path.read_bytes()
    for other in (data[:-1], data[: len(data) // 2], b"", data + b"\x00"):
        backup.path.write_bytes(other)
        with pytest.raises(StopBackupFailed):
            decrypt_backup(backup, io.BytesIO(), identity)


def test_a_swapped_backup_is_found_though_it_opens(
    tmp_path: Path, backup: EncryptedBackup, identity: EphemeralIdentity
):
    """The same plaintext encrypted once more is another ciphertext than the approver signed."""
    other = encrypt_backup(io.BytesIO(PLAIN), tmp_path / "other", [identity.recipient])
    shutil.copyfile(other.path, backup.path)
    with pytest.raises(StopBackupFailed, match="not the file that was written"):
        decrypt_backup(backup, io.BytesIO(), identity)


def test_an_empty_plaintext_cannot_pass_for_the_dump(
    tmp_path: Path, backup: EncryptedBackup, identity: EphemeralIdentity
):
    empty = encrypt_backup(io.BytesIO(b""), tmp_path / "empty", [identity.recipient])
    claimed = EncryptedBackup(empty.path, empty.ciphertext, backup.plaintext)
    with pytest.raises(StopBackupFailed, match="other bytes"):
        decrypt_backup(claimed, io.BytesIO(), identity)


def test_a_lost_file_is_a_failed_backup(backup: EncryptedBackup, identity: EphemeralIdentity):
    backup.path.unlink()
    with pytest.raises(StopBackupFailed):
        decrypt_backup(backup, io.BytesIO(), identity)


class SlowSink:
    """A pipe that takes a few bytes at a time."""

    def __init__(self) -> None:
        self.taken = bytearray()

    def write(self, data: bytes, /) -> int:
        self.taken += data[:1000]
        return len(data[:1000])

    def flush(self) -> None:
        """Nothing is held back."""


def test_a_pipe_that_takes_little_at_a_time_gets_everything(
    backup: EncryptedBackup, identity: EphemeralIdentity
):
    sink = SlowSink()
    decrypt_backup(backup, sink, identity)
    assert bytes(sink.taken) == PLAIN


class ClosedSink(SlowSink):
    """A restore program that goes away in the middle."""

    def write(self, data: bytes, /) -> int:
        if len(self.taken) > 100_000:
            raise BrokenPipeError(32, "Broken pipe")
        return super().write(data)


def test_a_restore_that_went_away_is_a_failed_backup(
    backup: EncryptedBackup, identity: EphemeralIdentity
):
    with pytest.raises(StopBackupFailed, match="Broken pipe"):
        decrypt_backup(backup, ClosedSink(), identity)


def test_an_open_file_is_digested(tmp_path: Path):
    (tmp_path / "file").write_bytes(PLAIN)
    with (tmp_path / "file").open("rb") as file:
        assert digest_file(file) == digested(PLAIN)


def test_an_identity_does_not_show_its_secret(identity: EphemeralIdentity):
    assert repr(identity) == f"EphemeralIdentity({identity.recipient})"
    assert "SECRET" not in repr(identity)
    assert not hasattr(identity, "__dict__")
    with pytest.raises(StopRefusedInput):
        pickle.dumps(identity)


RECIPIENT = str(x25519.Identity.generate().to_public())
OTHER = str(x25519.Identity.generate().to_public())


def test_recipients_are_read_with_comments_and_blank_lines():
    text = f"# offline, in the safe\n{RECIPIENT}\n\n  {OTHER}  \r\n"
    assert parse_recipients(text) == (RECIPIENT, OTHER)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "0 age recipients"),
        ("# nobody\n", "0 age recipients"),
        (f"{RECIPIENT}\n{RECIPIENT}\n", "line 2 of the recipients repeats"),
        (
            RECIPIENT[:-1] + ("q" if RECIPIENT.endswith("x") else "x"),
            "line 1 of the recipients is not",
        ),
        ("ssh-ed25519 AAAA", "not an age X25519 recipient"),
        (str(x25519.Identity.generate()), "private key"),
        ("\n".join(str(x25519.Identity.generate().to_public()) for _ in range(65)), "65 age"),
    ],
)
def test_other_recipients_are_refused(text: str, reason: str):
    with pytest.raises(StopRefusedInput, match=reason) as stop:
        parse_recipients(text)
    assert "AGE-SECRET-KEY" not in str(stop.value)


@pytest.fixture
def stock_age(tmp_path: Path) -> Path:
    if shutil.which("age") is None or shutil.which("age-keygen") is None:
        pytest.skip("age is not installed")
    return tmp_path


def test_stock_age_opens_our_backup(stock_age: Path):
    made = subprocess.run(
        ["age-keygen", "-o", stock_age / "id"], check=True, capture_output=True, text=True
    )
    recipient = made.stderr.split()[-1]
    backup = encrypt_backup(io.BytesIO(PLAIN), stock_age / "b.age", parse_recipients(recipient))
    run = subprocess.run(
        ["age", "-d", "-i", stock_age / "id", backup.path], check=True, capture_output=True
    )
    assert run.stdout == PLAIN


def test_we_open_what_stock_age_encrypted(stock_age: Path, identity: EphemeralIdentity):
    path = stock_age / "theirs.age"
    words = ["age", "-r", identity.recipient, "-o", path]
    subprocess.run(words, input=PLAIN, check=True, capture_output=True)
    theirs = EncryptedBackup(path, digested(path.read_bytes()), digested(PLAIN))
    assert decrypt_backup(theirs, io.BytesIO(), identity) == digested(PLAIN)
