"""A file that a command writes where its caller said: whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from cutter_agent.errors import StopRefusedInput, StopStorage
from cutter_agent.files.durable import reason_of


def write_whole(path: Path, data: bytes) -> None:
    """The file holds exactly these bytes; an older one of its name was replaced.

    Raises:
        StopRefusedInput: the path is a folder.
        StopStorage: it could not be written.
    """
    if path.is_dir():
        raise StopRefusedInput(
            f"{path} is a folder", expected="the name of a file", remedy=f"ls -ld {path}"
        )
    try:
        handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(part).chmod(0o644)
            Path(part).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(part).unlink()
            raise
    except OSError as error:
        raise StopStorage(f"{path}: {reason_of(error)}", remedy=f"ls -ld {path.parent}") from error
