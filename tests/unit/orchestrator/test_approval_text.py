"""The unsigned approval of a dry run: what counts, and what each wrong one is refused with."""

from datetime import UTC, datetime, timedelta

import pytest

from cutter_agent.errors import Stop, StopApprovalExpired, StopApprovalInvalid, StopRefusedInput
from cutter_agent.orchestrator.approval import validate_approval_text
from cutter_agent.orchestrator.clock import utc_text
from cutter_agent.orchestrator.states import Gate

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
RUN = "ictr-20260301T110000Z-0a1b2c3d"


def text(**changes: str | None) -> str:
    pairs: dict[str, str | None] = {
        "gate": "SG_1_cut_authz",
        "run_id": RUN,
        "signed_utc": utc_text(NOW - timedelta(minutes=5)),
        "allowance": "explicit",
    }
    pairs.update(changes)
    return "".join(f"{key}: {value}\n" for key, value in pairs.items() if value is not None)


def check(offered: str, gate: Gate = Gate.SG_1, payload: str | None = None) -> object:
    return validate_approval_text(
        offered, gate=gate, run_id=RUN, now_utc=NOW, payload_sha256=payload
    )


def test_a_whole_approval_counts_and_its_optional_lines_are_kept() -> None:
    record = validate_approval_text(
        "# approved in the meeting\n\n" + text(scope="enacted_only", payload_sha256="ab"),
        gate="SG_1_cut_authz",
        run_id=RUN,
        now_utc=NOW,
        payload_sha256="ab",
    )
    assert (record.gate, record.scope, record.payload_sha256) == (Gate.SG_1, "enacted_only", "ab")


@pytest.mark.parametrize(
    ("offered", "kind"),
    [
        (text(gate="SG_2_lifecycle_authz"), StopApprovalInvalid),
        (text(run_id="ictr-20260301T110000Z-ffffffff"), StopApprovalInvalid),
        (text(allowance="implicit"), StopApprovalInvalid),
        (text(allowance=None), StopApprovalInvalid),
        (text(signed_utc=None), StopApprovalInvalid),
        (text(signed_utc="yesterday"), StopApprovalInvalid),
        (text(signed_utc="2026-03-01T11:55:00"), StopApprovalInvalid),
        (text(signed_utc=utc_text(NOW + timedelta(minutes=10))), StopApprovalInvalid),
        (text(signed_utc=utc_text(NOW - timedelta(hours=24, seconds=1))), StopApprovalExpired),
        (text() + text(), StopApprovalInvalid),
        (text() + "just words\n", StopApprovalInvalid),
        (text() + "password: x\n", StopRefusedInput),
        (text(payload_sha256="cd"), StopApprovalInvalid),
        (text() + "note: " + "x" * 70_000, StopApprovalInvalid),
        ("", StopApprovalInvalid),
    ],
)
def test_each_wrong_approval_is_refused_by_its_own_stop(offered: str, kind: type[Stop]) -> None:
    with pytest.raises(kind) as refused:
        check(offered, payload="ab")
    assert type(refused.value) is kind


def test_life_ends_exactly_at_its_end() -> None:
    check(text(signed_utc=utc_text(NOW - timedelta(hours=24))))
    late = text(
        gate="SG_2_lifecycle_authz",
        review_decision_id="d-1",
        signed_utc=utc_text(NOW - timedelta(hours=12, seconds=1)),
    )
    with pytest.raises(StopApprovalExpired):
        check(late, Gate.SG_2)


def test_sg_2_asks_for_its_decision() -> None:
    with pytest.raises(StopApprovalInvalid, match="review_decision_id"):
        check(text(gate="SG_2_lifecycle_authz"), Gate.SG_2)
    check(text(gate="SG_2_lifecycle_authz", review_decision_id="d-1"), Gate.SG_2)
