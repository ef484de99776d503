"""Each threat of the page has a check and a test that performs the cheat, and the test is there."""

import ast
import re

import pytest

from house import tree

PAGE = "docs/concepts/threats.md"
ROW = re.compile(
    r"^\| (?P<threat>[^|]+) \| (?P<check>[^|]+) \| `(?P<file>\S+?)::(?P<test>\w+)` \|$"
)
NAMED = (
    "operator approves",
    "edited sidecar",
    "edited after enactment",
    "plan swapped",
    "replayed on another run, gate or database",
    "two keys",
    "revoked",
    "clock set back",
    "function or a grant changed",
    "consumption row deleted",
    "dry run shown as live",
    "empty backup",
    "swapped backup",
    "trust policy edited",
    "keys twice",
    "bidirectional",
)
"""The threats that the design names; each must be a row."""


def table(page: str) -> list[re.Match[str]]:
    """The rows below the head of the table; a row of another form is an error."""
    lines = [line for line in page.splitlines() if line.startswith("| ")][1:]
    found = [ROW.match(line) for line in lines]
    assert None not in found, [li for li, row in zip(lines, found, strict=True) if row is None]
    return [row for row in found if row is not None]


def named_tests(source: str) -> set[str]:
    """The names of the test functions of a module, those of its classes too."""
    return {
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


ROWS = table(tree.text(PAGE) or "")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["threat"][:60])
def test_the_test_that_performs_the_cheat_is_there(row: re.Match[str]) -> None:
    source = tree.text(row["file"])
    assert source is not None, row["file"]
    assert row["test"] in named_tests(source)


def test_every_threat_of_the_design_is_a_row() -> None:
    threats = "\n".join(row["threat"] for row in ROWS)
    assert [name for name in NAMED if name not in threats] == []


def test_a_row_without_a_test_is_an_error() -> None:
    head = "| threat | what finds it | test |\n|---|---|---|\n"
    assert len(table(head + "| a | b | `tests/x.py::test_y` |\n")) == 1
    with pytest.raises(AssertionError):
        table(head + "| a | b | nothing |\n")
