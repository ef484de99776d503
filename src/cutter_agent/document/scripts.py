"""Numbers in other scripts: digits, CJK numerals, ordinal words, letters of other alphabets."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from cutter_agent.document.pattern import one_of

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
_ORDINALS: Final = (
    (
        "first primero primera premier première primeiro primeira primo prima întâi întâia erste erster "
        "erstes første första eerste pierwszy pierwsza první prvý prvi prva прва први первый первая перший "
        "първа първи πρώτο πρώτη birinci birinchi első ensimmäinen pertama kesatu satu nhất único única unico "
        "unique uvodni الأول الأولى اول प्रथम פרק-ראשון ראשון ראשונה"
    ),
    (
        "second segundo segunda deuxième secondo seconda doi doilea zweite zweiter zweites andre andra tweede "
        "drugi druga druhá druhý друга други второй вторая другий втора втори δεύτερο δεύτερη ikinci ikkinchi "
        "második toinen kedua dua hai الثاني الثانية دوم द्वितीय שני שנייה"
    ),
    (
        "third tercero tercera troisième terzo terza terceiro terceira treilea dritte dritter drittes tredje "
        "derde trzeci trzecia třetí tretí treći treća трећи трећа третий третья третій трета трети τρίτο τρίτη "
        "üçüncü uchinchi harmadik kolmas ketiga tiga ba الثالث الثالثة سوم तृतीय שלישי שלישית"
    ),
    (
        "fourth cuarto cuarta quatrième quarto quarta patrulea vierte vierter viertes fjerde fjärde vierde "
        "czwarty czwarta čtvrtá štvrtá četvrti četvrta четврти четвёртый четвертый четвертая четвертий "
        "четвърта τέταρτο dördüncü negyedik neljäs keempat empat tư الرابع الرابعة چهارم चतुर्थ רביעי"
    ),
    (
        "fifth quinto quinta cinquième cincilea fünfte fünfter fünftes femte vijfde piąty piąta pátá piata peti "
        "peta пети пятый пятая п’ятий пета πέμπτο beşinci ötödik viides kelima lima năm الخامس الخامسة پنجم "
        "पंचम חמישי"
    ),
    (
        "sixth sexto sexta sixième sesto sesta șaselea sechste sechster sjette sjätte zesde szósty szósta šestá "
        "šesti шести шестой шестая шостий έκτο altıncı hatodik kuudes keenam enam sáu السادس السادسة ششم षष्ठ שישי"
    ),
    (
        "seventh séptimo séptima septième settimo settima sétimo sétima șaptelea siebte siebter sjuende sjunde "
        "zevende siódmy siódma sedmá sedmi седми седьмой седьмая сьомий έβδομο yedinci hetedik seitsemäs "
        "ketujuh bảy السابع السابعة هفتم सप्तम שביעי"
    ),
    (
        "eighth octavo octava huitième ottavo ottava oitavo oitava optulea achte achter åttende åttonde achtste "
        "ósmy ósma osmá osmi осми восьмой восьмая восьмий όγδοο sekizinci nyolcadik kahdeksas kedelapan tám "
        "الثامن الثامنة هشتم अष्टम שמיני"
    ),
    (
        "ninth noveno novena neuvième nono nona nouălea neunte neunter niende nionde negende dziewiąty "
        "dziewiąta devátá deveti девети девятый девятая дев’ятий ένατο dokuzuncu kilencedik yhdeksäs "
        "kesembilan chín التاسع التاسعة نهم नवम תשיעי"
    ),
    (
        "tenth décimo décima dixième decimo decima zecelea zehnte zehnter tiende tionde dziesiąty dziesiąta "
        "desátá deseti десети десятый десятая десятий δέκατο onuncu tizedik kymmenes kesepuluh mười العاشر "
        "العاشرة دهم दशम עשירי"
    ),
    "eleventh undécimo onzième undicesimo onceno elfte elfter одиннадцатый одиннадцатая الحادي",
    "twelfth duodécimo douzième dodicesimo zwölfte zwölfter двенадцатый двенадцатая",
)
_ORDINAL_VALUES: Final = {
    word: value for value, words in enumerate(_ORDINALS, 1) for word in words.split()
}


ORDINAL_WORD_PATTERN: Final = (
    one_of(
        sorted({case for word in _ORDINAL_VALUES for case in (word, word.title(), word.upper())})
    )
    + "(?!\\w)"
)
DIGITS_PATTERN: Final = f"[{_DIGITS}]{{1,4}}[a-z]{{0,2}}"
NUMBER_PATTERN: Final = (
    f"(?:[{_DIGITS}]{{1,5}}(?:[-–^/][{_DIGITS}]{{1,3}}|[.][{_DIGITS}]{{1,3}}(?=[. ]))?"
    "(?:[ºª°]|o(?!\\w))?"
    "(?:[¹²³⁰-⁹]{1,2}|aad|[ ]?(?:bis|ter|quater|quinquies|sexies|septies|octies)(?!\\w)|[ ][a-z](?=[ ]?§)|-?[A-Za-zА-Яа-яΑ-Ωα-ωºª°]{1,2}(?!\\w))?"
    "|[IVXLCDM]{1,9}(?:er|re|ère|[a-z])?(?!\\w)"
    f"|{ORDINAL_WORD_PATTERN})"
)
_CJK_RE: Final = re.compile(
    rf"[第제]?\s?([{_CJK}{_DIGITS}]+)[^{_CJK}{_DIGITS}]*([{_CJK}{_DIGITS}]*)"
)
_ALPHABETS: Final = (
    "abcdefghijklmnopqrstuvwxyz",
    "абвгдежзиклмнопрстуфхцчшщэюя",
    "αβγδεστζηθικλμνξοπρσυφχψω",
)
_UKRAINIAN: Final = "абвгґдеєжзиіїклмнопрстуфхцчшщюя"


SUPERSCRIPTS: Final = "⁰¹²³⁴⁵⁶⁷⁸⁹"


def digits_of(number: str) -> str:
    """The number with every decimal digit in ASCII."""
    if number.isascii():
        return number
    return "".join(str(unicodedata.decimal(mark)) if mark.isdecimal() else mark for mark in number)


def ordinal_word_value(word: str) -> int:
    """The value of an ordinal word, or 0."""
    return _ORDINAL_VALUES.get(word.casefold(), 0)


def letter_place(letters: str) -> int:
    """1-based place of a letter (or of a doubled one) in its alphabet, or 0."""
    letter = letters[:1].casefold()
    if len(letters) > 1 and letters != letters[0] * len(letters):
        return 0
    for alphabet in _ALPHABETS:
        place = alphabet.find(letter)
        if place >= 0:
            return place + 1 + (len(letters) - 1) * len(alphabet)
    return _UKRAINIAN.find(letter) + 1


def cjk_pattern(ends: str) -> str:
    """The pattern of a number between 第 (or 제) and one of these characters, with its branch."""
    number = f"[{_CJK}{_DIGITS}]{{1,8}}"
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
