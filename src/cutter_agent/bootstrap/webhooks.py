"""Webhooks of a deployment: who is told what, with which secret, and how far each has been told."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from cutter_agent.errors import StopEvidenceMismatch, StopRefusedInput

if TYPE_CHECKING:
    from cutter_agent.bootstrap.home import Home

WAITING: Final = "waiting"
STOPPED: Final = "stopped"
CLOSED: Final = "closed"
EVENTS: Final = (WAITING, STOPPED, CLOSED)
WEBHOOKS_MAX: Final = 20
SECRET_BYTES_MIN: Final = 16
SECRET_BYTES_MAX: Final = 1024
FOLDER: Final = "webhooks"
_POSITION_SCHEMA: Final = "cutter.webhook-position/1"
_POSITION_BYTES_MAX: Final = 64 * 1024 * 1024
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_URL_CHARS_MAX: Final = 2_000
_KEYS: Final = frozenset({"name", "url", "events", "private"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One who is told.

    Attributes:
        name: names the secret's file and the position.
        url: https, or http at this machine.
        events: of what.
        private: whether the address may be one of a private network.
    """

    name: str
    url: str
    events: tuple[str, ...] = EVENTS
    private: bool = False


def parse_webhooks(value: object) -> tuple[tuple[Webhook, ...], list[str]]:
    """The webhooks that the settings state, and what is wrong with them."""
    if value is None:
        return (), []
    if not isinstance(value, list) or len(value) > WEBHOOKS_MAX:
        return (), [f"webhook is a list of at most {WEBHOOKS_MAX} tables"]
    found: list[Webhook] = []
    faults: list[str] = []
    for number, table in enumerate(value, start=1):
        odd = list(_faults(table))
        faults += [f"webhook {number}: {fault}" for fault in odd]
        if not odd:
            events = table.get("events", list(EVENTS))
            found.append(
                Webhook(
                    name=table["name"],
                    url=table["url"],
                    events=tuple(events),
                    private=table.get("private") is True,
                )
            )
    if len({each.name for each in found}) != len(found):
        faults.append("two webhooks have one name")
    return tuple(found), faults


def render_webhooks(webhooks: Sequence[Webhook]) -> str:
    """The webhooks as TOML; `parse_webhooks` gives them back."""
    text = ""
    for each in webhooks:
        events = ", ".join(json.dumps(event) for event in each.events)
        text += (
            f"\n[[webhook]]\nname = {json.dumps(each.name)}\nurl = {json.dumps(each.url)}\n"
            f"events = [{events}]\nprivate = {json.dumps(each.private)}\n"
        )
    return text


def webhook_secret(home: Home, webhook: Webhook) -> bytes:
    """The secret that signs what this webhook is told.

    Raises:
        StopRefusedInput: there is none, it is too short, or others may read it.
    """
    from cutter_agent.crypto.private_file import read_private_file

    path = home.secrets / f"webhook-{webhook.name}.key"
    if not path.is_file():
        raise StopRefusedInput(
            f"webhook {webhook.name} has no secret",
            expected=f"{path}, for its owner alone",
            remedy=f"(umask 077; openssl rand -hex 32 > {path})",
        )
    secret = read_private_file(path).strip()
    if not SECRET_BYTES_MIN <= len(secret) <= SECRET_BYTES_MAX:
        raise StopRefusedInput(
            f"the secret of webhook {webhook.name} has {len(secret)} bytes",
            expected=f"{SECRET_BYTES_MIN} to {SECRET_BYTES_MAX}",
            remedy=f"(umask 077; openssl rand -hex 32 > {path})",
        )
    return secret


@dataclass(slots=True)
class Position:
    """How far a webhook was told: every run up to `floor` wholly, later ones up to an event each."""

    floor: str = ""
    told: dict[str, int] = field(default_factory=dict)

    def of(self, run_id: str) -> int | None:
        """The last event of the run that was told; None where all of it was."""
        return None if run_id <= self.floor else self.told.get(run_id, 0)


def read_position(home: Home, webhook: Webhook) -> Position | None:
    """How far the webhook was told, or None before anything was.

    Raises:
        StopEvidenceMismatch: the file cannot be read; to begin anew, it is taken away.
    """
    from cutter_agent.files.durable import Folder

    data = Folder(home.root / FOLDER).read(
        f"{webhook.name}.json", size_bytes_max=_POSITION_BYTES_MAX
    )
    if data is None:
        return None
    try:
        read = json.loads(data)
        if read["schema"] != _POSITION_SCHEMA:
            raise KeyError(_POSITION_SCHEMA)
        return Position(str(read["floor"]), {str(k): int(v) for k, v in read["told"].items()})
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        path = home.root / FOLDER / f"{webhook.name}.json"
        raise StopEvidenceMismatch(
            f"how far webhook {webhook.name} was told cannot be read", remedy=f"rm {path}"
        ) from error


def write_position(home: Home, webhook: Webhook, position: Position) -> None:
    """The webhook was told so far, also after a crash.

    Raises:
        StopStorage: it could not be written durably.
    """
    from cutter_agent.files.durable import Folder, make_folder

    folder = home.root / FOLDER
    make_folder(folder)
    name = f"{webhook.name}.json"
    told = {"schema": _POSITION_SCHEMA, "floor": position.floor, "told": position.told}
    place = Folder(folder)
    with place.writing(name):
        place.replace(name, json.dumps(told, sort_keys=True).encode())


def is_own_machine(host: str) -> bool:
    """Say whether the host in a URL is this machine, by its name or address."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _faults(table: object) -> Sequence[str]:
    if not isinstance(table, Mapping):
        return ["is no table"]
    faults = [f"{name} is unknown" for name in sorted(table.keys() - _KEYS)]
    name, url, events = table.get("name"), table.get("url"), table.get("events", list(EVENTS))
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        faults.append("name is a word of small letters, digits and -")
    if not (isinstance(url, str) and _is_url(url)):
        faults.append(
            "url is https://HOST/…, or http:// at this machine, without user and password"
        )
    if not (isinstance(events, list) and events and set(map(str, events)) <= set(EVENTS)):
        faults.append(f"events is a list of {', '.join(EVENTS)}")
    if not isinstance(table.get("private", False), bool):
        faults.append("private is true or false")
    return faults


def _is_url(url: str) -> bool:
    if len(url) > _URL_CHARS_MAX or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    del port
    if not host or parts.username is not None or parts.password is not None or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_own_machine(host))
