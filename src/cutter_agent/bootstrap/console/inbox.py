"""The inbox: every run that is not over, what it waits for, and whether it waits for this person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from cutter_agent.bootstrap.console.paging import Part, part
from cutter_agent.bootstrap.console.recall import recall_of
from cutter_agent.bootstrap.facts_now import drifted_ones
from cutter_agent.bootstrap.standing import (
    Standing,
    explain,
    recorded_stop,
    standing_under,
)
from cutter_agent.errors import StopEvidenceMismatch

if TYPE_CHECKING:
    from cutter_agent.bootstrap.desk import Desk
    from cutter_agent.orchestrator.run_context import RunContext

ITEMS_A_PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class InboxItem:
    """One run that waits for somebody.

    Attributes:
        waits_for: the gate's short name, a stop code, or `resume`.
        cause: why it stands still, in one sentence.
        who: the persons who may still decide; empty where no signature is missing.
        signed: who has signed.
        threshold: how many must sign; 0 where nobody is asked.
        left_s: seconds until the request expires, or None without a request.
        drifted: true if a fact changed since the run pinned it: an approval would not be taken.
        mine: true if it waits for the person who looks.
        command: the exact next command.
    """

    run_id: str
    document_id: str
    mode: str
    state: str
    waits_for: str
    cause: str
    who: tuple[str, ...]
    signed: tuple[str, ...]
    threshold: int
    expires_utc: str
    left_s: int | None
    mine: bool
    command: str
    drifted: bool = False


def inbox(
    desk: Desk, person: str | None, *, number: int = 1, size: int = ITEMS_A_PAGE, only: bool = False
) -> Part[InboxItem]:
    """What waits, what waits for this person first, then by the time that is left.

    Args:
        desk: the deployment.
        person: who looks; None for nobody in particular.
        number: the page, from 1.
        size: items a page.
        only: leave out what waits for others.
    """
    items = [item for item in _items(desk, person) if item.mine or not only]
    items.sort(key=lambda each: (not each.mine, each.left_s is None, each.left_s or 0, each.run_id))
    page = part(items, number, size)
    return replace(page, rows=tuple(_judged(desk, page.rows)))


def _judged(desk: Desk, rows: Sequence[InboxItem]) -> Iterator[InboxItem]:
    """The rows of one page, each that waits for signatures with whether its facts still hold."""
    recall = recall_of(desk)
    stamps = recall.stamps(desk)
    read = (
        recall.context(desk, row.run_id, stamps.get(row.run_id)) for row in rows if row.threshold
    )
    changed = drifted_ones(desk, [each for each in read if each is not None], desk.policy())
    for row in rows:
        onward = f"cutter resume {row.run_id}"
        yield replace(row, drifted=True, command=onward) if row.run_id in changed else row


def _items(desk: Desk, person: str | None) -> list[InboxItem]:
    recall = recall_of(desk)
    waiting = [row for row in recall.rows(desk) if not row.over]
    if not waiting:
        return []
    policy, now = desk.policy(), desk.now_utc()
    stamps = recall.stamps(desk)
    items: list[InboxItem] = []
    for row in waiting:
        context = recall.context(desk, row.run_id, stamps.get(row.run_id))
        if context is None:
            items.append(_unreadable(row.run_id))
        elif not context.over:
            items.append(_item(context, standing_under(desk, context, policy, now), person, desk))
    return items


def _item(context: RunContext, here: Standing, person: str | None, desk: Desk) -> InboxItem:
    stop, request = recorded_stop(context), here.request
    cause, _, command = explain(context, here, stop)
    who = () if request is None or here.complete or here.left_s <= 0 else here.may_sign
    waits_for = "resume" if stop is None else stop.code
    runner = person is not None and person == desk.settings.operator
    return InboxItem(
        run_id=context.run_id,
        document_id=context.document_id,
        mode=context.history.header.mode.value,
        state=context.state.value,
        waits_for=waits_for if request is None else request.gate.name,
        cause=cause,
        who=who,
        signed=here.signed,
        threshold=here.threshold,
        expires_utc="" if request is None else request.expires_utc,
        left_s=None if request is None else int(here.left_s),
        mine=person in who if who else runner,
        command=command,
    )


def _unreadable(run_id: str) -> InboxItem:
    return InboxItem(
        run_id=run_id,
        document_id="",
        mode="",
        state="unreadable",
        waits_for=StopEvidenceMismatch.code,
        cause=StopEvidenceMismatch.summary,
        who=(),
        signed=(),
        threshold=0,
        expires_utc="",
        left_s=None,
        mine=False,
        command=f"cutter verify {run_id}",
    )
