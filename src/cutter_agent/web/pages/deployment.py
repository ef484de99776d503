"""The screens about the deployment itself: batches, policy, locks, audit, system."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from cutter_agent.bootstrap.console.audit import KINDS, AuditQuery, audit_rows
from cutter_agent.bootstrap.console.batches import STEPS, batch_board, batches
from cutter_agent.bootstrap.console.documents import document_list
from cutter_agent.bootstrap.console.locks import drift_view, locks
from cutter_agent.bootstrap.console.people import people
from cutter_agent.bootstrap.console.system import system
from cutter_agent.errors import Stop
from cutter_agent.orchestrator.batch_status import SetAside
from cutter_agent.web.console import console_of
from cutter_agent.web.pages.shell import At, Page, Who, Word
from cutter_agent.web.render import page

router = APIRouter(include_in_schema=False)


@router.get("/batches")
def batches_page(request: Request, who: Who, at: At) -> Response:
    """Every batch that the deployment remembers."""
    del who
    twin = "cutter batch status QUEUE"
    return page(request, "batches.html", title="Batches", twin=twin, rows=batches(at))


@router.get("/batches/{batch_id}")
def batch_page(request: Request, who: Who, at: At, batch_id: str, done: Word = "") -> Response:
    """One batch: its documents by where they stand."""
    return page(
        request,
        "batch.html",
        title="Batch",
        twin="cutter batch status QUEUE --watch",
        board=batch_board(at, batch_id),
        set_aside={each.value for each in SetAside},
        done=console_of(request).sessions.heard(who.session_id, done, batch_id),
        steps=STEPS,
    )


@router.get("/policy")
def policy_page(request: Request, who: Who, at: At) -> Response:
    """The trust policy, and who could decide now."""
    del who
    return page(
        request,
        "policy.html",
        title="Policy and people",
        twin="cutter policy explain",
        view=people(at),
    )


@router.get("/locks")
def locks_page(
    request: Request, who: Who, at: At, document: Word = "", number: Page = 1
) -> Response:
    """Who drives which document; of one that is named, the facts then and now."""
    del who
    drift, refused = None, None
    if document:
        try:
            drift = drift_view(at, document)
        except Stop as stop:
            refused = stop
    return page(
        request,
        "locks.html",
        title="Locks and drift",
        twin=f"cutter drift {document or 'CODE'}",
        listed=locks(at, number=number),
        documents=document_list(at, 1).rows,
        document=document,
        drift=drift,
        refused=refused,
    )


def audit_query(
    document: Word = "",
    run: Word = "",
    kind: Word = "",
    since: Word = "",
    until: Word = "",
    words: Word = "",
) -> AuditQuery:
    """What is looked for, as the form says it."""
    return AuditQuery(document, run, kind, since, until, words)


@router.get("/audit")
def audit_page(
    request: Request,
    who: Who,
    at: At,
    asked: Annotated[AuditQuery, Depends(audit_query)],
    number: Page = 1,
) -> Response:
    """What happened, newest first."""
    del who
    return page(
        request,
        "audit.html",
        title="Audit",
        twin=f"cutter runs log {asked.run or 'RUN'}",
        listed=audit_rows(at, asked, number=number),
        asked=asked,
        kinds=KINDS,
        query=urlencode({name: value for name, value in asdict(asked).items() if value}),
    )


@router.get("/system")
def system_page(request: Request, who: Who) -> Response:
    """The locks on live work, the doctor's findings, and which program this is."""
    del who
    view = system(console_of(request).desks)
    return page(request, "system.html", title="System", twin="cutter doctor", view=view)
