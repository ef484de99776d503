"""The examples cut to the numbers that the README, the demo and the design name."""

from collections import Counter
from pathlib import Path

import pytest

from cutter_agent.document.cutplan import Change, InForceUnit, plan_cut
from cutter_agent.document.grammar import parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped
from cutter_agent.document.units import MarkedText

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"


def marked(name: str, profile: str, code: str = "ICX-CONST") -> tuple[bytes, MarkedText]:
    source = (EXAMPLES / name).read_bytes()
    return source, mark_text(source, parse_profile(shipped(profile)), code=code)


@pytest.mark.parametrize("name", ["icx-const-v1.md", "icx-const-v2.md"])
def test_the_charter_has_sixty_candidates_and_four_excluded(name: str) -> None:
    _, charter = marked(name, "vn-charter")
    aliases = Counter(unit.alias for unit in charter.candidates)
    assert aliases == {"NT": 15, "KT": 3, "DIEU": 42}
    assert Counter(unit.kind for unit in charter.candidates) == {
        "principle": 15,
        "section": 3,
        "article": 42,
    }
    assert len(charter.excluded) == 4
    assert charter.coverage.unaccounted_bytes == 0
    assert charter.coverage.residue_bytes == 0
    assert charter.findings == ()


def test_the_charter_excludes_by_different_tiers() -> None:
    _, charter = marked("icx-const-v1.md", "vn-charter")
    tiers = {unit.address: unit.reason for unit in charter.excluded}
    assert list(tiers) == [
        "ICX-CONST/NT-16",
        "ICX-CONST/DIEU-17",
        "ICX-CONST/DIEU-44",
        "ICX-CONST/DIEU-45",
    ]
    assert "tier 3" in tiers["ICX-CONST/NT-16"]
    assert "tier 3" in tiers["ICX-CONST/DIEU-17"]
    assert "tier 2" in tiers["ICX-CONST/DIEU-44"]
    assert all("enacted_only" in reason for reason in tiers.values())
    by_address = {unit.address: unit for unit in charter.units}
    assert by_address["ICX-CONST/DIEU-43"].included, "its own marker wins over its group's"
    assert "tier 1" in by_address["ICX-CONST/NT-1"].reason


def test_the_changelog_and_the_code_block_are_no_units() -> None:
    _, charter = marked("icx-const-v1.md", "vn-charter")
    addresses = {unit.address for unit in charter.units}
    assert "ICX-CONST/DIEU-46" not in addresses
    assert "ICX-CONST/NT-99" not in addresses
    tail = charter.units[-1]
    assert (tail.kind, tail.included, tail.end) == ("non_content", False, charter.byte_len)


def test_articles_inside_a_structure_have_it_as_parent() -> None:
    _, charter = marked("icx-const-v1.md", "vn-charter")
    parents = {unit.address: unit.parent for unit in charter.candidates}
    assert parents["ICX-CONST/DIEU-1"] == "ICX-CONST/KT-A"
    assert parents["ICX-CONST/DIEU-11"] == "ICX-CONST/KT-C"
    assert parents["ICX-CONST/DIEU-12"] is None
    assert parents["ICX-CONST/KT-A"] is None


def test_the_second_version_changes_four_adds_one_and_retires_one() -> None:
    first_source, first = marked("icx-const-v1.md", "vn-charter")
    before = plan_cut(
        first, first_source, document_id="ICX-CONST", source_version_id="v1", in_force=()
    )
    in_force = [
        InForceUnit(
            unit_id=f"unit-{unit.position}",
            version_id=f"version-{unit.position}",
            version_no=1,
            address=unit.address,
            kind=unit.kind,
            parent=unit.parent,
            body_sha256=unit.body_sha256,
            attributes=unit.attributes,
        )
        for unit in before.units
    ]
    source, second = marked("icx-const-v2.md", "vn-charter")
    plan = plan_cut(
        second, source, document_id="ICX-CONST", source_version_id="v2", in_force=in_force
    )
    assert plan.counts == {
        Change.CREATED: 1,
        Change.CHANGED: 4,
        Change.KEPT: 55,
        Change.RETIRED: 1,
    }
    changes = {unit.address.partition("/")[2]: unit.change for unit in plan.units}
    assert changes["DIEU-38a"] is Change.CREATED
    assert {name for name, change in changes.items() if change is Change.CHANGED} == {
        "DIEU-3",
        "DIEU-12",
        "DIEU-40",
        "DIEU-42",
    }
    assert [unit.address for unit in plan.retired] == ["ICX-CONST/DIEU-29"]


def test_the_policy_has_headings_clauses_and_coded_rows() -> None:
    _, policy = marked("access-policy.md", "md-policy", "ACCESS-POLICY")
    assert Counter(unit.kind for unit in policy.candidates) == {
        "section": 5,
        "paragraph": 5,
        "row": 3,
    }
    assert [unit.status for unit in policy.excluded] == ["draft"]
    assert policy.coverage.unaccounted_bytes == 0
    assert "ACCESS-POLICY/ROW-RR-02" in {unit.address for unit in policy.candidates}


def test_the_regulation_cuts_to_points_and_leaves_quoted_articles_whole() -> None:
    source, law = marked("vn-law-sample.md", "vn-law", "QC-PHONG-DOC")
    assert Counter(unit.alias for unit in law.candidates) == {
        "Chương": 3,
        "Mục": 2,
        "Điều": 9,
        "khoản": 9,
        "điểm": 7,
    }
    addresses = [unit.address for unit in law.candidates]
    assert addresses.count("QC-PHONG-DOC/DIEU-9") == 1
    assert "QC-PHONG-DOC/DIEU-3/KHOAN-1/DIEM-đ" in addresses
    amending = next(unit for unit in law.candidates if unit.address == "QC-PHONG-DOC/DIEU-7")
    assert "Thẻ mất được cấp lại" in source[slice(*amending.own_spans[0])].decode()
    assert law.coverage.unaccounted_bytes == 0
