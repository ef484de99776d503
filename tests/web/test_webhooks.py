"""Webhooks: signed, at least once, in order, also after a crash; and never to an inner address."""

import hashlib
import hmac
import json
import socket
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address

import pytest
from tests.live import Deployed, cut_live
from tests.runs import CODE

from cutter_agent.bootstrap.console.desks import Desks
from cutter_agent.bootstrap.settings import (
    parse_settings,
    read_settings,
    render_settings,
    write_settings,
)
from cutter_agent.bootstrap.webhooks import Webhook
from cutter_agent.errors import StopRefusedInput
from cutter_agent.orchestrator import Mode
from cutter_agent.web.courier import Courier
from cutter_agent.web.posting import NotDeliveredError, may_be_spoken_to, post

SECRET = b"0123456789abcdef0123456789abcdef"


class Receiver(ThreadingHTTPServer):
    """Takes what it is told, after as many refusals as it was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.refuse = 0
        self.taken: list[tuple[dict[str, str], bytes]] = []

    @property
    def events(self) -> list[str]:
        return [json.loads(body)["event"] for _, body in self.taken]

    @property
    def ids(self) -> list[str]:
        return [headers["Cutter-Event-Id"] for headers, _ in self.taken]


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        refused = self.server.refuse > 0
        self.server.refuse -= refused
        if not refused:
            self.server.taken.append((dict(self.headers), body))
        self.send_response(503 if refused else 204)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def hooked(deployed: Deployed, receiver: Receiver) -> Deployed:
    """The deployment tells the receiver."""
    hook = Webhook(name="ops", url=f"http://127.0.0.1:{receiver.server_port}/in")
    write_settings(deployed.home, replace(read_settings(deployed.home), webhooks=(hook,)))
    path = deployed.home.secrets / "webhook-ops.key"
    path.touch(mode=0o600)
    path.write_bytes(SECRET + b"\n")
    return deployed


@pytest.fixture
def desks(hooked: Deployed) -> Iterator[Desks]:
    made = Desks(hooked.environ)
    yield made
    made.close()


def test_a_run_is_told_when_it_waits_and_when_it_closes(
    hooked: Deployed, desks: Desks, receiver: Receiver
) -> None:
    courier = Courier(desks)
    courier.round()
    run_id = cut_live(hooked).run_id
    courier.round()
    assert receiver.events == ["waiting", "waiting", "closed"]
    for headers, body in receiver.taken:
        signed = f"{headers['Cutter-Timestamp']}.".encode() + body
        expected = hmac.new(SECRET, signed, hashlib.sha256).hexdigest()
        assert headers["Cutter-Signature"] == f"v1={expected}"
        told = json.loads(body)
        assert headers["Cutter-Event-Id"] == told["id"]
        assert (told["run_id"], told["document_id"]) == (run_id, CODE)
        assert SECRET not in body
    courier.round()
    assert len(receiver.taken) == 3


def test_what_was_before_the_first_look_is_no_news(
    hooked: Deployed, desks: Desks, receiver: Receiver
) -> None:
    cut_live(hooked)
    Courier(desks).round()
    assert not receiver.taken


def test_a_refusing_receiver_is_tried_again_and_nothing_is_lost_with_the_process(
    hooked: Deployed, desks: Desks, receiver: Receiver
) -> None:
    Courier(desks).round()
    with hooked.runner() as runner:
        run_id = runner.cut(document_id=CODE, mode=Mode.LIVE).run_id
    receiver.refuse = 2
    outcomes: list[str] = []
    courier = Courier(desks, told=outcomes.append, first_wait_s=0.0)
    courier.round()
    assert (receiver.taken, outcomes) == ([], ["failed"])
    Courier(desks).round()
    assert not receiver.taken
    courier = Courier(desks)
    courier.round()
    courier.round()
    assert receiver.events == ["waiting"]
    assert receiver.ids[0].startswith(f"{run_id}:")


def test_an_answer_that_was_lost_is_told_twice_under_one_id(
    hooked: Deployed, desks: Desks, receiver: Receiver
) -> None:
    Courier(desks).round()
    with hooked.runner() as runner:
        runner.cut(document_id=CODE, mode=Mode.LIVE)

    def lost(webhook: Webhook, body: bytes, headers: dict[str, str]) -> None:
        post(webhook, body, headers)
        raise NotDeliveredError("the answer was lost")

    Courier(desks, send=lost).round()
    Courier(desks).round()
    assert len(receiver.ids) == 2
    assert len(set(receiver.ids)) == 1


def test_a_stop_is_told_with_its_code(hooked: Deployed, desks: Desks, receiver: Receiver) -> None:
    Courier(desks).round()
    with hooked.runner() as runner:
        runner.cut(document_id="NOPE", mode=Mode.LIVE)
    Courier(desks).round()
    assert receiver.events == ["stopped"]
    assert json.loads(receiver.taken[0][1])["stop_code"] == "STOP_DOCUMENT_UNKNOWN"


def test_without_a_private_secret_nothing_is_told(
    hooked: Deployed, desks: Desks, receiver: Receiver
) -> None:
    path = hooked.home.secrets / "webhook-ops.key"
    path.chmod(0o644)
    with pytest.raises(StopRefusedInput):
        Courier(desks).round()
    path.unlink()
    with pytest.raises(StopRefusedInput, match="no secret"):
        Courier(desks).round()
    assert not receiver.taken


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/x",
        "ftp://127.0.0.1/x",
        "https://user:word@example.org/",
        "https:///x",
        "http://127.0.0.1:99999/",
        "https://example.org/\u200b",
        "file:///etc/passwd",
    ],
)
def test_an_address_that_is_none_is_refused_with_the_settings(url: str) -> None:
    table = {"schema_version": 1, "operator": "carol", "webhook": [{"name": "x", "url": url}]}
    with pytest.raises(StopRefusedInput, match="webhook 1: url"):
        parse_settings(table)


def test_webhooks_survive_writing_the_settings() -> None:
    hooks = (
        Webhook(name="a", url="https://example.org/a?b=c"),
        Webhook(name="b", url="http://localhost:1/", events=("closed",), private=True),
    )
    table = {"schema_version": 1, "operator": "carol", "authors": ["dave"]}
    settings = replace(parse_settings(table), webhooks=hooks)
    assert parse_settings(tomllib.loads(render_settings(settings))) == settings


@pytest.mark.parametrize(
    ("address", "private", "own", "may"),
    [
        ("93.184.216.34", False, False, True),
        ("10.0.0.1", False, False, False),
        ("10.0.0.1", True, False, True),
        ("169.254.169.254", True, False, False),
        ("127.0.0.1", True, False, False),
        ("127.0.0.1", False, True, True),
        ("::ffff:127.0.0.1", True, False, False),
        ("::ffff:169.254.169.254", True, False, False),
        ("fe80::1", True, False, False),
        ("0.0.0.0", True, True, False),  # noqa: S104 - it is refused
        ("224.0.0.1", True, False, False),
    ],
)
def test_inner_addresses_are_not_spoken_to(
    address: str, private: bool, own: bool, may: bool
) -> None:
    assert may_be_spoken_to(ip_address(address), private=private, own=own) is may


def test_a_name_that_leads_to_this_machine_is_not_spoken_to(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", receiver.server_port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kinds: found)
    hook = Webhook(name="x", url=f"https://inner.example:{receiver.server_port}/")
    with pytest.raises(NotDeliveredError, match="not spoken to"):
        post(hook, b"{}", {})
