"""What every page's function takes: who reads, and an open desk."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Depends, Query

from cutter_agent.bootstrap.console.recall import ConsoleDesk
from cutter_agent.web.access import Visitor, desk, reader

PAGES_MAX: Final = 1_000_000
ADDRESS_CHARS_MAX: Final = 1_000

Who = Annotated[Visitor, Depends(reader)]
"""The person who reads; resolved before the desk, so that nobody unknown ever holds one."""
At = Annotated[ConsoleDesk, Depends(desk)]
"""An open desk for the time of the request."""
PageNumber = Annotated[int, Query(ge=0, le=PAGES_MAX)]
"""The page of a list, from 1; 0 where the screen chooses."""
Word = Annotated[str, Query(max_length=ADDRESS_CHARS_MAX)]
"""A word to look for, or an address."""
Page = Annotated[int, Query(ge=0, le=PAGES_MAX, alias="page")]
"""The same, where a screen has one list."""
