"""queue.yaml: a small strict part of YAML, read into plain values and then into a Queue (Contract 10).

Blocks and flows of keys, lists, texts, whole numbers and null. Anchors, aliases, tags, keys that come
twice and further documents are refused: each of them lets a file mean something else than it shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from cutter_agent.errors import StopRefusedInput
from cutter_agent.files.durable import Folder
from cutter_agent.orchestrator.batch_queue import DOCUMENTS_MAX, Queue, parse_queue

QUEUE_BYTES_MAX: Final = 256 * 1024
DEPTH_MAX: Final = 8
_WHOLE: Final = re.compile(r"0|-?[1-9][0-9]{0,17}")
_NULLS: Final = frozenset({"", "~", "null"})


def read_queue(path: Path, *, documents_max: int = DOCUMENTS_MAX) -> Queue:
    """The queue that the file holds.

    Raises:
        StopRefusedInput: it is not there, too large, or anything but one sound queue.
        StopStorage: it cannot be read.
    """
    data = Folder(path.parent).read(path.name, size_bytes_max=QUEUE_BYTES_MAX)
    if data is None:
        raise _refused(f"there is no file {path}", expected="a queue.yaml")
    return parse_queue_file(data, documents_max=documents_max)


def parse_queue_file(data: bytes, *, documents_max: int = DOCUMENTS_MAX) -> Queue:
    """The queue that these bytes of a file are.

    Raises:
        StopRefusedInput: they are anything but one sound queue.
    """
    return parse_queue(plain_values(data), documents_max=documents_max)


def plain_values(data: bytes) -> object:
    """The plain values that the bytes state: mappings, lists, texts, whole numbers, None.

    A word that is not quoted is a whole number, null or a text; nothing turns into a date or a truth
    value behind its writer's back.

    Raises:
        StopRefusedInput: they are no UTF-8, no YAML, over the limits, or use what is refused.
    """
    import yaml

    if len(data) > QUEUE_BYTES_MAX:
        raise _refused(f"it has over {QUEUE_BYTES_MAX} bytes", expected="a shorter queue")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refused(f"it is not UTF-8 at byte {error.start}", expected="UTF-8") from error
    try:
        events = yaml.parse(text, Loader=yaml.SafeLoader)
        return _document(iter(events))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f" in line {mark.line + 1}"
        problem = getattr(error, "problem", None) or type(error).__name__
        raise _refused(f"it is not YAML{where}: {problem}", expected="YAML") from error


def _document(events: Iterator[Any]) -> object:
    """Return the value of the one document of the stream."""
    import yaml

    found: list[object] = []
    for event in events:
        if isinstance(event, yaml.StreamStartEvent | yaml.StreamEndEvent | yaml.DocumentEndEvent):
            continue
        if isinstance(event, yaml.DocumentStartEvent):
            if found:
                raise _refused("it holds more than one document", expected="one")
            if event.version is not None or event.tags:
                raise _refused("it begins with a directive", expected="keys and values only")
            continue
        found.append(_value(event, events, 0))
    return found[0] if found else None


def _value(event: Any, events: Iterator[Any], depth: int) -> object:
    import yaml

    line = event.start_mark.line + 1
    if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
        raise _refused(f"line {line} has an anchor or an alias", expected="every value written out")
    if event.tag is not None:
        raise _refused(f"line {line} has a tag", expected="plain values")
    if depth > DEPTH_MAX:
        raise _refused(f"line {line} is nested too deeply", expected="a list of items")
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event)
    if isinstance(event, yaml.SequenceStartEvent):
        listed: list[object] = []
        while not isinstance(inner := next(events), yaml.SequenceEndEvent):
            listed.append(_value(inner, events, depth + 1))
        return listed
    table: dict[str, object] = {}
    while not isinstance(inner := next(events), yaml.MappingEndEvent):
        key = _value(inner, events, depth + 1)
        line = inner.start_mark.line + 1
        if not isinstance(key, str):
            raise _refused(f"line {line} has a key that is no text", expected="a name")
        if key in table:
            raise _refused(f"line {line} has the key {key[:80]!a} again", expected="every key once")
        table[key] = _value(next(events), events, depth + 1)
    return table


def _scalar(event: Any) -> object:
    """Return a quoted text as it is; a plain word may also be a whole number or null."""
    text = str(event.value)
    if event.style is not None:
        return text
    if text in _NULLS:
        return None
    return int(text) if _WHOLE.fullmatch(text) else text


def _refused(fact: str, *, expected: str) -> StopRefusedInput:
    return StopRefusedInput(
        f"the queue cannot be read: {fact}", expected=expected, remedy="cutter batch plan QUEUE"
    )
