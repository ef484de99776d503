"""No sentence of the corpus of real texts has found its way into the project."""

import re
from collections.abc import Iterator
from pathlib import Path

from house import tree

RUN_OF_WORDS = 20
"""So many equal words in a row are a copy; headings and standing formulas of a language are shorter."""

WORD = re.compile(r"[^\W\d_]+")
TAG = re.compile(r"<[^>]{0,400}>")


def runs_of_words(text: str) -> Iterator[tuple[str, ...]]:
    """Every run of RUN_OF_WORDS words, tags and marks left out, in lower case."""
    words = WORD.findall(TAG.sub(" ", text).lower())
    return zip(*(words[start:] for start in range(RUN_OF_WORDS)), strict=False)


def copied_runs(own: dict[tuple[str, ...], str], foreign: str) -> list[str]:
    """Where the project says the same run of words as this foreign text."""
    return sorted({own[run] for run in runs_of_words(foreign) if run in own})


def own_runs() -> dict[tuple[str, ...], str]:
    """The project's own runs of words and the file of each; the licence's text is not ours to reword."""
    return {
        run: path
        for path in tree.paths()
        if path != "LICENSE" and not path.startswith("requirements/")
        for run in runs_of_words(tree.text(path) or "")
    }


def test_no_sentence_of_the_corpus_is_in_the_project(corpus: Path) -> None:
    own = own_runs()
    found = {
        f"{path} repeats {text.relative_to(corpus)}"
        for text in sorted(corpus.rglob("*"))
        if text.is_file()
        for path in copied_runs(own, text.read_text("utf-8", errors="replace"))
    }
    assert found == set()


def test_a_copied_sentence_is_seen_through_its_tags() -> None:
    sentence = " ".join(f"w{chr(97 + number)}" for number in range(RUN_OF_WORDS))
    own = dict.fromkeys(runs_of_words(f"Before it. {sentence}."), "examples/law.md")
    tagged = "<p>" + sentence.upper().replace(" ", "</b> <b>") + "</p>"
    assert copied_runs(own, tagged) == ["examples/law.md"]
    assert copied_runs(own, tagged.replace("WC", "other")) == []
