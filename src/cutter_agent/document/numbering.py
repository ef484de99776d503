"""How laws count: number systems with the pattern that finds a number and the key that sorts it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cutter_agent.document.alphabets import (
    ABJAD,
    HIJA,
    OTHER_LETTERS,
    PERSIAN,
    arabic_place,
    letter_numeral_value,
    letter_place,
    letter_rank,
)
from cutter_agent.document.ordinals import ordinal_value
from cutter_agent.document.scripts import (
    CJK_NUMBER_PATTERN,
    DIGITS_PATTERN,
    NUMBER_PATTERN,
    SUPERSCRIPTS,
    THAI_BIS,
    cjk_pattern,
    cjk_value,
    digits_of,
)

SUB_MAX: Final = 65_536
"""Room between two main numbers for inserted ones (12a, 12b, 12bis)."""
NO_RANK: Final = -1
"""The rank of a number that has no place in a sequence."""

_ROMAN_DIGITS: Final = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}
_ROMAN_RE: Final = re.compile(r"m{0,3}(?:cm|cd|d?c{0,3})(?:xc|xl|l?x{0,3})(?:ix|iv|v?i{0,3})")
_VIETNAMESE: Final = "abcdđeghiklmnopqrstuvxy"
_LATIN: Final = "abcdefghijklmnopqrstuvwxyz"
_BIS: Final = [
    "bis",
    "ter",
    "quater",
    "quinquies",
    "sexies",
    "septies",
    "octies",
    "novies",
    "nonies",
    "decies",
    "undecies",
    "duodecies",
    "terdecies",
    "quaterdecies",
    "quindecies",
    "sexdecies",
]
_BIS_PATTERN: Final = "|".join(sorted(_BIS, key=len, reverse=True))
_ORDINAL_ENDINGS: Final = frozenset(
    (
        "er",
        "º",
        "°",
        "ª",
        "o",
        "os",
        "re",
        "ère",
        "ème",
        "th",
        "st",
        "nd",
        "rd",
        "й",
        "-й",
    )
)
_SUFFIX_RE: Final = re.compile(rf"(?={_BIS_PATTERN})({_BIS_PATTERN})$")
_SUFFIX_LETTERS: Final = "abcdđefghijklmnopqrstuvwxyz"
_SUFFIX_BASE: Final = len(_SUFFIX_LETTERS) + 1
_BIS_ROOM: Final = len(_BIS) + 1
_ENDING_RE: Final = re.compile(r"(?<=[IVXLCDM])(?:er|re|ère)$")
_DIGITS_RE: Final = re.compile(r"[0-9]+")
_ORDINAL_SIGN_RE: Final = re.compile(r"^(?:[.]?[ºª°]|o(?!\w))[.]?")


@dataclass(frozen=True, slots=True)
class Numbering:
    """A way of counting.

    Attributes:
        name: what profiles call it.
        pattern: what matches one number; holds no group and no unbounded repetition.
        rank: the number's place in its sequence in steps of SUB_MAX, or NO_RANK.
        worded: True if words and other scripts' numbers are among them; addresses count them.
        closed: True if its numbers have an end of their own (第…条).
        checked: True if only its rank tells whether a match is a number at all.
    """

    name: str
    pattern: str
    rank: Callable[[str], int]
    worded: bool = False
    checked: bool = False
    closed: bool = False

    def rank_of(self, number: str) -> int:
        """The rank of a number that may be of another way of counting, then NO_RANK."""
        return self.rank(number) if re.fullmatch(self.pattern, number) else NO_RANK


def roman_value(numeral: str) -> int:
    """The value of a well-formed Roman numeral, else NO_RANK."""
    lower = numeral.lower()
    if not lower or not _ROMAN_RE.fullmatch(lower):
        return NO_RANK
    total = last = 0
    for digit in reversed(lower):
        value = _ROMAN_DIGITS[digit]
        total += value if value >= last else -value
        last = max(last, value)
    return total


def _unranked(number: str) -> int:  # noqa: ARG001 -- it has no place, whatever it is
    return NO_RANK


def _arabic(number: str) -> int:
    return int(number) * SUB_MAX


def _suffix(letters: str) -> int:
    """The place of an inserted number: a, b … z, and bis, ter … behind each of them."""
    word = letters.strip(" -–.").casefold()
    if not word:
        return 0
    found = _SUFFIX_RE.search(word)
    latin = _BIS.index(found[1]) + 1 if found is not None else 0
    rank = 0
    for letter in word[: found.start()] if found is not None else word:
        place = _SUFFIX_LETTERS.find(letter) + 1 or min(letter_place(letter), _SUFFIX_BASE - 1)
        rank = rank * _SUFFIX_BASE + place if place else rank
    return min(rank * _BIS_ROOM + latin, SUB_MAX // 2 - 1)


def _arabic_suffix(number: str) -> int:
    digits = re.search(r"[0-9]+", number)
    if digits is None:
        return NO_RANK
    if digits.start():
        return (
            max(0, int(digits[0]) - 1) * SUB_MAX + SUB_MAX // 2 + _suffix(number[: digits.start()])
        )
    return int(digits[0]) * SUB_MAX + min(_suffix(number[digits.end() :]), SUB_MAX // 2 - 1)


def _roman(number: str) -> int:
    value = roman_value(number)
    return NO_RANK if value == NO_RANK else value * SUB_MAX


def _roman_or_arabic(number: str) -> int:
    if number[:1].isdigit():
        return _arabic_suffix(number)
    head = number.rstrip(_LATIN)
    rank = _roman(head)
    return rank if rank == NO_RANK else rank + _suffix(number[len(head) :])


def _letters(alphabet: str) -> Callable[[str], int]:
    def rank(number: str) -> int:
        lower = number.lower()
        places = [alphabet.find(letter) for letter in lower]
        if not places or min(places) < 0:
            return NO_RANK
        if len(set(places)) == 1:
            return (len(alphabet) * (len(places) - 1) + places[0] + 1) * SUB_MAX
        value = 0
        for place in places:
            value = value * (len(alphabet) + 1) + place + 1
        return value * SUB_MAX

    return rank


def _letters_spread(number: str) -> int:
    """Letters, then repeated or paired ones: a to z, aa or ab after z."""
    return _letters(_LATIN)(number)


def _letter_suffix(number: str) -> int:
    return _letter_inserted(number, _letters(_LATIN))


def _letter_bis(number: str) -> int:
    """The same where lists may leave out j, k, w, x and y."""
    return _letter_inserted(number, letter_any_rank)


def _letter_inserted(number: str, rank_of: Callable[[str], int]) -> int:
    head = re.match(r"[a-z]+?(?=[A-Z]|$|bis|ter|quater|quin|sex|sep|oct)", number)
    if head is None:
        return NO_RANK
    rank = rank_of(head[0])
    return rank if rank == NO_RANK else rank + _suffix(number[head.end() :])


def _roman_suffix(number: str) -> int:
    head = number.rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    rank = _roman(head)
    return rank if rank == NO_RANK else rank + _suffix(number[len(head) :])


def _twice(number: str) -> int:
    return _letters(_LATIN)(number[:1])


def _last_part(number: str) -> int:
    tail = number.rstrip(".").rpartition(".")[2]
    return _arabic_suffix(tail)


def _ordinal(words: tuple[str, ...]) -> Callable[[str], int]:
    """Counts in these words, in Roman numerals or in digits."""
    places = {word.casefold(): place for place, word in enumerate(words, 1)}

    def rank(number: str) -> int:
        place = places.get(" ".join(number.casefold().split()))
        return place * SUB_MAX if place is not None else _roman_or_arabic(number)

    return rank


def _ordinal_pattern(words: tuple[str, ...]) -> str:
    cases = sorted({case for word in words for case in (word, word.upper(), word.title())})
    cases.sort(key=len, reverse=True)
    return rf"(?:{'|'.join(cases)}|[IVXLCDM]{{1,9}}|[0-9]{{1,4}})(?![\w])"


_ORDINALS_EN: Final = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve",
)  # fmt: skip
_STEMS_DE: Final = (
    "erst", "zweit", "dritt", "viert", "fünft", "sechst", "siebt", "acht", "neunt", "zehnt",
    "elft", "zwölft", "dreizehnt", "vierzehnt", "fünfzehnt", "sechzehnt", "siebzehnt", "achtzehnt",
    "neunzehnt", "zwanzigst", "einundzwanzigst", "zweiundzwanzigst", "dreiundzwanzigst",
    "vierundzwanzigst", "fünfundzwanzigst", "sechsundzwanzigst", "siebenundzwanzigst",
    "achtundzwanzigst", "neunundzwanzigst", "dreissigst",
)  # fmt: skip


def _ordinal_de(number: str) -> int:
    """Erster, zweite, drittes; Roman numerals; digits."""
    lower = number.casefold().replace("siebent", "siebt").replace("siebenz", "siebz")
    for ending in ("er", "es", "e"):
        stem = lower.removesuffix(ending)
        if stem != lower and stem in _STEMS_DE:
            return (_STEMS_DE.index(stem) + 1) * SUB_MAX
    return _roman_or_arabic(number)


def _ordinal_de_pattern() -> str:
    known = (*_STEMS_DE, "siebent", "siebenzehnt")
    stems = sorted({case for stem in known for case in (stem, stem.title())}, key=len)
    words = f"(?:{'|'.join(reversed(stems))})(?:er|es|e)"
    return f"(?:{words}|[IVXLCDM]{{1,9}}|[0-9]{{1,4}}[a-z]?)(?![\\w])"


_ORDINALS_VI: Final = (
    "nhất", "hai", "ba", "tư", "năm", "sáu", "bảy", "tám", "chín", "mười",
    "mười một", "mười hai", "mười ba", "mười bốn", "mười lăm",
)  # fmt: skip


def number_rank(number: str) -> int:
    """Digits of any script, with an inserted part; Roman, Greek or Hebrew numerals; ordinal words."""
    plain = number if number.isascii() else digits_of(number)
    if plain.isdecimal():
        return int(plain) * SUB_MAX
    plain = plain.strip()
    digits = _DIGITS_RE.match(plain)
    if digits is None:
        value = ordinal_value(plain)
        if value is not None:
            return value * SUB_MAX or 1
        rank = _roman_or_arabic(_ENDING_RE.sub("", plain))
        return rank if rank != NO_RANK else letter_numeral_value(plain) * SUB_MAX or NO_RANK
    rest = inserted_part(plain[digits.end() :])
    rest = "".join(str(SUPERSCRIPTS.find(mark)) if mark in SUPERSCRIPTS else mark for mark in rest)
    if rest.isdigit():
        return int(digits[0]) * SUB_MAX + min(int(rest), SUB_MAX // 2 - 1)
    return int(digits[0]) * SUB_MAX + min(_suffix(rest), SUB_MAX // 2 - 1)


def inserted_part(rest: str) -> str:
    """What stands behind the digits, without an ordinal's signs; other scripts' words as bis or ter."""
    rest = rest.strip(" .-–/)）").removeprefix("^")
    if rest.casefold() in _ORDINAL_ENDINGS:
        return ""
    rest = _ORDINAL_SIGN_RE.sub("", rest).strip(" .-–/)")
    if rest in THAI_BIS:
        return _BIS[THAI_BIS.index(rest)]
    return "bis" if rest.startswith(("مكرر", "مکرر")) else rest


def _grein(number: str) -> int:
    """The Icelandic way: a letter behind the word is an article put in."""
    digits, _, letter = number.partition(". gr.")
    return _arabic_suffix(digits + letter.strip())


def letter_any_rank(letters: str) -> int:
    """The place of a letter in the alphabet of its own script."""
    return letter_rank(letters, SUB_MAX) or NO_RANK


def _arabic_letters(order: str) -> Callable[[str], int]:
    return lambda letters: arabic_place(letters, order) * SUB_MAX or NO_RANK


def cjk_rank(number: str) -> int:
    """The place of a number like 第百二十条の三, 第十二条之一, 제12조의2."""
    main, sub = cjk_value(number)
    return main * SUB_MAX + min(sub, SUB_MAX // 2 - 1) if main else NO_RANK


def _circled(mark: str) -> int:
    return (ord(mark) - ord("①") + 1) * SUB_MAX


def _label(number: str) -> int:
    if number[:1].isdigit():
        return _arabic_suffix(number)
    return _letters(_LATIN)(number) if len(number) == 1 else NO_RANK


_NUMBERINGS: Final = (
    Numbering("arabic", r"[0-9]{1,6}", _arabic),
    Numbering("arabic-suffix", r"[0-9]{1,6}[a-zđ]{0,2}", _arabic_suffix),
    Numbering("arabic-upper", r"[0-9]{1,6}[A-Z]{0,3}(?:[0-9]{1,2})?", _arabic_suffix),
    Numbering("roman", r"[IVXLCDM]{1,9}", _roman),
    Numbering("roman-lower", r"[ivxlcdm]{1,9}", _roman),
    Numbering("roman-or-arabic", r"(?:[IVXLCDM]{1,9}[a-z]?|[0-9]{1,4}[a-zA-Z]?)", _roman_or_arabic),
    Numbering("ordinal-vi", _ordinal_pattern(_ORDINALS_VI), _ordinal(_ORDINALS_VI)),
    Numbering("letter", r"[a-z]{1,2}", _letters(_LATIN)),
    Numbering("letter-upper", r"[A-Z]{1,2}", _letters(_LATIN)),
    Numbering("letter-vi", r"[a-zđ]{1,2}", _letters(_VIETNAMESE)),
    Numbering("arabic-bis", rf"[0-9]{{1,5}}[a-z]?(?:{_BIS_PATTERN})?", _arabic_suffix),
    Numbering("letter-bis", rf"[a-z](?:{_BIS_PATTERN})?", _letter_bis),
    Numbering("letter-lower", r"[a-z]{1,2}", _letters_spread),
    Numbering("letter-inserted", r"[a-z]{1,2}[A-Z]{0,2}", _letter_suffix),
    Numbering("letter-twice", r"(?:aa|bb|cc|dd|ee|ff|gg|hh|ii|jj|kk|ll|mm|nn)", _twice),
    Numbering("letter-upper-twice", r"(?:AA|BB|CC|DD|EE|FF|GG|HH)", _twice),
    Numbering("roman-lower-inserted", r"[ivxlcdm]{1,9}[A-Z]{0,2}", _roman_suffix),
    Numbering("uk-section", r"[A-Z]{0,2}[0-9]{1,4}[A-Z]{0,3}(?:[0-9]{1,2})?", _arabic_suffix),
    Numbering("uk-subsection", r"[A-Z]{0,2}[0-9]{1,3}[A-Z]{0,3}", _arabic_suffix),
    Numbering("us-section", r"[0-9]{1,6}[A-Za-z]{0,4}(?:-[0-9]{1,3}[a-z]?)?", _arabic_suffix),
    Numbering("control", r"[A-Z]{2,3}-[0-9]{1,3}(?:\([0-9]{1,3}\))?", _unranked),
    Numbering("ordinal-en", _ordinal_pattern(_ORDINALS_EN), _ordinal(_ORDINALS_EN)),
    Numbering("ordinal-de", _ordinal_de_pattern(), _ordinal_de, worded=True),
    Numbering("dotted", r"[0-9]{1,4}(?:\.[0-9]{1,4}){0,6}", _last_part),
    Numbering("dotted-deep", r"[0-9]{1,4}(?:\.[0-9]{1,4}){1,6}", _last_part),
    Numbering("label", r"[A-Z0-9][A-Za-z0-9]{0,11}", _label),
    Numbering("code", r"[A-Z][A-Z0-9]{0,7}(?:-[A-Z0-9]{1,8}){1,3}", _unranked),
    Numbering("codified", r"[0-9]{1,3}(?:\.[0-9A-ZĐ]{1,6}){2,6}", _unranked),
    Numbering("number", NUMBER_PATTERN, number_rank, worded=True, checked=True),
    Numbering("grein", r"[0-9]{1,4}[.] gr[.](?: [a-z](?=[.]))?", _grein, worded=True),
    Numbering("digits", DIGITS_PATTERN, number_rank, worded=True),
    Numbering("letter-any", rf"(?:[a-zà-žα-ωа-яѐ-џ]{{1,2}}|[{OTHER_LETTERS}])", letter_any_rank),
    *(
        Numbering(f"letter-{name}", rf"(?:الف|[{order}أهـ]ـ?)", _arabic_letters(order))
        for name, order in (("abjad", ABJAD), ("hija", HIJA), ("persian", PERSIAN))
    ),
    Numbering("digits-wide", r"[０-９]{1,3}", number_rank, worded=True),
    Numbering("circled", r"[①-⑳]", _circled, worded=True),
    Numbering("cjk-number", CJK_NUMBER_PATTERN, cjk_rank, worded=True),
    *(
        Numbering(f"cjk-{name}", cjk_pattern(ends), cjk_rank, worded=True, closed=True)
        for name, ends in (
            ("part", "編编篇편"),
            ("chapter", "章장"),
            ("section", "節节절"),
            ("article", "条條조"),
        )
    ),
    Numbering(
        "fr-code", r"(?:L|R|D|A|LO)\.?[ ]?\*?[0-9]{1,4}(?:-[0-9]{1,4}){0,4}(?:[ ]?bis)?", _unranked
    ),
    Numbering("none", r"", _unranked),
)
NUMBERINGS: Final[dict[str, Numbering]] = {item.name: item for item in _NUMBERINGS}
"""Every way of counting that a profile may name."""
