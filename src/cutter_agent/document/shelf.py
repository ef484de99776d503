"""The profiles that a deployment has: those that ship, and its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cutter_agent.document.grammar import PROFILE_NAME_RE, Profile, parse_profile
from cutter_agent.document.profiles import shipped, shipped_names
from cutter_agent.errors import StopRefusedInput

SHIPPED: Final = "shipped"
OWN: Final = "own"
_LOOK: Final = "cutter profile list"


class Shelf:
    """Profiles by name. A profile is read and linted when it is asked for."""

    def __init__(self, own: Mapping[str, bytes] | None = None) -> None:
        """Holds the deployment's own profiles, TOML by name, beside the shipped ones.

        Raises:
            StopRefusedInput: a name is none, or is the name of a shipped profile.
        """
        self._own = dict(sorted((own or {}).items()))
        for name in self._own:
            if not PROFILE_NAME_RE.fullmatch(name):
                raise StopRefusedInput(
                    f"{name[:80]!a} cannot name a profile",
                    expected="lower-case letters, digits and dashes",
                    remedy=_LOOK,
                )
        both = sorted(set(self._own).intersection(shipped_names()))
        if both:
            raise StopRefusedInput(
                f"the deployment's own profile {both[0]} has the name of a shipped one, so it"
                " could not be told which of them a text was read by",
                expected="a name that no shipped profile has",
                remedy=_LOOK,
            )
        self._read: dict[str, Profile] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all profiles, in order of the alphabet."""
        return tuple(sorted((*shipped_names(), *self._own)))

    def origin(self, name: str) -> str:
        """SHIPPED or OWN."""
        return OWN if name in self._own else SHIPPED

    def toml(self, name: str) -> bytes:
        """The TOML bytes of the profile of this name, linted.

        Raises:
            StopRefusedInput: there is none, or it is not sound.
        """
        self.profile(name)
        return self._own[name] if name in self._own else shipped(name)

    def profile(self, name: str) -> Profile:
        """The profile of this name.

        Raises:
            StopRefusedInput: there is none, or it is not sound.
        """
        if name in self._read:
            return self._read[name]
        if name not in self._own and name not in shipped_names():
            raise StopRefusedInput(
                f"no profile is called {name[:80]!a}; there are {', '.join(self.names)}",
                expected="the name of a profile, or a .toml file",
                remedy=_LOOK,
            )
        profile = parse_profile(self._own[name] if name in self._own else shipped(name))
        if profile.name != name:
            raise StopRefusedInput(
                f"the profile in {name}.toml calls itself {profile.name}",
                expected="a file that is called as its profile is",
                remedy=_LOOK,
            )
        self._read[name] = profile
        return profile

    def profiles(self) -> list[Profile]:
        """All profiles, in order of their names.

        Raises:
            StopRefusedInput: one of them is not sound; detection that left it out would mislead.
        """
        return [self.profile(name) for name in self.names]
