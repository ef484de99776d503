"""Every file of the tree keeps the rules of the house; all breaches are named at once."""

import pytest

from house import measures, tree


def breaches(rule: measures.Rule, paths: list[str]) -> list[str]:
    return [
        breach
        for path in paths
        if (text := tree.text(path)) is not None
        for breach in rule(path, text)
    ]


@pytest.mark.parametrize("rule", measures.PACKAGE_RULES)
def test_package_keeps(rule: measures.Rule) -> None:
    assert breaches(rule, tree.modules("src")) == []


@pytest.mark.parametrize("rule", measures.TEST_RULES)
def test_tests_and_benchmarks_keep(rule: measures.Rule) -> None:
    assert breaches(rule, tree.modules("tests", "benchmarks")) == []


@pytest.mark.parametrize("rule", measures.TEXT_RULES)
def test_tree_keeps(rule: measures.Rule) -> None:
    assert breaches(rule, list(tree.paths())) == []


def test_the_rules_see_the_tree() -> None:
    seen = set(tree.paths())
    assert {"pyproject.toml", "Makefile", "tests/house/tree.py", ".ci/run"} <= seen
    assert "src/cutter_agent/errors.py" in tree.modules("src")
    assert not [path for path in seen if path.startswith((".venv/", "build/", ".git/"))]


@pytest.mark.parametrize(
    "path",
    ["requirements/runtime.txt", "requirements/development.txt", "requirements/bench.txt"],
)
def test_lock_file_holds_versions_and_digests_alone(path: str) -> None:
    assert breaches(measures.lock_lines, [path]) == []
