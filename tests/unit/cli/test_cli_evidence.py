"""`cutter evidence verify` on files that are no bundles, and what it takes for keys that are known."""

import json
from pathlib import Path
from typing import Any

import pytest

from cutter_agent.cli.main import run
from cutter_agent.evidence.archive import pack

ID = "ab" * 32


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """There is no deployment, so a command that asked for one would say so."""
    monkeypatch.setenv("CUTTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CUTTER_DATABASE_URL", "postgresql://nobody@/nothing?host=/nowhere")


def verify(
    capsys: pytest.CaptureFixture[str], path: Path, *words: str
) -> tuple[int, dict[str, Any]]:
    status = run(["evidence", "verify", str(path), "--offline", "--json", *words])
    return status, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    "data", [b"", b"PK", b"x" * 5000, pack({}), pack({"bundle.json": b"{}"})], ids=range(5)
)
def test_what_is_no_bundle_fails_its_first_check_and_exits_with_16(
    data: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run.zip"
    path.write_bytes(data)
    status, document = verify(capsys, path)
    assert (status, document["exit_status"]) == (16, 16)
    assert (document["schema"], document["ok"]) == ("cutter.evidence-check/1", False)
    [check] = document["checks"]
    assert (check["id"], check["held"], set(check)) == (
        "bundle_whole",
        False,
        {"id", "held", "because"},
    )


def test_a_bundle_that_is_not_there_is_a_stop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (tmp_path / "missing.zip", tmp_path):
        status, document = verify(capsys, path)
        assert (status, document["code"]) == (22, "STOP_SOURCE_UNREADABLE")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "executor\n",
        f"stranger {ID}\n",
        f"executor {ID}\nexecutor {ID}\n",
        f"executor {ID.upper()}\n",
        "log two words\n",
    ],
)
def test_a_file_of_known_keys_is_read_strictly(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, known = tmp_path / "run.zip", tmp_path / "keys.txt"
    path.write_bytes(pack({}))
    known.write_text(text)
    status, document = verify(capsys, path, "--known", str(known))
    assert (status, document["code"]) == (22, "STOP_REFUSED_INPUT")


def test_what_is_trusted_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, known, policy = tmp_path / "run.zip", tmp_path / "keys.txt", tmp_path / "policy.json"
    path.write_bytes(pack({}))
    known.write_text(f"# ours\n\nexecutor {ID}\nlog a+b+c\n")
    policy.write_bytes(b"{}")
    _status, document = verify(capsys, path, "--known", str(known))
    assert document["trusted"] == {"executor": ID, "log": "a+b+c"}
    _status, document = verify(capsys, path, "--policy", str(policy))
    assert set(document["trusted"]) == {"policy"}
    known.write_text(f"policy {ID}\n")
    status, _document = verify(capsys, path, "--known", str(known), "--policy", str(policy))
    assert status == 22
    assert run(["evidence", "verify", str(path)]) == 16
    assert "nothing from elsewhere" in " ".join(capsys.readouterr().out.split())


def test_a_bundle_is_not_written_over_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from cutter_agent.cli.written import write_whole  # noqa: PLC0415 - the unit under test alone
    from cutter_agent.errors import StopRefusedInput, StopStorage  # noqa: PLC0415

    with pytest.raises(StopRefusedInput):
        write_whole(tmp_path, b"x")
    with pytest.raises(StopStorage):
        write_whole(tmp_path / "no" / "file", b"x")
    path = tmp_path / "file"
    for data in (b"one", b"two"):
        write_whole(path, data)
        assert path.read_bytes() == data
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
