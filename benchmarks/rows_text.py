"""The cut of large texts: its speed, how it grows with the text and with its headings, its memory."""

from collections.abc import Iterator

from children import Told, of, timed, written
from ratios import Row
from statute import headings, statute

MEGABYTE = 1_000_000
SIZES = (1, 10, 100)
HEADINGS = (100_000, 1_000_000)
PROFILE = "cut:en-common"
MB_S_GOAL = 40.0
GROWTH_GOAL = 1.3
MEMORY_GOAL = 6.0


def rows() -> Iterator[Row]:
    """Speed and memory at 10 MB, then the time of a byte and of a heading as the text grows."""
    told: dict[int, tuple[Told, int]] = {}
    for size in SIZES:
        text = statute(size * MEGABYTE).encode()
        with written(text) as path:
            told[size] = timed(PROFILE, path, 5 if size == 1 else 2), len(text)
    middle, length = told[10]
    mean = f"{length // middle.pieces} bytes a unit"
    yield of(length / MEGABYTE / middle.best_s, "cut with all digests, 10 MB", MB_S_GOAL, "at least",
             middle, against=f"one core, {mean}", unit="MB/s")  # fmt: skip
    small, small_length = told[1]
    for size in SIZES[1:]:
        large, large_length = told[size]
        yield Row(
            work=f"cut, {size} MB, time of a byte",
            against="the same for 1 MB",
            ratio=large.best_s / large_length / (small.best_s / small_length),
            goal=GROWTH_GOAL,
            bound="at most",
            work_s=large.best_s,
            peer_s=small.best_s,
        )
    for size in SIZES[1:]:
        large, large_length = told[size]
        yield of(large.grown_bytes / large_length, f"memory of a cut, {size} MB", MEMORY_GOAL,
                 "at most", large, against=f"a byte of the source, {mean}", unit="B/B")  # fmt: skip
    few, many = (_headings(count) for count in HEADINGS)
    yield Row(
        work="cut, 1,000,000 headings, time of one",
        against="the same for 100,000",
        ratio=many.best_s / HEADINGS[1] / (few.best_s / HEADINGS[0]),
        goal=GROWTH_GOAL,
        bound="at most",
        work_s=many.best_s,
        peer_s=few.best_s,
    )


def _headings(count: int) -> Told:
    with written(headings(count).encode()) as path:
        return timed(PROFILE, path, 2)
