"""The files of this project as the rules see them: path in the tree and text."""

import subprocess
from functools import cache
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[2]
MADE: Final = frozenset({".git", ".venv", "build", "dist", "__pycache__", ".hypothesis"})
"""Folders that `make` or git writes; no rule reads them."""


@cache
def paths() -> tuple[str, ...]:
    """Every file that is or would be committed, sorted; in an unpacked archive every file not made here."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode == 0 and listing.stdout:
        found = {name for name in listing.stdout.split("\0") if name}
    else:
        found = {
            str(path.relative_to(PROJECT))
            for path in PROJECT.rglob("*")
            if not MADE & set(path.relative_to(PROJECT).parts) and ".cache" not in str(path)
        }
    return tuple(sorted(name for name in found if (PROJECT / name).is_file()))


@cache
def text(path: str) -> str | None:
    """The file's text, or None for bytes that are no text."""
    content = (PROJECT / path).read_bytes()
    if b"\0" in content:
        return None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return None


def modules(*folders: str) -> list[str]:
    """The Python files below these folders."""
    prefixes = tuple(f"{folder}/" for folder in folders)
    return [path for path in paths() if path.endswith(".py") and path.startswith(prefixes)]
