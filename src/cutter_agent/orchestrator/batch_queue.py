"""A queue: the documents of one batch as a person wrote them down, strict in every field (Contract 10)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from cutter_agent.errors import StopRefusedInput
from cutter_agent.orchestrator.clock import parse_utc
from cutter_agent.orchestrator.policy import refuse_user_args

SCHEMA_VERSION: Final = 1
DOCUMENTS_MAX: Final = 100
"""Documents that a queue may name unless the deployment's settings say otherwise."""

TEXT_CHARS_MAX: Final = 200
URI_CHARS_MAX: Final = 2_000
_BATCH_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_DOCUMENT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,62}")


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One document of a queue: its code, and for people where its source came from."""

    document_id: str
    source_uri: str | None = None

    @property
    def address_prefix(self) -> str:
        """What every address of the document begins with, however its code is spelt."""
        return self.document_id.partition("/")[0].upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """The documents that are taken through the line together, each on its own authority.

    Attributes:
        batch_id: names the batch, and the files that tell of it.
        created_by: who wrote the queue.
        created_utc: when, as 2026-01-31T12:00:00Z.
        default_scope: what the batch is about, for people.
        default_actor: on whose behalf it runs, for people; nobody's signature is replaced by it.
        items: the documents, in their order.
    """

    batch_id: str
    created_by: str
    created_utc: str
    default_scope: str
    default_actor: str
    items: tuple[QueueItem, ...]

    @property
    def document_ids(self) -> tuple[str, ...]:
        """The codes, in their order."""
        return tuple(item.document_id for item in self.items)


def parse_queue(table: object, *, documents_max: int = DOCUMENTS_MAX) -> Queue:
    """Return the queue that plain values state; every fault is named at once.

    Args:
        table: the mapping as a file states it: texts, whole numbers, lists, mappings, None.
        documents_max: how many documents it may name.

    Raises:
        StopRefusedInput: a key is unknown, missing or refused, a value does not fit, a document
            comes twice, two have one address prefix, or there are too many.
    """
    if not isinstance(table, Mapping):
        raise _refused(["it is not a table of keys"])
    refuse_user_args(str(key) for key in table)
    faults = _field_faults(table, _FIELDS, "")
    listed = table.get("items")
    rows = listed if isinstance(listed, list) else []
    if not rows:
        faults.append("items is a list of at least one document")
    if len(rows) > documents_max:
        faults.append(f"items names {len(rows)} documents, over {documents_max}")
        raise _refused(faults)
    for place, row in enumerate(rows, 1):
        if isinstance(row, Mapping):
            refuse_user_args(str(key) for key in row)
            faults += _field_faults({"source_uri": None, **row}, _ITEM_FIELDS, f"item {place}: ")
        else:
            faults.append(f"item {place}: it is not a table of keys")
    if faults:
        raise _refused(faults)
    items = tuple(QueueItem(row["document_id"], row.get("source_uri")) for row in rows)
    if faults := list(_clashes(items)):
        raise _refused(faults)
    texts = {name: str(table[name]) for name in _FIELDS if name not in {"schema_version", "items"}}
    return Queue(**texts, items=items)


def _clashes(items: Iterable[QueueItem]) -> Iterable[str]:
    """Yield what stands twice: a document, or the beginning of two documents' addresses."""
    codes: dict[str, list[str]] = {}
    for item in items:
        codes.setdefault(item.address_prefix, []).append(item.document_id)
    for prefix, names in codes.items():
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            yield f"{', '.join(twice)} is named more than once"
        if len(set(names)) > 1:
            yield f"{', '.join(sorted(set(names)))} have one address prefix, {prefix}"


def _field_faults(
    table: Mapping[object, object],
    fields: Mapping[str, tuple[str, Callable[[object], bool]]],
    where: str,
) -> list[str]:
    unknown = sorted(str(key)[:80] for key in table if key not in fields)
    return [
        *(f"{where}{key!a} is not a key of a queue" for key in unknown),
        *(
            f"{where}{name} {want}"
            for name, (want, fits) in fields.items()
            if name not in table or not fits(table[name])
        ),
    ]


def _is_version(value: object) -> bool:
    return type(value) is int and value == SCHEMA_VERSION


def _is_text(value: object) -> bool:
    return (
        isinstance(value, str)
        and bool(value.strip())
        and value.isprintable()
        and len(value) <= TEXT_CHARS_MAX
    )


def _is_batch_id(value: object) -> bool:
    return isinstance(value, str) and _BATCH_ID.fullmatch(value) is not None


def _is_document(value: object) -> bool:
    return isinstance(value, str) and _DOCUMENT.fullmatch(value) is not None


def _is_moment(value: object) -> bool:
    return isinstance(value, str) and parse_utc(value) is not None


def _is_list(value: object) -> bool:
    return isinstance(value, list)


def _is_uri(value: object) -> bool:
    if value is None:
        return True
    fits = isinstance(value, str) and value.isprintable() and 0 < len(value) <= URI_CHARS_MAX
    # A password in an address would be shown in every report of the batch.
    return fits and re.match(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*:[^/]*@", str(value)) is None


_TEXT = (f"is a printable text of at most {TEXT_CHARS_MAX} characters", _is_text)
_FIELDS: Final[dict[str, tuple[str, Callable[[object], bool]]]] = {
    "schema_version": (f"is {SCHEMA_VERSION}", _is_version),
    "batch_id": ("is a name of up to 63 letters, digits, _ and -", _is_batch_id),
    "created_by": _TEXT,
    "created_utc": ("is a UTC time such as 2026-01-31T12:00:00Z", _is_moment),
    "default_scope": _TEXT,
    "default_actor": _TEXT,
    "items": ("is a list", _is_list),
}
_ITEM_FIELDS: Final[dict[str, tuple[str, Callable[[object], bool]]]] = {
    "document_id": ("is the code of a document, in quotes if it is a number", _is_document),
    "source_uri": ("is null or an address without a password", _is_uri),
}


def _refused(faults: list[str]) -> StopRefusedInput:
    return StopRefusedInput(
        "the queue is not sound",
        expected=f"schema_version, {', '.join(list(_FIELDS)[1:])}; document_id and source_uri in each item",
        findings=faults,
        remedy="cutter batch plan QUEUE",
    )
