"""`cutter serve` as a process: where it may listen, what it answers, how it ends."""

import json
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from tests.live import Deployed

from cutter_agent.cli.main import run
from cutter_agent.errors import StopRefusedInput
from cutter_agent.web.bodies import DISCARDED_BYTES_MAX
from cutter_agent.web.options import ServerOptions, check_options
from cutter_agent.web.serve import listening_at
from visitors import Served

START_S = 90


def test_it_answers_until_it_is_told_to_end(deployed: Deployed) -> None:
    program = "from cutter_agent.cli.main import main; main()"
    command = [sys.executable, "-c", program, "serve", "--port", "0", "--json"]
    with subprocess.Popen(
        command, env=deployed.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            said = ""
            while not said.rstrip().endswith("}"):
                line = server.stdout.readline()
                assert line, server.stderr
                said += line
            url = json.loads(said)["url"]
            assert httpx.get(f"{url}healthz", timeout=START_S).json() == {"ok": True}
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(START_S)
        assert server.stderr is not None
        lines = [json.loads(line) for line in server.stderr if line.startswith("{")]
    assert server.returncode == 0
    assert any(line["event"] == "request" and line["route"] == "/healthz" for line in lines)


def test_another_address_than_loopback_takes_tls(deployed: Deployed, tmp_path: Path) -> None:
    with pytest.raises(StopRefusedInput, match="no TLS settings"):
        check_options(ServerOptions(host="0.0.0.0"))  # noqa: S104 - it is refused
    pem = tmp_path / "one.pem"
    pem.write_text("")
    with pytest.raises(StopRefusedInput, match="one half"):
        check_options(ServerOptions(certificate=pem))
    with pytest.raises(StopRefusedInput, match="no file"):
        check_options(ServerOptions(certificate=pem, key=tmp_path / "none.pem"))
    assert check_options(ServerOptions(host="192.0.2.1", certificate=pem, key=pem)).secure


def test_a_port_that_is_taken_is_named(
    at: Served,
    capsys: pytest.CaptureFixture[str],
    deployed: Deployed,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in deployed.environ.items():
        monkeypatch.setenv(name, value)
    assert run(["serve", "--port", str(at.port)]) == 22
    assert "something listens" in capsys.readouterr().err
    assert run(["serve", "--host", "192.0.2.1"]) == 22
    assert "--tls-cert" in capsys.readouterr().err


def test_an_answer_waits_for_no_acknowledgement() -> None:
    """Else a page is held back until the browser's delayed acknowledgement of its headers."""
    with (
        listening_at(ServerOptions(port=0)) as listening,
        socket.create_connection(listening.getsockname()[:2]),
    ):
        connection, _ = listening.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_request_for_another_name_is_refused(at: Served) -> None:
    browser = at.browser()
    for host in ("evil.example", "127.0.0.1.evil.example", "", "[::2]"):
        answered = browser.get("/sign-in", headers={"Host": host})
        assert answered.status_code in {400, 421}, host
    assert browser.get("/sign-in", headers={"Host": f"LOCALHOST:{at.port}"}).status_code == 200


def test_every_answer_forbids_foreign_code_and_keeping(at: Served) -> None:
    browser = at.browser()
    for path in ("/sign-in", "/", "/nowhere", "/api/v1/me", "/healthz", "/api/v1/openapi.json"):
        headers = browser.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert headers["cross-origin-opener-policy"] == "same-origin"


def test_a_body_over_the_limit_is_refused_whether_it_says_its_length_or_not(at: Served) -> None:
    """As often as it takes: an answer that a reset connection overtakes is lost now and then."""
    browser = at.signed_in("alice")
    pieces = [b"x" * 1000] * 400
    form = {"content-type": "application/x-www-form-urlencoded"}
    for _ in range(40):
        assert browser.post("/sign-out", content=b"".join(pieces)).status_code == 413
        assert browser.post("/sign-in", content=iter(pieces), headers=form).status_code == 413
        assert browser.post("/nowhere", content=iter(pieces)).status_code == 404
    assert browser.get("/api/v1/me").status_code == 200


def test_a_body_that_never_ends_is_not_read_for_ever(at: Served) -> None:
    """The client sends until the server hangs up, which it does within its limits."""
    sent = 0
    head = (
        f"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1:{at.port}\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", at.port), timeout=START_S) as wire:
        wire.sendall(head.encode())
        with suppress(ConnectionError):
            while sent < 64 * DISCARDED_BYTES_MAX:
                wire.sendall(chunk)
                sent += 0x10000
    assert sent < 64 * DISCARDED_BYTES_MAX
