"""`cutter mark`: real files through the real program, without a database."""

import hashlib
import json
import os
import pty
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

from cutter_agent.cli import source_file
from cutter_agent.cli.main import run
from cutter_agent.cli.source_file import choose_profile
from cutter_agent.document.cutplan import leaf_record
from cutter_agent.document.profiles import shipped
from cutter_agent.evidence.merkle import leaf_hash, tree_root

EXAMPLES = Path(__file__).parents[3] / "examples"
CHARTER = EXAMPLES / "icx-const-v1.md"
CUTTER = str(Path(sys.executable).with_name("cutter"))


def marked(capsys: pytest.CaptureFixture[str], *words: str) -> dict:
    assert run(["mark", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_json_is_the_contract_s_document(capsys: pytest.CaptureFixture[str]) -> None:
    document = marked(capsys, str(CHARTER), "--code", "ICX-CONST")
    source = CHARTER.read_bytes()
    assert document["schema"] == "cutter.mark/1"
    assert document["profile"] == "vn-charter"
    assert document["source_sha256"] == hashlib.sha256(source).hexdigest()
    assert document["bytes"] == len(source)
    included = [unit for unit in document["units"] if unit["included"]]
    assert len(included) == document["tree_size"] == 60
    assert {unit["address"].split("/")[0] for unit in document["units"]} == {"ICX-CONST"}
    spans = sorted(tuple(span) for unit in document["units"] for span in unit["own_spans"])
    assert b"".join(source[a:b] for a, b in spans) == source
    assert document["coverage"]["unaccounted_bytes"] == 0


def test_the_manifest_root_is_the_tree_over_the_included_units(
    capsys: pytest.CaptureFixture[str],
) -> None:
    document = marked(capsys, str(CHARTER))
    leaves = [
        leaf_hash(
            leaf_record(
                address=unit["address"],
                kind=unit["kind"],
                parent=unit["parent"],
                ordinal=unit["ordinal"],
                body_sha256=unit["text_sha256"],
                attributes=tuple((name, unit[name]) for name in ("alias", "heading", "num")),
            )
        )
        for unit in document["units"]
        if unit["included"]
    ]
    assert document["manifest_root"] == tree_root(leaves).hex()


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("icx-const-v1.md", "vn-charter"),
        ("icx-const-v2.md", "vn-charter"),
        ("vn-law-sample.md", "vn-law"),
        ("access-policy.md", "md-policy"),
    ],
)
def test_the_profile_that_fits_is_found(name: str, profile: str) -> None:
    chosen = choose_profile((EXAMPLES / name).read_bytes(), None)
    assert chosen.profile.name == profile


def test_detection_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    document = marked(capsys, str(CHARTER))
    best, *others = document["detection"]
    assert best["profile"] == "vn-charter"
    assert "42 DIEU" in best["reason"]
    assert all(best["score_permille"] >= other["score_permille"] for other in others)
    assert marked(capsys, str(CHARTER), "--profile", "vn-charter")["detection"] == []
    assert run(["mark", str(CHARTER)]) == 0
    assert "vn-charter fits best" in capsys.readouterr().out


def test_a_profile_file_may_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    toml = tmp_path / "mine.toml"
    toml.write_bytes(shipped("markdown"))
    assert marked(capsys, str(CHARTER), "--profile", str(toml))["profile"] == "markdown"


