"""Persons' keys: files that ssh-keygen made or reads, and signatures equal to its own."""

import pickle
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from cutter_agent.crypto.person_keys import FileSigner, load_person_key, new_person_key
from cutter_agent.errors import StopApprovalInvalid, StopRefusedInput
from cutter_agent.evidence.sshsig import (
    APPROVAL_NAMESPACE,
    REJECT_NAMESPACE,
    parse_public_key,
    verify,
)

PASSPHRASE = "đúng mật khẩu".encode()
REQUEST = b"gate: SG_1_cut_authz\n\nsheet\n"

needs_ssh_keygen = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed"
)


def nobody_answers(name: str) -> bytes | None:
    pytest.fail(f"the passphrase of {name} was asked for")


def answer(passphrase: bytes | None) -> Callable[[str], bytes | None]:
    return lambda _: passphrase


def ssh_keygen(folder: Path, *words: str, given: bytes = b"") -> bytes:
    run = subprocess.run(
        ["ssh-keygen", *words], cwd=folder, input=given, capture_output=True, check=True, timeout=30
    )
    return run.stdout


def stock_key(folder: Path, *options: str, passphrase: str = "", name: str = "stock") -> Path:
    ssh_keygen(folder, "-q", "-t", "ed25519", "-N", passphrase, "-f", name, *options)
    return folder / name


def test_a_new_key_is_private_and_its_public_line_lies_beside_it(tmp_path: Path):
    path = tmp_path / "id"
    key = new_person_key(path, None, comment="anna@office")
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    assert (tmp_path / "id.pub").read_text() == f"{key.line} anna@office\n"
    assert load_person_key(path, nobody_answers).public_key == key


@needs_ssh_keygen
@pytest.mark.parametrize("passphrase", [None, b"hello world"])
def test_ssh_keygen_reads_a_new_key(tmp_path: Path, passphrase: bytes | None):
    path = tmp_path / "id"
    key = new_person_key(path, passphrase)
    given = "" if passphrase is None else passphrase.decode()
    public = ssh_keygen(tmp_path, "-y", "-P", given, "-f", "id").decode()
    assert parse_public_key(public) == key
    assert parse_public_key((tmp_path / "id.pub").read_text()) == key


@needs_ssh_keygen
def test_a_signature_equals_that_of_ssh_keygen(tmp_path: Path):
    path = stock_key(tmp_path)
    signer = load_person_key(path, nobody_answers)
    for request in (b"", REQUEST, b"\r\n\x00\xff" * 5000):
        for namespace in (APPROVAL_NAMESPACE, REJECT_NAMESPACE):
            words = ("-Y", "sign", "-q", "-f", "stock", "-n", namespace)
            theirs = ssh_keygen(tmp_path, *words, given=request)
            assert signer.sign_request(request, namespace).encode() == theirs


@needs_ssh_keygen
@pytest.mark.parametrize("cipher", ["aes256-ctr", "aes256-gcm@openssh.com"])
def test_an_encrypted_stock_key_opens_with_its_passphrase(tmp_path: Path, cipher: str):
    path = stock_key(tmp_path, "-Z", cipher, "-a", "1", passphrase=PASSPHRASE.decode())
    asked: list[str] = []

    def ask(name: str) -> bytes:
        asked.append(name)
        return PASSPHRASE

    signer = load_person_key(path, ask)
    assert asked == ["stock"]
    assert signer.public_key == parse_public_key((tmp_path / "stock.pub").read_text())


@pytest.mark.parametrize("passphrase", [None, b"", b"wrong"])
def test_an_encrypted_key_stays_shut_without_its_passphrase(
    tmp_path: Path, passphrase: bytes | None
):
    path = tmp_path / "id"
    new_person_key(path, PASSPHRASE)
    with pytest.raises(StopRefusedInput, match="passphrase") as stop:
        load_person_key(path, answer(passphrase))
    assert stop.value.__cause__ is None
    assert load_person_key(path, answer(PASSPHRASE))


