"""Two voices: data on stdout, talk on stderr. One document for programs, lines for people."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, TextIO, TypeVar

import click

from cutter_agent.errors import StopStorage
from cutter_agent.evidence.canonical import Json
from cutter_agent.evidence.render import visible

if TYPE_CHECKING:
    from cutter_agent.cli.progress import OnStep

COLUMNS_MIN: Final = 40
COLUMNS_MAX: Final = 100
LAST_COLUMN_MIN: Final = 24
_GAP: Final = "  "

_GLYPHS: Final = {
    "✓": "+",
    "●": "o",
    "✗": "x",
    "→": "->",
    "·": "-",
    "…": "...",
    "–": "-",
    "⟦": "[",
    "⟧": "]",
}
_HIDDEN: Final = re.compile(
    "[\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)
"""What JSON lets through and a terminal acts on, or an encoder fails on."""

_Command = TypeVar("_Command", bound=Callable[..., Any])


class Form(StrEnum):
    """How answers are written."""

    TEXT = "text"
    JSON = "json"
    """One document."""
    NDJSON = "ndjson"
    """One event a line while the work goes on, the document as the last."""


class Output:
    """What one command says, and how: made from its options and the streams it runs with."""

    def __init__(self, form: Form = Form.TEXT, *, no_input: bool = False) -> None:
        """Look at the streams once: is there a terminal, how wide, which characters."""
        self.form = form
        self.asks = not no_input and form is Form.TEXT and _is_terminal(sys.stdin)
        """True if a question may be asked."""
        self.lively = form is Form.TEXT and _is_terminal(sys.stderr) and _is_capable()
        """True if lines on stderr may be redrawn."""
        self.coloured = (
            _is_terminal(sys.stdout) and _is_capable() and not os.environ.get("NO_COLOR")
        )
        self.clips = _is_terminal(sys.stdout) or "COLUMNS" in os.environ
        """True if long lines of a listing are cut at the width, False if a program may read them."""
        columns = shutil.get_terminal_size((80, 24)).columns
        self.columns = max(COLUMNS_MIN, min(columns, COLUMNS_MAX))

    def data(self, document: Mapping[str, Json], lines: Callable[[], Sequence[str]]) -> None:
        """Write the answer to stdout: the document for programs, else the lines for people."""
        if self.form is Form.TEXT:
            for line in lines():
                self.line(line)
        elif self.form is Form.JSON:
            _write(sys.stdout, json_text(document, sys.stdout, indent=2))
        else:
            self.event("result", result=document)

    def line(self, text: str = "") -> None:
        """Write one line for people to stdout; its characters are ones that the stream has."""
        _write(sys.stdout, plain(text, sys.stdout))

    def say(self, text: str = "") -> None:
        """Write one line of talk to stderr; programs that read one document hear nothing."""
        if self.form is Form.TEXT:
            _write(sys.stderr, plain(text, sys.stderr))

    def event(self, kind: str, **fields: Json) -> None:
        """Write one event to stdout if events were asked for."""
        if self.form is Form.NDJSON:
            _write(sys.stdout, json_text({"event": kind, **fields}, sys.stdout))

    @property
    def talk(self) -> TextIO:
        """Where talk goes."""
        return sys.stderr

    def styled(self, text: str, style: str) -> str:
        """Return the text in a colour where colours are wanted."""
        return click.style(text, fg=style) if self.coloured else text

    @contextmanager
    def steps(self) -> Iterator[OnStep]:
        """Show each step as it begins; the block gets the function that is told."""
        from cutter_agent.cli.progress import shown_steps

        with shown_steps(self) as on_step:
            yield on_step

    def confirm(self, question: str) -> bool:
        """Ask and return the answer; no is the default."""
        return click.confirm(plain(question, sys.stderr), default=False, err=True)


def speaks(*, long: bool = False) -> Callable[[_Command], _Command]:
    """Give a command `--json` and `--no-input` (and `--ndjson`, if it is long), and an Output.

    The command's function is called with `out` beside its own parameters.
    """

    def add(function: _Command) -> _Command:
        def with_output(
            *args: object, json_: bool, no_input: bool, ndjson: bool = False, **kwargs: object
        ) -> object:
            if json_ and ndjson:
                raise click.UsageError("--json and --ndjson exclude each other")
            form = Form.JSON if json_ else Form.NDJSON if ndjson else Form.TEXT
            return function(*args, out=Output(form, no_input=no_input), **kwargs)

        with_output.__doc__ = function.__doc__
        with_output.__name__ = function.__name__
        with_output.__click_params__ = getattr(function, "__click_params__", [])  # type: ignore[attr-defined]
        options = [
            click.option("--no-input", is_flag=True, help="Never ask."),
            click.option("--json", "json_", is_flag=True, help="Write one JSON document."),
        ]
        if long:
            events = "Write one JSON event a line."
            options.insert(1, click.option("--ndjson", is_flag=True, help=events))
        wrapped: Any = with_output
        for option in options:
            wrapped = option(wrapped)
        return wrapped  # type: ignore[no-any-return]

    return add


def json_text(document: Mapping[str, Json], stream: TextIO, *, indent: int | None = None) -> str:
    """Return the document as JSON that this stream can carry without loss.

    Members keep their order. Hidden characters are escaped, so a terminal shows them and obeys none.
    """
    ascii_only = not _has_all("Đ⟦", stream)
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent, allow_nan=False)
    return _HIDDEN.sub(_escaped, text)


def plain(text: str, stream: TextIO) -> str:
    """Return the text in characters that the stream has: marks of ours get their plain twins."""
    if not text.isascii() and not _has_all("✓●✗→·…–⟦", stream):
        for glyph, twin in _GLYPHS.items():
            text = text.replace(glyph, twin)
    return text


def seen(text: str) -> str:
    """Return text that came from a document, a file or a person, hidden characters drawn."""
    return visible(text)


def cells(text: str) -> int:
    """Return how many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def clipped(text: str, columns: int) -> str:
    """Return the text in at most so many columns, an ellipsis where it was cut."""
    if cells(text) <= columns:
        return text
    short = text[: max(0, columns - 1)]
    while short and cells(short) > columns - 1:
        short = short[:-1]
    return short + "…"


