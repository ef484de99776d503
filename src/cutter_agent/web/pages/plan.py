"""Plan review, the approve sheet and the evidence of one run."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from cutter_agent.bootstrap.console.approval import approval_sheet
from cutter_agent.bootstrap.console.evidence import evidence_view
from cutter_agent.bootstrap.console.paging import part
from cutter_agent.bootstrap.console.plan import Asked, language_of, plan_book, plan_review
from cutter_agent.bootstrap.console.run import actions_of
from cutter_agent.bootstrap.evidence import export_run
from cutter_agent.bootstrap.facts_now import drifted
from cutter_agent.bootstrap.standing import context_of, recorded_stop, standing_under
from cutter_agent.orchestrator.phases.cutplan import CutPlanned
from cutter_agent.web.pages.shell import PAGES_MAX, At, Page, PageNumber, Who, Word
from cutter_agent.web.render import page

router = APIRouter(include_in_schema=False)
SHEET_LINES: Final = 400
"""So many lines of a request a page shows at once; one of many units has tens of thousands."""
PartNumber = Annotated[int, Query(ge=0, le=PAGES_MAX, alias="part")]


@router.get("/runs/{run_id}/plan")
def plan_page(
    request: Request,
    who: Who,
    at: At,
    run_id: str,
    *,
    unit: Word = "",
    show: Annotated[str, Query(pattern="^(all|changes|)$")] = "",
    tree: PageNumber = 0,
    differences: PageNumber = 0,
) -> Response:
    """Units, source and differences of a run's plan."""
    context = context_of(at, run_id)
    asked = Asked(
        unit=unit or None,
        only_changes=None if not show else show == "changes",
        tree_page=tree,
        difference_page=differences,
    )
    review = plan_review(at, context, asked)
    policy = at.policy()
    here = standing_under(at, context, policy, at.now_utc())
    changed = bool(drifted(at, context, policy))
    actions = actions_of(context, here, recorded_stop(context), drifted=changed)
    may = any(each.verb == "approve" and each.allowed for each in actions)
    return page(
        request,
        "plan.html",
        title="Plan review",
        twin=f"cutter runs show {run_id}",
        review=review,
        drifted=changed,
        approve=may and who.person in here.may_sign,
    )


@router.get("/runs/{run_id}/approve")
def approve_page(
    request: Request, who: Who, at: At, run_id: str, part_no: PartNumber = 1
) -> Response:
    """What is decided, on which facts, by whom, and how it is signed."""
    sheet = approval_sheet(at, run_id, who.person)
    return page(
        request,
        "approve.html",
        title="Approve",
        twin=sheet.twin,
        sheet=sheet,
        shown=part(sheet.body.decode("utf-8", "replace").split("\n"), part_no, SHEET_LINES),
    )


@router.get("/runs/{run_id}/request")
def request_bytes(who: Who, at: At, run_id: str) -> Response:
    """The exact bytes that an approver signs."""
    sheet = approval_sheet(at, run_id, who.person)
    return _download(sheet.body, sheet.download, "application/octet-stream")


@router.get("/runs/{run_id}/evidence")
def evidence_page(
    request: Request, who: Who, at: At, run_id: str, unit: Word = "", number: Page = 1
) -> Response:
    """The chain of a run's evidence, one record's way to the root, and checks in the browser."""
    del who
    context = context_of(at, run_id)
    view = evidence_view(at, context, unit or None, number)
    planned = context.get(CutPlanned) is not None
    return page(
        request,
        "evidence.html",
        title="Evidence",
        twin=f"cutter evidence export {run_id} -o BUNDLE.zip",
        view=view,
        language=language_of(plan_book(at, context).reading.profile) if planned else "",
    )


@router.get("/runs/{run_id}/bundle.zip")
def bundle(who: Who, at: At, run_id: str) -> Response:
    """The run's evidence in one archive; the same bytes every time."""
    del who
    return _download(export_run(at, context_of(at, run_id)), f"{run_id}.zip", "application/zip")


def _download(body: bytes, name: str, media_type: str) -> Response:
    # The name is one that the run gave: letters, digits, dots and dashes.
    return Response(
        body,
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
