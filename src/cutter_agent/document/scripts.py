"""Numbers in other scripts: digits, CJK numerals, ordinal words, letters of other alphabets."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

DIGIT_ZEROS: Final = (
    0x0660, 0x06F0, 0x0966, 0x09E6, 0x0BE6, 0x0C66, 0x0CE6, 0x0E50, 0x0ED0, 0x17E0, 0x1040, 0xFF10,
)  # fmt: skip
"""The zero of each script whose digits laws are numbered with."""
_DIGITS: Final = "0-9" + "".join(f"{chr(zero)}-{chr(zero + 9)}" for zero in DIGIT_ZEROS)
"""ASCII, Arabic-Indic, Persian, Devanagari, Bengali, Tamil, Telugu, Kannada, Thai, Lao, Khmer,
Burmese and full-width digits."""
_HOMOGLYPHS: Final = dict(
    zip(
        "АВЕЅІЈКМНОРСТУХаеорсухіјѕΑΒΕΖΗΙΚΜΝΟΡΤΥΧ．：）（－‐‑‒",
        "ABESIJKMHOPCTYXaeopcyxijsABEZHIKMNOPTYX.:)(----",
        strict=True,
    )
)
"""Cyrillic, Greek and full-width characters printed like Latin ones."""
FOLDED: Final = _HOMOGLYPHS | {
    chr(first + digit): str(digit) for first in DIGIT_ZEROS for digit in range(10)
}
"""What could be taken for a Latin letter or an ASCII digit, by what it is taken for."""
_CJK_DIGITS: Final = {
    mark: value
    for value, marks in enumerate(
        ("〇零", "一壱壹", "二弐贰貳", "三参叁", "四", "五", "六", "七", "八", "九")
    )
    for mark in marks
}
_CJK_UNITS: Final = {"十": 10, "拾": 10, "百": 100, "千": 1000}
_CJK: Final = "".join(_CJK_DIGITS) + "".join(_CJK_UNITS)
CJK_NUMBER_PATTERN: Final = f"[{_CJK}]{{1,6}}"
_WORD: Final = "A-Za-zÀ-ʯ\u0370-\u1fff\u3040-\ud7ff"
ORDINAL_WORD_PATTERN: Final = (
    "(?:(?:[Dd][eéÉ][cC][iI][mM]|[Vv][iI][gG][eéÉ][sS][iI][mM]|[Tt][rR][iI][gG][eéÉ][sS][iI][mM])"
    "[oaOA][ ](?=[PpSsTtCcQqOoNn]))?"
    f"[{_WORD}]{{2,20}}(?![{_WORD}])"
)
"""Any word: which one counts is told by its rank."""
_LETTERS: Final = "A-Za-zĐđА-Яа-яЁёІіЇїЄєҐґΑ-Ωα-ωא-תა-ჰԱ-Ֆա-ֆأ-ي"
_BIS: Final = (
    "bis|ter|quater|quinquies|sexies|septies|octies|nonies|novies|decies|undecies|duodecies"
)
THAI_BIS: Final = ("ทวิ", "ตรี", "จัตวา", "เบญจ", "ฉ", "สัตต", "อัฏฐ", "นว", "ทศ")
"""What stands for bis, ter … decies behind the number of a Thai article that was put in."""
_BIS_CASES: Final = f"{_BIS}|{_BIS.title()}|{_BIS.upper()}"
DIGITS_PATTERN: Final = (
    f"[{_DIGITS}]{{1,4}}(?:[a-z]{{1,2}}|[A-Z]{{1,2}}(?!\\w)|[א-ת]{{1,2}}(?!\\w))?"
)
_BRANCH: Final = f"(?:[-–^/][{_DIGITS}]{{1,3}}|[.][{_DIGITS}]{{1,3}}(?=[. ]))?"
_INSERTED: Final = (
    "(?:[¹²³⁰-⁹]{1,2}|aad"
    f"|[ .-]{{0,3}}(?:{_BIS_CASES})(?!\\w)"
    "|[)）]?[ ]?م[كک]رر(?:[اً]{1,2})?(?!\\w)"
    f"|[ ](?:{'|'.join(THAI_BIS)})(?![\u0e00-\u0e7f])"
    "|[ ][a-z](?=[ ]?§|[.)]?(?:[ ][^\\W\\d_a-z]|\n))"
    "|[.][a-zа-я](?![\\w)])"
    f"|[-–/]?[{_LETTERS}ºª°]{{1,2}}(?!\\w))?"
)
_GREEK_NUMERAL: Final = "[Α-Ωα-ω]{1,3}['’΄ʹ´]"
_HEBREW_NUMERAL: Final = "[א-ת](?:['’׳]|[\"״”][א-ת]|(?=[:.\n]))"
NUMBER_PATTERN: Final = (
    f"(?:[{_DIGITS}]{{1,7}}{_BRANCH}(?:[.]?[ºª°]|o(?!\\w))?{_INSERTED}"
    "|[IVXLCDM]{1,9}(?:er|re|ère|[a-z])?(?!\\w)"
    f"|{_GREEK_NUMERAL}|{_HEBREW_NUMERAL})"
)
_CJK_RE: Final = re.compile(
    rf"[第제]?\s?([{_CJK}{_DIGITS}]+)[^{_CJK}{_DIGITS}]*([{_CJK}{_DIGITS}]*)"
)
SUPERSCRIPTS: Final = "⁰¹²³⁴⁵⁶⁷⁸⁹"


def digits_of(number: str) -> str:
    """The number with every decimal digit in ASCII."""
    if number.isascii():
        return number
    return "".join(str(unicodedata.decimal(mark)) if mark.isdecimal() else mark for mark in number)


def cjk_pattern(ends: str) -> str:
    """The pattern of a number between 第 (or 제) and one of these characters, with its branch."""
    number = f"[{_CJK}{_DIGITS}]{{1,8}}(?:-[{_DIGITS}]{{1,3}})?"
    return f"[第제][ \\t]?{number}[ \\t]?[{ends}](?:[之のノ의][{_CJK}{_DIGITS}]{{1,4}})?"


def cjk_value(number: str) -> tuple[int, int]:
    """The main number and the branch of it (の二, 之一), 0 where there is none."""
    found = _CJK_RE.match(number)
    if found is None:
        return 0, 0
    return _cjk_integer(found[1]), _cjk_integer(found[2])


def _cjk_integer(numeral: str) -> int:
    plain = digits_of(numeral)
    if plain.isascii():
        return int(plain) if plain else 0
    if not any(mark in _CJK_UNITS for mark in plain):
        return int("".join(str(_CJK_DIGITS[mark]) for mark in plain if mark in _CJK_DIGITS) or "0")
    total = digit = 0
    for mark in plain:
        if mark in _CJK_UNITS:
            total += max(digit, 1) * _CJK_UNITS[mark]
            digit = 0
        else:
            digit = _CJK_DIGITS.get(mark, 0)
    return total + digit
