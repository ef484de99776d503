"""The plan says created, changed, kept or retired by the content, and its digest by all of it."""

import hashlib
import json
from dataclasses import replace

import pytest

from cutter_agent.document.cutplan import (
    Change,
    CutPlan,
    InForceUnit,
    body_of,
    leaf_record,
    plan_cut,
    unit_leaf,
)
from cutter_agent.document.grammar import parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped

CHARTER = parse_profile(shipped("vn-charter"))
FIRST = "## KT-A. Lớp\n\nLời.\n\n### DIEU-1. Một\n\nLời.\n\n### DIEU-2. Hai\n\nLời.\n"


def plan(text: str, in_force: tuple[InForceUnit, ...] = (), version: str = "v1") -> CutPlan:
    source = text.encode()
    marked = mark_text(source, CHARTER, code="DOC")
    return plan_cut(marked, source, document_id="DOC", source_version_id=version, in_force=in_force)


def enacted(before: CutPlan) -> tuple[InForceUnit, ...]:
    return tuple(
        InForceUnit(
            f"u{unit.position}",
            f"w{unit.position}",
            3,
            unit.address,
            unit.kind,
            unit.parent,
            unit.body_sha256,
            unit.attributes,
        )
        for unit in before.units
    )


def changes(after: CutPlan) -> dict[str, Change]:
    return {unit.address.removeprefix("DOC/"): unit.change for unit in after.units}


def test_everything_is_created_when_nothing_is_in_force() -> None:
    first = plan(FIRST)
    assert first.counts[Change.CREATED] == 3
    assert [unit.position for unit in first.units] == [0, 1, 2]
    assert {unit.version_no for unit in first.units} == {1}
    assert {unit.unit_id for unit in first.units} == {None}


def test_the_same_text_keeps_every_unit_and_its_version() -> None:
    again = plan(FIRST, enacted(plan(FIRST)), "v2")
    assert set(changes(again).values()) == {Change.KEPT}
    assert {unit.version_no for unit in again.units} == {3}
    assert [unit.version_id for unit in again.units] == ["w0", "w1", "w2"]


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        (FIRST.replace("Hai\n\nLời.", "Hai\n\nLời mới."), "DIEU-2"),
        (FIRST.replace("DIEU-2. Hai", "DIEU-2. Hai lần"), "DIEU-2"),
        (FIRST.replace("### DIEU-2", "## DIEU-2"), "DIEU-2"),
    ],
    ids=["body", "heading", "parent"],
)
def test_another_body_heading_or_parent_is_a_change(text: str, changed: str) -> None:
    after = plan(text, enacted(plan(FIRST)), "v2")
    assert [name for name, change in changes(after).items() if change is Change.CHANGED] == [
        changed
    ]
    unit = next(unit for unit in after.units if unit.change is Change.CHANGED)
    assert (unit.version_no, unit.unit_id) == (4, "u2")


def test_a_shift_among_siblings_changes_nothing_but_what_is_new() -> None:
    text = FIRST.replace("### DIEU-1", "### DIEU-0. Không\n\nLời.\n\n### DIEU-1")
    after = plan(text, enacted(plan(FIRST)), "v2")
    assert changes(after) == {
        "KT-A": Change.KEPT,
        "DIEU-0": Change.CREATED,
        "DIEU-1": Change.KEPT,
        "DIEU-2": Change.KEPT,
    }


def test_what_the_source_no_longer_holds_is_retired() -> None:
    text = FIRST.partition("### DIEU-2")[0]
    after = plan(text, enacted(plan(FIRST)), "v2")
    assert [unit.address for unit in after.retired] == ["DOC/DIEU-2"]
    assert after.counts[Change.RETIRED] == 1


def test_a_unit_left_out_by_its_status_is_retired_too() -> None:
    after = plan(FIRST.replace("Hai", "Hai [DRAFT]"), enacted(plan(FIRST)), "v2")
    assert [unit.address for unit in after.retired] == ["DOC/DIEU-2"]


def test_bodies_and_leaves_are_those_of_the_source() -> None:
    source = FIRST.encode()
    marked = mark_text(source, CHARTER, code="DOC")
    first = plan(FIRST)
    for unit, candidate in zip(first.units, marked.candidates, strict=True):
        body = body_of(source, unit.own_spans)
        assert hashlib.sha256(body).hexdigest() == unit.body_sha256 == candidate.text_sha256
        assert unit.leaf == unit_leaf(candidate)
    assert json.loads(first.units[1].leaf) == {
        "schema": "cutter.unit/1",
        "address": "DOC/DIEU-1",
        "kind": "article",
        "parent": "DOC/KT-A",
        "ordinal": 1,
        "body_sha256": first.units[1].body_sha256,
        "attributes": {"alias": "DIEU", "heading": "Một", "num": "1"},
    }


def test_the_leaf_is_canonical_and_keeps_its_letters() -> None:
    leaf = leaf_record(
        address="DOC/DIEM-đ",
        kind="point",
        parent=None,
        ordinal=1,
        body_sha256="00",
        attributes=(("alias", "điểm"), ("heading", ""), ("num", "đ")),
    )
    assert leaf.startswith(b'{"address":"DOC/DIEM-\xc4\x91","attributes":{')
    assert b" " not in leaf


def test_keys_are_unique_and_belong_to_the_source_version() -> None:
    first, second = plan(FIRST), plan(FIRST, version="v2")
    keys = {unit.idempotency_key for unit in (*first.units, *second.units)}
    assert len(keys) == 6
    assert plan(FIRST).plan_sha256 == first.plan_sha256


def test_the_digest_covers_every_part_of_the_plan() -> None:
    base = plan(FIRST, enacted(plan(FIRST)), "v2")
    first, *rest = base.units
    gone = enacted(plan(FIRST))[:1]
    others = [
        replace(base, units=(replace(first, **{name: value}), *rest))
        for name, value in {
            "change": Change.CHANGED,
            "address": "DOC/KT-B",
            "kind": "article",
            "parent": "DOC/X",
            "ordinal": 9,
            "own_spans": ((0, 1),),
            "body_sha256": "00",
            "attributes": (("alias", "x"),),
            "idempotency_key": "00",
            "version_no": 9,
        }.items()
    ]
    others += [
        replace(base, retired=gone),
        replace(base, document_id="X"),
        replace(base, source_version_id="X"),
        replace(base, source_sha256="00"),
        replace(base, profile_sha256="00"),
        replace(base, units=(*rest, first)),
    ]
    digests = {base.plan_sha256, *(other.plan_sha256 for other in others)}
    assert len(digests) == len(others) + 1
