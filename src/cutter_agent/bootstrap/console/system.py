"""System: the locks on live work, what the deployment stands on, and which program this is."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING

from cutter_agent.bootstrap.checkup import checkup

if TYPE_CHECKING:
    from cutter_agent.bootstrap.checkup import Row
    from cutter_agent.bootstrap.console.desks import Desks


@dataclass(frozen=True, slots=True)
class SystemView:
    """The deployment as its page shows it.

    Attributes:
        armed: whether the database's execution switch is armed.
        execution_enabled: whether the settings enable live execution.
        rows: the checks of `cutter doctor`, the broken ones first.
    """

    version: str
    home: str
    demo: bool
    database: str
    server_version: str
    armed: bool
    switch_reason: str
    switch_actor: str
    switch_utc: str
    execution_enabled: bool
    operator: str
    authors: tuple[str, ...]
    candidate_cap: int
    rows: tuple[Row, ...]
    sound: bool

    @property
    def live(self) -> bool:
        """True if both standing locks of live work are open."""
        return self.armed and self.execution_enabled


def system(desks: Desks) -> SystemView:
    """The deployment was looked at as `cutter doctor` does; nothing was changed."""
    found = checkup(desks.environ)
    order = {"broken": 0, "weaker": 1, "ok": 2}
    rows = tuple(sorted(found.rows, key=lambda row: order[row.level.value]))
    with desks.one() as desk:
        switch, identity = desk.switch(), desk.facts().database_identity()
        return SystemView(
            version=metadata.version("iu-cutter"),
            home=str(found.home.root),
            demo=found.settings.demo,
            database=identity.text,
            server_version=str(identity.server_version),
            armed=switch.armed,
            switch_reason=switch.reason,
            switch_actor=switch.actor,
            switch_utc=switch.set_utc,
            execution_enabled=desk.execution_setting(),
            operator=found.settings.operator,
            authors=found.settings.authors,
            candidate_cap=found.settings.candidate_cap,
            rows=rows,
            sound=found.sound,
        )
