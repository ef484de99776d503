"""Keys in an agent: a private ssh-agent for the test, and agents that answer badly."""

import contextlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cutter_agent.crypto.agent_keys import AgentSigner, agent_signers
from cutter_agent.crypto.person_keys import load_person_key, new_person_key
from cutter_agent.errors import Stop, StopApprovalInvalid, StopRefusedInput
from cutter_agent.evidence.sshsig import APPROVAL_NAMESPACE, parse_public_key, verify
from forge.approvals import FILE_TYPE, TOKEN_TYPE, FileKey, TokenKey, string

REQUEST = b"gate: SG_1_cut_authz\n\nsheet\n"


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose name is short enough for a socket in it."""
    with tempfile.TemporaryDirectory(prefix="cutter-agent-") as name:
        yield Path(name)


@pytest.fixture
def stock_agent(short_folder: Path) -> Iterator[str]:
    if shutil.which("ssh-agent") is None or shutil.which("ssh-add") is None:
        pytest.skip("ssh-agent is not installed")
    path = str(short_folder / "socket")
    with subprocess.Popen(
        ["ssh-agent", "-D", "-a", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as agent:
        try:
            assert agent.stdout is not None
            assert b"SSH_AUTH_SOCK" in agent.stdout.readline()
            yield path
        finally:
            agent.send_signal(signal.SIGTERM)


def add(socket_path: str, key: Path) -> None:
    environment = {**os.environ, "SSH_AUTH_SOCK": socket_path}
    subprocess.run(["ssh-add", "-q", key], env=environment, check=True, capture_output=True)


def test_an_agents_signature_equals_that_of_the_file(stock_agent: str, tmp_path: Path):
    for name in ("anna", "binh"):
        new_person_key(tmp_path / name, None)
        add(stock_agent, tmp_path / name)
    signers = agent_signers(stock_agent, timeout_s=10)
    assert len(signers) == 2
    for name, signer in zip(("anna", "binh"), signers, strict=True):
        from_file = load_person_key(tmp_path / name, lambda _: None)
        assert signer.public_key == from_file.public_key
        assert signer.sign_request(REQUEST, APPROVAL_NAMESPACE) == from_file.sign_request(
            REQUEST, APPROVAL_NAMESPACE
        )


def test_keys_of_other_algorithms_are_passed_over(stock_agent: str, tmp_path: Path):
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    words = ["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", tmp_path / "other"]
    subprocess.run(words, check=True, capture_output=True)
    add(stock_agent, tmp_path / "other")
    assert agent_signers(stock_agent) == ()


def test_the_agents_socket_is_found_in_the_environment(
    stock_agent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    new_person_key(tmp_path / "anna", None)
    add(stock_agent, tmp_path / "anna")
    monkeypatch.setenv("SSH_AUTH_SOCK", stock_agent)
    assert len(agent_signers()) == 1
    monkeypatch.delenv("SSH_AUTH_SOCK")
    with pytest.raises(StopRefusedInput, match="SSH_AUTH_SOCK is not set"):
        agent_signers()


def test_a_key_that_left_the_agent_does_not_sign(stock_agent: str, tmp_path: Path):
    new_person_key(tmp_path / "anna", None)
    add(stock_agent, tmp_path / "anna")
    [signer] = agent_signers(stock_agent)
    environment = {**os.environ, "SSH_AUTH_SOCK": stock_agent}
    subprocess.run(["ssh-add", "-q", "-D"], env=environment, check=True, capture_output=True)
    with pytest.raises(StopRefusedInput, match="refused to sign"):
        signer.sign_request(REQUEST, APPROVAL_NAMESPACE)


Reply = Callable[[bytes], bytes]
Start = Callable[[Reply, int], str]


@pytest.fixture
def scripted_agent(short_folder: Path) -> Iterator[Start]:
    """An agent that answers so many requests with what the test says, framing included."""
    listener = socket.socket(socket.AF_UNIX)
    listener.settimeout(10)
    threads: list[threading.Thread] = []

    def serve(reply: Reply, requests: int) -> None:
        for _ in range(requests):
            with contextlib.suppress(OSError), listener.accept()[0] as peer:
                peer.settimeout(10)
                length = int.from_bytes(peer.recv(4), "big")
                request = b""
                while len(request) < length:
                    request += peer.recv(length - len(request))
                peer.sendall(reply(request))

    def start(reply: Reply, requests: int) -> str:
        path = str(short_folder / "scripted")
        listener.bind(path)
        listener.listen()
        threads.append(threading.Thread(target=serve, args=(reply, requests)))
        threads[0].start()
        return path

    with listener:
        yield start
        for thread in threads:
            thread.join()


def test_a_token_signs_through_the_agent_with_its_flags(
    scripted_agent: Start,
):
    token = TokenKey()

    def reply(request: bytes) -> bytes:
        if request == b"\x0b":
            return string(
                b"\x0c" + struct.pack(">I", 1) + string(token.blob) + string(b"to\x1bken")
            )
        fields = token.sign(REQUEST, flags=5, counter=9)
        return string(b"\x0e" + string(string(TOKEN_TYPE) + string(fields.raw) + fields.inner_tail))

    [signer] = agent_signers(scripted_agent(reply, 2), timeout_s=10)
    assert (signer.comment, signer.public_key.hardware) == ("to\ufffdken", True)
    text = signer.sign_request(REQUEST, APPROVAL_NAMESPACE).encode()
    signature = verify(text, REQUEST, namespace=APPROVAL_NAMESPACE)
    assert (signature.user_present, signature.user_verified, signature.counter) == (True, True, 9)


KEY = FileKey()
LISTED = b"\x0c" + struct.pack(">I", 1) + string(KEY.blob) + string(b"")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\x00",
        struct.pack(">I", 0),
        struct.pack(">I", 300_000),
        struct.pack(">I", 100) + b"\x0c",
        string(b"\x05"),
        string(b"\x0c"),
        string(b"\x0c" + struct.pack(">I", 2**31)),
        string(b"\x0c" + struct.pack(">I", 2) + string(KEY.blob) + string(b"")),
        string(b"\x0c" + struct.pack(">I", 1) + string(KEY.blob)[:-1]),
    ],
)
def test_an_agent_that_lists_badly_is_refused(scripted_agent: Start, answer: bytes):
    with pytest.raises(StopRefusedInput):
        agent_signers(scripted_agent(lambda _: answer, 1), timeout_s=5)


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        string(FILE_TYPE),
        string(TOKEN_TYPE) + string(bytes(64)),
        string(FILE_TYPE) + string(bytes(63)),
        string(FILE_TYPE) + string(bytes(64)),
        string(FILE_TYPE) + string(KEY.sign(b"another request").raw),
        string(FILE_TYPE) + string(KEY.sign(REQUEST).raw) + b"\x00",
    ],
)
def test_an_agent_that_signs_badly_is_found_out(scripted_agent: Start, blob: bytes):
    signer = AgentSigner(
        parse_public_key(KEY.line),
        "",
        scripted_agent(lambda _: string(b"\x0e" + string(blob)), 1),
        5,
    )
    with pytest.raises((StopRefusedInput, StopApprovalInvalid)):
        signer.sign_request(REQUEST, APPROVAL_NAMESPACE)


def test_an_agent_that_is_silent_is_given_up(short_folder: Path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(short_folder / "silent"))
        listener.listen()
        with pytest.raises(StopRefusedInput, match="does not answer"):
            agent_signers(str(short_folder / "silent"), timeout_s=0.05)


def test_no_agent_at_all_is_refused(short_folder: Path):
    for path in (str(short_folder / "none"), str(short_folder / ("x" * 200))):
        with pytest.raises(Stop, match="does not answer"):
            agent_signers(path)