def test_what_is_shown_draws_hidden_characters_and_fits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tmp_path / "a\u202eb.md"
    text.write_text("# One\u202e two\n\nbody of the text\n\n# \u200fThree\n\nbody\n", "utf-8")
    for words in (["--tree"], []):
        assert run(["mark", str(text), "--code", "DOC", *words]) == 0
        shown = capsys.readouterr()
        assert not set("\u202e\u200f") & set(shown.out + shown.err)
    assert "a⟦U+202E⟧b.md" in shown.out
    monkeypatch.setenv("COLUMNS", "40")
    assert run(["mark", str(CHARTER), "--tree"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 40
    assert run(["mark", str(CHARTER)]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 40


def test_a_page_is_written_and_has_no_script_and_no_raw_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "doc.md"
    text.write_text("# One\n\n<script>alert(1)</script> \u202e\n", "utf-8")
    page = tmp_path / "marks.html"
    assert run(["mark", str(text), "--html", str(page)]) == 0
    html = page.read_text("utf-8")
    assert "&lt;script&gt;" in html
    assert "<script" not in html
    assert "⟦U+202E⟧" in html
    assert "default-src 'none'" in html
    assert page.stat().st_mode & 0o777 == 0o644
    assert str(page) in capsys.readouterr().err


def test_the_page_shows_units_and_source_side_by_side_and_leads_from_one_to_the_other(
    tmp_path: Path,
) -> None:
    text = tmp_path / "doc.md"
    text.write_text("# 1 One\n\nbefore\n\n## 1.1 Within\n\ninside\n\n# 3 Three\n\nend\n", "utf-8")
    page = tmp_path / "marks.html"
    assert run(["mark", str(text), "--profile", "markdown", "--html", str(page)]) == 0
    html = page.read_text("utf-8")
    tree, _, source = html.partition("<article>")
    assert tree.count("<nav ") == 1
    led_to = set(re.findall(r'href="#([^"]+)"', html))
    anchors = re.findall(r'<section class="\w+" id="([^"]+)"', source)
    assert len(anchors) == len(set(anchors)) >= 3
    assert led_to <= set(anchors)
    assert {anchor for anchor in anchors if "-" not in anchor} <= led_to
    shown = "".join(re.findall(r"<pre>(.*?)</pre>", source, re.DOTALL))
    assert unescape(shown) == text.read_text("utf-8")


@pytest.mark.parametrize("inside", ["doc.md", "."])
def test_a_page_is_never_written_over_its_source_or_a_folder(tmp_path: Path, inside: str) -> None:
    text = tmp_path / "doc.md"
    text.write_text("# One\n", "utf-8")
    assert run(["mark", str(text), "--html", str(tmp_path / inside)]) == 22
    assert text.read_text("utf-8") == "# One\n"


def test_a_page_that_cannot_be_written_is_a_stop(tmp_path: Path) -> None:
    assert run(["mark", str(CHARTER), "--html", str(tmp_path / "none" / "page.html")]) == 23


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "STOP_SOURCE_UNREADABLE"),
        (b"text \x00 text", "STOP_SOURCE_UNREADABLE"),
        (b"\xff\xfetext", "STOP_SOURCE_UNREADABLE"),
        (b"# caf\xe9\n", "STOP_SOURCE_UNREADABLE"),
        (b"no heading at all\n", "STOP_OVER_SIZE"),
    ],
)
def test_what_is_no_document_is_refused(
    data: bytes, code: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "doc.md"
    text.write_bytes(data)
    assert run(["mark", str(text), "--json"]) == 22
    assert json.loads(capsys.readouterr().out)["code"] == code


def test_files_that_are_none_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("missing.md", ".", "pipe"):
        assert run(["mark", str(tmp_path / name)]) == 22
        assert "STOP_SOURCE_UNREADABLE" in capsys.readouterr().err


def test_a_file_over_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(source_file, "SOURCE_BYTES_MAX", 10)
    text = tmp_path / "doc.md"
    text.write_bytes(b"# One\n" * 2)
    assert run(["mark", str(text)]) == 22
    assert "STOP_OVER_SIZE" in capsys.readouterr().err
    text.write_bytes(b"# One\n\nab\n")
    assert run(["mark", str(text)]) == 0


def test_a_stem_that_is_no_code_asks_for_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "my law.md"
    text.write_bytes(b"# One\n")
    assert run(["mark", str(text)]) == 22
    assert "--code CODE" in capsys.readouterr().err


def test_two_units_under_one_address_are_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "doc.md"
    text.write_text("### NT-1: A\n\na\n\n### NT-1: B\n\nb\n", "utf-8")
    assert run(["mark", str(text), "--profile", "vn-charter"]) == 0
    shown = capsys.readouterr()
    assert "A cut of this text would stop at IG_MARK" in shown.err
    assert "error" in shown.out


@pytest.mark.parametrize(
    ("encoding", "words"), [("cp1252", ["--tree"]), ("cp1252", ["--json"]), ("ascii", [])]
)
def test_a_terminal_without_our_characters_gets_the_text_all_the_same(
    encoding: str, words: list[str]
) -> None:
    done = subprocess.run(
        (CUTTER, "mark", str(CHARTER), "--profile", "vn-charter", *words),
        env={**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "LC_ALL": "C"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode(encoding)
    if words == ["--json"]:
        assert "HIẾN CHƯƠNG THƯ VIỆN THÔNG TIN CHUNG" in {
            unit["heading"] for unit in json.loads(text)["units"]
        }


def test_on_a_terminal_the_tree_fits_its_width() -> None:
    inner, outer = pty.openpty()
    environ = {**os.environ, "COLUMNS": "60", "TERM": "xterm"}
    process = subprocess.Popen(
        (CUTTER, "mark", str(CHARTER), "--tree", "--profile", "vn-charter"),
        env=environ,
        stdout=outer,
        stderr=outer,
    )
    os.close(outer)
    shown = b""
    while True:
        try:
            part = os.read(inner, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(inner)
    assert process.wait(timeout=30) == 0
    lines = shown.decode().replace("\r", "").splitlines()
    assert max(map(len, lines)) <= 60
    assert any("DIEU-42" in line for line in lines)
