"""Frozen dataclasses to plain JSON values and back, by their annotations: one codec for all evidence.

Supported field types: str, int, bool, StrEnum, tuples of one type, frozen dataclasses, and each of
them or None. Anything else is refused when it is met, so a record cannot lose a field quietly.
A field that is added later declares a default: what earlier records mean by not having it. Written are
always all fields, and a signed statement is compared byte for byte, so that no default completes one.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from cutter_agent.errors import StopEvidenceMismatch
from cutter_agent.evidence.canonical import Json

T = TypeVar("T")


@cache
def _hints(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


@cache
def _required(kind: Any) -> frozenset[str]:
    """The fields that have no declared default."""
    return frozenset(
        field.name
        for field in fields(kind)
        if field.default is MISSING and field.default_factory is MISSING
    )


def to_json(record: object) -> dict[str, Json]:
    """Return the record's fields as a JSON object; nested records become objects, tuples arrays.

    Raises:
        StopEvidenceMismatch: a field holds a value that the codec does not carry.
    """
    if not is_dataclass(record) or isinstance(record, type):
        raise StopEvidenceMismatch(f"{type(record).__name__} is not a record")
    return {name: _encode(getattr(record, name), name) for name in _hints(type(record))}


def _encode(value: object, where: str) -> Json:
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, tuple):
        return [_encode(item, where) for item in value]
    if is_dataclass(value):
        return to_json(value)
    raise StopEvidenceMismatch(f"field {where} holds a {type(value).__name__}")


def from_json(kind: type[T], data: Json) -> T:
    """Return the record of type `kind` that `to_json` wrote, now or before a field was added.

    Raises:
        StopEvidenceMismatch: a field without a default is missing, one is unknown or of another type.
    """
    if not isinstance(data, Mapping):
        raise StopEvidenceMismatch(f"{kind.__name__} is not an object")
    record_type: Any = kind
    hints = _hints(record_type)
    odd = sorted({*(set(data) - set(hints)), *(_required(record_type) - set(data))})
    if odd:
        raise StopEvidenceMismatch(
            f"{kind.__name__} has other fields than expected: {', '.join(odd)}"
        )
    given = {name: hint for name, hint in hints.items() if name in data}
    return kind(**{name: _decode(hint, data[name], name) for name, hint in given.items()})


def _decode(hint: Any, value: Json, where: str) -> Any:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        inner = [arm for arm in get_args(hint) if arm is not type(None)]
        if value is None and len(inner) < len(get_args(hint)):
            return None
        return _decode(inner[0], value, where)
    if origin is tuple:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise StopEvidenceMismatch(f"field {where} is not an array")
        return tuple(_decode(get_args(hint)[0], item, where) for item in value)
    if is_dataclass(hint) and isinstance(hint, type):
        return from_json(hint, value)
    if isinstance(hint, type) and issubclass(hint, StrEnum) and isinstance(value, str):
        if value not in set(hint):
            raise StopEvidenceMismatch(f"field {where} holds the unknown word {value[:60]!a}")
        return hint(value)
    if hint in (str, int, bool) and type(value) is hint:
        return value
    raise StopEvidenceMismatch(f"field {where} holds a {type(value).__name__}")
