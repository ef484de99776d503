"""A whole cut with every digest against programs that split text, on the same text in the same minute.

The peers only split: they keep no spans, no digests, no tree, no reasons, and lose or repeat text where
it suits them. They live in build/peers, an environment of their own that `make bench` makes.
"""

from collections.abc import Iterator

from children import PEERS, faster_than, written
from ratios import Row
from statute import statute

LAW_BYTES = 1_000_000
LARGE_BYTES = 5_000_000
"""Some peers take longer for a byte of a larger text."""
PARSED_BYTES = 500_000
"""Bluebell's text: it takes a second for what others take a hundredth of."""
MARKDOWN = "semantic-text-splitter, Markdown, pieces of 1,000"


def rows() -> Iterator[Row]:
    """Ours against four peers in English, and against the one with a goal in Vietnamese too."""
    if not PEERS.exists():
        message = f"no peers at {PEERS}: make bench makes them"
        raise SystemExit(message)
    yield against("semantic-text-splitter", MARKDOWN, LAW_BYTES, 1.5)
    yield against("semantic-text-splitter", MARKDOWN, LARGE_BYTES, 1.5)
    yield against("semantic-text-splitter", MARKDOWN, LAW_BYTES, 1.5, "Vietnamese", "vn-law")
    yield against("langchain", "langchain MarkdownHeaderTextSplitter", LAW_BYTES, None)
    yield against("chonkie", "chonkie RecursiveChunker, pieces of 1,000, in C", LAW_BYTES, None)
    own = "bluebell, the same law in bluebell's own markup"
    yield against("bluebell-own-markup", own, PARSED_BYTES, 20.0)
    same = "bluebell, the same text, in which it finds no article"
    yield against("bluebell", same, PARSED_BYTES, 20.0)


def against(
    peer: str,
    told: str,
    size: int,
    goal: float | None,
    language: str = "English",
    profile: str = "en-common",
) -> Row:
    """One row: the cut of a statute of this size and language against one peer."""
    name = f"cut, {size / 1_000_000:g} MB, {language}"
    with written(statute(size, language=language).encode()) as path:
        return faster_than(name, f"cut:{profile}", path, peer=peer, against=told, goal=goal)
