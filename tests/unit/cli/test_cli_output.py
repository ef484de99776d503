"""How answers look: widths, characters that a terminal lacks or obeys, the two streams."""

import io
import json

import pytest

from cutter_agent.cli import output
from cutter_agent.cli.edge import Interrupted, settle, stop_json, stop_lines
from cutter_agent.cli.output import Form, Output, aligned, cells, clipped, json_text, plain, wrapped
from cutter_agent.errors import Difference, StopDrift, StopRefusedInput


def stream(encoding: str) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")


def test_json_carries_hidden_characters_escaped_and_loses_none() -> None:
    hidden = "a\u202eb\u200bc\x9bd\ufeffe\ud800f\U000e0041Đ"
    for encoding in ("utf-8", "cp1252", "ascii"):
        target = stream(encoding)
        text = json_text({"text": hidden}, target)
        assert json.loads(text) == {"text": hidden}
        assert not set("\u202e\u200b\x9b\ufeff\ud800") & set(text)
        target.write(text)


def test_json_writes_vietnamese_as_it_is_where_the_stream_can() -> None:
    assert json_text({"a": "Điều 1"}, stream("utf-8")) == '{"a": "Điều 1"}'
    assert json_text({"a": "Điều 1"}, stream("cp1252")).isascii()


def test_marks_get_plain_twins_where_the_stream_lacks_them() -> None:
    assert plain("✓ mark ● SG_1 ✗ cut → v2 …", stream("cp1252")) == "+ mark o SG_1 x cut -> v2 ..."
    assert plain("✓ mark", stream("utf-8")) == "✓ mark"


def test_nothing_is_wider_than_the_terminal() -> None:
    rows = [("source_sha256", "a" * 64, "b" * 64), ("x", "", "c")]
    for columns in (40, 60, 80):
        lines = aligned(("fact", "then", "now"), rows, columns)
        assert max(map(cells, lines)) <= columns
        assert "".join(lines).replace(" ", "").count("a") >= 64
    wide = aligned(("fact", "then", "now"), rows, 200)
    assert len(wide) == 3


def test_cells_count_what_a_terminal_shows() -> None:
    assert cells("Đ") == 1
    assert cells("e\u0301") == 1
    assert cells("法") == 2
    assert clipped("法法法", 4) == "法…"
    assert clipped("abc", 3) == "abc"


def test_wrapping_keeps_every_word() -> None:
    text = "one two-three " * 20
    lines = wrapped(text, 40, first="Next   ")
    assert " ".join(lines).replace("Next", "").split() == text.split()
    assert all(line.startswith("       ") for line in lines[1:])


def test_a_stop_for_people_has_code_sentence_expectation_differences_and_remedy() -> None:
    stop = StopDrift(
        "source_sha256 changed",
        expected="the pinned\u202e facts",
        document_id="ICX",
        differences=[Difference("source_sha256", "aa", "bb")],
        findings=["f1: it is\x1b[31m so"],
    )
    text = "\n".join(stop_lines(stop, 60))
    assert text.startswith("STOP_DRIFT\n")
    assert "then" in text
    assert "bb" in text
    assert "Expected: the pinned⟦U+202E⟧ facts" in text
    assert text.endswith("Next   cutter cut ICX")
    assert "\x1b" not in text


def test_a_stop_for_programs_has_every_field_of_the_contract() -> None:
    stop = StopRefusedInput("x", expected="y", differences=[Difference("n", "a", "b")])
    assert stop_json(stop) | {"sentence": ""} == {
        "schema": "cutter.stop/1",
        "code": "STOP_REFUSED_INPUT",
        "sentence": "",
        "fact": "x",
        "expected": "y",
        "remedy": "cutter cut CODE",
        "exit_status": 22,
        "run_id": None,
        "document_id": None,
        "differences": [{"name": "n", "then": "a", "now": "b"}],
        "findings": [],
    }


def test_interrupted_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert settle(KeyboardInterrupt(), ["cut", "ICX", "--json"]) == 130
    shown = capsys.readouterr()
    assert json.loads(shown.out)["remedy"] == "cutter cut ICX --json"
    assert shown.err == ""


def test_what_fails_while_an_interrupted_work_is_put_down_is_an_interruption(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def put_down() -> None:
        try:
            raise Interrupted("cutter resume RUN")
        finally:
            raise ConnectionResetError

    with pytest.raises(ConnectionResetError) as failed:
        put_down()
    assert settle(failed.value, ["cut", "ICX"]) == 130
    assert "Next   cutter resume RUN" in capsys.readouterr().err


def test_programs_hear_no_talk_and_people_no_events(capsys: pytest.CaptureFixture[str]) -> None:
    for form in (Form.JSON, Form.NDJSON):
        Output(form).say("talk")
        assert capsys.readouterr() == ("", "")
    Output(Form.TEXT).event("step", step="mark")
    Output(Form.JSON).event("step", step="mark")
    assert capsys.readouterr() == ("", "")
    Output(Form.NDJSON).event("step", step="mark")
    assert json.loads(capsys.readouterr().out) == {"event": "step", "step": "mark"}


def test_steps_without_a_terminal_are_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with Output().steps() as on_step:
        on_step("mark")
    assert capsys.readouterr() == ("", "  mark\n")


def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(output.sys, "stdout", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in Output().styled("x", "red")
    monkeypatch.setenv("NO_COLOR", "1")
    assert Output().styled("x", "red") == "x"
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert Output().styled("x", "red") == "x"
