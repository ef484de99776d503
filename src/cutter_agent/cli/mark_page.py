"""The marks of a text as one page: the tree, and the source with its units side by side.

The page has no script and asks for nothing from anywhere. What the eye cannot see is drawn.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Final

from cutter_agent.cli.written import write_whole
from cutter_agent.document.units import MarkedText, Unit
from cutter_agent.errors import StopRefusedInput
from cutter_agent.evidence.render import visible

_STYLE: Final = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 90rem; padding: 1rem; }
td, th { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; font: 13px/1.5 ui-monospace, monospace; }
section { border-left: .3rem solid #2b7a4b; margin: .4rem 0; padding: .1rem .8rem; }
section.excluded { border-color: #b3541e; }
section.aside { border-color: #8888; opacity: .75; }
h2 { font-size: 1rem; margin: .2rem 0; }
small { opacity: .75; }
"""


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
    """Return the page: counts, findings, then every stretch of the source under its unit."""
    coverage = marked.coverage
    stretches = sorted(
        ((start, end, unit) for unit in marked.units for start, end in unit.own_spans),
        key=lambda stretch: stretch[0],
    )
    facts = (
        ("profile", marked.profile),
        ("source sha256", marked.source_sha256),
        ("units", str(len(marked.candidates))),
        ("excluded", str(len(marked.excluded))),
        ("bytes", str(marked.byte_len)),
        ("bytes unaccounted", str(coverage.unaccounted_bytes)),
        ("manifest root", f"{root} ({len(marked.candidates)} leaves)"),
    )
    rows = "".join(f"<tr><th>{name}</th><td>{_shown(value)}</td></tr>" for name, value in facts)
    findings = "".join(
        f"<li>{_shown(f.severity)} {_shown(f.code)} at byte {f.start}: {_shown(f.sentence)}</li>"
        for f in marked.findings
    )
    body = "".join(_stretch(unit, source[start:end]) for start, end, unit in stretches)
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>Marks</title><style>{_STYLE}</style><h1>Marks</h1><table>{rows}</table>"
        f"<ul>{findings}</ul>{body}</html>\n"
    )


def _stretch(unit: Unit, text: bytes) -> str:
    kind = "unit" if unit.included else "excluded" if unit.is_content else "aside"
    lines = text.decode("utf-8", "replace").split("\n")
    drawn = "\n".join(_shown(line) for line in lines)
    return (
        f'<section class="{kind}"><h2>{_shown(unit.address)} '
        f"<small>{_shown(unit.kind)} {_shown(unit.heading)} · {_shown(unit.reason)}</small></h2>"
        f"<pre>{drawn}</pre></section>"
    )


def _shown(text: str) -> str:
    return escape(visible(text))
