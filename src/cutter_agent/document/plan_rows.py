"""The very bytes that a plan's writer digest is over, for whoever wants to hash them."""

from __future__ import annotations

from cutter_agent.document import cutplan
from cutter_agent.document.cutplan import Change, CutPlan


def plan_bytes(plan: CutPlan) -> bytes:
    """A head, then every row to write, keep or retire; SHA-256 of it is `plan.plan_sha256`."""
    head = [cutplan.PLAN_SCHEMA, plan.document_id, plan.source_version_id, plan.source_sha256]
    rows: list[object] = [[*head, plan.profile_sha256]]
    rows += [cutplan._row(unit) for unit in plan.units]  # noqa: SLF001 - a row has one form
    rows += [[Change.RETIRED.value, gone.address, gone.unit_id] for gone in plan.retired]
    return b"".join(cutplan._canonical(row) for row in rows)  # noqa: SLF001 - and one spelling
