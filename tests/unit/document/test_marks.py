"""What becomes a unit, what does not, and what is refused."""

import json
import os
import subprocess
import sys

import pytest

from cutter_agent.document.grammar import Profile, parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped, shipped_names
from cutter_agent.document.report import mark_json, tree_text
from cutter_agent.document.units import MarkedText
from cutter_agent.errors import StopOverSize, StopRefusedInput, StopSourceUnreadable

CHARTER = parse_profile(shipped("vn-charter"))
LAW = parse_profile(shipped("vn-law"))
MARKDOWN = parse_profile(shipped("markdown"))


def marked(text: str | bytes, profile: Profile = CHARTER) -> MarkedText:
    source = text if isinstance(text, bytes) else text.encode()
    result = mark_text(source, profile, code="DOC")
    assert tiles(result, source)
    return result


def tiles(result: MarkedText, source: bytes) -> bool:
    spans = sorted(span for unit in result.units for span in unit.own_spans)
    return b"".join(source[start:end] for start, end in spans) == source


def names(result: MarkedText) -> list[str]:
    return [unit.address.removeprefix("DOC/") for unit in result.candidates]


def codes(result: MarkedText) -> list[str]:
    return [finding.code for finding in result.findings]


@pytest.mark.parametrize(
    ("source", "word"),
    [
        (b"", "empty"),
        (b" \n\t\r\n", "empty"),
        (b"\xef\xbb\xbf\n", "empty"),
        (b"### NT-1. a\0b\n", "NUL"),
        (b"### NT-1. \xff\n", "not UTF-8"),
        (b"### NT-1. \xed\xa0\x80\n", "not UTF-8"),
        (b"### NT-1. \xc0\xaf\n", "not UTF-8"),
        ("### NT-1. x\n".encode("utf-16"), "UTF-16"),
        (b"%PDF-1.7\n", "PDF"),
        (b"PK\x03\x04rest", "ZIP"),
        (b"\x01\x02\x03\x04### NT-1. x\n", "control characters"),
    ],
)
def test_what_is_no_text_is_refused(source: bytes, word: str) -> None:
    with pytest.raises(StopSourceUnreadable) as stop:
        mark_text(source, CHARTER, code="DOC")
    assert word in stop.value.fact


@pytest.mark.parametrize("profile", shipped_names())
def test_a_text_without_units_is_outside_the_limits(profile: str) -> None:
    with pytest.raises(StopOverSize, match="0 units"):
        mark_text(b"only a line of prose\n", parse_profile(shipped(profile)), code="DOC")


@pytest.mark.parametrize("code", ["", "A/B", "~A", "A B"])
def test_a_code_that_cannot_begin_an_address_is_refused(code: str) -> None:
    with pytest.raises(StopRefusedInput):
        mark_text(b"### NT-1. x\n", CHARTER, code=code)


@pytest.mark.parametrize(
    "label",
    [
        "### NT-1.",
        "NT-1.",
        "**NT-1.**",
        "### NT 1:",
        "## [NT-1]",
        "### Nguyên tắc 1.",
        "### NT-01.",
    ],
)
def test_the_same_principle_may_be_written_in_many_ways(label: str) -> None:
    result = marked(f"# Tên\n\n{label} Nội dung\n\nLời.\n")
    assert names(result) == ["NT-1"]
    assert result.candidates[0].heading == "Nội dung"


