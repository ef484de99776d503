"""One value has one text, and what has no such text is refused with its place."""

from collections.abc import Iterator, Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType

import pytest

from cutter_agent.errors import StopEvidenceMismatch, StopRefusedInput
from cutter_agent.evidence.canonical import (
    DEPTH_MAX,
    INTEGER_LIMIT,
    Json,
    canonical_bytes,
    parse_canonical,
    sha256_hex,
)


class Gate(StrEnum):
    SG_1 = "SG_1_cut_authz"


class Count(IntEnum):
    SIXTY = 60


class TwiceTheSameKey(Mapping[str, int]):
    def __getitem__(self, key: str) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        return iter(("a", "a"))

    def __len__(self) -> int:
        return 2


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (0, "0"),
        (-7, "-7"),
        (INTEGER_LIMIT - 1, "9007199254740991"),
        ("", '""'),
        ("Điều 1", '"Điều 1"'),
        ('"\\/', '"\\"\\\\/"'),
        ("\b\t\n\f\r\x00\x1f\x7f", '"\\b\\t\\n\\f\\r\\u0000\\u001f\x7f"'),
        ("\u2028\U0001f600", '"\u2028\U0001f600"'),
        ([], "[]"),
        ((1, [2]), "[1,[2]]"),
        ({}, "{}"),
        ({"b": 1, "a": 2, "B": 3, "": 4}, '{"":4,"B":3,"a":2,"b":1}'),
        (MappingProxyType({"a": None}), '{"a":null}'),
        (range(3), "[0,1,2]"),
        ({"gate": Gate.SG_1, "units": Count.SIXTY}, '{"gate":"SG_1_cut_authz","units":60}'),
    ],
)
def test_a_value_is_written_in_its_one_form(value: Json, text: str):
    assert canonical_bytes(value) == text.encode()
    assert canonical_bytes(parse_canonical(text.encode())) == text.encode()


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (1.0, "$ is a float"),
        ({"a": [0, {"b": 0.5}]}, "$.a[1].b is a float"),
        (b"bytes", "$ is a bytes"),
        (bytearray(b"x"), "$ is a bytearray"),
        (memoryview(b"x"), "$ is a memoryview"),
        ({"a": {1, 2}}, "$.a is a set"),
        ({1: 2}, "$ has a key of type int"),
        ({"a": {"khoản": 1}}, "$.a has a key that is not ASCII"),
        (INTEGER_LIMIT, "$ is an integer of magnitude"),
        ([-INTEGER_LIMIT], "$[0] is an integer of magnitude"),
        (["ok", "bad \ud800"], "$[1] has a lone surrogate at character 4"),
        (TwiceTheSameKey(), "$ has the key 'a' twice"),
    ],
)
def test_a_value_outside_the_profile_is_refused_with_its_path(value: object, path: str):
    with pytest.raises(StopRefusedInput) as stop:
        canonical_bytes(value)
    assert stop.value.fact.startswith(path)


def nested(depth: int) -> object:
    value: object = 0
    for _ in range(depth):
        value = [value]
    return value


def test_depth_counts_for_unusual_containers_too():
    for unusual in (MappingProxyType({}), range(0), {}, ()):
        value: object = unusual
        for _ in range(DEPTH_MAX - 1):
            value = [value]
        assert canonical_bytes(value)
        with pytest.raises(StopRefusedInput, match="nested deeper"):
            canonical_bytes([value])


def test_depth_ends_exactly_at_its_limit():
    assert canonical_bytes(nested(DEPTH_MAX)) == b"[" * DEPTH_MAX + b"0" + b"]" * DEPTH_MAX
    with pytest.raises(StopRefusedInput, match="nested deeper"):
        canonical_bytes(nested(DEPTH_MAX + 1))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not JSON"),
        (b"nul", "not JSON"),
        (b"{} {}", "not JSON"),
        (b'{"a":1,"a":1}', "has the key 'a' twice"),
        (b'{"x":{"b":1,"a":2,"b":3}}', "has the key 'b' twice"),
        (b'{"a":1,"b":1,"b":2}', "has the key 'b' twice"),
        (b'{"a":1,"\\u0061":1}', "has the key 'a' twice"),
        (b"1.0", "not an integer"),
        (b"1e3", "not an integer"),
        (b"[NaN]", "NaN"),
        (b"-Infinity", "-Infinity"),
        (b"9007199254740992", "magnitude 2^53"),
        (b"1" * 5000, "integer of 5000 digits"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'"\xff"', "not UTF-8 at byte 1"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b'"\\ud800"', "lone surrogate"),
        (b'{"\xc4\x91":1}', "not ASCII"),
        (b'"\n"', "not JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "nested deeper"),
        (b"[" * 65 + b"]" * 65, "nested deeper"),
    ],
)
def test_text_outside_the_profile_is_refused(data: bytes, reason: str):
    with pytest.raises(StopRefusedInput) as stop:
        parse_canonical(data)
    assert reason in stop.value.fact


@pytest.mark.parametrize(
    "data",
    [
        b' {"a":1}',
        b'{"a":1}\n',
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'"\\u0061"',
        b'"\\/"',
        b'"\\u000A"',
        b'"\\ud83d\\ude00"',
        b"-0",
    ],
)
def test_another_spelling_of_a_value_is_a_mismatch(data: bytes):
    with pytest.raises(StopEvidenceMismatch):
        parse_canonical(data)


def test_length_is_bounded_by_the_caller():
    assert parse_canonical(b"[1,2]", size_bytes_max=5) == [1, 2]
    with pytest.raises(StopRefusedInput, match="6 bytes of JSON, limit 5"):
        parse_canonical(b"[1,22]", size_bytes_max=5)


def test_a_digest_is_lower_case_hexadecimal():
    assert sha256_hex(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
