"""Every file of the corpus cut by the profile of its kind: does anything get lost, and is it the same twice."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from cutter_agent.document.grammar import Profile, parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped
from cutter_agent.document.units import MarkedText
from cutter_agent.errors import Stop
from cutter_agent.files.readers.child import reader_of
from cutter_agent.files.readers.extracted import parse_map
from cutter_agent.files.readers.reading import format_of

NO_SOURCES: Final = frozenset({"PROVENANCE.md", "INDEX.md", "README.md"})
PROFILES: Final = {
    "vn-constitution": "vn-constitution",
    "vn-": "vn-law",
    "de-": "de",
    "python-": "rfc",
    "policy-": "md-policy",
    "uk-": "uk",
    "us-uslm": "us",
    "us-constitution": "us-constitution",
    "nist-": "nist",
    "ch-": "ch",
    "eu-": "eu",
}
OTHERWISE: Final = ("intl", "markdown")


@dataclass(slots=True)
class Whole:
    """How many files there are, how many hold units, how many of those lose nothing."""

    files: int = 0
    without_units: int = 0
    whole: int = 0
    torn: list[str] = field(default_factory=list)

    def told(self, name: str) -> str:
        """The counts as a line."""
        cut = self.files - self.without_units
        rest = f" ({self.without_units} hold none)" if self.without_units else ""
        return f"lossless, {name}: {self.whole} of {cut} files that hold units{rest}" + "".join(
            f"\n  TORN: {each}" for each in self.torn
        )


@cache
def profile_of(profile_name: str) -> Profile:
    """The shipped profile."""
    return parse_profile(shipped(profile_name))


def sources(corpus: Path) -> list[Path]:
    """Every file of the corpus that is a source, in one order."""
    return [
        path for path in sorted(corpus.rglob("*")) if path.is_file() and path.name not in NO_SOURCES
    ]


def cut(path: Path, corpus: Path) -> tuple[bytes, MarkedText] | None:
    """The text of a file and its units by the profile of its kind; None if it holds none."""
    folder = path.relative_to(corpus).parts[0]
    wanted = next((name for start, name in PROFILES.items() if folder.startswith(start)), "intl")
    source = path.read_bytes()
    kind = format_of(path.name, source)
    text = source
    if kind is not None:
        try:
            read = reader_of(kind)(source)
        except Stop:
            return None
        assert read.source_sha256 == hashlib.sha256(source).hexdigest()
        assert parse_map(read.spans.encoded()) == read.spans
        text = read.text
    for profile_name in (wanted, *OTHERWISE):
        try:
            return text, mark_text(text, profile_of(profile_name), code="FILE")
        except Stop:
            continue
    return None


def lossless(corpus: Path) -> tuple[Whole, Whole, str]:
    """The counts of files that are texts and of those that a reader reads, and a digest of all units."""
    texts, read = Whole(), Whole()
    digest = hashlib.sha256()
    for path in sources(corpus):
        kind = format_of(path.name, b"")
        count = texts if kind is None else read
        count.files += 1
        found = cut(path, corpus)
        if found is None:
            count.without_units += 1
            continue
        text, marked = found
        spans = sorted(span for unit in marked.units for span in unit.own_spans)
        tiles = b"".join(text[start:end] for start, end in spans) == text
        if tiles and marked.coverage.unaccounted_bytes == 0:
            count.whole += 1
        else:
            count.torn.append(str(path.relative_to(corpus)))
        digest.update(hashlib.sha256(text).digest() + repr(marked).encode())
    return texts, read, digest.hexdigest()


def the_same_elsewhere(corpus: Path, digest: str) -> bool:
    """True if two other processes, each with a hash seed of its own, cut the whole corpus alike."""
    program = (
        "import sys, pathlib, lossless; print(lossless.lossless(pathlib.Path(sys.argv[1]))[2])"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", program, str(corpus)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    return answers == {digest}
