"""What the administrator does: make the database, add sources, turn the switch, bring a policy in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cutter_agent.errors import StopRefusedInput, StopReplayConflict
from cutter_agent.postgres.connect import Login, connected, translated
from cutter_agent.postgres.statements import statement

RUNS_MAX: Final = 100_000
REASON_BYTES_MAX: Final = 2_000

_ADD_SOURCE: Final = """
SELECT iu.fn_source_add(%(document_id)s, %(title)s, %(source_version_id)s::text::uuid, %(body)b, %(media_type)s,
  %(effective_date)s::text::date, %(profile_name)s, %(profile_toml)b)
"""
_ARM: Final = "SELECT cutter_governance.fn_switch_arm(%(armed)s, %(reason)s, %(actor)s)"
_ACCEPT_POLICY: Final = """
SELECT cutter_governance.fn_policy_accept(%(version)s, %(body)b, %(persons)s::text[], %(key_ids)s::text[],
  %(armours)s::bytea[])
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceOffer:
    """A source version as it is to be stored; `effective_date` is an ISO date or None."""

    document_id: str
    title: str
    source_version_id: str
    body: bytes
    media_type: str
    effective_date: str | None
    profile_name: str
    profile_toml: bytes


@dataclass(frozen=True, slots=True)
class SourceAnswer:
    """What the database holds after an offer, and whether it is new."""

    created: bool
    version_no: int
    source_version_id: str


@dataclass(frozen=True, slots=True)
class StoredSource:
    """One source version that the database holds."""

    document_id: str
    title: str
    version_no: int
    source_version_id: str
    sha256: str
    byte_len: int
    media_type: str
    effective_date: str | None
    profile_name: str


@dataclass(frozen=True, slots=True)
class SwitchState:
    """How the execution switch stands, and who turned it last; nobody: it was never turned."""

    armed: bool
    reason: str
    actor: str
    set_at: datetime | None


@dataclass(frozen=True, slots=True)
class PolicySignature:
    """One person's signature under a trust policy."""

    person: str
    key_id: str
    armour: bytes


def ensure_database(login: Login, name: str) -> bool:
    """The server has a database of this name in UTF-8; true if it is new.

    Args:
        login: a superuser's way into the server's maintenance database.
        name: the database.
    """
    from psycopg import errors, sql

    with connected(login, application="cutter init") as connection, translated():
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone()
        if found is not None:
            return False
        try:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING 'UTF8'").format(
                    sql.Identifier(name)
                )
            )
        except (errors.DuplicateDatabase, errors.UniqueViolation):
            return False  # another process was quicker
    return True


def roles_there(login: Login, roles: Iterable[str]) -> frozenset[str]:
    """Those of the roles that the server has already."""
    with connected(login, application="cutter init") as connection, translated():
        rows = connection.execute(
            "SELECT rolname::text FROM pg_roles WHERE rolname = ANY (%s)", (list(roles),)
        ).fetchall()
    return frozenset(str(row[0]) for row in rows)


def add_source(login: Login, offer: SourceOffer) -> SourceAnswer:
    """The newest source version of the document has these bytes, this profile and this date.

    Args:
        login: cutter_admin's.
        offer: what is to be stored.

    Raises:
        StopReplayConflict: another source version lies under the id.
        StopGrantDelta: the login may not add sources.
    """
    answer = _call(
        login,
        _ADD_SOURCE,
        {
            "document_id": offer.document_id,
            "title": offer.title,
            "source_version_id": offer.source_version_id,
            "body": offer.body,
            "media_type": offer.media_type,
            "effective_date": offer.effective_date,
            "profile_name": offer.profile_name,
            "profile_toml": offer.profile_toml,
        },
    )
    return SourceAnswer(
        answer["status"] == "created", int(answer["version_no"]), str(answer["source_version_id"])
    )


def sources(login: Login) -> tuple[StoredSource, ...]:
    """Every source version, by document, newest first."""
    rows = _rows(login, "sources", {})
    return tuple(
        StoredSource(
            document_id=row[0],
            title=row[1],
            version_no=row[2],
            source_version_id=row[3],
            sha256=row[4],
            byte_len=row[5],
            media_type=row[6],
            effective_date=row[7],
            profile_name=row[8],
        )
        for row in rows
    )


def switch_state(login: Login) -> SwitchState:
    """How the execution switch stands now."""
    rows = _rows(login, "execution_switch", {})
    return SwitchState(*rows[0]) if rows else SwitchState(armed=False, reason="", actor="", set_at=None)


def turn_switch(login: Login, *, armed: bool, reason: str, actor: str) -> bool:
    """The switch stands as asked, with who and why; true if it stood otherwise before.

    Args:
        login: cutter_admin's.
        armed: how it is to stand.
        reason: why, for the record.
        actor: who, for the record.

    Raises:
        StopRefusedInput: no reason is given, or one that is too long or not printable.
    """
    said = reason.strip()
    if not (said.isprintable() and 0 < len(said.encode("utf-8", "replace")) <= REASON_BYTES_MAX):
        raise StopRefusedInput(
            "the switch is not turned without a reason that can be read",
            expected=f"one line of at most {REASON_BYTES_MAX} bytes for the record",
            remedy=f"cutter switch {'arm' if armed else 'disarm'} --reason TEXT",
        )
    answer = _call(login, _ARM, {"armed": armed, "reason": said, "actor": actor})
    return bool(answer["status"] == "created")


def newest_policy(login: Login) -> bytes | None:
    """The trust policy that the database accepted last, as canonical bytes, or None."""
    rows = _rows(login, "trust_policy", {})
    return bytes(rows[0][1]) if rows else None


def accept_policy(
    login: Login, version: int, body: bytes, signatures: Sequence[PolicySignature]
) -> bool:
    """The database's newest trust policy is this one; true if it is new.

    The caller has checked the signatures: the database keeps them for every later reader.

    Raises:
        StopReplayConflict: another version is the newest.
    """
    answer = _call(
        login,
        _ACCEPT_POLICY,
        {
            "version": version,
            "body": body,
            "persons": [each.person for each in signatures],
            "key_ids": [each.key_id for each in signatures],
            "armours": [each.armour for each in signatures],
        },
    )
    return bool(answer["status"] == "created")


def live_run_ids(login: Login) -> tuple[str, ...]:
    """The ids of all live runs, newest first."""
    return tuple(str(row[0]) for row in _rows(login, "runs", {"limit": RUNS_MAX}))


def database_clock(login: Login) -> datetime:
    """The database's time now."""
    with connected(login, application="cutter clock") as connection, translated():
        row = connection.execute("SELECT clock_timestamp()").fetchone()
    if row is None or not isinstance(row[0], datetime):
        raise StopReplayConflict("the database told no time")
    return row[0]


def _call(login: Login, sql: str, parameters: dict[str, object]) -> dict[str, Any]:
    """Return what one of our functions answers.

    Raises:
        StopReplayConflict: the database holds something else under the key.
    """
    with connected(login, application="cutter admin") as connection, translated():
        row = connection.execute(sql.encode(), parameters).fetchone()
    answer: dict[str, Any] = {} if row is None else row[0]
    if answer.get("status", "missing") not in {"created", "exists_complete"}:
        raise StopReplayConflict(
            str(answer.get("sentence", "the database holds something else under this key")),
            expected="nothing there, or exactly this",
        )
    return answer


def _rows(login: Login, name: str, parameters: dict[str, object]) -> list[tuple[Any, ...]]:
    with connected(login, application="cutter read") as connection, translated():
        return connection.execute(statement(name), parameters).fetchall()
