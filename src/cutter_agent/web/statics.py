"""The console's own files: read from the package, or made from what another part of the program owns."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Final

from cutter_agent.evidence.bundle_readme import readme_texts

CITATION_SCRIPT: Final = "citation.js"
README_TEXTS: Final = "readme_texts.js"


@cache
def static_bytes(name: str) -> bytes:
    """The bytes of the file; its name is one that the server serves."""
    if name == CITATION_SCRIPT:
        # The checks have one home: the page that a citation carries and the console's run the same.
        return files("cutter_agent.evidence").joinpath(name).read_bytes()
    if name == README_TEXTS:
        return f'"use strict";\nconst README_TEXTS = {json.dumps(readme_texts())};\n'.encode()
    return files("cutter_agent.web").joinpath("static", name).read_bytes()
