"""`cutter orchestrate`: cut and resume under the names that older scripts call."""

from __future__ import annotations

import click

from cutter_agent.cli.cut import begin
from cutter_agent.cli.main import SuggestingGroup
from cutter_agent.cli.names import run_argument
from cutter_agent.cli.output import Output, speaks
from cutter_agent.cli.resume import continue_run


@click.group(cls=SuggestingGroup)
def orchestrate() -> None:
    """Older names of cut and resume.

    Example: cutter orchestrate cut --document-id ICX-CONST
    """


@orchestrate.command()
@click.option("--document-id", required=True, help="The document's code.")
@click.option("--live", is_flag=True, help="Write into the database. Default: a dry run.")
@click.option("--wait", is_flag=True, help="Wait for the approvals and go on.")
@speaks(long=True)
def cut(document_id: str, *, live: bool, wait: bool, out: Output) -> int:
    """Begin a run of a document.

    Example: cutter orchestrate cut --document-id ICX-CONST
    """
    return begin(document_id, live=live, wait=wait, out=out)


@orchestrate.command()
@run_argument(required=False)
@click.option("--run-id", help="The run, as an option.")
@click.option("--approval", help="An approval by name: sha256:<digest>, or the path of its file.")
@click.option("--wait", is_flag=True, help="Wait for the approvals and go on.")
@speaks(long=True)
def resume(
    run: str | None, *, run_id: str | None, approval: str | None, wait: bool, out: Output
) -> int:
    """Go on with a run.

    Example: cutter orchestrate resume --run-id RUN
    """
    if run and run_id and run != run_id:
        raise click.UsageError("RUN and --run-id name two runs")
    return continue_run(run or run_id, approval=approval, wait=wait, out=out)
