"""Runs over the API: the same verbs, stops and documents as on the command line."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from cutter_agent.bootstrap.console.approval import approval_sheet
from cutter_agent.bootstrap.console.inbox import inbox
from cutter_agent.bootstrap.console.recall import ConsoleDesk
from cutter_agent.bootstrap.console.roles import AUTHOR, RUNNER
from cutter_agent.bootstrap.console.run import run
from cutter_agent.bootstrap.console.runs import runs
from cutter_agent.bootstrap.evidence import export_run
from cutter_agent.bootstrap.standing import context_of
from cutter_agent.orchestrator.result import result_of, run_json
from cutter_agent.web.access import Visitor, actor, desk, reader
from cutter_agent.web.actions import GATES, begin, decide, go_on, hand_in
from cutter_agent.web.api.answers import refusals, tagged
from cutter_agent.web.api.models import (
    ApprovalSheetShown,
    InboxShown,
    LogShown,
    RefusalGiven,
    RunGiven,
    RunShown,
    RunsShown,
    SignatureGiven,
    StopShown,
    WhyShown,
)
from cutter_agent.web.console import console_of

if TYPE_CHECKING:
    from cutter_agent.errors import Stop
    from cutter_agent.web.console import Console

router = APIRouter(tags=["runs"])
Number = Annotated[int, Query(ge=1, le=100_000, description="The page, from 1.")]
Size = Annotated[int, Query(ge=1, le=200, description="Rows a page.")]
Word = Annotated[str, Query(max_length=100)]
Reader = Annotated[Visitor, Depends(reader)]
At = Annotated[ConsoleDesk, Depends(desk)]
Runner = Annotated[Visitor, Depends(actor(RUNNER))]
Approver = Annotated[Visitor, Depends(actor(*GATES))]
Beginner = Annotated[Visitor, Depends(actor(RUNNER, AUTHOR))]


@router.get("/inbox", responses=refusals())
def list_inbox(
    who: Reader,
    at: At,
    number: Number = 1,
    size: Size = 50,
    mine: Annotated[bool, Query(description="Only what waits for me.")] = False,  # noqa: FBT002 - a query
) -> InboxShown:
    """What waits, and for whom; what waits for the person who asks comes first."""
    found = inbox(at, who.person, number=number, size=size, only=mine)
    return InboxShown.model_validate(found)


@router.get("/runs", responses=refusals())
def list_runs(
    who: Reader,
    at: At,
    number: Number = 1,
    size: Size = 50,
    document: Word = "",
    state: Annotated[
        str, Query(max_length=100, description="A state, terminal or stop code.")
    ] = "",
    mode: Annotated[Literal["", "dryrun", "live"], Query()] = "",
) -> RunsShown:
    """Runs, newest first."""
    del who
    found = runs(at, number=number, size=size, document=document, state=state, mode=mode)
    return RunsShown.model_validate(found)


@router.post("/runs", status_code=HTTPStatus.ACCEPTED, responses=refusals(403, 404, 409))
def begin_run(request: Request, given: RunGiven, who: Beginner) -> RunShown:
    """A run of the document has begun and is driven to its first pause; nothing waits for that."""
    console = console_of(request)
    return _shown(console, begin(console, given.document_id, given.mode, who))


@router.get(
    "/runs/{run_id}",
    responses=refusals(404, 409) | {304: {"description": "Unchanged."}},
    response_model=RunShown,
)
def show_run(request: Request, run_id: str, who: Reader) -> Response:
    """Where a run stands: `cutter.run/1`."""
    del who
    return tagged(request, _shown(console_of(request), run_id))


@router.get("/runs/{run_id}/why", responses=refusals(404, 409))
def why_run(run_id: str, who: Reader, at: At) -> WhyShown:
    """Why a run stands still, who can move it, and the command that does."""
    del who
    found = run(at, run_id)
    left_s = None if found.standing.request is None else int(found.standing.left_s)
    return WhyShown(
        run_id=run_id, cause=found.cause, who=found.who, command=found.command, left_s=left_s
    )


@router.get("/runs/{run_id}/log", responses=refusals(404, 409))
def log_run(run_id: str, who: Reader, at: At, number: Number = 1, size: Size = 100) -> LogShown:
    """What happened in a run, newest first."""
    del who
    return LogShown.model_validate(run(at, run_id, log_number=number, log_size=size).log)


@router.get("/runs/{run_id}/request", responses=refusals(404, 409))
def request_of_run(run_id: str, who: Reader, at: At) -> ApprovalSheetShown:
    """What the run waits for, and the exact text to sign."""
    return ApprovalSheetShown.model_validate(approval_sheet(at, run_id, who.person))


@router.post("/runs/{run_id}/approvals", responses=refusals(403, 404, 409, 410))
def approve_run(request: Request, run_id: str, given: SignatureGiven, who: Approver) -> RunShown:
    """The person's signature lies beside the request; `resume` makes it count."""
    console = console_of(request)
    hand_in(console, run_id, who, given.signature.encode(), None)
    return _shown(console, run_id)


