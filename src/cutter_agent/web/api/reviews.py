"""What approvers look at, over the API: plans, evidence, units and batches."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from cutter_agent.bootstrap.console.batches import batch_board, batches
from cutter_agent.bootstrap.console.documents import document_view, unit_view
from cutter_agent.bootstrap.console.evidence import evidence_view
from cutter_agent.bootstrap.console.paging import part
from cutter_agent.bootstrap.console.plan import Asked, plan_review
from cutter_agent.bootstrap.standing import context_of
from cutter_agent.web.api.answers import refusals
from cutter_agent.web.api.review_models import (
    BatchesShown,
    BatchRowShown,
    BatchShown,
    BoardItemShown,
    EvidenceShown,
    PlanShown,
    UnitShown,
    UnitsShown,
)
from cutter_agent.web.api.runs import At, Number, Reader, Size

router = APIRouter(tags=["reviews"])
PageNumber = Annotated[int, Query(ge=0, le=100_000, description="The page, from 1; 0 chooses.")]
Address = Annotated[str, Query(max_length=1000, description="A unit's address, or its last part.")]


@router.get("/runs/{run_id}/plan", responses=refusals(404, 409))
def plan_of_run(
    run_id: str,
    who: Reader,
    at: At,
    *,
    unit: Address = "",
    show: Annotated[
        Literal["", "all", "changes"], Query(description="All units, or those that change.")
    ] = "",
    tree: PageNumber = 0,
    differences: PageNumber = 0,
) -> PlanShown:
    """The plan of a run: its units, the source around one of them, and what would be different."""
    del who
    asked = Asked(
        unit=unit or None,
        only_changes=None if not show else show == "changes",
        tree_page=tree,
        difference_page=differences,
    )
    return PlanShown.model_validate(plan_review(at, context_of(at, run_id), asked))


@router.get("/runs/{run_id}/evidence", responses=refusals(404, 409))
def evidence_of_run(
    run_id: str, who: Reader, at: At, unit: Address = "", number: Number = 1
) -> EvidenceShown:
    """The chain of a run's evidence, and what its bundle must agree with."""
    del who
    return EvidenceShown.model_validate(
        evidence_view(at, context_of(at, run_id), unit or None, number)
    )


@router.get("/documents/{code}/units", responses=refusals(404))
def units_of_document(
    code: str,
    who: Reader,
    at: At,
    number: Number = 1,
    as_of: Annotated[str, Query(max_length=10, description="ISO date; empty is today.")] = "",
) -> UnitsShown:
    """The units of a document that are in force, today or on a day, in the order of the text."""
    del who
    return UnitsShown.model_validate(document_view(at, code, number, as_of).units)


@router.get("/units", responses=refusals(404, 409))
def show_unit(
    who: Reader,
    at: At,
    address: Annotated[str, Query(max_length=1000, description="A unit's address.")],
) -> UnitShown:
    """A unit with every version that was ever in force, the newest first."""
    del who
    return UnitShown.model_validate(unit_view(at, address))


@router.get("/batches", responses=refusals())
def list_batches(who: Reader, at: At, number: Number = 1, size: Size = 50) -> BatchesShown:
    """The batches that this deployment remembers, the one that moved last first."""
    del who
    return BatchesShown.model_validate(part(batches(at), number, size))


@router.get("/batches/{batch_id}", responses=refusals(404, 409))
def show_batch(batch_id: str, who: Reader, at: At) -> BatchShown:
    """A batch: its documents by where they stand."""
    del who
    board = batch_board(at, batch_id)
    items = [BoardItemShown.model_validate(each) for _, lane in board.lanes for each in lane]
    return BatchShown(row=BatchRowShown.model_validate(board.row), items=items)
