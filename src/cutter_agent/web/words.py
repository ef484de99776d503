"""The console's words: English in the pages, Vietnamese beside them, chosen by the reader."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

LANGUAGES: Final[dict[str, str]] = {"en": "English", "vi": "Tiếng Việt"}
"""The languages of the console, each by its own name; the first is the one of the templates."""
DEFAULT: Final = "en"


@dataclass(frozen=True, slots=True)
class Words:
    """The console's words in one language."""

    language: str

    def __call__(self, english: str, **values: object) -> str:
        """The sentence in this language, with the values in their places."""
        sentence = catalogue(self.language).get(english, english)
        return sentence.format(**values) if values else sentence


@cache
def catalogue(language: str) -> dict[str, str]:
    """Each English sentence with the one of this language; nothing for English itself."""
    if language == DEFAULT or language not in LANGUAGES:
        return {}
    text = files("cutter_agent.web").joinpath("words", f"{language}.toml").read_text("utf-8")
    return {str(english): str(other) for english, other in tomllib.loads(text).items()}


def chosen(asked: str | None, kept: str | None, accepts: str) -> str:
    """The language of a page: asked for now, else kept from before, else the browser's first known."""
    for language in (asked, kept):
        if language in LANGUAGES:
            return str(language)
    for part in accepts[:200].split(","):
        language = part.partition(";")[0].strip()[:2].lower()
        if language in LANGUAGES:
            return language
    return DEFAULT
