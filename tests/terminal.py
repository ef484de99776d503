"""A person's terminal at a deployment of three people, whose keys lie in files."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from tests.live import Deployed

from deployments import Answered, Deployment
from people import private_key

CODE = "ICX-CONST"
CUTTER = str(Path(sys.executable).with_name("cutter"))


class Terminal(Deployment):
    """A person's terminal at a deployment of three people, with their keys in files."""

    def key(self, person: str, seal: KeySerializationEncryption | None = None) -> str:
        """The path of the person's private key."""
        path = self.home.root.parent / f"{person}.key"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_bytes(
                private_key(person).private_bytes(
                    Encoding.PEM, PrivateFormat.OpenSSH, seal or NoEncryption()
                )
            )
        return str(path)

    def approve(self, run: str, person: str, *words: str) -> Answered:
        """The person approves with their key."""
        return self.cutter("approve", run, "--yes", "--key", self.key(person), *words)

    def begun(self, *words: str) -> str:
        """The id of a run that has begun and waits at SG_1."""
        answered = self.cutter("cut", CODE, *words, "--json")
        assert answered.status == 10, answered
        return str(answered.document["run_id"])

    def closed(self) -> str:
        """The id of a live run that is closed out."""
        run = self.begun("--live")
        assert self.approve(run, "alice").status == 0
        assert self.cutter("resume").status == 10
        assert self.approve(run, "bob").status == 0
        assert self.cutter("resume").status == 0
        return run


def terminal_at(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    """The terminal whose environment is the deployment's."""
    for name, value in deployed.environ.items():
        monkeypatch.setenv(name, value)
    for name in ("SSH_AUTH_SOCK", "CUTTER_KEY_PASSPHRASE_FILE", "CUTTER_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    return Terminal(deployed.home, deployed.environ, capsys)


def on_terminal(
    deployed: Deployed, words: tuple[str, ...], *, typed: bytes = b"", **environ: str
) -> str:
    """What a command writes on a terminal of its own, where this is typed."""
    inner, outer = pty.openpty()
    process = subprocess.Popen(
        (CUTTER, *words),
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100", **deployed.environ, **environ},
        stdin=outer,
        stdout=outer,
        stderr=outer,
    )
    os.close(outer)
    shown = b""
    while True:
        try:
            part = os.read(inner, 65536)
        except OSError:
            break
        shown += part
        if typed and b"[y/N]" in shown:
            os.write(inner, typed)
            typed = b""
    os.close(inner)
    process.wait(timeout=30)
    return shown.decode("utf-8", "replace")
