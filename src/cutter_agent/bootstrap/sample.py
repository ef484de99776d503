"""The texts that ship with the package: `examples/` of the source tree, its only copy."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

import cutter_agent
from cutter_agent.errors import StopSourceUnreadable

CHARTER: Final = "icx-const-v1.md"
CHARTER_CODE: Final = "ICX-CONST"
CHARTER_PROFILE: Final = "vn-charter"
CHARTER_NEXT: Final = "icx-const-v2.md"


def sample_path(name: str) -> Path:
    """Where the example lies: inside an installed package, or beside the source tree.

    Raises:
        StopSourceUnreadable: it lies in neither place.
    """
    inside = Path(str(files("cutter_agent").joinpath("examples", name)))
    beside = Path(cutter_agent.__path__[0]).resolve().parents[1] / "examples" / name
    for path in (inside, beside):
        if path.is_file():
            return path
    raise StopSourceUnreadable(
        f"the example {name} is not in this installation",
        expected=str(inside),
        remedy="cutter selftest",
    )
