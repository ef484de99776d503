"""The deployment's settings: read strictly, written whole."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from cutter_agent.bootstrap.home import SETTINGS, Home
from cutter_agent.bootstrap.webhooks import Webhook, parse_webhooks, render_webhooks
from cutter_agent.errors import StopRefusedInput
from cutter_agent.orchestrator.batch_queue import DOCUMENTS_MAX
from cutter_agent.orchestrator.orders import BackupLevel
from cutter_agent.orchestrator.states import CANDIDATE_CAP

SCHEMA_VERSION: Final = 1
SETTINGS_BYTES_MAX: Final = 64 * 1024
CANDIDATE_CAP_MAX: Final = 10_000_000
BATCH_DOCUMENTS_MAX: Final = 10_000
NAMES_MAX: Final = 100
DATABASE_NAME: Final = "cutter"
OPERATOR: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_@.+-]{0,63}")
_DATABASE: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")


class ServerKind(StrEnum):
    """Who runs the database server of a deployment."""

    EMBEDDED = "embedded"
    """We do, in the home."""
    OUTSIDE = "outside"
    """Somebody else; CUTTER_DATABASE_URL says where."""


@dataclass(frozen=True, slots=True)
class DatabaseSettings:
    """Which server and database the deployment lives in; nothing secret.

    Attributes:
        server: who runs the server.
        name: the database; of an outside server the URL names it.
    """

    server: ServerKind = ServerKind.EMBEDDED
    name: str = DATABASE_NAME


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the people of a deployment decided.

    Attributes:
        operator: who starts its runs; may never approve one of them.
        execution_enabled: the first of the three locks of live work (Contract 5).
        candidate_cap: how many units a document may have.
        batch_documents: how many documents a queue may name.
        demo: true for a deployment that `cutter demo` made and may make anew.
        backup_level_min: how far a backup must be proven before SG_1 is asked; None asks for a restore
            wherever this machine has the server's programs.
        authors: who may begin dry runs through the console, beside the operator.
        webhooks: who is told of runs that wait, stop or close.
        database: where it lives.
    """

    operator: str
    execution_enabled: bool = False
    candidate_cap: int = CANDIDATE_CAP
    batch_documents: int = DOCUMENTS_MAX
    demo: bool = False
    backup_level_min: BackupLevel | None = None
    authors: tuple[str, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    database: DatabaseSettings = field(default_factory=DatabaseSettings)


def check_operator(name: str) -> str:
    """The name can stand in a request's header and be compared with an approver's.

    Raises:
        StopRefusedInput: it cannot.
    """
    if not OPERATOR.fullmatch(name):
        raise StopRefusedInput(
            f"{name[:80]!a} cannot name an operator",
            expected="up to 64 letters, digits and _ @ . + -",
            remedy="cutter init --operator NAME",
        )
    return name


def read_settings(home: Home) -> Settings:
    """The settings of the deployment.

    Raises:
        StopRefusedInput: there is no deployment here, or the file says anything unknown.
        StopStorage: the file cannot be read.
    """
    from cutter_agent.files.durable import Folder

    data = Folder(home.root).read(SETTINGS, size_bytes_max=SETTINGS_BYTES_MAX)
    if data is None:
        raise StopRefusedInput(
            f"there is no deployment in {home.root}",
            expected="a deployment that was made before",
            remedy="cutter init (or, to look around first: cutter demo)",
        )
    if len(data) > SETTINGS_BYTES_MAX:
        raise _refused(f"it has over {SETTINGS_BYTES_MAX} bytes")
    try:
        return parse_settings(tomllib.loads(data.decode("utf-8")))
    except UnicodeDecodeError as error:
        raise _refused(f"it is not UTF-8 at byte {error.start}") from error
    except tomllib.TOMLDecodeError as error:
        raise _refused(str(error)) from error


def write_settings(home: Home, settings: Settings) -> None:
    """The file holds these settings, for its owner alone; after a crash the old ones or the new.

    Raises:
        StopStorage: it could not be written durably.
    """
    from cutter_agent.files.durable import Folder

    folder = Folder(home.root)
    with folder.writing(SETTINGS):
        folder.replace(SETTINGS, render_settings(settings).encode())


def render_settings(settings: Settings) -> str:
    """The settings as TOML; `parse_settings` gives them back."""
    return (
        "# The settings of this cutter deployment. Nothing here is secret; secrets lie in secrets/.\n"
        f"schema_version = {SCHEMA_VERSION}\n"
        "# Who starts runs here. This person may never approve them.\n"
        f"operator = {_quoted(settings.operator)}\n"
        "# The first of three locks of live work; the second is: cutter switch arm.\n"
        f"execution_enabled = {json.dumps(settings.execution_enabled)}\n"
        "# How many units one document may have.\n"
        f"candidate_cap = {settings.candidate_cap}\n"
        "# How many documents one queue may name.\n"
        f"batch_documents = {settings.batch_documents}\n"
        "# True only for what `cutter demo` made: it may be thrown away.\n"
        f"demo = {json.dumps(settings.demo)}\n"
        f"{_backup_level_lines(settings.backup_level_min)}"
        "# Who may begin dry runs through the console, beside the operator.\n"
        f"authors = [{', '.join(map(_quoted, settings.authors))}]\n"
        "\n[database]\n"
        f"server = {_quoted(settings.database.server.value)}\n"
        f"name = {_quoted(settings.database.name)}\n"
        f"{render_webhooks(settings.webhooks)}"
    )


def parse_settings(table: Mapping[str, object]) -> Settings:
    """The settings that the parsed TOML states; every fault is named at once.

    Raises:
        StopRefusedInput: a key is unknown or missing, or a value does not fit.
    """
    database = table.get("database", {})
    faults = [f"{name} is unknown" for name in sorted(table.keys() - _CHECKS.keys() - _TABLES)]
    faults += [
        f"{name} {want}" for name, (want, fits) in _CHECKS.items() if not fits(table.get(name))
    ]
    if not isinstance(database, Mapping):
        faults.append("database is a table")
        database = {}
    faults += [f"database.{name} is unknown" for name in sorted(set(database) - {"server", "name"})]
    server = database.get("server", ServerKind.EMBEDDED.value)
    name = database.get("name", DATABASE_NAME)
    if server not in set(ServerKind):
        faults.append(f"database.server is one of {', '.join(ServerKind)}")
    # An outside server's database may have any name; the URL has the last word.
    if not (isinstance(name, str) and name and name.isprintable()):
        faults.append("database.name is a printable text")
    elif server == ServerKind.EMBEDDED and not _DATABASE.fullmatch(name):
        faults.append("database.name is a lower-case word")
    webhooks, odd = parse_webhooks(table.get("webhook"))
    faults += odd
    if faults:
        raise _refused("; ".join(faults))
    return Settings(
        operator=str(table["operator"]),
        execution_enabled=table.get("execution_enabled") is True,
        candidate_cap=_whole(table.get("candidate_cap", CANDIDATE_CAP)),
        batch_documents=_whole(table.get("batch_documents", DOCUMENTS_MAX)),
        demo=table.get("demo") is True,
        backup_level_min=_level(table.get("backup_level_min")),
        authors=_names(table.get("authors")),
        webhooks=webhooks,
        database=DatabaseSettings(ServerKind(str(server)), str(name)),
    )


def _quoted(text: str) -> str:
    """The printable text as a basic string of TOML, whose short escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False)


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _is_version(value: object) -> bool:
    return type(value) is int and value == SCHEMA_VERSION


def _is_operator(value: object) -> bool:
    return isinstance(value, str) and OPERATOR.fullmatch(value) is not None


def _is_flag(value: object) -> bool:
    return value is None or isinstance(value, bool)


def _level(value: object) -> BackupLevel | None:
    return None if value is None else BackupLevel(str(value))


def _names(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _are_names(value: object) -> bool:
    listed = isinstance(value, list) and len(value) <= NAMES_MAX
    return value is None or (listed and all(map(_is_operator, _items(value))))


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _backup_level_lines(level: BackupLevel | None) -> str:
    """The setting with its comment; unset, the line stands there as a comment itself."""
    mark = "# " if level is None else ""
    return (
        "# How far a backup must be proven before anybody is asked to approve a write.\n"
        f"# {' or '.join(_LEVELS)}; unset: a restore, where the server's programs are.\n"
        f"{mark}backup_level_min = {_quoted((level or BackupLevel.RESTORED_AND_EQUAL).value)}\n"
    )


def _is_level(value: object) -> bool:
    return value is None or (isinstance(value, str) and value in _LEVELS)


def _is_cap(value: object) -> bool:
    return value is None or (type(value) is int and 1 <= value <= CANDIDATE_CAP_MAX)


def _is_batch_size(value: object) -> bool:
    return value is None or (type(value) is int and 1 <= value <= BATCH_DOCUMENTS_MAX)


_TABLES: Final = frozenset({"database", "webhook"})
_LEVELS: Final = (BackupLevel.RESTORED_AND_EQUAL.value, BackupLevel.DUMPED_AND_ENCRYPTED.value)
"""What may be settled for; nothing simulated ever is."""
_CHECKS: Final = {
    "schema_version": (f"is {SCHEMA_VERSION}", _is_version),
    "operator": ("is a name of up to 64 letters, digits and _ @ . + -", _is_operator),
    "execution_enabled": ("is true or false", _is_flag),
    "candidate_cap": (f"is a number from 1 to {CANDIDATE_CAP_MAX}", _is_cap),
    "batch_documents": (f"is a number from 1 to {BATCH_DOCUMENTS_MAX}", _is_batch_size),
    "demo": ("is true or false", _is_flag),
    "authors": (f"is a list of at most {NAMES_MAX} names", _are_names),
    "backup_level_min": (f"is {' or '.join(_LEVELS)}", _is_level),
}


def _refused(fact: str) -> StopRefusedInput:
    return StopRefusedInput(
        f"{SETTINGS}: {fact}", expected="the keys that cutter init writes", remedy="cutter doctor"
    )
