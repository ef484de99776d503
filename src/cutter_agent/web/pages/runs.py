"""The inbox, the list of runs, and one run with its documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from cutter_agent.bootstrap.console.inbox import inbox
from cutter_agent.bootstrap.console.rail import DONE, WAITING
from cutter_agent.bootstrap.console.run import Action, RunView, run
from cutter_agent.bootstrap.console.runs import runs
from cutter_agent.bootstrap.standing import context_of
from cutter_agent.errors import StopRefusedInput
from cutter_agent.orchestrator.phases.cutplan import CutPlanned
from cutter_agent.orchestrator.states import OrchestratorState, Terminal
from cutter_agent.web.console import console_of
from cutter_agent.web.pages.labels import BUTTONS, STEP_LABELS, STEP_TITLES
from cutter_agent.web.pages.shell import At, Page, PageNumber, Who, Word
from cutter_agent.web.render import page

if TYPE_CHECKING:
    from cutter_agent.web.access import Visitor

router = APIRouter(include_in_schema=False)
VERBS: Final = ("approve", "reject", "resume", "retry", "void", "cut")
"""What an action may have been; the page says each in its own language."""
_STATES: Final = (*(each.value for each in OrchestratorState), *(each.value for each in Terminal))


@router.get("/")
def inbox_page(request: Request, who: Who, at: At, number: Page = 1) -> Response:
    """What waits, what waits for this person first."""
    items = inbox(at, who.person, number=number)
    twin = f"cutter inbox --person {who.person}"
    return page(request, "inbox.html", title="Inbox", twin=twin, items=items)


@router.get("/runs")
def runs_page(
    request: Request,
    who: Who,
    at: At,
    *,
    document: Word = "",
    state: Word = "",
    mode: Word = "",
    number: Page = 1,
) -> Response:
    """The runs that fit, the newest first."""
    del who
    listed = runs(at, number=number, document=document, state=state, mode=mode)
    return page(
        request,
        "runs.html",
        title="Runs",
        twin="cutter runs list",
        listed=listed,
        asked={"document": document, "state": state, "mode": mode},
        states=_STATES,
    )


@router.get("/runs/{run_id}")
def run_page(
    request: Request, who: Who, at: At, run_id: str, log: PageNumber = 1, done: Word = ""
) -> Response:
    """One run: where it stands, what is next, its phases with their findings."""
    view = run(at, run_id, log_number=log)
    offered, withheld = shared_out(view, who)
    return page(
        request,
        "run.html",
        title="Run",
        twin=f"cutter runs show {view.run_id}",
        run=view,
        done=console_of(request).sessions.heard(who.session_id, done, run_id),
        planned=view.context.get(CutPlanned) is not None,
        reached=sum(step.status in {DONE, WAITING} for step in view.rail),
        buttons=BUTTONS,
        labels=STEP_LABELS,
        titles=STEP_TITLES,
        tone=_tone(view),
        offered=offered,
        withheld=withheld,
    )


@router.get("/runs/{run_id}/documents/{name}")
def document_page(who: Who, at: At, run_id: str, name: str) -> Response:
    """A document of the run as it was written, as plain text."""
    del who
    for document in context_of(at, run_id).history.documents:
        if document.name == name:
            return Response(document.text, media_type="text/plain; charset=utf-8")
    raise StopRefusedInput(
        f"the run has no document {name[:80]!a}",
        expected="a name from the run's list",
        run_id=run_id,
        remedy="cutter runs show {run}",
    )


def shared_out(
    view: RunView, who: Visitor
) -> tuple[tuple[Action, ...], tuple[tuple[Action, str], ...]]:
    """What this person may do with the run now, and what they may not, each with its reason.

    Approve and refuse share the approve sheet, so one of them stands for both.
    """
    offered: list[Action] = []
    withheld: list[tuple[Action, str]] = []
    for action in view.actions:
        reason = action.reason or _not_theirs(view, action, who)
        if reason:
            withheld.append((action, reason))
        elif action.url not in {each.url for each in offered}:
            offered.append(action)
    return tuple(offered), tuple(withheld)


def _not_theirs(view: RunView, action: Action, who: Visitor) -> str:
    if not who.may(action.role):
        return f"{who.person} has not the role of {action.role}"
    if action.verb in {"approve", "reject"} and who.person not in view.standing.may_sign:
        return f"{who.person} may not sign this"
    return ""


def _tone(view: RunView) -> str:
    if view.terminal:
        return "bad"
    return "good" if view.over else "wait"
