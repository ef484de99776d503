"""Missing numbers are told of wherever units are numbered: as a doubt where they are rare, else as a fact."""

import pytest

from cutter_agent.document.grammar import parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped

NESTED = """### Điều 1. Phạm vi

1. Phòng đọc mở cửa buổi sáng.

3. Phòng đọc đóng cửa buổi tối.

### Điều 2. Hiệu lực

2. Quy chế này có hiệu lực ngay.

3. Quy chế cũ hết hiệu lực.
"""
STATUTE = """# Reading Room Act

## § 1 Purpose

The room is for everybody.

## § 4 Hours

(1) It opens at nine.

(2) It closes at eight.

(4) It stays closed on holidays.
"""


def gaps(text: str, profile: str) -> list[tuple[str, str]]:
    marked = mark_text(text.encode(), parse_profile(shipped(profile)), code="DOC")
    return [(f.severity, f.sentence) for f in marked.findings if f.code == "NUMBER_GAP"]


@pytest.mark.parametrize(
    ("text", "profile", "expected"),
    [
        (
            NESTED,
            "vn-law",
            [
                ("warning", "khoản 3 follows 1: 2 missing"),
                ("warning", "khoản 2 follows nothing: 1 missing"),
            ],
        ),
        (
            STATUTE,
            "de",
            [
                ("info", "§ 4 follows 1: 2, 3 missing"),
                ("warning", "Absatz 4 follows 2: 3 missing"),
            ],
        ),
        (
            "# Act\n\n## Erster Teil\n\n## § 1 A\n\nText.\n\n## Zweiter Teil\n\n## § 2 B\n\nText.\n",
            "de",
            [],
        ),
        (
            NESTED.replace("3. Phòng", "2. Phòng")
            .replace("2. Quy", "1. Quy")
            .replace("3. Quy", "2. Quy"),
            "vn-law",
            [],
        ),
    ],
)
def test_every_missing_number_is_told(
    text: str, profile: str, expected: list[tuple[str, str]]
) -> None:
    assert gaps(text, profile) == expected


def test_a_later_number_that_stands_alone_is_no_unit_and_a_reader_is_told() -> None:
    text = NESTED.replace("3. Quy chế cũ hết hiệu lực.\n", "")
    marked = mark_text(text.encode(), parse_profile(shipped("vn-law")), code="DOC")
    assert [unit.address for unit in marked.candidates][-1] == "DOC/DIEU-2"
    [alone] = [finding for finding in marked.findings if finding.code == "NUMBER_ALONE"]
    assert alone.severity == "warning"
    assert alone.start == text.encode().index(b"2. Quy")


def test_a_gap_of_many_numbers_is_told_with_a_few() -> None:
    [(_, sentence)] = gaps(NESTED.replace("3. Phòng", "999999999. Phòng"), "vn-law")[:1] or [
        ("", "")
    ]
    assert len(sentence) < 200
