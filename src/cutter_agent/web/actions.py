"""Actions: what people do with a form. Each goes through the desk as a command would, and then shows the run."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Final
from urllib.parse import quote

from fastapi import APIRouter, Depends, File, Form, Request, UploadFile
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from cutter_agent.bootstrap.approvals import submit_signature
from cutter_agent.bootstrap.console.batches import release
from cutter_agent.bootstrap.console.roles import AUTHOR, RUNNER, approver
from cutter_agent.bootstrap.standing import context_of
from cutter_agent.errors import Stop, StopApprovalRequired, StopRefusedInput
from cutter_agent.orchestrator.states import Gate, Mode
from cutter_agent.web.access import Visitor, actor
from cutter_agent.web.console import console_of
from cutter_agent.web.problems import Refused
from cutter_agent.web.sign_in import signature_of

if TYPE_CHECKING:
    from cutter_agent.web.console import Console

router = APIRouter(include_in_schema=False)
REASON_CHARS_MAX: Final = 2_000
GATES: Final = tuple(approver(gate.name) for gate in Gate)
_MODES: Final = {"dry": Mode.DRYRUN, "dryrun": Mode.DRYRUN, "live": Mode.LIVE}

Approver = Annotated[Visitor, Depends(actor(*GATES))]
Runner = Annotated[Visitor, Depends(actor(RUNNER))]
Beginner = Annotated[Visitor, Depends(actor(RUNNER, AUTHOR))]
Pasted = Annotated[str, Form(max_length=16 * 1024)]
Uploaded = Annotated[UploadFile | None, File()]


@router.post("/runs/{run_id}/approve")
async def approve(
    request: Request,
    run_id: str,
    who: Approver,
    signature: Pasted = "",
    signature_file: Uploaded = None,
) -> Response:
    """The person's signature lies beside the request that they saw."""
    armor = await signature_of(signature, signature_file)
    await run_in_threadpool(hand_in, console_of(request), run_id, who, armor, None)
    return _shown(request, run_id, who, "approve")


@router.post("/runs/{run_id}/reject")
async def reject(
    request: Request,
    run_id: str,
    who: Approver,
    signature: Pasted = "",
    signature_file: Uploaded = None,
    reason: Annotated[str, Form(max_length=REASON_CHARS_MAX)] = "",
) -> Response:
    """The person's refusal lies beside the request that they saw."""
    armor = await signature_of(signature, signature_file)
    await run_in_threadpool(hand_in, console_of(request), run_id, who, armor, reason)
    return _shown(request, run_id, who, "reject")


@router.post("/runs/{run_id}/resume")
def resume(request: Request, run_id: str, who: Runner) -> Response:
    """The run goes on; where it came to is what its page shows."""
    stop = go_on(console_of(request), run_id)
    if stop is not None:
        raise stop
    return _shown(request, run_id, who, "resume")


@router.post("/runs/{run_id}/retry")
def retry(request: Request, run_id: str, who: Runner) -> Response:
    """The decision to retry the failed run is asked for, or carried out once it is signed."""
    decide(console_of(request), run_id, "retry")
    return _shown(request, run_id, who, "retry")


@router.post("/runs/{run_id}/void")
def void(request: Request, run_id: str, who: Runner) -> Response:
    """The decision to end the run is asked for, or carried out once it is signed."""
    decide(console_of(request), run_id, "void")
    return _shown(request, run_id, who, "void")


@router.post("/documents/{code}/cut")
def cut(
    request: Request, code: str, who: Beginner, mode: Annotated[str, Form(max_length=10)] = "dry"
) -> Response:
    """A run of the document has begun; its page shows it moving."""
    run_id = begin(console_of(request), code, mode, who)
    return _shown(request, run_id, who, "cut")


@router.post("/batches/{batch_id}/retry")
def retry_in_batch(
    request: Request,
    batch_id: str,
    who: Runner,
    document_id: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """What was set aside in the batch may be tried again; the next `cutter batch run` takes it up."""
    with console_of(request).desks.one() as desk:
        answer = release(desk, batch_id, document_id)
    if answer.run_id and answer.stop_code:
        return _shown(request, answer.run_id, who, "retry")
    done = console_of(request).sessions.told(who.session_id, "retry", batch_id)
    return RedirectResponse(
        f"/batches/{quote(batch_id)}?done={done}", status_code=HTTPStatus.SEE_OTHER
    )


def hand_in(console: Console, run_id: str, who: Visitor, armor: bytes, reason: str | None) -> None:
    """The person's decision lies beside the request that the run waits at.

    Raises:
        Stop: it could not count; nothing was left anywhere.
    """
    if reason is not None:
        reason = " ".join(reason.split())
        if not reason:
            raise StopRefusedInput(
                "a refusal says why",
                expected=f"1 to {REASON_CHARS_MAX} characters",
                run_id=run_id,
                remedy="cutter reject {run} --reason TEXT",
            )
        if not reason.isprintable():
            raise StopRefusedInput("the reason cannot be read", expected="text", run_id=run_id)
    with console.desks.one() as desk:
        context = context_of(desk, run_id)
        submit_signature(desk, context, person=who.person or "", armor=armor, reason=reason)


def go_on(console: Console, run_id: str) -> Stop | None:
    """The run goes on in the background; returns the stop that it soon came to, if it refuses the call.

    Raises:
        StopRunUnknown: there is no such run.
    """
    with console.desks.one() as desk:
        context_of(desk, run_id)
    return console.drives.resume(run_id)


def decide(console: Console, run_id: str, decision: str) -> None:
    """A decision of SG_3 is asked for, or carried out once it is signed.

    Raises:
        Stop: there is nothing to decide, or it was refused.
    """
    with console.desks.one() as desk:
        context_of(desk, run_id)
    stop = console.drives.escalate(run_id, decision)
    if stop is not None and not isinstance(stop, StopApprovalRequired):
        raise stop


def begin(console: Console, code: str, mode: str, who: Visitor) -> str:
    """A run of the document is open and driven; returns its id.

    Raises:
        StopRefusedInput: the mode is none.
        Refused: a live run takes the role of the runner.
        Stop: no run came to be.
    """
    if mode not in _MODES:
        raise StopRefusedInput(f"{mode!a} is no mode", expected="dry or live", document_id=None)
    if _MODES[mode] is Mode.LIVE and not who.may(RUNNER):
        raise Refused(
            HTTPStatus.FORBIDDEN, "ROLE_REQUIRED", f"{who.person} may begin dry runs only"
        )
    run_id = console.drives.begin(code, _MODES[mode], who.person or "")
    console.drives.settled(run_id)
    return run_id


def _shown(request: Request, run_id: str, who: Visitor, verb: str) -> Response:
    done = console_of(request).sessions.told(who.session_id, verb, run_id)
    return RedirectResponse(f"/runs/{run_id}?done={done}", status_code=HTTPStatus.SEE_OTHER)
