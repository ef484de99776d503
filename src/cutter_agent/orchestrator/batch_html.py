"""The same page in HTML: one file, no script, nothing fetched, light or dark as its reader likes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from cutter_agent.evidence.render import visible
from cutter_agent.orchestrator.batch_report import BatchPage
from cutter_agent.orchestrator.batch_status import ItemStanding

_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
)
_STYLE: Final = """
:root { color-scheme: light dark; --line: #bbb; --soft: #f4f4f2; --bad: #a11; --wait: #7a5200; --good: #17602c; }
@media (prefers-color-scheme: dark) {
  :root { --line: #555; --soft: #232323; --bad: #ff9a90; --wait: #ffcf70; --good: #8fdca5; }
}
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: left; vertical-align: top; }
thead th { background: var(--soft); position: sticky; top: 0; }
code { background: var(--soft); overflow-wrap: anywhere; padding: 0 .2rem; }
details ul { margin: .2rem 0; padding-left: 1.2rem; }
.error, .quarantine, .human_review { color: var(--bad); }
.waits { color: var(--wait); }
.closed { color: var(--good); }
.scroll { overflow-x: auto; }
"""


def batch_html(page: BatchPage) -> str:
    """Return the page as one HTML document; whatever comes from a file or a person is escaped."""
    return "\n".join(_lines(page)) + "\n"


def _lines(page: BatchPage) -> Iterator[str]:
    queue, status = page.queue, page.status
    title = f"Batch {_text(queue.batch_id)}"
    yield "<!doctype html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{title}</title>"
    yield f"<style>{_STYLE}</style>"
    yield "</head>"
    yield "<body>"
    yield "<main>"
    yield f"<h1>{title}</h1>"
    yield "<ul>"
    yield f"<li>State: <strong>{status.state.value}</strong> ({status.mode.value}), at {_text(page.at_utc)}</li>"
    yield f"<li>Queue: by {_text(queue.created_by)} at {_text(queue.created_utc)}</li>"
    yield f"<li>Scope: {_text(queue.default_scope)}; on behalf of {_text(queue.default_actor)}</li>"
    yield f"<li>Documents: {_text(page.counted)}</li>"
    yield "</ul>"
    yield from _waiting(page)
    yield from _aside(page)
    yield "<h2>Documents</h2>"
    heads = ("Document", "Stands", "Waits for", "Way out", "Run and its documents")
    yield from _table(heads, (_row(page, item) for item in status.items))
    yield "</main>"
    yield "</body>"
    yield "</html>"


def _waiting(page: BatchPage) -> Iterator[str]:
    if not page.waiting:
        return
    yield "<h2>What waits for whom</h2>"
    yield from _table(
        ("Person", "Documents", "Which"),
        (
            (
                _text(person),
                str(len(rows)),
                ", ".join(f"{_link(code)} ({_text(gate)})" for code, gate in rows),
            )
            for person, rows in page.waiting
        ),
    )


def _aside(page: BatchPage) -> Iterator[str]:
    if not page.aside:
        return
    yield "<h2>Set aside</h2>"
    yield from _table(
        ("Document", "Queue", "Why", "Way out"),
        (
            (
                _link(item.document_id),
                _queue(item),
                f"{_stop(item)} {_text(item.sentence)}".strip(),
                _steps(page, item),
            )
            for item in page.aside
        ),
    )


def _row(page: BatchPage, item: ItemStanding) -> tuple[str, ...]:
    name = _text(item.document_id)
    waits = ""
    if item.waits_for is not None:
        who = ", ".join(_text(person) for person in page.persons(item))
        waits = f'<span class="waits">{_text(item.waits_for)}</span>' + (f": {who}" if who else "")
    shown = f'<span class="closed">{item.state.value}</span>' if item.closed else item.state.value
    stands = shown if item.queue is None else f"{_queue(item)}, at {item.state.value}"
    return (
        f'<span id="{_anchor(item.document_id)}">{name}</span>',
        stands,
        waits,
        _steps(page, item),
        _documents(item),
    )


def _documents(item: ItemStanding) -> str:
    """Return links to the run's folder and to every document that lies in it."""
    if item.context is None:
        return ""
    run = _text(item.context.run_id)
    names = (_text(document.name) for document in item.context.history.documents)
    listed = "".join(f'<li><a href="../{run}/{name}">{name}</a></li>' for name in names)
    return f'<details><summary><a href="../{run}/">{run}</a></summary><ul>{listed}</ul></details>'


def _steps(page: BatchPage, item: ItemStanding) -> str:
    return " then ".join(f"<code>{_text(command)}</code>" for command in page.way_out(item))


def _queue(item: ItemStanding) -> str:
    name = "" if item.queue is None else item.queue.value
    return f'<span class="{name}">{name}</span>'


def _stop(item: ItemStanding) -> str:
    return "" if item.stop_code is None else f"<code>{_text(item.stop_code)}</code>"


def _link(document_id: str) -> str:
    return f'<a href="#{_anchor(document_id)}">{_text(document_id)}</a>'


def _anchor(document_id: str) -> str:
    return f"document-{_text(document_id)}"


def _table(heads: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Yield a table; the cells are markup already."""
    yield '<div class="scroll"><table>'
    yield (
        "<thead><tr>" + "".join(f'<th scope="col">{head}</th>' for head in heads) + "</tr></thead>"
    )
    yield "<tbody>"
    for first, *others in rows:
        cells = "".join(f"<td>{cell}</td>" for cell in others)
        yield f'<tr><th scope="row">{first}</th>{cells}</tr>'
    yield "</tbody></table></div>"


def _text(text: str) -> str:
    """Return the text for markup: nothing of it is a tag, and what is hidden in it is drawn."""
    return escape(visible(text).replace("\n", " "), quote=True)
