"""Text that wants to act: on a terminal, in a log, in a report, in CSV. CUTTER_HOSTILE_STRINGS asks for more of it."""

import io
import json
import os
import random
import re
import unicodedata

import pytest

from cutter_agent.cli.edge import stop_lines, tell_stop
from cutter_agent.cli.output import Form, json_text, seen
from cutter_agent.errors import StopRefusedInput
from cutter_agent.evidence.render import cell, inert, table

STRINGS = int(os.environ.get("CUTTER_HOSTILE_STRINGS") or 3_000)
SEED = int(os.environ.get("CUTTER_HOSTILE_SEED") or 7)
PIECES = (
    *(
        "\x1b[2J",
        "\x1b]0;title\x07",
        "\x1b]8;;http://x\x1b\\",
        "\x9b31m",
        "\x1bP",
        "\x07",
        "\x08" * 8,
    ),
    *("\r", "\n", "\r\n", "\v", "\f", "\x85", "\u2028", "\u2029", "\t", "\0", "\x7f"),
    *("\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\u00ad", "\U000e0041", "\ud800", "\ufff9"),
    *(
        "|",
        "`",
        "```",
        "<script>alert(1)</script>",
        "<!--",
        "&lt;",
        "](http://x)",
        "![x](y)",
        "~~~",
    ),
    *(
        "=cmd|' /C calc'!A0",
        "+1",
        "@SUM(1)",
        "-1+1",
        '"',
        "'",
        ";",
        ",",
        "\\",
        "%s",
        "{0}",
        "$(id)",
    ),
    *("a", "điều", "ความ", "א", "和", "🦉", "e\u0301\u0301\u0301", "\u00a0", "\u3000", " "),
)
ACTS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def hostile(count: int) -> list[str]:
    """So many strings of hostile pieces, the same ones for the same seed."""
    chance = random.Random(SEED)  # noqa: S311 - the same strings again
    return ["".join(chance.choices(PIECES, k=chance.randrange(1, 12))) for _ in range(count)]


@pytest.fixture(scope="module")
def strings() -> list[str]:
    return hostile(STRINGS)


def test_nothing_that_is_shown_moves_a_terminal(strings: list[str]) -> None:
    for text in strings:
        shown = seen(text)
        assert not ACTS.search(shown)
        assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs"} for c in shown)


def test_a_stop_with_hostile_facts_stays_on_its_lines(strings: list[str]) -> None:
    for text in strings[:1_000]:
        stop = StopRefusedInput(text, expected=text, remedy=text)
        for line in stop_lines(stop, 80):
            assert not ACTS.search(line)


def test_a_report_shows_every_text_as_it_is(strings: list[str]) -> None:
    for text in strings:
        assert not ACTS.search(inert(text))
        drawn = table(("text", "end"), [(text, "x")])
        assert len(drawn.splitlines()) == 3
        unescaped = re.sub(r"\\.", "", drawn.splitlines()[2])
        assert unescaped.count("|") == 3
        assert not set("<>`*[]&") & set(re.sub(r"\\.", "", cell(text)))


def test_a_program_gets_the_very_text_back_and_a_terminal_nothing_from_it(
    strings: list[str],
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    for text in strings:
        written = json_text({"text": text}, stream)
        assert not ACTS.search(written)
        assert json.loads(written) == {"text": text}


def test_a_hostile_stop_reaches_a_terminal_inert(
    strings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    for text in strings[:200]:
        tell_stop(StopRefusedInput(text), Form.TEXT)
    said = capsys.readouterr()
    assert said.out == ""
    assert not ACTS.search(said.err.replace("\n", ""))
