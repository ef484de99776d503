"""The settings that carry the house's promises are set, complete, and agree with one another."""

import re
import subprocess
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from house import tree
from house.tree import PROJECT

SETTINGS: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
RECORD = "docs/decisions/0001-dependencies.md"
WORDS = [
    "install",
    "demo",
    "test",
    "check",
    "bench",
    "accuracy",
    "torture",
    "mutants",
    "sbom",
    "docs",
    "clean",
]
"""The words of the Makefile (Contract 12), in the order in which they are printed."""


PEERS = "bench"


def declared() -> dict[str, Requirement]:
    """What the package asks for at run time, extras included."""
    project = SETTINGS["project"]
    lines = [
        *project["dependencies"],
        *chain.from_iterable(project["optional-dependencies"].values()),
    ]
    return {canonicalize_name((wish := Requirement(line)).name): wish for line in lines}


def declared_for_development() -> dict[str, Requirement]:
    """What building, checking and testing ask for."""
    groups = SETTINGS["dependency-groups"]
    lines = [
        line
        for name, group in groups.items()
        for line in group
        if isinstance(line, str) and name != PEERS
    ]
    return {canonicalize_name((wish := Requirement(line)).name): wish for line in lines}


def declared_peers() -> dict[str, Requirement]:
    """What the benchmarks are measured against, in an environment of its own."""
    lines = SETTINGS["dependency-groups"][PEERS]
    return {canonicalize_name((wish := Requirement(line)).name): wish for line in lines}


def locked(path: str) -> dict[str, str]:
    """Name and version of everything that a lock file pins."""
    text = tree.text(path) or ""
    return {
        canonicalize_name(name): version
        for name, version in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", text, re.MULTILINE)
    }


def third_party_imports(*folders: str, or_named: bool = False) -> set[str]:
    """Distributions whose packages are imported, or named as a string too, in these folders."""
    providers = packages_distributions()
    text = "\n".join(tree.text(path) or "" for path in tree.modules(*folders))
    imported = set(re.findall(r"^\s*(?:from|import) (\w+)", text, re.MULTILINE))
    if or_named:
        imported |= {name for name in re.findall(r"[\"'](\w+)[\"']", text) if name in providers}
    return {
        canonicalize_name(owner)
        for name in imported
        for owner in providers.get(name, [])
        if owner != SETTINGS["project"]["name"]
    }


def test_make_alone_prints_every_word_with_a_line() -> None:
    printed = subprocess.run(
        ["make"], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    listed = [re.fullmatch(r"  make (\w+) {2,}(\S.*)", line) for line in printed]
    assert all(listed), printed
    assert [line[1] for line in listed if line] == WORDS


def test_unattended_run_calls_make_test() -> None:
    run = PROJECT / ".ci" / "run"
    assert run.stat().st_mode & 0o111
    assert re.search(r"^timeout .* make test\b", run.read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("lock", ["requirements/runtime.txt", "requirements/development.txt"])
def test_lock_holds_a_version_of_everything_declared_at_run_time(lock: str) -> None:
    pins = locked(lock)
    assert [
        str(wish)
        for name, wish in declared().items()
        if name not in pins or not wish.specifier.contains(pins[name])
    ] == []


def test_development_lock_extends_the_runtime_lock() -> None:
    runtime, development = (
        locked("requirements/runtime.txt"),
        locked("requirements/development.txt"),
    )
    assert runtime.items() <= development.items()
    assert [
        str(wish)
        for name, wish in declared_for_development().items()
        if name not in development or not wish.specifier.contains(development[name])
    ] == []


def test_the_peers_lock_holds_a_version_of_every_peer() -> None:
    peers = locked("requirements/bench.txt")
    assert [
        str(wish)
        for name, wish in declared_peers().items()
        if name not in peers or not wish.specifier.contains(peers[name])
    ] == []


def test_every_dependency_has_its_reason_on_record_and_none_is_left_over() -> None:
    record = tree.text(RECORD) or ""
    reasons = {
        canonicalize_name(name) for name in re.findall(r"^\| `([\w.-]+)`", record, re.MULTILINE)
    }
    assert reasons == set(declared()) | set(declared_for_development()) | set(declared_peers())


def test_package_imports_only_what_it_declares() -> None:
    assert third_party_imports("src") - set(declared()) == set()


def test_every_declared_dependency_is_used() -> None:
    assert set(declared()) - third_party_imports("src", or_named=True) == set()


def test_checkers_are_at_their_strictest() -> None:
    tool = SETTINGS["tool"]
    assert tool["mypy"]["strict"] is True
    assert "src" in tool["mypy"]["files"]
    assert not [table for table in tool["mypy"].get("overrides", []) if "src" in str(table)]
    assert tool["ruff"]["lint"]["select"] == ["ALL"]
    assert tool["pytest"]["strict"] is True
    assert tool["pytest"]["filterwarnings"][0] == "error"
    assert {contract["type"] for contract in tool["importlinter"]["contracts"]} == {
        "layers",
        "forbidden",
    }
    assert tool["importlinter"]["contracts"][0]["exhaustive"] is True


def test_every_rule_that_is_switched_off_says_why() -> None:
    text = tree.text("pyproject.toml") or ""
    off = text[text.index("[tool.ruff.lint]\n") :].partition("[tool.importlinter]")[0]
    silent = [
        line for line in off.splitlines() if re.match(r'  "[A-Z]+\d*",', line) and "# " not in line
    ]
    assert silent == []
