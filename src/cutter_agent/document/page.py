"""The marks as one HTML page: units on one side, the source on the other, hidden characters drawn.

The page stands alone: no script, no address outside itself; a link from each unit to its text and
back. Every byte of the source is on it.
"""

from __future__ import annotations

import html
import unicodedata
from typing import Final

from cutter_agent.document.text import BIDIRECTIONAL, INVISIBLE
from cutter_agent.document.units import MarkedText, Unit

TITLE_CHARACTERS_MAX: Final = 160
_STYLE: Final = """
:root{color-scheme:light dark;--line:#8886;--in:#2a7;--out:#c60;--aside:#888}
body{margin:0;font:15px/1.5 system-ui,sans-serif;display:grid;grid-template-columns:24rem 1fr;
height:100vh}
nav,main{overflow:auto;padding:1rem}nav{border-right:1px solid var(--line)}
nav a{display:block;text-decoration:none;color:inherit;white-space:nowrap;overflow:hidden;
text-overflow:ellipsis}
nav a:hover,nav a:focus{outline:1px solid var(--line)}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font:14px/1.6 ui-monospace,monospace;margin:0}
section{border-left:4px solid var(--aside);padding:0 .6rem;margin:.3rem 0}
section:target{background:#fd03}
.in{border-color:var(--in)}.out{border-color:var(--out)}
small{color:var(--aside)}
i{font-style:normal;color:#b00;border:1px dotted #b00;border-radius:2px;padding:0 1px}
@media(max-width:50rem){body{display:block;height:auto}}
"""
_DRAWN: Final = {
    "\u00a0": "NBSP",
    "\u202f": "NNBSP",
    "\u3000": "IDSP",
    "\t": "TAB",
    "\r": "CR",
    "\x0b": "VT",
    "\x0c": "FF",
    "\x85": "NEL",
    "\u2028": "LS",
    "\u2029": "PS",
}


def mark_html(marked: MarkedText, source: bytes) -> str:
    """A page with every unit beside its text; the source must be the one that was marked."""
    coverage = marked.coverage
    units = marked.units
    nav = "\n".join(_entry(index, unit) for index, unit in enumerate(units))
    body = "\n".join(_section(index, unit, source) for index, unit in enumerate(units))
    findings = "\n".join(
        f"<li><strong>{html.escape(finding.severity)}</strong> {html.escape(finding.code)} at byte"
        f" {finding.start}: {html.escape(finding.sentence)}</li>"
        for finding in marked.findings
    )
    title = html.escape(units[0].address.partition("/")[0] if units else marked.profile)
    return f"""<!doctype html>
<html lang="und"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>
<body><nav aria-label="units"><h1>{title}</h1>
<p>{len(marked.candidates)} candidates, {len(marked.excluded)} excluded,
{coverage.unaccounted_bytes} bytes unaccounted, {coverage.residue_bytes} residue.
Profile {html.escape(marked.profile)}.</p>
<ul>{findings}</ul>
{nav}</nav>
<main>
{body}
</main></body></html>
"""


def _entry(index: int, unit: Unit) -> str:
    label = f"{unit.address} {unit.heading}"[:TITLE_CHARACTERS_MAX]
    sign = "+" if unit.included else "-" if unit.is_content else "·"
    return (
        f'<a href="#u{index}" id="n{index}" style="padding-left:{unit.level - 1}rem"'
        f' title="{html.escape(unit.reason)}">{sign} {html.escape(label)}</a>'
    )


def _section(index: int, unit: Unit, source: bytes) -> str:
    kind = "in" if unit.included else "out" if unit.is_content else "aside"
    spans = ", ".join(f"[{start}, {end})" for start, end in unit.own_spans)
    text = "".join(source[start:end].decode("utf-8", "replace") for start, end in unit.own_spans)
    return (
        f'<section id="u{index}" class="{kind}"><small><a href="#n{index}">'
        f"{html.escape(unit.address)}</a> {html.escape(unit.kind)} {spans}"
        f" · {html.escape(unit.reason)}</small><pre>{draw(text)}</pre></section>"
    )


def draw(text: str) -> str:
    """The text as HTML, with every character that a reader would not see drawn by its name."""
    escaped = html.escape(text)
    strange = {mark for mark in set(escaped) if mark in _DRAWN or _is_hidden(mark)}
    if not strange:
        return escaped
    table = {ord(mark): f"<i>{_DRAWN.get(mark) or _name(mark)}</i>" for mark in strange}
    return escaped.translate(table)


def _is_hidden(mark: str) -> bool:
    return mark != "\n" and (
        mark in INVISIBLE or mark in BIDIRECTIONAL or unicodedata.category(mark) in ("Cc", "Cf")
    )


def _name(mark: str) -> str:
    return f"U+{ord(mark):04X}"
