"""Numbers as addresses and sorted lists write them."""

from __future__ import annotations

import re
from typing import Final

from cutter_agent.document.numbering import NO_RANK, SUB_MAX, Numbering, inserted_part
from cutter_agent.document.scripts import SUPERSCRIPTS, digits_of

_ORDINAL_STOPS: Final = (".º", ".ª", ".°")
_ZEROS_RE: Final = re.compile(r"^0+(?=[0-9])")
_RAISED: Final = {ord(mark): f"-{value}" for value, mark in enumerate(SUPERSCRIPTS)}
_PLAIN_RE: Final = re.compile(r"([0-9]+)(.*)")
_SEGMENT_RE: Final = re.compile(r"[0-9]+|[^\W\d_]+")


def address_number(number: str, rank: int, numbering: Numbering) -> str:
    """The number as addresses write it: no leading zeros or spaces, digits in ASCII, words counted."""
    if not numbering.worded and number.isalnum() and number[0] != "0" and number.isascii():
        return number
    plain = digits_of(number).replace(". gr.", "").strip(" .:-–").translate(_RAISED)
    if not numbering.worded:
        return _ZEROS_RE.sub("", plain).replace(" ", "")
    found = _PLAIN_RE.match(plain)
    if found is None:
        main, sub = divmod(max(rank, 0), SUB_MAX)
        return f"{main}-{sub}" if sub else str(main) if main else plain.replace(" ", "")
    digits, rest = found[1].lstrip("0") or "0", inserted_part(found[2])
    joint = found[2][:1] if found[2][:1] in ("-", "–", ".", "/", "^") else ""
    joint = "" if found[2][:2] in _ORDINAL_STOPS or (rest[:1].isalpha() and joint == ".") else joint
    rest = rest.replace(" ", "")
    return f"{digits}{'-' if joint in ('–', '/', '^') else joint}{rest}" if rest else digits


def sort_key(number: str, rank: int) -> str:
    """The number in a form that sorts as the law counts: 9 before 12 before 12a before 13."""
    if rank != NO_RANK:
        main, sub = divmod(rank, SUB_MAX)
        return f"{main:08d}" if sub == 0 else f"{main:08d}.{sub:05d}"
    parts = [
        f"{int(part):08d}" if part.isdigit() else part.casefold()
        for part in _SEGMENT_RE.findall(number)
    ]
    return ".".join(parts)
