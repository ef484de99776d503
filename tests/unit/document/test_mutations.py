"""The same law, mutated: what must come out is known by construction."""

import textwrap
import unicodedata
from collections.abc import Callable

import pytest

from cutter_agent.document.grammar import parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped

LAW = parse_profile(shipped("vn-law"))
BODY = (
    "Cơ quan giữ kho thông tin có trách nhiệm tiếp nhận, kiểm tra và lưu giữ văn bản theo quy"
    " định tại khoản 2 Điều 7 và Điều 12 của Luật này, bảo đảm mọi người đọc được văn bản gốc."
)


def law(articles: int = 20) -> tuple[list[str], list[str]]:
    """The lines of a law and the addresses of its units."""
    lines: list[str] = []
    addresses: list[str] = []
    for number in range(1, articles + 1):
        if number % 5 == 1:
            chapter = ("I", "II", "III", "IV", "V", "VI")[number // 5]
            lines += [f"Chương {chapter}", "QUY ĐỊNH VỀ KHO THÔNG TIN", ""]
            addresses.append(f"CHUONG-{chapter}")
        lines += [f"Điều {number}. Trách nhiệm thứ {number}", ""]
        addresses.append(f"DIEU-{number}")
        for clause in range(1, 4):
            lines += [f"{clause}. {BODY}", ""]
            addresses.append(f"DIEU-{number}/KHOAN-{clause}")
        for letter in "abcdđe":
            lines += [f"{letter}) {BODY}", ""]
            addresses.append(f"DIEU-{number}/KHOAN-3/DIEM-{letter}")
    return lines, addresses


def cut(text: str) -> list[str]:
    source = text.encode()
    marked = mark_text(source, LAW, code="L")
    spans = sorted(span for unit in marked.units for span in unit.own_spans)
    assert b"".join(source[start:end] for start, end in spans) == source
    return [unit.address.removeprefix("L/") for unit in marked.candidates]


def wrapped(lines: list[str]) -> str:
    return "\n".join(textwrap.fill(line, 80) if line else "" for line in lines)


def with_contents(lines: list[str]) -> str:
    titles = [line for line in lines if line.startswith(("Chương", "Điều"))]
    table = [f"{title} {'.' * 20} {place}" for place, title in enumerate(titles, 3)]
    return "\n".join(["MỤC LỤC", "", *table, "", *lines])


MUTATIONS: dict[str, Callable[[list[str]], str]] = {
    "as it is": "\n".join,
    "wrapped at 80": wrapped,
    "decomposed (NFD)": lambda lines: unicodedata.normalize("NFD", "\n".join(lines)),
    "Eth for Đ": lambda lines: "\n".join(lines).replace("Đ", "\u00d0"),
    "CRLF": "\r\n".join,
    "NBSP behind the word": lambda lines: "\n".join(lines).replace("Điều ", "Điều\u00a0"),
    "no blank lines": lambda lines: "\n".join(line for line in lines if line),
    "with a table of contents": with_contents,
    "as Markdown headings": lambda lines: "\n".join(
        f"## {line}" if line.startswith(("Chương", "Điều")) else line for line in lines
    ),
    "in bold": lambda lines: "\n".join(
        f"**{line}**" if line.startswith(("Chương", "Điều")) else line for line in lines
    ),
    "wrapped at 80 and decomposed": lambda lines: unicodedata.normalize("NFD", wrapped(lines)),
    "indented": lambda lines: "\n".join(f"    {line}" if line else "" for line in lines),
}


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutated_law_has_the_same_units(name: str) -> None:
    lines, addresses = law()
    assert cut(MUTATIONS[name](lines)) == addresses


@pytest.mark.parametrize(("opening", "closing"), [("“", "”"), ('"', '"')])
def test_quoted_articles_are_no_units_and_the_rest_stays(opening: str, closing: str) -> None:
    lines, addresses = law()
    place = lines.index("Điều 13. Trách nhiệm thứ 13") - 1
    quoted = [
        "Điều 9 của Luật cũ được sửa đổi như sau:",
        f"{opening}Điều 9. Trách nhiệm khác",
        "1. Khoản được trích.",
        "a) Điểm được trích.",
        "Điều 10. Trách nhiệm khác nữa",
        f"2. Khoản cuối được trích.{closing}.",
    ]
    assert cut("\n".join([*lines[:place], *quoted, *lines[place:]])) == addresses


def test_an_inserted_article_is_found_and_nothing_else_changes() -> None:
    lines, addresses = law()
    place = lines.index("Điều 13. Trách nhiệm thứ 13")
    added = ["Điều 12a. Trách nhiệm được thêm", "1. Khoản mới.", ""]
    expected = addresses.index("DIEU-13")
    assert cut("\n".join([*lines[:place], *added, *lines[place:]])) == [
        *addresses[:expected],
        "DIEU-12a",
        "DIEU-12a/KHOAN-1",
        *addresses[expected:],
    ]


def test_one_lost_article_costs_one_article() -> None:
    lines, addresses = law()
    place = lines.index("Điều 13. Trách nhiệm thứ 13")
    lines[place] = "Trách nhiệm thứ 13, dòng hỏng"
    found = cut("\n".join(lines))
    articles = [name for name in addresses if name.startswith("DIEU") and "/" not in name]
    kept = [name for name in found if name.startswith("DIEU") and "/" not in name]
    assert kept == [name for name in articles if name != "DIEU-13"]


def test_junk_that_looks_like_an_article_costs_nothing() -> None:
    lines, addresses = law()
    place = lines.index("Điều 13. Trách nhiệm thứ 13") - 1
    lines[place:place] = [
        "theo quy định của",
        "Điều 460 Bộ luật cũ và khoản 3",
        "Điều 7, Điều 8 của Luật này.",
    ]
    assert cut("\n".join(lines)) == addresses


def test_renumbered_articles_keep_their_order() -> None:
    lines, _ = law()
    moved = [
        line.replace("Điều ", "Điều 1") if line.startswith("Điều ") and len(line) < 40 else line
        for line in lines
    ]
    articles = [name for name in cut("\n".join(moved)) if "DIEU" in name and "/" not in name]
    assert articles[:3] == ["DIEU-11", "DIEU-12", "DIEU-13"]


def test_one_misread_number_in_its_place_is_read_as_the_missing_one() -> None:
    lines, addresses = law()
    place = lines.index("Điều 13. Trách nhiệm thứ 13")
    lines[place] = "Điều 18. Trách nhiệm thứ 13"
    source = "\n".join(lines).encode()
    marked = mark_text(source, LAW, code="L")
    assert [unit.address.removeprefix("L/") for unit in marked.candidates] == addresses
    assert [finding.code for finding in marked.findings] == ["NUMBER_MISREAD"]
    assert "printed 18" in marked.findings[0].sentence


def test_two_candidates_for_one_missing_number_are_no_unit() -> None:
    lines, _ = law()
    place = lines.index("Điều 13. Trách nhiệm thứ 13")
    lines[place : place + 1] = ["Điều 18. Trách nhiệm", "", "Điều 19. Trách nhiệm"]
    marked = mark_text("\n".join(lines).encode(), LAW, code="L")
    assert "L/DIEU-13" not in {unit.address for unit in marked.candidates}
    assert "NUMBER_GAP" in {finding.code for finding in marked.findings}


def test_a_lost_closing_mark_does_not_swallow_the_articles_behind_it() -> None:
    lines, addresses = law()
    place = lines.index("Điều 6. Trách nhiệm thứ 6") - 3
    quoted = ["Điều 9 của Luật cũ được sửa đổi như sau:", "“Điều 9. Trách nhiệm khác", "1. Trích."]
    text = "\n".join([*lines[:place], *quoted, *lines[place:], "Hết lời trích.”."])
    articles = [name for name in cut(text) if name.startswith("DIEU") and "/" not in name]
    assert articles == [name for name in addresses if name.startswith("DIEU") and "/" not in name]
