"""Doctor: which walls of this database stand, and which do not, in sentences.

A managed server gives nobody a superuser: there, built-in functions cannot be closed and event
triggers cannot be made. That is no failure, but evidence carries the level that was reached.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from cutter_agent.postgres.connect import Connection, Login, connected, snapshot
from cutter_agent.postgres.migrate import sql_files
from cutter_agent.postgres.statements import statement

WALLS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "server_is_new_enough": "The server is PostgreSQL 15 or newer.",
        "encoding_is_utf8": "The database is in UTF-8.",
        "roles_exist": "Every login of ours exists.",
        "roles_are_ordinary": "No role of ours has rights over the cluster, and the owner cannot log in.",
        "logins_belong_to_nobody": "No login of ours is a member of another role.",
        "owner_owns_everything": "Everything in our schemas belongs to cutter_owner.",
        "nobody_changes_tables": "No role but the owner may change a table of ours.",
        "public_executes_nothing": "No function of ours can be executed by everybody.",
        "new_functions_start_closed": "A new function of the owner starts closed to everybody.",
        "definer_functions_pin_their_search_path": "No caller can slip names into a definer function.",
        "database_is_closed_to_public": "Only named roles may connect to the database.",
        "rows_stay_as_written": "Triggers that hold in every session refuse changes of written rows.",
        "foreign_keys_are_checked": "No foreign key is switched off.",
        "shape_is_frozen": "Event triggers refuse changes of our schemas outside a migration.",
        "builtins_write_nothing": "Built-in functions that write without a grant are closed to everybody.",
        "migrations_are_ours": "The schema files that ran here are those of this version.",
        "schema_is_ours": "Tables, constraints, triggers and functions are those of this version.",
    }
)
"""Every wall, and what is true where it stands."""

SUPERUSER_WALLS: Final = frozenset({"shape_is_frozen", "builtins_write_nothing"})
"""Walls that only a superuser can build: on a managed server they are reported as missing."""

FINGERPRINT: Final = "schema_fingerprint.txt"


@dataclass(frozen=True, slots=True)
class Wall:
    """One wall: does it stand, what does that mean, and what was found where it does not."""

    name: str
    stands: bool
    sentence: str
    found: str

    @property
    def required(self) -> bool:
        """True for a wall that every server can have."""
        return self.name not in SUPERUSER_WALLS


def examine(login: Login) -> tuple[Wall, ...]:
    """Return every wall, standing or not, as this login sees it.

    Raises:
        StopDatabaseAway: the database does not answer.
        StopGrantDelta: the login may not look, or there is no schema of ours here.
    """
    with connected(login, application="cutter doctor") as connection, snapshot(connection):
        faults = dict(connection.execute(statement("walls"), {}).fetchall())
        faults |= _migration_faults(connection)
        faults |= _schema_faults(schema_lines(connection))
    return tuple(
        Wall(name, name not in faults, sentence, faults.get(name, ""))
        for name, sentence in WALLS.items()
    )


def schema_lines(connection: Connection) -> tuple[str, ...]:
    """Return the shape of our schemas as the database has it, one line a property."""
    rows = connection.execute(statement("schema_lines"), {}).fetchall()
    return tuple(str(line) for (line,) in rows)


def expected_schema_lines() -> tuple[str, ...]:
    """Return the shape of our schemas as this version makes it."""
    text = files("cutter_agent.postgres").joinpath(FINGERPRINT).read_text(encoding="utf-8")
    return tuple(text.splitlines())


def level(walls: Sequence[Wall]) -> str:
    """Return the level of protection in one line: `all walls`, or which are missing."""
    missing = [wall.name for wall in walls if not wall.stands]
    return f"without {', '.join(missing)}" if missing else "all walls"


def _migration_faults(connection: Connection) -> dict[str, str]:
    ran = {
        name: bytes(sha256)
        for name, sha256 in connection.execute(statement("migrations"), {}).fetchall()
    }
    ours = {name: hashlib.sha256(text).digest() for name, text in sql_files("migrations").items()}
    odd = sorted(name for name in ran.keys() | ours.keys() if ran.get(name) != ours.get(name))
    return {"migrations_are_ours": ", ".join(odd)} if odd else {}


def _schema_faults(found: Sequence[str]) -> dict[str, str]:
    expected = set(expected_schema_lines())
    extra = [f"+ {line}" for line in found if line not in expected]
    gone = [f"- {line}" for line in sorted(expected - set(found))]
    return {"schema_is_ours": "\n".join([*extra, *gone])} if extra or gone else {}
