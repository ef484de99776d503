"""Measures every work of the table against its peer, prints the ratios, writes build/bench.json.

    python benchmarks/speed.py [PART ...]

A part is a module `rows_<part>.py` beside this one with a function `rows()`; without a part all of
them run. A missed goal is printed and kept as such; the status is 0 when everything was measured.
"""

import importlib
import sys
from pathlib import Path

from ratios import Row, keep, tell


def main(chosen: list[str]) -> int:
    """The exit status, after the table is printed and kept."""
    parts = sorted(
        path.stem.removeprefix("rows_") for path in Path(__file__).parent.glob("rows_*.py")
    )
    unknown = set(chosen) - set(parts)
    if unknown:
        print(
            f"no such part: {', '.join(sorted(unknown))}; there are: {', '.join(parts)}",
            file=sys.stderr,
        )
        return 2
    told: list[Row] = []
    for part in chosen or parts:
        told += tell(importlib.import_module(f"rows_{part}").rows())
    print(f"kept in {keep(told, 'bench.json')}")
    missed = [row.work for row in told if row.met is False]
    if missed:
        print(f"missed: {', '.join(missed)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
