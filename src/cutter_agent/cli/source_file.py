"""A source file as the command line takes it: its bytes, its profile, the code it suggests."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cutter_agent.document.detect import ProfileScore, best_profile
from cutter_agent.document.grammar import PROFILE_BYTES_MAX, Profile, parse_profile
from cutter_agent.errors import StopOverSize, StopSourceUnreadable
from cutter_agent.files.durable import read_regular, reason_of

SOURCE_BYTES_MAX: Final = 256 * 1024 * 1024
AUTOMATIC: Final = "auto"
"""Named instead of a profile: the one that fits the text best."""
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


@dataclass(frozen=True, slots=True)
class Chosen:
    """The profile that a text is read by.

    Attributes:
        profile: the profile, linted.
        toml: its bytes.
        scores: what detection made of every profile, the best first; empty where one was named.
    """

    profile: Profile
    toml: bytes
    scores: tuple[ProfileScore, ...] = ()


def choose_profile(source: bytes, name: str | None) -> Chosen:
    """Return the profile that is named, or for AUTOMATIC and None the one that fits the text best.

    A name that ends in .toml is a file; any other is a shipped profile or one of the deployment's own.

    Raises:
        StopRefusedInput: there is no such profile, or it is not sound.
        StopSourceUnreadable: the profile's file cannot be read, or the bytes are no text.
        StopOverSize: no profile finds a unit in the text.
        StopStorage: the deployment's own profiles cannot be read.
    """
    if name is not None and name.endswith(".toml"):
        toml = read_file(Path(name), PROFILE_BYTES_MAX, remedy="cutter mark FILE --profile NAME")
        return Chosen(parse_profile(toml), toml)
    from cutter_agent.bootstrap.profiles import open_shelf

    shelf = open_shelf(os.environ)
    if name is not None and name != AUTOMATIC:
        return Chosen(shelf.profile(name), shelf.toml(name))
    profile, scores = best_profile(source, shelf.profiles())
    return Chosen(profile, shelf.toml(profile.name), tuple(scores))


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