def test_a_signature_is_good_for_its_request_and_namespace(tmp_path: Path):
    new_person_key(tmp_path / "id", None)
    signer = load_person_key(tmp_path / "id", nobody_answers)
    text = signer.sign_request(REQUEST, APPROVAL_NAMESPACE).encode()
    assert verify(text, REQUEST, namespace=APPROVAL_NAMESPACE).public_key == signer.public_key
    with pytest.raises(StopApprovalInvalid):
        verify(text, REQUEST, namespace=REJECT_NAMESPACE)


def test_a_signer_does_not_show_its_secret(tmp_path: Path):
    new_person_key(tmp_path / "id", None)
    signer = load_person_key(tmp_path / "id", nobody_answers)
    assert repr(signer) == f"FileSigner({signer.public_key.fingerprint})"
    assert not hasattr(signer, "__dict__")
    with pytest.raises(StopRefusedInput):
        pickle.dumps(signer)


def test_a_signer_hands_out_no_signature_that_does_not_verify(tmp_path: Path):
    new_person_key(tmp_path / "a", None)
    new_person_key(tmp_path / "b", None)
    signer = load_person_key(tmp_path / "a", nobody_answers)
    confused = FileSigner(signer._private)
    confused.public_key = load_person_key(tmp_path / "b", nobody_answers).public_key
    with pytest.raises(StopApprovalInvalid, match="does not fit"):
        confused.sign_request(REQUEST, APPROVAL_NAMESPACE)


def test_a_key_that_others_may_read_is_refused(tmp_path: Path):
    path = tmp_path / "id"
    new_person_key(path, None)
    path.chmod(0o644)
    with pytest.raises(StopRefusedInput, match="mode 0644"):
        load_person_key(path, nobody_answers)


def test_a_persons_key_may_lie_behind_a_link(tmp_path: Path):
    key = new_person_key(tmp_path / "id", None)
    (tmp_path / "link").symlink_to("id")
    assert load_person_key(tmp_path / "link", nobody_answers).public_key == key


@needs_ssh_keygen
@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_a_key_of_another_algorithm_is_refused(tmp_path: Path, kind: str):
    ssh_keygen(tmp_path, "-q", "-t", kind, "-N", "", "-f", "other")
    with pytest.raises(StopRefusedInput, match="cannot sign here"):
        load_person_key(tmp_path / "other", nobody_answers)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"ssh-ed25519 AAAA\n",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
        b"-----BEGIN OPENSSH PRIVATE KEY-----\n",
    ],
)
def test_a_file_that_is_no_openssh_key_is_refused(tmp_path: Path, data: bytes):
    path = tmp_path / "id"
    path.write_bytes(data)
    path.chmod(0o600)
    with pytest.raises(StopRefusedInput):
        load_person_key(path, nobody_answers)


def test_an_existing_key_is_never_replaced(tmp_path: Path):
    key = new_person_key(tmp_path / "id", None)
    with pytest.raises(StopRefusedInput, match="already"):
        new_person_key(tmp_path / "id", None)
    assert load_person_key(tmp_path / "id", nobody_answers).public_key == key


def test_a_public_line_that_is_in_the_way_leaves_no_half_made_key(tmp_path: Path):
    (tmp_path / "id.pub").write_text("somebody's\n")
    with pytest.raises(StopRefusedInput, match="already"):
        new_person_key(tmp_path / "id", None)
    assert [path.name for path in tmp_path.iterdir()] == ["id.pub"]


def test_an_empty_passphrase_is_not_taken_for_none(tmp_path: Path):
    with pytest.raises(StopRefusedInput, match="empty"):
        new_person_key(tmp_path / "id", b"")


def test_a_comment_cannot_add_a_second_line(tmp_path: Path):
    with pytest.raises(StopRefusedInput, match="printable"):
        new_person_key(tmp_path / "id", None, comment="a\nssh-ed25519 AAAA")
    assert list(tmp_path.iterdir()) == []
