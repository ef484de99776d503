"""The pattern language of profiles: a small part of regular expressions with a bounded cost.

A profile's pattern may hold literals, classes, alternatives, non-capturing groups and bounded
repetition. Everything else is refused, so that a pattern's work on one line has a limit that is
known before it runs (no catastrophic backtracking).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cutter_agent.errors import StopRefusedInput

WORK_MAX: Final = 100_000
"""Most ways in which one pattern may try to match at one place."""
PATTERN_CHARACTERS_MAX: Final = 20_000
_SPACES: Final = "[ \\t]{1,4}"
_REPEAT_RE: Final = re.compile(r"\{([0-9]{1,3})(?:,([0-9]{1,3}))?\}")
_ESCAPES: Final = "ntwWsSdDbB.()[]{}|*+?^$\\/-#&~!,:;'\"<>=% \t§№"
_LOOKAHEADS: Final = ("(?=", "(?!")


Tree = dict[str, "Tree"]
"""Letters and what may follow each; an empty letter ends a word."""


@dataclass(slots=True)
class _Reader:
    pattern: str
    where: str
    at: int = 0
    ahead: int = 0
    """How many look-aheads are open; only inside one may a pattern see a line's end."""

    def refuse(self, why: str) -> StopRefusedInput:
        return StopRefusedInput(
            f"profile pattern of {self.where} at character {self.at + 1}: {why}",
            expected="literals, classes, alternatives, (?:…) and bounded repetition",
            remedy="cutter profile test FILE PROFILE",
        )


def lint_pattern(pattern: str, where: str) -> None:
    """The pattern is of the small language and its work at one place has a known limit.

    Raises:
        StopRefusedInput: it is not, with the place and the reason.
    """
    if len(pattern) > PATTERN_CHARACTERS_MAX:
        raise StopRefusedInput(f"profile pattern of {where}: longer than a pattern may be")
    reader = _Reader(pattern, where)
    work = _alternatives(reader, 0)
    if reader.at < len(pattern):
        raise reader.refuse("a closing parenthesis without its opening one")
    if work > WORK_MAX:
        raise reader.refuse(f"it could try {work} ways at one place, the limit is {WORK_MAX}")
    try:
        re.compile(pattern)
    except re.error as error:
        raise reader.refuse(str(error)) from error


def _alternatives(reader: _Reader, depth: int) -> int:
    """Ways in which a list of alternatives can match: the sum of its branches."""
    if depth > 12:  # noqa: PLR2004 -- deeper nesting is never needed and hard to read
        raise reader.refuse("groups nest too deeply")
    total = 0
    while True:
        total += _sequence(reader, depth)
        if reader.at < len(reader.pattern) and reader.pattern[reader.at] == "|":
            reader.at += 1
            continue
        return total


def _sequence(reader: _Reader, depth: int) -> int:
    ways = 1
    while reader.at < len(reader.pattern) and reader.pattern[reader.at] not in "|)":
        atom = _atom(reader, depth)
        low, high = _repeat(reader)
        if high > 1 and atom > 1:
            raise reader.refuse("a repeated group has alternatives or repetition inside")
        ways *= atom * (high - low + 1)
        if ways > WORK_MAX * 1000:
            raise reader.refuse("its parts can match in too many ways")
    return ways


def _atom(reader: _Reader, depth: int) -> int:
    """Reads one atom and answers in how many ways it can match."""
    pattern, mark = reader.pattern, reader.pattern[reader.at]
    if mark == "(":
        if pattern.startswith("(?:", reader.at) or pattern.startswith(_LOOKAHEADS, reader.at):
            reader.at += 3
        else:
            raise reader.refuse("only (?:…), (?=…) and (?!…) groups are allowed")
        looks = pattern[reader.at - 1] != ":"
        reader.ahead += looks
        ways = _alternatives(reader, depth + 1)
        reader.ahead -= looks
        if reader.at >= len(pattern):
            raise reader.refuse("a parenthesis is not closed")
        reader.at += 1
        return ways
    if mark == "[":
        return _class(reader)
    if mark == "\\":
        following = pattern[reader.at + 1 : reader.at + 2]
        if not following or following not in _ESCAPES:
            raise reader.refuse(f"the escape \\{following} is not allowed")
        if following == "n" and not reader.ahead:
            raise reader.refuse("a line's end may be seen only in a look-ahead")
        if following == "d":
            raise reader.refuse(r"\d also matches other scripts' digits: write [0-9]")
        if following in "sSWD":
            raise reader.refuse(f"\\{following} can match a line end: write a class")
        reader.at += 2
        return 1
    if mark in "*+?{":
        raise reader.refuse("a repetition without anything to repeat")
    if mark in "^\n":
        raise reader.refuse("patterns are anchored at their line's start already")
    reader.at += 1
    return 1


