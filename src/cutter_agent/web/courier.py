"""The courier: tells webhooks of live runs that wait, stop or close; at least once, in order, also after a crash.

What is to be told is the history itself; how far each webhook was told lies in a file of its own, written after
the receiver has answered. So nothing is lost with the server, and what was told twice has the same id twice.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING, Final

from cutter_agent.bootstrap.console.recall import reading_of, recall_of
from cutter_agent.bootstrap.standing import event_json
from cutter_agent.bootstrap.webhooks import (
    CLOSED,
    STOPPED,
    WAITING,
    Position,
    Webhook,
    read_position,
    webhook_secret,
    write_position,
)
from cutter_agent.errors import Stop, StopApprovalRequired
from cutter_agent.orchestrator.history import EventKind, RunEvent
from cutter_agent.orchestrator.phases.closeout import closeout
from cutter_agent.web.posting import NotDeliveredError, post

if TYPE_CHECKING:
    from cutter_agent.bootstrap.console.desks import Desks
    from cutter_agent.evidence.canonical import Json
    from cutter_agent.orchestrator.run_context import RunContext

_LOG: Final = logging.getLogger("cutter.web")
SCHEMA: Final = "cutter.webhook/1"
LOOK_S: Final = 60.0
"""So often is looked for news without having been told of any."""
FIRST_WAIT_S: Final = 1.0
WAIT_MAX_S: Final = 300.0
TRIES_MAX: Final = 50
"""After so many tries in one process an event is given up, with a line in the log: others wait behind it."""
RUNS_MAX: Final = 100_000
Send = Callable[[Webhook, bytes, dict[str, str]], None]


@dataclass(frozen=True, slots=True)
class News:
    """One event to be told."""

    run_id: str
    seq: int
    kind: str
    body: dict[str, Json]


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """What a receiver computes again: HMAC-SHA256 over time, a dot and the body."""
    return "v1=" + hmac.new(secret, f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def kind_of(event: RunEvent) -> str | None:
    """What a webhook calls the event, or None where it is told nothing of it."""
    match event.kind:
        case EventKind.REQUEST:
            return WAITING
        case EventKind.STOP if event.body.get("code") != StopApprovalRequired.code:
            return STOPPED
        case EventKind.DECISION if event.body.get("decision") == "void":
            return STOPPED
        case EventKind.PHASE if event.body.get("phase") == closeout.__name__:
            return CLOSED
        case _:
            return None


def _uncounted(outcome: str) -> None:
    del outcome


class Courier:
    """Tells the webhooks of the deployment, in a thread of its own."""

    def __init__(
        self,
        desks: Desks,
        *,
        told: Callable[[str], None] = _uncounted,
        send: Send = post,
        first_wait_s: float = FIRST_WAIT_S,
    ) -> None:
        """Nobody is told anything yet.

        Args:
            desks: the deployment.
            told: counts deliveries by their outcome.
            send: takes a body to its receiver.
            first_wait_s: the wait after the first failure; each further one doubles it.
        """
        self._desks = desks
        self._told = told
        self._send = send
        self._first_wait_s = first_wait_s
        self._news = Event()
        self._ended = Event()
        self._thread: Thread | None = None
        self._tries: dict[str, int] = {}
        self._not_before: dict[str, float] = {}

    def start(self) -> None:
        """The courier is at work."""
        self._thread = Thread(target=self._work, name="cutter-courier", daemon=True)
        self._thread.start()

    def wake(self, run_id: str) -> None:
        """Something moved: there may be news."""
        del run_id
        self._news.set()

    def close(self) -> None:
        """The courier has put down what it carried."""
        self._ended.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join(20.0)

    def round(self) -> float:
        """Whatever can be told now is told; returns the seconds until something may be tried again.

        Raises:
            Stop: the deployment cannot be read.
        """
        with self._desks.one() as desk:
            webhooks = desk.settings.webhooks
        waits = [LOOK_S]
        for webhook in webhooks:
            wait_s = self._not_before.get(webhook.name, 0.0) - time.monotonic()
            if wait_s <= 0:
                wait_s = self._tell(webhook)
            waits.append(max(wait_s, 0.01))
        return min(waits)

    def _work(self) -> None:
        while not self._ended.is_set():
            wait_s = LOOK_S
            try:
                wait_s = self.round()
            except Stop as stop:
                _LOG.warning("webhooks", extra={"code": stop.code})
            except Exception:  # noqa: BLE001 - the one edge of this thread
                _LOG.exception("webhooks")
            self._news.wait(wait_s)
            self._news.clear()

    def _tell(self, webhook: Webhook) -> float:
        secret = webhook_secret(self._desks.home, webhook)
        position = read_position(self._desks.home, webhook)
        if position is None:
            # What happened before somebody wanted to know is no news.
            position = self._now()
            write_position(self._desks.home, webhook, position)
        for news in self._news_since(webhook, position):
            if self._ended.is_set():
                return LOOK_S
            wait_s = self._deliver(webhook, secret, news)
            if wait_s is not None:
                return wait_s
            position.told[news.run_id] = news.seq
            write_position(self._desks.home, webhook, position)
        return LOOK_S

    def _deliver(self, webhook: Webhook, secret: bytes, news: News) -> float | None:
        """Take one event to its receiver; return how long to wait before it is tried again, or None."""
        body = json.dumps(news.body, ensure_ascii=True, sort_keys=True).encode()
        timestamp = str(int(time.time()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "iu-cutter",
            "Cutter-Event-Id": f"{news.run_id}:{news.seq}",
            "Cutter-Timestamp": timestamp,
            "Cutter-Signature": signature(secret, timestamp, body),
        }
        try:
            self._send(webhook, body, headers)
        except NotDeliveredError as error:
            tries = self._tries.get(webhook.name, 0) + 1
            self._tries[webhook.name] = tries
            self._told("failed")
            extra = {
                "webhook": webhook.name,
                "run_id": news.run_id,
                "why": str(error),
                "tries": tries,
            }
            if tries >= TRIES_MAX:
                self._tries.pop(webhook.name)
                self._told("given up")
                _LOG.error("webhook given up", extra=extra)
                return None
            _LOG.warning("webhook not delivered", extra=extra)
            wait_s = min(self._first_wait_s * 2.0 ** (tries - 1), WAIT_MAX_S)
            self._not_before[webhook.name] = time.monotonic() + wait_s
            return wait_s
        self._tries.pop(webhook.name, None)
        self._told("delivered")
        return None

    def _now(self) -> Position:
        """The position of one who knows everything that is recorded by now."""
        return Position("", {each.run_id: each.newest for each in self._live()})

    def _live(self) -> list[_Live]:
        from cutter_agent.postgres.overview import run_stamps  # noqa: PLC0415 - loads the driver

        with self._desks.one() as desk:
            stamps = run_stamps(reading_of(desk), limit=RUNS_MAX)
            over = {row.run_id for row in recall_of(desk).rows(desk) if row.over}
        return [
            _Live(run_id, stamp[0], stamp, run_id in over)
            for run_id, stamp in sorted(stamps.items())
        ]

    def _news_since(self, webhook: Webhook, position: Position) -> Iterator[News]:
        """Yield what the webhook was not told, run after run, and forget runs that were told whole."""
        whole = True
        for live in self._live():
            last = position.of(live.run_id)
            if last is None:
                continue
            if last < live.newest:
                with self._desks.one() as desk:
                    context = recall_of(desk).context(desk, live.run_id, live.stamp)
                if context is not None:
                    yield from _news(context, last, webhook)
                position.told[live.run_id] = live.newest
            whole = whole and live.over
            if whole:
                position.floor = live.run_id
                position.told.pop(live.run_id, None)


@dataclass(frozen=True, slots=True)
class _Live:
    """One live run: its newest event, what tells whether it moved, whether it is over."""

    run_id: str
    newest: int
    stamp: object
    over: bool


def _news(context: RunContext, last: int, webhook: Webhook) -> Iterator[News]:
    for event in context.history.events:
        kind = kind_of(event)
        if event.seq <= last or kind is None or kind not in webhook.events:
            continue
        told = event_json(event)
        body: dict[str, Json] = {
            "schema": SCHEMA,
            "id": f"{context.run_id}:{event.seq}",
            "event": kind,
            "at_utc": event.at_utc,
            "run_id": context.run_id,
            "document_id": context.document_id,
            "mode": context.history.header.mode.value,
            "stop_code": event.body.get("code") if event.kind is EventKind.STOP else None,
            "sentence": told["what"],
            "next": f"cutter why {context.run_id}",
        }
        yield News(context.run_id, event.seq, kind, body)
