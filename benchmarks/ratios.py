"""A work measured against its peer in the same minute on the same machine, told as one ratio."""

import gc
import json
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

ROUNDS: Final = 7
PROJECT: Final = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Row:
    """One line of the table: how long the work took for each second of its peer.

    `work_s` and `peer_s` are medians over the rounds; the ratio is the median of the rounds' own
    ratios, so that a machine that slows down for a while slows both. A row without a goal is told
    for comparison alone.
    """

    work: str
    against: str
    ratio: float
    goal: float | None
    bound: Literal["at most", "at least"]
    work_s: float
    peer_s: float
    unit: str = "x"

    @property
    def met(self) -> bool | None:
        """Whether the ratio is on the right side of its goal; None where there is none."""
        if self.goal is None:
            return None
        return self.ratio <= self.goal if self.bound == "at most" else self.ratio >= self.goal


def seconds(work: Callable[[], object]) -> float:
    """How long one call took, the collector kept out of it."""
    gc.collect()
    gc.disable()
    try:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started
    finally:
        gc.enable()


def compare(
    name: str,
    work: Callable[[], object],
    *,
    against: str,
    peer: Callable[[], object],
    at_most: float,
    rounds: int = ROUNDS,
) -> Row:
    """The work and its peer, called in turn after one unmeasured call each."""
    work()
    peer()
    pairs = [(seconds(work), seconds(peer)) for _ in range(rounds)]
    return Row(
        work=name,
        against=against,
        ratio=statistics.median(mine / theirs for mine, theirs in pairs),
        goal=at_most,
        bound="at most",
        work_s=statistics.median(mine for mine, _ in pairs),
        peer_s=statistics.median(theirs for _, theirs in pairs),
    )


def tell(rows: Iterable[Row]) -> list[Row]:
    """Every row, printed as soon as it is measured."""
    told = []
    for row in rows:
        sign = "≤" if row.bound == "at most" else "≥"
        verdict = {True: "met", False: "MISSED", None: "no goal"}[row.met]
        goal = "" if row.goal is None else f"{sign} {row.goal:g}"
        print(
            f"{row.work:<44} {row.ratio:>7.2f} {row.unit:<4} {goal:<6} {verdict:<7}"
            f" {row.work_s * 1000:>10.1f} ms against {row.peer_s * 1000:.1f} ms: {row.against}",
            flush=True,
        )
        told.append(row)
    return told


def keep(rows: Iterable[Row], name: str) -> Path:
    """The rows as build/<name>.json."""
    path = PROJECT / "build" / name
    path.parent.mkdir(exist_ok=True)
    shown = [asdict(row) | {"ratio": round(row.ratio, 3), "met": row.met} for row in rows]
    path.write_text(json.dumps({"rows": shown}, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return path