def _class(reader: _Reader) -> int:
    begin = reader.at
    end = begin + 1
    if reader.pattern[end : end + 1] == "^":
        end += 1
    if reader.pattern[end : end + 1] == "]":
        end += 1
    while end < len(reader.pattern) and reader.pattern[end] != "]":
        end += 2 if reader.pattern[end] == "\\" else 1
    if end >= len(reader.pattern):
        raise reader.refuse("a class is not closed")
    body = reader.pattern[begin + 1 : end]
    if body.startswith("^") and "\n" not in body and r"\n" not in body:
        raise reader.refuse(r"a negated class must name \n, or it could cross the line's end")
    if r"\d" in body or r"\s" in body:
        raise reader.refuse(r"a class may not hold \d or \s")
    reader.at = end + 1
    return 1


def _repeat(reader: _Reader) -> tuple[int, int]:
    """Reads a repetition if there is one: its least and greatest count."""
    pattern = reader.pattern
    if reader.at >= len(pattern):
        return 1, 1
    mark = pattern[reader.at]
    if mark in "*+":
        raise reader.refuse("unbounded repetition: write {0,n}")
    if mark == "?":
        reader.at += 1
        bounds = (0, 1)
    elif mark == "{":
        found = _REPEAT_RE.match(pattern, reader.at)
        if found is None:
            raise reader.refuse("a repetition must be {n} or {m,n}")
        reader.at = found.end()
        bounds = (int(found[1]), int(found[2] or found[1]))
    else:
        return 1, 1
    if pattern[reader.at : reader.at + 1] in ("?", "*", "+", "{") and reader.at < len(pattern):
        raise reader.refuse("a repetition of a repetition")
    return bounds


def one_of(words: Sequence[str]) -> str:
    """A pattern for any of these words, the longest that fits; common beginnings are shared.

    Between the parts of a word stand one to four spaces or tabs.
    """
    tree: Tree = {}
    for word in words:
        node = tree
        for letter in " ".join(word.split()):
            node = node.setdefault(letter, {})
        node[""] = {}
    return _branch(tree)


def _branch(tree: Tree) -> str:
    """The pattern of what may follow at one place of the tree of letters."""
    parts: list[str] = []
    for letter, below in sorted(tree.items()):
        if letter:
            parts.append((_SPACES if letter == " " else re.escape(letter)) + _branch(below))
    if not parts:
        return ""
    joined = parts[0] if len(parts) == 1 and "" not in tree else f"(?:{'|'.join(parts)})"
    return f"{joined}?" if "" in tree else joined


def first_characters(pattern: str) -> str | None:
    """What a match of this pattern can begin with, as the inside of a class; None if that is anything.

    Knows the pattern language of this module and plain groups.
    """
    pieces, nullable, end = _firsts(pattern, 0)
    known = pieces is not None and not nullable and end == len(pattern)
    return "".join(sorted(set(pieces))) if known and pieces is not None else None


def _firsts(pattern: str, at: int) -> tuple[list[str] | None, bool, int]:
    """First characters of alternatives, whether they can be empty, and where they end."""
    pieces: list[str] | None = []
    nullable = False
    while True:
        passed = True
        while at < len(pattern) and pattern[at] not in "|)":
            found, empty, at = _first_of_atom(pattern, at)
            if passed:
                pieces = None if pieces is None or found is None else pieces + found
            passed = passed and empty
        nullable = nullable or passed
        if at < len(pattern) and pattern[at] == "|":
            at += 1
            continue
        return pieces, nullable, at


def _first_of_atom(pattern: str, at: int) -> tuple[list[str] | None, bool, int]:
    mark = pattern[at]
    found: list[str] | None
    empty = False
    if mark == "(":
        looks = pattern.startswith(_LOOKAHEADS, at)
        begin = at + (3 if looks or pattern.startswith("(?:", at) else 1)
        found, empty, at = (
            _firsts(pattern, begin) if pattern[begin : begin + 1] != "?" else (None, True, begin)
        )
        at = pattern.find(")", at) + 1 or len(pattern)
        if looks:
            return [], True, at
    elif mark == "[":
        end = _class_end(pattern, at)
        body = pattern[at + 1 : end]
        found, at = (None if body.startswith("^") else [_plain_ends(body)]), end + 1
    elif mark == "\\":
        escaped = pattern[at : at + 2]
        found, at = (None if escaped in (r"\W", r"\D", r"\S") else [escaped]), at + 2
        if escaped in (r"\b", r"\B"):
            return [], True, at
    else:
        found, at = (None if mark == "." else [re.escape(mark)]), at + 1
    repeat = _REPEAT_RE.match(pattern, at)
    if repeat is not None:
        return found, empty or repeat[1] == "0", repeat.end()
    if pattern[at : at + 1] in ("?", "*"):
        return found, True, at + 1
    return found, empty, at + (pattern[at : at + 1] == "+")


def _class_end(pattern: str, at: int) -> int:
    """Where the class that begins here ends: the place of its bracket."""
    end = at + 1 + (pattern[at + 1 : at + 2] == "^")
    end += pattern[end : end + 1] == "]"
    while pattern[end : end + 1] not in ("]", ""):
        end += 2 if pattern[end] == "\\" else 1
    return end


def _plain_ends(body: str) -> str:
    """A class's inside that can stand beside others: a dash at its ends is no range."""
    body = "\\-" + body[1:] if body.startswith("-") else body
    return body[:-1] + "\\-" if body.endswith("-") and not body.endswith("\\-") else body
