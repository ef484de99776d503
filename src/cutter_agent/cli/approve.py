"""`cutter approve` and `cutter reject`: a person reads what a run asks for and signs yes or no."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from cutter_agent.bootstrap.standing import context_of, standing, time_left
from cutter_agent.cli.edge import seen_lines
from cutter_agent.cli.output import Output, seen, speaks
from cutter_agent.cli.run_view import next_lines
from cutter_agent.cli.session import opened
from cutter_agent.errors import StopApprovalRequired, StopRefusedInput

if TYPE_CHECKING:
    from cutter_agent.bootstrap import Desk
    from cutter_agent.cli.signing import Sheet
    from cutter_agent.evidence.canonical import Json
    from cutter_agent.orchestrator.run_context import RunContext

REASON_CHARS_MAX: Final = 2_000
_RUN = click.argument("run")
_KEY = click.option(
    "--key", type=click.Path(path_type=Path), help="An OpenSSH private key. Default: the ssh-agent."
)
_PERSON = click.option("--person", help="Who signs. Default: the key's owner by the trust policy.")
_YES = click.option("--yes", is_flag=True, help="Sign without being asked again.")


@click.command()
@click.argument("run", required=False)
@_KEY
@_PERSON
@_YES
@click.option(
    "--batch", type=click.Path(path_type=Path), help="Sign all that waits of this queue, not a RUN."
)
@click.option("--without", multiple=True, metavar="CODE", help="Strike a document out of --batch.")
@speaks()
def approve(
    run: str | None,
    *,
    key: Path | None,
    person: str | None,
    yes: bool,
    batch: Path | None,
    without: tuple[str, ...],
    out: Output,
) -> int:
    """Sign what a run asks for.

    Shows the review sheet, checks that the signature could count, asks, and leaves the signature
    beside the request. Where nobody can be asked (no terminal, --json, --no-input) it takes --yes.
    An encrypted key's passphrase is asked for, or read from the file that
    CUTTER_KEY_PASSPHRASE_FILE names. With --batch every waiting request of a queue is shown and
    signed in one sitting: one signature a document and gate.

    Example: cutter approve RUN --key ~/.ssh/id_ed25519
    """
    if (run is None) == (batch is None) or (without and batch is None):
        raise click.UsageError("Name either a RUN or a --batch; --without goes with --batch.")
    if run is None or batch is not None:
        from cutter_agent.cli.batch_signing import Sitting, sign_batch

        queue = Path() if batch is None else batch
        sitting = Sitting(queue=queue, key=key, person=person, without=without, yes=yes)
        return sign_batch(sitting, _show, out)
    return _decide(run, key=key, person=person, yes=yes, reason=None, out=out)


@click.command()
@_RUN
@_KEY
@_PERSON
@_YES
@click.option("--reason", required=True, help="Why, for those who come after.")
@speaks()
def reject(
    run: str, *, key: Path | None, person: str | None, yes: bool, reason: str, out: Output
) -> int:
    """Sign a refusal.

    One refusal by a person of the gate ends the run. The reason lies beside the signature.

    Example: cutter reject RUN --reason "Article 12 is not what was agreed"
    """
    if not reason.strip() or len(reason) > REASON_CHARS_MAX:
        raise StopRefusedInput(
            "the reason is empty or too long",
            expected=f"1 to {REASON_CHARS_MAX} characters",
            run_id=run,
            remedy="cutter reject {run} --reason TEXT",
        )
    return _decide(run, key=key, person=person, yes=yes, reason=reason.strip(), out=out)


def _decide(
    run: str, *, key: Path | None, person: str | None, yes: bool, reason: str | None, out: Output
) -> int:
    from cutter_agent.bootstrap.approvals import sign_request
    from cutter_agent.bootstrap.offers import offer
    from cutter_agent.bootstrap.witness import remember, witness
    from cutter_agent.cli.signing import agreed, sheet_of, signer_for

    rejects = reason is not None
    with opened(out) as desk:
        context = context_of(desk, run)
        sheet = sheet_of(desk, context, rejects=rejects)
        owner, signer = signer_for(desk, out, sheet, key=key, person=person)
        head = witness(desk, sheet.asked.request_bytes, owner, os.environ)
        _show(sheet, out)
        verb = "refuse" if rejects else "sign"
        gate = sheet.asked.request.gate.name
        question = f"As {owner}: {verb} {gate} of {seen(context.document_id)}?"
        told = ("reject", run, "--reason", reason) if rejects else ("approve", run)
        if not yes and not agreed(question, told, out):
            return StopApprovalRequired.exit_status
        path = sign_request(desk.runs_dir, context, person=owner, signer=signer, reject=rejects)
        offer(desk, context, path)
        remember(desk, head, owner, os.environ)
        if reason is not None:
            from cutter_agent.bootstrap.approvals import reason_file

            reason_file(path.parent, sheet.asked.request.document, owner, reason)
        return _told(desk, out, context, owner, path, rejects=rejects)


def _show(sheet: Sheet, out: Output) -> None:
    """Write the request for people: what is signed is what is seen."""
    request, header = sheet.asked.request, sheet.context.history.header
    if out.form != "text":
        return
    left_s = _left_s(sheet)
    out.line(f"{request.gate}  {seen(header.run_id)}  {header.mode}  {time_left(left_s)}")
    out.line(f"sha256:{request.request_sha256}")
    out.line()
    out.line(seen_lines(sheet.asked.request_bytes.decode()))


def _left_s(sheet: Sheet) -> float:
    from cutter_agent.orchestrator.clock import parse_utc

    expires = parse_utc(sheet.asked.request.expires_utc)
    return 0.0 if expires is None else (expires - sheet.now_utc).total_seconds()


def _told(
    desk: Desk, out: Output, context: RunContext, owner: str, path: Path, *, rejects: bool
) -> int:
    here = standing(desk, context)
    request = here.request
    following = f"cutter {'approve' if not here.complete else 'resume'} {context.run_id}"
    document: dict[str, Json] = {
        "schema": "cutter.decision/1",
        "run_id": context.run_id,
        "document_id": context.document_id,
        "gate": None if request is None else request.gate.value,
        "decision": "reject" if rejects else "approve",
        "person": owner,
        "request_sha256": None if request is None else request.request_sha256,
        "signature": str(path),
        "signed": list(here.signed),
        "rejected": list(here.rejected),
        "threshold": here.threshold,
        "remedy": following,
    }
    gate = "the request" if request is None else request.gate.name
    said = "refused" if rejects else "signed"
    lines = [f"{owner} {said} {gate}: {len(here.signed)} of {here.threshold} signatures"]
    lines += [f"  {seen(str(path))}", *next_lines(following, here, out)]
    out.data(document, lambda: lines)
    return 0
