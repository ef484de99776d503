"""Records to JSON values and back: nothing lost, nothing added, nothing of another type."""

from dataclasses import dataclass
from enum import StrEnum

import pytest

from cutter_agent.errors import StopEvidenceMismatch
from cutter_agent.evidence.canonical import Json
from cutter_agent.evidence.codec import from_json, to_json


class Colour(StrEnum):
    """A word."""

    RED = "red"


@dataclass(frozen=True)
class Inner:
    """A part."""

    name: str


@dataclass(frozen=True)
class Record:
    """One of each type that the codec carries."""

    text: str
    count: int
    flag: bool
    colour: Colour
    maybe: str | None
    many: tuple[int, ...]
    parts: tuple[Inner, ...]


RECORD = Record("a", 1, True, Colour.RED, None, (1, 2), (Inner("x"), Inner("y")))


def test_a_record_comes_back_as_it_went() -> None:
    assert from_json(Record, to_json(RECORD)) == RECORD


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"text": 1},
        {"count": True},
        {"flag": 1},
        {"many": "12"},
        {"parts": [1]},
        {"colour": "blue"},
    ],
)
def test_a_field_too_many_or_too_few_is_refused(change: dict[str, Json]) -> None:
    with pytest.raises(StopEvidenceMismatch):
        from_json(Record, {**to_json(RECORD), **change})
    short = dict(to_json(RECORD))
    del short["maybe"]
    with pytest.raises(StopEvidenceMismatch):
        from_json(Record, short)


def test_what_the_codec_does_not_carry_is_refused_when_it_is_met() -> None:
    @dataclass(frozen=True)
    class Odd:
        """A field of bytes."""

        data: bytes

    with pytest.raises(StopEvidenceMismatch, match="data"):
        to_json(Odd(b"x"))
    with pytest.raises(StopEvidenceMismatch):
        to_json("no record")


@dataclass(frozen=True)
class Grown(Record):
    """The same record after two fields were added, each with what its absence means."""

    later: str = "not looked at"
    found: tuple[Inner, ...] = ()


def test_a_record_from_before_a_field_was_added_is_read_with_what_its_absence_means() -> None:
    read = from_json(Grown, to_json(RECORD))
    assert (read.later, read.found) == ("not looked at", ())
    assert from_json(Grown, to_json(read)) == read
    assert to_json(read)["later"] == "not looked at"


@pytest.mark.parametrize("name", list(to_json(RECORD)))
def test_a_field_without_a_default_is_still_missed_and_an_unknown_one_refused(name: str) -> None:
    older = to_json(RECORD)
    with pytest.raises(StopEvidenceMismatch, match=name):
        from_json(Grown, {each: value for each, value in older.items() if each != name})
    with pytest.raises(StopEvidenceMismatch, match="newer"):
        from_json(Grown, {**older, "newer": 1})
