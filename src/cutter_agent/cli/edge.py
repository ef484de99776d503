"""The edge: the one place where a stop, a mistake or a bug becomes words and an exit status."""

from __future__ import annotations

import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from typing import Final

import click

from cutter_agent.cli.output import Form, Output, aligned, hush, json_text, seen, wrapped
from cutter_agent.errors import (
    EXIT_DONE,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    Stop,
    StopEvidenceMismatch,
    StopStorage,
    StopUnexpected,
)
from cutter_agent.evidence.canonical import Json

STOP_SCHEMA: Final = "cutter.stop/1"
DEBUG_VARIABLE: Final = "CUTTER_DEBUG"
FACT_CHARS_MAX: Final = 500
CHAIN_MAX: Final = 32
"""How far back the causes of an error are followed."""


class Interrupted(Exception):
    """Somebody ended the work half-way, and this command goes on with it."""

    def __init__(self, next_command: str) -> None:
        super().__init__(next_command)
        self.next_command = next_command


def settle(error: BaseException, words: Sequence[str]) -> int:
    """Say what happened and return the exit status (Contract 4).

    Args:
        error: what ended the command.
        words: its command line, for the sentences that repeat it.
    """
    command = shlex.join(["cutter", *words])
    ended = interruption(error) or error
    try:
        return _settle(ended, words, command)
    except BrokenPipeError:
        hush(sys.stderr)
        return EXIT_DONE
    except StopStorage as unheard:
        # Nobody is left to tell, as after a terminal was closed: the status still says what happened.
        hush(sys.stderr)
        if isinstance(ended, Interrupted | KeyboardInterrupt | click.Abort):
            return EXIT_INTERRUPTED
        return ended.exit_status if isinstance(ended, Stop) else unheard.exit_status


def interruption(error: BaseException) -> BaseException | None:
    """Return the interruption that the error came of: what fails while the work is put down is one."""
    found: BaseException | None = None
    link: BaseException | None = error
    for _ in range(CHAIN_MAX):
        if isinstance(link, Interrupted):
            return link
        if isinstance(link, KeyboardInterrupt):
            found = link
        link = None if link is None else link.__cause__ or link.__context__
    return found


def _settle(error: BaseException, words: Sequence[str], command: str) -> int:
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        # click turns a broken pipe into SystemExit, and is the only one here that raises it.
        case BrokenPipeError() | SystemExit():
            hush(sys.stdout)
            return EXIT_DONE
        case Interrupted() | KeyboardInterrupt() | click.Abort():
            following = error.next_command if isinstance(error, Interrupted) else command
            _say_interrupted(following, words)
            return EXIT_INTERRUPTED
        case click.ClickException():
            _say_usage(error, words)
            return EXIT_USAGE
        case _:
            pass
    stop = error if isinstance(error, Stop) else _unexpected(error, command)
    if isinstance(stop, StopEvidenceMismatch) and "RUN" in stop.remedy.split():
        stop.use_remedy("cutter runs list")
    tell_stop(stop, _form_asked(words))
    return stop.exit_status


def _unexpected(error: BaseException, command: str) -> Stop:
    if os.environ.get(DEBUG_VARIABLE) == "1":
        traceback.print_exception(error, file=sys.stderr)
    fact = f"{type(error).__name__}: {error}"[:FACT_CHARS_MAX]
    return StopUnexpected(fact, remedy=f"{DEBUG_VARIABLE}=1 {command}")


def stop_json(stop: Stop) -> dict[str, Json]:
    """Return the JSON document `cutter.stop/1`."""
    return {
        "schema": STOP_SCHEMA,
        "code": stop.code,
        "sentence": stop.sentence,
        "fact": stop.fact,
        "expected": stop.expected,
        "remedy": stop.remedy,
        "exit_status": stop.exit_status,
        "run_id": stop.run_id,
        "document_id": stop.document_id,
        "differences": [{"name": d.name, "then": d.then, "now": d.now} for d in stop.differences],
        "findings": list(stop.findings),
    }


def stop_lines(stop: Stop, columns: int) -> list[str]:
    """Return the stop for people: code and sentence, expectation, then and now, next command."""
    lines = [stop.code, *wrapped(seen(stop.sentence), columns, first="  ")]
    if stop.expected:
        lines += wrapped(f"Expected: {seen(stop.expected)}", columns, first="  ", later="    ")
    if stop.differences:
        rows = [(seen(d.name), seen(d.then), seen(d.now)) for d in stop.differences]
        lines += [
            f"  {line}".rstrip() for line in aligned(("fact", "then", "now"), rows, columns - 2)
        ]
    for finding in stop.findings:
        lines += wrapped(seen(finding), columns, first="  - ")
    lines.append(f"Next   {seen(stop.remedy)}")
    return lines


def tell_stop(stop: Stop, form: Form) -> None:
    """Write the stop: to stdout as a document, or to stderr for people."""
    out = Output(form)
    if form is Form.TEXT:
        for line in stop_lines(stop, out.columns):
            out.say(line)
        for note in getattr(stop, "__notes__", ()):
            out.say(f"  ({seen(note)})")
    else:
        out.data(stop_json(stop), list)


def _form_asked(words: Sequence[str]) -> Form:
    """Return the form that the words ask for, also where they could not be read as a whole."""
    options = words[: words.index("--")] if "--" in words else words
    if "--ndjson" in options:
        return Form.NDJSON
    return Form.JSON if "--json" in options else Form.TEXT


def _say_usage(error: click.ClickException, words: Sequence[str]) -> None:
    out = Output()
    context = getattr(error, "ctx", None)
    form = _form_asked(words)
    if form is not Form.TEXT:
        path = "cutter" if context is None else context.command_path
        said = seen(error.format_message())
        Output(form).data(_outside("WRONG_USAGE", said, f"{path} --help", EXIT_USAGE), list)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        out.say(error.format_message())
        return
    if context is not None:
        out.say(seen_lines(context.get_usage()))
    out.say(f"Error: {seen(error.format_message())}")
    if context is not None:
        out.say(f"Help   {context.command_path} --help")


def seen_lines(text: str) -> str:
    """Return the text with hidden characters drawn, its line ends kept."""
    return "\n".join(seen(line) for line in text.split("\n"))


def _say_interrupted(following: str, words: Sequence[str]) -> None:
    form = _form_asked(words)
    if form is Form.TEXT:
        out = Output()
        out.say("Interrupted. Every step that was finished is recorded; nothing is half done.")
        out.say(f"Next   {seen(following)}")
        return
    said = "Interrupted: every finished step is recorded."
    document = _outside("INTERRUPTED", said, following, EXIT_INTERRUPTED)
    sys.stdout.write(json_text(document, sys.stdout) + "\n")


def _outside(code: str, sentence: str, remedy: str, exit_status: int) -> dict[str, Json]:
    """Return `cutter.stop/1` of what is no stop of a run: wrong usage, an interruption."""
    return {
        "schema": STOP_SCHEMA,
        "code": code,
        "sentence": sentence,
        "fact": "",
        "expected": "",
        "remedy": remedy,
        "exit_status": exit_status,
        "run_id": None,
        "document_id": None,
        "differences": [],
        "findings": [],
    }
