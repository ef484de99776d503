"""The console's pages: each reads one screen's values at the desk and puts them into its template."""

from __future__ import annotations

from fastapi import APIRouter

from cutter_agent.web.pages import deployment, documents, doors, plan, runs

router = APIRouter(include_in_schema=False)
for part in (doors, runs, plan, documents, deployment):
    router.include_router(part.router)