def test_a_reference_inside_a_sentence_is_no_unit() -> None:
    result = marked("### DIEU-1. Một\n\nTheo Điều 7 của Hiến chương và\nNT-3 thì được.\n")
    assert names(result)[0] == "DIEU-1"
    assert "DIEU-7" not in names(result)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda text: text.replace("\n", "\r\n"), "CRLF"),
        (lambda text: text.replace("\n", "\r"), "CR"),
        (lambda text: "\ufeff" + text, "BOM"),
        (lambda text: text.replace("Điều 2", "Điều\u00a02"), "NBSP"),
        (lambda text: text.replace("Đ", "\u00d0"), "Eth"),
        (lambda text: __import__("unicodedata").normalize("NFD", text), "NFD"),
        (lambda text: text.replace("Điều 2", "Đ\u200biều 2"), "zero width"),
        (lambda text: text.replace("\nĐiều", "\n\x0cĐiều"), "form feed"),
        (lambda text: text.replace("\n", "\u2028"), "line separator"),
    ],
)
def test_the_same_law_in_other_bytes_has_the_same_units(change: object, what: str) -> None:
    text = (
        "Chương I\nQUY ĐỊNH\nĐiều 1. Một\n1. Khoản một:\na) Điểm a;\nđ) Chữ.\n"
        "Điều 2. Hai\n1. Một.\n2. Hai.\n"
    )
    assert callable(change)
    plain, other = marked(text, LAW), marked(change(text), LAW)
    assert names(other) == names(plain), what
    assert [unit.heading for unit in other.candidates] == [
        unit.heading for unit in plain.candidates
    ]


def test_full_width_digits_are_no_number_but_a_finding() -> None:
    result = marked("Điều 1. Một\nLời.\nĐiều ２. Hai\n", LAW)
    assert names(result) == ["DIEU-1"]
    assert codes(result) == ["LABEL_CONFUSABLE"]
    assert result.findings[0].severity == "error"
    assert result.findings[0].start == len("Điều 1. Một\nLời.\n".encode())


def test_letters_of_another_script_are_no_label_but_a_finding() -> None:
    result = marked("### NT-1. Một\n\n### N\u0422-2. Hai\n")
    assert "NT-2" not in names(result)
    assert "LABEL_CONFUSABLE" in codes(result)


def test_characters_that_turn_the_text_around_are_a_finding() -> None:
    result = marked("### NT-1. M\u202eột\u202c\n\n### NT-2. Hai\u200b\n")
    assert set(codes(result)) == {"BIDIRECTIONAL_CONTROL", "INVISIBLE_CHARACTER"}


def test_a_control_character_is_a_finding() -> None:
    assert codes(marked("### NT-1. " + "x" * 200 + "\x07\n")) == ["CONTROL_CHARACTER"]


def test_two_units_with_one_address_are_an_error_never_a_suffix() -> None:
    result = marked("### NT-1. Một\n\n### NT-01. Lại một\n")
    assert names(result) == ["NT-1", "NT-1"]
    assert codes(result) == ["ADDRESS_DUPLICATE"]
    assert result.errors == result.findings


def test_text_below_a_header_without_units_is_residue_and_a_finding() -> None:
    result = marked("### NT-1. Một\n\n## Ghi chú\n\nChữ không thuộc đơn vị nào.\n")
    assert result.coverage.residue_bytes > 0
    assert codes(result) == ["TEXT_OUTSIDE_UNITS"]


def test_a_deeper_heading_inside_a_unit_stays_in_the_unit() -> None:
    result = marked("### NT-1. Một\n\n#### Ví dụ\n\nChữ.\n\n### NT-2. Hai\n")
    assert names(result) == ["NT-1", "NT-2"]
    assert result.coverage.residue_bytes == 0


def test_the_document_may_say_its_default_status() -> None:
    text = "---\nstatus: draft\n---\n\n### NT-1. Một\n\n### NT-2. Hai [ENACTED]\n"
    result = marked(text)
    assert names(result) == ["NT-2"]
    assert "tier 1" in result.excluded[0].reason


def test_a_status_that_nobody_knows_leaves_the_unit_out_and_is_a_finding() -> None:
    result = marked("### NT-1. Một [status: gần xong]\n\n### NT-2. Hai\n")
    assert names(result) == ["NT-2"]
    assert codes(result) == ["STATUS_UNKNOWN"]
    assert result.excluded[0].status == "unknown"


def test_a_child_of_an_excluded_unit_has_no_excluded_parent() -> None:
    result = marked("## KT-A. Lớp [DRAFT]\n\n### DIEU-1. Một [ENACTED]\n\n### DIEU-2. Hai\n")
    assert names(result) == ["DIEU-1"]
    assert result.candidates[0].parent is None


