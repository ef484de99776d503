"""The measure of accuracy measures: gold starts are where units begin, and a wrong cut loses points."""

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cutter_agent.document.grammar import parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped
from cutter_agent.document.units import MarkedText

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
RENDERINGS = pytest.mark.parametrize("markdown", [False, True], ids=["text", "markdown"])
CLASSES = ("container", "article", "paragraph", "point")


@pytest.fixture
def trees(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("gold_trees")


@pytest.fixture
def score(trees: Any) -> Any:
    return importlib.import_module("gold_score")


def gold(trees: Any) -> Any:
    """A law of two chapters whose second article quotes an article, which is no unit."""
    node = trees.Node
    point = [node("point", f"{letter})", "", [f"Điểm {letter} của khoản này;"]) for letter in "ab"]
    first = node("article", "Điều 1.", "Phạm vi", [
        node("paragraph", "1.", "", ["Luật này quy định về phòng đọc:", *point]),
        node("paragraph", "2.", "", ["Luật này không áp dụng cho kho lưu trữ."]),
    ])  # fmt: skip
    quoted = ["Sửa đổi quy chế cũ như sau:", "“Điều 9. Mở cửa", "Phòng đọc mở cửa mỗi ngày.”."]
    second = node("article", "Điều 2.", "Sửa đổi", quoted)
    third = node("article", "Điều 3.", "Hiệu lực", ["Luật này có hiệu lực."])
    return trees.render(
        node("root", "", "", [
            node("container", "Chương I", "QUY ĐỊNH CHUNG", [first, second]),
            node("container", "Chương II", "THI HÀNH", [third]),
        ])
    )  # fmt: skip


def cut(text: str) -> MarkedText:
    return mark_text(text.encode(), parse_profile(shipped("vn-law")), code="GOLD")


@RENDERINGS
def test_every_gold_start_is_where_its_unit_is_printed(trees: Any, markdown: bool) -> None:
    rendered = gold(trees).rendered(markdown=markdown)
    source = rendered.text.encode()
    labels = {
        "container": "Chương",
        "article": "Điều",
        "paragraph": ("1.", "2."),
        "point": ("a)", "b)"),
    }
    assert len(rendered.starts) == 9
    for (kind, start), above in rendered.starts.items():
        line = source[start:].decode().split("\n")[0]
        assert line.lstrip("# ").startswith(labels[kind])
        assert line.startswith("#") == (markdown and kind in ("container", "article"))
        assert above < start
    assert source.count(b"\n\n") == (rendered.text.count("\n") // 2 if markdown else 0)


@RENDERINGS
def test_a_right_cut_has_every_point_and_a_wrong_one_has_not(
    trees: Any,
    score: Any,
    markdown: bool,
) -> None:
    rendered = gold(trees).rendered(markdown=markdown)
    marked = cut(rendered.text)
    perfect = score.Scores(CLASSES)
    assert perfect.add(rendered, marked) == []
    assert {
        kind: (each.precision, each.recall) for kind, each in perfect.by_kind.items()
    } == dict.fromkeys((*CLASSES, "parent"), (1.0, 1.0))
    article = next(unit for unit in marked.units if unit.num == "2" and unit.kind == "article")
    fewer = replace(marked, units=tuple(unit for unit in marked.units if unit is not article))
    worse = score.Scores(CLASSES)
    assert worse.add(rendered, fewer) == [score.Miss("-", "article", article.start)]
    assert worse.by_kind["article"].recall == pytest.approx(2 / 3)
    row = worse.by_kind["article"].row("x", "text", "article", 0.999)
    assert (row["precision"], row["met"], row["units"]) == (1.0, False, 3)
    moved = article._replace(start=article.start + 1)
    other = replace(
        marked, units=tuple(moved if unit is article else unit for unit in marked.units)
    )
    signs = [miss.sign for miss in score.Scores(CLASSES).add(rendered, other)]
    assert signs == ["-", "+"]


def test_what_stands_in_annexes_is_not_compared_where_the_gold_is_silent(
    trees: Any, score: Any
) -> None:
    law = gold(trees)
    law.silent = law.lines.index("Chương II THI HÀNH")
    rendered = law.rendered(markdown=False)
    assert rendered.text.encode()[rendered.silent :].startswith("Chương II".encode())
    told = score.Scores(("article",))
    told.add(rendered, cut(rendered.text))
    assert (told.by_kind["article"].found, told.by_kind["article"].gold) == (2, 3)
