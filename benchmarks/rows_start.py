"""Starting: what a person waits for before the first letter."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from ratios import PROJECT, Row, compare

BARE_COMMAND = """import sys
import click

@click.command()
@click.version_option("0")
def bare() -> None: ...

sys.exit(bare())
"""


def rows() -> Iterator[Row]:
    """`cutter --version` against the smallest click command there can be."""
    cutter = Path(sys.executable).with_name("cutter")
    bare = PROJECT / "build" / "bare_command.py"
    bare.parent.mkdir(exist_ok=True)
    bare.write_text(BARE_COMMAND, "utf-8")
    yield compare(
        "cutter --version",
        lambda: run(str(cutter), "--version"),
        against="a bare click command",
        peer=lambda: run(sys.executable, str(bare), "--version"),
        at_most=1.3,
        rounds=15,
    )


def run(*words: str) -> None:
    """One process, from its start to its end."""
    subprocess.run(words, stdout=subprocess.DEVNULL, check=True)
