"""Citations of a deployment: a unit in force with its proof, and the versions that a quote is looked for in."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from cutter_agent.bootstrap.evidence import verifier_key
from cutter_agent.errors import StopDocumentUnknown, StopEvidenceMismatch, StopRefusedInput
from cutter_agent.evidence.citation import (
    CITATION_SCHEMA,
    Citation,
    InForce,
    Sealed,
    TreePlace,
    verify_citation,
)
from cutter_agent.evidence.merkle import Tree
from cutter_agent.orchestrator.grants import ROLE_READER
from cutter_agent.orchestrator.phases.leg_b_record import LegBRecorded
from cutter_agent.orchestrator.run_context import RunContext

if TYPE_CHECKING:
    from cutter_agent.bootstrap.desk import Desk
    from cutter_agent.postgres.cited import HeldText

ADDRESS_CHARS_MAX = 1_000


def cite(desk: Desk, address: str, as_of: str | None = None) -> Citation:
    """The citation of the version in force at the address; it holds in every check.

    Args:
        desk: the open deployment.
        address: of the unit.
        as_of: the day, YYYY-MM-DD; None is today by the database's clock (UTC).

    Raises:
        StopDocumentUnknown: no document has the code that the address begins with.
        StopRefusedInput: nothing is in force at the address, or the day is none.
        StopEvidenceMismatch: the rows do not lead to what was signed; somebody edited them.
    """
    from cutter_agent.postgres.cited import cited_unit

    document_id = document_of(desk, address)
    day = day_of(as_of)
    unit = cited_unit(desk.select(ROLE_READER), document_id, address, day)
    if unit is None:
        raise _nothing_there(document_id, address, day)
    context = RunContext(desk.load(unit.run_id))
    recorded = context.get(LegBRecorded)
    if recorded is None:
        raise StopEvidenceMismatch("the run has recorded no manifest", run_id=unit.run_id)
    tree = Tree(unit.leaves)
    citation = Citation(
        schema=CITATION_SCHEMA,
        address=address,
        document_id=document_id,
        run_id=unit.run_id,
        source_version_id=unit.source_version_id,
        in_force=InForce(unit.effective_from, unit.effective_until),
        text=unit.text.decode(),
        record=unit.record.decode(),
        proof=TreePlace(
            unit.position, len(tree), tuple(h.hex() for h in tree.inclusion_proof(unit.position))
        ),
        root=tree.root().hex(),
        executor=Sealed(unit.executor_envelope.decode(), recorded.executor_public_hex),
        verifier=Sealed(unit.verifier_envelope.decode(), verifier_key(desk, context).hex()),
    )
    odd = [check for check in verify_citation(citation) if not check.held]
    if odd:
        raise StopEvidenceMismatch(
            f"{address} is not what was signed: {odd[0].id}: {odd[0].because}",
            run_id=unit.run_id,
            document_id=document_id,
            remedy="cutter verify {run}",
        )
    return citation


def versions_of(desk: Desk, address: str) -> tuple[HeldText, ...]:
    """Every version that was ever in force at the address, the newest first.

    Raises:
        StopDocumentUnknown: no document has the code that the address begins with.
        StopRefusedInput: nothing was ever in force at the address.
    """
    from cutter_agent.postgres.cited import unit_texts

    document_id = document_of(desk, address)
    texts = unit_texts(desk.select(ROLE_READER), document_id, address)
    if not texts:
        raise _nothing_there(document_id, address, None)
    return texts


def document_of(desk: Desk, address: str) -> str:
    """The code of the document that the address is of.

    Raises:
        StopRefusedInput: it is no address.
        StopDocumentUnknown: there is no such document.
    """
    code, slash, rest = address.partition("/")
    if not (code and slash and rest) or len(address) > ADDRESS_CHARS_MAX or "\0" in address:
        raise StopRefusedInput(
            f"{address[:80]!a} is no address of a unit",
            expected="CODE/UNIT, such as ICX-CONST/DIEU-7",
            remedy="cutter cite --help",
        )
    if desk.facts().find_source_document(code) is None:
        raise StopDocumentUnknown(f"no document is called {code[:80]!a}", document_id=code)
    return code


def day_of(as_of: str | None) -> str | None:
    """The day as the database reads it; None for today.

    Raises:
        StopRefusedInput: it is no day.
    """
    if as_of is None:
        return None
    try:
        return date.fromisoformat(as_of).isoformat()
    except ValueError:
        raise StopRefusedInput(
            f"{as_of[:40]!a} is no day", expected="YYYY-MM-DD", remedy="cutter cite --help"
        ) from None


def _nothing_there(document_id: str, address: str, day: str | None) -> StopRefusedInput:
    when = "today" if day is None else f"on {day}"
    return StopRefusedInput(
        f"nothing is in force at {address[:200]} {when}",
        expected="the address of a unit that was enacted",
        document_id=document_id,
        remedy="cutter source show {document}",
    )
