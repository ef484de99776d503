"""The profiles that ship with the package, as bytes."""

from __future__ import annotations

from functools import cache
from importlib import resources

from cutter_agent.errors import StopRefusedInput


@cache
def shipped_names() -> tuple[str, ...]:
    """The names of the shipped profiles, in order of the alphabet."""
    entries = (entry.name for entry in resources.files(__name__).iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in entries if name.endswith(".toml")))


def shipped(name: str) -> bytes:
    """The TOML bytes of a shipped profile.

    Raises:
        StopRefusedInput: no shipped profile has this name; the sentence lists those there are.
    """
    if name not in shipped_names():
        raise StopRefusedInput(
            f"no profile is called {name!r}; shipped are {', '.join(shipped_names())}",
            expected="the name of a shipped profile or a profile file",
            remedy="cutter profile list",
        )
    return (resources.files(__name__) / f"{name}.toml").read_bytes()
