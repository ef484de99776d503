"""Queries are written as drivers read them: every percent sign is a parameter's, or doubled."""

import re

import pytest

from cutter_agent.orchestrator import queries
from house import tree

PARAMETER = re.compile(r"%\([a-z_0-9]+\)[stb]|%%")
FILES = [path for path in tree.paths() if "/postgres/queries/" in path]
CONSTANTS = sorted(name for name in vars(queries) if name.isupper())


def strays(sql: str) -> list[str]:
    return [line for line in PARAMETER.sub("", sql).splitlines() if "%" in line]


@pytest.mark.parametrize("path", FILES)
def test_a_query_file_has_no_stray_percent_sign(path: str) -> None:
    assert strays(tree.text(path) or "") == []


def test_no_query_of_the_facts_has_a_stray_percent_sign() -> None:
    texts = {name: str(getattr(queries, name)) for name in CONSTANTS}
    assert {name: strays(text) for name, text in texts.items() if strays(text)} == {}


def test_the_rule_sees_what_it_is_about() -> None:
    assert len(FILES) > 30
    assert len(CONSTANTS) > 10
    assert strays("SELECT %(a)s, 100%%\nLIKE 'x%'") == ["LIKE 'x%'"]
