"""The console's pages: each reads one screen's values at the desk and puts them into its template."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from cutter_agent.web.pages import deployment, documents, doors, plan, runs

PARTS: Final = (doors.router, runs.router, plan.router, documents.router, deployment.router)
router = APIRouter(include_in_schema=False)
for part in PARTS:
    router.include_router(part)
