"""The page shows every byte and draws what cannot be seen; a trial tells what rules matched."""

import html
import re

from cutter_agent.document.grammar import parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.page import draw, mark_html
from cutter_agent.document.profiles import shipped
from cutter_agent.document.trial import try_profile

LAW = parse_profile(shipped("vn-law"))
TEXT = (
    "QUY CHẾ <b>\n\nĐiều 1.\u00a0Một & hai\n1. Một.\u200b\na) A.\nĐiều 7 của Luật này.\n"
    "Điều 2. Hai \u202e\n“Điều 9. Trích\n1. Trích.”\n"
)


def test_the_page_holds_the_whole_source_escaped() -> None:
    source = TEXT.encode()
    page = mark_html(mark_text(source, LAW, code="DOC"), source)
    shown = "".join(re.findall(r"<pre>(.*?)</pre>", page, re.DOTALL))
    drawn = {"<i>NBSP</i>": "\u00a0", "<i>U+200B</i>": "\u200b", "<i>U+202E</i>": "\u202e"}
    for tag, mark in drawn.items():
        assert tag in shown
        shown = shown.replace(tag, mark)
    assert html.unescape(shown) == TEXT
    assert "<b>" not in page
    assert "<script" not in page
    assert "http" not in page


def test_every_unit_is_linked_both_ways() -> None:
    source = TEXT.encode()
    marked = mark_text(source, LAW, code="DOC")
    page = mark_html(marked, source)
    for index, _ in enumerate(marked.units):
        assert f'href="#u{index}"' in page
        assert f'id="u{index}"' in page
        assert f'href="#n{index}"' in page


def test_plain_text_is_drawn_as_it_is() -> None:
    assert draw("Điều 1\n") == "Điều 1\n"
    assert draw("a\tb") == "a<i>TAB</i>b"


def test_a_trial_names_what_each_rule_matched_and_why_it_was_refused() -> None:
    trials = {trial.rule: trial for trial in try_profile(TEXT.encode(), LAW)}
    assert trials["article"].matched == 4
    assert trials["article"].accepted == 2
    assert sum(count for _, count in trials["article"].refused) == 2
    assert trials["article"].samples[0].startswith("Điều 1.")
    assert trials["point"].accepted == 1
    assert trials["annex"].matched == 0
