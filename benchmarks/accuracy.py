"""Renders gold trees to text, cuts the text, compares: precision and recall of starts, share of right parents.

Needs the corpus folder (CUTTER_CORPUS, default ../shared/corpus) and says so where it is absent. Prints
one table and writes build/accuracy.json. Text inside quoted amendments is rendered as quoted text: content, not units.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from gold_corpora import (
    CH_AKN,
    CLML,
    UK_AKN,
    USLM,
    nist,
    us_constitution,
    vietnamese,
    xml_gold,
)
from gold_european import european
from gold_trees import Gold

from cutter_agent.document.grammar import Profile, parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped
from cutter_agent.document.units import MarkedText
from cutter_agent.errors import Stop

PROJECT = Path(__file__).resolve().parent.parent
CORPUS = Path(os.environ.get("CUTTER_CORPUS", PROJECT.parent / "shared" / "corpus"))
GOALS = {"article": 0.999, "paragraph": 0.995, "point": 0.99, "container": 0.99, "parent": 0.995}
CLASSES = {
    "article": "article",
    "principle": "article",
    "paragraph": "paragraph",
    "point": "point",
    "indent": "point",
    "recital": "paragraph",
}


@dataclass(slots=True)
class Score:
    """Counts of one corpus and class."""

    found: int = 0
    gold: int = 0
    right: int = 0
    parents: int = 0

    def row(self, corpus: str, kind: str) -> dict[str, object]:
        precision = self.right / self.found if self.found else 0.0
        recall = self.right / self.gold if self.gold else 0.0
        both = precision + recall
        return {
            "corpus": corpus,
            "kind": kind,
            "precision": round(precision, 5),
            "recall": round(recall, 5),
            "f1": round(2 * precision * recall / both if both else 0.0, 5),
            "goal": GOALS[kind],
            "units": self.gold,
        }


def compare(
    gold: Gold, marked: MarkedText, scores: dict[str, Score], classes: tuple[str, ...]
) -> list[str]:
    """Adds this text to the scores; answers with lines about what differs."""
    kinds = {kind: CLASSES.get(kind, "container") for kind in {u.kind for u in marked.units}}
    found: dict[tuple[str, int], int] = {}
    by_address = {unit.address: unit for unit in marked.candidates}
    for unit_ in marked.candidates:
        if unit_.kind == "annex" and "container" not in classes:
            continue
        parent = by_address[unit_.parent].start if unit_.parent else -1
        found[kinds[unit_.kind], unit_.start] = parent
    misses = []
    for kind in classes:
        mine = {key for key in found if key[0] == kind}
        theirs = {key for key in gold.starts if key[0] == kind}
        score = scores.setdefault(kind, Score())
        score.found += len(mine)
        score.gold += len(theirs)
        score.right += len(mine & theirs)
        source = gold.text.encode()
        for sign, rows in (("+", mine - theirs), ("-", theirs - mine)):
            for _, start in sorted(rows):
                before = (
                    source[max(0, start - 60) : start].decode(errors="ignore").replace("\n", "⏎")
                )
                line = source[start : start + 70].decode(errors="ignore").replace("\n", "⏎")
                misses.append(f"{sign} {kind} @{start} {before} ▶ {line}")
    both = found.keys() & gold.starts.keys()
    score = scores.setdefault("parent", Score())
    score.found += len(both)
    score.gold += len(both)
    score.right += sum(found[key] == gold.starts[key] for key in both)
    return misses


ALL = ("article", "paragraph", "point")
WITH = ("container", *ALL)
Corpus = tuple[str, str, str, Callable[[Path], Gold], tuple[str, ...]]
CORPORA: tuple[Corpus, ...] = (
    ("vn-laws-json", "*.json", "vn-law", vietnamese, ALL),
    ("uk-clml", "*.xml", "uk", lambda path: xml_gold(path, CLML), WITH),
    ("us-uslm", "**/*.[xX][mM][lL]", "us", lambda path: xml_gold(path, USLM), WITH),
    ("ch-akn", "*.xml", "ch", lambda path: xml_gold(path, CH_AKN), ALL),
    ("eu-xhtml", "**/*.xhtml", "eu", european, ("article",)),
    ("nist-800-53", "*.xml", "nist", nist, ALL),
    ("us-constitution", "*.xml", "us-constitution", us_constitution, ("container", "article")),
    ("oasis-akn-samples", "**/uk_pga*.xml", "uk", lambda path: xml_gold(path, UK_AKN), ALL),
)


def run(only: str, verbose: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for corpus, pattern, profile_name, gold_of, classes in CORPORA:
        if only and only != corpus:
            continue
        profile = profile_of(profile_name)
        scores: dict[str, Score] = {}
        misses: list[str] = []
        files = sorted((CORPUS / corpus).glob(pattern))
        for path in files:
            gold = gold_of(path)
            if not gold.starts:
                continue
            marked = mark_text(gold.text.encode(), profile, code="GOLD")
            misses += [f"{path.name}: {line}" for line in compare(gold, marked, scores, classes)]
        for kind, score in scores.items():
            row = score.row(corpus, kind)
            rows.append(row)
            met = (
                "met"
                if min(score.right / max(1, score.found), score.right / max(1, score.gold))
                >= GOALS[kind]
                else "MISSED"
            )
            print(
                f"{corpus:18} {kind:10} P {row['precision']:.4f}  R {row['recall']:.4f}  F1 {row['f1']:.4f}"
                f"  goal {GOALS[kind]}  {met:6}  {score.gold} units"
            )
        for line in misses[:verbose]:
            print("   ", line)
    return rows


FOLDERS = {
    "vn-": "vn-law",
    "de-": "de",
    "python-": "rfc",
    "policy-": "md-policy",
}


def lossless() -> tuple[int, int, int, str]:
    """Files of text in the corpus whose units tile them, all such files, refused ones, a digest of it all."""
    whole = total = refused = 0
    digest = hashlib.sha256()
    for path in sorted(CORPUS.rglob("*")):
        if path.suffix not in (".md", ".txt", ".rst", ".json") or path.name == "PROVENANCE.md":
            continue
        folder = path.relative_to(CORPUS).parts[0]
        wanted = next((name for start, name in FOLDERS.items() if folder.startswith(start)), "intl")
        source = path.read_bytes()
        total += 1
        marked = None
        for profile_name in (wanted, "intl", "markdown"):
            try:
                marked = mark_text(source, profile_of(profile_name), code="FILE")
                break
            except Stop:
                continue
        if marked is None:
            refused += 1
            continue
        spans = sorted(span for unit_ in marked.units for span in unit_.own_spans)
        whole += b"".join(source[start:end] for start, end in spans) == source
        digest.update(repr(marked).encode())
    return whole, total, refused, digest.hexdigest()


def same_twice() -> bool:
    """True if two processes with different hash seeds cut the whole corpus alike."""
    program = "import accuracy; print(accuracy.lossless()[3])"
    answers = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    return len(answers) == 1


def by_hand() -> list[dict[str, object]]:
    """The articles of the decrees that were labelled by hand, as one row."""
    labels = json.loads((PROJECT / "tests/golden/document/vn_decrees.json").read_text("utf-8"))
    score = Score()
    for file_name, label in labels.items():
        source = (CORPUS / "vn-decrees-md" / file_name).read_bytes()
        marked = mark_text(source, profile_of("vn-law"), code="ND")
        found = {unit_.start for unit_ in marked.candidates if unit_.kind == "article"}
        score.found += len(found)
        score.gold += len(label["articles"])
        score.right += len(found.intersection(label["articles"]))
    row = score.row("vn-decrees by hand", "article") | {"goal": 0.995}
    print(
        f"{row['corpus']:18} article    P {row['precision']:.4f}  R {row['recall']:.4f}  goal 0.995  {score.gold} units"
    )
    return [row]


@cache
def profile_of(profile_name: str) -> Profile:
    return parse_profile(shipped(profile_name))


def main() -> None:
    if not CORPUS.is_dir():
        print(f"no corpus at {CORPUS}: set CUTTER_CORPUS; nothing measured")
        return
    only = sys.argv[1] if len(sys.argv) > 1 else ""
    verbose = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    rows = run(only, verbose)
    if not only:
        rows += by_hand()
        whole, total, refused, _ = lossless()
        print(f"lossless: {whole} of {total - refused} files that hold units ({refused} hold none)")
        print(
            f"the same in two processes with different hash seeds: {'yes' if same_twice() else 'NO'}"
        )
    build = PROJECT / "build"
    build.mkdir(exist_ok=True)
    (build / "accuracy.json").write_text(json.dumps({"rows": rows}, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
