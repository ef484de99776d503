"""What every page is made of: its words in both languages, its files, its drawn characters."""

import hashlib
import json
import re
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from cutter_agent.bootstrap.checkup import Level
from cutter_agent.bootstrap.console.batches import CLOSED, MOVING, WAITING
from cutter_agent.document.cutplan import Change
from cutter_agent.document.units import KINDS
from cutter_agent.evidence.citation import Citation, InForce, Sealed, TreePlace
from cutter_agent.orchestrator.approval import ApprovalRequest
from cutter_agent.orchestrator.batch_status import SetAside
from cutter_agent.orchestrator.factsheet import FactSheet
from cutter_agent.orchestrator.states import Gate, Terminal
from cutter_agent.web import drawn, fact_words
from cutter_agent.web.pages import labels
from cutter_agent.web.pages.runs import VERBS
from cutter_agent.web.render import _environment, as_json
from cutter_agent.web.words import Words, catalogue, chosen

WEB = Path(__file__).parents[3] / "src" / "cutter_agent" / "web"
HTMX_SHA256 = "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717"
"""Of dist/htmx.min.js in the package htmx.org 2.0.11."""
SAID = re.compile(r"""\bt\(\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')""")
CHAIN = re.compile(r'(?:Link|_approval)\(\s*"([^"]+)"')

CITATION = Citation(
    schema="cutter.citation/1",
    address="A/B-1",
    document_id="A",
    run_id="r",
    source_version_id="s",
    in_force=InForce("2026-01-31", None),
    text="",
    record="{}",
    proof=TreePlace(0, 1, ()),
    root="00",
    executor=Sealed("{}", "00"),
    verifier=Sealed("{}", "01"),
)


def told() -> set[str]:
    """Every English sentence that a page can ask the words for."""
    found = {
        one or other
        for path in (WEB / "templates").glob("*.html")
        for one, other in SAID.findall(path.read_text("utf-8"))
    }
    pages = "".join(path.read_text("utf-8") for path in (WEB / "pages").glob("*.py"))
    found |= set(re.findall(r'title="([^"]+)"', pages + (WEB / "render.py").read_text("utf-8")))
    chain = (WEB.parent / "bootstrap" / "console" / "evidence.py").read_text("utf-8")
    found |= set(CHAIN.findall(chain))
    for table in (labels.STEP_LABELS, labels.STEP_TITLES, labels.BUTTONS):
        found |= set(table.values())
    found |= set(fact_words.REQUEST_LINES.values()) | {fact_words.fact_meaning("")}
    found |= {each for pair in fact_words.FACTS.values() for each in pair}
    found |= {each.value for kind in (Change, Terminal, Level, SetAside) for each in kind}
    found |= KINDS | set(VERBS) | {gate.name for gate in Gate} | {MOVING, WAITING, CLOSED}
    found |= {"excluded", "aside", "done", "waiting", "ahead", "expired"}
    found |= {"info", "warning", "error", "enacted", "withdrawn", "open"}
    found |= {"Inbox", "Runs", "Documents", "Batches", "Policy and people", "Locks and drift"}
    return found | {"Audit", "System", "has signed", "has refused", "may sign", "may not sign"}


def test_every_sentence_has_its_vietnamese_one_and_none_is_left_over() -> None:
    known = set(catalogue("vi"))
    assert sorted(told() - known) == []
    assert sorted(known - told()) == []


def test_a_sentence_keeps_its_places_in_every_language() -> None:
    for english, other in catalogue("vi").items():
        assert re.findall(r"\{\w+\}", english) == re.findall(r"\{\w+\}", other), english


def test_words_put_values_in_their_places() -> None:
    assert Words("vi")("{n} leaves", n=60) == "60 lá"
    assert Words("en")("{n} leaves", n=60) == "60 leaves"


