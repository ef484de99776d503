"""Several requests of a batch signed in one sitting: one signature a document and gate, each shown first."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cutter_agent.cli.output import Output, seen
from cutter_agent.cli.session import opened
from cutter_agent.errors import Stop, StopApprovalRequired, StopRefusedInput

if TYPE_CHECKING:
    from cutter_agent.bootstrap import Desk
    from cutter_agent.cli.signing import Sheet
    from cutter_agent.crypto.person_keys import PersonSigner
    from cutter_agent.evidence.canonical import Json
    from cutter_agent.orchestrator.batch_queue import Queue


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitting:
    """What one person sits down to sign.

    Attributes:
        queue: the file of the batch.
        key: the person's key file, or None for what is at hand.
        person: who signs, or None for the key's owner.
        without: documents that are struck out.
        yes: sign without being asked again.
    """

    queue: Path
    key: Path | None
    person: str | None
    without: tuple[str, ...]
    yes: bool


def sign_batch(sitting: Sitting, show: Callable[[Sheet, Output], None], out: Output) -> int:
    """The person's signature lies beside every waiting request of the batch that they may sign.

    Returns:
        The exit status: 0, or that of the first request that could not be signed.

    Raises:
        StopRefusedInput: a document is struck out that is not in the queue, or nothing waits, or
            nobody can be asked and --yes was not given.
        StopEvidenceMismatch: the log does not extend the one that the person saw last; nothing is
            signed.
    """
    from cutter_agent.bootstrap.approvals import sign_request
    from cutter_agent.bootstrap.offers import offer
    from cutter_agent.bootstrap.witness import remember, witness
    from cutter_agent.cli.batch import read_queue_at
    from cutter_agent.cli.signing import agreed

    with opened(out) as desk:
        read = read_queue_at(desk, sitting.queue)
        sheets = _sheets(desk, read, sitting)
        owner, signer, refused = _signer(desk, out, sheets, sitting)
        able = [sheet for sheet in sheets if sheet.context.run_id not in refused]
        open_sheets = [s for s in able if owner not in _signed(desk, s)]
        seen_last: str | None = None
        for sheet in open_sheets:
            head = witness(desk, sheet.asked.request_bytes, owner, os.environ)
            seen_last = head or seen_last
        for sheet in open_sheets:
            show(sheet, out)
        question = f"As {owner}: sign {len(open_sheets)} requests of {seen(read.batch_id)}?"
        told = ("approve", "--batch", str(sitting.queue))
        if open_sheets and not sitting.yes and not agreed(question, told, out):
            return StopApprovalRequired.exit_status
        paths = {
            sheet.context.run_id: sign_request(
                desk.runs_dir, sheet.context, person=owner, signer=signer
            )
            for sheet in open_sheets
        }
        for sheet in open_sheets:
            offer(desk, sheet.context, paths[sheet.context.run_id])
        remember(desk, seen_last, owner, os.environ)
    _tell(read, owner, able, paths, refused, sitting, out)
    return next((stop.exit_status for stop in refused.values()), 0)


def _sheets(desk: Desk, read: Queue, sitting: Sitting) -> list[Sheet]:
    from cutter_agent.cli.batch import batch_status
    from cutter_agent.cli.signing import sheet_of

    unknown = sorted(set(sitting.without) - set(read.document_ids))
    if unknown:
        raise StopRefusedInput(
            f"{', '.join(unknown)} is not a document of the queue {read.batch_id}",
            expected=", ".join(read.document_ids[:10]),
            remedy=f"cutter approve --batch {sitting.queue}",
        )
    sheets = [
        sheet_of(desk, item.context, rejects=False)
        for item in batch_status(desk, read).items
        if item.context is not None
        and item.waits_for is not None
        and item.document_id not in sitting.without
    ]
    if not sheets:
        raise StopRefusedInput(
            "no document of the batch waits for a signature",
            expected="a batch that was driven to a pause",
            remedy=f"cutter batch run {sitting.queue}",
        )
    return sheets


def _signer(
    desk: Desk, out: Output, sheets: Sequence[Sheet], sitting: Sitting
) -> tuple[str, PersonSigner, dict[str, Stop]]:
    """Return the person, their signer, and the stop of each request that they may not sign.

    The key is opened once; it is judged for every request on its own.

    Raises:
        Stop: they may sign none of them.
    """
    from cutter_agent.cli.signing import signer_for

    found: tuple[str, PersonSigner] | None = None
    refused: dict[str, Stop] = {}
    for sheet in sheets:
        try:
            if found is None:
                found = signer_for(desk, out, sheet, key=sitting.key, person=sitting.person)
            else:
                sheet.check(found[1].public_key)
        except Stop as stop:
            refused[sheet.context.run_id] = stop
    if found is None:
        raise next(iter(refused.values()))
    return *found, refused


def _signed(desk: Desk, sheet: Sheet) -> set[str]:
    name = sheet.asked.request.document
    offered = desk.reporter().signatures(sheet.context.run_id, name)
    return {each.person for each in offered if not each.rejects}


def _tell(
    read: Queue,
    owner: str,
    able: Sequence[Sheet],
    paths: dict[str, Path],
    refused: dict[str, Stop],
    sitting: Sitting,
    out: Output,
) -> None:
    signed: list[Json] = []
    lines: list[str] = [f"{owner} signed {len(paths)} requests of {seen(read.batch_id)}"]
    for sheet in able:
        context, request = sheet.context, sheet.asked.request
        path = paths.get(context.run_id)
        before = "" if path is not None else "  (signed before)"
        lines.append(f"  {seen(context.document_id)}  {request.gate.name}{before}")
        signed.append(
            {
                "document_id": context.document_id,
                "run_id": context.run_id,
                "gate": request.gate.value,
                "request_sha256": request.request_sha256,
                "signature": None if path is None else str(path),
            }
        )
    lines += [f"  not {run_id}: {seen(stop.fact)}" for run_id, stop in refused.items()]
    lines += [f"  not {seen(code)}: struck out" for code in sitting.without]
    following = f"cutter batch run {sitting.queue}"
    if any(sheet.context.history.header.mode.value == "live" for sheet in able):
        following += " --live"
    document: dict[str, Json] = {
        "schema": "cutter.batch-decision/1",
        "batch_id": read.batch_id,
        "person": owner,
        "signed": signed,
        "refused": [
            {"run_id": run_id, "code": stop.code, "fact": stop.fact}
            for run_id, stop in refused.items()
        ],
        "struck_out": list(sitting.without),
        "remedy": following,
    }
    out.data(document, lambda: [*lines, f"Next   {seen(following)}"])
