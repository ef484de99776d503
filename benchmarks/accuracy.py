"""Renders gold trees to plain text and to Markdown, cuts both, compares: precision, recall, right parents.

    python benchmarks/accuracy.py [CORPUS [MISSES]]

Needs the corpus folder (CUTTER_CORPUS, default ../shared/corpus) and says so where it is absent. Prints
one table with the goals, how many files of the whole corpus lose nothing, and how many give the same units
when they are exported and read again. Text inside of quoted amendments is rendered as quoted text:
content, not units. Writes build/accuracy.json, and for each row that misses its goal the first places
that differ to build/accuracy-misses.json, as offsets alone.
With a number MISSES the first of them are shown with their surroundings.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exports import exports
from gold_corpora import (
    AKN,
    BILL_AKN,
    CH_AKN,
    CLML,
    UK_AKN,
    US_AKN,
    USLM,
    nist,
    us_constitution,
    vietnamese,
    xml_gold,
)
from gold_european import european
from gold_score import GOALS, Miss, Score, Scores
from gold_trees import Dialect, Gold
from lossless import lossless, profile_of, the_same_elsewhere

from cutter_agent.document.marks import mark_text

PROJECT: Final = Path(__file__).resolve().parent.parent
CORPUS: Final = Path(os.environ.get("CUTTER_CORPUS") or PROJECT.parent / "shared" / "corpus")
BY_HAND_GOAL: Final = 0.995
KEPT_MISSES: Final = 20
ALL: Final = ("article", "paragraph", "point")
WITH: Final = ("container", *ALL)


def by(dialect: Dialect) -> Callable[[Path], Gold]:
    """The gold of an XML file in this dialect."""
    return lambda path: xml_gold(path, dialect)


@dataclass(frozen=True, slots=True)
class Corpus:
    """Files with a gold tree: which, how they are read and cut, which classes are compared."""

    name: str
    files: str
    profile: str
    gold: Callable[[Path], Gold]
    classes: tuple[str, ...]


CORPORA: Final = (
    Corpus("vn-laws-json", "*.json", "vn-law", vietnamese, ALL),
    Corpus("uk-clml", "*.xml", "uk", by(CLML), WITH),
    Corpus("us-uslm", "**/*.[xX][mM][lL]", "us", by(USLM), WITH),
    # Without containers: the gold leaves some of them without a number, such as a final title.
    Corpus("ch-akn", "*.xml", "ch", by(CH_AKN), ALL),
    Corpus("eu-xhtml", "**/*.xhtml", "eu", european, ("container", "article")),
    Corpus("nist-800-53", "*.xml", "nist", nist, ALL),
    Corpus(
        "us-constitution", "*.xml", "us-constitution", us_constitution, ("container", "article")
    ),
    Corpus("oasis-akn-samples", "**/uk_pga*.xml", "uk", by(UK_AKN), ALL),
    Corpus("oasis-akn-samples", "**/eu_COM*.xml", "eu", by(BILL_AKN), WITH),
    Corpus("oasis-akn-samples", "**/it_senato*.xml", "intl", by(AKN), ALL),
    Corpus("oasis-akn-samples", "**/uy_bill*.xml", "intl", by(BILL_AKN), ALL),
    Corpus("oasis-akn-samples", "**/us_*.xml", "us", by(US_AKN), ALL),
)
"""Three more samples of OASIS are debates and a judgment: nothing in them is a unit of a law."""


def measured(only: str, shown: int) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """The rows of the table, printed, and the first misses of each row that is below its goal."""
    rows: list[dict[str, object]] = []
    kept: list[dict[str, object]] = []
    for name in dict.fromkeys(corpus.name for corpus in CORPORA):
        if only and only != name:
            continue
        for rendering in ("text", "markdown"):
            scores, misses = scored(name, markdown=rendering == "markdown", shown=shown)
            for kind, score in scores.items():
                row = score.row(name, rendering, kind, GOALS[kind])
                rows.append(row)
                tell(row, score)
                if not row["met"]:
                    kept += [
                        {"corpus": name, "rendering": rendering, **miss}
                        for miss in misses
                        if miss["kind"] == kind or (kind == "parent" and miss["sign"] == "^")
                    ][:KEPT_MISSES]
    return rows, kept


def scored(
    name: str, *, markdown: bool, shown: int
) -> tuple[dict[str, Score], list[dict[str, object]]]:
    """The scores of one corpus in one rendering, and every place that differs."""
    total: dict[str, Score] = {}
    misses: list[dict[str, object]] = []
    for corpus in CORPORA:
        if corpus.name != name:
            continue
        scores = Scores(corpus.classes, total)
        for path in sorted((CORPUS / name).glob(corpus.files)):
            gold = corpus.gold(path).rendered(markdown=markdown)
            if not gold.starts:
                continue
            source = gold.text.encode()
            marked = mark_text(source, profile_of(corpus.profile), code="GOLD")
            for miss in scores.add(gold, marked):
                if len(misses) < shown:
                    print("   ", path.name, surroundings(source, miss))
                misses.append({"file": path.name, **miss._asdict()})
    order = (*WITH, "parent")
    return dict(sorted(total.items(), key=lambda item: order.index(item[0]))), misses


def surroundings(source: bytes, miss: Miss) -> str:
    """What stands before and behind a place, in one line."""
    before = source[max(0, miss.start - 60) : miss.start].decode(errors="ignore")
    behind = source[miss.start : miss.start + 70].decode(errors="ignore")
    shown = f"{before} ▶ {behind}".replace("\n", "⏎")
    return f"{miss.sign} {miss.kind} @{miss.start} {shown}"


def by_hand() -> dict[str, object]:
    """The articles of the decrees that were labelled by hand, as one row."""
    labels = json.loads((PROJECT / "tests/golden/document/vn_decrees.json").read_text("utf-8"))
    score = Score()
    for file_name, label in labels.items():
        source = (CORPUS / "vn-decrees-md" / file_name).read_bytes()
        marked = mark_text(source, profile_of("vn-law"), code="ND")
        found = {unit.start for unit in marked.candidates if unit.kind == "article"}
        score.found += len(found)
        score.gold += len(label["articles"])
        score.right += len(found.intersection(label["articles"]))
    row = score.row("vn-decrees by hand", "source", "article", BY_HAND_GOAL)
    tell(row, score)
    return row


def tell(row: dict[str, object], score: Score) -> None:
    """The row stands printed."""
    print(
        f"{row['corpus']:18} {row['rendering']:8} {row['kind']:9}  P {score.precision:.4f}"
        f"  R {score.recall:.4f}  F1 {score.f1:.4f}  goal {row['goal']:<5}"
        f"  {'met' if row['met'] else 'MISSED':6}  {score.gold:>5} units",
        flush=True,
    )


def kept_in(name: str, content: object) -> None:
    """The content stands in build/."""
    build = PROJECT / "build"
    build.mkdir(exist_ok=True)
    (build / name).write_text(json.dumps(content, indent=1) + "\n", "utf-8")


def main(only: str = "", shown: str = "0") -> None:
    """Everything measured, printed and kept."""
    if not CORPUS.is_dir():
        print(f"no corpus at {CORPUS}: set CUTTER_CORPUS; nothing measured")
        return
    rows, misses = measured(only, int(shown))
    if not only:
        rows.append(by_hand())
        texts, read, digest = lossless(CORPUS)
        print(texts.told("texts"))
        print(read.told("files that a reader reads"))
        same = "yes" if the_same_elsewhere(CORPUS, digest) else "NO"
        print(exports(CORPUS).told())
        print(f"the same in two processes with different hash seeds: {same}")
    kept_in("accuracy.json", {"rows": rows})
    kept_in("accuracy-misses.json", {"misses": misses})


if __name__ == "__main__":
    main(*sys.argv[1:])
