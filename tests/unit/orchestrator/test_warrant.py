"""Warrants: one way to make a live one, and no writer that takes the other's."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.runs import CODE, charter_facts, dry_runner

from cutter_agent.errors import ProductionExecutionNotAuthorized
from cutter_agent.orchestrator import StateStore
from cutter_agent.orchestrator.approval import CutApproved
from cutter_agent.orchestrator.dry_site import DrySite
from cutter_agent.orchestrator.states import Gate, Mode, Role
from cutter_agent.orchestrator.warrant import LiveWarrant, live_warrant

RUN = "ictr-20260301T110000Z-0a1b2c3d"
APPROVED = CutApproved(
    gate=Gate.SG_1,
    run_id=RUN,
    mode=Mode.LIVE,
    request_sha256="ab" * 32,
    persons=("alice",),
    key_ids=("SHA256:x",),
    simulated=False,
    review_decision_id=None,
    consumed_utc="2026-03-01T12:00:00Z",
)


def test_a_verified_approval_gives_the_warrant_of_its_run() -> None:
    warrant = live_warrant(RUN, APPROVED)
    assert (warrant.run_id, warrant.request_sha256) == (RUN, APPROVED.request_sha256)


def test_a_live_warrant_cannot_be_made_by_hand() -> None:
    with pytest.raises(ProductionExecutionNotAuthorized, match="not made from"):
        LiveWarrant(RUN, "ab" * 32, object())


@pytest.mark.parametrize(
    "approved",
    [
        replace(APPROVED, mode=Mode.DRYRUN),
        replace(APPROVED, simulated=True),
        replace(APPROVED, persons=()),
        replace(APPROVED, run_id="ictr-20260301T110000Z-ffffffff"),
    ],
)
def test_no_other_approval_gives_a_live_warrant(approved: CutApproved) -> None:
    with pytest.raises(ProductionExecutionNotAuthorized):
        live_warrant(RUN, approved)


def test_a_rehearsal_takes_no_live_warrant(tmp_path: Path) -> None:
    run_id = dry_runner(tmp_path).cut(document_id=CODE).run_id
    site = DrySite(StateStore(tmp_path), charter_facts())
    warrant = live_warrant(RUN, APPROVED)
    with (
        site.claim(run_id) as claim,
        pytest.raises(ProductionExecutionNotAuthorized, match="does not open a rehearsal"),
        site.step(claim, Role.EXECUTOR, warrant),
    ):
        pass
