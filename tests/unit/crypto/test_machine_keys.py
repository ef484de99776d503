"""A machine's key: made once, kept private, and never shown."""

import copy
import pickle
import shutil
import stat
import subprocess
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from cutter_agent.crypto.machine_keys import MachineKey, ensure_machine_key, load_machine_key
from cutter_agent.errors import StopRefusedInput
from cutter_agent.evidence.ed25519 import key_id, signature_fits, spki_pem


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path


def test_a_key_is_made_once_and_kept(tmp_path: Path):
    path = tmp_path / "executor.pem"
    made = ensure_machine_key(path)
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    before = path.read_bytes()
    assert ensure_machine_key(path).public_raw == load_machine_key(path).public_raw
    assert made.public_raw == load_machine_key(path).public_raw
    assert path.read_bytes() == before


def test_a_key_signs_and_says_which_key_it_is():
    key, other = MachineKey.in_memory(), MachineKey.in_memory()
    assert signature_fits(key.public_raw, key.sign(b"statement"), b"statement")
    assert not signature_fits(other.public_raw, key.sign(b"statement"), b"statement")
    assert (key.key_id, key.public_pem) == (key_id(key.public_raw), spki_pem(key.public_raw))


def test_a_key_does_not_show_its_secret(tmp_path: Path):
    path = tmp_path / "key"
    key = ensure_machine_key(path)
    secret = path.read_text().splitlines()[1]
    assert repr(key) == str(key) == f"MachineKey({key.key_id[:16]})"
    assert secret not in repr(key)
    for copier in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(StopRefusedInput):
            copier(key)
    assert not hasattr(key, "__dict__")


def test_openssl_reads_the_key_file(tmp_path: Path):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    path = tmp_path / "key"
    key = ensure_machine_key(path)
    run = subprocess.run(
        ["openssl", "pkey", "-in", path, "-pubout"], check=True, capture_output=True, text=True
    )
    assert run.stdout == key.public_pem


def test_of_many_makers_at_once_one_wins_for_all(tmp_path: Path):
    path = tmp_path / "key"
    start, found = threading.Barrier(8), []

    def make() -> None:
        start.wait()
        found.append(ensure_machine_key(path).public_raw)

    makers = [threading.Thread(target=make) for _ in range(8)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert found == [load_machine_key(path).public_raw] * 8
    assert names_in(tmp_path) == ["key"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660])
def test_a_key_that_others_may_read_is_refused_and_not_replaced(tmp_path: Path, mode: int):
    path = tmp_path / "key"
    ensure_machine_key(path)
    path.chmod(mode)
    before = path.read_bytes()
    for reader in (load_machine_key, ensure_machine_key):
        with pytest.raises(StopRefusedInput, match="mode"):
            reader(path)
    assert path.read_bytes() == before


def test_a_link_in_place_of_a_key_is_refused_even_when_it_leads_nowhere(tmp_path: Path):
    ensure_machine_key(tmp_path / "elsewhere")
    for target in ("elsewhere", "nowhere"):
        link = tmp_path / f"link-{target}"
        link.symlink_to(target)
        with pytest.raises(StopRefusedInput, match="symbolic link"):
            ensure_machine_key(link)
    assert not (tmp_path / "nowhere").exists()


def pem(private: Ed25519PrivateKey | X25519PrivateKey, passphrase: bytes | None = None) -> bytes:
    seal = NoEncryption() if passphrase is None else BestAvailableEncryption(passphrase)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, seal)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not a key",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        pem(X25519PrivateKey.generate()),
        pem(Ed25519PrivateKey.generate(), b"passphrase"),
        MachineKey.in_memory().public_pem.encode(),
    ],
)
def test_a_file_that_holds_no_machine_key_is_refused(tmp_path: Path, data: bytes):
    with pytest.raises(StopRefusedInput, match="no machine key"):
        load_machine_key(written(tmp_path / "key", data))
