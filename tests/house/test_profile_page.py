"""The page about profiles names every key that the loader knows, and no other; its example holds."""

import ast
import re

from cutter_agent.document.grammar import parse_profile
from cutter_agent.document.marks import mark_text
from house.tree import PROJECT

PAGE = (PROJECT / "docs" / "howto" / "profiles.md").read_text("utf-8")
LOADER = (PROJECT / "src" / "cutter_agent" / "document" / "grammar.py").read_text("utf-8")
READERS = {"text", "flag", "number", "texts", "text_lists", "table", "tables"}
TABLES = {
    "parse_profile": "The keys of the file",
    "_rule": "The keys of a rule",
    "_status": "The keys of the status table",
}


def keys_read_by(function: str) -> set[str]:
    """The literal names that a function of the loader asks its fields for."""
    body = next(
        node
        for node in ast.walk(ast.parse(LOADER))
        if isinstance(node, ast.FunctionDef) and node.name == function
    )
    return {
        call.args[0].value
        for call in ast.walk(body)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr in READERS
        and call.args
        and isinstance(call.args[0], ast.Constant)
    }


def keys_told_under(heading: str) -> set[str]:
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `([a-z]+)` \|", section, re.MULTILINE))


def test_the_page_names_the_keys_of_the_loader() -> None:
    for function, heading in TABLES.items():
        assert keys_read_by(function)
        assert keys_told_under(heading) == keys_read_by(function), heading


def test_the_example_of_the_page_is_a_profile_that_cuts() -> None:
    toml = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    profile = parse_profile(toml[0].encode())
    text = "Order No. 1. Lamps\n(a) One.\n(b) Two.\nOrder No. 2. Doors\nShut.\n"
    marked = mark_text(text.encode(), profile, code="H")
    assert [unit.address for unit in marked.candidates] == [
        "H/ORDER-1",
        "H/ORDER-1/ITEM-a",
        "H/ORDER-1/ITEM-b",
        "H/ORDER-2",
    ]
