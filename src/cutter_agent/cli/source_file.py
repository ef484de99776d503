"""A source file as the command line takes it: its bytes, its profile, the code it suggests."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from cutter_agent.document.detect import best_profile
from cutter_agent.document.grammar import PROFILE_BYTES_MAX, Profile, parse_profile
from cutter_agent.document.profiles import shipped, shipped_names
from cutter_agent.errors import (
    StopOverSize,
    StopRefusedInput,
    StopSourceUnreadable,
)
from cutter_agent.files.durable import read_regular, reason_of

SOURCE_BYTES_MAX: Final = 256 * 1024 * 1024
PLAIN_PROFILE: Final = "markdown"
_OPEN: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def read_source_file(path: Path) -> bytes:
    """Return the bytes of a regular file of at most SOURCE_BYTES_MAX.

    Raises:
        StopSourceUnreadable: there is no such file, or it is no file that can be read.
        StopOverSize: it is larger.
    """
    return read_file(path, SOURCE_BYTES_MAX, remedy="ls -l FILE")


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
        return read_file(Path(name), PROFILE_BYTES_MAX, remedy="cutter mark FILE --profile NAME")
    try:
        return shipped(name)
    except StopRefusedInput as stop:
        stop.use_remedy(f"cutter mark FILE --profile {PLAIN_PROFILE}")
        raise


def profile_for(source: bytes) -> str:
    """Return the name of the shipped profile that fits the text best.

    Raises:
        StopSourceUnreadable: the bytes are no text.
        StopOverSize: no shipped profile finds a unit in it.
    """
    profiles = [parse_profile(shipped(name)) for name in shipped_names()]
    return best_profile(source, profiles)[0].name


def profile_of(source: bytes, name: str | None) -> Profile:
    """Return the profile that is named, or the one that fits the text best."""
    return parse_profile(profile_named(name or profile_for(source)))


def read_file(path: Path, limit: int, *, remedy: str) -> bytes:
    """Return the bytes of a regular file of at most so many bytes.

    Raises:
        StopSourceUnreadable: there is no such file, or it is no file that can be read.
        StopOverSize: it is larger.
    """
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
