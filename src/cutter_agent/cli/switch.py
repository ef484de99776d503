"""`cutter switch`: the database's own lock on live writing, turned with a reason that stays on record."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cutter_agent.cli.main import SuggestingGroup
from cutter_agent.cli.output import Output, seen, speaks
from cutter_agent.cli.session import opened

if TYPE_CHECKING:
    from cutter_agent.bootstrap import Desk
    from cutter_agent.evidence.canonical import Json
    from cutter_agent.postgres.deployment import SwitchState


@click.group(cls=SuggestingGroup)
def command() -> None:
    """Arm or disarm live writing."""


@command.command()
@click.option("--reason", required=True, help="Why; stays on record.")
@speaks()
def arm(*, reason: str, out: Output) -> None:
    """Arm the switch: live runs may write from now on.

    The other two locks stay: execution must be enabled in the settings, and each write needs a
    signed approval.

    Example: cutter switch arm --reason "cut of the new charter"
    """
    with opened(out) as desk:
        _answer(desk, desk.turn_switch(armed=True, reason=reason), out)


@command.command()
@click.option("--reason", required=True, help="Why; stays on record.")
@speaks()
def disarm(*, reason: str, out: Output) -> None:
    """Disarm the switch: nothing can be written live from now on.

    Example: cutter switch disarm --reason "done"
    """
    with opened(out) as desk:
        _answer(desk, desk.turn_switch(armed=False, reason=reason), out)


@command.command()
@speaks()
def show(*, out: Output) -> None:
    """Show the switch, and the lock in the settings.

    Example: cutter switch show
    """
    with opened(out) as desk:
        _answer(desk, desk.switch(), out)


def _answer(desk: Desk, state: SwitchState, out: Output) -> None:
    enabled = desk.settings.execution_enabled
    document: dict[str, Json] = {
        "schema": "cutter.switch/1",
        "armed": state.armed,
        "reason": state.reason,
        "actor": state.actor,
        "set_utc": state.set_utc or None,
        "execution_enabled": enabled,
    }
    out.data(document, lambda: _lines(state, enabled=enabled))


def _lines(state: SwitchState, *, enabled: bool) -> list[str]:
    turned = f" by {seen(state.actor)} at {state.set_utc}: {seen(state.reason)}"
    lines = [
        (
            f"Switch    {'armed' if state.armed else 'disarmed'}"
            f"{turned if state.set_utc else '; it was never turned'}"
        ),
        f"Settings  execution is {'enabled' if enabled else 'disabled'}",
    ]
    if state.armed and enabled:
        return [*lines, "Live runs may write, each with its signed approvals."]
    following = "cutter switch arm --reason TEXT" if enabled else "cutter init --execution-enabled"
    return [*lines, "Nothing can be written live.", f"Next      {following}"]
