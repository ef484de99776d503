"""Arguments that name a run or a document: a shell may finish them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_Command = TypeVar("_Command", bound=Callable[..., Any])


def run_argument(*, required: bool = True) -> Callable[[_Command], _Command]:
    """The command takes RUN, the id of a run."""
    return click.argument("run", required=required, shell_complete=_runs)


def code_argument(*, required: bool = True) -> Callable[[_Command], _Command]:
    """The command takes CODE, the code of a document."""
    return click.argument("code", required=required, shell_complete=_codes)


def _runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from cutter_agent.cli.completion import known_runs

    return known_runs(ctx, param, incomplete)


def _codes(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from cutter_agent.cli.completion import known_codes

    return known_codes(ctx, param, incomplete)
