"""An unsigned approval counts as text or as a file, for its gate, run and time."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cutter_agent.errors import (
    StopApprovalExpired,
    StopApprovalInvalid,
    StopApprovalRequired,
    StopRefusedInput,
)
from cutter_agent.evidence.canonical import sha256_hex
from cutter_agent.files.approval_file import validate_sovereign_approval
from cutter_agent.orchestrator.states import Gate
from sidecars.histories import OTHER_RUN_ID, RUN_ID

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
PAYLOAD = "ab" * 32


def approval(gate: Gate = Gate.SG_1, **changes: str) -> str:
    lines = {
        "gate": gate.value,
        "run_id": RUN_ID,
        "signed_utc": "2026-01-02T11:00:00Z",
        "allowance": "explicit",
        **changes,
    }
    return "".join(f"{key}: {value}\n" for key, value in lines.items())


def test_text_and_file_give_the_same_record(tmp_path: Path) -> None:
    text = approval(payload_sha256=PAYLOAD, scope="all")
    path = tmp_path / "approval.txt"
    path.write_text(text)
    records = [
        validate_sovereign_approval(
            offered, gate=Gate.SG_1, run_id=RUN_ID, now_utc=NOW, payload_sha256=PAYLOAD
        )
        for offered in (text, str(path), path)
    ]
    assert records[0] == records[1] == records[2]
    assert records[0].sha256 == sha256_hex(text.encode())
    assert records[0].scope == "all"


def test_a_gate_may_be_named_by_its_text() -> None:
    text = approval(Gate.SG_2, review_decision_id="rd-2")
    record = validate_sovereign_approval(
        text, gate="SG_2_lifecycle_authz", run_id=RUN_ID, now_utc=NOW
    )
    assert (record.gate, record.review_decision_id) == (Gate.SG_2, "rd-2")


@pytest.mark.parametrize(
    ("text", "stop"),
    [
        (approval(gate_="x").replace("gate_", "gate"), StopApprovalInvalid),
        (approval(Gate.SG_2, review_decision_id="rd"), StopApprovalInvalid),
        (approval(run_id=OTHER_RUN_ID), StopApprovalInvalid),
        (approval(allowance="implied"), StopApprovalInvalid),
        (approval(payload_sha256="cd" * 32), StopApprovalInvalid),
        (approval(signed_utc="yesterday"), StopApprovalInvalid),
        (approval(signed_utc="2026-01-01T11:00:00Z"), StopApprovalExpired),
        (approval(password="x"), StopRefusedInput),
        ("not pairs\nat all\n", StopApprovalInvalid),
    ],
    ids=[
        "twice",
        "other gate",
        "other run",
        "not explicit",
        "other payload",
        "no time",
        "too old",
        "a secret",
        "no pairs",
    ],
)
def test_what_does_not_hold_is_refused(text: str, stop: type[Exception]) -> None:
    with pytest.raises(stop):
        validate_sovereign_approval(
            text, gate=Gate.SG_1, run_id=RUN_ID, now_utc=NOW, payload_sha256=PAYLOAD
        )


def test_the_second_gate_needs_its_own_decision() -> None:
    with pytest.raises(StopApprovalInvalid, match="review_decision_id"):
        validate_sovereign_approval(approval(Gate.SG_2), gate=Gate.SG_2, run_id=RUN_ID, now_utc=NOW)


def test_life_ends_with_the_given_clock() -> None:
    signed = datetime(2026, 1, 2, 11, 0, tzinfo=UTC)
    for age, holds in ((timedelta(hours=24), True), (timedelta(hours=24, seconds=1), False)):
        if holds:
            validate_sovereign_approval(
                approval(), gate=Gate.SG_1, run_id=RUN_ID, now_utc=signed + age
            )
            continue
        with pytest.raises(StopApprovalExpired):
            validate_sovereign_approval(
                approval(), gate=Gate.SG_1, run_id=RUN_ID, now_utc=signed + age
            )


def test_an_unknown_gate_is_refused() -> None:
    with pytest.raises(StopApprovalInvalid, match="not a gate"):
        validate_sovereign_approval(approval(), gate="SG_9", run_id=RUN_ID, now_utc=NOW)


def test_a_missing_file_is_a_missing_approval(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path / "absent" / "x"):
        with pytest.raises(StopApprovalRequired):
            validate_sovereign_approval(path, gate=Gate.SG_1, run_id=RUN_ID, now_utc=NOW)


@pytest.mark.parametrize("kind", ["folder", "pipe", "not UTF-8", "NUL in its name", "too long"])
def test_what_is_no_text_file_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "offered"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "not UTF-8":
        path.write_bytes(b"gate: \xff\n")
    elif kind == "too long":
        path.write_text(approval() + "#" * 100_000)
    offered = "a\0b" if kind == "NUL in its name" else str(path)
    with pytest.raises(StopApprovalInvalid):
        validate_sovereign_approval(offered, gate=Gate.SG_1, run_id=RUN_ID, now_utc=NOW)


@pytest.mark.parametrize(
    "junk",
    [
        f"# \ud800\n{approval()}",
        approval(signed_utc="9999-99-99T99:99:99Z"),
        approval(signed_utc="٢٠٢٦-01-02T11:00:00Z"),
        "\n",
        "\x00\n",
        "a\x00b",
        "\ud800",
        "x" * 10_000,
        b"bytes\n",
        None,
        7,
        ["x"],
    ],
    ids=map(str, range(12)),
)
def test_junk_is_refused_and_nothing_else(junk: object) -> None:
    with pytest.raises((StopApprovalInvalid, StopApprovalRequired)) as stop:
        validate_sovereign_approval(junk, gate=Gate.SG_1, run_id=RUN_ID, now_utc=NOW)  # type: ignore[arg-type]
    assert stop.value.run_id == RUN_ID
