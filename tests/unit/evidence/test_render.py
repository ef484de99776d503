"""What an approver sees is what is signed: hidden characters drawn, markup disarmed, cells bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutter_agent.evidence.render import cell, inert, table, visible


@pytest.mark.parametrize(
    ("hidden", "drawn"),
    [
        ("\u202e", "⟦U+202E⟧"),
        ("\u200b", "⟦U+200B⟧"),
        ("\u00a0", "⟦U+00A0⟧"),
        ("\x00", "⟦U+0000⟧"),
        ("\n", "⟦U+000A⟧"),
        ("\ufeff", "⟦U+FEFF⟧"),
        ("\u2028", "⟦U+2028⟧"),
        ("\x1b", "⟦U+001B⟧"),
    ],
)
def test_what_the_eye_cannot_see_is_drawn(hidden: str, drawn: str) -> None:
    assert visible(f"a{hidden}b") == f"a{drawn}b"


def test_ordinary_letters_of_any_script_stay() -> None:
    assert visible("Điều 5. 第五条 статья à") == "Điều 5. 第五条 статья à"


@given(st.text(max_size=60))
def test_no_text_can_leave_its_cell_or_act(text: str) -> None:
    row = table(("a",), [(text,)]).splitlines()[2]
    assert row.startswith("| ")
    body = row[2:-2]
    for special in "|<`[":
        assert body.replace("\\" + special, "").count(special) == 0
    assert visible(row) == row


def test_a_long_text_is_cut_with_a_mark() -> None:
    assert cell("x" * 500).endswith("…")
    assert len(cell("x" * 500)) <= 160
    assert cell("") == "–"


def test_markdown_is_disarmed() -> None:
    assert inert("[x](javascript:1) <b>") == r"\[x\]\(javascript:1\) \<b\>"
