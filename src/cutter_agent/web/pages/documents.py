"""The document explorer: documents, units, versions, citations."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from cutter_agent.bootstrap.citing import cite
from cutter_agent.bootstrap.console.documents import document_list, document_view, unit_view
from cutter_agent.evidence.citation import citation_bytes
from cutter_agent.web.pages.shell import At, Page, Who, Word
from cutter_agent.web.render import page

router = APIRouter(include_in_schema=False)


@router.get("/documents")
def documents_page(request: Request, who: Who, at: At, q: Word = "", number: Page = 1) -> Response:
    """Every document, and what of it is in force."""
    del who
    return page(
        request,
        "documents.html",
        title="Documents",
        twin="cutter source list",
        listed=document_list(at, number, q),
        looked_for=q,
    )


@router.get("/documents/{code}")
def document_page(
    request: Request, who: Who, at: At, code: str, number: Page = 1, as_of: Word = ""
) -> Response:
    """One document: its source versions, its cuts, its units in force."""
    del who
    return page(
        request,
        "document.html",
        title="Document",
        twin=f"cutter source show {code}",
        view=document_view(at, code, number, as_of),
    )


@router.get("/units/{address:path}")
def unit_page(request: Request, who: Who, at: At, address: str, as_of: Word = "") -> Response:
    """One unit: its versions, and the citation of the one in force with its proof."""
    del who
    if request.query_params.get("as") == "citation":
        found = cite(at, address, as_of or None)
        name = "".join(c if c.isascii() and c.isalnum() else "-" for c in address)
        disposition = f'attachment; filename="{found.run_id}.{name}.citation.json"'
        return Response(
            citation_bytes(found),
            media_type="application/json",
            headers={"Content-Disposition": disposition},
        )
    return page(
        request,
        "unit.html",
        title="Unit",
        twin=f"cutter cite {address}" + (f" --as-of {as_of}" if as_of else ""),
        view=unit_view(at, address, as_of),
        as_of=as_of,
    )
