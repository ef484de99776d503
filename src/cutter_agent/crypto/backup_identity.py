"""The age identity that opens backups: one line in a file that only we can read, as `age -i` takes it."""

from __future__ import annotations

from pathlib import Path

from cutter_agent.crypto.private_file import new_private_file, read_private_file
from cutter_agent.errors import StopRefusedInput


def ensure_backup_identity(path: Path) -> str:
    """The file holds an age identity, made first if there is none; returns its recipient.

    Raises:
        StopRefusedInput: there is a file, and it is not private or holds no age identity.
        StopStorage: the new file could not be written durably.
    """
    from pyrage import x25519  # type: ignore[import-untyped]  # it ships no types

    if not path.is_symlink() and not path.exists():
        try:
            with new_private_file(path) as file:
                file.write(f"{x25519.Identity.generate()}\n".encode())
        except FileExistsError:
            return ensure_backup_identity(path)
    lines = read_private_file(path).decode("ascii", "replace").splitlines()
    keys = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    try:
        (key,) = keys
        return str(x25519.Identity.from_str(key).to_public())
    except Exception as error:  # the library's own errors share no class
        raise StopRefusedInput(
            f"the file {path} holds no age identity", expected="one line AGE-SECRET-KEY-1..."
        ) from error
