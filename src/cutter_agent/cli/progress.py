"""Progress: a line that is redrawn on a terminal, plain lines elsewhere, events for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from cutter_agent.cli.output import Output

OnStep: TypeAlias = Callable[[str], None]
"""Told the name of each step as it begins."""


@contextmanager
def shown_steps(out: Output) -> Iterator[OnStep]:
    """Yield the function that shows a step; what is drawn on a terminal is gone afterwards."""
    if out.lively:
        with _redrawn() as on_step:
            yield on_step
        return

    def tell(name: str) -> None:
        out.event("step", step=name)
        out.say(f"  {name}")

    yield tell


@contextmanager
def _redrawn() -> Iterator[OnStep]:
    from rich.console import Console
    from rich.markup import escape

    console = Console(stderr=True)
    with console.status("starting", spinner="dots") as status:
        yield lambda name: status.update(escape(name))