@pytest.mark.parametrize(
    ("asked", "kept", "accepts", "language"),
    [
        ("vi", "en", "en", "vi"),
        (None, "vi", "en", "vi"),
        ("xx", None, "vi-VN,vi;q=0.9,en;q=0.8", "vi"),
        (None, "../../etc", "de,fr;q=0.5", "en"),
        (None, None, "", "en"),
    ],
)
def test_the_reader_chooses_the_language(
    asked: str | None, kept: str | None, accepts: str, language: str
) -> None:
    assert chosen(asked, kept, accepts) == language


def test_htmx_is_the_file_that_was_published_with_its_licence_beside_it() -> None:
    assert hashlib.sha256((WEB / "static" / "htmx.min.js").read_bytes()).hexdigest() == HTMX_SHA256
    assert "Zero-Clause BSD" in (WEB / "static" / "htmx.LICENSE.txt").read_text("utf-8")


def test_no_page_asks_for_anything_from_elsewhere_or_acts_inline() -> None:
    faults = []
    for path in (*(WEB / "templates").glob("*.html"), *(WEB / "static").glob("*.js")):
        text = path.read_text("utf-8")
        if path.name != "htmx.min.js":
            faults += [
                f"{path.name}: {found}"
                for found in re.findall(r"""(?:src|href|action)=["'](?:https?:)?//""", text)
            ]
        if path.suffix == ".html":
            faults += [
                f"{path.name}: {found}"
                for found in re.findall(r"\son\w+=|\sstyle=|<style|\|safe\b", text)
            ]
    assert faults == []


def test_the_wheel_carries_templates_style_scripts_and_words() -> None:
    settings = tomllib.loads((WEB.parents[2] / "pyproject.toml").read_text("utf-8"))
    wheel = settings["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert "src/cutter_agent" in wheel["only-include"]
    assert "exclude" not in wheel


def test_hidden_characters_are_drawn_with_their_names() -> None:
    text = drawn.drawn("a\u200bb\u202ec\td\n<i>")
    assert text == (
        'a<span class="hid" title="U+200B ZERO WIDTH SPACE">⟦U+200B⟧</span>b'
        '<span class="hid" title="U+202E RIGHT-TO-LEFT OVERRIDE">⟦U+202E⟧</span>c'
        '<span class="hid" title="U+0009 TAB">⟦U+0009⟧</span>d\n&lt;i&gt;'
    )
    assert drawn.isolated("x\ny") == "<bdi>x y</bdi>"
    assert drawn.drawn("\ud800") == '<span class="hid" title="U+D800">⟦U+D800⟧</span>'


def test_a_template_escapes_every_value_and_refuses_what_is_undefined() -> None:
    page = _environment().from_string("<p title='{{ x }}'>{{ x }}{{ y }}</p>")
    assert page.render(x="<b>'", y="") == "<p title='&lt;b&gt;&#39;'>&lt;b&gt;&#39;</p>"
    with pytest.raises(UndefinedError):
        page.render(x="")


def test_json_inside_of_a_page_holds_nothing_that_html_acts_on() -> None:
    citation = replace(CITATION, text="</script><!-- & \u200b\u2028")
    text = as_json(citation)
    assert not set("<>&\u200b\u2028") & set(text)
    assert json.loads(text)["text"] == citation.text


def test_every_fact_and_every_line_of_a_request_has_its_words() -> None:
    assert set(fact_words.FACTS) == {each.name for each in fields(FactSheet)}
    assert set(fact_words.REQUEST_LINES) == {each.name for each in fields(ApprovalRequest)}


def test_values_are_shown_for_readers() -> None:
    assert str(fact_words.readable("ab" * 32)) == f'<code title="{"ab" * 32}">abababababab…</code>'
    assert ">2030-01-01 12:00:00 UTC<" in fact_words.readable("2030-01-01T12:00:00Z")
    assert str(fact_words.readable('{"rows":60}')) == "<bdi>rows: 60</bdi>"
    assert "<script>" not in fact_words.readable("<script>")
    assert "–" in fact_words.readable("none")
