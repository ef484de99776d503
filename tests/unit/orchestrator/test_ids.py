"""Minted ids: the same for the same run and plan, sorted by position, never twice."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from cutter_agent.orchestrator import ids

RUN = "ictr-20260301T110000Z-0a1b2c3d"


def test_ids_follow_from_run_and_plan_alone() -> None:
    first = ids.change_set_id(RUN, "ab" * 32)
    assert first == ids.change_set_id(RUN, "ab" * 32)
    others = {
        ids.change_set_id(RUN, "cd" * 32),
        ids.change_set_id("ictr-20260301T110000Z-0a1b2c3e", "ab" * 32),
        ids.envelope_id(first, "ab" * 32),
        ids.verify_result_id(first),
        ids.review_decision_id(RUN, "00"),
    }
    assert first not in others
    assert len(others) == 5


def test_every_id_is_a_version_8_uuid_with_the_run_s_time_in_front() -> None:
    minted = uuid.UUID(ids.change_set_id(RUN, "ab" * 32))
    assert (minted.version, minted.variant) == (8, uuid.RFC_4122)
    assert int.from_bytes(minted.bytes[:6], "big") == 1_772_362_800_000


@given(st.integers(0, 2**24 - 2), st.binary(max_size=40))
def test_unit_ids_sort_by_position(position: int, leaf: bytes) -> None:
    mint = ids.UnitIds(document_id="ICX", change_set=ids.change_set_id(RUN, "ab" * 32))
    here, there = mint.unit_id(position, leaf), mint.unit_id(position + 1, leaf)
    assert here != mint.version_id(position, leaf)
    assert here < there
    assert mint.unit_id(position, leaf) == here
    assert mint.unit_id(position, leaf + b"x") != here
