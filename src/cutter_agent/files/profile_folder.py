"""The deployment's own profiles: the .toml files of one folder, read as values."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cutter_agent.document.grammar import PROFILE_BYTES_MAX
from cutter_agent.errors import StopOverSize, StopRefusedInput
from cutter_agent.files.durable import Folder

PROFILES_MAX: Final = 64
_ENDING: Final = ".toml"


def read_profiles(path: Path) -> dict[str, bytes]:
    """The bytes of every profile file of the folder, by name; none if the folder does not exist.

    Hidden files and files of other endings are none.

    Raises:
        StopOverSize: there are too many, or one is too long.
        StopRefusedInput: a file's name is not plain.
        StopStorage: one cannot be read, or is a link or no regular file.
    """
    folder = Folder(path)
    names = [name for name in folder.names() if name.endswith(_ENDING) and not name.startswith(".")]
    if len(names) > PROFILES_MAX:
        raise StopOverSize(
            f"{len(names)} profiles in {path}",
            expected=f"at most {PROFILES_MAX}",
            remedy="cutter profile list",
        )
    return {name.removesuffix(_ENDING): _read(folder, name) for name in names}


def _read(folder: Folder, name: str) -> bytes:
    data = folder.read(name, size_bytes_max=PROFILE_BYTES_MAX)
    if data is None:
        raise StopRefusedInput(
            f"the profile {name} was there and is gone", remedy="cutter profile list"
        )
    if len(data) > PROFILE_BYTES_MAX:
        raise StopOverSize(
            f"the profile {name} has over {PROFILE_BYTES_MAX} bytes",
            expected=f"at most {PROFILE_BYTES_MAX} bytes",
            remedy="cutter profile list",
        )
    return data
