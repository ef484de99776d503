"""The marks of a text as one page: the tree of units and the source side by side.

The page has no script and asks for nothing from anywhere. What the eye cannot see is drawn.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

from cutter_agent.cli.written import write_whole
from cutter_agent.document.units import MarkedText, MarkFinding, Unit
from cutter_agent.errors import StopRefusedInput
from cutter_agent.evidence.render import visible

_STYLE: Final = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 110rem; padding: 1rem; }
td, th { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; font: 13px/1.5 ui-monospace, monospace; }
main { display: grid; grid-template-columns: minmax(16rem, 2fr) 3fr; gap: 1rem; align-items: start; }
nav { position: sticky; top: 0; max-height: 100vh; overflow: auto; }
nav ol { list-style: none; margin: 0; padding: 0; }
nav li { padding-left: calc(var(--depth) * 1rem); overflow-wrap: anywhere; }
nav a { color: inherit; }
section { border-left: .3rem solid #2b7a4b; margin: .4rem 0; padding: .1rem .8rem; }
section:target { outline: .2rem solid #2b6cb0; }
.excluded { border-color: #b3541e; }
.aside { border-color: #8888; opacity: .75; }
h3 { font-size: 1rem; margin: .2rem 0; overflow-wrap: anywhere; }
small { opacity: .75; }
@media (max-width: 48rem) { main { display: block; } nav { position: static; max-height: 40vh; } }
"""


_DEPTH_MAX: Final = 12
"""Deeper units are drawn no further to the right."""


def write_page(
    path: Path, marked: MarkedText, source: bytes, root: str, *, forbidden: Path
) -> None:
    """The page lies at the path, whole; an older one was replaced.

    Raises:
        StopRefusedInput: the path is the source itself, or a folder.
        StopStorage: it could not be written.
    """
    if path.is_dir() or path.resolve() == forbidden.resolve():
        raise StopRefusedInput(
            f"the page cannot be written over {path}",
            expected="the name of a new file",
            remedy="cutter mark FILE --html marks.html",
        )
    write_whole(path, page(marked, source, root).encode())


def page(marked: MarkedText, source: bytes, root: str) -> str:
    """Return the page: counts, findings, and side by side the tree of units and the source under them."""
    number = {unit.address: place for place, unit in enumerate(marked.units, 1)}
    stretches = sorted(
        ((start, end, unit) for unit in marked.units for start, end in unit.own_spans),
        key=lambda stretch: stretch[0],
    )
    anchors = _anchors([number[unit.address] for _, _, unit in stretches])
    starts = [start for start, _, _ in stretches]
    found: dict[int, list[MarkFinding]] = {}
    for finding in marked.findings:
        found.setdefault(max(0, bisect_right(starts, finding.start) - 1), []).append(finding)
    listed = "".join(
        f'<li><a href="#{anchors[place]}">{_finding(each)}</a></li>'
        for place, findings in sorted(found.items())
        for each in findings
    )
    tree = "".join(_entry(unit, number[unit.address]) for unit in marked.units)
    body = "".join(
        _stretch(unit, source[start:end], anchors[place], found.get(place, ()))
        for place, (start, end, unit) in enumerate(stretches)
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>Marks</title><style>{_STYLE}</style><h1>Marks</h1>"
        f"<table>{_facts(marked, root)}</table><h2>Findings: {len(marked.findings)}</h2><ul>{listed}</ul>"
        f'<main><nav aria-label="Units"><h2>Units</h2><ol>{tree}</ol></nav>'
        f"<article><h2>Source</h2>{body}</article></main></html>\n"
    )


def _facts(marked: MarkedText, root: str) -> str:
    coverage = marked.coverage
    facts = (
        ("profile", marked.profile),
        ("source sha256", marked.source_sha256),
        ("units", str(len(marked.candidates))),
        ("excluded", str(len(marked.excluded))),
        ("bytes", str(marked.byte_len)),
        ("bytes unaccounted", str(coverage.unaccounted_bytes)),
        ("manifest root", f"{root} ({len(marked.candidates)} leaves)"),
    )
    return "".join(f"<tr><th>{name}</th><td>{_shown(value)}</td></tr>" for name, value in facts)


def _anchors(numbers: Sequence[int]) -> list[str]:
    """Return a name for each stretch: the unit's own for its first one, with a count for those behind it."""
    seen: dict[int, int] = {}
    names = []
    for number in numbers:
        seen[number] = seen.get(number, 0) + 1
        names.append(f"u{number}" if seen[number] == 1 else f"u{number}-{seen[number]}")
    return names


def _entry(unit: Unit, number: int) -> str:
    """Return the unit's line in the tree; it leads to its text, where it has one of its own."""
    words = f"{_shown(unit.alias or unit.kind)} {_shown(unit.num)} {_shown(unit.heading)}"
    named = f'<a href="#u{number}">{words}</a>' if unit.own_spans else words
    return (
        f'<li class="{_class(unit)}" style="--depth:{min(unit.level, _DEPTH_MAX)}">'
        f"{named} <small>[{unit.start}, {unit.end})</small></li>"
    )


def _stretch(unit: Unit, text: bytes, anchor: str, findings: Sequence[MarkFinding]) -> str:
    lines = text.decode("utf-8", "replace").split("\n")
    drawn = "\n".join(_shown(line) for line in lines)
    doubts = "".join(f"<li>{_finding(each)}</li>" for each in findings)
    return (
        f'<section class="{_class(unit)}" id="{anchor}"><h3>{_shown(unit.address)} '
        f"<small>{_shown(unit.kind)} {_shown(unit.heading)} · {_shown(unit.reason)}</small></h3>"
        + (f"<ul>{doubts}</ul>" if doubts else "")
        + f"<pre>{drawn}</pre></section>"
    )


def _class(unit: Unit) -> str:
    return "unit" if unit.included else "excluded" if unit.is_content else "aside"


def _finding(finding: MarkFinding) -> str:
    return (
        f"{_shown(finding.severity)} {_shown(finding.code)} at byte {finding.start}: "
        f"{_shown(finding.sentence)}"
    )


def _shown(text: str) -> str:
    return escape(visible(text))
