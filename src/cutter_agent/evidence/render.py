"""Text of documents made safe to read: what an approver sees is what is signed.

What the eye cannot see is drawn; what Markdown or HTML would act on is disarmed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

_MARKDOWN: Final = frozenset("\\`*_{}[]<>|#~&!()")
_CELL_CHARS_MAX: Final = 160
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"})


def visible(text: str) -> str:
    """Return the text with every hidden character drawn as ⟦U+XXXX⟧.

    Hidden are controls, format characters (bidirectional marks, zero width), surrogates, private and
    unassigned code points, line and paragraph separators, and every space that is not U+0020.
    """
    return "".join(_drawn(char) for char in text)


def _drawn(char: str) -> str:
    category = unicodedata.category(char)
    if category in _INVISIBLE or (category == "Zs" and char != " "):
        return f"⟦U+{ord(char):04X}⟧"
    return char


def inert(text: str) -> str:
    """Return the text so that Markdown and HTML show it as it is, hidden characters drawn."""
    return "".join(f"\\{c}" if c in _MARKDOWN else c for c in visible(text))


def cell(text: str, *, chars_max: int = _CELL_CHARS_MAX) -> str:
    """Return one table cell: inert, on one line, with an ellipsis where it was cut."""
    short = text if len(text) <= chars_max else text[: chars_max - 1] + "…"
    return inert(short) or "–"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; every cell is made inert."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell(item) for item in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
