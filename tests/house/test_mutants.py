"""The tool that breaks the package makes every kind of break, and tells a seen one from a survivor."""

from pathlib import Path

import pytest

from house import mutants

SOURCE = """
def guard(number, known):
    check(number)
    if number > 9 and number in known:
        raise StopOverSize
    return True
"""


def words_of(source: str) -> set[str]:
    return {found.words for found in mutants.breaks("x.py", source)}


@pytest.mark.parametrize(
    "words",
    [
        "dropped: check(number)",
        "never: if number > 9 and number in known",
        "number > 9 and number in known  ->  number > 9 or number in known",
        "number > 9  ->  number >= 9",
        "number in known  ->  number not in known",
        "9  ->  10",
        "return True  ->  return False",
    ],
)
def test_every_kind_of_break_is_made(words: str) -> None:
    assert words in words_of(SOURCE)


def test_each_break_changes_one_thing_and_parses() -> None:
    found = list(mutants.breaks("x.py", SOURCE))
    sources = [mutants.broken_source(SOURCE, one) for one in found]
    assert len(set(sources)) == len(sources) == len(words_of(SOURCE))
    for source in sources:
        compile(source, "x.py", "exec")


def test_a_seen_break_and_a_survivor_are_told_apart(tmp_path: Path) -> None:
    path = "src/cutter_agent/errors.py"
    source = (mutants.PROJECT / path).read_text("utf-8")
    probe = tmp_path / "test_probe.py"
    probe.write_text(
        "from cutter_agent.errors import EXIT_USAGE\ndef test_usage():\n    assert EXIT_USAGE == 2\n"
    )
    by_words = {found.words: found for found in mutants.breaks(path, source)}
    assert mutants.is_seen(by_words["2  ->  3"], [str(probe)])
    assert not mutants.is_seen(by_words["20  ->  21"], [str(probe)])


def test_suites_that_hold_no_test_are_no_judge(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="did not judge"):
        mutants.is_seen(None, [str(tmp_path)])
