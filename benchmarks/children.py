"""Works that run in a process of their own, ours in this environment and the peers' in theirs."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

from ratios import PROJECT, Row

PEERS: Final = PROJECT / "build" / "peers" / "bin" / "python"
PROGRAM: Final = Path(__file__).with_name("timed.py")
PAIRS: Final = 3
BEST_OF: Final = 3


@dataclass(frozen=True)
class Told:
    """What a process says of its work: its best time, its pieces, its growth at the peak."""

    best_s: float
    pieces: int
    grown_bytes: int


def timed(work: str, path: Path, rounds: int = BEST_OF) -> Told:
    """The work on the file, in a fresh process."""
    ours = work.startswith("cut:")
    words = (sys.executable if ours else str(PEERS), str(PROGRAM), work, str(path), str(rounds))
    # The peers would ask a server for recipes and versions; nothing of that belongs to the work.
    quiet = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONHASHSEED": "0"}
    done = subprocess.run(words, check=True, capture_output=True, env=quiet)
    return Told(**json.loads(done.stdout.splitlines()[-1]))


def faster_than(
    name: str, work: str, path: Path, *, peer: str, against: str, goal: float | None
) -> Row:
    """How many times as fast the work is as its peer on this file, the best of each process in turn."""
    pairs = [(timed(work, path).best_s, timed(peer, path).best_s) for _ in range(PAIRS)]
    return Row(
        work=name,
        against=against,
        ratio=statistics.median(theirs / mine for mine, theirs in pairs),
        goal=goal,
        bound="at least",
        work_s=statistics.median(mine for mine, _ in pairs),
        peer_s=statistics.median(theirs for _, theirs in pairs),
    )


def of(value: float, name: str, goal: float, bound: Literal["at most", "at least"], told: Told,
       *, against: str, unit: str) -> Row:  # fmt: skip
    """A row about one process: a speed or a size instead of a ratio of times."""
    return Row(name, against, value, goal, bound, told.best_s, told.best_s, unit)


@contextmanager
def written(text: bytes) -> Iterator[Path]:
    """The text as a file that is gone afterwards."""
    with TemporaryDirectory(prefix="cutter-bench-") as folder:
        path = Path(folder) / "text.md"
        path.write_bytes(text)
        yield path
