"""Text of documents on a page: escaped, isolated, and with everything drawn that the eye cannot see."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Final

from markupsafe import Markup, escape

from cutter_agent.evidence.render import visible

DIGEST_DIGITS: Final = 12
_NAMES: Final = {"\t": "TAB", "\r": "CARRIAGE RETURN", "\x00": "NULL"}


def drawn(text: str) -> Markup:
    """The text as markup in which only its line ends act; a hidden character is a box with its name."""
    return Markup("").join(_piece(run, hidden=hidden) for run, hidden in _runs(text))


def isolated(text: str) -> Markup:
    """The same for one line inside of a sentence: its direction reaches no further than its end."""
    return Markup("<bdi>{}</bdi>").format(drawn(text.replace("\n", " ")))


def short(digest: str) -> str:
    """The first digits of a digest or an id, for places where the whole stands elsewhere."""
    return digest if len(digest) <= DIGEST_DIGITS + 4 else f"{digest[:DIGEST_DIGITS]}…"


def holds_hidden(text: str) -> bool:
    """True if there is anything in the text that would be drawn."""
    return any(_is_hidden(char) for char in set(text))


def _runs(text: str) -> Iterator[tuple[str, bool]]:
    """Yield stretches without hidden characters, and each hidden character alone."""
    if not holds_hidden(text):
        yield text, False
        return
    start = 0
    for at, char in enumerate(text):
        if _is_hidden(char):
            if start < at:
                yield text[start:at], False
            yield char, True
            start = at + 1
    if start < len(text):
        yield text[start:], False


@cache
def _is_hidden(char: str) -> bool:
    return char != "\n" and visible(char) != char


def _piece(run: str, *, hidden: bool) -> Markup:
    if not hidden:
        return escape(run)
    number = f"U+{ord(run):04X}"
    name = _NAMES.get(run) or unicodedata.name(run, "")
    title = f"{number} {name}".strip()
    return Markup('<span class="hid" title="{}">{}</span>').format(title, visible(run))