def test_markdown_addresses_follow_the_headings() -> None:
    result = marked("# Top\n\nx\n\n## One\n\n## Two words\n\n# Next\n", MARKDOWN)
    assert names(result) == ["top", "top/one", "top/two-words", "next"]
    assert result.candidates[1].parent == "DOC/top"


def test_a_heading_inside_code_or_a_comment_is_none() -> None:
    text = "# A\n\n```\n# B\n```\n\n~~~ sh\n# C\n```\n~~~\n\n<!--\n# D\n-->\n\n# E\n"
    assert names(marked(text, MARKDOWN)) == ["a", "e"]


def test_clauses_and_points_follow_their_own_count() -> None:
    text = "Điều 1. Một\n1. Một:\na) A;\nb) B;\nd) nhảy.\n2. Hai.\n7. không theo số.\nĐiều 2. Hai\n1. Một.\n"
    assert names(marked(text, LAW)) == [
        "DIEU-1",
        "DIEU-1/KHOAN-1",
        "DIEU-1/KHOAN-1/DIEM-a",
        "DIEU-1/KHOAN-1/DIEM-b",
        "DIEU-1/KHOAN-2",
        "DIEU-2",
        "DIEU-2/KHOAN-1",
    ]


@pytest.mark.parametrize(("opening", "closing"), [("“", "”"), ('"', '"')])
def test_quoted_articles_are_content_of_the_unit_that_quotes_them(
    opening: str, closing: str
) -> None:
    text = (
        "Điều 1. Sửa đổi Điều 24 như sau:\n"
        f"{opening}Điều 24. Thẻ\n1. Gọi là {opening}thẻ{closing} đọc.\nĐiều 25. Khác\n"
        f"2. Hết.{closing}.\nĐiều 2. Hiệu lực\n1. Ngay.\n"
    )
    assert names(marked(text, LAW)) == ["DIEU-1", "DIEU-2", "DIEU-2/KHOAN-1"]


def test_the_marks_are_the_same_under_every_hash_seed() -> None:
    program = (
        "import sys\n"
        "from cutter_agent.document.grammar import parse_profile\n"
        "from cutter_agent.document.marks import mark_text\n"
        "from cutter_agent.document.profiles import shipped\n"
        "text = '### NT-1. M\\u1ed9t\\n\\n### N\\u0422-2. Hai\\u200b\\n\\n### NT-1. L\\u1ea1i\\n'\n"
        "print(mark_text(text.encode(), parse_profile(shipped('vn-charter')), code='DOC'))\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(outputs) == 1


def test_the_json_has_the_fields_that_readers_rely_on() -> None:
    result = marked("### NT-1. Một\n\nLời.\n")
    value = mark_json(result, manifest_root="00", tree_size=1)
    assert json.loads(json.dumps(value)) == value
    assert list(value) == [
        "schema",
        "profile",
        "profile_sha256",
        "source_sha256",
        "bytes",
        "text_sha256",
        "units",
        "findings",
        "coverage",
        "manifest_root",
        "tree_size",
    ]
    units = value["units"]
    assert isinstance(units, list)
    assert units[-1]["own_spans"] == [[0, result.byte_len]]


def test_the_tree_fits_its_width_and_ends_with_the_coverage() -> None:
    text = tree_text(marked("### NT-1. " + "Một " * 50 + "\n\n### NT-1. Hai\n"), 60)
    lines = text.splitlines()
    assert max(map(len, lines)) <= 60
    assert any("0 bytes unaccounted" in line for line in lines)
    assert any("ADDRESS_DUPLICATE" in line for line in lines)


def test_an_unknown_profile_is_refused_with_the_known_ones() -> None:
    with pytest.raises(StopRefusedInput, match="vn-charter"):
        shipped("nowhere")


def test_no_address_grows_without_limit() -> None:
    heading = "書" * 100
    text = "".join(f"{'#' * depth} {heading} {depth}\n\n" for depth in range(1, 7))
    result = marked(text, MARKDOWN)
    addresses = [unit.address for unit in result.candidates]
    assert len(set(addresses)) == 6
    assert max(len(address.encode()) for address in addresses) <= 900
    assert all(address.startswith("DOC/") for address in addresses)
