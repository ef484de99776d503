"""A source file as the command line takes it: its bytes, its profile, the code it suggests."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Final

from cutter_agent.document.grammar import PROFILE_BYTES_MAX, Profile, parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped, shipped_names
from cutter_agent.errors import (
    StopOverSize,
    StopRefusedInput,
    StopSourceUnreadable,
)
from cutter_agent.files.durable import read_regular, reason_of

SOURCE_BYTES_MAX: Final = 256 * 1024 * 1024
SAMPLE_BYTES: Final = 64 * 1024
"""How much of a text is looked at when its profile is guessed."""
PLAIN_PROFILE: Final = "markdown"
ANY_LANGUAGE: Final = "mul"
_USUAL: Final = ("vn-charter", "vn-law", "md-policy")
_SMALL_WORDS: Final = {
    "vi": ("và", "của", "các", "được", "theo", "có", "này", "không"),
    "de": ("der", "die", "und", "des", "nach", "oder", "ist", "nicht"),
    "en": ("the", "of", "and", "shall", "to", "or", "is", "any"),
    "fr": ("le", "les", "des", "et", "du", "ou", "est", "une"),
    "it": ("il", "di", "della", "e", "che", "per", "gli", "una"),
}
_OPEN: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def read_source_file(path: Path) -> bytes:
    """Return the bytes of a regular file of at most SOURCE_BYTES_MAX.

    Raises:
        StopSourceUnreadable: there is no such file, or it is no file that can be read.
        StopOverSize: it is larger.
    """
    return _read(path, SOURCE_BYTES_MAX, remedy="ls -l FILE")


def code_of(path: Path) -> str:
    """Return the code that the file's name suggests: its stem."""
    return path.stem


def profile_named(name: str) -> bytes:
    """Return the TOML of a shipped profile, or of a profile file if the name ends in .toml.

    Raises:
        StopRefusedInput: there is no such profile.
        StopSourceUnreadable: the file cannot be read.
    """
    if name.endswith(".toml"):
        return _read(Path(name), PROFILE_BYTES_MAX, remedy="cutter mark FILE --profile NAME")
    try:
        return shipped(name)
    except StopRefusedInput as stop:
        stop.use_remedy(f"cutter mark FILE --profile {PLAIN_PROFILE}")
        raise


def profile_for(source: bytes) -> str:
    """Return the name of the shipped profile that fits the text best.

    Every profile for the language of the text, or for any, marks its beginning; the one that finds
    the most units is taken. One made for the language counts a quarter more. Markdown headings are
    what is left where no other finds enough.
    """
    sample = source
    if len(source) > SAMPLE_BYTES:
        sample = source[: source.rfind(b"\n", 0, SAMPLE_BYTES) + 1]
    language = language_of(sample)
    headings = _units(sample, PLAIN_PROFILE)
    scores: dict[str, int] = {}
    for name in sorted(shipped_names(), key=_preference):
        languages = parse_profile(shipped(name)).languages
        if language in languages:
            count = _units(sample, name)
            if count * 2 >= max(headings, 1):
                scores[name] = count * 5
        elif ANY_LANGUAGE in languages and name != PLAIN_PROFILE:
            count = _units(sample, name)
            if count > headings:
                scores[name] = count * 4
    return max(scores, key=lambda name: scores[name], default=PLAIN_PROFILE)


def _preference(name: str) -> tuple[int, str]:
    """Return where a profile stands among those that find as many units: the usual ones first."""
    return (_USUAL.index(name) if name in _USUAL else len(_USUAL), name)


def language_of(sample: bytes) -> str:
    """Return the language whose small words the text has most of, or "mul" if it has none."""
    words = Counter(sample.decode("utf-8", "replace").lower().split())
    scores = {name: sum(words[word] for word in small) for name, small in _SMALL_WORDS.items()}
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] else ANY_LANGUAGE


def profile_of(source: bytes, name: str | None) -> Profile:
    """Return the profile that is named, or the one that fits the text best."""
    return parse_profile(profile_named(name or profile_for(source)))


def _units(sample: bytes, name: str) -> int:
    try:
        marked = mark_text(sample, parse_profile(shipped(name)), code="X")
    except (StopOverSize, StopSourceUnreadable):
        return 0
    return sum(unit.is_content for unit in marked.units)


def _read(path: Path, limit: int, *, remedy: str) -> bytes:
    try:
        data = read_regular(os.open(path, _OPEN), limit)
    except ValueError as error:
        raise StopSourceUnreadable("the file's name holds a NUL", remedy=remedy) from error
    except OSError as error:
        raise StopSourceUnreadable(
            f"{path}: {reason_of(error)}", expected="a file that can be read", remedy=remedy
        ) from error
    if len(data) > limit:
        raise StopOverSize(
            f"{path} has over {limit} bytes", expected=f"at most {limit} bytes", remedy=remedy
        )
    return data
