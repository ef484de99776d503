"""Every stop is raised by a test outside this folder, and every one is on the reference page."""

import re

import pytest

from cutter_agent.errors import STOPS, Stop
from house import tree

TESTS = "\n".join(
    tree.text(path) or "" for path in tree.modules("tests") if not path.startswith("tests/house/")
)


def is_provoked(stop: type[Stop], tests: str) -> bool:
    """Whether a test waits for this stop, by its class or its code."""
    waits = (
        rf"raises\(\s*\(?[^)]*\b{stop.__name__}\b|\b{stop.__name__}\.code\b|[\"']{stop.code}[\"']"
    )
    return re.search(waits, tests) is not None


@pytest.mark.parametrize("stop", STOPS, ids=[stop.code for stop in STOPS])
def test_a_test_provokes_it(stop: type[Stop]) -> None:
    assert is_provoked(stop, TESTS)


@pytest.mark.parametrize("stop", STOPS, ids=[stop.code for stop in STOPS])
def test_the_reference_page_tells_it(stop: type[Stop]) -> None:
    assert f"`{stop.code}`" in (tree.text("docs/reference/contract.md") or "")


def test_an_import_alone_provokes_nothing() -> None:
    stop = STOPS[0]
    assert not is_provoked(stop, f"from cutter_agent.errors import {stop.__name__}\n")
    assert is_provoked(stop, f"with pytest.raises({stop.__name__}, match='signed'):\n")
    assert is_provoked(stop, f"assert result.stop_code == '{stop.code}'\n")
