"""Plan review: the units of a source, the source with one of them lit, and what would become different."""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Final

from cutter_agent.bootstrap.console.differ import Piece, pieces
from cutter_agent.bootstrap.console.missing import no_such_unit
from cutter_agent.bootstrap.console.paging import Part, page_of, part
from cutter_agent.bootstrap.console.source import SourceView, source_view
from cutter_agent.document.cutplan import Change, InForceUnit, PlannedUnit
from cutter_agent.errors import StopRefusedInput
from cutter_agent.orchestrator.grants import ROLE_READER
from cutter_agent.orchestrator.phases.cutplan import CutPlanned
from cutter_agent.orchestrator.reading import Reading

if TYPE_CHECKING:
    from cutter_agent.bootstrap.desk import Desk
    from cutter_agent.document.grammar import Profile
    from cutter_agent.document.units import Coverage, Unit
    from cutter_agent.orchestrator.run_context import RunContext

TREE_ROWS: Final = 200
DIFFERENCE_ROWS: Final = 40
FINDINGS_MAX: Final = 200
READINGS_KEPT: Final = 4
EXCLUDED: Final = "excluded"
ASIDE: Final = "aside"
_ORDER: Final = (Change.CHANGED, Change.RETIRED, Change.CREATED)


@dataclass(frozen=True, slots=True)
class UnitRow:
    """One unit in the tree; `change` is what the plan does with it, or why it does nothing."""

    address: str
    kind: str
    alias: str
    num: str
    heading: str
    depth: int
    change: str
    reason: str

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.address.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Remark:
    """A finding of the marker, and the unit that it lies in."""

    code: str
    severity: str
    start: int
    sentence: str
    address: str | None


@dataclass(frozen=True, slots=True)
class DifferenceRow:
    """What becomes of one unit: its text before and after, as stretches."""

    address: str
    change: str
    kind: str
    heading: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReview:
    """One page of the review.

    Attributes:
        language: of the source, as its profile says (BCP 47), or an empty text.
        only_changes: whether the tree leaves out what stays as it is.
        selected: address of the lit unit.
        place: its place in the list that the tree shows, from 1; 0 if it is not in it.
        before: address of the row before the lit one, or None.
        after: address of the row behind it, or None.
    """

    run_id: str
    document_id: str
    language: str
    version_no: int
    profile: str
    source_sha256: str
    plan_sha256: str
    manifest_root: str
    tree_size: int
    counts: dict[str, int]
    coverage: Coverage
    remarks: tuple[Remark, ...]
    remarks_left_out: int
    only_changes: bool
    tree: Part[UnitRow]
    selected: UnitRow | None
    place: int
    before: str | None
    after: str | None
    source: SourceView | None
    differences: Part[DifferenceRow]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the reader asked for; numbers of pages count from 1, 0 lets the review choose."""

    unit: str | None = None
    only_changes: bool | None = None
    tree_page: int = 0
    difference_page: int = 0


def plan_review(desk: Desk, context: RunContext, asked: Asked) -> PlanReview:
    """The review of a run's plan, as far as it was asked for.

    Raises:
        NothingThereError: the plan has no unit of the name that was asked for.
        StopRefusedInput: the run has no plan yet.
        StopEvidenceMismatch: the plan cannot be made again from the source.
    """
    book = plan_book(desk, context)
    reading = book.reading
    marked, plan = reading.marked, reading.plan
    only = bool(plan.kept) if asked.only_changes is None else asked.only_changes
    chosen = None if asked.unit is None else book.find(asked.unit)
    if asked.unit is not None and chosen is None:
        raise no_such_unit(asked.unit, context.run_id)
    if only and chosen is not None and chosen not in book.change_places:
        only = False
    rows = book.changes if only else book.rows
    places = book.change_places if only else book.places
    selected = chosen or next((row.address for row in book.changes), None)
    selected = selected or next((row.address for row in rows if row.change != ASIDE), None)
    at = places.get(selected or "")
    tree_page = asked.tree_page or (1 if at is None else page_of(at, TREE_ROWS))
    changed = book.difference_places.get(selected or "", 0)
    difference_page = asked.difference_page or page_of(changed, DIFFERENCE_ROWS)
    return PlanReview(
        run_id=context.run_id,
        document_id=context.document_id,
        language=language_of(reading.profile),
        version_no=reading.version.version_no,
        profile=reading.version.profile_name,
        source_sha256=reading.source_sha256,
        plan_sha256=plan.plan_sha256,
        manifest_root=reading.manifest_root,
        tree_size=len(plan.units),
        counts={
            **{change.value: count for change, count in plan.counts.items()},
            EXCLUDED: len(marked.excluded),
        },
        coverage=marked.coverage,
        remarks=book.remarks[:FINDINGS_MAX],
        remarks_left_out=max(0, len(book.remarks) - FINDINGS_MAX),
        only_changes=only,
        tree=part(rows, tree_page, TREE_ROWS),
        selected=None if selected is None else book.rows[book.places[selected]],
        place=0 if at is None else at + 1,
        before=rows[at - 1].address if at else None,
        after=rows[at + 1].address if at is not None and at + 1 < len(rows) else None,
        source=book.lit(selected),
        differences=_shown(desk, reading, part(book.differences, difference_page, DIFFERENCE_ROWS)),
    )


def language_of(profile: Profile) -> str:
    """The one language of the profile's texts (BCP 47), or an empty text where it knows several."""
    languages = profile.languages
    return languages[0] if len(languages) == 1 and languages[0] != "mul" else ""


