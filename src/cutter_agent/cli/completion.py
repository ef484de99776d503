"""`cutter completion`: what a shell needs to finish a word, and the names that it may offer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import click
from click.shell_completion import CompletionItem, get_completion_class

from cutter_agent.cli.output import Output, speaks
from cutter_agent.errors import EXIT_DONE, Stop

if TYPE_CHECKING:
    from cutter_agent.bootstrap.indexed import IndexedRun

SHELLS: Final = ("bash", "zsh", "fish")
VARIABLE: Final = "_CUTTER_COMPLETE"
OFFERED_MAX: Final = 50


def known_runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Return the runs whose id begins so, newest first, each with its document and mode."""
    del ctx, param
    found = [
        CompletionItem(run.run_id, help=f"{run.document_id} {run.mode}".strip() or "in flight")
        for run in _runs()
        if run.run_id.startswith(incomplete)
    ]
    return found[:OFFERED_MAX]


def known_codes(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Return the codes of documents that had a run here and begin so, in order."""
    del ctx, param
    codes = {run.document_id for run in _runs() if run.document_id.startswith(incomplete)}
    return [CompletionItem(code) for code in sorted(codes - {""})[:OFFERED_MAX]]


def _runs() -> list[IndexedRun]:
    """The runs of the home; none where there is no home, for a shell wants no error here."""
    from cutter_agent.bootstrap.home import home_of
    from cutter_agent.bootstrap.indexed import indexed_runs

    try:
        return indexed_runs(home_of(os.environ))
    except (Stop, OSError):
        return []


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@speaks()
def completion(shell: str, *, out: Output) -> int:
    """Write a shell's completion script.

    Put its output where your shell looks for completions, or evaluate it in the shell's start file.
    Commands, options, ids of runs and codes of documents are then finished with the tab key.

    Example: cutter completion bash > ~/.local/share/bash-completion/completions/cutter
    """
    from cutter_agent.cli.main import cutter

    script = get_completion_class(shell)
    if script is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    source = script(cutter, {}, "cutter", VARIABLE).source()
    out.data(
        {"schema": "cutter.completion/1", "shell": shell, "script": source},
        source.splitlines,
    )
    return EXIT_DONE
