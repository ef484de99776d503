"""Numbers sort as the law counts."""

import pytest

from cutter_agent.document.numbering import NO_RANK, NUMBERINGS, SUB_MAX, roman_value
from cutter_agent.document.printed_number import sort_key


@pytest.mark.parametrize(
    ("numeral", "value"),
    [
        ("I", 1),
        ("iv", 4),
        ("XIX", 19),
        ("XL", 40),
        ("MCMXC", 1990),
        ("IIII", -1),
        ("IC", -1),
        ("", -1),
    ],
)
def test_roman_numerals_have_their_value_or_none(numeral: str, value: int) -> None:
    assert roman_value(numeral) == value


@pytest.mark.parametrize(
    ("numbering", "ascending"),
    [
        ("arabic-suffix", ["9", "12", "12a", "12b", "12đ", "13", "120"]),
        ("arabic-upper", ["63", "63A", "63Z", "63AA", "64"]),
        ("roman", ["I", "II", "IV", "IX", "XL"]),
        ("letter-vi", ["a", "b", "c", "d", "đ", "e", "g"]),
        ("letter", ["a", "b", "z", "aa", "bb"]),
    ],
)
def test_keys_and_ranks_ascend_as_the_law_counts(numbering: str, ascending: list[str]) -> None:
    ranks = [NUMBERINGS[numbering].rank(number) for number in ascending]
    assert ranks == sorted(set(ranks))
    keys = [sort_key(number, rank) for number, rank in zip(ascending, ranks, strict=True)]
    assert keys == sorted(set(keys))


def test_vietnamese_points_count_without_the_letters_the_alphabet_lacks() -> None:
    rank = NUMBERINGS["letter-vi"].rank
    assert rank("đ") - rank("d") == SUB_MAX
    assert rank("g") - rank("e") == SUB_MAX
    assert rank("f") == NO_RANK


def test_a_number_without_a_rank_still_has_a_key() -> None:
    assert sort_key("AC-2", NO_RANK) < sort_key("AC-10", NO_RANK)