def wrapped(text: str, columns: int, *, first: str = "", later: str | None = None) -> list[str]:
    """Return the text as lines of at most so many columns, long words broken."""
    indent = " " * cells(first) if later is None else later
    lines = textwrap.wrap(
        text, columns, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False
    )
    return lines or [first.rstrip()]


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]], columns: int) -> list[str]:
    """Return a table of plain lines, no wider than so many columns.

    A last column that is too wide is wrapped; where that leaves it too little room, each row
    becomes a small list.
    """
    widths = [max(cells(row[i]) for row in (head, *rows)) for i in range(len(head))]
    room = columns - sum(widths[:-1]) - len(_GAP) * (len(widths) - 1)
    if widths[-1] <= room:
        return [_row(row, widths) for row in (head, *rows)]
    if room >= LAST_COLUMN_MIN:
        return [line for row in (head, *rows) for line in _wrapped_row(row, widths, columns)]
    name_width = max(map(cells, head))
    lines: list[str] = []
    for row in rows:
        for name, value in zip(head, row, strict=True):
            label = name + " " * (name_width - cells(name)) + _GAP
            lines += wrapped(value, columns, first=label)
        lines.append("")
    return lines[:-1]


def _wrapped_row(row: Sequence[str], widths: Sequence[int], columns: int) -> list[str]:
    start = _row((*row[:-1], "|"), (*widths[:-1], 1))[:-1]
    return wrapped(row[-1], columns, first=start)


def _row(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = [text + " " * (w - cells(text)) for text, w in zip(row, widths, strict=True)]
    return _GAP.join(padded).rstrip()


def _escaped(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed and stream.isatty()


def _is_capable() -> bool:
    return os.environ.get("TERM", "") not in {"", "dumb"}


def _has_all(characters: str, stream: TextIO) -> bool:
    try:
        characters.encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _write(stream: TextIO, text: str) -> None:
    """Write a line now. A reader who went away is no error of the work."""
    try:
        stream.write(text + "\n")
        stream.flush()
    except BrokenPipeError:
        hush(stream)
    except OSError as error:
        hush(stream)
        reason = error.strerror or type(error).__name__
        raise StopStorage(f"the answer could not be written: {reason}") from error


def hush(stream: TextIO) -> None:
    """What is still buffered for this stream goes nowhere, so that the end of the process is quiet."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return
