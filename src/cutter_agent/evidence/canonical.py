"""One value, one sequence of bytes: the JSON profile that everything signed is written in.

The profile is RFC 8785 (JSON Canonicalization Scheme) without the parts on which two programs could
disagree: keys are ASCII, numbers are integers below 2^53, text holds no lone surrogate. Inside this
profile Python's compact, key-sorted encoder gives exactly the bytes of RFC 8785, at the speed of C.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn, TypeAlias

from cutter_agent.errors import StopEvidenceMismatch, StopRefusedInput

Json: TypeAlias = "bool | int | str | Sequence[Json] | Mapping[str, Json] | None"
"""A value of the profile. `bytes` is a Sequence for Python, but is refused here."""

INTEGER_LIMIT: Final = 2**53
"""Integers lie strictly between minus this and this: every JSON reader holds them exactly."""
DEPTH_MAX: Final = 64
"""Objects and arrays nest at most this deep."""
SIZE_BYTES_MAX: Final = 16 * 1024 * 1024
"""The longest text that `parse_canonical` reads unless its caller says otherwise."""

_BYTE_ORDER_MARK: Final = "\ufeff"
_INTEGER_DIGITS_MAX: Final = len(str(INTEGER_LIMIT))
_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
)


class _Refused(Exception):
    """A value outside the profile; collects the path to it while the call stack unwinds."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.steps: list[str] = []

    @property
    def path(self) -> str:
        return "$" + "".join(reversed(self.steps))


def canonical_bytes(value: Json) -> bytes:
    """The value is written as the one UTF-8 text that stands for it.

    Raises:
        StopRefusedInput: something in it lies outside the profile; the fact names its path.
    """
    try:
        plain = _plain(value, DEPTH_MAX)
    except _Refused as refused:
        fact = f"{refused.path} {refused.reason}"
        raise StopRefusedInput(fact, expected="canonical JSON (RFC 8785 profile)") from None
    return _ENCODER.encode(plain).encode("utf-8")


def parse_canonical(data: bytes, *, size_bytes_max: int = SIZE_BYTES_MAX) -> Json:
    """The bytes are read back as the one value they stand for.

    Raises:
        StopRefusedInput: the bytes are not JSON of the profile (duplicate key, number with a
            fraction, byte order mark, lone surrogate, too deep, too long, not UTF-8, not JSON).
        StopEvidenceMismatch: they are, but not in canonical form.
    """
    if len(data) > size_bytes_max:
        _refuse(f"{len(data)} bytes of JSON, limit {size_bytes_max}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(f"JSON is not UTF-8 at byte {error.start}")
    if text.startswith(_BYTE_ORDER_MARK):
        _refuse("JSON begins with a byte order mark")
    try:
        value: Json = _DECODER.decode(text)
    except _Refused as refused:
        _refuse(f"JSON {refused.reason}")
    except json.JSONDecodeError as error:
        _refuse(f"not JSON at character {error.pos}: {error.msg}")
    except RecursionError:
        _refuse(f"JSON is nested deeper than {DEPTH_MAX}")
    if canonical_bytes(value) != data:
        raise StopEvidenceMismatch(
            "JSON is not in canonical form", expected="sorted keys, no blanks, shortest escapes"
        )
    return value


def sha256_hex(data: bytes) -> str:
    """The SHA-256 digest of the bytes, as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _plain(value: object, depth_left: int) -> object:
    """Copy a value into exact built-in types, or refuse it; only these reach the encoder."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _plain_text(value)
    # The exact types come first: to ask for Mapping or Sequence costs more than all the rest.
    if isinstance(value, dict):
        return _plain_object(value, _one_deeper(depth_left))
    if isinstance(value, (list, tuple)):
        return _plain_array(value, _one_deeper(depth_left))
    if isinstance(value, int):
        return _plain_integer(value)
    return _plain_unusual(value, depth_left)


def _plain_unusual(value: object, depth_left: int) -> object:
    if isinstance(value, Mapping):
        return _plain_object(value, _one_deeper(depth_left))
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray, memoryview)):
        return _plain_array(value, _one_deeper(depth_left))
    raise _Refused(f"is a {type(value).__name__}, which the profile does not have")


def _one_deeper(depth_left: int) -> int:
    if depth_left == 0:
        raise _Refused(f"is nested deeper than {DEPTH_MAX}")
    return depth_left - 1


def _plain_integer(value: int) -> int:
    number = int.__index__(value)
    if not -INTEGER_LIMIT < number < INTEGER_LIMIT:
        raise _Refused(f"is an integer of magnitude 2^53 or more ({number.bit_length()} bits)")
    return number


def _plain_text(value: str) -> str:
    text = str.__str__(value)
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise _Refused(f"has a lone surrogate at character {error.start}") from None
    return text


def _plain_object(value: Mapping[object, object], depth_left: int) -> dict[str, object]:
    plain: dict[str, object] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise _Refused(f"has a key of type {type(key).__name__}")
        if not key.isascii():
            raise _Refused(f"has a key that is not ASCII: {key!a}")
        name = str.__str__(key)
        if name in plain:
            raise _Refused(f"has the key {name!a} twice")
        try:
            plain[name] = _plain(item, depth_left)
        except _Refused as refused:
            refused.steps.append(f".{name}")
            raise
    return plain


def _plain_array(value: Sequence[object], depth_left: int) -> list[object]:
    plain: list[object] = []
    for position, item in enumerate(value):
        try:
            plain.append(_plain(item, depth_left))
        except _Refused as refused:
            refused.steps.append(f"[{position}]")
            raise
    return plain


def _refuse(fact: str) -> NoReturn:
    raise StopRefusedInput(fact, expected="canonical JSON (RFC 8785 profile)") from None


def _object_without_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Refused(f"has the key {key!a} twice")
            seen.add(key)
    return members


def _no_fraction(literal: str) -> NoReturn:
    raise _Refused(f"has the number {literal[:40]}, which is not an integer")


def _no_constant(literal: str) -> NoReturn:
    raise _Refused(f"has {literal}, which is not JSON")


def _bounded_integer(literal: str) -> int:
    if len(literal) > _INTEGER_DIGITS_MAX + 1:
        raise _Refused(f"has an integer of {len(literal)} digits")
    return int(literal)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object_without_duplicates,
    parse_float=_no_fraction,
    parse_constant=_no_constant,
    parse_int=_bounded_integer,
)
