"""Automatic numbers as a word processor or a browser draws them."""

from __future__ import annotations

from typing import Final

_ROMAN: Final = (
    *((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc")),
    *((50, "l"), (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")),
)
_ROMAN_MAX: Final = 3999
_LETTERS: Final = 26
_LETTERS_MAX: Final = 780
_TWO_DIGITS: Final = 10


def numeral(kind: str, number: int) -> str:
    """Return the number in this way of counting (names of ECMA-376, w:numFmt); decimal if unknown."""
    if kind in {"none", "bullet"}:
        return ""
    if kind in {"lowerRoman", "upperRoman"} and 0 < number <= _ROMAN_MAX:
        text = _roman(number)
        return text.upper() if kind == "upperRoman" else text
    if kind in {"lowerLetter", "upperLetter"} and 0 < number <= _LETTERS_MAX:
        times, index = divmod(number - 1, _LETTERS)
        text = chr(ord("a") + index) * (times + 1)
        return text.upper() if kind == "upperLetter" else text
    if kind == "decimalZero" and 0 <= number < _TWO_DIGITS:
        return f"0{number}"
    return str(number)


def _roman(number: int) -> str:
    text = ""
    for value, letters in _ROMAN:
        count, number = divmod(number, value)
        text += letters * count
    return text