class PlanBook:
    """A reading with the lists that a review leafs through; they follow from it and never change."""

    def __init__(self, reading: Reading) -> None:
        """Keep the reading; nothing is listed before it is asked for."""
        self.reading = reading

    @cached_property
    def rows(self) -> tuple[UnitRow, ...]:
        """Every unit of the source in its order, then the ones that the source no longer has."""
        planned = {unit.address: unit.change.value for unit in self.reading.plan.units}
        found = [_row(unit, planned) for unit in self.reading.marked.units]
        return (*found, *(_retired_row(unit) for unit in self.reading.plan.retired))

    @cached_property
    def changes(self) -> tuple[UnitRow, ...]:
        """The rows of units that the plan changes, retires or creates."""
        return tuple(row for row in self.rows if row.change in _ORDER)

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of each address among the rows."""
        return {row.address: place for place, row in enumerate(self.rows)}

    @cached_property
    def change_places(self) -> dict[str, int]:
        """The place of each address among the changes."""
        return {row.address: place for place, row in enumerate(self.changes)}

    def find(self, name: str) -> str | None:
        """The address that this name stands for: the whole of it, or its last part, in any case."""
        if name in self.places:
            return name
        return self._by_name.get(name.strip().rpartition("/")[2].casefold())

    @cached_property
    def _by_name(self) -> dict[str, str]:
        """The first address of each last part."""
        return {row.name.casefold(): row.address for row in reversed(self.rows)}

    @cached_property
    def differences(self) -> tuple[PlannedUnit | InForceUnit, ...]:
        """What would be different: changed first, then retired, then new."""
        plan = self.reading.plan
        by_change: dict[Change, list[PlannedUnit | InForceUnit]] = {each: [] for each in _ORDER}
        by_change[Change.RETIRED] = list(plan.retired)
        for unit in plan.units:
            if unit.change is not Change.KEPT:
                by_change[unit.change].append(unit)
        return tuple(unit for change in _ORDER for unit in by_change[change])

    @cached_property
    def difference_places(self) -> dict[str, int]:
        """The place of each address among the differences."""
        return {unit.address: place for place, unit in enumerate(self.differences)}

    @cached_property
    def remarks(self) -> tuple[Remark, ...]:
        """The findings of the marker, those that fail a gate first."""
        order = {"error": 0, "warning": 1}
        found = sorted(
            self.reading.marked.findings, key=lambda f: (order.get(f.severity, 2), f.start)
        )
        return tuple(
            Remark(f.code, f.severity, f.start, f.sentence, self._address_at(f.start))
            for f in found
        )

    def lit(self, address: str | None) -> SourceView | None:
        """The source around the unit, its own bytes lit; None for one that the source has not."""
        unit = self._units.get(address or "")
        return None if unit is None else source_view(self.reading.source, unit.own_spans)

    @cached_property
    def _units(self) -> dict[str, Unit]:
        return {unit.address: unit for unit in self.reading.marked.units}

    @cached_property
    def _owners(self) -> tuple[tuple[int, str], ...]:
        """Where each stretch of the source begins, and whose it is; they tile the source."""
        units = self.reading.marked.units
        return tuple(sorted((start, u.address) for u in units for start, _ in u.own_spans))

    def _address_at(self, byte: int) -> str | None:
        place = bisect_right(self._owners, byte, key=lambda owner: owner[0]) - 1
        return self._owners[place][1] if place >= 0 else None


_kept: OrderedDict[str, PlanBook] = OrderedDict()
_keeping = Lock()


def plan_book(desk: Desk, context: RunContext) -> PlanBook:
    """The book of the run's plan, made once: the digest that names it covers every byte it is made of.

    Raises:
        StopRefusedInput: the run has no plan yet.
        StopEvidenceMismatch: the plan cannot be made again from the source.
    """
    from cutter_agent.bootstrap.evidence import planned_reading

    planned = context.get(CutPlanned)
    if planned is None:
        raise StopRefusedInput(
            f"the run is at {context.state} and has no plan yet",
            expected="a run that has planned its cut",
            run_id=context.run_id,
            remedy="cutter why {run}",
        )
    with _keeping:
        known = _kept.get(planned.plan_sha256)
        if known is not None:
            _kept.move_to_end(planned.plan_sha256)
            return known
    made = PlanBook(planned_reading(desk, context))
    with _keeping:
        _kept[planned.plan_sha256] = made
        while len(_kept) > READINGS_KEPT:
            _kept.popitem(last=False)
    return made


def _row(unit: Unit, planned: dict[str, str]) -> UnitRow:
    change = planned.get(unit.address) or (EXCLUDED if unit.is_content else ASIDE)
    return UnitRow(
        address=unit.address,
        kind=unit.kind,
        alias=unit.alias,
        num=unit.num,
        heading=unit.heading,
        depth=unit.level,
        change=change,
        reason=unit.reason,
    )


def _retired_row(unit: InForceUnit) -> UnitRow:
    told = dict(unit.attributes)
    return UnitRow(
        address=unit.address,
        kind=unit.kind,
        alias=told.get("alias", ""),
        num=told.get("num", ""),
        heading=told.get("heading", ""),
        depth=1,
        change=Change.RETIRED.value,
        reason="the source no longer has it",
    )


def _shown(
    desk: Desk, reading: Reading, listed: Part[PlannedUnit | InForceUnit]
) -> Part[DifferenceRow]:
    """The page of differences with the texts before, read from the database, and after, from the source."""
    from cutter_agent.postgres.cited import texts_of

    standing = {unit.address: unit for unit in reading.in_force}
    then = {
        unit.address: standing[unit.address] for unit in listed.rows if unit.address in standing
    }
    digests = sorted({unit.body_sha256 for unit in then.values()})
    texts = texts_of(desk.select(ROLE_READER), digests) if digests else {}
    rows: list[DifferenceRow] = []
    for unit in listed.rows:
        old = then.get(unit.address)
        before = "" if old is None else texts.get(old.body_sha256, "")
        change, after = Change.RETIRED, ""
        if isinstance(unit, PlannedUnit):
            change = unit.change
            after = reading.body(unit.own_spans).decode("utf-8", "replace")
        rows.append(
            DifferenceRow(
                address=unit.address,
                change=change.value,
                kind=unit.kind,
                heading=dict(unit.attributes).get("heading", ""),
                pieces=pieces(before, after),
            )
        )
    return Part(tuple(rows), listed.number, listed.count, listed.total, listed.first)
