"""`cutter profile`, and the deployment's own profiles wherever a profile is named."""

import hashlib
import json
from pathlib import Path

import pytest

from cutter_agent.cli.main import run
from cutter_agent.document.profiles import shipped, shipped_names

EXAMPLES = Path(__file__).parents[3] / "examples"
LAW = str(EXAMPLES / "vn-law-sample.md")
OWN = """
schema = "cutter.profile/1"
name = "house-order"
title = "Orders of the house"
languages = ["en"]
hints = ["by order of the house"]

[[rule]]
name = "order"
kind = "article"
alias = "Order"
token = "ORDER"
level = 40
words = ["Ordinance"]
numbering = "arabic"
forms = ["<word><s>No[.]<s><num>[.]"]
"""
TEXT = "By order of the house\n\n" + "".join(
    f"Ordinance No. {number}. On lamp {number}\nLamp {number} is lit at dusk, by order of the house.\n\n"
    for number in range(1, 15)
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUTTER_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "profiles"
    folder.mkdir(parents=True)
    (folder / "house-order.toml").write_text(OWN, "utf-8")
    (tmp_path / "orders.txt").write_text(TEXT, "utf-8")
    return folder


def told(capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    assert run([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def stopped(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert run([*words, "--json"]) == 22
    return json.loads(capsys.readouterr().out)["fact"]


def test_the_list_has_shipped_and_own_profiles(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = told(capsys, "profile", "list")
    rows = {row["name"]: row for row in document["profiles"]}
    assert set(rows) == {*shipped_names(), "house-order"}
    assert rows["house-order"] == {
        "name": "house-order",
        "origin": "own",
        "sound": True,
        "rules": 1,
        "languages": ["en"],
        "title": "Orders of the house",
        "sha256": hashlib.sha256(OWN.encode()).hexdigest(),
    }
    (home / "broken.toml").write_text(OWN + "colour = 1\n")
    rows = {row["name"]: row for row in told(capsys, "profile", "list")["profiles"]}
    assert rows["broken"]["sound"] is False
    assert "colour" in rows["broken"]["title"]
    assert run(["profile", "list"]) == 0
    assert "NOT SOUND" in capsys.readouterr().out


def test_a_profile_is_shown_whole(home: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    for name in shipped_names():
        assert run(["profile", "show", name, "--toml"]) == 0
        assert capsysbinary.readouterr().out == shipped(name)
        assert run(["profile", "show", name, "--json"]) == 0
        assert json.loads(capsysbinary.readouterr().out)["name"] == name
    assert run(["profile", "show", "house-order"]) == 0
    assert b"Orders of the house" in capsysbinary.readouterr().out
    assert home.is_dir()


def test_a_trial_shows_matches_refusals_coverage_and_findings(
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = told(capsys, "profile", "test", LAW, "vn-law")
    source = Path(LAW).read_bytes()
    articles = next(rule for rule in document["rules"] if rule["rule"] == "article")
    assert (articles["matched"], articles["taken"]) == (10, 9)
    assert articles["refused"] == [{"reason": "stands behind a quotation mark", "count": 1}]
    for match in document["matches"]:
        assert source[match["start"] :].decode().startswith(match["text"])
    assert document["coverage"]["unaccounted_bytes"] == 0
    assert run(["profile", "test", LAW, "vn-law", "--rule", "article"]) == 0
    lines = capsys.readouterr().out
    assert "line 75, byte 1961" in lines
    assert "refused: stands behind a quotation mark" in lines
    assert "clause" not in lines


@pytest.mark.parametrize("ending", ["html", "xml", "docx", "pdf"])
def test_a_trial_reads_the_formats_that_mark_reads(
    ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / f"law.{ending}"
    if ending == "html":
        file.write_text("<html><body><p>Article 1. A</p><p>Article 2. B</p></body></html>")
        document = told(capsys, "profile", "test", str(file), "en-common")
        assert [match["taken_as"] for match in document["matches"]] == ["article", "article"]
        return
    file.write_bytes(b"neither one nor the other")
    assert run(["profile", "test", str(file), "en-common", "--json"]) == 22
    assert json.loads(capsys.readouterr().out)["code"] in {
        "STOP_SOURCE_UNREADABLE",
        "STOP_REFUSED_INPUT",
        "STOP_OVER_SIZE",
    }


def test_a_text_without_units_is_no_stop_of_a_trial(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "plain.txt"
    file.write_text("nothing here\n")
    document = told(capsys, "profile", "test", str(file), "vn-law")
    assert document["units"] is None
    assert "0 units" in document["why_none"]
    assert run(["profile", "test", str(file), "vn-law"]) == 0
    assert "No units" in capsys.readouterr().out


def test_an_own_profile_is_named_and_found(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(home.parent.parent / "orders.txt")
    assert told(capsys, "mark", file, "--profile", "house-order")["tree_size"] == 14
    found = told(capsys, "mark", file)
    assert found["profile"] == "house-order"
    assert found["profile_sha256"] == hashlib.sha256(OWN.encode()).hexdigest()
    assert found["detection"][0]["profile"] == "house-order"
    assert told(capsys, "profile", "test", file, "auto")["profile"] == "house-order"


def test_an_unsound_own_profile_stops_detection_and_says_which(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(home.parent.parent / "orders.txt")
    (home / "house-order.toml").write_text(OWN + "colour = 1\n")
    assert "colour" in stopped(capsys, "mark", file)
    (home / "house-order.toml").unlink()
    (home / "vn-law.toml").write_bytes(shipped("vn-law"))
    assert "name of a shipped one" in stopped(capsys, "mark", file)
    assert "name of a shipped one" in stopped(capsys, "profile", "list")


def test_what_is_not_there_is_told_what_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert "vn-law" in stopped(capsys, "profile", "show", "nothing")
    assert "no rule" in stopped(capsys, "profile", "test", LAW, "vn-law", "--rule", "nothing")
    assert "auto" in stopped(capsys, "profile", "show", "auto")
