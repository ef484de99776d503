"""Profiles as a command finds them: the shipped ones, and the own ones of the home that is named."""

from __future__ import annotations

from collections.abc import Mapping

from cutter_agent.bootstrap.home import home_of
from cutter_agent.document.shelf import Shelf
from cutter_agent.files.profile_folder import read_profiles


def open_shelf(environ: Mapping[str, str]) -> Shelf:
    """The profiles there are for this environment; a home without profiles, or none, has no own ones.

    Raises:
        StopRefusedInput, StopOverSize, StopStorage: see `read_profiles` and `Shelf`.
    """
    return Shelf(read_profiles(home_of(environ).profiles))
