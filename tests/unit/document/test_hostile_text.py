"""Hostile texts, each kind by its name: a stop or a finding, never a wrong unit, in bounded time."""

import pytest

from cutter_agent.document.detect import best_profile
from cutter_agent.document.grammar import parse_profile
from cutter_agent.document.marks import FINDINGS_A_CODE_MAX, mark_text
from cutter_agent.document.profiles import shipped, shipped_names
from cutter_agent.document.units import MarkedText
from cutter_agent.errors import StopOverSize, StopSourceUnreadable

PROFILES = {name: parse_profile(shipped(name)) for name in shipped_names()}
LAW = PROFILES["vn-law"]
COMMON = PROFILES["en-common"]


def articles(marked: MarkedText) -> list[str]:
    return [unit.num for unit in marked.candidates if unit.kind == "article"]


def codes(marked: MarkedText) -> set[str]:
    return {finding.code for finding in marked.findings}


def whole(marked: MarkedText, source: bytes) -> bool:
    spans = sorted(span for unit in marked.units for span in unit.own_spans)
    return b"".join(source[start:end] for start, end in spans) == source


UNREADABLE = {
    "a NUL": b"Article 1. A\n\0\nArticle 2. B\n",
    "a lone surrogate": b"Article 1. A\n\xed\xa0\x80\nArticle 2. B\n",
    "an overlong form": b"Article 1. A\n\xc0\xaf\nArticle 2. B\n",
    "a broken end": "Điều 1. Một\nĐiều 2. Đ".encode()[:-1],
    "beyond Unicode": b"Article 1. A\n\xf4\x90\x80\x80\n",
    "UTF-16": "Article 1. A\n".encode("utf-16"),
    "nothing but invisible characters": "\ufeff\u200b\u2060 \n\u200d".encode(),
    "binary data": bytes(range(1, 32)) * 40,
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_text_is_a_stop_under_every_profile(name: str) -> None:
    for profile in PROFILES.values():
        with pytest.raises(StopSourceUnreadable):
            mark_text(UNREADABLE[name], profile, code="X")


CONFUSABLE = {
    "full-width digits": ("Điều １２. Giả", "Điều"),
    "Arabic-Indic digits": ("Điều ٢. Giả", "Điều"),
    "a Cyrillic letter": ("Điеu 2. Giả", "Điều"),
    "a Greek letter": ("Αrticle 2. False", "Article"),
}


@pytest.mark.parametrize("name", CONFUSABLE)
def test_a_label_that_only_looks_like_one_is_no_unit(name: str) -> None:
    line, word = CONFUSABLE[name]
    profile = LAW if word == "Điều" else COMMON
    source = f"{word} 1. A\nB.\n{line}\nC.\n{word} 3. D\nE.\n".encode()
    marked = mark_text(source, profile, code="X")
    assert whole(marked, source)
    if name == "a Cyrillic letter":
        # The look-alike stands for another letter than the label's own ê: the number is missed.
        assert articles(marked) == ["1", "3"]
        assert codes(marked) & {"LABEL_CONFUSABLE", "NUMBER_GAP"}
        return
    assert articles(marked) == ["1", "3"]
    assert "LABEL_CONFUSABLE" in codes(marked)


def test_hidden_characters_inside_a_label_hide_no_unit() -> None:
    source = "Article\u200b 1. A\nB.\nArt\u2060icle 2. C\nD.\nArticle 3. E\n".encode()
    marked = mark_text(source, COMMON, code="X")
    assert articles(marked) == ["1", "2", "3"]
    assert "INVISIBLE_CHARACTER" in codes(marked)
    assert whole(marked, source)


def test_text_that_reads_backwards_is_a_finding() -> None:
    source = "Article 1. A\n\u202eB.\u202c\nArticle 2. C\n".encode()
    marked = mark_text(source, COMMON, code="X")
    assert "BIDIRECTIONAL_CONTROL" in codes(marked)
    assert articles(marked) == ["1", "2"]


def test_a_few_stacked_marks_are_text_and_a_pile_of_them_is_a_stop() -> None:
    source = ("Article 1. A" + "\u0301\u0327" * 50 + "\nB.\nArticle 2. C\n").encode()
    marked = mark_text(source, COMMON, code="X")
    assert articles(marked) == ["1", "2"]
    assert whole(marked, source)
    pile = ("Article 1. A" + "\u0301\u0327" * 100_000 + "\nB.\nArticle 2. C\n").encode()
    with pytest.raises(StopSourceUnreadable, match="combine with one letter"):
        mark_text(pile, COMMON, code="X")


@pytest.mark.parametrize("name", ["intl", "en-common", "markdown"])
def test_a_line_of_a_megabyte_is_one_line(name: str) -> None:
    line = "Article 1 and (a) (b) “x” 1. 2. § " * 30_000
    source = f"# Article 1. A\n{line}\n# Article 2. B\n{line}\n".encode()
    marked = mark_text(source, PROFILES[name], code="X")
    assert len(marked.candidates) == 2
    assert whole(marked, source)


def test_labels_behind_labels_are_bounded() -> None:
    source = ("Article 1. " + "(a)" * 100_000 + "\nArticle 2. B\n").encode()
    marked = mark_text(source, PROFILES["intl"], code="X")
    assert articles(marked) == ["1", "2"]
    assert whole(marked, source)


def test_headings_beyond_the_hundred_thousandth_are_units() -> None:
    numbers = [str(number) for number in range(98_000, 102_000)]
    source = "".join(f"# Article {number}. T\n" for number in numbers).encode()
    for name in ("en-common", "intl", "vn-law"):
        word = "Điều" if name == "vn-law" else "Article"
        text = source.replace(b"Article", word.encode())
        marked = mark_text(text, PROFILES[name], code="X")
        assert articles(marked) == numbers
        assert whole(marked, text)


def test_headings_that_all_say_the_same_are_one_unit_and_bounded_findings() -> None:
    source = b"Article 1. T\nText.\n" * 5_000
    marked = mark_text(source, COMMON, code="X")
    assert whole(marked, source)
    assert marked.errors
    assert len(marked.findings) <= 2 * (FINDINGS_A_CODE_MAX + 1)


def test_numbers_that_fall_are_no_sequence() -> None:
    source = "".join(f"Article {n}. T\nText.\n" for n in range(5_000, 0, -1)).encode()
    marked = mark_text(source, COMMON, code="X")
    assert len(articles(marked)) <= 1
    assert whole(marked, source)


@pytest.mark.parametrize("opening", ["“", "«", "(", "[", "<!--", "```\n", "> ", "- ", "*", "#"])
def test_nesting_without_end_is_bounded(opening: str) -> None:
    source = ("Article 1. A\n" + opening * 50_000 + "\nArticle 2. B\nC.\n").encode()
    for name in ("intl", "en-common", "vn-law"):
        try:
            marked = mark_text(source, PROFILES[name], code="X")
        except StopOverSize:
            continue
        assert whole(marked, source)
        assert set(articles(marked)) <= {"1", "2"}


def test_a_number_of_a_thousand_digits_is_no_number() -> None:
    source = f"Article 1. A\nB.\nArticle {'9' * 1000}. C\nD.\nArticle 2. E\n".encode()
    for name in ("intl", "en-common"):
        marked = mark_text(source, PROFILES[name], code="X")
        assert set(articles(marked)) <= {"1", "2"}
        assert whole(marked, source)


def test_detection_of_hostile_text_ends() -> None:
    source = (b"Article 1. " + b"(a)" * 2_000 + b"\n") * 50
    assert best_profile(source, list(PROFILES.values()))[1]
