"""Breaks the package on purpose, one small break at a time, and counts the breaks that no test sees.

    python tests/house/mutants.py [--count N] [--seed N] [--only PATH-PREFIX] [--judge TESTS] [--goal PERCENT]

Every break is made in a copy; the tree itself is never touched. Of all breaks that are possible a random
sample is tried (the seed is printed, and repeats it). A break that survives is printed with its line: either
a test is missing, or the line is not needed. Ends with status 1 when fewer than the goal were seen.
"""

import argparse
import ast
import copy
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[2]
PACKAGE: Final = "src/cutter_agent"
PURE: Final = ("document", "evidence", "orchestrator", "rehearsal")
"""What is broken unless `--only` says otherwise: the packages whose tests need no server."""
SUITES: Final = ("unit", "property", "conformance", "golden", "crash")
TRIAL_LIMIT_S: Final = 300.0

OPPOSITES: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


@dataclass(frozen=True)
class Break:
    """One small change: the file, the node's position in its syntax tree, its line, and what it says."""

    path: str
    position: int
    line: int
    words: str


def breaks(path: str, source: str) -> Iterator[Break]:
    """Every break of a module, in the order of its syntax tree."""
    for position, node in enumerate(ast.walk(ast.parse(source))):
        words = _break(copy.deepcopy(node))
        if words is not None:
            yield Break(path, position, getattr(node, "lineno", 0), words)


def broken_source(source: str, broken: Break) -> str:
    """The module's source with this one break in it."""
    tree = ast.parse(source)
    node = next(islice(ast.walk(tree), broken.position, None))
    if _break(node) != broken.words:
        message = f"{broken.path} is not the file that this break was found in"
        raise ValueError(message)
    return ast.unparse(tree)


def _break(node: ast.AST) -> str | None:
    """Changes the node in place; what was changed in words, or None when it has nothing to break."""
    match node:
        case ast.Compare(ops=[operator, *_]) if type(operator) in OPPOSITES:
            before = ast.unparse(node)
            node.ops[0] = OPPOSITES[type(operator)]()
            return f"{before}  ->  {ast.unparse(node)}"
        case ast.BoolOp():
            before = ast.unparse(node)
            node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            return f"{before}  ->  {ast.unparse(node)}"
        case ast.If(test=test):
            node.test = ast.Constant(value=False)
            return f"never: if {ast.unparse(test)}"
        case ast.Return(value=ast.Constant(value=bool() as truth)):
            node.value = ast.Constant(value=not truth)
            return f"return {truth}  ->  return {not truth}"
        case ast.Constant(value=bool()):
            return None
        case ast.Constant(value=int() as number):
            node.value = number + 1
            return f"{number}  ->  {number + 1}"
        case ast.FunctionDef(body=body) | ast.For(body=body) | ast.With(body=body):
            return _drop_guard(body)
        case _:
            return None


def _drop_guard(body: list[ast.stmt]) -> str | None:
    """Removes the first call that is made for its effect alone, such as a check that may raise."""
    for index, statement in enumerate(body):
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
            body[index] = ast.copy_location(ast.Pass(), statement)
            return f"dropped: {ast.unparse(statement)}"
    return None


def suites_for(path: str) -> list[str]:
    """The tests that answer for a module, those that bear its name first, then those of its package.

    A package without tests of its own is answered for by every suite that needs no server.
    """
    parts = Path(path).relative_to(PACKAGE).with_suffix("").parts
    named = [
        str(found.relative_to(PROJECT))
        for suite in SUITES
        for found in sorted((PROJECT / "tests" / suite).rglob(f"test_*{parts[-1]}*.py"))
    ]
    own = [f"tests/{suite}/{parts[0]}" for suite in SUITES]
    found = [name for name in own if (PROJECT / name).exists()]
    every = [
        f"tests/{suite}" for suite in SUITES if any((PROJECT / "tests" / suite).rglob("test_*.py"))
    ]
    return [*named, *(found or every)]


def is_seen(broken: Break | None, suites: list[str]) -> bool:
    """Whether the tests fail, or never end, on a copy of the package that holds this break (or none)."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        source = Path(folder) / "src"
        shutil.copytree(PROJECT / "src", source, ignore=shutil.ignore_patterns("__pycache__"))
        if broken is not None:
            file = Path(folder) / broken.path
            file.write_text(broken_source(file.read_text("utf-8"), broken), "utf-8")
        command = [
            *(
                sys.executable,
                "-m",
                "pytest",
                "-x",
                "-q",
                "-p",
                "no:randomly",
                "-p",
                "no:cacheprovider",
            ),
            *("-o", f"pythonpath={source} {PROJECT / 'tests'}", *suites),
        ]
        try:
            trial = subprocess.run(
                command,
                cwd=PROJECT,
                env={**os.environ, "CI": "true", "PYTHONPATH": str(source)},
                capture_output=True,
                text=True,
                timeout=TRIAL_LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return True
    if trial.returncode not in {0, 1, 2}:
        message = (
            f"pytest did not judge {' '.join(suites)}: {trial.stdout[-500:]}{trial.stderr[-500:]}"
        )
        raise RuntimeError(message)
    return trial.returncode != 0


def all_breaks(prefix: str | None) -> list[Break]:
    """Every break of the chosen modules."""
    folders = [f"{PACKAGE}/{name}" for name in PURE] if prefix is None else [prefix]
    chosen = [
        path
        for path in sorted((PROJECT / PACKAGE).rglob("*.py"))
        if any(str(path.relative_to(PROJECT)).startswith(folder) for folder in folders)
    ]
    return [
        found
        for path in chosen
        for found in breaks(str(path.relative_to(PROJECT)), path.read_text("utf-8"))
    ]


def settings(words: list[str]) -> argparse.Namespace:
    """The command line's settings."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=100, help="how many breaks to try")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 100_000)
    parser.add_argument("--only", help=f"break only files that start so, e.g. {PACKAGE}/evidence")
    parser.add_argument(
        "--judge", action="append", help="tests that judge, in place of the module's"
    )
    parser.add_argument("--goal", type=float, default=80.0, help="percent that must be seen")
    return parser.parse_args(words)


def main(words: list[str]) -> int:
    """The exit status, after every survivor was printed."""
    given = settings(words)
    possible = all_breaks(given.only)
    if not possible:
        print(f"nothing to break below {given.only}", file=sys.stderr)
        return 2
    chosen = random.Random(given.seed).sample(possible, min(given.count, len(possible)))
    print(f"trying {len(chosen)} of {len(possible)} breaks, seed {given.seed}", flush=True)
    judges = {broken.path: given.judge or suites_for(broken.path) for broken in chosen}
    suites = list(dict.fromkeys(suite for judged in judges.values() for suite in judged))
    if is_seen(None, suites):
        print(f"the tests fail without any break: {' '.join(suites)}", file=sys.stderr)
        return 2
    with ThreadPoolExecutor(os.cpu_count() or 1) as workers:
        seen = list(workers.map(lambda broken: is_seen(broken, judges[broken.path]), chosen))
    for broken, was_seen in sorted(zip(chosen, seen, strict=True), key=lambda pair: pair[0].path):
        if not was_seen:
            print(f"survived  {broken.path}:{broken.line}  {broken.words}")
    share = 100 * sum(seen) / len(seen)
    print(f"{sum(seen)} of {len(seen)} breaks seen ({share:.0f} %, goal {given.goal:g} %)")
    return 0 if share >= given.goal else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
