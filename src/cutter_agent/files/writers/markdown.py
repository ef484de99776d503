"""The text with an anchor before each of its units; taken out again, the anchors leave it as it was."""

from __future__ import annotations

import re
from html import escape, unescape
from typing import Final

from cutter_agent.document.units import MarkedText
from cutter_agent.errors import StopRefusedInput

_ANCHOR: Final = re.compile(rb'<a id="cut-[^"\n]*"></a>(?:\n\n)?')
_OWN_LINE: Final = b"\n\n"


def with_anchors(marked: MarkedText, text: bytes) -> bytes:
    """Return the text with `<a id="cut-EID"></a>` before each unit of content.

    Raises:
        StopRefusedInput: the text holds such anchors already.
    """
    if _ANCHOR.search(text):
        raise StopRefusedInput(
            "the text holds anchors of an earlier export",
            expected="a text without them",
            remedy="cutter export --file FILE --jsonl",
        )
    pieces: list[bytes] = []
    done = 0
    for unit in sorted(
        (unit for unit in marked.units if unit.is_content), key=lambda u: (u.start, u.level)
    ):
        anchor = f'<a id="cut-{escape(unit.eid, quote=True)}"></a>'.encode()
        begins_line = unit.start == 0 or text[unit.start - 1 : unit.start] == b"\n"
        pieces += [text[done : unit.start], anchor, _OWN_LINE if begins_line else b""]
        done = unit.start
    return b"".join([*pieces, text[done:]])


def without_anchors(anchored: bytes) -> bytes:
    """Return the text that `with_anchors` was given."""
    return _ANCHOR.sub(b"", anchored)


def anchor_ids(anchored: bytes) -> list[str]:
    """Return the ids of the anchors, in their order."""
    return [
        unescape(found.decode().partition('"cut-')[2].partition('"')[0])
        for found in _ANCHOR.findall(anchored)
    ]
