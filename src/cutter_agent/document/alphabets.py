"""Letters as laws count with them: the place of a letter in the alphabet of its own script."""

from __future__ import annotations

import unicodedata
from typing import Final

_BETWEEN: Final = 64
"""Room behind a letter for the ones that not every text counts (й, ґ, ñ)."""
_ORDERS: Final = (
    "abcdefghilmnopqrstuvz",
    "абвгдежзиклмнопрстуфхцчшщэюя",
    "αβγδεζηθικλμνξοπρστυφχψω",
    "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
    "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆ",
    "אבגדהוזחטיכלמנסעפצקרשת",
    "कखगघङचछजझञटठडढणतथदधनपफबभमयरलवशषसह",
    "কখগঘঙচছজঝঞটঠডঢণতথদধনপফবভমযরলশষসহ",
    "กขคงจฉชซญฐณดตถทธนบปผฝพฟภมยรลวสหอฮ",
    "ກຂຄງຈສຊຍດຕຖທນບປຜຝພຟມຢຣລວຫອຮ",
    "កខគឃងចឆជឈញដឋឌឍណតថទធនបផពភមយរលវសហឡអ",
    "ကခဂဃငစဆဇဈညဋဌဍဎဏတထဒဓနပဖဗဘမယရလဝသဟဠအ",
    "ሀለሐመሠረሰሸቀበተቸኀነኘአከኸወዐዘዠየደጀገጠጨጰጸፀፈፐ",
    "가나다라마바사아자차카타파하",
    "イロハニホヘトチリヌルヲワカヨタレソツネナラム",
)
_BEHIND: Final = {
    "а": "ӑ", "г": "ґѓ", "д": "ђ", "е": "ёє", "и": "йіїј", "к": "ќқ", "л": "љ", "н": "њң", "о": "ө",
    "т": "ћ", "у": "ўүұ", "х": "ҳһ", "ч": "џ", "щ": "ъыь", "d": "đð", "t": "þ",
    "i": "jk", "v": "wxy",
}  # fmt: skip
"""Letters that not every text counts, behind the one that they follow (Italian lists have no j)."""
HIJA: Final = "ابتثجحخدذرزسشصضطظعغفقكلمنهوي"
"""The Arabic letters as dictionaries order them."""
ABJAD: Final = "ابجدهوزحطيكلمنسعفصقرشتثخذضظغ"
"""The Arabic letters as numerals order them; lists use either order."""
PERSIAN: Final = "ابپتثجچحخدذرزژسشصضطظعغفقکگلمنوهی"
_ARABIC_FORMS: Final = str.maketrans({"أ": "ا", "إ": "ا", "آ": "ا", "ة": "ه", "ى": "ي", "ـ": None})
_GREEK_NUMERALS: Final = {
    letter: value
    for letters, unit in (("αβγδε\0ζηθ", 1), ("ικλμνξοπϟ", 10), ("ρστυφχψωϡ", 100))
    for value, letter in ((unit * place, mark) for place, mark in enumerate(letters, 1))
}
_HEBREW_NUMERALS: Final = {
    letter: value
    for letters, unit in (("אבגדהוזחט", 1), ("יכלמנסעפצ", 10), ("קרשת", 100))
    for value, letter in ((unit * place, mark) for place, mark in enumerate(letters, 1))
}


def _places() -> dict[str, tuple[int, int]]:
    """For every letter its place and, for one that not every text counts, how far behind it."""
    places: dict[str, tuple[int, int]] = {}
    for order in _ORDERS:
        for place, letter in enumerate(order, 1):
            places.setdefault(letter, (place, 0))
    for letter, others in _BEHIND.items():
        for behind, other in enumerate(others, 1):
            places[other] = (places[letter][0], behind)
    return places


_PLACES: Final = _places()
_LENGTHS: Final = {letter: len(order) for order in _ORDERS for letter in order}
OTHER_LETTERS: Final = "".join(letter for order in _ORDERS[3:] for letter in order)
"""The letters of scripts beside Latin, Cyrillic and Greek."""


def letter_rank(letters: str, room: int) -> int:
    """The place of a letter, or of a doubled one behind the last single one, in steps of `room`; or 0."""
    letter = letters[:1].casefold()
    if len(letters) > 1 and letters != letters[0] * len(letters):
        return 0
    place, behind = _place_of(letter)
    if not place:
        return 0
    rounds = (len(letters) - 1) * _LENGTHS.get(letter, 0)
    return (place + rounds) * room + behind * (room // _BETWEEN)


def letter_place(letter: str) -> int:
    """1-based place of one letter in the alphabet of its script, or 0."""
    return _place_of(letter[:1].casefold())[0]


def _place_of(letter: str) -> tuple[int, int]:
    found = _PLACES.get(letter)
    if found is None and letter:
        base = unicodedata.normalize("NFD", letter)[0]
        found = _PLACES.get(base)
        found = (found[0], _BETWEEN // 2) if found is not None else None
    return found or (0, 0)


def arabic_place(letters: str, order: str) -> int:
    """1-based place of an Arabic letter, also one called by its name, in this order; or 0."""
    plain = letters.translate(_ARABIC_FORMS)
    plain = "ا" if plain == "الف" else plain
    if order is not PERSIAN:
        plain = plain.replace("ک", "ك").replace("ی", "ي")
    return order.find(plain) + 1 if len(plain) == 1 else 0


def letter_numeral_value(numeral: str) -> int:
    """The value of a Greek or Hebrew numeral, or 0."""
    marks = [
        mark for mark in numeral.casefold().replace("στ", "\0") if mark.isalpha() or mark == "\0"
    ]
    for table in (_GREEK_NUMERALS, _HEBREW_NUMERALS):
        values = [table.get(mark, 0) for mark in marks]
        if values and all(values):
            return sum(values)
    return 0
