"""The review sheet shows what is signed: every text, hidden characters drawn, nothing that acts."""

from pathlib import Path

import pytest
from tests.runs import CHARTER, CODE, dry_runner

from cutter_agent.orchestrator import InMemoryDiscoverer

HOSTILE = "# One\n\nPay \u202e1000\u202c now <script>\n\n# Two\n\n| a | b |\n"


def sheet(folder: Path, source: str | bytes, profile: str) -> str:
    facts = InMemoryDiscoverer.from_text(CODE, source, profile=profile)
    run_id = dry_runner(folder, facts).cut(document_id=CODE).run_id
    return next((folder / run_id).glob("SG1-*")).read_text("utf-8")


def test_every_text_that_would_be_written_stands_on_the_sheet(tmp_path: Path) -> None:
    text = sheet(tmp_path, CHARTER, "vn-charter")
    assert text.count("\n### ICX-CONST/") == 60
    for address in ("NT-1", "KT-A", "DIEU-43"):
        assert f"\n### ICX-CONST/{address}\n" in text
    assert "DIEU-44" not in text.split("## Texts")[1].split("## Excluded")[0]


def test_hidden_characters_are_drawn_and_markup_is_disarmed(tmp_path: Path) -> None:
    text = sheet(tmp_path, HOSTILE, "markdown")
    assert "Pay ⟦U+202E⟧1000⟦U+202C⟧ now \\<script\\>" in text
    assert "\u202e" not in text
    assert "> \\| a \\| b \\|" in text


def test_a_sheet_has_an_end_and_says_what_it_leaves_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cutter_agent.orchestrator.sheet.TEXT_BYTES_MAX", 30)
    text = sheet(tmp_path, HOSTILE, "markdown")
    assert "2 more texts; the digests above cover them." in text
