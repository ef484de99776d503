"""Canonical bytes agree with an independent implementation, and are the only ones read back."""

import json

import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from cutter_agent.errors import StopEvidenceMismatch, StopRefusedInput
from cutter_agent.evidence.canonical import INTEGER_LIMIT, Json, canonical_bytes, parse_canonical

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
keys = st.text(st.characters(max_codepoint=127), max_size=8)
integers = st.integers(-INTEGER_LIMIT + 1, INTEGER_LIMIT - 1)
values = st.recursive(
    st.none() | st.booleans() | integers | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=25,
)


@given(values)
def test_bytes_equal_those_of_rfc8785(value: Json):
    assert canonical_bytes(value) == rfc8785.dumps(value)


@given(values)
def test_bytes_are_read_back_as_the_value(value: Json):
    assert parse_canonical(canonical_bytes(value)) == value


@given(values)
def test_a_compact_sorted_encoder_gives_the_same_bytes(value: Json):
    """The database and the unit records rely on it: inside the profile there is nothing else."""
    plain = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical_bytes(value) == plain.encode()


@given(values, st.data())
def test_no_two_texts_stand_for_one_value(value: Json, data: st.DataObject):
    text = canonical_bytes(value)
    place = data.draw(st.integers(0, len(text)))
    other = text[:place] + data.draw(st.binary(min_size=1, max_size=3)) + text[place:]
    try:
        again = parse_canonical(other)
    except (StopRefusedInput, StopEvidenceMismatch):
        return
    assert again != value
    assert canonical_bytes(again) == other


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_with_a_stop(data: bytes):
    try:
        value = parse_canonical(data)
    except (StopRefusedInput, StopEvidenceMismatch):
        return
    assert canonical_bytes(value) == data
