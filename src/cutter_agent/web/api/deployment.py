"""The deployment over the API: documents, policy, locks, what happened, how it stands."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from cutter_agent.bootstrap.citing import cite
from cutter_agent.bootstrap.console.audit import AuditQuery, audit_rows
from cutter_agent.bootstrap.console.locks import drift_view, locks
from cutter_agent.bootstrap.console.paging import part
from cutter_agent.bootstrap.console.people import people
from cutter_agent.bootstrap.console.system import system
from cutter_agent.bootstrap.sources import all_sources
from cutter_agent.evidence.citation import citation_bytes
from cutter_agent.web.api.answers import refusals
from cutter_agent.web.api.deployment_models import (
    AuditAsked,
    AuditShown,
    DocumentsShown,
    DriftShown,
    LocksShown,
    PolicyShown,
    SystemShown,
)
from cutter_agent.web.api.runs import At, Number, Reader, Size
from cutter_agent.web.console import console_of

router = APIRouter(tags=["deployment"])


@router.get("/documents", responses=refusals())
def list_documents(who: Reader, at: At, number: Number = 1, size: Size = 50) -> DocumentsShown:
    """Source versions, by document, the newest first."""
    del who
    return DocumentsShown.model_validate(part(all_sources(at), number, size))


@router.get("/documents/{code}/drift", responses=refusals(404))
def drift_of_document(code: str, who: Reader, at: At) -> DriftShown:
    """The document's facts as its newest run pinned them, and as they are now."""
    del who
    return DriftShown.model_validate(drift_view(at, code))


@router.get("/citations", responses=refusals(404, 409))
def citation(
    who: Reader,
    at: At,
    address: Annotated[str, Query(max_length=1000, description="A unit's address.")],
    as_of: Annotated[str | None, Query(max_length=10, description="ISO date.")] = None,
) -> dict[str, Any]:
    """The unit in force at the address, with the proof that anybody can check."""
    del who
    found: dict[str, Any] = json.loads(citation_bytes(cite(at, address, as_of)))
    return found


@router.get("/policy", responses=refusals(409))
def show_policy(who: Reader, at: At) -> PolicyShown:
    """Who is in the trust policy, and what each could do now."""
    del who
    return PolicyShown.model_validate(people(at))


@router.get("/locks", responses=refusals())
def list_locks(who: Reader, at: At, number: Number = 1, size: Size = 50) -> LocksShown:
    """Who drove each document last, those first that are driven now."""
    del who
    return LocksShown.model_validate(locks(at, number=number, size=size))


@router.get("/audit", responses=refusals())
def search_audit(who: Reader, at: At, asked: Annotated[AuditAsked, Query()]) -> AuditShown:
    """What happened in the database, newest first."""
    del who
    query = AuditQuery(**asked.model_dump(exclude={"number", "size"}))
    return AuditShown.model_validate(audit_rows(at, query, number=asked.number, size=asked.size))


@router.get("/system", responses=refusals())
def show_system(request: Request, who: Reader) -> SystemShown:
    """The locks of live work, and everything that `cutter doctor` looks at."""
    del who
    return SystemShown.model_validate(system(console_of(request).desks))