@router.post("/runs/{run_id}/refusals", responses=refusals(403, 404, 409, 410))
def refuse_run(request: Request, run_id: str, given: RefusalGiven, who: Approver) -> RunShown:
    """The person's signed refusal lies beside the request; `resume` ends the run by it."""
    console = console_of(request)
    hand_in(console, run_id, who, given.signature.encode(), given.reason)
    return _shown(console, run_id)


@router.post(
    "/runs/{run_id}/resume", status_code=HTTPStatus.ACCEPTED, responses=refusals(403, 404, 409, 410)
)
def resume_run(request: Request, run_id: str, who: Runner) -> RunShown:
    """The run goes on in the background; the answer shows where it stands now."""
    del who
    console = console_of(request)
    stop = go_on(console, run_id)
    if stop is not None:
        raise stop
    return _shown(console, run_id)


@router.post(
    "/runs/{run_id}/retry", status_code=HTTPStatus.ACCEPTED, responses=refusals(403, 404, 409, 410)
)
def retry_run(request: Request, run_id: str, who: Runner) -> RunShown:
    """The decision to retry is asked for, or carried out once it is signed."""
    del who
    console = console_of(request)
    decide(console, run_id, "retry")
    return _shown(console, run_id)


@router.post(
    "/runs/{run_id}/void", status_code=HTTPStatus.ACCEPTED, responses=refusals(403, 404, 409, 410)
)
def void_run(request: Request, run_id: str, who: Runner) -> RunShown:
    """The decision to end the run is asked for, or carried out once it is signed."""
    del who
    console = console_of(request)
    decide(console, run_id, "void")
    return _shown(console, run_id)


@router.get(
    "/runs/{run_id}/bundle",
    response_class=Response,
    responses=refusals(404, 409)
    | {200: {"description": "The bundle.", "content": {"application/zip": {}}}},
)
def bundle_of_run(run_id: str, who: Reader, at: At) -> Response:
    """All evidence of a closed-out run in one archive that a stranger can check."""
    del who
    data = export_run(at, context_of(at, run_id))
    headers = {"Content-Disposition": f'attachment; filename="{run_id}.zip"'}
    return Response(data, media_type="application/zip", headers=headers)


def _shown(console: Console, run_id: str) -> RunShown:
    with console.desks.one() as at:
        found = run(at, run_id)
        document = run_json(result_of(found.context, at.reporter()))
    stop = None if document["stop_code"] is None else _stop(found.stop)
    return RunShown.model_validate(
        {**document, "stop": stop, "driven": run_id in console.drives.driven}
    )


def _stop(stop: Stop | None) -> StopShown | None:
    if stop is None:
        return None
    return StopShown(
        code=stop.code,
        sentence=stop.sentence,
        fact=stop.fact,
        expected=stop.expected,
        remedy=stop.remedy,
        exit_status=stop.exit_status,
        differences=[{"name": d.name, "then": d.then, "now": d.now} for d in stop.differences],
        findings=list(stop.findings),
    )
